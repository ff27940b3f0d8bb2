"""Imputation against the conditional law, taken from the enumeration of all 2^8 states."""

import numpy as np
import pytest
from scipy import special, stats

from ising_lib import exact, imputation, ising
from tests.oracles import enumerated_conditional

M = 8
ROUNDING = 1e-12  # sums of at most 2^8 positive terms in double precision, with a margin


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.5, rng=rng)


def with_holes(n_samples, n_missing, rng):
    """Random spins with n_missing zeros in each sample, at places of its own."""
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (n_samples, M))
    places = rng.random((n_samples, M)).argsort(axis=1)[:, :n_missing]
    np.put_along_axis(spins, places, 0, axis=1)
    return spins


def by_hand(model, spins):
    """The most probable joint states, and p(σ_i = +1 | known spins)."""
    table, states = enumerated_conditional(model, spins), exact.configurations(M)
    return states[table.argmax(1)], table @ (states > 0)


def test_both_rules_by_enumeration(model, rng):
    """The most probable joint state; and of each spin the more probable value.  They do not always agree."""
    spins = np.concatenate([with_holes(40, n, rng) for n in range(M + 1)])
    best, up = by_hand(model, spins)
    np.testing.assert_array_equal(imputation.impute(model, spins), best)
    found, single = imputation.probability_up(model, spins), np.where(up >= 0.5, 1, -1)
    np.testing.assert_allclose(found, up, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(imputation.impute(model, spins, "marginal"), single)
    np.testing.assert_array_equal(found[spins != 0], spins[spins != 0] > 0)
    assert (best != single).any()


@pytest.mark.parametrize("rule", ["argmax", "marginal"])
@pytest.mark.parametrize("most_enumerated", [20, 2])
def test_known_spins_and_the_argument_stay_as_they_were(model, rule, most_enumerated, rng, monkeypatch):
    monkeypatch.setattr(imputation, "MAX_ENUMERATED", most_enumerated)
    monkeypatch.setattr(imputation, "_SWEEPS", 10)
    spins = with_holes(30, 4, rng)
    before = spins.copy()
    filled = imputation.impute(model, spins, rule, rng=rng)
    assert filled.dtype == np.int8
    assert set(np.unique(filled)) == {-1, 1}
    np.testing.assert_array_equal(spins, before)
    np.testing.assert_array_equal(filled[spins != 0], spins[spins != 0])


def test_annealing_finds_the_most_probable_state(rng, monkeypatch):
    """Samples that miss more than two spins are annealed here, the others still enumerated.

    A heat bath freezes into one of two valleys with odds of about their probabilities.  So a state e² times
    more probable than any other escapes one restart with 12 %, four with 0.02 %: all of those must be found.
    Two equally good valleys are told apart by luck: 1/16 of the samples may be missed at the very worst.
    """
    monkeypatch.setattr(imputation, "MAX_ENUMERATED", 2)
    model = ising.gaussian(M, 3.0, 3.0, rng=rng)
    spins = np.concatenate([with_holes(30, n, rng) for n in range(1, M + 1)])
    found = (imputation.impute(model, spins, rng=rng) == by_hand(model, spins)[0]).all(1)
    second, first = np.sort(enumerated_conditional(model, spins), axis=1)[:, -2:].T
    clear = first > np.exp(2) * second
    annealed = (spins == 0).sum(1) > 2
    assert (clear & annealed).sum() > 30  # else nothing was tested
    assert found[clear | ~annealed].all()
    assert (~found).mean() < 1 / 16


def test_sampled_marginals_are_the_exact_ones(model, rng, monkeypatch):
    """64 independent chains of one sample: their mean against the exact marginal, their spread as its error.

    Student's t with 63 degrees of freedom passes 5 once in 200,000 times, and there are six spins.
    """
    monkeypatch.setattr(imputation, "MAX_ENUMERATED", 2)
    spins = np.repeat(with_holes(1, 6, rng), 64, axis=0)
    missing = spins[0] == 0
    chains = imputation.probability_up(model, spins, rng=rng)[:, missing]  # (64, 6)
    error = chains.std(0, ddof=1) / np.sqrt(len(chains))
    assert (error > 0).all()  # the chains are different ones
    # a chain that forgets within 50 of its 1,000 sweeps knows a probability to √(0.25 · 100/1000) = 0.16
    assert chains.std(0).max() < 0.16
    t = (chains.mean(0) - by_hand(model, spins[:1])[1][0, missing]) / error
    assert np.abs(t).max() < 5


def test_random_mask_is_uniform(rng):
    """n in each row; every column equally often (z below 5: once in 2 million), and every pair, too (χ²)."""
    n_samples, n_spins, n_missing = 6000, 6, 2
    mask = imputation.random_mask((n_samples, n_spins), n_missing, rng=rng)
    assert mask.dtype == bool
    assert (mask.sum(1) == n_missing).all()
    share = n_missing / n_spins
    z = (mask.sum(0) - n_samples * share) / np.sqrt(n_samples * share * (1 - share))
    assert np.abs(z).max() < 5
    _, counts = np.unique(mask, axis=0, return_counts=True)
    assert len(counts) == 15  # all pairs of six
    assert stats.chisquare(counts).pvalue > 1e-5  # one false alarm in 100,000 seeds


def test_masks_from_one_stream_are_nested():
    """What is missing among few is missing among more: curves against the number of missing are paired."""
    counts = range(1, M + 1)
    masks = np.array([imputation.random_mask((40, M), n, rng=np.random.default_rng(5)) for n in counts])
    assert not (masks[:-1] & ~masks[1:]).any()


def test_independent_model_has_the_means_of_the_samples(rng):
    """By enumeration; and it fills in the more frequent value, whatever is known."""
    spins = np.where(rng.random((200, M)) < np.linspace(0.1, 0.9, M), 1, -1)
    model = imputation.independent_model(spins)
    np.testing.assert_allclose(exact.moments(model)[0], spins.mean(0), rtol=0, atol=ROUNDING)
    missing = imputation.random_mask(spins.shape, 3, rng=rng)
    filled = imputation.impute(model, np.where(missing, 0, spins))
    np.testing.assert_array_equal(filled, np.where(missing, np.sign(spins.mean(0)), spins))


def test_log_odds_where_probabilities_are_no_longer_told_from_0_and_1():
    """Spin 0 alone: its odds are those of its field, e^100, though 1 − p is rounded to 0; and of e^−1600,
    too small for a number, nothing worse than −∞ is said.  Known spins are certain."""
    model = ising.IsingModel([30.0, -20.0, 0.0], [[0, 0, 20], [0, 0, 0], [20, 0, 0]])
    found = imputation.log_odds(model, [[0, -1, 1], [0, 1, -1], [0, 0, 1]])
    expected = [[100, -np.inf, np.inf], [20, np.inf, -np.inf], [100, -40, np.inf]]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    frozen = ising.IsingModel([-800.0], [[0.0]])
    np.testing.assert_array_equal(imputation.log_odds(frozen, [[0]]), [[-np.inf]])


def test_log_odds_of_a_spin_that_never_turned_are_infinite(rng, monkeypatch):
    """The heat bath's mean is then exactly 1."""
    monkeypatch.setattr(imputation, "MAX_ENUMERATED", 1)
    model = ising.IsingModel([50.0, 0.0], np.zeros((2, 2)))
    assert imputation.log_odds(model, [[0, 0]], rng=rng)[0, 0] == np.inf


@pytest.mark.parametrize("strength", [1.0, 300.0])
def test_log_odds_in_logarithms_also_where_exponentials_overflow(strength, rng):
    """From the energies of all 2^8 states; couplings of 300/√8 reach exponents of some thousands.

    Exponents of that size are known to 1e-13 of it; what is less probable than e^−700 is no number at all.
    """
    model = ising.gaussian(M, strength, strength, rng=rng)
    spins = with_holes(40, 7, rng)
    states, energies = exact.configurations(M), ising.energy(model, exact.configurations(M))
    found = imputation.log_odds(model, spins)
    for row, odds in zip(spins, found, strict=True):
        agrees = ((row == 0) | (states == row)).all(1)
        for i in np.flatnonzero(row == 0):
            up, down = (special.logsumexp(-energies[agrees & (states[:, i] == s)]) for s in (1, -1))
            if abs(up - down) < 700:
                assert odds[i] == pytest.approx(up - down, rel=1e-9, abs=1e-8)
            else:
                assert np.sign(odds[i]) == np.sign(up - down)
                assert abs(odds[i]) > 690
