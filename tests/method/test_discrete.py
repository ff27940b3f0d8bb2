"""Discrete diffusion: exact where its conditionals are, its likelihood by enumeration, its samples by χ²."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import discrete, estimators, exact, ising

FALSE_ALARM = 1e-4


@pytest.mark.parametrize("loss", ["logistic", "screening"])
@pytest.mark.parametrize("n_cycles", [1, 2, 5])
def test_two_spins_are_copied_exactly(n_cycles, loss, rng):
    """A conditional distribution of one spin given one other is logistic, whatever the noise.

    χ² of the four frequencies among the samples against those in the data: as of two samples of one
    distribution, since with C > 1 the regressions see 40,000 noised ones.
    """
    law = np.array([0.5, 0.05, 0.15, 0.3])
    spins = exact.configurations(2)[rng.choice(4, 40_000, p=law)]
    model = discrete.fit(spins, n_cycles, rng, ridge=0.0, loss=loss)
    tables = [
        np.bincount(exact.index(some), minlength=4) for some in (spins, discrete.sample(model, 40_000, rng))
    ]
    # the regressions' own noise, C of them on noised data, adds at most as much again for each
    assert stats.chi2_contingency(tables).statistic < n_cycles * stats.chi2.isf(FALSE_ALARM, 3)
    coins = np.full(4, 10_000)
    assert stats.chi2_contingency([coins, tables[1]]).statistic > 1000  # as opposed to what it starts from


@pytest.mark.parametrize("n_cycles", [1, 4])
def test_samples_follow_the_data_that_it_learned_from(n_cycles, rng):
    """Six spins, 40,000 samples: nearer to the truth than independent spins, by twenty times."""
    truth = ising.gaussian(6, 0.8, 0.5, rng=rng)
    law = exact.probabilities(truth)
    model = discrete.fit(exact.sample(truth, 40_000, rng=rng), n_cycles, rng, ridge=1e-4)
    spins = discrete.sample(model, 40_000, rng)
    shuffled = rng.permuted(spins, axis=0)
    # 64 frequencies of 40,000 draws: ½ Σ √(2 p/(π N)) ≤ 0.016 by noise alone, twice, for fit and for samples
    assert exact.total_variation(exact.frequencies(spins), law) < 0.035
    assert exact.total_variation(exact.frequencies(shuffled), law) > 0.15


def test_the_likelihood_of_one_cycle_is_normalised_and_its_samples_have_it(rng):
    truth = ising.gaussian(5, 1.0, rng=rng)
    model = discrete.fit(exact.sample(truth, 300, rng=rng), 1, rng)
    states = exact.configurations(5)
    law = np.exp(discrete.log_likelihood(model, states))
    assert law.sum() == pytest.approx(1, abs=1e-12)
    spins = discrete.sample(model, 40_000, rng)
    assert stats.chisquare(np.bincount(exact.index(spins), minlength=32), 40_000 * law).pvalue > FALSE_ALARM


def test_held_out_likelihood_comes_close_to_the_truth(rng):
    """8 spins: the truth is likeliest on average; 36 parameters from 5,000 samples cost 0.004 nats."""
    truth = ising.gaussian(8, 0.7, rng=rng)
    spins, held_out = exact.sample(truth, 5000, rng=rng), exact.sample(truth, 20_000, rng=rng)
    model = discrete.fit(spins, 1, rng)
    best = -ising.energy(truth, held_out) - exact.log_partition(truth)
    lost = best - discrete.log_likelihood(model, held_out)
    assert -4 * lost.std() / np.sqrt(20_000) < lost.mean() < 0.02
    lone = discrete.DiscreteDiffusion(np.arctanh(spins.mean(0))[None], np.zeros((1, 8, 8)), 0.0)
    assert (best - discrete.log_likelihood(lone, held_out)).mean() > 0.3


def test_the_first_visit_is_a_regression_of_pseudolikelihood(rng):
    """Before any noise: spin 0 given all others.  The last cycle leaves out what has become coins."""
    spins = exact.sample(ising.gaussian(2, 1.0, rng=rng), 500, rng=rng)
    model = discrete.fit(spins, 3, rng, ridge=0.01)
    rival = estimators.pseudolikelihood(spins, 0.01).model
    # with two spins J_01 and J_10 differ a little, and only their mean is the rival's
    assert model.weights[0, 0, 1] == pytest.approx(rival.couplings[0, 1], abs=0.02)
    assert not np.tril(model.weights[-1]).any()
    assert np.abs(model.weights[1, 1, 0]) < np.abs(model.weights[0, 1, 0]) < np.abs(model.weights[0, 0, 1])
