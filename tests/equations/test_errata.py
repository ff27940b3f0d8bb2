"""Slips of the thesis outside the diffusion model: what is printed fails, what book/errata.md says passes.

Those of the diffusion model are in test_errata_diffusion.py.
"""

import numpy as np
import pytest

from ising_lib import erasure, estimators, exact, imputation, ising, sampling, stopping
from tests.equations.helpers import features, posterior, score

ROUNDING = 1e-12
M = 5
STATES = exact.configurations(M)
PAIRS = np.triu_indices(M, 1)
TABLE = features(STATES)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.0, 1.0, rng=rng)


def local_maxima(values):
    """How many inner points of a curve lie above both neighbours."""
    return int(((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])).sum())


def test_after_eq_07_there_are_no_local_maxima(rng):
    """Printed: gradient ascent meets local maxima, above all with sparse data.

    Six samples of five spins.  Along each of 300 lines through the space of parameters the log-likelihood has
    at most one maximum and bends down everywhere.  A sum of two bumps shows that the count would find more.
    """
    mean = features(rng.choice([-1, 1], (6, M))).mean(0)
    along = np.linspace(-6, 6, 241)
    for _ in range(300):
        start, direction = rng.normal(size=(2, TABLE.shape[1]))
        points = start + along[:, None] * direction / np.linalg.norm(direction)
        likelihood = points @ mean - np.logaddexp.reduce(points @ TABLE.T, axis=1)
        assert local_maxima(likelihood) <= 1
        assert np.diff(likelihood, 2).max() < ROUNDING
    assert local_maxima(np.exp(-((along - 3) ** 2)) + np.exp(-((along + 3) ** 2))) == 2


def test_eq_12_first_line_needs_j_of_the_spins_it_multiplies(model):
    """Printed: Σ_{j<k} ε J_ik σ_j σ_k.  No choice of the stray index i gives Z_ε; J_jk does."""
    z = np.exp(exact.log_partition(model.at(0.5)))

    def partition(couplings):  # of each pair j < k, in the order of the features
        return np.exp(0.5 * TABLE @ np.concatenate([model.fields, couplings])).sum()

    assert partition(model.couplings[PAIRS]) == pytest.approx(z, rel=ROUNDING)
    for i in range(M):
        assert abs(partition(model.couplings[i, PAIRS[1]]) / z - 1) > 1e-3


def test_eq_20_21_noise_is_the_score_only_on_average(rng):
    """Printed: σ_0 and ε̄_t as functions of the score s(σ_t), that is, of σ_t alone.

    The same σ_t comes from every σ_0, each with its own noise; the score gives their mean over p(σ_0 | σ_t).
    """
    model, alpha_bar = ising.gaussian(3, rng=rng), 0.6
    sigma_t = rng.normal(size=3)
    given = exact.configurations(3).astype(float), exact.probabilities(model), alpha_bar
    p, states = posterior(sigma_t, *given), given[0]
    noise = (sigma_t - np.sqrt(alpha_bar) * states) / np.sqrt(1 - alpha_bar)  # Eq. 17, one for each σ_0
    by_score = -np.sqrt(1 - alpha_bar) * score(sigma_t, *given)
    np.testing.assert_allclose(p @ noise, by_score, rtol=0, atol=1e-10)
    assert np.abs(noise - by_score).max(1).min() > 0.05  # printed: equality for whichever σ_0 it was
    start = (sigma_t + (1 - alpha_bar) * score(sigma_t, *given)) / np.sqrt(alpha_bar)
    np.testing.assert_allclose(p @ states, start, rtol=0, atol=1e-10)
    assert np.abs(states - start).max(1).min() > 0.05


def test_sec_3_1_other_methods_need_only_observed_samples_too(rng):
    """Printed: unlike others, the Erasure Machine does.  Pseudolikelihood, from 10,000 samples of 40 spins.

    Its gradient, ⟨(σ_i − tanh f_i) σ_j⟩, involves no unseen configuration and vanishes at the truth within
    its standard error; at parameters 30 % too large it does not.
    """
    truth = ising.gaussian(40, 0.8, 0.3, rng=rng)
    spins = sampling.sample(truth, 10_000, rng=rng, burn_in=300, thin=100).astype(np.float64)

    def z_scores(model):
        residual = spins - np.tanh(model.fields + spins @ model.couplings)  # (N, M)
        gradient = residual.T @ spins / len(spins)
        second = (residual**2).T @ np.ones_like(spins) / len(spins)  # σ_j² = 1
        z = gradient / np.sqrt((second - gradient**2) / len(spins))
        return np.abs(z[~np.eye(40, dtype=bool)]).max()

    # 1,560 comparisons of normal numbers: 5.5 is passed by chance once in 17,000
    assert z_scores(truth) < 5.5
    assert z_scores(truth.at(1.3)) > 8


def test_sec_3_2_random_samples_have_the_lower_variance(rng):
    """Printed: random samples imply a high Var E.  M = 40, N = 4,000, g = 1 as in Fig. 7, three truths.

    Uniform spins have Var E = |w_obs|², below the test line and even the observed line.  With the truth as
    ruler the thesis would be right.
    """
    for _ in range(3):
        truth = ising.gaussian(40, 1.0, 0.2, rng=rng)
        spins = sampling.sample(truth, 8192, rng=rng, burn_in=1000, thin=200)
        observed, test = spins[:4000], spins[4096:8096]
        model = erasure.fit(observed, 0.7, tolerance=1e-5).model
        noise = stopping.energy_variance(rng.choice(np.array([-1, 1], np.int8), (4000, 40)), model)
        # the standard error of a variance of 4,000 nearly normal energies is √(2/4000) = 2.2 %; five of them
        assert noise == pytest.approx((model.to_vector() ** 2).sum(), rel=0.11)
        lines = [stopping.energy_variance(line, model) for line in (observed, test)]
        assert noise < 0.9 * min(lines)
        # the ratio is 1.2 to 1.4, its standard error 0.02
        assert (truth.to_vector() ** 2).sum() > 1.1 * stopping.energy_variance(spins, truth)


def test_sec_2_3_discrete_states_can_be_diffused_too(rng):
    """Printed: diffusion makes only continuous states.  Spins that flip, and Bayes' rule to go back."""
    p = exact.probabilities(ising.gaussian(3, 1.5, rng=rng))
    flips = (exact.configurations(3)[:, None] != exact.configurations(3)).sum(-1)
    kernel = 0.1**flips * 0.9 ** (3 - flips)  # each spin flips with probability 0.1 in a step
    forward = [p]
    for _ in range(40):
        forward.append(forward[-1] @ kernel)
    np.testing.assert_allclose(forward[-1], 1 / 8, rtol=0, atol=1e-3)  # (1 − 0.2)^40: nothing is left
    drawn = np.full(8, 1 / 8)
    for before, after in zip(forward[-2::-1], forward[:0:-1], strict=True):
        drawn = drawn @ (before[:, None] * kernel / after).T  # q(σ_{t−1}|σ_t)
    np.testing.assert_allclose(drawn, p, rtol=0, atol=1e-3)
    assert np.ptp(p) > 0.1


def test_sec_3_2_a_test_set_is_extra_data(rng):
    """Printed: a test set of equal size, not counted as data.  Right: with it the error would be half."""
    truth = ising.gaussian(M, rng=rng)
    bound = [estimators.cramer_rao(truth, n).sum() for n in (500, 1000)]
    assert bound[0] == pytest.approx(2 * bound[1], rel=1e-9)
    errors = []
    for _ in range(20):
        spins = exact.sample(truth, 1000, rng=rng)
        fits = [estimators.maximum_likelihood(some).model.to_vector() for some in (spins[:500], spins)]
        errors.append([((fit - truth.to_vector()) ** 2).sum() for fit in fits])
    observed, with_test = np.mean(errors, axis=0)
    assert with_test < 0.7 * observed  # 20 sums of 15 squares: each known to √(2/300) = 8 %


def test_sec_3_4_couplings_alone_can_hold_what_fields_say(rng):
    """Printed: recovery without fields shows that the interactions hold the key information.

    Independent spins have none.  A fit without fields still recovers them better than chance.
    """
    truth = ising.IsingModel(np.full(8, 0.5), np.zeros((8, 8)))
    fit = erasure.fit(exact.sample(truth, 5000, rng=rng), 0.7, fields=False).model
    assert not fit.fields.any()
    spins = exact.sample(truth, 4000, rng=rng)
    missing = imputation.random_mask(spins.shape, 2, rng=rng)
    right = (imputation.impute(fit, np.where(missing, 0, spins)) == spins)[missing].mean()
    assert right > 0.6  # chance is 0.5 ± 0.006, the best that can be had is (1 + tanh 0.5)/2 = 0.73


def test_sec_4_more_augmented_samples_do_not_reach_the_truth(rng):
    """Printed: more augmented samples, more accurate.  Right: up to the network's own distribution."""
    truth = ising.gaussian(4, rng=rng)
    network = ising.IsingModel.from_vector(truth.to_vector() + 0.2 * rng.normal(size=10), 4)
    limit = ((network.to_vector() - truth.to_vector()) ** 2).sum()
    errors = []
    for n in (300, 300_000):
        fits = [estimators.maximum_likelihood(exact.sample(network, n, rng=rng)).model for _ in range(5)]
        errors.append(np.mean([((fit.to_vector() - truth.to_vector()) ** 2).sum() for fit in fits]))
    assert errors[1] == pytest.approx(limit, rel=0.05)
    assert errors[0] > 1.05 * limit  # it does fall, but
    assert limit > 0.1  # not to zero
