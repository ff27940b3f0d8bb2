"""Boltzmann learning: maximum likelihood where 2^M configurations are too many, by Monte Carlo.

With the features O(σ) = (σ_i, σ_i σ_j) and w = (h, J), the likelihood less a Gaussian prior's penalty,
⟨log p⟩_data − λ Σ_{i<j} J_ij², has the gradient and the curvature  (thesis Eq. 4 to 7)::

    r = ⟨O⟩_data − ⟨O⟩_p − 2 Λ w,    −(F + 2 Λ),    F = Cov_p(O),    Λ = λ on the couplings, 0 on the fields.

Chains that follow p from step to step (Tieleman 2008) give ⟨O⟩_p and F, hence Newton's step, which for a
likelihood is the natural gradient (Amari 1998).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ising_lib import _checks, sampling
from ising_lib.erasure import NotConverged
from ising_lib.ising import IsingModel, block_energy

_FALSE_ALARM = 0.01  # the chance that a solution fails the test of its moments
_LONGEST = 0.1  # a step moves p by at most so many nats, in Kullback and Leibler's divergence


@dataclass(frozen=True, eq=False)
class BoltzmannFit:
    """A model whose moments are those of the data, less the prior's pull, within the noise of the chains.

    Attributes:
        model: (h, J).
        ridge: λ.
        z_scores: (L,) the last r in units of its standard errors.
        n_iterations: steps made.
    """

    model: IsingModel
    ridge: float
    z_scores: np.ndarray
    n_iterations: int


def fit(
    spins, start, *, rng, ridge=0.0, n_chains=1024, n_rounds=40, thin=10, n_averaged=8, max_iterations=60
):
    """Maximise the likelihood by Newton steps with sampled moments, w ← w + a (F + 2 Λ + 1/n)⁻¹ r.

    n = ``n_rounds`` · ``n_chains`` draws belong to each step; 1/n keeps F from being singular.  Each chain's
    average over its rounds is one independent value, so that the spread of these gives r its standard
    errors.  Once no |z| is larger than noise explains, a falls as 1, 1/2, 1/3, …: w becomes the average of
    ``n_averaged`` such steps, and its noise that of as many times the draws.

    Args:
        spins: (N, M) of ±1.
        start: the model to start from, e.g. that of ``estimators.pseudolikelihood``.
        rng: stream of the chains.
        ridge: λ ≥ 0; a prior N(0, s²) of the couplings is λ = 1/(2 N s²).
        n_chains, n_rounds: more draws, less noise.
        thin: sweeps between two rounds; ten times as many precede the first.
        n_averaged: steps that are averaged at the end.
        max_iterations: of all.

    Returns:
        BoltzmannFit

    Raises:
        NotConverged: some moment is still off after ``max_iterations``: its maximum may be at infinity.
        sampling.NotMixed: the chains remember where they were a step ago.
    """
    _checks.instance("start", start, IsingModel)
    spins = _checks.spins("spins", spins, start.n_spins).astype(np.float32)
    _checks.generator("rng", rng)
    _checks.real("ridge", ridge, low=0.0)
    _checks.count("n_chains", n_chains, minimum=256)
    _checks.count("n_rounds", n_rounds)
    _checks.count("thin", thin)
    _checks.count("n_averaged", n_averaged)
    _checks.count("max_iterations", max_iterations, minimum=n_averaged)
    upper = np.triu_indices(start.n_spins, 1)
    vector = start.to_vector()
    second = spins.T @ spins / np.float32(len(spins))
    wanted = np.concatenate([spins.mean(0, dtype=np.float64), second[upper].astype(np.float64)])
    penalty = np.where(np.arange(vector.size) < start.n_spins, 0.0, 2 * ridge)
    n_draws = n_chains * n_rounds
    limit = stats.norm.isf(_FALSE_ALARM / (2 * vector.size))
    replica, settled = sampling._Replica(start, n_chains, rng), 0
    replica.state[: start.n_spins] = spins[rng.integers(0, len(spins), n_chains)].T  # where p should be
    for n_iterations in range(1, max_iterations + 1):
        replica.follow(IsingModel.from_vector(vector, start.n_spins))
        replica.sweep(10 * thin if n_iterations > 1 else 100 * thin)
        before = replica.spins
        of_chains, products = np.zeros((n_chains, vector.size), np.float32), 0.0
        for _ in range(n_rounds):
            replica.sweep(thin)
            block = replica.spins.astype(np.float32)
            features = np.concatenate([block, block[:, upper[0]] * block[:, upper[1]]], axis=1)  # (C, L)
            of_chains += features
            if not settled:
                products = products + features.T @ features
        of_chains = of_chains.astype(np.float64) / n_rounds
        found = of_chains.mean(0)
        if not settled:
            curvature = products / n_draws - np.outer(found, found) + np.diag(penalty + 1 / n_draws)
        rest = wanted - found - penalty * vector
        deviations = (of_chains - found) / n_chains  # (C, L); their squares add up to the variance of ⟨O⟩_p
        z_scores = rest / (np.sqrt((deviations**2).sum(0)) + 1 / n_draws)
        step = np.linalg.solve(curvature, rest)
        gain, noise = rest @ step, (deviations * np.linalg.solve(curvature, deviations.T).T).sum()
        if settled >= n_averaged and np.abs(z_scores).max() <= limit:
            sampling._require_mixed(before, replica.spins, 0.05, 10 * thin, n_rounds * thin)
            return BoltzmannFit(replica.model, float(ridge), z_scores, n_iterations)
        if settled or gain <= 3 * noise:
            settled += 1
        vector = vector + min(1.0, np.sqrt(2 * _LONGEST / gain)) / max(settled, 1) * step
    raise NotConverged(
        f"Boltzmann learning did not converge in {max_iterations} iterations: a moment is still off by "
        f"{np.abs(z_scores).max():.1f} standard errors (allowed {limit:.1f}); use a larger ridge or n_rounds",
        np.abs(rest).max(),
    )


def log_partition(model, *, rng, n_chains=1024, n_steps=1000):
    """log Z by annealed importance sampling, and its standard error  (Neal 2001).

    Chains start from independent spins in the fields, whose Z is Π_i 2 cosh h_i.  The couplings grow from 0
    to J in ``n_steps`` equal steps, with a sweep after each, and every chain is weighed by what they gain::

        Z = Z₀ ⟨exp Σ_k (β_k − β_{k−1}) Σ_{i<j} J_ij σ_i σ_j⟩    with σ before the k-th sweep.

    So ⟨log p⟩ = −⟨H⟩ − log Z is known beyond 20 spins too.

    Args:
        model: (h, J).
        rng: stream of the chains.
        n_chains, n_steps: more of either, a smaller error; it is to be trusted below some 0.3.

    Returns:
        tuple: log Z and its standard error, floats.
    """
    _checks.instance("model", model, IsingModel)
    _checks.generator("rng", rng)
    _checks.count("n_chains", n_chains, minimum=2)
    _checks.count("n_steps", n_steps)
    replica = sampling._Replica(IsingModel(model.fields, np.zeros_like(model.couplings)), n_chains, rng)
    logs = np.zeros(n_chains)
    for step in range(1, n_steps + 1):
        replica.sweep(1)
        spins = replica.spins.astype(np.float64)
        logs -= block_energy(spins, np.zeros(model.n_spins), model.couplings) / n_steps
        replica.follow(IsingModel(model.fields, step / n_steps * model.couplings))
    top = logs.max()
    weights = np.exp(logs - top)
    free = np.log(2 * np.cosh(model.fields)).sum()
    error = weights.std(ddof=1) / weights.mean() / np.sqrt(n_chains)
    return float(free + top + np.log(weights.mean())), float(error)
