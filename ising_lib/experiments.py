"""The whole walk, from truth or recording to inferred models: frozen configs in, stored runs out.

    run = experiments.run(experiments.Augmentation(n_spins=20, n_observed=1000))
    run["variance"], run.model("augmented"), run.provenance["seconds"]

A run that is stored is read; any other is computed on the spot, with a progress bar, and cached.
"""

import concurrent.futures
import contextlib
import contextvars
import dataclasses
import datetime
import functools
import multiprocessing
import os
import time
import zlib
from dataclasses import dataclass

import numpy as np
import threadpoolctl
import torch
from tqdm import tqdm

from ising_lib import (
    _checks,
    datasets,
    ddpm,
    denoisers,
    erasure,
    ising,
    metrics,
    provenance,
    sampling,
    stopping,
    store,
)

FIRST_CHECKPOINT = 250  # updates; before that the samples are noise
ANALOG_EDGES = np.linspace(-1.5, 1.5, 61)  # of the histogram of outputs before the threshold
TRAJECTORY_STEPS = 50
KEPT_SPINS = 10_000  # augmented samples that a run keeps


def _plain(config, check, *names):
    """Check fields and make them plain int or float: 1, 1.0 and numpy's numbers then name the same run."""
    for name in names:
        object.__setattr__(config, name, check(name, getattr(config, name)))


@dataclass(frozen=True)
class Training:
    """How the diffusion model is trained, watched and sampled; what the thesis leaves open is chosen here.

    Args:
        n_iterations: updates, the longest training.
        n_checkpoints: how often to look, evenly spaced on a logarithmic scale, the end included.
        n_monitor: samples drawn at each look, for Var E and for the error curve.
        n_augmented: samples drawn at the stopping point, for the final inference.
        stop: end the training at the stopping point instead of going on to n_iterations.
        n_noise_levels: T of the linear schedule.
        n_sampling_steps: of these T, steps taken when sampling.
        batch_size, learning_rate, average, precision, device: as in ``ddpm.train``.
    """

    n_iterations: int = 16_000
    n_checkpoints: int = 13
    n_monitor: int = 10_000
    n_augmented: int = 100_000
    stop: bool = False
    n_noise_levels: int = 1000
    n_sampling_steps: int = 30
    batch_size: int = 256
    learning_rate: float = 5e-4
    average: float = 0.999
    precision: str = "auto"
    device: str = "cpu"

    def __post_init__(self):
        names = (
            "n_iterations",
            "n_checkpoints",
            "n_monitor",
            "n_augmented",
            "n_noise_levels",
            "n_sampling_steps",
        )
        _plain(self, _checks.count, *names, "batch_size")
        _plain(self, _checks.real, "learning_rate", "average")

    def schedule(self):
        """The noise levels that the diffusion model is trained and sampled with."""
        return ddpm.NoiseSchedule.linear(self.n_noise_levels)

    def checkpoints(self):
        """The iterations at which to look, rising."""
        first = min(FIRST_CHECKPOINT, max(1, self.n_iterations // 8))
        grid = np.geomspace(self.n_iterations, first, self.n_checkpoints)
        return np.unique(grid.round().astype(int))


@dataclass(frozen=True)
class Augmentation:
    """Known truth: how well does the Erasure Machine do on augmented against observed samples?

    Thesis Fig. 5, 7, 8, 9, 10.

    Args:
        n_spins: M.
        n_observed: N, and as many test samples for the stopping rule.
        coupling_scale, field_scale: g of the couplings and of the fields.
        seed: of everything; another seed is another truth, other samples, another training.
        training: the diffusion model.
    """

    experiment = "augmentation"
    version = 2

    n_spins: int = 40
    n_observed: int = 4000
    coupling_scale: float = 1.0
    field_scale: float = 1.0
    seed: int = 0
    training: Training = Training()

    def __post_init__(self):
        _plain(self, functools.partial(_checks.count, minimum=2), "n_spins", "n_observed")
        _plain(self, functools.partial(_checks.count, minimum=0), "seed")
        _plain(self, functools.partial(_checks.real, low=0.0), "coupling_scale", "field_scale")

    def compute(self, progress):
        """The arrays of this run."""
        observed, test = self.samples()
        return {
            "truth": self.truth().to_vector(),
            **watch(observed, test, self.training, self.seed, progress),
        }

    def truth(self):
        """The true model, drawn anew: the same at every call."""
        rng = stream(self.seed, "truth")
        return ising.gaussian(self.n_spins, self.coupling_scale, self.field_scale, rng=rng)

    def samples(self):
        """Observed and test samples, drawn anew from the truth: the same at every call."""
        truth = self.truth()
        return [
            sampling.sample(truth, self.n_observed, rng=stream(self.seed, name))
            for name in ("observed", "test")
        ]


@dataclass(frozen=True)
class Retina:
    """The recording: as ``Augmentation``, with training and test samples instead of a truth.

    Thesis Fig. 12, 13, 14.  The run holds models and numbers only, never samples of the recording.

    Args:
        n_spins: the most active neurons.
        n_observed, n_test: training and test samples.
        seed: of the split and of the training.
        training: the diffusion model.
    """

    experiment = "retina"
    version = 2

    n_spins: int = 40
    n_observed: int = 8000
    n_test: int = 1000
    seed: int = 0
    training: Training = Training()

    def __post_init__(self):
        _plain(self, functools.partial(_checks.count, minimum=2), "n_spins", "n_observed", "n_test")
        _plain(self, functools.partial(_checks.count, minimum=0), "seed")

    def samples(self):
        """Observed and test samples, drawn anew from the recording: the same at every call."""
        spins, _ = datasets.most_active_spins(datasets.load_retina(), self.n_spins)
        return datasets.split(spins, self.n_observed, self.n_test, rng=stream(self.seed, "split"))

    def compute(self, progress):
        """The arrays of this run, and two fits without fields, ``…_couplings`` (L,)  (thesis Fig. 14b)."""
        observed, test = self.samples()
        arrays = watch(observed, test, self.training, self.seed, progress, couplings_only=True)
        del arrays["augmented_spins"]  # an overfitted network's are those of the recording
        return arrays


def watch(observed, test, training, seed, progress, *, couplings_only=False):
    """Train on the observed samples; look at each checkpoint; augment at the stopping point.

    Args:
        observed, test: (N, M) and (N', M) of ±1.
        training: Training.
        seed: of the named streams.
        progress: a tqdm bar to advance by one per update.
        couplings_only: fit observed and augmented samples without fields, too.

    Returns:
        dict: ``observed`` (L,) parameters fitted to the observed samples, ``observed_epsilon``;
        ``observed_line`` and ``test_line`` (Var E under them); ``test_distances`` (M + 1,).

        For each of K checkpoints: ``iterations``; ``loss`` (mean since the last look), ``observed_loss``
        and ``test_loss`` (of the averaged network); and from n_monitor samples ``variance`` (Var E),
        ``monitored`` (K, L) parameters fitted to them, ``monitored_epsilon``, ``analog`` (K, 60) shares of
        their values before the threshold between ``ANALOG_EDGES``, ``distances`` (K, M + 1) shares at each
        distance to the nearest observed sample, ``distinct`` (share of different ones).

        ``stop_index``, ``stop_iteration``, ``stop_crossed``; and, from n_augmented samples drawn at
        checkpoint stop_index, ``augmented`` (L,) and ``augmented_epsilon``; the same from the first
        ``sizes`` (K',) of them alone, ``by_size`` (K', L), and together with the observed samples,
        ``by_size_with_observed`` (K', L); the first of them, ``augmented_spins``; and the way of a few from
        pure noise, ``trajectory`` (K'', 16, M) at the steps ``trajectory_steps``.
    """
    fit = erasure.fit(observed)
    lines = [stopping.energy_variance(spins, fit.model) for spins in (test, observed)]
    schedule = training.schedule()
    device = {"precision": training.precision, "device": training.device}
    draw = {"schedule": schedule, "n_steps": training.n_sampling_steps, **device}
    denoiser = denoisers.ResidualMLP(
        observed.shape[1], training.n_noise_levels, rng=stream(seed, "initial weights")
    )
    steps = ddpm.train(
        denoiser,
        schedule,
        observed,
        n_iterations=training.n_iterations,
        rng=stream(seed, "training"),
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        average=training.average,
        **device,
    )
    checkpoints = training.checkpoints()
    looks, losses, augmented = [], [], None
    for step in steps:
        progress.update()
        losses.append(step.loss)
        if step.iteration not in checkpoints:
            continue
        look = _look(step, observed, test, fit.model, training.n_monitor, draw, seed)
        looks.append({"iterations": step.iteration, "loss": np.mean(losses), **look})
        losses = []
        point = stopping.crossing(
            [look["iterations"] for look in looks], [look["variance"] for look in looks], *lines
        )
        last = step.iteration == training.n_iterations
        if augmented is None and (point.crossed or last):
            augmented = _augment(step.denoiser, observed, training.n_augmented, draw, seed, couplings_only)
        if point.crossed and training.stop:
            break
    return {
        **_parameters("observed", observed, fit, couplings_only),
        "test_line": lines[0],
        "observed_line": lines[1],
        "test_distances": _distances(test, observed),
        **{name: np.array([look[name] for look in looks]) for name in looks[0]},
        "stop_index": point.index,
        "stop_iteration": point.iteration,
        "stop_crossed": point.crossed,
        **augmented,
    }


def _look(step, observed, test, model, n_samples, draw, seed):
    """Look at a checkpoint with streams of their own, so that looking never changes the training."""
    x = ddpm.sample(
        step.denoiser, n_samples=n_samples, rng=stream(seed, f"look {step.iteration}"), **draw
    )  # (N, M)
    spins = ddpm.to_spins(x)
    fit = erasure.fit(spins)
    loss = {name: draw[name] for name in ("schedule", "precision", "device")}
    observed_loss, test_loss = (
        ddpm.denoising_loss(step.denoiser, spins=some, rng=stream(seed, "loss"), **loss)
        for some in (observed, test)
    )
    outer = np.clip(x, ANALOG_EDGES[0], ANALOG_EDGES[-1])
    return {
        "observed_loss": observed_loss,
        "test_loss": test_loss,
        "variance": stopping.energy_variance(spins, model),
        "monitored": fit.model.to_vector(),
        "monitored_epsilon": fit.epsilon,
        "analog": np.histogram(outer, ANALOG_EDGES)[0] / x.size,
        "distances": _distances(spins, observed),
        "distinct": len(np.unique(spins, axis=0)) / len(spins),
    }


def _distances(spins, observed):
    """Share of the samples at distance 0 … M to the nearest observed one, (M + 1,)."""
    counts = np.bincount(metrics.nearest_distance(spins, observed), minlength=observed.shape[1] + 1)
    return counts / len(spins)


def _augment(denoiser, observed, n_samples, draw, seed, couplings_only):
    """Draw the augmented samples; fit all of them, and rising numbers without and with the observed ones."""
    spins = ddpm.to_spins(ddpm.sample(denoiser, n_samples=n_samples, rng=stream(seed, "augmented"), **draw))
    shares = np.array([1 / 300, 1 / 100, 1 / 30, 1 / 10, 1 / 3, 1])
    sizes = np.unique(np.maximum(n_samples * shares, min(10, n_samples)).round().astype(int))
    alone = [erasure.fit(spins[:size]) for size in sizes]
    joined = [erasure.fit(np.concatenate([observed, spins[:size]])) for size in sizes]
    draw = {**draw, "n_steps": min(TRAJECTORY_STEPS, draw["schedule"].n_steps)}
    steps, states = ddpm.trajectory(denoiser, n_samples=16, rng=stream(seed, "trajectory"), **draw)
    return {
        **_parameters("augmented", spins, alone[-1], couplings_only),
        "sizes": sizes,
        "by_size": np.array([fit.model.to_vector() for fit in alone]),
        "by_size_with_observed": np.array([fit.model.to_vector() for fit in joined]),
        "augmented_spins": spins[:KEPT_SPINS],
        "trajectory_steps": steps,
        "trajectory": states.astype(np.float16),
    }


def _parameters(name, spins, fit, couplings_only):
    """The fitted parameters of some samples, and without fields where that is asked for."""
    arrays = {name: fit.model.to_vector(), f"{name}_epsilon": fit.epsilon}
    if couplings_only:
        couplings = erasure.fit(spins, fields=False)
        arrays |= {f"{name}_couplings": couplings.model.to_vector()}
        arrays |= {f"{name}_couplings_epsilon": couplings.epsilon}
    return arrays


def stream(seed, name):
    """The random stream ``name`` of a seed: independent of all other names, whatever order they come in."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def configs(kind, parameters):
    """One config for each of the seeds, from the parameters of a notebook.

    Args:
        kind: Augmentation or Retina.
        parameters: {name: value}, e.g. ``globals()`` of the notebook: ``seeds``, and any fields of the kind
            and of its Training by their names; whatever else it holds is ignored.

    Returns:
        list: of configs, in the order of the seeds.
    """
    own, training = (
        {field.name: parameters[field.name] for field in dataclasses.fields(cls) if field.name in parameters}
        for cls in (kind, Training)
    )
    return with_seeds(kind(**{**own, "training": Training(**training)}), parameters["seeds"])


def with_seeds(config, seeds):
    """The same config once for each seed."""
    return [dataclasses.replace(config, seed=seed) for seed in seeds]


def describe(config):
    """A config as plain data: what is hashed into the run's name and shown under a figure."""
    return {"experiment": config.experiment, "version": config.version, **dataclasses.asdict(config)}


def from_plain(plain):
    """The config that ``describe`` made plain.

    Raises:
        ValueError: an unknown experiment, another version of it, or fields that it does not have.
    """
    kinds = {kind.experiment: kind for kind in (Augmentation, Retina)}
    values = dict(plain)
    kind = kinds[_checks.choice("experiment", values.pop("experiment", None), tuple(kinds))]
    version = values.pop("version", None)
    if version != kind.version:
        raise ValueError(f"version of {kind.experiment!r} must be {kind.version}, got {version!r}")
    for known, given in ((kind, values), (Training, values.get("training", {}))):
        unknown = set(given) - {field.name for field in dataclasses.fields(known)}
        if unknown:
            raise ValueError(f"{known.__name__} has no field {sorted(unknown)[0]!r}")
    return kind(**{**values, "training": Training(**values.get("training", {}))})


class Planned(Exception):
    """Raised by ``run_all`` inside ``planning``: ``configs`` is what it was asked for."""

    def __init__(self, configs):
        super().__init__(f"{len(configs)} runs")
        self.configs = configs


@contextlib.contextmanager
def planning():
    """Inside, ``run_all`` computes nothing and raises Planned."""
    token = _planning.set(True)
    try:
        yield
    finally:
        _planning.reset(token)


_planning = contextvars.ContextVar("planning", default=False)


def run(config, *, position=0):
    """The run of a config: stored, or computed now on one thread and cached.

    Args:
        config: Augmentation or Retina.
        position: line of the progress bar, when several runs are computed at once.

    Returns:
        store.Run
    """
    plain = describe(config)
    found = store.find(plain)
    if found is None:
        with store.lock(plain):  # somebody else may have finished it while we waited
            found = store.find(plain) or _compute(config, plain, position)
    if os.environ.get("ISING_LIB_PUBLISH"):
        store.publish(plain)
    return found


def _compute(config, plain, position):
    started, clock, code = datetime.datetime.now(datetime.UTC), time.perf_counter(), provenance.commit()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same sums in the same order, however many cores there are
    bar = tqdm(
        total=config.training.n_iterations,
        desc=f"{config.experiment}, seed {config.seed}, {ddpm.resolve_precision(config.training.precision)}",
        unit="it",
        position=position,
        mininterval=1.0,
        leave=False,
    )
    try:
        with threadpoolctl.threadpool_limits(1), bar:
            arrays = config.compute(bar)
    finally:
        torch.set_num_threads(threads)
    precision = ddpm.resolve_precision(config.training.precision, config.training.device)
    seconds = time.perf_counter() - clock
    return store.write(plain, arrays, provenance.record(code, precision, started, seconds))


def run_all(configs, *, jobs=None):
    """The runs of several configs; those not stored are computed side by side, one core each.

    Args:
        configs: Augmentation or Retina configs.
        jobs: runs at once; by default as many as there are cores.

    Returns:
        list of store.Run: in the order of ``configs``.
    """
    configs = list(configs)
    if _planning.get():
        raise Planned(configs)
    missing = [config for config in configs if store.find(describe(config)) is None]
    jobs = min(len(missing), jobs or os.cpu_count() or 1)
    if jobs > 1:
        spawn = multiprocessing.get_context("spawn")  # a forked torch can hang
        with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
            waiting = [pool.submit(run, config, position=n % jobs) for n, config in enumerate(missing)]
            for future in concurrent.futures.as_completed(waiting):
                future.result()
    return [run(config) for config in configs]
