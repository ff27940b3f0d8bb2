"""The equations of book/stopping_and_imputation.md: derivatives, enumeration, and laws of averages."""

import itertools

import numpy as np
import pytest
import torch

from ising_lib import erasure, exact, imputation, ising, stopping
from tests.equations.helpers import energy_variance, features, mean_energy
from tests.oracles import enumerated_conditional

ROUNDING = 1e-12
M = 5
STATES = exact.configurations(M)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.0, 1.0, rng=rng)


def test_eq_s1_energy_variance_is_a_quadratic_form(model, rng):
    """Var E = wᵀ Cov(O) w, with the covariance of the samples."""
    spins, w = rng.choice([-1, 1], (100, M)).astype(np.int8), model.to_vector()
    covariance = np.cov(features(spins).T, bias=True)
    assert stopping.energy_variance(spins, model) == pytest.approx(w @ covariance @ w, abs=ROUNDING)


def test_eq_s2_variance_is_the_slope_of_the_mean_energy(model, rng):
    """−d⟨H⟩/dβ = d² ln Z/dβ² by autodiff twice; C = d⟨H⟩/dT by a difference in T, for the whole system."""
    exponents = torch.from_numpy(-ising.energy(model, STATES))
    beta = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    [minus_mean] = torch.autograd.grad(torch.logsumexp(beta * exponents, 0), beta, create_graph=True)
    [slope] = torch.autograd.grad(minus_mean, beta)
    assert slope.item() == pytest.approx(energy_variance(model), abs=ROUNDING)
    d = 1e-4  # central difference: error d² ⟨E⟩'''/6 ≈ 1e-8, rounding 1e-16/d = 1e-12
    for temperature in (1.0, 1.7):
        heat = (mean_energy(model, temperature + d) - mean_energy(model, temperature - d)) / (2 * d)
        expected = energy_variance(model.at(1 / temperature), ruler=model) / temperature**2
        assert heat == pytest.approx(expected, abs=1e-6)
    # of other samples, as on the test line, it is no heat capacity; nor per spin, as printed
    foreign = energy_variance(ising.gaussian(M, rng=rng), ruler=model)
    assert abs(foreign - energy_variance(model)) > 0.05 * energy_variance(model)


def test_eq_s3_variance_of_uniform_spins_is_the_squared_length(model):
    """Var_0 E = |w|²: the line on which untrained samples begin."""
    w = model.to_vector()
    assert stopping.energy_variance(STATES, model) == pytest.approx(w @ w, abs=ROUNDING)


def third(model, other=None):
    """Half of the bracket of Eq. S.4 for ruler and distribution in one, or all of it for two."""
    h, J, g, U = model.fields, model.couplings, *(vars(other or model)[k] for k in ("fields", "couplings"))
    return h @ U @ h / 2 + h @ J @ g + np.trace(J @ J @ U) / 2


@pytest.mark.parametrize("scale", [0.8, 1.5])
def test_eq_s4_first_change(scale, model, rng):
    """d Var_β E/dβ at β = 0 for samples of one model under another, by ``energy_variance`` of all states.

    With the ruler's terms alone it would be right if the ruler were the truth; it is not.
    """
    ruler = ising.gaussian(M, scale, scale, rng=rng)
    zero, d = energy_variance(model.at(0), ruler), 1e-4
    assert zero == pytest.approx(stopping.energy_variance(STATES, ruler), rel=ROUNDING)
    # error d² times a third derivative, of order (sum of |w|)^5/6 or less
    slope = (energy_variance(model.at(d), ruler) - energy_variance(model.at(-d), ruler)) / (2 * d)
    assert slope == pytest.approx(2 * third(ruler, model), abs=1e-5)
    assert abs(slope - 2 * third(ruler)) > 0.01


def test_eq_s4_a_fit_closes_triangles(rng):
    """The terms with one model as both: zero on average for random truths, larger for every fit."""

    truths = [ising.gaussian(12, 1.0, 0.2, rng=rng) for _ in range(20)]
    fits = [erasure.fit(exact.sample(truth, 500, rng=rng), 0.7).model for truth in truths]
    of_truths, of_fits = (np.array([third(m) for m in models]) for models in (truths, fits))
    error = of_truths.std() / np.sqrt(20)
    assert abs(of_truths.mean()) < 5 * error
    assert of_fits.mean() > of_truths.mean() + 5 * error
    assert (of_fits > of_truths).all()
    mixed = np.array([third(fit, truth) for fit, truth in zip(fits, truths, strict=True)])
    assert mixed.mean() > 5 * mixed.std() / np.sqrt(20)  # ruler a fit, samples of the truth: it rises


def fit_value(model, spins, epsilon):
    """K_f(w) = log ⟨e^{(1−ε)H}⟩_f/(1−ε): the first part of F."""
    return np.log(np.exp((1 - epsilon) * ising.energy(model, spins)).mean()) / (1 - epsilon)


def test_eq_s5_the_fit_weighs_the_variance(model, rng):
    """K = ⟨H⟩ + (1−ε)/2 Var H + O((1−ε)²): halving 1−ε divides the remainder by four."""
    spins = exact.sample(model, 300, rng=rng)
    energies, w = ising.energy(model, spins), model.to_vector()
    remainders = []
    for d in (0.02, 0.01):
        value = erasure._Problem(spins).gradient(w, 1 - d)[0] - (1 - d) / 2 * w @ w
        assert value == pytest.approx(fit_value(model, spins, 1 - d), abs=1e-9)
        remainders.append(value - energies.mean() - d / 2 * energies.var())
    assert remainders[0] / remainders[1] == pytest.approx(4, rel=0.1)  # 1 + O(d), d · |H| ≈ 0.05


def pairs_of_fits(rng, n_pairs):
    """Pairs of data sets of 60 samples from one truth, and the fit of each."""
    truth = ising.gaussian(M, rng=rng)
    for _ in range(n_pairs):
        first, second = (exact.sample(truth, 60, rng=rng) for _ in range(2))
        yield first, second, erasure.fit(first, 0.6).model, erasure.fit(second, 0.6).model


def test_eq_s6_observed_below_test(rng):
    """F_D(w_D) ≤ F_D(w_D') for every pair; hence K of the observed below K of the test samples on average."""
    gaps, variances = [], []
    for first, second, own, other in pairs_of_fits(rng, 150):
        values = [fit_value(m, first, 0.6) + 0.3 * (m.to_vector() ** 2).sum() for m in (own, other)]
        assert values[0] <= values[1] + 1e-9  # the fit is a minimum to residual²/ε = 1e-12
        gaps.append(fit_value(own, second, 0.6) - fit_value(own, first, 0.6))
        variances.append(stopping.energy_variance(second, own) - stopping.energy_variance(first, own))
    for sample in (gaps, variances):  # the first is proved, the second is what the rule relies on
        assert np.mean(sample) > 5 * np.std(sample) / np.sqrt(len(sample))


def test_eq_s8_standard_error_of_a_line(rng):
    """√((μ₄ − Var²)/N) over 4,000 data sets of 200; for normal numbers it is Var √(2/N)."""
    model, n_samples, n_sets = ising.gaussian(8, rng=rng), 200, 4000
    p, energies = exact.probabilities(model), ising.energy(model, exact.configurations(8))
    centred = energies - p @ energies
    variance, fourth = p @ centred**2, p @ centred**4
    drawn = rng.choice(energies, (n_sets, n_samples), p=p)
    # the standard deviation of 4,000 values is known to 1.1 %, more where their own tails are heavy; 8 %
    expected = np.sqrt((fourth - variance**2) / n_samples)
    assert drawn.var(1).std() == pytest.approx(expected, rel=0.08)
    normal = rng.normal(0, np.sqrt(variance), (n_sets, n_samples))
    assert normal.var(1).std() == pytest.approx(variance * np.sqrt(2 / n_samples), rel=0.08)


def test_eq_s7_stopping_point_between_two_checkpoints():
    """Straight in log n: from 10 at n = 100 to 4 at n = 400, the line 7 is met half-way, at n = 200."""
    stop = stopping.crossing([100, 400], [10.0, 4.0], 7.0, 5.0)
    assert (stop.index, stop.line, stop.crossed) == (1, 7.0, True)
    assert stop.iteration == pytest.approx(200, rel=1e-12)
    # the observed line counts where it is the higher one
    assert stopping.crossing([100, 400], [10.0, 4.0], 5.0, 7.0).iteration == pytest.approx(200, rel=1e-12)


def test_eq_s10_a_mixture_meets_any_line(model, rng):
    """Copies and noise: Var = λ V_c + (1−λ) V_0 + λ(1−λ)(Ē_c − Ē_0)², as the law of total variance says."""
    copies = exact.sample(model, 300, rng=rng)
    noise = rng.choice([-1, 1], (700, M)).astype(np.int8)
    mixed = stopping.energy_variance(np.vstack([copies, noise]), model)
    a, b = ising.energy(model, copies), ising.energy(model, noise)
    expected = 0.3 * a.var() + 0.7 * b.var() + 0.21 * (a.mean() - b.mean()) ** 2
    assert mixed == pytest.approx(expected, abs=ROUNDING)


def test_eq_s9_a_biased_sampler_moves_the_stopping_point():
    """V(n) = 10 + 30 n^{−1/2} against the line 12, with V too high by 1 %: Δ ln n = b V/|dV/d ln n|."""
    iterations = np.geomspace(10, 10_000, 2001)
    variance = 10 + 30 / np.sqrt(iterations)
    true, biased = (
        stopping.crossing(iterations, factor * variance, 12.0, 11.0).iteration for factor in (1, 1.01)
    )
    slope = 15 / np.sqrt(true)  # −dV/d ln n
    # first order in b V/(V − 10) = 0.06: the next order is half of that
    assert np.log(biased / true) == pytest.approx(0.01 * 12 / slope, rel=0.06)


def test_eq_s11_s12_missing_spins_are_a_smaller_ising_model(model, rng):
    """Fields h_i + Σ_known J_ij σ_j, the same couplings; the argmax rule takes its most probable state."""
    missing, holes = np.array([0, 2, 3]), rng.choice([-1, 1], M)
    holes[missing] = 0
    [whole] = enumerated_conditional(model, holes[None])  # by Bayes, over all 2^M states
    expected, states = whole[whole > 0], STATES[whole > 0][:, missing]
    fields = model.fields[missing] + model.couplings[missing] @ holes
    small = ising.IsingModel(fields, model.couplings[np.ix_(missing, missing)])
    found = exact.probabilities(small)[exact.index(states)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)
    up = imputation.probability_up(model, holes[None])[0, missing]  # the library's, spin by spin
    np.testing.assert_allclose(up, expected @ (states > 0), rtol=0, atol=ROUNDING)
    filled = imputation.impute(model, holes[None])[0, missing]
    np.testing.assert_array_equal(filled, states[expected.argmax()])


def test_eq_s14_two_halves_make_the_whole_table(rng):
    """All 2^5 exponents of five missing spins, from 2² and 2³ states and one product of matrices."""
    model = ising.gaussian(5, 1.0, rng=rng)
    table, (first, second) = imputation._table(model.fields, model.couplings)
    assert table.shape == (4, 8)
    for (a, x), (b, y) in itertools.product(enumerate(first), enumerate(second)):
        whole = np.concatenate([x, y]).astype(np.int8)[None]
        assert table[a, b] == pytest.approx(-ising.energy(model, whole)[0], abs=ROUNDING)


def test_eq_s13_a_field_stronger_than_all_couplings_decides(rng):
    """In 300 random systems, the spins with |f_i| > Σ_j |J_ij| have the sign of f_i in the argmax."""
    n_decided = 0
    for _ in range(300):
        model = ising.gaussian(M, 0.7, 1.5, rng=rng)
        best = STATES[exact.probabilities(model).argmax()]
        decided = np.abs(model.fields) > np.abs(model.couplings).sum(1)
        found = imputation.impute(model, np.zeros((1, M), np.int8))[0]
        np.testing.assert_array_equal(found, best)
        np.testing.assert_array_equal(best[decided], np.sign(model.fields)[decided])
        n_decided += decided.sum()
    assert n_decided > 100  # the statement is not empty


def test_eq_s15_s16_marginal_mode_has_the_most_right_spins(rng):
    """Of all 2^m guesses none has more right spins, and none is wholly right more often than the argmax.

    The share that is right is (1 + |⟨σ_i⟩|)/2 on average.
    """
    right, differ = (STATES[:, None] == STATES[None]).mean(2), 0  # of state and guess, (2^M, 2^M)
    for _ in range(200):
        model = ising.gaussian(M, 3.0, 0.3, rng=rng)
        p, holes = exact.probabilities(model), np.zeros((1, M), np.int8)
        joint, single = (
            exact.index(imputation.impute(model, holes, rule))[0] for rule in ("argmax", "marginal")
        )
        shares = p @ right
        assert shares[single] >= shares.max() - ROUNDING
        assert shares[single] == pytest.approx((1 + np.abs(exact.moments(model)[0])).mean() / 2, abs=ROUNDING)
        assert p[joint] >= p.max() - ROUNDING
        differ += shares[single] > shares[joint] + 1e-6
    assert differ > 5  # the two rules are not the same
