"""The whole walk, from truth or recording to inferred models: frozen configs in, stored runs out::

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
import itertools
import logging
import multiprocessing
import os
import time
import zlib
from collections.abc import Iterable
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
    estimators,
    imputation,
    ising,
    metrics,
    provenance,
    sampling,
    stopping,
    store,
)
from ising_lib.ising import IsingModel

log = logging.getLogger("ising_lib")

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


class _Trains:
    """What the progress bar and the provenance ask of a config that has a ``training``."""

    @property
    def n_updates(self):
        """Steps of the progress bar."""
        return self.training.n_iterations

    @property
    def computed_in(self):
        """The precision, as the provenance names it."""
        return ddpm.resolve_precision(self.training.precision, self.training.device)


@dataclass(frozen=True)
class KnownTruth:
    """A model drawn at random, and samples of it: equal for all kinds of runs with the same numbers.

    Args:
        n_spins: M.
        n_observed: N, and as many test samples.
        coupling_scale, field_scale: g of the couplings and of the fields.
        seed: of everything; another seed is another truth, other samples, another training.
    """

    n_spins: int = 40
    n_observed: int = 4000
    coupling_scale: float = 1.0
    field_scale: float = 1.0
    seed: int = 0

    def __post_init__(self):
        _plain(self, functools.partial(_checks.count, minimum=2), "n_spins", "n_observed")
        _plain(self, functools.partial(_checks.count, minimum=0), "seed")
        _plain(self, functools.partial(_checks.real, low=0.0), "coupling_scale", "field_scale")

    def truth(self):
        """The true model, drawn anew: the same at every call."""
        rng = stream(self.seed, "truth")
        return ising.gaussian(self.n_spins, self.coupling_scale, self.field_scale, rng=rng)

    def samples(self):
        """Observed and test samples, drawn anew from the truth: the same at every call."""
        return [self.draw("observed"), self.draw("test")]

    def draw(self, name):
        """One of them, "observed" or "test"."""
        return sampling.sample(self.truth(), self.n_observed, rng=stream(self.seed, name))


@dataclass(frozen=True)
class Augmentation(_Trains, KnownTruth):
    """Known truth: how well does the Erasure Machine do on augmented against observed samples?

    Thesis Fig. 5, 7, 8, 9, 10.

    Args:
        n_spins, n_observed, coupling_scale, field_scale, seed: as in ``KnownTruth``; the test samples are
            for the stopping rule.
        training: the diffusion model.
    """

    experiment = "augmentation"
    version = 2

    training: Training = Training()

    def compute(self, progress):
        """The arrays of this run."""
        observed, test = self.samples()
        return {
            "truth": self.truth().to_vector(),
            **watch(observed, test, self.training, self.seed, progress),
        }


@dataclass(frozen=True)
class HeldOut(Augmentation):
    """As ``Augmentation``, where nobody has test samples: some of the N observed ones take their place.

    (Beyond the thesis.)

    Args:
        held_out: share of the observed samples that are kept from the diffusion model and judge it.
        all others: as in ``Augmentation``.
    """

    experiment = "held_out"
    version = 1

    held_out: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        _plain(self, functools.partial(_checks.real, low=0.0, high=1.0, open_interval=True), "held_out")
        if not 2 <= self.n_trained <= self.n_observed - 2:
            raise ValueError(
                f"held_out must leave two samples or more on both sides of the split, got {self.held_out} "
                f"of n_observed = {self.n_observed}"
            )

    @property
    def n_trained(self):
        """How many of the observed samples the diffusion model sees."""
        return round(self.n_observed * (1 - self.held_out))

    def samples(self):
        """The observed samples in two parts, to train with and held out: the same at every call."""
        return np.split(self.draw("observed"), [self.n_trained])

    def compute(self, progress):
        """The arrays of this run.

        Returns:
            dict: as of ``Augmentation``, with "observed" for the part trained with and "test" for the part
            held out; and the parameters fitted to all N observed samples, ``whole`` (L,), and to these and
            the N test samples that nobody has, ``both`` (L,).
        """
        observed, test = (self.draw(name) for name in ("observed", "test"))
        return {
            **super().compute(progress),
            "whole": erasure.fit(observed).model.to_vector(),
            "both": erasure.fit(np.concatenate([observed, test])).model.to_vector(),
        }


@dataclass(frozen=True)
class Retina(_Trains):
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


@dataclass(frozen=True)
class FairRetina(Retina):
    """Missing neurons of the recording filled in by the models of a ``Retina`` run and by their rivals.

    Extends thesis Fig. 14.  The run holds counts and sums, never samples of the recording.

    Args:
        missing_counts: K numbers of missing neurons, at most 20: these are summed over exactly.
        ridge: penalty of the pseudolikelihood.
        all others: of the Retina run.
    """

    experiment = "fair_retina"
    version = 1

    missing_counts: tuple = (2, 5, 8, 11, 14, 17, 20)
    ridge: float = 0.01

    def __post_init__(self):
        super().__post_init__()
        check = functools.partial(_checks.count, maximum=min(self.n_spins, imputation.MAX_ENUMERATED))
        counts = tuple(check("missing_counts", n) for n in self.missing_counts)  # a list from a notebook
        object.__setattr__(self, "missing_counts", counts)
        _plain(self, functools.partial(_checks.real, low=0.0), "ridge")

    def retina(self):
        """The config of the run whose models these are."""
        names = [field.name for field in dataclasses.fields(Retina)]
        return Retina(**{name: getattr(self, name) for name in names})

    def compute(self, progress):
        """What ``fill_in`` gives for each number of missing neurons.

        Returns:
            dict: ``counts`` (K, B models, 2 rules, 4, N'), ``log_loss`` (K, B, N') and ``odds`` (K, B, 2, …)
            with the models in the order of ``FAIR_MODELS``; ``n_silent``, of the M neurons how many fire in
            less than half of the observed bins.
        """
        observed, test = self.samples()
        fitted = run(self.retina())
        models = {
            "independent": imputation.independent_model(observed),
            "observed": fitted.model("observed"),
            "augmented": fitted.model("augmented"),
            "pseudolikelihood": estimators.pseudolikelihood(observed, self.ridge).model,
        }
        progress.reset(len(self.missing_counts))
        scores = []
        for n in self.missing_counts:
            mask = imputation.random_mask(test.shape, n, rng=stream(self.seed, "missing"))
            scores.append([fill_in(models[name], test, mask) for name in FAIR_MODELS])
            progress.update()
        return {
            **{
                name: np.array([[one[name] for one in several] for several in scores])
                for name in ("counts", "log_loss", "odds")
            },
            "n_silent": (observed.mean(0) < 0).sum(),
        }


FAIR_MODELS = ("independent", "observed", "augmented", "pseudolikelihood")
RULES = ("argmax", "marginal")
ODDS_EDGES = np.linspace(-40, 40, 801)  # of the histogram of log-odds


def fill_in(model, spins, missing):
    """Hide spins and fill them in by both rules: what can be counted without keeping the samples.

    Args:
        model: IsingModel.
        spins: (N, M) of ±1.
        missing: (N, M) bool.

    Returns:
        dict: ``counts`` (2 rules, 4, N), the ``metrics.confusion`` of each rule; ``log_loss`` (N,) of the
        posterior; ``odds`` (2, …), its ``metrics.odds_histogram`` between ``ODDS_EDGES``.
    """
    missing = _checks.mask("missing", missing, np.shape(spins))
    hidden = np.where(missing, np.int8(0), spins)
    odds = imputation.log_odds(model, hidden)
    filled = imputation.impute(model, hidden), np.where(odds >= 0, 1, -1)  # argmax, marginal
    return {
        "counts": np.array([metrics.confusion(spins, some, missing) for some in filled], dtype=np.uint8),
        "log_loss": metrics.log_loss(spins, odds, missing).astype(np.float32),
        "odds": metrics.odds_histogram(spins, odds, missing, ODDS_EDGES),
    }


@dataclass(frozen=True)
class Rivals(KnownTruth):
    """The same samples given to every method: who comes nearest to the truth?  (beyond the thesis)

    Args:
        n_spins, n_observed, coupling_scale, field_scale, seed: as in ``KnownTruth``.
        drawn: "equilibrium", by Monte Carlo, or "pool": drawn with Boltzmann weights from 30 N uniform
            configurations, as in the published code of the Erasure Machine.
        denoiser: name in ``denoisers`` of the one that makes the augmented samples, trained at its own rate.
        n_iterations, n_augmented, n_sampling_steps: of that diffusion model.
    """

    experiment = "rivals"
    version = 1
    computed_in = "float32"

    drawn: str = "equilibrium"
    denoiser: str = "MeanField"
    n_iterations: int = 6000
    n_augmented: int = 100_000
    n_sampling_steps: int = 50

    def __post_init__(self):
        super().__post_init__()
        _plain(self, functools.partial(_checks.count, minimum=2), "n_iterations", "n_augmented")
        _plain(self, functools.partial(_checks.count, maximum=_N_NOISE_LEVELS), "n_sampling_steps")
        _checks.choice("drawn", self.drawn, ("equilibrium", "pool"))
        _checks.choice("denoiser", self.denoiser, ("MeanField", "LogitMLP"))

    @property
    def n_updates(self):
        """Steps of the progress bar."""
        return self.n_iterations

    def draw(self, name):
        """Observed or test samples, in equilibrium or from a pool of their own."""
        if self.drawn == "equilibrium":
            return super().draw(name)
        return sampling.resample_pool(self.truth(), self.n_observed, rng=stream(self.seed, f"pool {name}"))

    def compute(self, progress):
        """The arrays of this run.

        Returns:
            dict: ``truth`` (L,); for each name in ``METHODS`` the parameters found (L,), all NaN where the
            method refused the samples, and ``seconds`` (methods,) of one core; ``denoiser`` (L,), what is
            read off the network itself; ``bound``, the Cramér–Rao bound on the error of Eq. 23;
            ``train_seconds``, ``sample_seconds``, ``n_weights`` of the denoiser; its own loss on observed and
            test samples, ``observed_loss`` and ``test_loss``; ``variance`` of the augmented samples' energies
            under the observed fit with its ``test_line`` and ``observed_line``; ``n_distinct``, of the
            observed samples how many differ.
        """
        truth = self.truth()
        nothing = np.full_like(truth.to_vector(), np.nan)
        observed, test = self.samples()
        augmented, diffusion = self._augment(observed, test, progress)
        samples = {
            "observed": observed,
            "augmented": augmented,
            "both": np.concatenate([observed, test]),
            "true": sampling.sample(truth, self.n_augmented, rng=stream(self.seed, "oracle")),
        }
        found, seconds = {}, []
        for name, (method, of) in METHODS.items():
            clock = time.process_time()
            try:
                if of not in samples:  # drawn from the model that another method has found
                    model = IsingModel.from_vector(found[of], self.n_spins)
                    samples[of] = sampling.sample(model, self.n_augmented, rng=stream(self.seed, of))
                vector = method(samples[of]).model.to_vector()
            except (erasure.NotConverged, sampling.NotMixed, ValueError) as error:
                log.warning("%s refused the samples: %s", name, error)
                vector = nothing
            found[name] = vector
            seconds.append(time.process_time() - clock)
        variances = estimators.cramer_rao(truth, self.n_observed, rng=stream(self.seed, "bound"))
        fit = IsingModel.from_vector(found["erasure"], self.n_spins)
        variance = {
            name: stopping.energy_variance(spins, fit)
            for name, spins in (("variance", augmented), ("test_line", test), ("observed_line", observed))
        }
        return {
            "truth": truth.to_vector(),
            "denoiser": nothing,  # unless it has couplings to read, see diffusion
            **found,
            "seconds": np.array(seconds),
            "bound": variances.sum() / self.n_spins,
            **diffusion,
            **variance,
            "n_distinct": len(np.unique(observed, axis=0)),
        }

    def _augment(self, observed, test, progress):
        """Train the denoiser and sample from it: the augmented samples, and what it cost and learned."""
        schedule = ddpm.NoiseSchedule.linear(_N_NOISE_LEVELS)
        make = getattr(denoisers, self.denoiser)
        initial = make(self.n_spins, schedule.n_steps, rng=stream(self.seed, "weights"))
        clock = time.process_time()
        for step in ddpm.train(
            initial, schedule, observed, n_iterations=self.n_iterations, rng=stream(self.seed, "training")
        ):
            progress.update()
            denoiser = step.denoiser
        trained = time.process_time()
        x = ddpm.sample(
            denoiser,
            schedule,
            self.n_augmented,
            n_steps=self.n_sampling_steps,
            rng=stream(self.seed, "augmented"),
        )
        sampled = time.process_time()
        losses = {
            f"{name}_loss": ddpm.own_loss(denoiser, schedule, spins, rng=stream(self.seed, "loss"))
            for name, spins in (("observed", observed), ("test", test))
        }
        read = {"denoiser": denoiser.model().to_vector()} if self.denoiser == "MeanField" else {}
        return ddpm.to_spins(x), {
            **read,
            "train_seconds": trained - clock,
            "sample_seconds": sampled - trained,
            "n_weights": sum(p.numel() for p in denoiser.parameters()),
            **losses,
        }


_N_NOISE_LEVELS = 1000
_tap_erasure = functools.partial(erasure.fit, moments="tap")

# name: how, and from which samples; a method's name stands for samples drawn from what it found
METHODS = {
    "erasure": (erasure.fit, "observed"),
    "erasure_tap": (_tap_erasure, "observed"),
    "pseudolikelihood": (estimators.pseudolikelihood, "observed"),
    "pseudolikelihood_bare": (functools.partial(estimators.pseudolikelihood, ridge=0.0), "observed"),
    "log_rise": (estimators.log_rise, "observed"),
    "mean_field": (estimators.mean_field, "observed"),
    "tap": (estimators.tap, "observed"),
    "augmented": (erasure.fit, "augmented"),
    "augmented_tap": (_tap_erasure, "augmented"),
    "augmented_pseudolikelihood": (functools.partial(estimators.pseudolikelihood, ridge=0.0), "augmented"),
    "erasure_both": (erasure.fit, "both"),
    "erasure_pseudo": (erasure.fit, "pseudolikelihood"),
    "erasure_tap_pseudo": (_tap_erasure, "pseudolikelihood"),
    "erasure_true": (erasure.fit, "true"),
    "erasure_tap_true": (_tap_erasure, "true"),
}


@dataclass(frozen=True)
class Corrected(KnownTruth):
    """The Erasure Machine with moments to first order and with those of TAP, on the same samples.

    (Beyond the thesis.)

    Args:
        n_spins, n_observed, coupling_scale, field_scale, seed: as in ``KnownTruth``.
        epsilons: K values of ε to fit at, besides the automatic one.
    """

    experiment = "corrected"
    version = 1
    computed_in = "float64"

    epsilons: tuple = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)

    def __post_init__(self):
        super().__post_init__()
        check = functools.partial(_checks.real, low=0.0, high=1.0, open_interval=True)
        object.__setattr__(self, "epsilons", tuple(check("epsilons", value) for value in self.epsilons))

    @property
    def n_updates(self):
        """Steps of the progress bar: two kinds of moments at each ε and at the automatic one."""
        return 2 * (len(self.epsilons) + 1)

    def compute(self, progress):
        """The arrays of this run; NaN where a fit is refused.

        Returns:
            dict: ``truth`` (L,); for "linear" and "tap" the parameters at the automatic ε, e.g. ``tap`` (L,),
            with ``tap_epsilon``, and at each of the ``epsilons`` the error of Eq. 23, the mean energy and the
            pseudolikelihood of the observed samples, ``tap_curve`` (3, K); ``pseudolikelihood`` (L,) with a
            ridge of M/N; ``bound``, the Cramér–Rao bound on the error of Eq. 23.
        """
        truth, observed = self.truth(), self.draw("observed")
        arrays = {"truth": truth.to_vector()}
        for moments in ("linear", "tap"):
            fits = []
            for epsilon in ("auto", *self.epsilons):
                fits.append(_unless_refused(observed, epsilon, moments))
                progress.update()
            auto = fits.pop(0)
            arrays[moments] = auto.model.to_vector() if auto else np.full(truth.to_vector().shape, np.nan)
            arrays[f"{moments}_epsilon"] = auto.epsilon if auto else np.nan
            scores = [
                (
                    metrics.thesis_mse(fit.model, truth),
                    fit.mean_energy,
                    metrics.log_pseudolikelihood(fit.model, observed),
                )
                if fit
                else (np.nan,) * 3
                for fit in fits
            ]
            arrays[f"{moments}_curve"] = np.array(scores).reshape(-1, 3).T
        rival = estimators.pseudolikelihood(observed, self.n_spins / self.n_observed)
        variances = estimators.cramer_rao(
            truth, self.n_observed, rng=stream(self.seed, "bound"), n_draws=_N_BOUND_DRAWS
        )
        too_high = _N_BOUND_DRAWS / (_N_BOUND_DRAWS - variances.size)  # see cramer_rao
        return {
            **arrays,
            "pseudolikelihood": rival.model.to_vector(),
            "bound": variances.sum() / self.n_spins / too_high,
        }


_N_BOUND_DRAWS = 20_000


def _unless_refused(spins, epsilon, moments):
    """The fit, or None where there is none."""
    try:
        return erasure.fit(spins, epsilon, moments=moments)
    except erasure.NotConverged:
        return None


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
    return np.random.default_rng([_checks.count("seed", seed, minimum=0), zlib.crc32(name.encode())])


def configs(kind, parameters, **changes):
    """One config for each of the seeds, from the parameters of a notebook.

    Args:
        kind: one of ``KINDS``.
        parameters: {name: value}, e.g. ``globals()`` of the notebook: ``seeds``, and any fields of the kind
            and of its Training by their names; whatever else it holds is ignored.
        changes: parameters that have other values here.

    Returns:
        list: of configs, in the order of the seeds.
    """
    parameters = {**parameters, **changes}
    own, training = (
        {field.name: parameters[field.name] for field in dataclasses.fields(cls) if field.name in parameters}
        for cls in (kind, Training)
    )
    if "training" in {field.name for field in dataclasses.fields(kind)}:
        own["training"] = Training(**training)
    return with_seeds(kind(**own), parameters["seeds"])


def with_seeds(config, seeds):
    """The same config once for each seed."""
    if not isinstance(seeds, Iterable) or not list(seeds):
        raise ValueError(f"seeds must be a list of at least one whole number, got {seeds!r}")
    return [dataclasses.replace(config, seed=seed) for seed in seeds]


def describe(config):
    """A config as plain data: what is hashed into the run's name and shown under a figure."""
    if not isinstance(getattr(config, "experiment", None), str):
        raise TypeError(f"config must be one of an experiment's, e.g. Augmentation(), got {config!r:.60}")
    return {"experiment": config.experiment, "version": config.version, **dataclasses.asdict(config)}


def from_plain(plain):
    """The config that ``describe`` made plain.

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
    if "training" in {field.name for field in dataclasses.fields(kind)}:
        values["training"] = Training(**values.get("training", {}))
    return kind(**values)


KINDS = (Augmentation, Retina, FairRetina, Rivals, Corrected, HeldOut)


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
        config: of one of ``KINDS``: a frozen dataclass with a ``seed``, whose class names its ``experiment``
            and ``version``, and which says how many ``n_updates`` the progress bar has, what it is
            ``computed_in``, and how to ``compute(progress)``.
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


@contextlib.contextmanager
def one_thread():
    """Inside, the same sums in the same order, however many cores there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpoolctl.threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def _compute(config, plain, position):
    started, code, precision = datetime.datetime.now(datetime.UTC), provenance.commit(), config.computed_in
    clock, core_clock = time.perf_counter(), time.process_time()
    bar = tqdm(
        total=config.n_updates,
        desc=f"{config.experiment}, seed {config.seed}, {precision}",
        unit="it",
        position=position,
        mininterval=1.0,
        leave=False,
    )
    with one_thread(), bar:
        arrays = config.compute(bar)
    seconds, core_seconds = time.perf_counter() - clock, time.process_time() - core_clock
    return store.write(plain, arrays, provenance.record(code, precision, started, seconds, core_seconds))


def run_all(configs, *, jobs=None):
    """The runs of several configs; those not stored are computed side by side, one core each.

    Args:
        configs: as for ``run``.
        jobs: runs at once; by default as many as there are cores.

    Returns:
        list of store.Run: in the order of ``configs``.
    """
    configs = list(configs)
    if _planning.get():
        raise Planned(configs)
    if jobs is not None:
        _checks.count("jobs", jobs)
    missing = [config for config in configs if store.find(describe(config)) is None]
    jobs = min(len(missing), jobs or os.cpu_count() or 1)
    if jobs > 1:
        spawn = multiprocessing.get_context("spawn")  # a forked torch can hang
        with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
            waiting = [pool.submit(run, config, position=n % jobs) for n, config in enumerate(missing)]
            for future in concurrent.futures.as_completed(waiting):
                future.result()
    return [run(config) for config in configs]


def run_each(*groups):
    """The runs of several lists of configs, each computed once: {config: run}, in their order."""
    configs = list(dict.fromkeys(itertools.chain(*groups)))
    return dict(zip(configs, run_all(configs), strict=True))
