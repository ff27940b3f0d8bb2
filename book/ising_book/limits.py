"""The best direct fits and the best augmented pipelines, beside the limits of both.

Beyond the thesis.  On the samples of ``extensions.rivals``, seed by seed, where the numbers are equal.
"""

import logging
import time

import numpy as np

from ising_book import extensions, walk
from ising_book.worlds import stream
from ising_lib import discrete, erasure, estimators

log = logging.getLogger("ising_lib")
METHODS = (
    "likelihood",
    "likelihood_prior",
    "pseudolikelihood",
    "pseudolikelihood_prior",
    "erasure_tap",
    "discrete_tap",
    "discrete_pseudolikelihood",
)


def limits(world, progress):
    """Fit directly, and to samples of discrete diffusion; compute both bounds.

    Returns:
        dict: ``truth`` (L,); for each name in ``METHODS`` the parameters found
        (L,), all NaN where the method refused the samples; ``seconds``
        (methods,) of one core. A direct fit has an automatic ridge, or that of
        the ``_prior`` from which couplings are drawn; ``discrete_…`` fits to
        augmented samples, and their seconds include making these. ``bound`` and
        ``prior_bound``: of Cramér and Rao, and of van Trees, on Eq. 23.
    """
    m, n, seed = world.n_spins, world.n_observed, world.seed
    truth, observed = walk.truth(world), walk.draw(world, "observed")
    own = m / (2 * world.coupling_scale**2 * n)  # λ of the prior N(0, g²/M)

    def diffuse():
        model = discrete.fit(observed, world.n_cycles, stream(seed, "fit"))
        return discrete.sample(model, world.n_augmented, stream(seed, "augmented"))

    def likely(ridge):
        rng = stream(seed, "likelihood")
        return estimators.maximum_likelihood(observed, ridge, rng=rng)

    progress.reset(len(METHODS))
    clock = time.process_time()
    augmented = diffuse()
    diffused = time.process_time() - clock
    few = m / world.n_augmented  # a ridge that hardly pulls
    fits = (
        lambda: likely("auto"),
        lambda: likely(own),
        lambda: estimators.pseudolikelihood(observed),
        lambda: estimators.pseudolikelihood(observed, own),
        lambda: erasure.fit(observed, moments="tap"),
        lambda: erasure.fit(augmented, moments="tap"),
        lambda: estimators.pseudolikelihood(augmented, few),
    )
    found, seconds = {}, []
    for name, fit in zip(METHODS, fits, strict=True):
        clock = time.process_time()
        try:
            found[name] = fit().model.to_vector()
        except extensions.REFUSALS as error:
            log.warning("%s refused the samples: %s", name, error)
            found[name] = np.full_like(truth.to_vector(), np.nan)
        took = time.process_time() - clock
        seconds.append(took + diffused * name.startswith("discrete"))
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
