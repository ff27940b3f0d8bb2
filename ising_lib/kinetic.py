"""The kinetic Ising model with synchronous updates: all spins are redrawn at once, from the last state.

p(σ(t+1) | σ(t)) = Π_i exp(σ_i(t+1) H_i(t)) / (2 cosh H_i(t)),    H_i(t) = h_i + Σ_j W_ij σ_j(t).

W need not be symmetric, and W_ii may differ from 0.  Given σ(t) the spins of σ(t+1) are independent: the
likelihood is a product of M logistic regressions, each convex  (Roudi and Hertz 2011).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ising_lib import _checks, _regression


@dataclass(frozen=True, eq=False)
class KineticModel:
    """h (M,) and W (M, M): W_ij is the effect of spin j on spin i one step later."""

    fields: np.ndarray
    weights: np.ndarray

    def __post_init__(self):
        n_spins = np.size(self.fields)
        object.__setattr__(self, "fields", _checks.array("fields", self.fields, shape=(n_spins,)))
        object.__setattr__(self, "weights", _checks.array("weights", self.weights, shape=(n_spins,) * 2))

    def local_fields(self, spins):
        """H_i after each state, (N, M)."""
        return self.fields + spins @ self.weights.T


def gaussian(n_spins, coupling_scale=1.0, field_scale=1.0, *, rng):
    """A random instance: W_ij ~ N(0, g²/M), all M² of them, and h_i ~ N(0, g_h²/M)."""
    _checks.count("n_spins", n_spins)
    _checks.real("coupling_scale", coupling_scale, low=0.0)
    _checks.real("field_scale", field_scale, low=0.0)
    _checks.generator("rng", rng)
    weights = rng.normal(0.0, coupling_scale / np.sqrt(n_spins), (n_spins, n_spins))
    return KineticModel(rng.normal(0.0, field_scale / np.sqrt(n_spins), n_spins), weights)


def simulate(model, n_steps, *, rng, start=None):
    """Follow the dynamics: σ(0), σ(1), …, σ(n_steps), (n_steps + 1, M) int8 of ±1.

    Args:
        model, n_steps, rng: the dynamics, steps after the start, stream of the spins.
        start: σ(0), (M,) of ±1; fair coins if not given.
    """
    _checks.instance("model", model, KineticModel)
    _checks.count("n_steps", n_steps)
    _checks.generator("rng", rng)
    n_spins = model.fields.size
    series = np.empty((n_steps + 1, n_spins), np.int8)
    series[0] = rng.choice([-1, 1], n_spins) if start is None else _checks.spins("start", [start], n_spins)[0]
    for t, uniform in enumerate(rng.uniform(-1, 1, (n_steps, n_spins))):
        series[t + 1] = np.where(uniform < np.tanh(model.fields + model.weights @ series[t]), 1, -1)
    return series


def fit(before, after, ridge=0.0, *, rng=None):
    """The KineticModel of highest ⟨log p(σ_i(t+1) | σ(t))⟩ − λ Σ_j W_ij², for each spin, over the pairs.

    Args:
        before, after: (N, M) of ±1, row by row; of a series, ``series[:-1]`` and ``series[1:]``.
        ridge: λ ≥ 0, or "auto": the one of 13 values between 1e-4 and 1 with the highest held-out likelihood
            in three folds.
        rng: shuffles the pairs into the folds; without it they are cut in their order.

    Raises:
        NotConverged: ridge is 0 and some spin is a function of the last state.
    """
    before, after = _pairs(before, after)
    everything = np.ones((before.shape[1],) * 2, bool)
    return KineticModel(*_regression.regress(before, after, everything, ridge, rng)[:2])


def log_likelihood(model, before, after):
    """log p(σ(t+1) | σ(t)) = Σ_i [σ_i(t+1) H_i(t) − log 2 cosh H_i(t)] of each pair, (N,) in nats."""
    _checks.instance("model", model, KineticModel)
    before, after = _pairs(before, after, model.fields.size)
    return special.log_expit(2 * after * model.local_fields(before)).sum(1)


def cramer_rao(model, before):
    """The least variance of any unbiased estimate from what follows these N states.

    The information on (W_i1 … W_iM, h_i) is F_i = Σ_t (1 − tanh² H_i(t)) x(t) x(t)ᵀ with x = (σ, 1); other
    spins' parameters do not enter.

    Args:
        model, before: the truth, and the states, (N, M) of ±1, N well above M.

    Returns:
        tuple: the bounds of h (M,) and of W (M, M).
    """
    _checks.instance("model", model, KineticModel)
    before = _checks.spins("before", before, model.fields.size)
    free = 1 - np.tanh(model.local_fields(before)) ** 2  # (N, M)
    states = np.concatenate([before, np.ones((len(before), 1))], axis=1)
    bounds = np.array([np.diag(np.linalg.inv(states.T @ (column[:, None] * states))) for column in free.T])
    return bounds[:, -1], bounds[:, :-1]


def _pairs(before, after, n_spins=None):
    before = _checks.spins("before", before, n_spins)
    after = _checks.spins("after", _checks.array("after", after, shape=before.shape))
    return before, after
