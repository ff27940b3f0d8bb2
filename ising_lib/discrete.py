"""Diffusion that stays on spins: noise redraws them one by one, and so does what undoes it.

The noise visits the spins in order, σ_1 … σ_M, in C cycles.  A visit of cycle c replaces the spin by a fair
coin with probability ν_c.  Of the first value, Π_{c' ≤ c} (1 − ν_c') = 1 − c/C is left after c cycles, so
that ν_C = 1 and the end is M fair coins.

Say that q is the distribution before a visit of spin i, and q' that after it.  The others stay as they are::

    q'(σ_∖i) = q(σ_∖i),    hence    q(σ) = q'(σ_∖i) q(σ_i | σ_∖i):

to undo the visit, redraw the spin from its conditional distribution before it, given the others as they are
now.  That is learned, by one logistic regression for each visit (arXiv 2602.20293 learns it by networks)::

    q(σ_i | σ_∖i) = 1/(1 + exp(−2 σ_i (b_i + Σ_j W_ij σ_j))).

In the last cycle the spins already visited are coins, and are left out: one cycle is an autoregressive model.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ising_lib import _checks, _regression


@dataclass(frozen=True, eq=False)
class DiscreteDiffusion:
    """What undoes each visit: b (C, M) and W (C, M, M) of its regression, and the λ of all."""

    fields: np.ndarray
    weights: np.ndarray
    ridge: float


def fit(spins, n_cycles, rng, *, ridge="auto", loss="logistic"):
    """The DiscreteDiffusion of C · M convex regressions on the samples as the noise has left them.

    Each minimises −⟨log q(σ_i | σ_∖i)⟩ + λ Σ_j W_ij², or the loss of interaction screening.

    Args:
        spins, n_cycles: (N, M) of ±1, and C.
        rng: stream of the folds and of the noise.
        ridge: λ ≥ 0, or "auto": the one of 13 values between 1e-4 and 1 that gives one cycle the highest
            held-out likelihood in three folds.
        loss: "logistic" or "screening".

    Raises:
        NotConverged: ridge is 0 and some spin is a function of the others.
    """
    state = _checks.spins("spins", spins).astype(np.float64)
    _checks.count("n_cycles", n_cycles)
    _checks.generator("rng", rng)
    _checks.choice("loss", loss, ("logistic", "screening"))
    n_samples, n_spins = state.shape
    later = np.triu(np.ones((n_spins, n_spins), bool), 1)  # row i: the spins visited after spin i
    last = _regression.regress(state, state, later, ridge, rng, loss)
    if n_cycles == 1:
        return DiscreteDiffusion(last[0][None], last[1][None], last[2])
    fields, weights = np.zeros((n_cycles, n_spins)), np.zeros((n_cycles, n_spins, n_spins))
    for cycle in range(n_cycles):
        redrawn = 1 / (n_cycles - cycle)  # ν_c
        for i in range(n_spins):
            used = later[[i]] if cycle == n_cycles - 1 else np.arange(n_spins)[None] != i
            found = _regression.regress(state, state[:, [i]], used, last[2], loss=loss)
            fields[cycle, i], weights[cycle, i] = found[0][0], found[1][0]
            coins = rng.choice([-1.0, 1.0], n_samples)
            state[:, i] = np.where(rng.random(n_samples) < redrawn, coins, state[:, i])
    return DiscreteDiffusion(fields, weights, last[2])


def sample(model, n_samples, rng):
    """Undo the visits from last to first, starting from fair coins: N independent samples, (N, M) int8."""
    _checks.instance("model", model, DiscreteDiffusion)
    _checks.count("n_samples", n_samples)
    _checks.generator("rng", rng)
    n_cycles, n_spins = model.fields.shape
    state = rng.choice([-1.0, 1.0], (n_samples, n_spins))
    for cycle in reversed(range(n_cycles)):
        for i in reversed(range(n_spins)):
            mean = np.tanh(model.fields[cycle, i] + state @ model.weights[cycle, i])
            state[:, i] = np.where(rng.uniform(-1, 1, n_samples) < mean, 1.0, -1.0)
    return state.astype(np.int8)


def log_likelihood(model, spins):
    """log p(σ) = Σ_i log q(σ_i | σ_{i+1} … σ_M) of each sample (N, M), in nats, (N,): exact.

    Raises:
        ValueError: the model has more than one cycle: then p is a sum over all that the noise may have done.
    """
    _checks.instance("model", model, DiscreteDiffusion)
    _checks.count("number of cycles", len(model.fields), maximum=1)
    spins = _checks.spins("spins", spins, model.fields.shape[1]).astype(np.float64)
    return special.log_expit(2 * spins * (model.fields[0] + spins @ model.weights[0].T)).sum(1)
