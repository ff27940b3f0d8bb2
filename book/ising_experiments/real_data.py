"""Every method on data that nobody simulated: a fit to all of a long recording stands for the truth.

Each run is computed by a function of its world and a tqdm bar, ``progress``: arrays by their names.
"""

import functools
import logging
import time

import numpy as np

from ising_experiments import extensions, walk, worlds
from ising_experiments.worlds import stream
from ising_lib import datasets, ddpm, denoisers, discrete, erasure, estimators, exact, metrics
from ising_lib.ising import IsingModel

log = logging.getLogger("ising_lib")

LOADERS = {"annealer": datasets.load_annealer, "neurons": datasets.load_neurons}
N_CYCLES = 4  # of the noise that redraws spins


@walk.samples.register(worlds.Recorded)
@walk.samples.register(worlds.RecordedAugmentation)
def _(world):
    """Some samples of the recording to infer from, and others to score with."""
    rng = stream(world.seed, "split")
    return datasets.split(recording(world), world.n_observed, world.n_test, rng=rng)


def recording(world):
    """All samples of a recording, (N, M) of ±1, of its first M spins."""
    return LOADERS[world.recording]()[:, : world.n_spins]


def whole(world, progress):
    """Fit to all N samples of a recording, with a prior N(0, 1) of each coupling.

    The prior is a ridge of 1/2N: nothing, but for pairs never seen together.

    Returns:
        dict: ``likelihood``, all NaN where that needs Monte Carlo and it fails,
        and ``pseudolikelihood`` (L,); ``truth`` (L,), the first of them up to
        20 spins, where it is exact, and the second beyond; ``n_samples``, N.
    """
    spins, rng = recording(world), stream(world.seed, "chains")
    ridge = 1 / (2 * len(spins))
    fit = estimators.pseudolikelihood(spins, ridge)
    pseudo = fit.model.to_vector()
    try:
        fit = estimators.maximum_likelihood(spins, ridge, rng=rng)
        likelihood = fit.model.to_vector()
    except extensions.REFUSALS as error:
        log.warning("maximum likelihood refused the samples: %s", error)
        likelihood = np.full_like(pseudo, np.nan)
    enumerated = world.n_spins <= exact.MAX_SPINS
    return {
        "truth": likelihood if enumerated else pseudo,
        "likelihood": likelihood,
        "pseudolikelihood": pseudo,
        "n_samples": len(spins),
    }


def _pseudo(spins):
    """Pseudolikelihood with a ridge of M/N, for samples that a model has made."""
    return estimators.pseudolikelihood(spins, spins.shape[1] / len(spins))


_tap = functools.partial(erasure.fit, moments="tap")
METHODS = {  # how to infer, from which samples
    "erasure": (erasure.fit, "observed"),
    "erasure_tap": (_tap, "observed"),
    "pseudolikelihood": (estimators.pseudolikelihood, "observed"),
    "likelihood": (estimators.maximum_likelihood, "observed"),
    "augmented": (erasure.fit, "bits"),
    "augmented_pseudolikelihood": (_pseudo, "bits"),
    "augmented_spins": (erasure.fit, "spins"),
    "augmented_spins_pseudolikelihood": (_pseudo, "spins"),
}


def recorded(world, progress, everything):
    """Infer from a few samples of a recording by every method.

    Args:
        everything: the store.Run of ``world.whole()``.

    Returns:
        dict: ``truth`` (L,); for each name in ``METHODS`` the parameters found
        (L,), all NaN where the method refused the samples; ``seconds``
        (methods,) of one core; ``scores`` (methods + 1,), the
        log-pseudolikelihood of test samples, the truth's last; ``epsilons``
        (2,) of ``erasure`` and ``erasure_tap``; ``train_seconds`` and
        ``sample_seconds`` of the mean-field denoiser, ``redraw_seconds`` of the
        noise that redraws spins; ``bias``, the mean ``|m_i|`` of observed samples.
    """
    observed, test = walk.samples(world)
    schedule = ddpm.NoiseSchedule.linear(worlds.N_NOISE_LEVELS)
    denoiser = denoisers.MeanField(world.n_spins, schedule.n_steps)
    where = world, denoiser, schedule, observed, progress
    bits, seconds = extensions._train_and_sample(*where)
    clock = time.process_time()
    model = discrete.fit(observed, N_CYCLES, stream(world.seed, "cycles"))
    spins = discrete.sample(model, world.n_augmented, stream(world.seed, "spins"))
    seconds["redraw_seconds"] = time.process_time() - clock
    samples = {"observed": observed, "bits": bits, "spins": spins}
    found, took, epsilons = {}, [], {}
    for name, (fit, source) in METHODS.items():
        clock = time.process_time()
        options = {}
        if fit is estimators.maximum_likelihood:  # with the ridge of pseudolikelihood
            options = {"ridge": "auto", "rng": stream(world.seed, "chains")}
        vector, epsilons[name] = _infer(name, fit, samples[source], **options)
        found[name] = vector
        took.append(time.process_time() - clock)
    scores = [_score(vector, test) for vector in (*found.values(), everything["truth"])]
    return {
        "truth": everything["truth"],
        **found,
        "seconds": np.array(took),
        "scores": np.array(scores),
        "epsilons": np.array([epsilons[name] for name in ("erasure", "erasure_tap")]),
        "bias": np.abs(observed.mean(0)).mean(),
        **seconds,
    }


def _infer(name, fit, spins, **options):
    """The parameters found (L,), all NaN where a method refuses the samples; and its ε, if it has one."""
    n_spins = spins.shape[1]
    try:
        found = fit(spins, **options)
    except extensions.REFUSALS as error:
        log.warning("%s refused the samples: %s", name, error)
        return np.full(n_spins * (n_spins + 1) // 2, np.nan), np.nan
    return found.model.to_vector(), getattr(found, "epsilon", np.nan)


def _score(vector, test):
    if np.isnan(vector).any():
        return np.nan
    model = IsingModel.from_vector(vector, test.shape[1])
    return metrics.log_pseudolikelihood(model, test)


def augmentation(world, progress, everything):
    """The thesis's pipeline on the same samples.

    Returns:
        dict: ``truth`` (L,), as above; all that ``walk.pipeline`` returns, but
        for its samples; ``augmented_pseudolikelihood`` (L,), fitted to these,
        NaN where one of their spins never flips; ``scores`` (2,), the
        log-pseudolikelihood of test samples by both fits.
    """
    observed, test = walk.samples(world)
    found = walk.pipeline(observed, test, world.training, world.seed, progress)
    rival, _ = _infer("pseudolikelihood", _pseudo, found.pop("augmented_spins"))
    fits = found["augmented"], rival
    del found["trajectory"], found["trajectory_steps"]
    return {
        "truth": everything["truth"],
        **found,
        "augmented_pseudolikelihood": rival,
        "scores": np.array([_score(vector, test) for vector in fits]),
    }
