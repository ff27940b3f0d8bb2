"""The equations of the pages beyond the thesis: rivals (R), denoiser (B), corrected fit (C), time (K)."""

import numpy as np
import pytest
import torch

from ising_lib import ddpm, erasure, estimators, exact, ising, kinetic, metrics
from ising_lib.denoisers import FieldDenoiser
from tests.equations.helpers import (
    ExactField,
    covariance,
    features,
    gradient,
    mean_field,
    posterior,
    tilted,
    vector,
)

ROUNDING = 1e-11
M = 5
STATES = exact.configurations(M).astype(float)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.5, 1.5, rng=rng)


# ---- the rivals


def test_eq_23_is_the_error_of_the_library(model, rng):
    other = ising.gaussian(M, rng=rng)
    total = sum((a - b) ** 2 for a, b in zip(model.fields, other.fields, strict=True))
    total += sum((model.couplings[i, j] - other.couplings[i, j]) ** 2 for i in range(M) for j in range(i))
    assert metrics.thesis_mse(other, model) == pytest.approx(total / M, rel=1e-12)
    mean = ((other.to_vector() - model.to_vector()) ** 2).mean()  # what "mean squared error" promises
    assert total / M == pytest.approx((M + 1) / 2 * mean, rel=1e-12)


def test_eq_r1_r2_are_the_bound_of_the_library(model):
    """F as the Hessian of −log p by autodiff and as the covariance; tr F⁻¹/N is what it returns."""
    table = torch.from_numpy(features(STATES))
    w = torch.tensor(model.to_vector())

    def minus_log_p(w):
        return torch.logsumexp(table @ w, 0) - table[7] @ w

    information = torch.autograd.functional.hessian(minus_log_p, w).numpy()
    by_covariance = covariance(features(STATES), exact.probabilities(model))
    np.testing.assert_allclose(information, by_covariance, rtol=0, atol=ROUNDING)
    expected = np.diag(np.linalg.inv(information)) / 4000
    np.testing.assert_allclose(estimators.cramer_rao(model, 4000), expected, rtol=1e-7)


def test_eq_r3_by_quadrature_for_one_spin():
    """Posterior mean of h ~ N(0, 1) from five spins: ⟨a b⟩ = 1, ⟨b b⟩ = N⟨F⟩ + P; without P it is beaten."""
    n, up = 5, np.arange(6)  # up: of the N spins, so many are +1
    h, weight = NODES, WEIGHTS
    ways = np.array([1, 5, 10, 10, 5, 1])
    p_up = 1 / (1 + np.exp(-2 * h))
    p = ways * p_up[:, None] ** up * (1 - p_up[:, None]) ** (n - up)  # (nodes, 6)
    joint = weight[:, None] * p
    estimate = (h[:, None] * joint).sum(0) / joint.sum(0)
    a = estimate - h[:, None]
    b = (2 * up - n) - n * np.tanh(h)[:, None] - h[:, None]
    fisher = (weight * (1 - np.tanh(h) ** 2)).sum()
    assert (joint * a * b).sum() == pytest.approx(1, rel=1e-9)
    assert (joint * b * b).sum() == pytest.approx(n * fisher + 1, rel=1e-9)
    assert 1 / (n * fisher + 1) < (joint * a * a).sum() < 1 / (n * fisher)


def test_eq_r3_is_the_bound_of_the_library(rng):
    """Averaged over truths, fields first: tr (N⟨F⟩ + P)⁻¹ with P of M/g_h² and M/g²."""
    models = [ising.gaussian(M, 0.5, 2.0, rng=rng) for _ in range(3)]
    mean = np.mean([covariance(features(STATES), exact.probabilities(one)) for one in models], axis=0)
    prior = np.diag(np.repeat([M / 2.0**2, M / 0.5**2], [M, M * (M - 1) // 2]))
    expected = np.trace(np.linalg.inv(50 * mean + prior))
    assert estimators.van_trees(models, 50, 0.5, 2.0).sum() == pytest.approx(expected, rel=1e-9)


# ---- the denoiser


@pytest.mark.parametrize("t", [100, 400, 800])
def test_eq_b1_b2_posterior_is_in_the_known_field(t, model, rng):
    """Bayes' rule with the whole squares, against the model in the field that the library calls known."""
    denoiser, x = mean_field(model), rng.normal(size=M)
    kept = ddpm.NoiseSchedule.linear().alphas_bar[t - 1]
    expected = posterior(x, STATES, exact.probabilities(model), kept)
    known = denoiser.known(torch.tensor(x[None], dtype=torch.float32), torch.tensor([t]))[0].numpy()
    np.testing.assert_allclose(known, np.sqrt(kept) / (1 - kept) * x, rtol=1e-5)
    found = exact.probabilities(tilted(model, np.sqrt(kept) / (1 - kept) * x))
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)


def test_eq_b3_iterations_spelled_out(model, rng):
    """Four rounds, spin by spin, with other numbers c_k and d_k in each, from m⁰ = tanh(y + h)."""
    denoiser, x, t = mean_field(model), rng.normal(size=M), 300
    c, d = rng.normal(1, 0.2, (2, 4))
    with torch.no_grad():
        denoiser.mean.copy_(torch.tensor(c))
        denoiser.reaction.copy_(torch.tensor(d))
    kept = ddpm.NoiseSchedule.linear().alphas_bar[t - 1]
    y, h, J = np.sqrt(kept) / (1 - kept) * x, model.fields, model.couplings
    m = np.tanh(y + h)
    for k in range(4):
        field = [
            y[i]
            + h[i]
            + c[k] * sum(J[i, j] * m[j] for j in range(M))
            - d[k] * m[i] * sum(J[i, j] ** 2 * (1 - m[j] ** 2) for j in range(M))
            for i in range(M)
        ]
        m = np.tanh(field)
    found = denoiser.guess(torch.tensor(x[None], dtype=torch.float32), torch.tensor([t]))[0]
    np.testing.assert_allclose(found.detach(), m, rtol=0, atol=1e-5)  # float32


def squared_error(kappa, field, guess_field):
    """E (σ_0 − tanh(g + y))² of one spin of field h = ``field``, guessed with g; for each κ."""
    up = 1 / (1 + np.exp(-2 * field))
    y = [s * kappa[:, None] + np.sqrt(kappa[:, None]) * NODES for s in (1, -1)]
    errors = [(s - np.tanh(guess_field + some)) ** 2 @ WEIGHTS for s, some in zip((1, -1), y, strict=True)]
    return up * errors[0] + (1 - up) * errors[1]


def integral(low, high, *fields):
    """½ ∫ E (σ_0 − σ̂_0)² dκ by Gauss's rule in log κ."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    log = (np.log(high) - np.log(low)) / 2
    kappa = np.exp(np.log(low) + log * (nodes + 1))
    return log * weights @ (kappa * squared_error(kappa, *fields)) / 2


@pytest.mark.parametrize(("field", "guess"), [(0.0, 0.0), (0.4, 0.4), (0.4, -0.3)])
def test_eq_b4_integral_is_the_log_likelihood(field, guess):
    """−⟨log q⟩_p of the distribution q whose best guess it is; 1e-9 and 200 stand for 0 and infinity."""
    p = np.exp([field, -field]) / (2 * np.cosh(field))
    q = np.exp([guess, -guess]) / (2 * np.cosh(guess))
    assert integral(1e-9, 200, field, guess) == pytest.approx(-p @ np.log(q), abs=1e-6)


def test_eq_b4_the_loss_of_the_library_is_cut_off_and_its_guess_is_no_posterior(rng):
    """The best guess gives −⟨log p⟩ less what lies beyond RATIOS; the mean field at the truth gives more."""
    schedule, settings = ddpm.NoiseSchedule.linear(), {"n_draws": 8}
    free = ising.IsingModel([0.0], [[0.0]])
    spins = rng.choice(np.array([-1, 1], np.int8), (40_000, 1))
    found = ddpm.own_loss(ExactField(free), schedule, spins, rng=rng, **settings)
    used = integral(*FieldDenoiser.RATIOS, 0.0, 0.0)
    assert found == pytest.approx(used, abs=0.01)  # 320,000 draws, and steps of a few per cent at the ends
    assert np.log(2) - used > 0.009  # nats a spin that the printed loss does not count
    truth = ising.gaussian(M, 1.5, 1.5, rng=np.random.default_rng(0))
    spins = exact.sample(truth, 40_000, rng=rng)
    by_field, best = (
        ddpm.own_loss(denoiser, schedule, spins, rng=np.random.default_rng(1), **settings)
        for denoiser in (mean_field(truth), ExactField(truth))
    )
    assert by_field > best + 0.03


def test_eq_b5_nearly_clean_spins_show_the_local_field(model, rng):
    """One spin hidden, the others almost clean: tanh of h_i + Σ_j J_ij σ_j, exactly and by ``model()``."""
    signs, denoiser = rng.choice([-1.0, 1.0], M), mean_field(model)
    read = denoiser.model()
    for i in range(M):
        y = 40.0 * signs * (np.arange(M) != i)
        field = model.fields[i] + model.couplings[i] @ signs
        assert exact.moments(tilted(model, y))[0][i] == pytest.approx(np.tanh(field), abs=ROUNDING)
        assert read.fields[i] + read.couplings[i] @ signs == pytest.approx(field, abs=1e-5)
        kept = denoiser.alphas_bar[5].item()
        x = torch.tensor(y * (1 - kept) / np.sqrt(kept), dtype=torch.float32)[None]
        rest = denoiser.rest(x, torch.tensor([5]))[0, i].item()
        assert rest == pytest.approx(field, abs=1e-4)


# ---- the corrected Erasure Machine


def test_eq_c1_parameters_are_slopes_of_the_entropy(model, rng):
    """S(μ) by enumeration: a small change of w changes S by −w·δμ, to second order."""

    def moments_and_entropy(w):
        some = ising.IsingModel.from_vector(w, M)
        p = exact.probabilities(some)
        return vector(*exact.moments(some)), -p @ np.log(p)

    w, step = model.to_vector(), 1e-4 * rng.normal(size=M * (M + 1) // 2)
    (low, below), (high, above) = (moments_and_entropy(w + s * step) for s in (-1, 1))
    assert above - below == pytest.approx(-w @ (high - low), rel=1e-6)


def test_eq_c2_c3_are_function_and_slope(rng):
    """tap_parameters is −∇ of Eq. C.2 by autodiff; reaction to second order: TAP's."""
    weak = ising.gaussian(M, 0.6, 0.6, rng=rng)
    mu, (rows, columns) = vector(*exact.moments(weak)), np.triu_indices(M, 1)

    def entropy(mu):
        m, products = mu[:M], torch.zeros((M, M), dtype=torch.float64)
        products = products.index_put((torch.tensor(rows), torch.tensor(columns)), mu[M:])
        c = products + products.T - torch.outer(m, m) * (1 - torch.eye(M)) + torch.diag(1 - m**2)
        single = sum(-(1 + s * m) / 2 * torch.log((1 + s * m) / 2) for s in (1, -1)).sum()
        return single + torch.logdet(c) / 2 - torch.log(torch.diagonal(c)).sum() / 2

    np.testing.assert_allclose(erasure.tap_parameters(mu, M), -gradient(entropy, mu), rtol=0, atol=1e-9)
    sizes = []
    for scale in (0.2, 0.1):
        model = ising.gaussian(M, scale, 1.0, rng=np.random.default_rng(1))
        m, products = exact.moments(model)
        inverse = np.linalg.inv(products - np.outer(m, m))
        bracket = np.diag(inverse) - 1 / (1 - m**2)
        couplings = np.diag(np.diag(inverse)) - inverse
        sizes.append(np.abs(bracket - couplings**2 @ (1 - m**2)).max())
    assert sizes[0] / sizes[1] > 6  # what is left is of third order


def test_eq_c4_is_solved_by_the_library(rng):
    """ŵ(⟨O⟩_{f_ε}) = ε w at the fit, with f_ε by hand."""
    spins = exact.sample(ising.gaussian(M, rng=rng), 2000, rng=rng)
    w = erasure.fit(spins, 0.6, moments="tap").model.to_vector()
    weights = np.exp(-(1 - 0.6) * features(spins) @ w)
    moments = weights @ features(spins) / weights.sum()
    np.testing.assert_allclose(erasure.tap_parameters(moments, M), 0.6 * w, rtol=0, atol=2e-6)


def test_eq_c5_what_two_spins_alone_do(model):
    """ŵ of the exact moments of p_ε, less ε w: ⅔ ε³ J³ for couplings, and nothing at ε³ for fields."""
    left = []
    for epsilon in (0.02, 0.01):
        mu = vector(*exact.moments(model.at(epsilon)))
        left.append((erasure.tap_parameters(mu, M) - epsilon * model.to_vector()) / epsilon**3)
    limit = 2 * left[1] - left[0]  # the next order, in proportion to ε, taken out
    expected = np.concatenate([np.zeros(M), 2 / 3 * model.to_vector()[M:] ** 3])
    np.testing.assert_allclose(limit, expected, rtol=0, atol=0.02 * np.abs(expected).max())


# ---- time


def test_eq_k1_k2_a_step_is_a_product_and_its_logarithm_a_sum(rng):
    """All eight next states of one state, each factor by itself, and two steps of a series."""
    model, states = kinetic.gaussian(3, 1.5, 1.5, rng=rng), exact.configurations(3)
    before = states[rng.integers(8)]
    expected = np.ones(8)
    for i in range(3):
        field = model.fields[i] + sum(model.weights[i, j] * before[j] for j in range(3))
        expected *= np.exp(states[:, i] * field) / (2 * np.cosh(field))
    found = kinetic.log_likelihood(model, np.tile(before, (8, 1)), states)
    np.testing.assert_allclose(np.exp(found), expected, rtol=0, atol=ROUNDING)
    assert expected.sum() == pytest.approx(1)


def test_eq_k3_is_minus_the_second_derivative_and_gives_the_bound(rng):
    """Of Eq. (K.2) by autodiff, whatever σ(t+1); the bound is the diagonal of the inverse."""
    model = kinetic.gaussian(3, 1.5, 1.5, rng=rng)
    before, after = rng.choice([-1.0, 1.0], (2, 40, 3))
    x = torch.tensor(np.column_stack([before, np.ones(40)]))
    bound_fields, bound_weights = kinetic.cramer_rao(model, before)
    for i in range(3):
        spins = torch.tensor(after[:, i])

        def minus_log_p(w, spins=spins):
            return (torch.log(2 * torch.cosh(x @ w)) - spins * (x @ w)).sum()

        w = torch.tensor([*model.weights[i], model.fields[i]])
        information = torch.autograd.functional.hessian(minus_log_p, w).numpy()
        free = 1 - np.tanh(model.local_fields(before)[:, i]) ** 2
        by_hand = sum(f * np.outer(row, row) for f, row in zip(free, x.numpy(), strict=True))
        np.testing.assert_allclose(information, by_hand, rtol=0, atol=ROUNDING * 100)
        bound = np.diag(np.linalg.inv(information))
        np.testing.assert_allclose([*bound_weights[i], bound_fields[i]], bound, rtol=1e-9)
