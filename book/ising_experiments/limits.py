"""The best direct fits and the best augmented pipelines, beside the limits of both.

Beyond the thesis.  On the samples of ``extensions.rivals``, seed by seed, where the numbers are equal.
"""

import logging
import time

import numpy as np

from ising_experiments import extensions, walk
from ising_experiments.worlds import N_NOISE_LEVELS, stream
from ising_lib import ddpm, denoisers, discrete, erasure, estimators

log = logging.getLogger("ising_lib")
METHODS = (
    "likelihood",
    "likelihood_prior",
    "pseudolikelihood",
    "pseudolikelihood_prior",
    "erasure_tap",
    "discrete_tap",
    "discrete_pseudolikelihood",
    "structured_tap",
)


def limits(world, progress):
    """Fit directly, and to samples of discrete diffusion; compute both bounds.

    Returns:
        dict: ``truth`` (L,); for each name in ``METHODS`` the parameters found
        (L,), all NaN where the method refused the samples; ``seconds``
        (methods,) of one core. A direct fit has an automatic ridge, or that of
        the ``_prior`` from which couplings are drawn; ``discrete_…`` and
        ``structured_…`` fit to samples of discrete diffusion and of the
        mean-field denoiser, and their seconds include making these. ``bound`` and
        ``prior_bound``: of Cramér and Rao, and of van Trees, on Eq. 23.
    """
    m, n, seed = world.n_spins, world.n_observed, world.seed
    truth, observed = walk.truth(world), walk.draw(world, "observed")
    own = m / (2 * world.coupling_scale**2 * n)  # λ of the prior N(0, g²/M)

    def diffuse():
        model = discrete.fit(observed, world.n_cycles, stream(seed, "fit"))
        return discrete.sample(model, world.n_augmented, stream(seed, "augmented"))

    def denoise():
        schedule = ddpm.NoiseSchedule.linear(N_NOISE_LEVELS)
        denoiser = denoisers.MeanField(m, schedule.n_steps)
        return extensions._train_and_sample(world, denoiser, schedule, observed, progress)[0]

    def likely(ridge):
        rng = stream(seed, "likelihood")
        return estimators.maximum_likelihood(observed, ridge, rng=rng)

    (redrawn, redraws), (denoised, denoises) = _timed(diffuse), _timed(denoise)
    few = m / world.n_augmented  # a ridge that hardly pulls
    fits = (
        lambda: likely("auto"),
        lambda: likely(own),
        lambda: estimators.pseudolikelihood(observed),
        lambda: estimators.pseudolikelihood(observed, own),
        lambda: erasure.fit(observed, moments="tap"),
        lambda: erasure.fit(redrawn, moments="tap"),
        lambda: estimators.pseudolikelihood(redrawn, few),
        lambda: erasure.fit(denoised, moments="tap"),
    )
    before = {"discrete": redraws, "structured": denoises}
    progress.reset(len(METHODS))
    found, seconds = {}, []
    for name, fit in zip(METHODS, fits, strict=True):
        clock = time.process_time()
        try:
            found[name] = fit().model.to_vector()
        except extensions.REFUSALS as error:
            log.warning("%s refused the samples: %s", name, error)
            found[name] = np.full_like(truth.to_vector(), np.nan)
        took = time.process_time() - clock
        seconds.append(took + before.get(name.partition("_")[0], 0.0))
        progress.update()
    scales = world.coupling_scale, world.field_scale
    rng, draws = stream(seed, "prior bound"), extensions._N_BOUND_DRAWS
    least = estimators.van_trees([truth], n, *scales, rng=rng, n_draws=draws)
    return {
        "truth": truth.to_vector(),
        **found,
        "seconds": np.array(seconds),
        "bound": extensions._bound(world, truth),
        "prior_bound": least.sum() / m,
    }


def _timed(make):
    """What a function returns, and the seconds of a core that it took."""
    clock = time.process_time()
    return make(), time.process_time() - clock
