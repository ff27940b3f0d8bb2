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
    """A model whose moments are those of the data, less the prior's pull, within the noise of the chains."""

    model: IsingModel
    z_scores: np.ndarray  #: (L,) the last r in units of its standard errors
    n_iterations: int  #: steps made


def fit(
    spins, start, *, rng, ridge=0.0, n_chains=1024, n_rounds=40, thin=10, n_averaged=8, max_iterations=60
):
    """The BoltzmannFit of highest likelihood, by Newton steps w ← w + a (F + 2 Λ + 1/n)⁻¹ r.

    The chains start from the data.  n = ``n_rounds`` · ``n_chains`` draws belong to each step; 1/n keeps F
    from being singular.  A chain's average over its rounds is one independent value, so that the spread of
    these averages gives r its standard errors.

    At first a = 1, or less to keep to short steps, until the likelihood still to be gained, about
    rᵀ (F + 2 Λ)⁻¹ r / 2, is near what the noise of r feigns; a step that doubles it is taken back, and made
    shorter.  Then a = 1, 1/2, 1/3, …, so that w becomes the average of such steps, of ``n_averaged`` or more,
    until no moment's z is larger than noise explains.

    Args:
        spins, rng: (N, M) of ±1, and the stream of the chains.
        start: the model to start from, e.g. that of ``estimators.pseudolikelihood``.
        ridge: λ ≥ 0; a prior N(0, s²) of the couplings is λ = 1/(2 N s²).
        n_chains, n_rounds, thin: more draws, less noise; and the sweeps between two rounds.
        n_averaged, max_iterations: steps.

    Raises:
        NotConverged: some moment is still off after ``max_iterations``: its maximum may be at infinity.
        sampling.NotMixed: the chains remember where they were a step ago.
    """
    n_spins = _checks.instance("start", start, IsingModel).n_spins
    spins = _checks.spins("spins", spins, n_spins)
    _checks.generator("rng", rng)
    _checks.real("ridge", ridge, low=0.0)
    _checks.count("n_chains", n_chains, minimum=256)
    _checks.count("n_rounds", n_rounds)
    _checks.count("thin", thin)
    _checks.count("n_averaged", n_averaged)
    _checks.count("max_iterations", max_iterations, minimum=n_averaged)
    batches = np.array_split(spins, -(-len(spins) // 1024))
    wanted = sum(_features(batch).sum(0) for batch in batches) / len(spins)
    vector, n_draws = start.to_vector(), n_chains * n_rounds
    penalty = np.where(np.arange(vector.size) < n_spins, 0.0, 2 * ridge)
    limit = stats.norm.isf(_FALSE_ALARM / (2 * vector.size))
    replica, settled = sampling._Replica(start, n_chains, rng), 0
    replica.state[:n_spins] = spins[rng.integers(0, len(spins), n_chains)].T
    replica.sweep(100 * thin)
    longest, lowest, kept = _LONGEST, np.inf, replica.state.copy()
    for n_iterations in range(1, max_iterations + 1):
        replica.follow(IsingModel.from_vector(vector, n_spins))
        replica.sweep(10 * thin)
        before, of_chains, products = replica.spins, 0.0, 0.0
        for _ in range(n_rounds):
            replica.sweep(thin)
            drawn = _features(replica.spins)  # (C, L)
            of_chains = of_chains + drawn / n_rounds
            products = products + (0 if settled else drawn.T @ drawn)
        found = of_chains.mean(0, dtype=np.float64)
        if not settled:
            curvature = products / n_draws - np.outer(found, found) + np.diag(penalty + 1 / n_draws)
        rest = wanted - found - penalty * vector
        deviations = (of_chains - found) / n_chains  # (C, L); their squares add up to the variance of ⟨O⟩_p
        z_scores = rest / (np.sqrt((deviations**2).sum(0)) + 1 / n_draws)
        step, *noise = np.linalg.solve(curvature, np.vstack([rest, deviations]).T).T
        gain, feigned = rest @ step, (deviations * noise).sum()
        if settled >= n_averaged and np.abs(z_scores).max() <= limit:
            sampling._require_mixed(before, replica.spins, 0.05, 10 * thin, n_rounds * thin)
            return BoltzmannFit(replica.model, z_scores, n_iterations)
        if gain > 2 * lowest and not settled:  # too long a step: back, and shorter
            longest /= 4
            replica.state[:] = kept
        else:
            settled += settled > 0 or gain <= 3 * feigned
            longest, lowest, last = min(2 * longest, _LONGEST), gain, vector
            kept, direction = replica.state.copy(), step
        vector = last + min(1.0, np.sqrt(2 * longest / lowest)) / max(settled, 1) * direction
    raise NotConverged(
        f"Boltzmann learning did not converge in {max_iterations} iterations: a moment is still off by "
        f"{np.abs(z_scores).max():.1f} standard errors (allowed {limit:.1f}); use a larger ridge or n_rounds",
        np.abs(rest).max(),
    )


def _features(spins):
    """O(σ) of each sample: σ_i, then σ_i σ_j for i < j, (n, L) float32."""
    first, second = np.triu_indices(spins.shape[1], 1)
    return np.concatenate([spins, spins[:, first] * spins[:, second]], axis=1, dtype=np.float32)


def log_partition(model, *, rng, n_chains=1024, n_steps=1000):
    """The tuple of log Z, by annealed importance sampling, and its standard error  (Neal 2001).

    Chains start from independent spins in the fields, whose Z is Π_i 2 cosh h_i.  The couplings grow from 0
    to J in ``n_steps`` equal steps, a sweep before each, and every chain is weighed by what they gain::

        Z = Z₀ ⟨exp Σ_k Σ_{i<j} J_ij σ_i σ_j / n_steps⟩    with σ before the k-th step.

    Args:
        model, rng: (h, J), and the stream of the chains.
        n_chains, n_steps: more of either, a smaller error; it is to be trusted below some 0.3.
    """
    _checks.instance("model", model, IsingModel)
    _checks.generator("rng", rng)
    _checks.count("n_chains", n_chains, minimum=2)
    _checks.count("n_steps", n_steps)
    replica, logs = sampling._Replica(model, n_chains, rng), np.zeros(n_chains)
    for step in range(n_steps):
        replica.follow(IsingModel(model.fields, step / n_steps * model.couplings))
        replica.sweep(1)
        logs -= block_energy(replica.spins.astype(float), 0 * model.fields, model.couplings) / n_steps
    weights = np.exp(logs - logs.max())
    log_z = np.log(2 * np.cosh(model.fields)).sum() + logs.max() + np.log(weights.mean())
    return float(log_z), float(weights.std(ddof=1) / weights.mean() / np.sqrt(n_chains))
