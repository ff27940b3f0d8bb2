"""The Erasure Machine, pseudolikelihood and imputation, against the plain ways and a peer."""

import functools
import warnings

import numpy as np
import torch
from joblib import Parallel
from pyplm.inference.pseudolikelihoodmax import plm

from ising_lib import _regression, erasure, estimators, exact, imputation, ising, sampling
from tests.benchmarks.measure import Line, Row, peak_bytes, product_rate, side_by_side

_N_PUBLISHED = 1000  # updates, at the customary rate of 0.1


def features(spins):
    """O(σ_k) = (σ_i, σ_i σ_j for i < j), the N × L matrix."""
    i, j = np.triu_indices(spins.shape[1], 1)
    return np.hstack([spins, spins[:, i] * spins[:, j]]).astype(np.float64)


def published_residual(matrix, vector, epsilon):
    """⟨O⟩_{f_ε} − ε w, from the N × L matrix."""
    exponents = (epsilon - 1) * (matrix @ vector)
    weights = np.exp(exponents - exponents.max())
    return weights @ matrix / weights.sum() - epsilon * vector


def published(spins, epsilon, n_updates=_N_PUBLISHED, learning_rate=0.1):
    """The plain way: w ← w + α (⟨O⟩_{f_ε} − ε w) on the N × L matrix of features, from w = 0."""
    matrix = features(spins)
    vector = np.zeros(matrix.shape[1])
    for _ in range(n_updates):
        vector += learning_rate * published_residual(matrix, vector, epsilon)
    return vector


def erasure_machine(n_spins=40, n_samples=100_000, n_few=4_000, repeats=3):
    """A fit to a residual of 1e-6."""
    rng = np.random.default_rng(0)
    spins = sampling.sample(ising.gaussian(n_spins, rng=rng), n_samples, rng=rng, n_chains=4096)
    auto = erasure.fit(spins)
    epsilon = auto.epsilon
    fit = functools.partial(erasure.fit, spins, epsilon)
    found = fit()
    matrix = features(spins)
    vector = np.zeros(matrix.shape[1])

    seconds, one, whole = side_by_side(
        repeats, fit, lambda: published_residual(matrix, vector, epsilon), lambda: erasure.fit(spins)
    )
    plain_seconds = one * _N_PUBLISHED
    at_ours = np.abs(published_residual(matrix, found.model.to_vector(), epsilon)).max()
    memory = [peak_bytes(fit), peak_bytes(lambda: published(spins, epsilon, n_updates=1))]
    few = spins[:n_few]
    same = published(few, epsilon) - erasure.fit(few, epsilon).model.to_vector()
    rate = product_rate((512, n_spins, n_spins), torch.float64, repeats=200)
    limit = 4 * n_samples * n_spins**2 / rate  # two products of (N, M) with (M, M) or its like
    lines = [
        Line(f"ours, one fit at ε = {epsilon:.2f}, {found.n_iterations} iterations", seconds, "s"),
        Line(
            f"plain: {_N_PUBLISHED:,} published updates on N × L (one timed, scaled)",
            plain_seconds,
            "s",
        ),
        Line("plain / ours", plain_seconds / seconds, "", "≥ 30"),
        Line("ours, memory beyond the data", memory[0] / 1e6, "MB"),
        Line("plain, memory beyond the data", memory[1] / 1e6, "MB"),
        Line("ours / plain, memory", memory[0] / memory[1], "", "≤ 0.125"),
        Line('epsilon="auto"', whole, "s"),
        Line('epsilon="auto", fits', auto.n_fits, "", "≤ 10"),
        Line("ours, one iteration", seconds / found.n_iterations, "s"),
        Line("limit: its two products with matrices alone, float64", limit, "s"),
        Line("residual of our answer in the plain equations", at_ours, "", "≤ 1e-6"),
        Line(
            f"N = {n_few:,}: ours against {_N_PUBLISHED:,} updates, largest difference of a parameter",
            np.abs(same).max(),
            "",
            "≤ 1e-5",
        ),
    ]
    return Row(f"Erasure Machine, M = {n_spins}, N = {n_samples:,}", lines)


def pseudolm(spins):
    """The peer's answer: fields and couplings as one symmetric matrix, fields on its diagonal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its use of scikit-learn
        return plm(spins, Parallel(n_jobs=1))


def largest_slope(spins, matrix):
    """The largest slope of the pseudolikelihoods at given parameters of all M regressions, without ridge."""
    slopes = []
    for i, parameters in enumerate(matrix):
        others = np.where(np.arange(len(matrix)) == i, 1, spins)
        local = others @ parameters
        slopes.append(others.T @ (spins[:, i] - np.tanh(local)) / len(spins))
    return float(np.abs(slopes).max())


def pseudolikelihood(n_spins=40, n_samples=4_000, ridge=0.01, repeats=3):
    """Pseudolikelihood with a given ridge, without, and with the ridge chosen."""
    rng = np.random.default_rng(0)
    truth = ising.gaussian(n_spins, rng=rng)
    spins = sampling.sample(truth, n_samples, rng=rng)
    fit = functools.partial(estimators.pseudolikelihood, spins)
    seconds, bare, theirs = side_by_side(
        repeats, lambda: fit(ridge), lambda: fit(0.0), lambda: pseudolm(spins)
    )
    [chosen] = side_by_side(1, fit)
    matrix, model = pseudolm(spins), fit(0.0).model
    ours = model.couplings + np.diag(model.fields)
    fields, weights, *_ = _regression.regress(spins, spins, ~np.eye(n_spins, dtype=bool), 0.0)
    apart = np.abs(ours - matrix)[np.triu_indices(n_spins)]
    error = np.sqrt(estimators.cramer_rao(truth, n_samples, rng=rng, n_draws=20_000).mean())
    slope = largest_slope(spins, weights + np.diag(fields))
    lines = [
        Line(f"ours, ridge {ridge}", seconds, "s"),
        Line("ours, no ridge", bare, "s"),
        Line("peer: pseudolm, no ridge", theirs, "s"),
        Line("ours with ridge / peer", seconds / theirs, "", "≤ 1"),
        Line("ours, ridge chosen: 13 strengths in 3 folds", chosen, "s"),
        Line("no ridge, ours: largest slope left", slope, "", "≤ 1e-6"),
        Line(
            "no ridge: ours against the peer, root mean square difference / Cramér–Rao error",
            np.sqrt((apart**2).mean()) / error,
            "",
            "≤ 0.1",
        ),
    ]
    return Row(f"Pseudolikelihood, M = {n_spins}, N = {n_samples:,}", lines)


def plain_imputation(model, spins):
    """The plain way: the energies of all 2^m states of each sample's missing spins.

    Returns:
        tuple: the most probable state filled in, (N, M) int8, and p(σ_i = +1) of the missing spins, (N, M).
    """
    filled, up = spins.copy(), np.full(spins.shape, np.nan)
    for n, known in enumerate(spins):
        missing = np.flatnonzero(known == 0)
        states = exact.configurations(len(missing)).astype(np.float64)
        fields = model.fields[missing] + model.couplings[missing] @ known
        inner = model.couplings[np.ix_(missing, missing)]
        exponents = states @ fields + 0.5 * ((states @ inner) * states).sum(1)
        weights = np.exp(exponents - exponents.max())
        filled[n, missing] = states[exponents.argmax()]
        up[n, missing] = weights @ (states > 0) / weights.sum()
    return filled, up


def imputing(n_spins=40, n_samples=1000, n_missing=14, n_plain=100, repeats=3):
    """Missing spins filled in exactly, by both rules."""
    rng = np.random.default_rng(0)
    model = ising.gaussian(n_spins, rng=rng)
    spins = sampling.sample(model, n_samples, rng=rng)
    spins[imputation.random_mask(spins.shape, n_missing, rng=rng)] = 0
    some = spins[:n_plain]
    joint, single, plain = side_by_side(
        repeats,
        lambda: imputation.impute(model, spins),
        lambda: imputation.probability_up(model, spins),
        lambda: plain_imputation(model, some),
    )
    plain *= n_samples / n_plain
    filled, up = plain_imputation(model, some)
    different = (imputation.impute(model, some) != filled).sum()
    apart = np.abs(imputation.probability_up(model, some) - up)[some == 0].max()
    table = rng.normal(size=2**n_missing)
    [exponentials] = side_by_side(200, lambda: np.exp(table))
    lines = [
        Line("ours, the most probable joint state", joint, "s", "≤ 5"),
        Line("ours, the probability of each missing spin", single, "s", "≤ 5"),
        Line(f"plain: all states listed, both at once ({n_plain} samples timed, scaled)", plain, "s"),
        Line("plain / ours, both rules together", plain / (joint + single)),
        Line(f"limit of any list: 2^{n_missing} exponentials a sample", exponentials * n_samples, "s"),
        Line("spins filled in otherwise than by the plain way", different, "", "≤ 0"),
        Line("largest difference of a probability", apart, "", "≤ 1e-12"),
    ]
    return Row(f"Imputation, M = {n_spins}, {n_samples:,} samples with {n_missing} missing spins", lines)
