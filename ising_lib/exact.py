"""Everything about a small Ising model by enumeration of its 2^M configurations: the oracle of the tests."""

import numpy as np

from ising_lib import _checks
from ising_lib.ising import IsingModel, energy

MAX_SPINS = 20  # 2^20 configurations: a second and some 30 MB; each further spin doubles both


def configurations(n_spins):
    """All configurations, (2^M, M) int8 of ±1, in the order of ``index``.

    Raises:
        ValueError: M above 20, where enumeration stops being a matter of seconds.
    """
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
    return _log_sum_exp(_log_weights(model))


def probabilities(model):
    """p(σ) of every configuration, shape (2^M,), in the order of ``configurations``  (thesis Eq. 1)."""
    log_weights = _log_weights(model)
    return np.exp(log_weights - _log_sum_exp(log_weights))


def moments(model):
    """⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ (M, M), exact  (the model's side of thesis Eq. 4 and 5)."""
    weights = probabilities(model)
    states = configurations(model.n_spins).astype(np.float64)
    return weights @ states, states.T @ (weights[:, None] * states)


def sample(model, n_samples, *, rng):
    """Independent draws (N, M) int8 from the enumerated law."""
    _checks.count("n_samples", n_samples)
    _checks.generator("rng", rng)
    law = probabilities(model)
    rows = rng.choice(law.size, size=n_samples, p=law)
    return configurations(model.n_spins)[rows]


def _log_weights(model):
    _checks.instance("model", model, IsingModel)
    return -energy(model, configurations(model.n_spins))


def _log_sum_exp(values):
    top = values.max()
    return top + np.log(np.exp(values - top).sum())
