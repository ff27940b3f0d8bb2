"""Other ways to infer an Ising model, and the limit of them all: the Erasure Machine's rivals.

Each takes samples (N, M) of ±1, as ``erasure.fit`` does, and returns an Estimate.  Sources: the review of
Nguyen, Zecchina and Berg (2017); pseudolikelihood: Ravikumar, Wainwright and Lafferty (2010), Aurell and
Ekeberg (2012); interaction screening: Vuffray et al. (2016), Lokhov et al. (2018).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import minimize

from ising_lib import _checks, _regression, boltzmann, exact, sampling
from ising_lib.erasure import NotConverged
from ising_lib.ising import IsingModel, block_energy, split_vector

_TOLERANCE = 1e-6  # of the moments of maximum likelihood


@dataclass(frozen=True, eq=False)
class Estimate:
    """An inferred model (h, J) and how it was found."""

    model: IsingModel
    ridge: float = 0.0  #: the strength of the penalty used; 0 where there is none
    n_iterations: int = 0  #: Newton's steps, or iterations of L-BFGS; 0 for closed forms


def pseudolikelihood(spins, ridge="auto", *, rng=None):
    """The Estimate by the likelihood of each spin given all others, the mean of J_ij and J_ji.

    For spin i, with p(σ_i | others) = 1/(1 + exp(−2 σ_i (h_i + Σ_j J_ij σ_j))), it minimises
    −⟨log p(σ_i | others)⟩ + λ Σ_j J_ij² by Newton's method.  No partition function, consistent for N → ∞.

    Args:
        spins: (N, M) of ±1.
        ridge: λ ≥ 0, or "auto": the one of 13 values between 1e-4 and 1 with the highest held-out
            pseudolikelihood in three folds.
        rng: shuffles the samples into the folds; without it they are cut in their order.

    Raises:
        ValueError: a spin never changes, so that its field has no finite estimate.
        NotConverged: ridge is 0 and some spin is a function of the others.
    """
    return _nodewise(spins, ridge, rng, "logistic")


def log_rise(spins, ridge=0.0):
    """The Estimate by interaction screening in its logarithmic form, the mean of J_ij and J_ji.

    For spin i it minimises log ⟨exp(−σ_i (h_i + Σ_j J_ij σ_j))⟩ + λ Σ_j J_ij²  (Lokhov et al. 2018).
    The Erasure Machine is its relative for whole configurations.  Arguments and errors are those of
    ``pseudolikelihood``.
    """
    return _nodewise(spins, ridge, None, "screening")


def _nodewise(spins, ridge, rng, loss):
    spins = _varying(spins)
    others = ~np.eye(spins.shape[1], dtype=bool)
    fields, couplings, ridge, n_steps = _regression.regress(spins, spins, others, ridge, rng, loss)
    return Estimate(IsingModel(fields, (couplings + couplings.T) / 2), ridge, n_steps)


def _varying(spins):
    """Checked samples as float64, none of whose spins is constant."""
    spins = _checks.spins("spins", spins)
    constant = np.flatnonzero(np.abs(spins.astype(np.int64).sum(0)) == len(spins))
    if constant.size:
        raise ValueError(
            f"spins must vary, but spin {constant[0]} is {spins[0, constant[0]]:+d} in all {len(spins)} "
            f"samples: its field has no finite estimate; leave it out"
        )
    return spins.astype(np.float64)


def mean_field(spins):
    """The Estimate J = −C⁻¹ off the diagonal, h_i = artanh m_i − Σ_j J_ij m_j, C the connected correlations.

    Args:
        spins: (N, M) of ±1, N well above M.

    Raises:
        ValueError: a spin never changes, or C has no inverse.
    """
    means, inverse = _inverse_correlations(spins)
    couplings = -inverse
    return Estimate(IsingModel(np.arctanh(means) - couplings @ means, couplings))


def tap(spins):
    """As ``mean_field``, with Onsager's reaction term  (Thouless, Anderson, Palmer 1977)::

        (C⁻¹)_ij = −J_ij − 2 J_ij² m_i m_j,    h_i = artanh m_i − Σ_j J_ij m_j + m_i Σ_j J_ij² (1 − m_j²).

    Raises:
        ValueError: as ``mean_field``, or the quadratic equation for some coupling has no real root.
    """
    means, inverse = _inverse_correlations(spins)
    discriminant = 1 - 8 * np.outer(means, means) * inverse
    if (discriminant < 0).any():
        i, j = np.argwhere(discriminant < 0)[0]
        raise ValueError(
            f"TAP has no solution for the coupling of spins {i} and {j}: too strong or too few samples"
        )
    couplings = -2 * inverse / (1 + np.sqrt(discriminant))  # the root that is −(C⁻¹)_ij for m = 0
    reaction = means * (couplings**2 @ (1 - means**2))
    return Estimate(IsingModel(np.arctanh(means) - couplings @ means + reaction, couplings))


def _inverse_correlations(spins):
    """The means m (M,), and C⁻¹ (M, M) off the diagonal, where there are zeros."""
    spins = _varying(spins)
    means = spins.mean(0)
    correlations = spins.T @ spins / len(spins) - np.outer(means, means)
    if np.linalg.cond(correlations) > 1e12:
        raise ValueError(
            f"spins must have invertible correlations, got {len(spins)} samples of {len(means)} spins"
        )
    inverse = np.linalg.inv(correlations)
    return means, inverse - np.diag(np.diag(inverse))


def maximum_likelihood(spins, ridge=0.0, *, rng=None):
    """The Estimate that matches ⟨σ_i⟩ and ⟨σ_i σ_j⟩  (thesis Eq. 3 to 7): highest ⟨log p⟩ − λ Σ_{i<j} J_ij².

    Up to 20 spins by enumeration, exactly.  Beyond, ``boltzmann.fit`` goes on from pseudolikelihood with the
    same λ, until the moments differ by the noise of its chains alone.

    Args:
        spins: (N, M) of ±1.
        ridge: λ ≥ 0; a prior N(0, s²) of the couplings is λ = 1/(2 N s²). "auto" is that of
            ``pseudolikelihood``.
        rng: stream of the chains and of the folds of "auto"; above 20 spins it is needed.

    Raises:
        ValueError: more than 20 spins and no rng, or a spin that never changes.
        NotConverged, sampling.NotMixed: the maximum is at infinity; the chains do not mix.
    """
    spins = _varying(spins)
    n_spins = spins.shape[1]
    if n_spins > exact.MAX_SPINS and rng is None:
        raise ValueError(
            f"rng is needed because {n_spins} spins are more than the {exact.MAX_SPINS} that are enumerated; "
            f"pass numpy.random.default_rng(seed)"
        )
    if n_spins > exact.MAX_SPINS or isinstance(ridge, str):
        start = pseudolikelihood(spins, ridge, rng=rng)
        ridge = start.ridge
    _checks.real("ridge", ridge, low=0.0)
    if n_spins > exact.MAX_SPINS:
        found = boltzmann.fit(spins, start.model, rng=rng, ridge=ridge)
        return Estimate(found.model, float(ridge), found.n_iterations)
    states = exact.configurations(n_spins).astype(np.float64)
    upper = np.triu_indices(n_spins, 1)
    wanted = np.concatenate([spins.mean(0), (spins.T @ spins / len(spins))[upper]])
    penalty = np.where(np.arange(wanted.size) < n_spins, 0.0, ridge)

    def minus_log_likelihood(vector):
        exponents = -block_energy(states, *split_vector(vector, n_spins))
        log_partition = special.logsumexp(exponents)
        weights = np.exp(exponents - log_partition)
        second = states.T @ (weights[:, None] * states)
        found = np.concatenate([weights @ states, second[upper]])
        value = log_partition - wanted @ vector + penalty @ vector**2
        return value, found - wanted + 2 * penalty * vector

    options = {"gtol": 1e-8, "ftol": 0.0, "maxiter": 2000, "maxcor": 20, "maxls": 40}
    start = np.zeros(wanted.size)
    result = minimize(minus_log_likelihood, start, jac=True, method="L-BFGS-B", options=options)
    residual = np.abs(result.jac).max()
    if residual > _TOLERANCE:
        raise NotConverged(
            f"maximum likelihood did not converge: residual {residual:.1e}, allowed {_TOLERANCE:.0e}; some "
            f"spin may be a function of the others in these samples; use a ridge above 0",
            residual,
        )
    return Estimate(IsingModel.from_vector(result.x, n_spins), float(ridge), int(result.nit))


def cramer_rao(model, n_samples, *, rng=None, n_draws=200_000):
    """The least variance of any unbiased estimate of each parameter: the diagonal of F⁻¹/N.

    F = Cov(O) is the Fisher information of one sample, O = (σ_i, σ_i σ_j).  For a spin glass with g ≲ 1 a
    coupling's bound is about (1 + g²)²/N.

    Args:
        model, n_samples: the truth, and N.
        rng: None enumerates, M at most 13; a stream samples ``n_draws`` configurations instead.
        n_draws: more draws, a sharper F: its inverse is biased upwards by the share L/n_draws.

    Returns:
        numpy.ndarray: (L,) variances, fields first.
    """
    _checks.count("n_samples", n_samples)
    return np.diag(np.linalg.inv(_fisher(model, rng, n_draws))) / n_samples


def van_trees(models, n_samples, coupling_scale=1.0, field_scale=1.0, *, rng=None, n_draws=200_000):
    """The least mean squared error of any estimate at all, averaged over truths from ``ising.gaussian``.

    That prior is known, J_ij ~ N(0, g²/M) and h_i ~ N(0, g_h²/M), and a biased estimate may use it: the
    bound is the diagonal of (N ⟨F⟩ + P)⁻¹, with ⟨F⟩ the mean Fisher information of the prior's models and P
    the diagonal of M/g² and M/g_h²  (van Trees 1968; Gill and Levit 1995).  A coupling's is about
    1/(N/(1 + g²)² + M/g²).

    Args:
        models: truths drawn from the prior, over which F is averaged; one will do where M is large.
        n_samples, coupling_scale, field_scale: N, g and g_h.
        rng, n_draws: as in ``cramer_rao``, for each model.

    Returns:
        numpy.ndarray: (L,) mean squared errors, fields first.
    """
    _checks.count("n_samples", n_samples)
    _checks.real("coupling_scale", coupling_scale, 0.0, open_interval=True)
    _checks.real("field_scale", field_scale, 0.0, open_interval=True)
    fisher = np.mean([_fisher(model, rng, n_draws) for model in models], axis=0)
    n_spins = models[0].n_spins
    scales = np.where(np.arange(len(fisher)) < n_spins, field_scale, coupling_scale)
    return np.diag(np.linalg.inv(n_samples * fisher + np.diag(n_spins / scales**2)))


def _fisher(model, rng, n_draws):
    """F = Cov(O) of one sample, (L, L)."""
    _checks.instance("model", model, IsingModel)
    if rng is None:
        _checks.count("number of spins (without rng)", model.n_spins, maximum=13)
        states, weights = exact.configurations(model.n_spins), exact.probabilities(model)
    else:
        _checks.count("n_draws", n_draws, minimum=model.to_vector().size + 1)  # fewer leave F no inverse
        states = sampling.sample(model, n_draws, rng=rng)
        weights = np.full(len(states), 1 / len(states))
    mean, second = 0.0, 0.0
    for start in range(0, len(states), 4096):
        block = boltzmann._features(states[start : start + 4096]).astype(np.float64)  # (≤ 4096, L)
        weighted = weights[start : start + 4096, None] * block
        mean, second = mean + weighted.sum(0), second + weighted.T @ block
    return second - np.outer(mean, mean)
