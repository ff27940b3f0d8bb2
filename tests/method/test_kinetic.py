"""Kinetic Ising: transition matrices by enumeration, the fit against its bound."""

import numpy as np
import pytest
from scipy import optimize, stats

from ising_lib import erasure, exact, kinetic

FALSE_ALARM = 1e-4


def transition_matrix(model):
    """T_ab = p(b | a) over all 2^M states, each factor written out as exp(σ H)/(exp H + exp −H)."""
    states = exact.configurations(model.fields.size).astype(float)
    matrix = np.ones((len(states),) * 2)
    for a, state in enumerate(states):
        for i, h in enumerate(model.fields):
            field = h + sum(model.weights[i, j] * state[j] for j in range(len(state)))
            matrix[a] *= np.exp(states[:, i] * field) / (np.exp(field) + np.exp(-field))
    return matrix


def test_log_likelihood_is_the_logarithm_of_the_transition_matrix(rng):
    model = kinetic.gaussian(3, 1.5, rng=rng)
    matrix, states = transition_matrix(model), exact.configurations(3)
    np.testing.assert_allclose(matrix.sum(1), 1)
    before, after = np.repeat(states, 8, axis=0), np.tile(states, (8, 1))
    np.testing.assert_allclose(kinetic.log_likelihood(model, before, after), np.log(matrix).ravel())


def test_simulation_makes_the_enumerated_transitions(rng):
    """χ² of all 64 transitions of three spins; W is not symmetric, and its transpose would be found out."""
    model = kinetic.gaussian(3, 1.2, rng=rng)
    series = exact.index(kinetic.simulate(model, 40_000, rng=rng))
    counts = np.zeros((8, 8))
    np.add.at(counts, (series[:-1], series[1:]), 1)

    def chi2(matrix):
        expected = counts.sum(1, keepdims=True) * matrix
        return ((counts - expected) ** 2 / expected).sum()

    assert chi2(transition_matrix(model)) < stats.chi2.isf(FALSE_ALARM, 8 * 7)
    assert chi2(transition_matrix(kinetic.KineticModel(model.fields, model.weights.T))) > 1000


def test_a_series_starts_where_it_is_told(rng):
    model = kinetic.gaussian(4, rng=rng)
    start = np.array([1, -1, -1, 1])
    series = kinetic.simulate(model, 5, rng=rng, start=start)
    assert series.shape == (6, 4)
    np.testing.assert_array_equal(series[0], start)


def test_fit_is_the_maximum_of_the_likelihood(rng):
    """Scipy's BFGS on the likelihood of the pairs, with and without a ridge."""
    series = kinetic.simulate(kinetic.gaussian(3, 0.8, rng=rng), 300, rng=rng)
    before, after = series[:-1], series[1:]
    for ridge in (0.0, 0.05):

        def loss(vector, ridge=ridge):
            model = kinetic.KineticModel(vector[:3], vector[3:].reshape(3, 3))
            return -kinetic.log_likelihood(model, before, after).mean() + ridge * vector[3:] @ vector[3:]

        best = optimize.minimize(loss, np.zeros(12), options={"gtol": 1e-7}).x
        fit = kinetic.fit(before, after, ridge)
        # gradients of 5e-7, curvatures above 0.1; the finite differences of BFGS add 1e-5
        np.testing.assert_allclose(np.concatenate([fit.fields, fit.weights.ravel()]), best, atol=1e-4)


def test_direct_fit_is_within_a_tenth_of_the_bound(rng):
    """M = 20, N = 4,000: the mean of 420 squared errors over their bounds, standard error √(2/420) = 7 %.

    Three instances make it 4 %: 0.88 … 1.12 with three of these errors.
    """
    ratios = []
    for _ in range(3):
        model = kinetic.gaussian(20, rng=rng)
        series = kinetic.simulate(model, 4000, rng=rng)
        fit, bound = kinetic.fit(series[:-1], series[1:]), kinetic.cramer_rao(model, series[:-1])
        ratios.append(((fit.weights - model.weights) ** 2 / bound[1]).mean())
        ratios.append(((fit.fields - model.fields) ** 2 / bound[0]).mean())
    assert np.mean(ratios[::2]) == pytest.approx(1, abs=0.12)
    assert np.mean(ratios[1::2]) == pytest.approx(1, abs=3 * np.sqrt(2 / 60))


def test_bound_without_couplings_in_closed_form():
    """All four states of two spins once, W = 0: F_i = 4 (1 − tanh² h_i) times the unit matrix."""
    model = kinetic.KineticModel(np.array([0.3, -1.0]), np.zeros((2, 2)))
    fields, weights = kinetic.cramer_rao(model, exact.configurations(2))
    expected = 1 / (4 * (1 - np.tanh(model.fields) ** 2))
    np.testing.assert_allclose(fields, expected)
    np.testing.assert_allclose(weights, np.repeat(expected[:, None], 2, axis=1))


def test_automatic_ridge_helps_where_pairs_are_few(rng):
    model = kinetic.gaussian(15, 0.5, rng=rng)
    series = kinetic.simulate(model, 80, rng=rng)
    few, auto = (kinetic.fit(series[:-1], series[1:], ridge, rng=rng) for ridge in (1e-4, "auto"))
    errors = [((fit.weights - model.weights) ** 2).mean() for fit in (few, auto)]
    assert errors[1] < 0.5 * errors[0]


def test_a_spin_that_only_copies_needs_a_ridge(rng):
    before = rng.choice([-1, 1], (50, 3))
    after = np.stack([before[:, 1], *rng.choice([-1, 1], (2, 50))], axis=1)
    with pytest.raises(erasure.NotConverged, match="spin 0 is a function of the others"):
        kinetic.fit(before, after)
    assert kinetic.fit(before, after, 0.1).weights[0, 1] > 0.3


def test_pairs_must_be_pairs(rng):
    spins = rng.choice([-1, 1], (9, 3))
    with pytest.raises(ValueError, match="after must have 9 rows, one for each of before, got 8"):
        kinetic.fit(spins, spins[:8])
    with pytest.raises(ValueError, match="weights must have shape"):
        kinetic.KineticModel(np.zeros(3), np.zeros((3, 2)))
