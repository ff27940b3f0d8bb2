"""The equations of book/erasure_machine.md: Taylor coefficients in ε, autodiff, enumeration.

Taylor coefficients are taken on a circle in the complex plane of ε (Cauchy's formula as a Fourier transform),
which gives them to rounding, where differences in a small real ε would lose all digits at third order.
"""

import itertools

import numpy as np
import pytest
import torch

from ising_lib import erasure, exact, ising
from tests.equations.helpers import covariance, features, gradient, vector

ROUNDING = 1e-12  # sums of at most 2^5 terms of order one
N_POINTS = 64  # on the circle; what folds onto order k comes from order k + 64
M = 5
PAIRS = np.triu_indices(M, 1)
STATES = exact.configurations(M)
TABLE = features(STATES)  # (2^M, L)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.0, 1.0, rng=rng)


@pytest.fixture
def data(rng):
    return exact.sample(ising.gaussian(M, rng=rng), 150, rng=rng)


def taylor(function, model, n_orders=6):
    """Coefficients of ε^0 … of function(ε), (n_orders, …).

    The radius is 1/max|w·O|.  Inside, every term of Z_ε has |arg| < 1, so Z_ε has no zero and the logarithm
    and the moments are analytic; |ε h| and |ε J| stay below 1 < π/2, the nearest pole of tanh.
    """
    radius = 1 / np.abs(TABLE @ model.to_vector()).max()
    circle = radius * np.exp(2j * np.pi * np.arange(N_POINTS) / N_POINTS)
    values = np.array([function(epsilon) for epsilon in circle])
    coefficients = np.fft.fft(values, axis=0)[:n_orders] / N_POINTS
    scale = radius ** np.arange(n_orders).reshape(-1, *[1] * (values.ndim - 1))
    return (coefficients / scale).real


def tolerance(model, order):
    """Rounding on the circle, divided by radius^order."""
    return ROUNDING * np.abs(TABLE @ model.to_vector()).max() ** order


def partition(model):
    """Z_ε as the sum of 2^M exponentials."""
    return lambda epsilon: np.exp(epsilon * (TABLE @ model.to_vector())).sum()


def expansion(model, printed=False):
    """Eq. 12 without its remainder; printed with three fields instead of two and their coupling."""

    def value(epsilon):
        t, tj = np.tanh(epsilon * model.fields), np.tanh(epsilon * model.couplings)
        first = sum(t[a] * t[b] * tj[a, b] for a, b in itertools.combinations(range(M), 2))
        triples = list(itertools.combinations(range(M), 3))
        if printed:
            first = sum(t[a] * t[b] * t[c] for a, b, c in triples)
        triangles = sum(tj[a, b] * tj[a, c] * tj[b, c] for a, b, c in triples)
        cosh = np.cosh(epsilon * model.fields).prod() * np.cosh(epsilon * model.couplings[PAIRS]).prod()
        return 2**M * cosh * (1 + first + triangles)

    return value


def test_eq_e1_reweighted_data(model, data):
    """Moments under f p^{ε−1}, p enumerated, Z and all, against the library, which needs energies alone."""
    epsilon, p = 0.4, exact.probabilities(model)[exact.index(data)]
    with_z = p ** (epsilon - 1) / (p ** (epsilon - 1)).sum()
    _, moments = erasure._Problem(data).reweighted(model.to_vector(), epsilon)
    np.testing.assert_allclose(moments, with_z @ features(data), rtol=0, atol=ROUNDING)


def test_eq_11_reweighted_model_is_a_hotter_one(model):
    """p p^{ε−1}, normalised, is Eq. 1 with every parameter times ε."""
    p = exact.probabilities(model)
    power = p * p ** (0.3 - 1)
    np.testing.assert_allclose(exact.probabilities(model.at(0.3)), power / power.sum(), rtol=ROUNDING)


def g(vector, weights, epsilon):
    """G_ε of Eq. E.2 over the enumerated states, as a torch graph."""
    exponents = torch.from_numpy(TABLE) @ vector
    reweighted = torch.logsumexp(torch.log(torch.from_numpy(weights)) - (1 - epsilon) * exponents, 0)
    return -reweighted / (1 - epsilon) - torch.logsumexp(epsilon * exponents, 0) / epsilon


def differences(vector, weights, epsilon):
    """⟨O⟩_{f_ε} − ⟨O⟩_{p_ε}: the right sides of Eq. 9 and 10."""
    exponents = TABLE @ vector
    f = weights * np.exp(-(1 - epsilon) * exponents)
    p = np.exp(epsilon * exponents)
    return f @ TABLE / f.sum() - p @ TABLE / p.sum()


def law(rng):
    """A law of the data that is positive everywhere and no Ising model."""
    return rng.dirichlet(np.full(2**M, 2.0))


@pytest.mark.parametrize("epsilon", [0.2, 0.5, 0.9])
def test_eq_09_10_are_the_gradient_of_g(epsilon, model, rng):
    """By autodiff; and not the gradient of 𝓛_D, as printed."""
    weights, p = law(rng), exact.probabilities(model)
    found = gradient(lambda w: g(w, weights, epsilon), model.to_vector())
    expected = differences(model.to_vector(), weights, epsilon)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)
    assert np.abs((weights - p) @ TABLE - expected).max() > 0.01


def test_eq_e2_g_becomes_the_likelihood(model, rng):
    """G_ε → 𝓛_D as ε → 1: its distance falls in proportion to 1 − ε."""
    weights, vector = law(rng), model.to_vector()
    likelihood = weights @ TABLE @ vector - exact.log_partition(model)
    gaps = [float(g(torch.tensor(vector), weights, 1 - d)) - likelihood for d in (1e-2, 1e-3, 1e-4)]
    # the ratio of successive gaps is 10 (1 + O(d)): 5 % allows five times d = 0.01
    np.testing.assert_allclose(np.divide(gaps[:-1], gaps[1:]), 10, rtol=0.05)


def test_eq_e3_exponential_of_a_sign():
    x = np.linspace(-3, 3, 13)
    for s in (-1, 1):
        np.testing.assert_allclose(np.exp(x * s), np.cosh(x) * (1 + s * np.tanh(x)), rtol=1e-13)


def test_eq_e4_only_even_powers_survive():
    """Σ_σ Π σ_i^{n_i}, all exponents from 0 to 3 for three spins, in integers."""
    states = exact.configurations(3).astype(np.int64)
    for powers in itertools.product(range(4), repeat=3):
        assert (states ** np.array(powers)).prod(1).sum() == np.prod([1 + (-1) ** n for n in powers])


def test_eq_12_expansion_is_exact_to_third_order(model):
    """The Taylor coefficients of both sides agree to ε³ and differ at ε⁴: the remainder is what it says."""
    left, right = taylor(partition(model), model), taylor(expansion(model), model)
    for order in range(4):
        assert left[order] == pytest.approx(right[order], abs=2**M * tolerance(model, order))
    assert abs(left[4] - right[4]) > 1e3 * 2**M * tolerance(model, 4)
    printed = taylor(expansion(model, printed=True), model)
    assert abs(left[3] - printed[3]) > 1e3 * 2**M * tolerance(model, 3)


def test_eq_13_logarithm_is_exact_to_second_order(model):
    """And its third-order term is Σ h h J + Σ J J J, the one that Eq. E.5 differentiates."""

    def right(epsilon):
        cosh = np.log(np.cosh(epsilon * model.fields)).sum()
        return M * np.log(2) + cosh + np.log(np.cosh(epsilon * model.couplings[PAIRS])).sum()

    def left(epsilon):  # Z_ε/2^M stays in the right half plane, where the principal branch is analytic
        return M * np.log(2) + np.log(partition(model)(epsilon) / 2**M)

    difference = taylor(left, model) - taylor(right, model)
    for order in range(3):
        assert abs(difference[order]) < 10 * tolerance(model, order)  # log of 2^M adds a few roundings
    h, J = model.fields, model.couplings
    third = h @ J @ h / 2 + np.trace(J @ J @ J) / 6
    assert difference[3] == pytest.approx(third, abs=10 * tolerance(model, 3))
    assert abs(third) > 1e3 * tolerance(model, 3)


def moment_coefficients(model):
    """Taylor coefficients of ⟨O⟩_{p_ε}, (orders, L)."""

    def moments(epsilon):
        weights = np.exp(epsilon * (TABLE @ model.to_vector()))
        return weights @ TABLE / weights.sum()

    return taylor(moments, model)


def second_order(model):
    """The ε² terms of Eq. E.5: a neighbour's field, two fields, and the third spins."""
    h, J = model.fields, model.couplings
    return np.concatenate([J @ h, (np.outer(h, h) + J @ J)[PAIRS]])


def test_eq_14_15a_e5_first_order_is_the_parameter_itself(model):
    """⟨σ_i⟩ = ε h_i, ⟨σ_i σ_j⟩ = ε J_ij, and at second order the terms of Eq. E.5."""
    coefficients, second = moment_coefficients(model), second_order(model)
    for order, expected in enumerate((0 * second, model.to_vector(), second)):
        np.testing.assert_allclose(coefficients[order], expected, rtol=0, atol=10 * tolerance(model, order))
    assert np.abs(second).max() > 0.01


def objective(vector, data, epsilon):
    """F of Eq. E.6 as a torch graph."""
    exponents = -(1 - epsilon) * torch.from_numpy(features(data)) @ vector - np.log(len(data))
    return torch.logsumexp(exponents, 0) / (1 - epsilon) + epsilon / 2 * vector @ vector


def published(data, epsilon, n_steps):
    """Eq. 15b and 16 with α = 0.1, spelled out, from zero: parameters and largest residual at each step."""
    fields, couplings, sigma = np.zeros(M), np.zeros((M, M)), data.astype(np.float64)
    steps = []
    for _ in range(n_steps + 1):
        weights = np.exp((1 - epsilon) * ising.energy(ising.IsingModel(fields, couplings), data))
        weights /= weights.sum()
        first = weights @ sigma - epsilon * fields
        second = sigma.T @ (weights[:, None] * sigma) - epsilon * couplings
        steps.append((vector(fields, couplings), np.abs(vector(first, second)).max()))
        fields, couplings = fields + 0.1 * first, couplings + 0.1 * second
        np.fill_diagonal(couplings, 0)
    return steps


@pytest.mark.parametrize("epsilon", [0.3, 0.8])
def test_eq_15b_16_are_the_published_solver(epsilon, data):
    """The library, stopped by its tolerance after ten updates, is where ten updates spelled out lead."""
    w, residual = published(data, epsilon, 10)[-1]
    fit = erasure.fit(data, epsilon, solver="published", tolerance=residual * (1 + 1e-9))
    assert fit.n_iterations == 10
    np.testing.assert_allclose(fit.model.to_vector(), w, rtol=0, atol=ROUNDING)


def test_eq_15b_16_are_gradient_descent_on_f(data):
    """Ten updates against ten steps −α∇F, the gradient by autodiff; in the end, the convex solver's fit."""
    w = np.zeros(M + len(PAIRS[0]))
    for _ in range(10):
        w = w - 0.1 * gradient(lambda v: objective(v, data, 0.5), w)
    np.testing.assert_allclose(published(data, 0.5, 10)[-1][0], w, rtol=0, atol=ROUNDING)
    # 2,000 updates shrink the slowest mode by (1 − 0.05)^2000; F is ε-strongly convex: |w − w*| ≤ |∇F|/ε
    gap = published(data, 0.5, 2000)[-1][0] - erasure.fit(data, 0.5).model.to_vector()
    assert np.linalg.norm(gap) < np.sqrt(15) * 1e-6 / 0.5


def test_eq_e6_e7_value_and_gradient(model, data):
    """The library's F and ∇F against the definition and its derivative by autodiff."""
    value, found = erasure._Problem(data).gradient(model.to_vector(), 0.4)
    expected = objective(torch.tensor(model.to_vector()), data, 0.4).item()
    assert value == pytest.approx(expected, abs=ROUNDING)
    slope = gradient(lambda w: objective(w, data, 0.4), model.to_vector())
    np.testing.assert_allclose(found, slope, rtol=0, atol=ROUNDING)


def hessian(w, data, epsilon):
    """ε I + (1−ε) Cov_{f_ε}(O): Eq. E.8."""
    weights = np.exp(-(1 - epsilon) * features(data) @ w)
    return epsilon * np.eye(len(w)) + (1 - epsilon) * covariance(features(data), weights / weights.sum())


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 0.9])
def test_eq_e8_hessian_and_its_bound(epsilon, model, data):
    """By autodiff twice; no eigenvalue below ε, even with three samples, where the covariance is singular."""
    vector = torch.tensor(model.to_vector())
    for samples in (data, data[:3]):
        twice = torch.autograd.functional.hessian(lambda v: objective(v, samples, epsilon), vector)  # noqa: B023
        expected = hessian(model.to_vector(), samples, epsilon)
        np.testing.assert_allclose(twice.numpy(), expected, rtol=0, atol=ROUNDING)
        assert np.linalg.eigvalsh(expected).min() >= epsilon - ROUNDING


def test_eq_e9_one_step_contracts(data, rng):
    """w¹ − w* = (I − αĀ)(w⁰ − w*) with Ā the Hessian averaged along the line by Gauss's rule."""
    fit = erasure.fit(data, 0.5, tolerance=1e-7).model.to_vector()
    start = fit + 0.3 * rng.normal(size=fit.size)
    stepped = start - 0.1 * erasure._Problem(data).gradient(start, 0.5)[1]
    nodes, weights = np.polynomial.legendre.leggauss(20)
    on_line = [hessian(fit + (x + 1) / 2 * (start - fit), data, 0.5) for x in nodes]
    average = np.tensordot(weights / 2, on_line, 1)
    expected = (np.eye(15) - 0.1 * average) @ (start - fit)
    # ∇F(w*) is not quite zero: residual 1e-7 a component, and α = 0.1
    np.testing.assert_allclose(stepped - fit, expected, rtol=0, atol=1e-7)


def test_eq_e10_too_long_a_step_never_arrives(data):
    """The published solver converges for α just below 2/λ_max at the fit, and not for α just above."""
    fit = erasure.fit(data, 0.3, tolerance=1e-7).model.to_vector()
    bound = 2 / np.linalg.eigvalsh(hessian(fit, data, 0.3)).max()
    settings = erasure._Problem(data), 0.3, 0.1 * fit, 1e-5, 2000
    erasure._solve_published(*settings, 0.95 * bound)
    with pytest.raises(erasure.NotConverged):
        erasure._solve_published(*settings, 1.05 * bound)


def test_eq_e11_without_erasure_couplings_are_correlations(data):
    """w → ⟨O⟩_f as ε → 1, in proportion to 1 − ε."""
    first, second = (erasure.fit(data, 1 - d, tolerance=1e-7).model.to_vector() for d in (1e-2, 1e-3))
    ratio = np.linalg.norm(first - features(data).mean(0)) / np.linalg.norm(second - features(data).mean(0))
    assert ratio == pytest.approx(10, rel=0.05)  # 1 + O(d)


def test_eq_e5_bias_for_small_epsilon_is_the_second_order_term(model):
    """On infinite data w(ε) − w = ε² · (terms of Eq. E.5) + O(ε³), so divided by ε² the error is O(ε)."""
    settings = {"weights": exact.probabilities(model), "tolerance": 1e-7, "max_iterations": 5000}
    expected, errors = second_order(model), []
    for epsilon in (0.02, 0.01):
        bias = erasure.fit(STATES, epsilon, **settings).model.to_vector() - model.to_vector()
        errors.append(np.linalg.norm(bias / epsilon**2 - expected) / np.linalg.norm(expected))
    # halving ε halves what is left; 20 % for the next order and for the residual 1e-7 · √15/ε³
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)
    assert errors[1] < 0.2


def test_eq_e12_automatic_epsilon_maximises_the_mean_energy(rng):
    """No ε of a grid gives the data a higher mean energy, −w(ε)·⟨O⟩_f, than the one chosen."""
    for _ in range(3):  # for one truth, the first ε that is tried may happen to be the best
        data = exact.sample(ising.gaussian(M, 1.5, 1.5, rng=rng), 150, rng=rng)
        chosen, mean = erasure.fit(data, "auto"), features(data).mean(0)
        assert chosen.mean_energy == pytest.approx(-chosen.model.to_vector() @ mean, abs=ROUNDING)
        grid = [-erasure.fit(data, e).model.to_vector() @ mean for e in np.arange(0.1, 0.96, 0.05)]
        # the search stops at a step of 0.01 in ε, where the top is flat: a thousandth of the range at most
        assert chosen.mean_energy >= max(grid) - 1e-3 * np.ptp(grid)


def test_eq_e13_energies_and_moments_as_matrix_products(model, data, rng):
    """S h + ½ (SJ∘S)1 and Sᵀ diag(u) S against sums over the N × L features."""
    S, u = data.astype(np.float64), rng.dirichlet(np.ones(len(data)))
    energies = -S @ model.fields - 0.5 * ((S @ model.couplings) * S).sum(1)
    np.testing.assert_allclose(energies, -features(data) @ model.to_vector(), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(ising.energy(model, data), energies, rtol=0, atol=ROUNDING)
    second = (S.T @ np.diag(u) @ S)[PAIRS]
    np.testing.assert_allclose(second, u @ features(data)[:, M:], rtol=0, atol=ROUNDING)
