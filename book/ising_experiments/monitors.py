"""What is measured at a checkpoint of a training; with streams of their own, so that it never changes it."""

import numpy as np

from ising_experiments.worlds import stream
from ising_lib import ddpm, erasure, metrics, stopping

FIRST_CHECKPOINT = 250  # updates; before that the samples are noise
ANALOG_EDGES = np.linspace(-1.5, 1.5, 61)  # of the histogram of outputs before the threshold


def checkpoints(training):
    """The iterations at which to measure, rising, evenly spaced on a logarithmic scale, the end included."""
    first = min(FIRST_CHECKPOINT, max(1, training.n_iterations // 8))
    grid = np.geomspace(training.n_iterations, first, training.n_checkpoints)
    return np.unique(grid.round().astype(int))


def measure(x, observed, model):
    """What generated samples are worth.

    Args:
        x: (N, M) analog bits, before the threshold.
        observed: (N', M) of ±1.
        model: the one fitted to the observed samples, for Var E.

    Returns:
        dict: as in ``walk.pipeline``.
    """
    spins = ddpm.to_spins(x)
    fit = erasure.fit(spins)
    inner = np.clip(x, ANALOG_EDGES[0], ANALOG_EDGES[-1])
    return {
        "variance": stopping.energy_variance(spins, model),
        "monitored": fit.model.to_vector(),
        "monitored_epsilon": fit.epsilon,
        "analog": np.histogram(inner, ANALOG_EDGES)[0] / x.size,
        "distances": distances(spins, observed),
        "distinct": len(np.unique(spins, axis=0)) / len(spins),
    }


def losses(denoiser, schedule, training, observed, test, seed):
    """The denoising loss (Eq. 44) on observed and on test samples: equal t and noise at every call."""
    return {
        f"{name}_loss": ddpm.denoising_loss(
            denoiser,
            schedule,
            spins,
            rng=stream(seed, "loss"),
            precision=training.precision,
            device=training.device,
        )
        for name, spins in (("observed", observed), ("test", test))
    }


def distances(spins, observed):
    """Share of the samples at distance 0 … M to the nearest observed one, (M + 1,)."""
    counts = np.bincount(metrics.nearest_distance(spins, observed), minlength=observed.shape[1] + 1)
    return counts / len(spins)
