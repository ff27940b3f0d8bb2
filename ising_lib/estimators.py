"""Other ways to infer an Ising model, and the limit of them all: the Erasure Machine's rivals.

Each takes samples (N, M) of ±1, as ``erasure.fit`` does, and returns an Estimate.  Sources: the review of
Nguyen, Zecchina and Berg (2017); pseudolikelihood: Ravikumar, Wainwright and Lafferty (2010), Aurell and
Ekeberg (2012); interaction screening: Vuffray et al. (2016), Lokhov et al. (2018).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import minimize

from ising_lib import _checks, exact, sampling
from ising_lib.erasure import NotConverged
from ising_lib.ising import IsingModel, block_energy, split_vector

_RIDGES = np.geomspace(1e-4, 1.0, 13)  # strengths tried by "auto"
_FOLDS = 3
_TOLERANCE = 1e-6
_MAX_ITERATIONS = 2000


@dataclass(frozen=True, eq=False)
class Estimate:
    """An inferred model and how it was found.

    Attributes:
        model: (h, J).
        ridge: the strength of the penalty used; 0 where there is none.
        n_iterations: of L-BFGS, the most of all regressions; 0 for closed forms.
    """

    model: IsingModel
    ridge: float = 0.0
    n_iterations: int = 0


def pseudolikelihood(spins, ridge="auto", *, rng=None):
    """Maximise the likelihood of each spin given all others, then average J_ij and J_ji.

    For spin i, with p(σ_i | others) = 1/(1 + exp(−2 σ_i (h_i + Σ_j J_ij σ_j))), it minimises::

        −⟨log p(σ_i | others)⟩ + λ Σ_j J_ij²

    by L-BFGS, M logistic regressions.  No partition function, consistent for N → ∞.

    Args:
        spins: (N, M) of ±1.
        ridge: λ ≥ 0, or "auto": the one of 13 values between 1e-4 and 1 with the highest held-out
            pseudolikelihood in three folds.
        rng: shuffles the samples into the folds; without it they are cut in their order.

    Returns:
        Estimate

    Raises:
        ValueError: a spin never changes, so that its field has no finite estimate.
        NotConverged: ridge is 0 and some spin is a function of the others.
    """
    return _nodewise(spins, ridge, rng, _logistic)


def log_rise(spins, ridge=0.0):
    """Interaction screening in its logarithmic form, spin by spin, then average J_ij and J_ji.

    For spin i it minimises log ⟨exp(−σ_i (h_i + Σ_j J_ij σ_j))⟩ + λ Σ_j J_ij²  (Lokhov et al. 2018).
    The Erasure Machine is its relative for whole configurations.

    Args:
        spins: (N, M) of ±1.
        ridge: λ ≥ 0.

    Returns:
        Estimate

    Raises:
        ValueError, NotConverged: as ``pseudolikelihood``.
    """
    return _nodewise(spins, ridge, None, _screening)


def _nodewise(spins, ridge, rng, loss):
    spins = _varying(spins)
    if isinstance(ridge, str):
        _checks.choice("ridge", ridge, ("auto",))
        ridge = _choose_ridge(spins, rng, loss)
    _checks.real("ridge", ridge, low=0.0)
    found, n_iterations = _regress(spins, float(ridge), loss)
    fields, couplings = np.diag(found), _off_diagonal(found)
    return Estimate(IsingModel(fields, (couplings + couplings.T) / 2), float(ridge), n_iterations)


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


def _choose_ridge(spins, rng, loss):
    """The strength with the lowest held-out loss, from strong to weak, each fit started from the last."""
    if len(spins) < _FOLDS:
        raise ValueError(f"spins must be at least {_FOLDS} samples for ridge='auto', got {len(spins)}")
    rows = np.arange(len(spins)) if rng is None else _checks.generator("rng", rng).permutation(len(spins))
    folds = np.array_split(rows, _FOLDS)
    scores = np.zeros(_RIDGES.size)
    for fold in folds:
        kept = np.delete(spins, fold, axis=0)
        start = None
        for n, ridge in reversed(list(enumerate(_RIDGES))):
            start, _ = _regress(kept, ridge, loss, start)
            # σ_i (h_i + Σ_j J_ij σ_j)
            held_out = spins[fold] * (np.diag(start) + spins[fold] @ _off_diagonal(start).T)
            scores[n] += loss(held_out)[0].sum() * len(fold)
    return _RIDGES[scores.argmin()]


def _regress(spins, ridge, loss, start=None):
    """M regressions, one by one: their parameters (M, M), row i from spin i, and the most iterations.

    One problem of M² unknowns would need three times the evaluations.
    """
    start = np.zeros((spins.shape[1],) * 2) if start is None else start
    results = [_regress_one(spins, i, ridge, loss, start[i]) for i in range(spins.shape[1])]
    return np.array([result.x for result in results]), max(int(result.nit) for result in results)


def _regress_one(spins, i, ridge, loss, start):
    """Minimise the loss of spin i by L-BFGS over J_i1 … J_iM, with h_i at the place of J_ii."""
    features = spins * spins[:, [i]]  # σ_i σ_j, (N, M)
    features[:, i] = spins[:, i]
    penalties = np.full(len(start), ridge)
    penalties[i] = 0

    def total(vector):
        value, slopes = loss(features @ vector)
        return value + penalties @ vector**2, slopes @ features + 2 * penalties * vector

    result = _minimise(total, start, f"the regression of spin {i}", gtol=_TOLERANCE / 2)
    if ridge == 0 and (features @ result.x > 0).all():  # scaled up, it would fit still better, without end
        raise NotConverged(
            f"spin {i} is a function of the others in these samples: its parameters have no finite estimate; "
            f"use a ridge above 0",
            np.inf,
        )
    return result


def _minimise(function, start, what, *, gtol):
    """L-BFGS until the gradient is below gtol; a residual above _TOLERANCE is an error."""
    options = {"gtol": gtol, "ftol": 0.0, "maxiter": _MAX_ITERATIONS, "maxcor": 20, "maxls": 40}
    result = minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    residual = np.abs(result.jac).max()
    if residual > _TOLERANCE:
        raise NotConverged(
            f"{what} did not converge: residual {residual:.1e}, allowed {_TOLERANCE:.0e}; some spin may be a "
            f"function of the others in these samples",
            residual,
        )
    return result


def _logistic(exponents):
    """⟨log(1 + exp(−2 x))⟩ of each column, and its slopes in x: one exponential gives both."""
    small = np.exp(-2 * np.abs(exponents))
    right = 1 / (1 + small)  # the probability of the likelier value
    wrong = np.where(exponents >= 0, small, 1.0) * right  # 1 − p
    values = np.maximum(-2 * exponents, 0) - np.log(right)
    return values.mean(0), -2 / len(exponents) * wrong


def _screening(exponents):
    """log ⟨exp(−x)⟩ of each column, and its slopes in x."""
    weights = special.softmax(-exponents, axis=0)
    return special.logsumexp(-exponents, axis=0) - np.log(len(exponents)), -weights


def mean_field(spins):
    """J = −C⁻¹ off the diagonal, h_i = artanh m_i − Σ_j J_ij m_j, with C the connected correlations.

    Args:
        spins: (N, M) of ±1, N well above M.

    Returns:
        Estimate

    Raises:
        ValueError: a spin never changes, or C has no inverse.
    """
    means, inverse = _inverse_correlations(spins)
    couplings = -_off_diagonal(inverse)
    return Estimate(IsingModel(np.arctanh(means) - couplings @ means, couplings))


def tap(spins):
    """As ``mean_field``, with Onsager's reaction term  (Thouless, Anderson, Palmer 1977)::

        (C⁻¹)_ij = −J_ij − 2 J_ij² m_i m_j,
        h_i = artanh m_i − Σ_j J_ij m_j + m_i Σ_j J_ij² (1 − m_j²).

    Args:
        spins: (N, M) of ±1, N well above M.

    Returns:
        Estimate

    Raises:
        ValueError: as ``mean_field``, or the quadratic equation for some coupling has no real root.
    """
    means, inverse = _inverse_correlations(spins)
    products, inverse = np.outer(means, means), _off_diagonal(inverse)
    discriminant = 1 - 8 * products * inverse
    if (discriminant < 0).any():
        i, j = np.argwhere(discriminant < 0)[0]
        raise ValueError(
            f"TAP has no solution for the coupling of spins {i} and {j}: too strong or too few samples"
        )
    couplings = -2 * inverse / (1 + np.sqrt(discriminant))  # the root that is −(C⁻¹)_ij for m = 0
    reaction = means * (couplings**2 @ (1 - means**2))
    return Estimate(IsingModel(np.arctanh(means) - couplings @ means + reaction, couplings))


def _inverse_correlations(spins):
    spins = _varying(spins)
    means = spins.mean(0)
    correlations = spins.T @ spins / len(spins) - np.outer(means, means)
    if np.linalg.cond(correlations) > 1e12:
        raise ValueError(
            f"spins must have invertible correlations, got {len(spins)} samples of {len(means)} spins"
        )
    return means, np.linalg.inv(correlations)


def _off_diagonal(matrix):
    return matrix - np.diag(np.diag(matrix))


def maximum_likelihood(spins):
    """Match ⟨σ_i⟩ and ⟨σ_i σ_j⟩ exactly, by enumeration  (thesis Eq. 3 to 7).

    Args:
        spins: (N, M) of ±1, M at most 20.

    Returns:
        Estimate

    Raises:
        ValueError: more than 20 spins, or a spin that never changes.
        NotConverged: two spins never differ, or the like: the likelihood has its maximum at infinity.
    """
    spins = _varying(spins)
    n_spins = spins.shape[1]
    _checks.count("number of spins", n_spins, maximum=exact.MAX_SPINS)
    states = exact.configurations(n_spins).astype(np.float64)
    upper = np.triu_indices(n_spins, 1)
    wanted = np.concatenate([spins.mean(0), (spins.T @ spins / len(spins))[upper]])

    def minus_log_likelihood(vector):
        exponents = -block_energy(states, *split_vector(vector, n_spins))
        top = exponents.max()
        weights = np.exp(exponents - top)
        total = weights.sum()
        weights /= total
        second = states.T @ (weights[:, None] * states)
        found = np.concatenate([weights @ states, second[upper]])
        return top + np.log(total) - wanted @ vector, found - wanted

    result = _minimise(minus_log_likelihood, np.zeros(wanted.size), "maximum likelihood", gtol=1e-8)
    return Estimate(IsingModel.from_vector(result.x, n_spins), n_iterations=int(result.nit))


def cramer_rao(model, n_samples, *, rng=None, n_draws=200_000):
    """The least variance of any unbiased estimate of each parameter: the diagonal of F⁻¹/N.

    F = Cov(O) is the Fisher information of one sample, O = (σ_i, σ_i σ_j).  For a spin glass with g ≲ 1 a
    coupling's bound is about (1 + g²)²/N.

    Args:
        model: the truth.
        n_samples: N.
        rng: None enumerates, M at most 13; a stream samples ``n_draws`` configurations instead.
        n_draws: more draws, a sharper F: its inverse is biased upwards by the share L/n_draws.

    Returns:
        numpy.ndarray: (L,) variances, fields first.
    """
    _checks.instance("model", model, IsingModel)
    _checks.count("n_samples", n_samples)
    upper = np.triu_indices(model.n_spins, 1)
    n_parameters = model.n_spins + upper[0].size
    if rng is None:
        _checks.count("number of spins (without rng)", model.n_spins, maximum=13)
        states, weights = exact.configurations(model.n_spins), exact.probabilities(model)
    else:
        _checks.count("n_draws", n_draws, minimum=n_parameters + 1)  # fewer leave F without an inverse
        states = sampling.sample(model, n_draws, rng=rng)
        weights = np.full(len(states), 1 / len(states))
    mean, second = np.zeros(n_parameters), np.zeros((n_parameters, n_parameters))
    for start in range(0, len(states), 4096):
        block = states[start : start + 4096].astype(np.float64)
        features = np.concatenate([block, block[:, upper[0]] * block[:, upper[1]]], axis=1)  # (≤ 4096, L)
        weighted = weights[start : start + 4096, None] * features
        mean += weighted.sum(0)
        second += weighted.T @ features
    return np.diag(np.linalg.inv(second - np.outer(mean, mean))) / n_samples
