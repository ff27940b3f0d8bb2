"""Scores against sums and confusion matrices worked out by hand."""

import numpy as np
import pytest

from ising_lib import exact, imputation, ising, metrics

ROUNDING = 1e-13  # a few hundred terms of order 1 in double precision


@pytest.fixture
def pair():
    """Two models of three spins that differ by Δh = (0.1, 0, −0.2) and ΔJ₁₂, ΔJ₁₃, ΔJ₂₃ = (0.3, 0, −0.1)."""
    truth = ising.IsingModel([0.5, -0.5, 0.0], [[0, 1, 2], [1, 0, -1], [2, -1, 0]])
    model = ising.IsingModel([0.6, -0.5, -0.2], [[0, 1.3, 2], [1.3, 0, -1.1], [2, -1.1, 0]])
    return model, truth


def test_errors_by_hand(pair):
    """(0.01 + 0.04 + 0.09 + 0.01) / 3 = 0.05: each coupling once, divided by M  (Eq. 23), or by all six."""
    assert metrics.thesis_mse(*pair) == pytest.approx(0.05, rel=ROUNDING)
    assert metrics.parameter_mse(*pair) == pytest.approx(0.15 / 6, rel=ROUNDING)
    assert metrics.thesis_mse(pair[0], pair[0]) == 0


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


def test_a_copy_is_at_distance_zero_and_the_opposite_at_m():
    spins = np.array([[1, -1, 1, 1]])
    assert metrics.nearest_distance(spins, spins) == 0
    assert metrics.nearest_distance(-spins, spins) == 4
    with pytest.raises(ValueError, match="spins must have 4 columns"):
        metrics.nearest_distance(spins[:, :3], spins)


def test_agreement_is_the_line_of_least_squares(rng):
    """Against numpy's own fit and correlation, one row of parameters at a time."""
    truth = rng.normal(0.3, 0.5, 60)
    inferred = 0.7 * truth - 0.1 + rng.normal(0, 0.2, (2, 3, 60))
    found = metrics.agreement(truth, inferred)
    assert found.slope.shape == found.correlation.shape == found.weakness.shape == (2, 3)
    for row in np.ndindex(2, 3):
        slope, offset = np.polyfit(truth, inferred[row], 1)
        noise = inferred[row] - offset - slope * truth
        assert found.slope[row] == pytest.approx(slope, rel=1e-9)  # polyfit solves by a decomposition
        expected = np.corrcoef(truth, inferred[row])[0, 1]
        assert found.correlation[row] == pytest.approx(expected, rel=ROUNDING)
        error = ((inferred[row] - truth) ** 2).mean()
        rest = noise.var() + (inferred[row].mean() - truth.mean()) ** 2
        assert found.weakness[row] == pytest.approx(1 - rest / error, rel=1e-9)


def test_weak_inference_is_all_slope_and_noise_is_none(rng):
    """Half of every parameter: slope 1/2, perfect correlation, nothing but weakness."""
    truth = rng.normal(0, 1, 50)
    truth -= truth.mean()
    half = metrics.agreement(truth, truth / 2)
    assert (half.slope, half.correlation, half.weakness) == pytest.approx((0.5, 1.0, 1.0), rel=ROUNDING)
    noise = rng.normal(0, 1, 50)
    noise -= noise @ truth / (truth @ truth) * truth
    noisy = metrics.agreement(truth, truth + noise)
    assert noisy.slope == pytest.approx(1.0, rel=ROUNDING)
    assert noisy.weakness == pytest.approx(0.0, abs=ROUNDING)
    assert noisy.correlation < 0.9


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


def test_accuracy_gain_is_the_difference_of_the_accuracies(rng):
    """And its error is the spread of the gain over many draws of the samples, known to 1/√(2·4000) = 1.1 %.

    The number of missing spins differs from sample to sample; five such errors are allowed.
    """

    def draw():
        true = rng.choice([-1, 1], (60, 5))
        missing = rng.random((60, 5)) < 0.6
        missing[:, 0] = True
        slip = rng.random((60, 1)) < 0.4  # shared within a sample: its errors are correlated
        filled = np.where(slip & (rng.random((60, 5)) < 0.5), -true, true)
        return true, filled, np.where(rng.random((60, 5)) < 0.3, -true, true), missing

    true, filled, other, missing = draw()
    gain, error = metrics.accuracy_gain(true, filled, other, missing)
    accuracies = [metrics.recovery(true, spins, missing).accuracy for spins in (filled, other)]
    assert gain == pytest.approx(accuracies[0] - accuracies[1], abs=ROUNDING)
    assert metrics.accuracy_gain(true, other, filled, missing) == pytest.approx((-gain, error), abs=ROUNDING)
    assert metrics.accuracy_gain(true, filled, filled, missing) == (0, 0)
    many = np.array([metrics.accuracy_gain(*draw()) for _ in range(4000)])
    actual = many[:, 0].std(ddof=1)
    assert np.sqrt((many[:, 1] ** 2).mean()) == pytest.approx(actual, rel=5 * 0.011 + 1 / 60)


def test_accuracy_gain_by_hand():
    """Two samples, all three spins missing: one spin gained, none; 1/6 ± √(2 (½² + ½²))/6 = 1/6."""
    true = np.ones((2, 3))
    other = np.array([[1, 1, -1], [1, 1, 1]])
    gained = metrics.accuracy_gain(true, true, other, np.ones((2, 3), dtype=bool))
    assert gained == pytest.approx((1 / 6, 1 / 6), rel=ROUNDING)


def test_counts_of_independent_neurons_by_enumeration(rng):
    """Every one of the 2^6 states, added up by the number of active neurons; for several rates at once."""
    rates = rng.random((3, 2, 6))
    law = metrics.independent_counts(rates)
    assert law.shape == (3, 2, 7)
    states = (np.arange(64)[:, None] >> np.arange(6)) & 1  # (64, 6)
    weights = np.where(states, rates[..., None, :], 1 - rates[..., None, :]).prod(-1)  # (3, 2, 64)
    for count in range(7):
        np.testing.assert_allclose(
            law[..., count], weights[..., states.sum(1) == count].sum(-1), rtol=ROUNDING
        )
    np.testing.assert_allclose(metrics.independent_counts(np.full(3, 0.5)), np.array([1, 3, 3, 1]) / 8)


def test_held_out_scores_by_enumeration(rng):
    """Of three models, on samples of the second: the most probable state and each conditional, enumerated."""
    models = [ising.gaussian(6, 1.5, rng=rng) for _ in range(3)]
    spins = exact.sample(models[1], 80, rng=rng)
    missing = imputation.random_mask(spins.shape, 3, rng=rng)
    predicted, accuracy = metrics.held_out([model.to_vector() for model in models], spins, missing)
    states = exact.configurations(6)
    for k, model in enumerate(models):
        weights = exact.probabilities(model)
        right, logarithms = 0, 0.0
        for row, hidden in zip(spins, missing, strict=True):
            agrees = (states == row) | hidden
            right += (states[(weights * agrees.all(1)).argmax()] == row)[hidden].sum()
            for i in range(6):
                others = (states == row)[:, np.arange(6) != i].all(1)  # the row, and it with spin i flipped
                same = others & (states[:, i] == row[i])
                logarithms += np.log(weights[same].sum() / weights[others].sum())
        assert accuracy[k] == pytest.approx(right / missing.sum(), rel=ROUNDING)
        assert predicted[k] == pytest.approx(logarithms / len(spins), rel=1e-12)
    assert predicted.argmax() == 1, "the model that made the samples predicts them best"


def test_comparison_scores_each_and_compares_each_pair(rng):
    """Both ways round, and on the spins that count alone."""
    spins = rng.choice([-1, 1], (50, 6))
    filled = {name: np.where(rng.random(spins.shape) < 0.2, -spins, spins) for name in "abc"}
    scored = rng.random(spins.shape) < 0.5
    found = metrics.compare(filled, spins, scored)
    assert found.scores == {name: metrics.recovery(spins, filled[name], scored) for name in "abc"}
    assert set(found.gains) == {(a, b) for a in "abc" for b in "abc" if a != b}
    for (one, other), gain in found.gains.items():
        assert gain == metrics.accuracy_gain(spins, filled[one], filled[other], scored)


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


def test_odds_histogram_by_hand():
    """Two bins, [−1, 0) and [0, 1]; what lies outside goes to the ends, what is known nowhere."""
    true = np.array([[1, -1, -1, 1, 1]])
    odds = np.array([[9.0, -9.0, 0.5, -0.5, 0.5]])
    missing = np.array([[True, True, True, True, False]])
    found = metrics.odds_histogram(true, odds, missing, [-1, 0, 1])
    np.testing.assert_array_equal(found, [[1, 1], [1, 1]])
