"""Scores against sums, fits and counts worked out otherwise."""

import numpy as np
import pytest

from ising_experiments import scoring
from ising_lib import exact, imputation, ising, metrics

ROUNDING = 1e-13  # a few hundred terms of order 1 in double precision


def test_agreement_is_the_line_of_least_squares(rng):
    """Against numpy's own fit and correlation, one row of parameters at a time."""
    truth = rng.normal(0.3, 0.5, 60)
    inferred = 0.7 * truth - 0.1 + rng.normal(0, 0.2, (2, 3, 60))
    fitted, correlation, weakness = scoring.agreement(truth, inferred)
    for values in (fitted, correlation, weakness):
        assert values.shape == (2, 3)
    for row in np.ndindex(2, 3):
        slope, offset = np.polyfit(truth, inferred[row], 1)
        noise = inferred[row] - offset - slope * truth
        assert fitted[row] == pytest.approx(slope, rel=1e-9)  # polyfit solves by a decomposition
        expected = np.corrcoef(truth, inferred[row])[0, 1]
        assert correlation[row] == pytest.approx(expected, rel=ROUNDING)
        error = ((inferred[row] - truth) ** 2).mean()
        rest = noise.var() + (inferred[row].mean() - truth.mean()) ** 2
        assert weakness[row] == pytest.approx(1 - rest / error, rel=1e-9)


def test_weak_inference_is_all_slope_and_noise_is_none(rng):
    """Half of every parameter: slope 1/2, perfect correlation, nothing but weakness."""
    truth = rng.normal(0, 1, 50)
    truth -= truth.mean()
    assert scoring.agreement(truth, truth / 2) == pytest.approx((0.5, 1.0, 1.0), rel=ROUNDING)
    noise = rng.normal(0, 1, 50)
    noise -= noise @ truth / (truth @ truth) * truth
    slope, correlation, weakness = scoring.agreement(truth, truth + noise)
    assert (slope, weakness) == pytest.approx((1.0, 0.0), abs=ROUNDING)
    assert correlation < 0.9


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
    gain, error = scoring.accuracy_gain(true, filled, other, missing)
    accuracies = [metrics.recovery(true, spins, missing).accuracy for spins in (filled, other)]
    assert gain == pytest.approx(accuracies[0] - accuracies[1], abs=ROUNDING)
    assert scoring.accuracy_gain(true, other, filled, missing) == pytest.approx((-gain, error), abs=ROUNDING)
    assert scoring.accuracy_gain(true, filled, filled, missing) == (0, 0)
    many = np.array([scoring.accuracy_gain(*draw()) for _ in range(4000)])
    actual = many[:, 0].std(ddof=1)
    assert np.sqrt((many[:, 1] ** 2).mean()) == pytest.approx(actual, rel=5 * 0.011 + 1 / 60)


def test_accuracy_gain_by_hand():
    """Two samples, all three spins missing: one spin gained, none; 1/6 ± √(2 (½² + ½²))/6 = 1/6."""
    true = np.ones((2, 3))
    other = np.array([[1, 1, -1], [1, 1, 1]])
    gained = scoring.accuracy_gain(true, true, other, np.ones((2, 3), dtype=bool))
    assert gained == pytest.approx((1 / 6, 1 / 6), rel=ROUNDING)


def test_counts_of_independent_neurons_by_enumeration(rng):
    """Every one of the 2^6 states, added up by the number of active neurons; for several rates at once."""
    rates = rng.random((3, 2, 6))
    law = scoring.independent_counts(rates)
    assert law.shape == (3, 2, 7)
    states = (np.arange(64)[:, None] >> np.arange(6)) & 1  # (64, 6)
    weights = np.where(states, rates[..., None, :], 1 - rates[..., None, :]).prod(-1)  # (3, 2, 64)
    for count in range(7):
        np.testing.assert_allclose(
            law[..., count], weights[..., states.sum(1) == count].sum(-1), rtol=ROUNDING
        )
    np.testing.assert_allclose(scoring.independent_counts(np.full(3, 0.5)), np.array([1, 3, 3, 1]) / 8)


def test_recover_hides_what_is_missing(rng):
    """Whatever stands at the missing places makes no difference; each model fills in its own way."""
    models = {name: ising.gaussian(8, 1.5, rng=rng) for name in ("one", "other")}
    spins, missing = exact.sample(models["one"], 50, rng=rng), rng.random((50, 8)) < 0.6
    filled = scoring.recover(models, spins, missing)
    assert (filled["one"] != filled["other"]).any()
    for name, again in scoring.recover(models, np.where(missing, -spins, spins), missing).items():
        np.testing.assert_array_equal(again, filled[name])
        np.testing.assert_array_equal(again, imputation.impute(models[name], np.where(missing, 0, spins)))


def test_comparison_scores_each_and_compares_each_pair(rng):
    """Both ways round, and on the spins that count alone."""
    spins = rng.choice([-1, 1], (50, 6))
    filled = {name: np.where(rng.random(spins.shape) < 0.2, -spins, spins) for name in "abc"}
    scored = rng.random(spins.shape) < 0.5
    found = scoring.compare(filled, spins, scored)
    assert found.scores == {name: metrics.recovery(spins, filled[name], scored) for name in "abc"}
    assert set(found.gains) == {(a, b) for a in "abc" for b in "abc" if a != b}
    for (one, other), gain in found.gains.items():
        assert gain == scoring.accuracy_gain(spins, filled[one], filled[other], scored)


COURSE = {
    "iterations": np.array([1, 2, 4, 8, 16]),
    "variance": np.array([9.0, 8.0, 6.0, 5.0, 4.0]),
    "test_loss": np.array([5.0, 4.0, 3.0, 2.0, 2.5]),
    "test_line": np.array(5.5),  # as a stored run gives it
    "observed_line": np.array(1.0),
}
ERRORS = np.array([3.0, 1.0, 2.0, 4.0, 0.5])


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (np.inf, {"variance": 3, "loss": 3, "oracle": 4, "last": 4}),
        (8, {"variance": 3, "loss": 3, "oracle": 1, "last": 3}),
        (7, {"variance": 2, "loss": 2, "oracle": 1, "last": 2}),  # no crossing any more: the last one
        (1, {"variance": 0, "loss": 0, "oracle": 0, "last": 0}),
    ],
)
def test_each_rule_keeps_its_checkpoint_among_those_seen(until, expected):
    """By hand: below 5.5 at the fourth, lowest loss at the fourth, lowest error at the fifth or second."""
    assert scoring.kept(COURSE, ERRORS, until) == expected
