"""Scores against sums and confusion matrices worked out by hand."""

import numpy as np
import pytest

from ising_lib import ising, metrics, store

ROUNDING = 1e-13  # a few hundred terms of order 1 in double precision


@pytest.fixture
def pair():
    """Two models of three spins that differ by Δh = (0.1, 0, −0.2) and ΔJ₁₂, ΔJ₁₃, ΔJ₂₃ = (0.3, 0, −0.1)."""
    truth = ising.IsingModel([0.5, -0.5, 0.0], [[0, 1, 2], [1, 0, -1], [2, -1, 0]])
    model = ising.IsingModel([0.6, -0.5, -0.2], [[0, 1.3, 2], [1.3, 0, -1.1], [2, -1.1, 0]])
    return model, truth


def test_thesis_mse_by_hand(pair):
    """(0.01 + 0.04 + 0.09 + 0.01) / 3 = 0.05: each coupling once, divided by M  (Eq. 23)."""
    assert metrics.thesis_mse(*pair) == pytest.approx(0.05, rel=ROUNDING)


def test_parameter_mse_by_hand(pair):
    """The same sum divided by the six parameters."""
    assert metrics.parameter_mse(*pair) == pytest.approx(0.15 / 6, rel=ROUNDING)


@pytest.mark.parametrize("n_spins", [1, 2, 9])
def test_the_two_errors_differ_by_the_factor_of_the_docstring(n_spins, rng):
    model, truth = ising.gaussian(n_spins, rng=rng), ising.gaussian(n_spins, rng=rng)
    expected = metrics.thesis_mse(model, truth) * 2 / (n_spins + 1)
    assert metrics.parameter_mse(model, truth) == pytest.approx(expected, rel=ROUNDING)
    assert metrics.thesis_mse(truth, truth) == 0


@pytest.mark.parametrize("score", [metrics.thesis_mse, metrics.parameter_mse])
def test_models_of_different_sizes_are_refused(score, rng):
    with pytest.raises(ValueError, match="model must have 4 spins like truth, got 5"):
        score(ising.gaussian(5, rng=rng), ising.gaussian(4, rng=rng))


def test_error_of_a_stored_run_is_the_thesis_mse(rng):
    """For one vector of parameters and for a row of them; fields and couplings add up to the whole."""
    truth = ising.gaussian(5, rng=rng)
    models = [ising.gaussian(5, rng=rng) for _ in range(3)]
    arrays = {
        "truth": truth.to_vector(),
        "one": models[0].to_vector(),
        "many": np.array([model.to_vector() for model in models]),
    }
    run = store.Run({"n_spins": 5}, arrays, {})
    expected = [metrics.thesis_mse(model, truth) for model in models]
    assert run.error("one") == pytest.approx(expected[0], rel=ROUNDING)
    np.testing.assert_allclose(run.error("many"), expected, rtol=ROUNDING)
    np.testing.assert_allclose(
        run.share("many", "fields") + run.share("many", "couplings"), expected, rtol=ROUNDING
    )
    fields_alone = [((model.fields - truth.fields) ** 2).sum() / 5 for model in models]
    np.testing.assert_allclose(run.share("many", "fields"), fields_alone, rtol=ROUNDING)


def test_recovery_by_a_confusion_matrix():
    """Of 8 missing spins: 2 spikes found, 1 missed, 2 invented, 3 silences right; the known never count."""
    true = np.array([[1, 1, 1, -1, -1], [-1, -1, -1, 1, 1]])
    filled = np.array([[1, 1, -1, 1, 1], [-1, -1, -1, -1, -1]])
    missing = np.array([[True] * 5, [True, True, True, False, False]])
    score = metrics.recovery(true, filled, missing)
    assert score.n_missing == 8
    assert score.accuracy == pytest.approx(5 / 8, rel=ROUNDING)
    assert score.recall == pytest.approx(2 / 3, rel=ROUNDING)
    assert score.precision == pytest.approx(2 / 4, rel=ROUNDING)
    assert score.balanced_accuracy == pytest.approx((2 / 3 + 3 / 5) / 2, rel=ROUNDING)


def test_all_silent_has_no_precision_and_balanced_accuracy_one_half():
    true = np.array([[1, -1, -1, -1]])
    score = metrics.recovery(true, -np.ones((1, 4)), np.ones((1, 4), dtype=bool))
    assert np.isnan(score.precision)
    assert (score.accuracy, score.recall, score.balanced_accuracy) == (0.75, 0.0, 0.5)


def test_nothing_but_silence_has_no_recall():
    silent = -np.ones((2, 3))
    score = metrics.recovery(silent, silent, np.ones((2, 3), dtype=bool))
    assert score.accuracy == 1
    assert np.isnan([score.recall, score.precision, score.balanced_accuracy]).all()


def test_wrong_arguments_of_recovery_are_named():
    spins = np.ones((2, 3))
    with pytest.raises(ValueError, match="missing must mark at least one spin"):
        metrics.recovery(spins, spins, np.zeros((2, 3), dtype=bool))
    with pytest.raises(ValueError, match="must have one shape"):
        metrics.recovery(spins, spins, np.ones((3, 2), dtype=bool))
    with pytest.raises(ValueError, match="must have one shape"):
        metrics.recovery(spins, spins, np.ones((2, 3)))  # not boolean
    with pytest.raises(ValueError, match="must have one shape"):
        metrics.recovery(spins, spins[:1], np.ones((2, 3), dtype=bool))
    with pytest.raises(ValueError, match="filled_spins must hold only"):
        metrics.recovery(spins, 0 * spins, np.ones((2, 3), dtype=bool))


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


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([0.65, 0.71, 0.74], 3, "0.700 (0.650 to 0.740)"),
        ([0.65, 0.75], 1, "0.7 (0.7 to 0.8)"),  # halves go to the even digit
        ([2, 4], 0, "3 (2 to 4)"),
        (0.25, 2, "0.25"),
        ([0.25], 3, "0.250"),
        ([1.0, float("nan")], 1, "nan (nan to nan)"),
    ],
)
def test_spread(values, digits, text):
    assert metrics.spread(values, digits) == text


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
