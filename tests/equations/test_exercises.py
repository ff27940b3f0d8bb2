"""Solutions of the exercises: what they claim, against enumeration, quadrature or the library.

In the order of the chapters; the name of a test begins with that of its page.
"""

import numpy as np
import pytest
import torch
from scipy import optimize

from ising_lib import ddpm, erasure, estimators, exact, imputation, ising, stopping
from ising_lib.ising import IsingModel
from tests.equations.helpers import (
    covariance,
    energy_variance,
    features,
    log_noised,
    mean_energy,
    posterior,
    score,
)
from tests.equations.test_diffusion import one_spin_excess

ROUNDING = 1e-12
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)  # E f(z) = WEIGHTS @ f(NODES), z standard normal
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def pair(coupling, fields=(0.0, 0.0)):
    return IsingModel(fields, [[0, coupling], [coupling, 0]])


def test_inverse_ising_1_one_spin():
    spins = np.array([[1]] * 7 + [[-1]] * 3, dtype=np.int8)
    found = estimators.maximum_likelihood(spins).model.fields[0]
    assert found == pytest.approx(np.arctanh(0.4), abs=1e-6)
    assert estimators.cramer_rao(IsingModel([found], [[0]]), 10)[0] == pytest.approx(np.cosh(found) ** 2 / 10)


def test_inverse_ising_2_two_spins(rng):
    f, states = rng.dirichlet(np.ones(4)), exact.configurations(2)
    model = IsingModel.from_vector(np.log(f) @ features(states) / 4, 2)
    np.testing.assert_allclose(exact.probabilities(model), f, rtol=1e-9)


def test_inverse_ising_3_same_moments_other_law():
    states = exact.configurations(3)
    plus, minus = ((1 + sign * 0.7 * states.prod(1)) / 8 for sign in (1, -1))
    for law in (plus, minus):
        assert law.min() > 0
        np.testing.assert_allclose(law @ features(states), 0, atol=ROUNDING)
    assert np.abs(plus - minus).min() > 0.1


def test_inverse_ising_4_turned_over(rng):
    spins = exact.sample(ising.gaussian(4, rng=rng), 300, rng=rng)
    model, turned = (estimators.maximum_likelihood(s).model for s in (spins, -spins))
    np.testing.assert_allclose(turned.fields, -model.fields, atol=1e-5)  # the solver's tolerance is 1e-6
    np.testing.assert_allclose(turned.couplings, model.couplings, atol=1e-5)


def update(model, i, probability_up):
    """The matrix (2^M, 2^M) of one update of spin i, which becomes +1 with a probability from (f_i, σ_i)."""
    states = exact.configurations(model.n_spins).astype(float)
    local = model.fields[i] + states @ model.couplings[:, i]
    up = probability_up(local, states[:, i])
    rows, bit = np.arange(len(states)), 1 << i
    matrix = np.zeros((len(states),) * 2)
    matrix[rows, rows | bit] = up
    matrix[rows, rows & ~bit] = 1 - up
    return matrix


def heat_bath(local, _):
    return 1 / (1 + np.exp(-2 * local))


def metropolis(local, spin):
    turn = np.minimum(1, np.exp(-2 * local * spin))
    return np.where(spin > 0, 1 - turn, turn)


def test_monte_carlo_1_forgotten_factor(rng):
    model = ising.gaussian(4, rng=rng)
    hot = exact.probabilities(model.at(0.5))
    for i in range(4):
        flow = hot[:, None] * update(model, i, lambda local, _: 1 / (1 + np.exp(-local)))
        np.testing.assert_allclose(flow, flow.T, atol=ROUNDING)
    assert np.abs(hot - exact.probabilities(model)).max() > 0.01


def test_monte_carlo_2_metropolis(rng):
    model, lone = ising.gaussian(4, rng=rng), IsingModel(np.zeros(3), np.zeros((3, 3)))
    for i in range(4):
        flow = exact.probabilities(model)[:, None] * update(model, i, metropolis)
        np.testing.assert_allclose(flow, flow.T, atol=ROUNDING)
    sweep = np.linalg.multi_dot([update(lone, i, metropolis) for i in range(3)])
    np.testing.assert_array_equal(sweep, np.eye(8)[::-1])  # every spin turned
    assert sweep.min(0).sum() == 0  # the δ of Eq. M.5


def test_monte_carlo_3_deep_valley():
    """σ_1, then σ_2.  From (+,+) to (−,−) at the rate x(1−x); the energy has no memory of the last sweep."""
    coupling = 2.5
    sweep = update(pair(coupling), 0, heat_bath) @ update(pair(coupling), 1, heat_bath)
    x = 1 / (1 + np.exp(2 * coupling))
    assert sweep[3, 0] == pytest.approx(x * (1 - x), rel=1e-9)
    assert x == pytest.approx(np.exp(-2 * coupling), rel=0.01)
    agree = sweep[:, [0, 3]].sum(1)  # P(energy −J after the sweep), from each of the four starts
    assert np.ptp(agree) < ROUNDING


def test_monte_carlo_4_temperatures(rng):
    """−C (Δβ)² to first order in Δβ; C of independent spins is M times that of one."""
    model, step = ising.gaussian(8, rng=rng), 1e-3
    change = mean_energy(model, 1) - mean_energy(model, 1 / (1 - step))
    assert step * change == pytest.approx(-energy_variance(model) * step**2, rel=0.02)
    one, six = (IsingModel(np.full(n, 0.7), np.zeros((n, n))) for n in (1, 6))
    assert energy_variance(six) == pytest.approx(6 * energy_variance(one))


def test_erasure_machine_1_one_spin():
    a, spins = 0.8, np.array([[1], [-1]], dtype=np.int8)
    weights = (1 + np.tanh(a) * spins[:, 0]) / 2
    for epsilon in (0.1, 0.5, 0.9):
        h = erasure.fit(spins, epsilon, weights=weights, tolerance=1e-9).model.fields[0]
        assert np.tanh(a - (1 - epsilon) * h) == pytest.approx(epsilon * h, abs=1e-8)
    # the next term is smaller by ε, so at ε = 0.01 the leading one holds to a per cent or so
    h = optimize.brentq(lambda h: np.tanh(a - 0.99 * h) - 0.01 * h, 0, 2, xtol=1e-15)
    assert h - a == pytest.approx(-(0.01**3) * a**3 / 3, rel=0.05)


def test_erasure_machine_2_two_spins(rng):
    (h1, h2), coupling, epsilon = rng.normal(size=2), rng.normal(), 0.4
    t1, t2, t12 = np.tanh(epsilon * np.array([h1, h2, coupling]))
    means, products = exact.moments(pair(coupling, (h1, h2)).at(epsilon))
    assert means[0] == pytest.approx((t1 + t2 * t12) / (1 + t1 * t2 * t12), abs=ROUNDING)
    assert products[0, 1] == pytest.approx((t12 + t1 * t2) / (1 + t1 * t2 * t12), abs=ROUNDING)


def test_erasure_machine_3_spins_that_agree():
    spins = np.ones((101, 40), dtype=np.int8)
    spins[:50] = -1
    model = erasure.fit(spins[:100], 0.5).model
    np.testing.assert_allclose(model.couplings + 2 * np.eye(40), 2, atol=1e-5)
    np.testing.assert_allclose(model.fields, 0, atol=1e-5)
    settings = {"solver": "published", "tolerance": 1e-4, "max_iterations": 3000}
    assert erasure.fit(spins, 0.53, **settings).residual < 1e-4  # one sample more on one side
    with pytest.raises(erasure.NotConverged):
        erasure.fit(spins, 0.5, **settings)


def one_spin_step(h, a, before):
    """For one spin of field h: the factor of σ_0 in μ_q, p(σ_0|σ_t) (2, nodes), σ_q², and q(σ_t)."""
    bar = a * before
    spread = (1 - a) * (1 - before) / (1 - bar)
    x = np.linspace(-8, 8, 4001)
    prior = np.exp(h * np.array([1, -1])) / (2 * np.cosh(h))
    joint = prior[:, None] * np.exp(-((x - np.sqrt(bar) * np.array([[1], [-1]])) ** 2) / (2 * (1 - bar)))
    law = joint.sum(0) / joint.sum()
    factor = (1 - a) * np.sqrt(before) / (1 - bar)
    return factor, joint / joint.sum(0), spread, law


def test_diffusion_1_best_variance():
    factor, shares, spread, law = one_spin_step(0.3, 0.9, 0.6)
    uncertain = 1 - (shares[0] - shares[1]) ** 2  # variance of σ_0 given σ_t
    gap = factor**2 * law @ uncertain  # E |μ_p − μ_q|² for the best mean

    def divergence(s):
        return (np.log(s / spread) + spread / s - 1) / 2 + gap / (2 * s)

    best = optimize.minimize_scalar(
        divergence, bounds=(spread / 4, spread * 4), method="bounded", options={"xatol": 1e-9}
    )
    assert best.x == pytest.approx(spread + gap, rel=1e-5)
    assert gap > 0.01 * spread
    centres = factor * np.array([[1.0], [-1.0]])  # but for the common part, which drops out
    mean = (shares * centres).sum(0)
    assert law @ (shares * (centres - mean) ** 2).sum(0) == pytest.approx(gap, rel=1e-9)


def test_diffusion_2_plus_sign():
    """E[ε̄|σ_t] of jointly normal numbers by regression, and the product of the steps' factors, both signs."""
    schedule = ddpm.NoiseSchedule.linear()
    a, bar = schedule.alphas, schedule.alphas_bar
    slope = np.sqrt(1 - bar) / (bar + 1 - bar)  # Cov(ε̄, σ_t)/Var σ_t
    minus, plus = (((1 + sign * (1 - a) / np.sqrt(1 - bar) * slope) / np.sqrt(a)).prod() for sign in (-1, 1))
    assert minus == pytest.approx(np.sqrt(bar[-1]), rel=1e-9)
    assert np.log(plus) == pytest.approx(15, rel=0.02)


@pytest.mark.parametrize(
    "schedule", [ddpm.NoiseSchedule.linear(), ddpm.NoiseSchedule.linear(4000, 1e-5, 0.005)]
)
def test_diffusion_3_how_much_is_not_normal(schedule):
    """The sum of the excesses is 2 ln 2, whatever the schedule: a Riemann sum of many steps."""
    assert one_spin_excess(schedule).sum() == pytest.approx(2 * np.log(2), rel=0.01)


def states_and_shares(model):
    return exact.configurations(model.n_spins).astype(float), exact.probabilities(model)


def test_score_1_one_spin():
    free = states_and_shares(IsingModel([0.0], [[0.0]]))
    for kept, humps in ((0.45, 1), (0.55, 2)):
        x = np.linspace(-2, 2, 41)
        expected = (np.sqrt(kept) * np.tanh(np.sqrt(kept) / (1 - kept) * x) - x) / (1 - kept)
        found = [score([point], *free, kept)[0] for point in x]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        assert (expected[21] > 0) == (humps == 2)  # just right of 0: away from it if 0 is a minimum


def test_score_2_second_derivative(rng):
    kept, x = 0.6, torch.tensor(rng.normal(size=3))
    states, shares = states_and_shares(ising.gaussian(3, rng=rng))
    found = torch.autograd.functional.hessian(lambda x: log_noised(x, states, shares, kept), x)
    c = covariance(states, posterior(x.numpy(), states, shares, kept))
    np.testing.assert_allclose(found, kept / (1 - kept) ** 2 * c - np.eye(3) / (1 - kept), rtol=0, atol=1e-9)


def test_score_3_read_off_the_couplings(rng):
    model, kept = ising.gaussian(4, rng=rng), 0.5
    states, shares = states_and_shares(model)
    factor = np.sqrt(kept) / (1 - kept)
    signs = np.array([0, 1, -1, 1])

    def local_field(signs):
        return np.arctanh((posterior(30 * signs / factor, states, shares, kept) @ states)[0])

    flipped = signs * np.array([1, 1, -1, 1])
    assert local_field(signs) == pytest.approx(model.fields[0] + model.couplings[0] @ signs, abs=1e-9)
    assert (local_field(flipped) - local_field(signs)) / 2 == pytest.approx(model.couplings[0, 2], abs=1e-9)


def test_analog_bits_1_cut_early():
    """Two spins, drawn one by one from the guess at ᾱ = 0.8: right means, correlation short by E C_12."""
    model, kept = pair(0.6, (0.2, -0.1)), 0.8
    states = exact.configurations(2).astype(float)
    noise = np.array(np.meshgrid(NODES, NODES)).reshape(2, -1).T
    weights = np.outer(WEIGHTS, WEIGHTS).ravel()
    means, product, covariance = np.zeros(2), 0.0, 0.0
    for share, clean in zip(exact.probabilities(model), states, strict=True):
        y = np.sqrt(kept) / (1 - kept) * (np.sqrt(kept) * clean + np.sqrt(1 - kept) * noise)
        law = exact.probabilities(model) * np.exp(y @ states.T)
        law /= law.sum(1, keepdims=True)
        guess = law @ states  # (nodes, 2): E[σ_0|σ_t]
        means += share * weights @ guess
        product += share * weights @ guess.prod(1)
        covariance += share * weights @ (law @ states.prod(1) - guess.prod(1))
    exact_means, exact_products = exact.moments(model)
    np.testing.assert_allclose(means, exact_means, atol=1e-6)  # quadrature of smooth functions
    assert product == pytest.approx(exact_products[0, 1] - covariance, abs=1e-6)
    assert covariance > 0.002


@pytest.mark.parametrize("y", [-1.0, 0.2, 0.8])
def test_analog_bits_2_a_martingale(y):
    """After δ of the clock, y' = y + δ σ_0 + √δ z: the mean of tanh y' is tanh y, its variance (1−m²)² δ."""
    m = np.tanh(y)
    for delta in (0.5, 1e-3):
        after = [np.tanh(y + delta * s + np.sqrt(delta) * NODES) for s in (1, -1)]
        mean, square = (
            (1 + m) / 2 * WEIGHTS @ after[0] ** k + (1 - m) / 2 * WEIGHTS @ after[1] ** k for k in (1, 2)
        )
        assert mean == pytest.approx(m, abs=1e-6)
    assert (square - m**2) / delta == pytest.approx((1 - m**2) ** 2, rel=0.01)


def test_analog_bits_3_order_one(rng):
    kappa, s2, delta = 0.7, 1.3, 0.01
    v, exactly = (k * (1 + k * s2) for k in (kappa, kappa + delta))
    step = v * (1 + delta * s2 / (1 + kappa * s2)) ** 2 + delta
    assert exactly - step == pytest.approx(delta**2 * s2 / (1 + kappa * s2), rel=1e-9)


def test_stopping_and_imputation_1_smallest_conflict():
    """Order of the states: (−,−), (+,−), (−,+), (+,+); (+,−) gets a share of 1e-6."""
    f = np.array([0.25, 1e-6, 0.35, 0.4]) / (1 + 1e-6)
    model = IsingModel.from_vector(np.log(f) @ features(exact.configurations(2)) / 4, 2)
    holes = np.zeros((1, 2), np.int8)
    guesses = {rule: imputation.impute(model, holes, rule)[0] for rule in ("argmax", "marginal")}
    assert guesses["argmax"].tolist() == [1, 1]
    assert guesses["marginal"].tolist() == [-1, 1]
    right = {rule: f @ (exact.configurations(2) == guess).sum(1) for rule, guess in guesses.items()}
    assert right == pytest.approx({"argmax": 1.15, "marginal": 1.35}, abs=1e-5)
    assert model.couplings[0, 1] > 2


def test_stopping_and_imputation_2_open_chain():
    m, coupling = 6, 0.9
    chain = IsingModel(np.zeros(m), coupling * (np.eye(m, k=1) + np.eye(m, k=-1)))
    for beta in (0.0, 0.4, 1.5):
        expected = (m - 1) * coupling**2 * (1 - np.tanh(beta * coupling) ** 2)
        assert energy_variance(chain.at(beta), ruler=chain) == pytest.approx(expected)


def test_stopping_and_imputation_3_how_sharp():
    """V falls by a share s per doubling; a line higher by √(2/N) is met √(2/N)/s doublings earlier."""
    s, error = 0.1, np.sqrt(2 / 4000)
    iterations = 2.0 ** np.arange(8, 14)
    variance = 1.0 - s * (np.log2(iterations) - 10.5)  # 1 at 2^10.5
    stops = [stopping.crossing(iterations, variance, line, 0.0).iteration for line in (1.0, 1.0 + error)]
    assert np.log2(stops[0] / stops[1]) == pytest.approx(error / s, rel=1e-6)


def test_stopping_and_imputation_4_without_fields(rng):
    model, holes = ising.gaussian(5, field_scale=0.0, rng=rng), np.zeros((1, 5), np.int8)
    np.testing.assert_allclose(imputation.probability_up(model, holes), 0.5, atol=ROUNDING)
    p, states = exact.probabilities(model), exact.configurations(5)
    guess = imputation.impute(model, holes)[0]
    energies = ising.energy(model, states)
    assert ising.energy(model, guess[None])[0] == pytest.approx(energies.min())
    assert p @ (states == guess).mean(1) == pytest.approx(0.5, abs=ROUNDING)
    known = np.array([[1, 0, 0, 0, 0]], np.int8)
    assert np.abs(imputation.probability_up(model, known)[0, 1:] - 0.5).max() > 0.01
