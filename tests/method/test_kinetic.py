"""Kinetic Ising: enumerated transitions, the fit against its bound.  Its likelihood: Eq. K.1, K.2."""

import numpy as np
import pytest
from scipy import optimize, stats

from ising_lib import exact, kinetic

FALSE_ALARM = 1e-4


def test_simulation_makes_the_enumerated_transitions(rng):
    """χ² of all 64 transitions of three spins; W is not symmetric, and its transpose would be found out."""
    model, states = kinetic.gaussian(3, 1.2, rng=rng), exact.configurations(3)
    series = exact.index(kinetic.simulate(model, 40_000, rng=rng))
    counts = np.zeros((8, 8))
    np.add.at(counts, (series[:-1], series[1:]), 1)

    def chi2(model):
        log_matrix = kinetic.log_likelihood(model, np.repeat(states, 8, axis=0), np.tile(states, (8, 1)))
        expected = counts.sum(1, keepdims=True) * np.exp(log_matrix).reshape(8, 8)
        return ((counts - expected) ** 2 / expected).sum()

    assert chi2(model) < stats.chi2.isf(FALSE_ALARM, 8 * 7)
    assert chi2(kinetic.KineticModel(model.fields, model.weights.T)) > 1000


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


def test_automatic_ridge_helps_where_pairs_are_few(rng):
    model = kinetic.gaussian(15, 0.5, rng=rng)
    series = kinetic.simulate(model, 80, rng=rng)
    few, auto = (kinetic.fit(series[:-1], series[1:], ridge, rng=rng) for ridge in (1e-4, "auto"))
    errors = [((fit.weights - model.weights) ** 2).mean() for fit in (few, auto)]
    assert errors[1] < 0.5 * errors[0]
