"""What a run is about: frozen descriptions in plain data, and the named random streams of a seed.

A world says which truth or recording, which sizes, which training.  It computes nothing: ``walk`` and
``extensions`` do, and ``runs`` knows which function belongs to which world.
"""

import dataclasses
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ising_lib import _checks, imputation

N_NOISE_LEVELS = 1000  # of diffusion models that are not described by a ``Training``

_count, _real = _checks.count, _checks.real
_share = partial(_real, low=0.0, high=1.0, open_interval=True)


def _all(check):
    return lambda name, values: tuple(check(name, value) for value in values)


_SIZES = ("n_spins", "n_observed", "n_test", "n_repeats", "n_draws")
_FIELDS = {  # {check: fields that it guards, in whatever world they are}
    partial(_count, minimum=2): (*_SIZES, "n_iterations", "n_augmented"),
    partial(_count, minimum=0): ("seed",),
    _count: ("first_checkpoint", "n_cycles"),
    partial(_count, maximum=N_NOISE_LEVELS): ("n_sampling_steps",),
    partial(_real, low=0.0): ("coupling_scale", "field_scale", "ridge"),
    _share: ("held_out", "epsilon"),
    _all(_share): ("epsilons",),
    _all(_count): ("cycles", "missing_counts"),
    partial(_checks.choice, allowed=("equilibrium", "pool")): ("drawn",),
    partial(_checks.choice, allowed=("MeanField", "LogitMLP")): ("denoiser",),
    partial(_checks.choice, allowed=("bins", "repeats", "frames")): ("split_by",),
    partial(_checks.choice, allowed=("annealer", "neurons")): ("recording",),
}
_COUNTS_OF_TRAINING = ("n_iterations", "n_checkpoints", "n_monitor", "n_augmented", "n_noise_levels")
_TRAINING = {
    _count: (*_COUNTS_OF_TRAINING, "n_sampling_steps", "batch_size"),
    _real: ("learning_rate", "average"),
}


def _plain(world, fields):
    """Check fields and make them plain int or float: 1, 1.0 and numpy's numbers then name the same run."""
    own = {field.name for field in dataclasses.fields(world)}
    for check, names in fields.items():
        for name in filter(own.__contains__, names):
            object.__setattr__(world, name, check(name, getattr(world, name)))


class World:
    """What all descriptions have in common: their fields are checked, and plain."""

    def __post_init__(self):
        _plain(self, _FIELDS)
        most = min(self.n_spins, imputation.MAX_ENUMERATED)  # missing neurons are summed over exactly
        for count in getattr(self, "missing_counts", ()):
            _count("missing_counts", count, maximum=most)


@dataclass(frozen=True)
class Training:
    """How the diffusion model is trained, watched and sampled; what the thesis leaves open is chosen here.

    ``batch_size``, ``learning_rate``, ``average``, ``precision`` and ``device`` are as in ``ddpm.train``.
    """

    n_iterations: int = 16_000  #: updates, the longest training
    n_checkpoints: int = 13  #: evenly spaced on a logarithmic scale, the end included
    n_monitor: int = 10_000  #: samples drawn at each checkpoint, for Var E and for the error curve
    n_augmented: int = 100_000  #: samples drawn at the stopping point, for the final inference
    stop: bool = False  #: end the training at the stopping point instead of going on to n_iterations
    n_noise_levels: int = 1000  #: T of the linear schedule
    n_sampling_steps: int = 30  #: of these T, steps taken when sampling
    batch_size: int = 256
    learning_rate: float = 5e-4
    average: float = 0.999
    precision: str = "auto"
    device: str = "cpu"

    def __post_init__(self):
        _plain(self, _TRAINING)


@dataclass(frozen=True)
class KnownTruth(World):
    """A model drawn at random, and samples of it: equal for all worlds with the same numbers."""

    n_spins: int = 40  #: M
    n_observed: int = 4000  #: N, and as many test samples
    coupling_scale: float = 1.0  #: g of the couplings
    field_scale: float = 1.0  #: g of the fields
    seed: int = 0  #: of everything; another seed is another truth, other samples, another training


@dataclass(frozen=True)
class Augmentation(KnownTruth):
    """Known truth: how well does the Erasure Machine do on augmented against observed samples?

    Thesis Fig. 5, 7, 8, 9, 10.  The test samples are for the stopping rule.
    """

    experiment = "augmentation"
    version = 2

    training: Training = Training()


@dataclass(frozen=True)
class HeldOut(Augmentation):
    """As ``Augmentation``, where nobody has test samples: some of the N observed ones take their place."""

    experiment = "held_out"
    version = 1

    held_out: float = 0.2  #: the share of them that the diffusion model does not see

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.n_trained <= self.n_observed - 2:
            raise ValueError(
                f"held_out must leave two samples or more on both sides of the split, got {self.held_out} "
                f"of n_observed = {self.n_observed}"
            )

    @property
    def n_trained(self):
        """How many of the observed samples the diffusion model sees."""
        return round(self.n_observed * (1 - self.held_out))


@dataclass(frozen=True)
class Firmness(Augmentation):
    """As ``Augmentation`` under other choices of what the thesis leaves open, judged by two draws.

    Each checkpoint draws twice: whoever chooses a checkpoint by one draw scores it by the other.  The
    checkpoints are the last, half of its updates, and so on; n_checkpoints counts for nothing.
    """

    experiment = "firmness"
    version = 1

    drawn: str = "equilibrium"  #: or "pool", as in ``Rivals``
    epsilons: tuple = (0.7, 0.9)  #: to fit at, besides the automatic one


@dataclass(frozen=True)
class Retina(World):
    """The recording: as ``Augmentation``, with training and test samples instead of a truth.

    Thesis Fig. 12, 13, 14.  The n_spins most active neurons; ``seed`` is of the split and of the training.
    """

    experiment = "retina"
    version = 2

    n_spins: int = 40
    n_observed: int = 8000
    n_test: int = 1000
    seed: int = 0
    training: Training = Training()


@dataclass(frozen=True)
class RetinaFirmness(Retina):
    """As ``Retina`` under other choices: checked from the beginning on, filled in from several draws."""

    experiment = "retina_firmness"
    version = 1

    split_by: str = "bins"  #: training and test samples share no "bins", "repeats" or "frames" of the film
    first_checkpoint: int = 25  #: updates before it
    n_draws: int = 5  #: of samples to fit to, at a fourth of the updates and at the end
    epsilon: float = 0.9  #: the fixed ε, beside the automatic one
    missing_counts: tuple = (2, 5, 8, 11, 14, 17, 20)


@dataclass(frozen=True)
class FairRetina(Retina):
    """Missing neurons of the recording filled in by the models of a ``Retina`` run and by their rivals.

    Extends thesis Fig. 14.
    """

    experiment = "fair_retina"
    version = 1

    missing_counts: tuple = (2, 5, 8, 11, 14, 17, 20)  #: at most 20: they are summed over exactly
    ridge: float = 0.01  #: of the pseudolikelihood

    def retina(self):
        """The world of the run whose models these are."""
        return Retina(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Retina)})


@dataclass(frozen=True)
class Rivals(KnownTruth):
    """The same samples given to every method: who comes nearest to the truth?

    ``drawn`` is "equilibrium", by Monte Carlo, or "pool": drawn with Boltzmann weights from 30 N uniform
    configurations, as in the published code of the Erasure Machine.
    """

    experiment = "rivals"
    version = 1

    drawn: str = "equilibrium"
    denoiser: str = "MeanField"  #: in ``denoisers``: makes the augmented samples, trained at its own rate
    n_iterations: int = 6000
    n_augmented: int = 100_000
    n_sampling_steps: int = 50


@dataclass(frozen=True)
class Corrected(KnownTruth):
    """The Erasure Machine with moments to first order and with those of TAP, on the same samples.

    ``epsilons`` are the values of ε to fit at, besides the automatic one.
    """

    experiment = "corrected"
    version = 1

    epsilons: tuple = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)


@dataclass(frozen=True)
class Kinetic(KnownTruth):
    """Spins that move: ``n_observed`` pairs (σ(t), σ(t+1)) of one trajectory, given to every method.

    The truth is a kinetic Ising model, with couplings in both directions.
    """

    experiment = "kinetic"
    version = 1

    n_iterations: int = 2000
    n_augmented: int = 20_000
    n_sampling_steps: int = 30


@dataclass(frozen=True)
class RetinaDenoised(World):
    """The samples of ``Retina``, and those of a mean-field denoiser: which are better to infer from?"""

    experiment = "retina_denoised"
    version = 1

    n_spins: int = 40
    n_observed: int = 8000
    n_test: int = 1000
    seed: int = 0
    n_iterations: int = 6000
    n_augmented: int = 100_000
    n_sampling_steps: int = 50
    missing_counts: tuple = (2, 8, 14, 20)


@dataclass(frozen=True)
class RetinaInTime(World):
    """The recording in time order: how well is the next bin predicted from the last?"""

    experiment = "retina_in_time"
    version = 1

    n_spins: int = 40
    n_repeats: int = 20  #: whole repeats to fit to, and as many others to score; ``seed`` draws both
    seed: int = 0


@dataclass(frozen=True)
class Discrete(KnownTruth):
    """Diffusion that redraws spins, on the same samples as the diffusion of analog bits."""

    experiment = "discrete"
    version = 1

    cycles: tuple = (1, 4)  #: numbers of cycles of the noise, each of a model of its own
    n_augmented: int = 100_000  #: samples drawn from each


@dataclass(frozen=True)
class Limits(KnownTruth):
    """The best direct fits and the best augmented pipelines, beside the bounds of both."""

    experiment = "limits"
    version = 1

    n_cycles: int = 4  #: of the discrete diffusion
    n_augmented: int = 30_000  #: samples drawn from it, and from the mean-field denoiser
    n_iterations: int = 6000  #: of the mean-field denoiser
    n_sampling_steps: int = 50


@dataclass(frozen=True)
class WholeRecording(World):
    """All samples of a recording, its first ``n_spins`` spins: a fit to them stands for the truth.

    Beyond the thesis.  ``recording`` is "annealer" or "neurons"; ``seed`` is of the Monte Carlo.
    """

    experiment = "whole_recording"
    version = 1

    recording: str = "annealer"
    n_spins: int = 62
    seed: int = 0

    def whole(self):
        """The world of the fit to all samples."""
        return WholeRecording(self.recording, self.n_spins)


@dataclass(frozen=True)
class Recorded(WholeRecording):
    """A few samples of a recording, given to every method: who comes nearest to the fit to all?

    Args:
        recording, n_spins: as of ``WholeRecording``.
        n_observed, n_test: samples drawn, by ``seed``, without replacement.
        n_iterations, n_augmented, n_sampling_steps: of the mean-field denoiser, ``N_NOISE_LEVELS``.
    """

    experiment = "recorded"
    version = 1

    n_observed: int = 4000
    n_test: int = 4000
    n_iterations: int = 3000
    n_augmented: int = 20_000
    n_sampling_steps: int = 30


@dataclass(frozen=True)
class RecordedAugmentation(WholeRecording):
    """The thesis's pipeline on the samples of a ``Recorded``."""

    experiment = "recorded_augmentation"
    version = 1

    n_observed: int = 4000
    n_test: int = 4000
    training: Training = Training()


_KNOWN = Augmentation, HeldOut, Firmness, Rivals, Corrected, Discrete, Limits, Kinetic
_RECORDED = Retina, FairRetina, RetinaFirmness, RetinaDenoised, RetinaInTime
_REAL = WholeRecording, Recorded, RecordedAugmentation
KINDS = *_KNOWN, *_RECORDED, *_REAL


def stream(seed, name):
    """The random stream ``name`` of a seed: independent of all other names, whatever order they come in."""
    return np.random.default_rng([_count("seed", seed, minimum=0), zlib.crc32(name.encode())])


def from_parameters(kind, parameters, **changes):
    """The list of one world for each of the seeds, from the parameters of a notebook.

    Args:
        kind: one of ``KINDS``.
        parameters: {name: value}, e.g. ``globals()`` of the notebook: ``seeds``, and any fields of the kind
            and of its Training by their names; whatever else it holds is ignored.
        changes: parameters that have other values here.
    """
    parameters = {**parameters, **changes}
    own, training = (
        {field.name: parameters[field.name] for field in dataclasses.fields(cls) if field.name in parameters}
        for cls in (kind, Training)
    )
    if _trains(kind):
        own["training"] = Training(**training)
    return with_seeds(kind(**own), parameters["seeds"])


def _trains(kind):
    return "training" in {field.name for field in dataclasses.fields(kind)}


def with_seeds(world, seeds):
    """The same world once for each seed."""
    if not isinstance(seeds, Iterable) or isinstance(seeds, str) or not list(seeds):
        raise ValueError(
            f"seeds must be a list of at least one whole number, got {seeds!r}; papermill takes lists by -y, "
            "e.g. -y 'seeds: [7, 8]'"
        )
    return [dataclasses.replace(world, seed=seed) for seed in seeds]


def describe(world):
    """A world as plain data: what is hashed into its run's name and shown under a figure."""
    if not isinstance(world, KINDS):
        raise TypeError(f"config must be one of the worlds, e.g. Augmentation(), got {world!r:.60}")
    return {"experiment": world.experiment, "version": world.version, **dataclasses.asdict(world)}


def from_plain(plain):
    """The world that ``describe`` made plain.

    Raises:
        ValueError: an unknown experiment, another version of it, or fields that it does not have.
    """
    kinds = {kind.experiment: kind for kind in KINDS}
    values = dict(plain)
    kind = kinds[_checks.choice("experiment", values.pop("experiment", None), tuple(kinds))]
    version = values.pop("version", None)
    if version != kind.version:
        raise ValueError(f"version of {kind.experiment!r} must be {kind.version}, got {version!r}")
    for known, given in ((kind, values), (Training, values.get("training", {}))):
        unknown = set(given) - {field.name for field in dataclasses.fields(known)}
        if unknown:
            raise ValueError(f"{known.__name__} has no field {sorted(unknown)[0]!r}")
    if _trains(kind):
        values["training"] = Training(**values.get("training", {}))
    return kind(**values)
