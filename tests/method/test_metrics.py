"""Scores against sums and confusion matrices worked out by hand."""

import numpy as np
import pytest

from ising_lib import exact, imputation, ising, metrics

ROUNDING = 1e-13  # a few hundred terms of order 1 in double precision


def test_recovery_by_a_confusion_matrix():
    """Of 8 missing spins: 2 spikes found, 1 missed, 2 invented, 3 silences right; the known never count."""
    true = np.array([[1, 1, 1, -1, -1], [-1, -1, -1, 1, 1]])
    filled = np.array([[1, 1, -1, 1, 1], [-1, -1, -1, -1, -1]])
    missing = np.array([[True] * 5, [True, True, True, False, False]])
    np.testing.assert_array_equal(metrics.confusion(true, filled, missing), [[2, 0], [1, 0], [2, 0], [0, 3]])
    score = metrics.recovery(true, filled, missing)
    assert score.n_missing == 8
    assert score.accuracy == pytest.approx(5 / 8, rel=ROUNDING)
    assert score.recall == pytest.approx(2 / 3, rel=ROUNDING)
    assert score.precision == pytest.approx(2 / 4, rel=ROUNDING)
    assert score.balanced_accuracy == pytest.approx((2 / 3 + 3 / 5) / 2, rel=ROUNDING)


@pytest.mark.parametrize("n_samples", [1, 1023, 1024, 1025, 2100])
def test_nearest_distance_by_comparing_all_pairs(n_samples, rng):
    """On both sides of the block boundary of 1,024 samples."""
    spins, reference = rng.choice([-1, 1], (n_samples, 7)), rng.choice([-1, 1], (20, 7))
    expected = (spins[:, None] != reference[None]).sum(2).min(1)
    distance = metrics.nearest_distance(spins, reference)
    np.testing.assert_array_equal(distance, expected)
    assert np.issubdtype(distance.dtype, np.integer)


def test_log_pseudolikelihood_is_made_of_enumerated_conditionals(rng):
    """p(σ_i | rest) = p(σ)/(p(σ) + p(σ with spin i flipped)), from the energies of both."""
    model = ising.gaussian(6, 1.0, 1.0, rng=rng)
    spins = rng.choice([-1, 1], (40, 6))
    total = 0.0
    for i in range(6):
        flipped = spins.copy()
        flipped[:, i] *= -1
        total += np.log(1 / (1 + np.exp(ising.energy(model, spins) - ising.energy(model, flipped))))
    assert metrics.log_pseudolikelihood(model, spins) == pytest.approx(total.mean(), rel=1e-12)
    nothing = ising.IsingModel(np.zeros(6), np.zeros((6, 6)))
    assert metrics.log_pseudolikelihood(nothing, spins) == pytest.approx(-6 * np.log(2), rel=1e-12)


def test_rates_keep_the_shape_of_the_counts_and_own_up_to_nothing():
    """Three cases at once: something of all; nothing +1, so no recall; nothing filled in with +1."""
    found = metrics.rates([3, 0, 0], [1, 0, 2], [2, 0, 0], [4, 7, 8])
    np.testing.assert_allclose(found["accuracy"], [7 / 10, 1, 8 / 10], rtol=ROUNDING)
    np.testing.assert_array_equal(found["recall"], [3 / 4, np.nan, 0])
    np.testing.assert_array_equal(found["precision"], [3 / 5, np.nan, np.nan])
    np.testing.assert_allclose(
        found["balanced_accuracy"], [(3 / 4 + 2 / 3) / 2, np.nan, 1 / 2], rtol=ROUNDING
    )


def test_log_loss_is_made_of_enumerated_conditionals(rng):
    """−log p(σ_i | known) from the weights of all 2^6 states; what is known costs nothing."""
    model = ising.gaussian(6, 1.5, rng=rng)
    states, weights = exact.configurations(6), exact.probabilities(model)
    spins = exact.sample(model, 20, rng=rng)
    missing = imputation.random_mask(spins.shape, 3, rng=rng)
    found = metrics.log_loss(spins, imputation.log_odds(model, np.where(missing, 0, spins)), missing)
    for row, holes, loss in zip(spins, missing, found, strict=True):
        agrees = (states[:, ~holes] == row[~holes]).all(1)
        given = weights * agrees / weights[agrees].sum()
        expected = -sum(np.log(given[states[:, i] == row[i]].sum()) for i in np.flatnonzero(holes))
        assert loss == pytest.approx(expected, rel=1e-10)


def test_log_loss_of_the_sure():
    """Right: nothing. Wrong by 40: 40, though 1 − p is no longer told from 0. Impossible: infinite."""
    odds = np.array([[40.0, np.inf], [-40.0, np.inf], [0.0, -np.inf]])
    missing = np.array([[True, False], [True, False], [True, True]])
    found = metrics.log_loss(np.ones((3, 2)), odds, missing)
    np.testing.assert_allclose(found, [0, 40, np.inf], atol=1e-15)
