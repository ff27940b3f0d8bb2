"""Boltzmann learning and annealed importance sampling, against enumeration; and the recording's moments."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ising_lib import boltzmann, datasets, erasure, estimators, exact, ising, sampling
from tests.oracles import enumerated_moments, moments, z_scores

FALSE_ALARM = 1e-4


def nats(*models):
    """Kullback and Leibler's divergence of two enumerable models."""
    return exact.divergence(*map(exact.probabilities, models))


@pytest.mark.parametrize(("scale", "ridge"), [(0.5, 0.0), (1.0, 0.0), (1.0, 0.02)])
def test_the_maximum_is_found_to_the_noise_of_the_chains(scale, ridge, rng):
    """(w − w*)ᵀ F (w − w*) = 2 KL has the mean L/(8 · 20,480) after 8 averaged steps of 20,480 draws.

    Draws ten sweeps apart are not quite independent, hence a factor of two at the upper end; the ridge
    makes it less.
    """
    model = ising.gaussian(8, scale, 0.5, rng=rng)
    spins = exact.sample(model, 500, rng=rng)
    best = estimators.maximum_likelihood(spins, ridge).model
    start = estimators.pseudolikelihood(spins, 0.3).model
    fit = boltzmann.fit(spins, start, rng=rng, ridge=ridge, n_rounds=20)
    chi2 = 2 * nats(best, fit.model) * 8 * 20_480
    assert chi2 < 2 * stats.chi2.isf(FALSE_ALARM, 36)
    assert 2 * nats(best, start) * 8 * 20_480 > 20 * stats.chi2.isf(FALSE_ALARM, 36)  # where it started
    assert np.abs(fit.z_scores).max() < stats.norm.isf(0.01 / 72)


def test_it_finds_the_maximum_from_afar(rng):
    """From independent spins without fields, and back from couplings of the wrong sign."""
    model = ising.gaussian(8, 1.0, 0.5, rng=rng)
    spins = exact.sample(model, 500, rng=rng)
    best = estimators.maximum_likelihood(spins).model
    for start in (
        ising.IsingModel(np.zeros(8), np.zeros((8, 8))),
        ising.IsingModel(0 * best.fields, -best.couplings),
    ):
        fit = boltzmann.fit(spins, start, rng=rng, n_rounds=20)
        assert 2 * nats(best, fit.model) * 8 * 20_480 < 2 * stats.chi2.isf(FALSE_ALARM, 36)


def test_long_steps_are_taken_back(monkeypatch, rng):
    """Newton's whole steps from couplings of the wrong sign lead away: back, and on by shorter ones."""
    model = ising.gaussian(8, 1.0, 0.5, rng=rng)
    spins = exact.sample(model, 500, rng=rng)
    best, seen = estimators.maximum_likelihood(spins).model, []
    follow = sampling._Replica.follow
    monkeypatch.setattr(boltzmann, "_LONGEST", 3.0)
    monkeypatch.setattr(
        sampling._Replica, "follow", lambda self, new: follow(self, new) or seen.append(new.to_vector())
    )
    start = ising.IsingModel(0 * best.fields, -best.couplings)
    fit = boltzmann.fit(spins, start, rng=rng, n_rounds=10)
    assert 2 * nats(best, fit.model) * 8 * 10_240 < 2 * stats.chi2.isf(FALSE_ALARM, 36)
    moves = np.diff(seen, axis=0)  # half of the last one back, so that the step is half as long
    assert any(move.any() and np.allclose(back, -move / 2) for move, back in itertools.pairwise(moves))


def test_beyond_twenty_spins_the_moments_agree(rng):
    """24 spins: 40,960 fresh draws against the data, less the pull 2 λ J of the prior."""
    spins = sampling.sample(ising.gaussian(24, 0.7, rng=rng), 2000, rng=rng, burn_in=500, thin=100)
    fit = estimators.maximum_likelihood(spins, 0.01, rng=rng)
    fresh = sampling.sample(fit.model, 40_960, rng=rng, burn_in=500, thin=100)
    pull = 0.02 * np.concatenate([np.zeros(24), fit.model.to_vector()[24:]])
    wanted = moments(spins) - pull
    z = z_scores(fresh, wanted)
    # the fit has the noise of 8 times as many draws, not quite independent ones: less than half of z²
    assert np.abs(z).max() < np.sqrt(1.5) * stats.norm.isf(FALSE_ALARM / 2 / z.size)
    assert z.std() < 1.3
    start = estimators.pseudolikelihood(spins, 0.01).model
    far = sampling.sample(start, 40_960, rng=rng, burn_in=500, thin=100)
    assert z_scores(far, wanted).std() > 1.5  # as opposed to what it started from


def test_automatic_ridge_is_that_of_pseudolikelihood(rng):
    spins = exact.sample(ising.gaussian(8, 0.7, rng=rng), 60, rng=rng)
    fit = estimators.maximum_likelihood(spins, "auto")
    assert fit.ridge == estimators.pseudolikelihood(spins).ridge > 1e-3
    pull = 2 * fit.ridge * np.concatenate([np.zeros(8), fit.model.to_vector()[8:]])
    np.testing.assert_allclose(enumerated_moments(fit.model), moments(spins) - pull, atol=1e-6)


def test_a_maximum_at_infinity_is_refused(rng):
    spins = rng.choice([-1, 1], (200, 5))
    spins[:, 4] = spins[:, 0]
    with pytest.raises((erasure.NotConverged, sampling.NotMixed)):  # the two chains of spins freeze
        boltzmann.fit(spins, ising.gaussian(5, 0.1, rng=rng), rng=rng, max_iterations=20)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_log_partition_agrees_with_enumeration(scale, rng):
    model = ising.gaussian(10, scale, rng=rng)
    found, error = boltzmann.log_partition(model, rng=rng)
    assert 0 < error < 0.02
    assert abs(found - exact.log_partition(model)) < stats.norm.isf(FALSE_ALARM / 2) * error


def test_few_steps_say_how_uncertain_they_are(rng):
    """Two steps for strong couplings: the error is large, and the answer within it."""
    model = ising.gaussian(10, 1.5, rng=rng)
    found, error = boltzmann.log_partition(model, rng=rng, n_steps=2, n_chains=4096)
    assert error > 0.02
    assert abs(found - exact.log_partition(model)) < 4 * error


def test_log_partition_of_lone_spins_is_exact(rng):
    fields = np.array([0.5, -2.0, 0.0])
    model = ising.IsingModel(fields, np.zeros((3, 3)))
    found, error = boltzmann.log_partition(model, rng=rng, n_steps=3, n_chains=16)
    assert found == pytest.approx(np.log(2 * np.cosh(fields)).sum(), abs=1e-12)
    assert error == 0


@pytest.mark.slow
def test_the_recording_has_the_moments_of_its_fit(recording, rng):
    """40 neurons, 8,000 bins: all 820 moments of the fit within the noise of the data."""
    spins = datasets.split(datasets.most_active_spins(recording)[0], 8000, 1, rng=rng)[0]
    fit = estimators.maximum_likelihood(spins, 1e-3, rng=rng)
    fresh = sampling.sample(fit.model, 40_960, rng=rng, burn_in=500, thin=50)
    z = z_scores(fresh, moments(spins), 8000)
    assert np.abs(z).max() < stats.norm.isf(0.01 / 2 / z.size)
    _, error = boltzmann.log_partition(fit.model, rng=rng)
    assert error < 0.02
