"""The equations of book/analog_bits.md: threshold, network, and the sampler in few steps."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from ising_lib import ddpm, denoisers, exact, ising
from ising_lib.denoisers import torch_generator
from tests.equations.helpers import Network, best_of_model, posterior, tilted

FALSE_ALARM = 1e-4  # probability that a correct law fails one test, over all comparisons in it
ROUNDING = 1e-11
M = 4
STATES = exact.configurations(M).astype(np.float64)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.5, rng=rng)


# ---- bits


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_eq_a1_guess_is_what_the_last_step_puts_out(kept, model, rng):
    """The library's sampler in one step from σ_t: (σ̂_0 + 1)/2 is P(σ_0 = +1 | σ_t) by Bayes' rule."""
    schedule = ddpm.NoiseSchedule([1 - kept])
    settings = {"n_steps": 1, "order": 1, "precision": "float32", "rng": rng}
    _, (start, end) = ddpm.trajectory(best_of_model(model, schedule), schedule, 7, **settings)
    shares = exact.probabilities(model)
    up = [posterior(row, STATES, shares, kept) @ (STATES > 0) for row in start.astype(float)]
    np.testing.assert_allclose((1 + end) / 2, up, rtol=0, atol=1e-5)  # float32, y up to 30


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
def test_eq_a2_signs_that_noise_turns(kept, rng):
    """The share of wrong signs after the library's noise and threshold, within its standard error."""
    n = 100_000
    clean = torch.tensor(rng.choice([-1.0, 1.0], (n, 1)))
    x = ddpm.add_noise(
        ddpm.NoiseSchedule([1 - kept]), clean, torch.tensor([1]), torch.tensor(rng.normal(size=(n, 1)))
    )
    wrong = (ddpm.to_spins(x.numpy()) != clean.numpy()).mean()
    expected = stats.norm.cdf(-np.sqrt(kept / (1 - kept)))
    limit = stats.norm.isf(FALSE_ALARM / 6) * np.sqrt(expected * (1 - expected) / n)
    assert wrong == pytest.approx(expected, abs=limit)


# ---- the network


@pytest.mark.parametrize("width", [4, 100, 101])
def test_eq_a3_embedding(width):
    """Sines, then cosines, of t ω_k; an odd width is one column narrower, and the listing's layers misfit."""
    half = width // 2
    angles = np.arange(51)[:, None] * 10_000.0 ** (-np.arange(half) / (half - 1))
    expected = np.hstack([np.sin(angles), np.cos(angles)])
    table = denoisers.sinusoidal_embedding(50, width).numpy()
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-7)  # rounded to float32 once, at the end


@pytest.mark.parametrize(("n_spins", "n_steps"), [(40, 100), (7, 30)])
def test_eq_a4_number_of_parameters_is_the_sum_over_the_layers(n_spins, n_steps):
    """A layer a → b has (a + 1) b numbers; the layers are those of Appendix B, listed by hand."""

    def layer(a, b):
        return (a + 1) * b

    def block(a, b):
        return layer(a, b) + layer(256, b) + layer(b, b) + (layer(a, b) if a != b else 0)

    blocks = [(128, 256), (256, 512), (512, 512), (512, 512), (1024, 512), (1024, 256), (512, 128)]
    total = layer(n_steps, 256) + layer(256, 256) + layer(n_spins, 128) + layer(256, n_spins)
    total += sum(block(a, b) for a, b in blocks)
    network = denoisers.ResidualMLP(n_spins, n_steps, rng=np.random.default_rng(0))
    found = sum(p.numel() for p in network.parameters())
    assert found == total == 385 * n_spins + 256 * n_steps + 4_515_968


# ---- fewer steps


def levels(schedule):
    """ᾱ_0 … ᾱ_T, with ᾱ_0 = 1."""
    return np.concatenate([[1.0], schedule.alphas_bar])


def test_eq_a5_a_chosen_step_is_a_step_of_a_shorter_schedule():
    """With α = ᾱ_t/ᾱ_r the chosen levels are a schedule of their own, with the same Eq. 32 and 33."""
    schedule = ddpm.NoiseSchedule.linear()
    chosen = schedule.subsequence(50)
    kept = schedule.alphas_bar[chosen - 1]
    shorter = ddpm.NoiseSchedule(1 - kept / np.concatenate([[1.0], kept[:-1]]))
    # the same network in steps of either schedule: it must be told the step's number in its own count
    number = torch.zeros(1001, dtype=torch.int64)
    number[chosen] = torch.arange(1, 51)
    networks = Network(lambda x, t: tilting(x, number[t]), M), Network(tilting, M)
    settings = {"n_steps": 50, "order": 1, "precision": "float32"}
    first, second = (
        ddpm.sample(network, some, 64, rng=np.random.default_rng(1), **settings)
        for network, some in zip(networks, (schedule, shorter), strict=True)
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-4)  # float32, 50 steps


def tilting(x, t):
    """ε̂ of two arguments: any smooth function will do."""
    return 0.6 * x + 0.3 * torch.sin(x + 0.1 * t[:, None])


@pytest.mark.parametrize("n_steps", [10, 50])
def test_eq_a6_even_angles(n_steps):
    """√ᾱ = cos φ and √(1−ᾱ) = sin φ; chosen steps lie within half a step of t of the even angles."""
    schedule = ddpm.NoiseSchedule.linear()
    angle = np.arctan2(np.sqrt(1 - schedule.alphas_bar), np.sqrt(schedule.alphas_bar))
    np.testing.assert_allclose(np.cos(angle) ** 2, schedule.alphas_bar, rtol=0, atol=1e-12)
    even = angle[-1] * np.arange(1, n_steps + 1) / n_steps
    chosen = angle[schedule.subsequence(n_steps) - 1]
    np.testing.assert_allclose(chosen, even, rtol=0, atol=np.diff(angle).max() / 2)


# ---- second order


@pytest.mark.parametrize(("t", "r"), [(900, 700), (400, 399), (100, 20), (5, 1)])
def test_eq_a7_a_step_in_the_field(t, r):
    """Eq. 32 and 33 between t and r, times √ᾱ_r/(1−ᾱ_r): y_r = y_t + (κ_r − κ_t) σ̂_0 + √(κ_r − κ_t) z."""
    schedule = ddpm.NoiseSchedule.linear()
    bar = levels(schedule)
    kappa = bar / (1 - bar + (bar == 1))
    scale = np.sqrt(bar) / (1 - bar + (bar == 1))  # y = scale σ
    [step] = ddpm._reverse_steps(schedule, np.array([r, t]), 1)[:1]
    x, guess = 0.7, -0.4
    mean = step.shrink * (x - step.pull * (x - step.signal * guess) / step.noise)
    gain = kappa[r] - kappa[t]
    assert scale[r] * mean == pytest.approx(scale[t] * x + gain * guess, rel=1e-9)
    assert scale[r] ** 2 * step.spread**2 == pytest.approx(gain, rel=1e-9)
    a = bar[t] / bar[r]
    by_hand = np.sqrt(a) * (1 - bar[r]) * x + (1 - a) * np.sqrt(bar[r]) * guess
    assert mean == pytest.approx(by_hand / (1 - bar[t]), rel=1e-9)


def test_eq_a8_field_walks_along_the_magnetisation(model, rng):
    """The law of y = κσ_0 + √κ z solves the Fokker-Planck equation of dy = m(h + y) dκ + dW.

    ∂_κ q = −∇·(m q) + ½ Δq, divided by q; all derivatives by autodiff of the enumerated mixture.
    """
    states, log_p = torch.tensor(STATES), torch.tensor(np.log(exact.probabilities(model)))

    def log_q(y, kappa):
        squares = ((y - kappa * states) ** 2).sum(1)
        return torch.logsumexp(log_p - squares / (2 * kappa), 0) - M / 2 * torch.log(kappa)

    def magnetisation(y):
        return torch.softmax(log_p + states @ y, 0) @ states

    for kappa in (0.3, 1.0, 4.0):
        y, clock = torch.tensor(rng.normal(size=M)), torch.tensor(kappa, dtype=torch.float64)
        change = torch.autograd.functional.jacobian(lambda k, y=y: log_q(y, k), clock)
        slope = torch.autograd.functional.jacobian(lambda y, k=clock: log_q(y, k), y)
        laplacian = torch.autograd.functional.hessian(lambda y, k=clock: log_q(y, k), y).trace()
        divergence = torch.autograd.functional.jacobian(magnetisation, y).trace()
        m = magnetisation(y)
        np.testing.assert_allclose(m, exact.moments(tilted(model, y.numpy()))[0], atol=ROUNDING)
        right = -divergence - m @ slope + (laplacian + slope @ slope) / 2
        assert change.item() == pytest.approx(right.item(), abs=1e-9)


def test_eq_a9_integral_of_a_straight_line():
    """∫ 2e^{2λ} (λ − λ_t) dλ in closed form, and its difference from half the gap times κ_r − κ_t: ℓ³/3."""
    low = -0.3
    for gap in (0.1, 0.02):
        nodes, weights = np.polynomial.legendre.leggauss(12)
        at = low + gap * (nodes + 1) / 2
        integral = weights @ (2 * np.exp(2 * at) * (at - low)) * gap / 2
        closed = np.exp(2 * low) * (np.exp(2 * gap) * (gap - 0.5) + 0.5)
        assert integral == pytest.approx(closed, rel=1e-9)  # of order gap², from terms of order one
        simple = gap / 2 * (np.exp(2 * (low + gap)) - np.exp(2 * low))
        assert integral - simple == pytest.approx(np.exp(2 * low) * gap**3 / 3, rel=2.5 * gap)


def test_eq_a10_is_the_second_order_of_the_library():
    """Its way from noise to spins, rebuilt from the same draws: Eq. 32 with the bent guess, and Eq. 33."""
    schedule, network = ddpm.NoiseSchedule.linear(), Network(tilting, 3)
    settings = {"n_steps": 12, "order": 2, "precision": "float32"}
    steps, states = ddpm.trajectory(network, schedule, 9, rng=np.random.default_rng(5), **settings)
    random = torch_generator(np.random.default_rng(5))
    x, bar, before = torch.randn((9, 3), generator=random).double(), levels(schedule), None
    logarithm = np.log(bar[1:] / (1 - bar[1:])) / 2
    for k, (t, r) in enumerate(itertools.pairwise(steps)):
        np.testing.assert_allclose(states[k], x, rtol=0, atol=1e-4)  # float32, 12 steps
        a = bar[t] / bar[r]
        noise = network(x, torch.tensor([t]))
        guess = (x - np.sqrt(1 - bar[t]) * noise) / np.sqrt(bar[t])
        bent = guess
        if before is not None and r > 0:
            s, last = before
            gap, past = logarithm[r - 1] - logarithm[t - 1], logarithm[t - 1] - logarithm[s - 1]
            bent = guess + (guess - last) * gap / (2 * past)
        before = t, guess
        x = np.sqrt(a) * (1 - bar[r]) / (1 - bar[t]) * x + (1 - a) * np.sqrt(bar[r]) / (1 - bar[t]) * bent
        if r > 0:
            spread = np.sqrt((1 - a) * (1 - bar[r]) / (1 - bar[t]))
            x = x + spread * torch.randn(x.shape, generator=random).double()
    np.testing.assert_allclose(states[-1], x, rtol=0, atol=1e-4)


def variance_after(schedule, n_steps, order):
    """Var σ_0 after the library's steps with the perfect denoiser of N(0, s²) data: no random numbers.

    E[σ_0 | σ_t] = √ᾱ s² σ_t / (1 − ᾱ + ᾱ s²).  A step is linear in (σ_t, σ̂_0 of the step before).
    """
    s2, covariance = 0.25, np.diag([1.0, 0.0])
    for step in ddpm._reverse_steps(schedule, schedule.subsequence(n_steps), order):
        clean = step.signal * s2 / (step.noise**2 + step.signal**2 * s2)
        kept = step.shrink * (1 - step.pull * (1 - step.signal * clean) / step.noise) + step.bend * clean
        move = np.array([[kept, -step.bend], [clean, 0.0]])
        covariance = move @ covariance @ move.T
        covariance[0, 0] += step.spread**2
    return covariance[0, 0]


def test_eq_a10_halves_become_quarters():
    """Twice the steps: half the error for order 1, a quarter for order 2."""
    schedule = ddpm.NoiseSchedule(np.full(20_000, 5e-4))
    first, second = ([abs(variance_after(schedule, n, order) - 0.25) for n in (160, 320)] for order in (1, 2))
    assert 1.8 < first[0] / first[1] < 2.3
    assert second[0] / second[1] > 3.2
    assert second[1] < first[1] / 3
