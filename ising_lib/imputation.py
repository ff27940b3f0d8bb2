"""Fill in missing spins, 0, from a model: by the most probable joint state, or spin by spin.

Given the known ones, the missing spins follow a small Ising model with the same couplings among them and
fields h_i + Σ_{j known} J_ij σ_j  (thesis Sec. 3.4).  Up to 20 of them are enumerated; more are sampled.
"""

import numpy as np
from scipy import special

from ising_lib import _checks, exact
from ising_lib.ising import IsingModel, block_energy

MAX_ENUMERATED = exact.MAX_SPINS
_ANNEALING = np.geomspace(0.1, 10.0, 200)  # inverse temperatures, one sweep each
_RESTARTS = 16
_QUENCH = 20  # sweeps at a temperature of practically zero: they end in a state that no single flip improves
_BURN_IN, _SWEEPS = 200, 1000


def impute(model, spins, rule="argmax", *, rng=None):
    """Replace the zeros in ``spins``, (N, M) int8 of ±1; the known spins are untouched.

    Args:
        model, spins: the inferred (h, J), and samples (N, M) of −1, 0 (missing) and +1.
        rule: "argmax", the joint state that maximises p(σ_missing | σ_known), as in the thesis; or
            "marginal", each spin's more probable value, which makes the fewest errors per spin.
        rng: needed only when some sample misses more than 20 spins: argmax then takes the best of 16
            annealed heat baths, marginal averages over a heat bath.
    """
    _checks.choice("rule", rule, ("argmax", "marginal"))
    if rule == "marginal":
        return np.where(probability_up(model, spins, rng=rng) >= 0.5, 1, -1).astype(np.int8)
    return _fill(model, spins, rng, _most_probable, _anneal, settle=True).astype(np.int8)


def random_mask(shape, n_missing, *, rng):
    """For each of N samples, which n_missing of its M spins are missing: (N, M) bool, drawn uniformly."""
    n_samples, n_spins = (_checks.count("shape", n) for n in shape)
    _checks.count("n_missing", n_missing, maximum=n_spins)
    first = np.tile(np.arange(n_spins) < n_missing, (n_samples, 1))
    return _checks.generator("rng", rng).permuted(first, axis=1)


def probability_up(model, spins, *, rng=None):
    """p(σ_i = +1 | known spins) for each missing spin, (N, M); 0 or 1 for the known ones; as ``log_odds``."""
    return special.expit(log_odds(model, spins, rng=rng))


def log_odds(model, spins, *, rng=None):
    """log [p(σ_i = +1 | known) / p(σ_i = −1 | known)] for each missing spin, (N, M); ±∞ for the known ones.

    The other missing spins are summed over.  Where a probability is too near 0 or 1 to be written as a
    number, its log-odds still are.  Arguments as of ``impute``.
    """
    odds = _fill(model, spins, rng, _log_odds, _sampled_log_odds)
    return np.where(np.equal(spins, 0), odds, np.copysign(np.inf, spins))


def _fill(model, spins, rng, enumerate_one, sample_many, settle=False):
    """Fill each row with values for its missing spins, exactly where they can be enumerated."""
    _checks.instance("model", model, IsingModel)
    spins = _checks.spins("spins", spins, model.n_spins, allow_missing=True)
    filled = spins.astype(np.float64)
    n_missing = (spins == 0).sum(1)
    large = n_missing > MAX_ENUMERATED
    if large.any():
        if rng is None:
            raise ValueError(
                f"rng is needed because a sample misses {n_missing.max()} spins, more than the "
                f"{MAX_ENUMERATED} that are enumerated; pass numpy.random.default_rng(seed)"
            )
        _checks.generator("rng", rng)
        filled[large] = sample_many(model, spins[large], rng)
    small = filled[~large]
    if settle:
        _settle(model, small)
    for row in small:
        missing = np.flatnonzero(row == 0)
        if missing.size:
            fields = model.fields[missing] + model.couplings[missing] @ row  # zeros add nothing
            row[missing] = enumerate_one(fields, model.couplings[np.ix_(missing, missing)])
    filled[~large] = small
    return filled


def _group(fields, couplings, part):
    """All states of some of the spins, and their exponents Σ f σ + Σ_{i<j} J σ σ without the other spins."""
    n = len(fields[part])
    states = exact.configurations(n).astype(np.float64) if n else np.ones((1, 0))
    return states, -block_energy(states, fields[part], couplings[part, part])


def _table(fields, couplings):
    """Exponents Σ f σ + Σ_{i<j} J σ σ of all 2^m states as a table: half of the spins by the other half."""
    half = len(fields) // 2
    parts = slice(0, half), slice(half, None)
    halves, exponents = zip(*(_group(fields, couplings, part) for part in parts), strict=True)
    between = halves[0] @ couplings[parts[0], parts[1]] @ halves[1].T
    return exponents[0][:, None] + exponents[1][None, :] + between, halves


def _most_probable(fields, couplings):
    table, (first, second) = _table(fields, couplings)
    a, b = np.unravel_index(table.argmax(), table.shape)
    return np.concatenate([first[a], second[b]])


def _settle(model, spins):
    """Give missing spins, in place, the sign of a field that outweighs all open couplings."""
    strengths = np.abs(model.couplings)
    while True:
        missing = spins == 0
        fields = model.fields + spins @ model.couplings
        decided = missing & (np.abs(fields) > missing @ strengths)
        if not decided.any():
            return
        spins[decided] = np.sign(fields[decided])


def _log_odds(fields, couplings):
    # |Σ J σ σ| ≤ 150: products of its exponentials then neither overflow nor lose anything above e^−400
    sums = _sums_by_products if np.abs(couplings).sum() <= 300 else _sums_by_table
    parts = [(w @ (states > 0), w @ (states < 0)) for states, w in sums(fields, couplings)]
    with np.errstate(divide="ignore"):  # a value e^700 times less probable than the other: infinite odds
        return np.concatenate([np.log(up) - np.log(down) for up, down in parts])


def _sums_by_table(fields, couplings):
    """For each half of the spins, its states and their weights, the other half summed over."""
    table, halves = _table(fields, couplings)
    weights = np.exp(table - table.max())
    return zip(halves, (weights.sum(1), weights.sum(0)), strict=True)


def _sums_by_products(fields, couplings):
    """The same for two quarters and a half, u, v and w, ten times faster for 20 spins: the weight is::

        exp(E_u + E_v + u J v) exp(u J w + E_w) exp(v J w) = A_uv B_uw C_vw,

    and its sums over w, or over u and v, are products of these small matrices.
    """
    m = len(fields)
    parts = slice(0, m // 4), slice(m // 4, m // 2), slice(m // 2, m)
    (u, own_u), (v, own_v), (w, own_w) = (_group(fields, couplings, part) for part in parts)
    first = own_u[:, None] + own_v + u @ couplings[parts[0], parts[1]] @ v.T
    a = np.exp(first - first.max())
    b = np.exp(u @ couplings[parts[0], parts[2]] @ w.T + own_w - own_w.max())
    c = np.exp(v @ couplings[parts[1], parts[2]] @ w.T)
    by_uv = a * (b @ c.T)
    return (u, by_uv.sum(1)), (v, by_uv.sum(0)), (w, ((a.T @ b) * c).sum(0))


def _heat_bath_sweep(model, spins, missing, inverse_temperature, rng):
    """One heat-bath sweep of the missing spins of every row, in place; returns their mean given the rest."""
    means = spins.copy()
    for i in range(model.n_spins):
        rows = missing[:, i]
        means[rows, i] = np.tanh(inverse_temperature * (model.fields[i] + spins[rows] @ model.couplings[i]))
        spins[rows, i] = np.where(rng.uniform(-1, 1, rows.sum()) < means[rows, i], 1.0, -1.0)
    return means


def _anneal(model, spins, rng):
    missing = spins == 0
    best, best_energy = spins.copy(), np.full(len(spins), np.inf)
    for _ in range(_RESTARTS):
        state = np.where(missing, 2.0 * rng.integers(0, 2, spins.shape) - 1, spins)
        for inverse_temperature in [*_ANNEALING, *[1e9] * _QUENCH]:
            _heat_bath_sweep(model, state, missing, inverse_temperature, rng)
        energy = block_energy(state, model.fields, model.couplings)
        better = energy < best_energy
        best[better], best_energy[better] = state[better], energy[better]
    return best


def _sampled_log_odds(model, spins, rng):
    missing = spins == 0
    state, total = np.where(missing, 2.0 * rng.integers(0, 2, spins.shape) - 1, spins), np.zeros(spins.shape)
    for sweep in range(_BURN_IN + _SWEEPS):
        means = _heat_bath_sweep(model, state, missing, 1.0, rng)
        if sweep >= _BURN_IN:
            total += means
    with np.errstate(divide="ignore"):  # a spin that never turned
        return 2 * np.arctanh(np.where(missing, total / _SWEEPS, spins))


def independent_model(spins):
    """The baseline of spins (N, M) that know nothing of each other: h_i = artanh⟨σ_i⟩ and J = 0.

    It fills every missing spin with its more frequent value.
    """
    means = _checks.spins("spins", spins).mean(0)
    if (np.abs(means) == 1).any():
        raise ValueError(f"spins must each take both values, spin {np.abs(means).argmax()} never changes")
    return IsingModel(np.arctanh(means), np.zeros((means.size, means.size)))
