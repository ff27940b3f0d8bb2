"""Slips of the thesis outside the diffusion model: what is printed fails, what book/errata.md says passes.

Those of the diffusion model are in test_errata_diffusion.py.
"""

import itertools

import numpy as np
import pytest
import torch

from ising_lib import denoisers, erasure, estimators, exact, imputation, ising, metrics, sampling, stopping
from tests.equations.helpers import energy_variance, features, gradient, mean_energy, posterior, score
from tests.equations.test_erasure_machine import differences, expansion, g, law

ROUNDING = 1e-12
M = 5
STATES = exact.configurations(M)
PAIRS = np.triu_indices(M, 1)
TABLE = features(STATES)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.0, 1.0, rng=rng)


def test_eq_01_02_energy_is_no_function_of_one_spin(model):
    """Printed: H(σ_i).  Among configurations with one value of σ_i the energy takes many values."""
    energies = ising.energy(model, STATES)
    for i in range(M):
        assert np.ptp(energies[STATES[:, i] == 1]) > 0.1  # printed: one energy
    assert len(np.unique(energies)) == 2**M  # right: one for each whole configuration


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


@pytest.mark.parametrize("alpha_bar", [0.2, 0.7, 0.99])
def test_eq_08_score_is_that_of_the_noised_law(alpha_bar, model, rng):
    """Printed: −∇_σ H, the H of Eq. 2 taken as a function of real numbers.  Right: that of q_t."""
    shares, states = exact.probabilities(model), STATES.astype(float)
    clean = states[rng.choice(len(states), p=shares)]
    sigma_t = np.sqrt(alpha_bar) * clean + np.sqrt(1 - alpha_bar) * rng.normal(size=M)
    found, p = (f(sigma_t, states, shares, alpha_bar) for f in (score, posterior))
    right = (np.sqrt(alpha_bar) * p @ states - sigma_t) / (1 - alpha_bar)
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)  # divided by 1 − ᾱ ≥ 0.01
    printed = model.fields + model.couplings @ sigma_t
    assert np.abs(found - printed).max() > 0.1


def test_eq_09_10_left_sides_are_no_derivatives_of_the_likelihood(model, rng):
    """Printed: ∂𝓛_D/∂w.  Right: ∂G_ε/∂w, book Eq. E.2.  All three by autodiff or enumeration."""
    f, w, table = law(rng), model.to_vector(), torch.from_numpy(TABLE)

    def likelihood(vector):
        return torch.from_numpy(f) @ table @ vector - torch.logsumexp(table @ vector, 0)

    right_sides = differences(w, f, 0.5)
    np.testing.assert_allclose(gradient(lambda v: g(v, f, 0.5), w), right_sides, rtol=0, atol=ROUNDING)
    assert np.abs(gradient(likelihood, w) - right_sides).max() > 0.05


def test_eq_12_first_line_needs_j_of_the_spins_it_multiplies(model):
    """Printed: Σ_{j<k} ε J_ik σ_j σ_k.  No choice of the stray index i gives Z_ε; J_jk does."""
    z = np.exp(exact.log_partition(model.at(0.5)))

    def partition(couplings):  # of each pair j < k, in the order of the features
        return np.exp(0.5 * TABLE @ np.concatenate([model.fields, couplings])).sum()

    assert partition(model.couplings[PAIRS]) == pytest.approx(z, rel=ROUNDING)
    for i in range(M):
        assert abs(partition(model.couplings[i, PAIRS[1]]) / z - 1) > 1e-3


def test_eq_12_triple_term_pairs_two_fields_with_their_coupling(model):
    """Printed: Σ tanh εh_l tanh εh_m tanh εh_n.  Right: tanh εh_l tanh εh_m tanh εJ_lm.

    Halving ε divides the remainder by 2⁴ = 16 with the right term, by 2³ = 8 with the printed one.
    """

    def remainder(epsilon, printed):
        t, tj = np.tanh(epsilon * model.fields), np.tanh(epsilon * model.couplings)
        cosh = np.cosh(epsilon * model.fields).prod() * np.cosh(epsilon * model.couplings[PAIRS]).prod()
        missing = np.exp(exact.log_partition(model.at(epsilon))) - expansion(model)(epsilon)
        if printed:
            missing += 2**M * cosh * (t @ np.triu(tj) @ t)
            missing -= (
                2**M * cosh * sum(t[a] * t[b] * t[c] for a, b, c in itertools.combinations(range(M), 3))
            )
        return missing

    # the next order changes the ratio by a share of order ε; the remainders are some 1e-11 at least, against
    # rounding of 1e-15
    right, printed = (remainder(0.004, form) / remainder(0.002, form) for form in (False, True))
    assert right == pytest.approx(16, rel=0.1)
    assert printed == pytest.approx(8, rel=0.1)


def test_eq_21_noise_is_the_score_only_on_average(rng):
    """Printed: ε̄_t = −√(1−ᾱ_t) s(σ_t) with s a function of σ_t alone.

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


def test_eq_23_is_a_sum_over_l_divided_by_m(model, rng):
    """Called a mean squared error; it is (M+1)/2 times the mean of the L squared errors."""
    other = ising.gaussian(M, rng=rng)
    difference = other.to_vector() - model.to_vector()
    printed, mean = (difference**2).sum() / M, (difference**2).mean()
    assert metrics.thesis_mse(other, model) == pytest.approx(printed, rel=ROUNDING)
    assert metrics.thesis_mse(other, model) == pytest.approx((M + 1) / 2 * mean, rel=ROUNDING)
    assert abs(printed / mean - 1) > 1


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


def test_sec_3_2_specific_heat_is_per_spin_and_in_equilibrium(model, rng):
    """Printed: C_v = Var E/(M T²) with "M, T = 1".  That is M times the heat capacity of one spin.

    And it is no heat capacity at all unless the samples are in equilibrium of the energy that is measured.
    """

    d = 1e-4  # central difference: errors of d² = 1e-8 times a derivative of order one
    per_spin = (mean_energy(model, 1 + d) - mean_energy(model, 1 - d)) / (2 * d) / M
    variance = energy_variance(model)
    assert variance / M == pytest.approx(per_spin, abs=1e-6)  # right
    assert abs(variance / 1 - per_spin) > 0.5 * variance  # printed
    foreign = energy_variance(ising.gaussian(M, rng=rng), ruler=model)  # other samples: the test line
    assert abs(foreign / M - per_spin) > 0.05 * per_spin


def test_sec_3_4_joint_argmax_is_not_the_best_guess_of_single_spins(rng):
    """Scored, as there, by the share of missing spins that are right; expected values by enumeration."""
    gains = []
    for _ in range(100):
        model = ising.gaussian(M, 3.0, 0.3, rng=rng)
        p, holes = exact.probabilities(model), np.zeros((1, M), np.int8)
        guesses = (imputation.impute(model, holes, rule)[0] for rule in ("argmax", "marginal"))
        printed, right = (p @ np.equal(STATES, guess).mean(1) for guess in guesses)
        gains.append(right - printed)
    assert min(gains) > -ROUNDING  # never worse
    assert max(gains) > 0.01  # and sometimes better


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


def test_appendix_b_embedding_needs_an_even_number_of_steps():
    """The listing feeds the embedding to Linear(n_steps, …): the widths agree for an even n_steps alone."""
    widths = [denoisers.sinusoidal_embedding(3, n_steps).shape[1] for n_steps in (100, 101)]
    assert widths == [100, 100]
