"""Everything about a small Ising model by enumeration of its 2^M configurations: the oracle of the tests.

A distribution is a vector of 2^M probabilities, in the order of ``configurations``.
"""

import numpy as np

from ising_lib import _checks
from ising_lib.ising import IsingModel, energy

MAX_SPINS = 20  # 2^20 configurations: a second and some 30 MB; each further spin doubles both


def configurations(n_spins):
    """All configurations, (2^M, M) int8 of ±1, in the order of ``index``; M at most 20."""
    _checks.count("n_spins", n_spins, maximum=MAX_SPINS)
    numbers = np.arange(2**n_spins, dtype=np.uint32)
    bits = (numbers[:, None] >> np.arange(n_spins, dtype=np.uint32)) & 1  # (2^M, M)
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)


def index(spins):
    """The row of each sample (N, M) in ``configurations``: spin i is bit i of the number."""
    spins = _checks.spins("spins", spins)
    _checks.count("number of spins", spins.shape[1], maximum=MAX_SPINS)
    return (spins > 0) @ (1 << np.arange(spins.shape[1]))


def log_partition(model):
    """log Z = log Σ_σ exp(−H(σ))  (thesis Eq. 1)."""
    return _log_weights(model)[1]


def probabilities(model):
    """p(σ) of every configuration, shape (2^M,), in the order of ``configurations``  (thesis Eq. 1)."""
    log_weights, log_z = _log_weights(model)
    return np.exp(log_weights - log_z)


def moments(model):
    """⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ (M, M), exact  (the model's side of thesis Eq. 4 and 5)."""
    weights = probabilities(model)
    states = configurations(model.n_spins).astype(np.float64)
    return weights @ states, states.T @ (weights[:, None] * states)


def sample(model, n_samples, *, rng):
    """Independent draws (N, M) int8 from the enumerated distribution."""
    _checks.count("n_samples", n_samples)
    _checks.generator("rng", rng)
    rows = rng.choice(2**model.n_spins, size=n_samples, p=probabilities(model))
    return configurations(model.n_spins)[rows]


def frequencies(spins):
    """Empirical f(σ), (2^M,): the share of samples (N, M) in each configuration  (thesis Eq. 3)."""
    rows = index(spins)
    return np.bincount(rows, minlength=2 ** np.shape(spins)[1]) / len(rows)


def total_variation(p, q):
    """``½ Σ_σ |p(σ) − q(σ)|``, 0 … 1, of (2^M,) probabilities; of (S, 2^M) against (2^M,) it is (S,)."""
    p, q = _checks.array("p", p, 0, 1), _checks.array("q", q, 0, 1)
    if p.shape[-1:] != q.shape[-1:]:
        raise ValueError(f"q must be a law of {p.shape[-1:]} configurations like p, got shape {q.shape}")
    return 0.5 * np.abs(p - q).sum(-1)


def divergence(p, q):
    """Kullback and Leibler's Σ_σ p(σ) log(p(σ)/q(σ)), in nats; infinite where only q is 0  (thesis Eq. 3)."""
    p = _checks.array("p", p, 0, 1)
    q = _checks.array("q", q, 0, 1, shape=p.shape)
    possible = p > 0
    if (q[possible] == 0).any():
        return float("inf")
    return float((p[possible] * np.log(p[possible] / q[possible])).sum())


def _log_weights(model):
    """−H of every configuration, and log Z."""
    _checks.instance("model", model, IsingModel)
    exponents = -energy(model, configurations(model.n_spins))
    top = exponents.max()
    return exponents, top + np.log(np.exp(exponents - top).sum())
