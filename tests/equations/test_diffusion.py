"""The equations of book/diffusion.md: one spin on a grid, chains as matrices, the sampler itself.

A sum over an even grid integrates a normal density of standard deviation s, times something smooth, up to a
relative error of 2 exp(−2π² s²/step²) (Poisson's summation formula): below 1e-30 for every grid used here.
"""

import numpy as np
import pytest
import torch
from scipy import stats

from ising_lib import ddpm, exact, ising
from ising_lib.denoisers import torch_generator
from tests.equations.helpers import Network, best_network, log_normal

FALSE_ALARM = 1e-4  # probability that a correct law fails one test, over all comparisons in it
ROUNDING = 1e-12
GRID = 1e-10  # rounding and cut tails of sums over a grid, relative to values of order one
SHORT = ddpm.NoiseSchedule([0.05, 0.1, 0.2, 0.3, 0.5, 0.7])  # T = 6, each step large enough to see


def alphas(schedule, t):
    """α_t, ᾱ_{t−1}, ᾱ_t, with ᾱ_0 = 1."""
    bar = np.concatenate([[1.0], schedule.alphas_bar])
    return schedule.alphas[t - 1], bar[t - 1], bar[t]


def one_step(schedule, t, x, noise):
    """Eq. 25 by the library: step t alone is a schedule of one step."""
    return noised(ddpm.NoiseSchedule(schedule.betas[t - 1 : t]), x, 1, noise)


def noised(schedule, clean, t, noise):
    """ddpm.add_noise on numpy numbers of any shape."""
    both = np.broadcast_arrays(np.asarray(clean, float), np.asarray(noise, float))
    first, second = (torch.tensor(a.reshape(-1, 1)) for a in both)
    steps = torch.full((len(first),), t)
    return ddpm.add_noise(schedule, first, steps, second).numpy().reshape(both[0].shape)


def posterior(schedule, t, x, clean):
    """μ_q and σ_q² of Eq. 32 and 33."""
    a, before, bar = alphas(schedule, t)
    mean = np.sqrt(a) * (1 - before) / (1 - bar) * x + (1 - a) * np.sqrt(before) / (1 - bar) * clean
    return mean, (1 - a) * (1 - before) / (1 - bar)


def noise_mean(schedule, t, x, noise):
    """Eq. 40 and 41: the mean of a reverse step, given the noise or the network's estimate of it."""
    a, _, bar = alphas(schedule, t)
    return (x - (1 - a) / np.sqrt(1 - bar) * noise) / np.sqrt(a)


# ---- forwards


def test_eq_24_25_one_step_of_noise():
    """Noise alone comes out as √β_t, and the squares of the two coefficients sum to one."""
    for t in range(1, 7):
        signal, spread = one_step(SHORT, t, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        assert spread == pytest.approx(np.sqrt(SHORT.betas[t - 1]), rel=ROUNDING)
        assert signal**2 + spread**2 == pytest.approx(1, rel=ROUNDING)


@pytest.mark.parametrize("t", range(1, 7))
def test_eq_26_density_of_one_step(t):
    """φ(ε) |dε/dσ_t|, by change of variables, is exp of Eq. 26 over its normalisation √(2π(1−α_t))."""
    noise, before = np.linspace(-3, 3, 13), 0.7
    x = one_step(SHORT, t, before, noise)
    slope = (x[-1] - x[0]) / (noise[-1] - noise[0])
    a = SHORT.alphas[t - 1]
    printed = np.exp(-((x - np.sqrt(a) * before) ** 2) / (2 * (1 - a)))
    expected = printed / np.sqrt(2 * np.pi * (1 - a))
    np.testing.assert_allclose(stats.norm.pdf(noise) / slope, expected, rtol=1e-11)


def test_eq_d1_chain_of_steps():
    """The exponents of Eq. 26 add up to a quadratic form; its inverse is the covariance of the noised states.

    Of those, Eq. 28 tells the diagonal, and Cov(σ_s, σ_t) = √(ᾱ_t/ᾱ_s) (1 − ᾱ_s) for s < t.
    """
    n, a = SHORT.n_steps, SHORT.alphas
    step = np.eye(n) - np.diag(np.sqrt(a[1:]), -1)  # row t: σ_t − √α_t σ_{t−1}, where σ_0 = 0
    precision = step.T @ np.diag(1 / (1 - a)) @ step
    bar = SHORT.alphas_bar
    low, high = np.minimum.outer(np.arange(n), np.arange(n)), np.maximum.outer(np.arange(n), np.arange(n))
    expected = np.sqrt(bar[high] / bar[low]) * (1 - bar[low])
    np.testing.assert_allclose(np.linalg.inv(precision), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("t", range(1, 7))
def test_eq_17_27_28_d2_steps_compose(t, rng):
    """t single steps, two of them in Eq. 27, land where Eq. 28 goes at once; ε̄_t has variance one."""
    clean, noises = rng.normal(size=5), rng.normal(size=(t, 5))
    walked = clean
    for s in range(1, t + 1):
        walked = one_step(SHORT, s, walked, noises[s - 1])
    bar = SHORT.alphas_bar
    weights = np.sqrt(bar[t - 1] / bar[:t] * (1 - SHORT.alphas[:t]) / (1 - bar[t - 1]))  # Eq. D.2
    assert (weights**2).sum() == pytest.approx(1, rel=ROUNDING)
    noise, kept = weights @ noises, [bar[t - 1], SHORT.alphas[t - 1]]
    np.testing.assert_allclose(noised(SHORT, clean, t, noise), walked, rtol=0, atol=ROUNDING)
    right, printed = ((walked - np.sqrt(1 - some) * noise) / np.sqrt(some) for some in kept)
    np.testing.assert_allclose(right, clean, rtol=0, atol=1e-11)
    assert t == 1 or np.abs(printed - clean).max() > 0.02  # Eq. 39 as printed has lost its bars


@pytest.mark.parametrize("t", range(1, 7))
def test_eq_29_density_of_many_steps(t):
    """Eq. 26 integrated over every state between, step by step on a grid."""
    x, step = np.linspace(-9, 9, 361, retstep=True)
    density = np.exp(log_normal(x, np.sqrt(SHORT.alphas[0]) * -1.0, SHORT.betas[0]))
    for s in range(2, t + 1):
        a = SHORT.alphas[s - 1]
        density = np.exp(log_normal(x[:, None], np.sqrt(a) * x, 1 - a)) @ density * step
    bar = SHORT.alphas_bar[t - 1]
    np.testing.assert_allclose(density, np.exp(log_normal(x, -np.sqrt(bar), 1 - bar)), rtol=0, atol=GRID)


@pytest.mark.parametrize("t", [1, 3, 6])
def test_eq_d3_noised_spins_keep_unit_variance(t, rng):
    """E σ_t σ_tᵀ = ᾱ_t ⟨σσᵀ⟩ + (1 − ᾱ_t) I: ones on the diagonal, correlations that fade with ᾱ_t.

    The average over the noise is exact: it takes two points in each direction in turn.
    """
    model = ising.gaussian(4, rng=rng)
    states, p = exact.configurations(4).astype(float), exact.probabilities(model)
    second = np.zeros((4, 4))
    for noise in np.vstack([2 * np.eye(4), -2 * np.eye(4)]):  # each with weight 1/8: their covariance is I
        x = noised(SHORT, states, t, noise)
        second += x.T @ (p[:, None] * x) / 8
    correlations, bar = exact.moments(model)[1], SHORT.alphas_bar[t - 1]
    np.testing.assert_allclose(np.diag(second), 1, rtol=ROUNDING)
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(second[off], bar * correlations[off], rtol=0, atol=ROUNDING)


def test_eq_d4_what_is_left_of_the_signal():
    """The defaults of the library: ln ᾱ_T = Σ ln(1 − β_t) lies just below −Σ β_t = −T (β_1 + β_T)/2."""
    schedule = ddpm.NoiseSchedule.linear()
    assert (schedule.n_steps, *schedule.betas[[0, -1]]) == pytest.approx((1000, 1e-4, 0.02))
    estimate = -schedule.n_steps * (schedule.betas[0] + schedule.betas[-1]) / 2
    exact_value = np.log(schedule.alphas_bar[-1])
    # −ln(1 − β) − β lies between β²/2 and β²/2 (1 + β), for β ≤ 0.02 the next terms are smaller than that
    excess = (schedule.betas**2).sum() / 2
    assert estimate - exact_value == pytest.approx(excess, rel=0.02)
    assert exact_value == pytest.approx(estimate, rel=0.01)


# ---- backwards


@pytest.mark.parametrize("t", range(2, 7))
@pytest.mark.parametrize("clean", [-1.0, 1.0])
def test_eq_30_31_32_33_40_are_bayes_and_what_is_printed_is_not(t, clean):
    """The right side of Eq. 30 on a grid is normalised, and has the mean and variance of Eq. 32 and 33.

    Printed in Eq. 32: √(α_t (1−ᾱ_{t−1})).  In Eq. 40: plus, and √(1−α_t); either slip alone is wrong, too.
    """
    a, before, bar = alphas(SHORT, t)
    x, (y, step) = 0.4, np.linspace(-8, 8, 1601, retstep=True)
    log_density = log_normal(x, np.sqrt(a) * y, 1 - a)
    log_density += log_normal(y, np.sqrt(before) * clean, 1 - before)
    log_density -= log_normal(x, np.sqrt(bar) * clean, 1 - bar)
    density = np.exp(log_density) * step
    mean, variance = posterior(SHORT, t, x, clean)
    assert density.sum() == pytest.approx(1, abs=GRID)
    assert density @ y == pytest.approx(mean, abs=GRID)
    assert density @ (y - mean) ** 2 == pytest.approx(variance, abs=GRID)
    # Eq. 31: not only two moments, the whole density
    np.testing.assert_allclose(density / step, np.exp(log_normal(y, mean, variance)), rtol=0, atol=1e-9)
    noise = (x - np.sqrt(bar) * clean) / np.sqrt(1 - bar)
    assert noise_mean(SHORT, t, x, noise) == pytest.approx(mean, abs=GRID)
    printed = [mean + (np.sqrt(a * (1 - before)) - np.sqrt(a) * (1 - before)) / (1 - bar) * x]
    for sign, under in ((1, a), (1, bar), (-1, a)):
        printed.append((x + sign * (1 - a) / np.sqrt(1 - under) * noise) / np.sqrt(a))
    assert np.abs(np.subtract(printed, mean)).min() > 0.01


def library_step(schedule, t):
    """Mean as a function of (σ_t, σ_0), and standard deviation, of step t of the library's sampler."""
    step = ddpm._reverse_steps(schedule, np.arange(1, schedule.n_steps + 1), 1)[-t]
    assert step.t == t

    def mean(x, clean):
        noise = (x - step.signal * clean) / step.noise
        return step.shrink * (x - step.pull * noise)

    return mean, step.spread


@pytest.mark.parametrize("t", range(1, 7))
def test_eq_32_33_39_40_d5_are_the_steps_of_the_library(t, rng):
    """Mean and width, for any σ_t and σ_0; the precisions of the two sources add; the last step is sure."""
    a, before, _ = alphas(SHORT, t)
    mean, spread = library_step(SHORT, t)
    x, clean = rng.normal(size=9), rng.choice([-1.0, 1.0], 9)
    expected, variance = posterior(SHORT, t, x, clean)
    np.testing.assert_allclose(mean(x, clean), expected, rtol=0, atol=1e-11)
    assert spread**2 == pytest.approx(variance, abs=ROUNDING)
    if t == 1:
        assert spread == 0
        np.testing.assert_allclose(expected, clean, rtol=0, atol=ROUNDING)
    else:
        assert 1 / spread**2 == pytest.approx(a / (1 - a) + 1 / (1 - before), rel=ROUNDING)
        pull = np.sqrt(a) / (1 - a) * x + np.sqrt(before) / (1 - before) * clean
        np.testing.assert_allclose(mean(x, clean), spread**2 * pull, rtol=0, atol=1e-11)


def one_spin_excess(schedule):
    """(κ_{t−1} − κ_t) E Var(σ_0|σ_t) of one free spin, t = 2 … T: E tanh²(κ + √κ z) by quadrature."""
    kappa = schedule.alphas_bar / (1 - schedule.alphas_bar)
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    guess = np.tanh(kappa[1:, None] + np.sqrt(kappa[1:, None]) * nodes)
    return -np.diff(kappa) * (1 - guess**2 @ weights / weights.sum())


def test_eq_d6_centres_lie_apart_but_the_start_is_then_known():
    """Centres are 2√(κ_{t−1} − κ_t) widths apart, above one up to t = 89; the excess variance is small."""
    schedule, t = ddpm.NoiseSchedule.linear(), np.arange(2, 1001)
    kappa = schedule.alphas_bar / (1 - schedule.alphas_bar)
    centres = [posterior(schedule, k, 0.3, np.array([1.0, -1.0])) for k in t]
    apart = np.array([np.ptp(mean) / np.sqrt(variance) for mean, variance in centres])
    np.testing.assert_allclose(apart, 2 * np.sqrt(-np.diff(kappa)), rtol=1e-7)
    assert t[apart > 1].max() == 89  # not only where 1 − ᾱ_t is of order β_t, the first step or two
    assert one_spin_excess(schedule).max() < 0.006


def test_eq_d6_small_steps_backwards_are_normal():
    """q(σ_{t−1}|σ_t) for one spin, at fixed ᾱ_t and shrinking β_t, against the normal law of equal mean.

    The mixture's variance exceeds σ_q² by a share of order β, so the divergence is of order β²: half the
    step, a quarter of it.  The next order changes the ratio by a few β.
    """
    bar, x, field = 0.5, 0.3, 0.2
    divergences = []
    for beta in (0.02, 0.01, 0.005):
        schedule = ddpm.NoiseSchedule([1 - bar / (1 - beta), beta])
        weight = 1 / (1 + np.exp(-2 * (field + np.sqrt(bar) / (1 - bar) * x)))  # P(σ_0 = 1 | σ_t)
        means, variance = posterior(schedule, 2, x, np.array([1.0, -1.0]))
        y, step = np.linspace(x - 12 * np.sqrt(variance), x + 12 * np.sqrt(variance), 2001, retstep=True)
        mixture = np.array([weight, 1 - weight]) @ np.exp(log_normal(y, means[:, None], variance))
        normal = log_normal(y, weight * means[0] + (1 - weight) * means[1], variance)
        divergences.append((mixture * (np.log(mixture) - normal)).sum() * step)
    assert divergences[0] / divergences[1] == pytest.approx(4, rel=0.06)
    assert divergences[1] / divergences[2] == pytest.approx(4, rel=0.03)


class Chain:
    """One spin, T = 3: the joint densities of forward and model chain on a grid of (σ_1, σ_2, σ_3)."""

    schedule = ddpm.NoiseSchedule([0.3, 0.4, 0.6])
    clean, shares = np.array([1.0, -1.0]), np.array([0.7, 0.3])
    last_variance = 0.1  # σ_p²(1): Eq. 33 would make it zero

    def __init__(self, pull=0.8):
        self.x, step = np.linspace(-8, 8, 107, retstep=True)
        self.volume, self.step = step**3, step
        self.pull = pull
        one, two, three = self.x[:, None, None], self.x[None, :, None], self.x[None, None, :]
        first, a = self.clean[:, None, None, None], self.schedule.alphas
        steps = ((one, first), (two, one), (three, two))
        self.log_q_steps = [log_normal(y, np.sqrt(a[t]) * x, 1 - a[t]) for t, (y, x) in enumerate(steps)]
        backs = ((first, one), (one, two), (two, three))
        self.log_p_steps = [
            log_normal(y, self.mean(x, t), self.variance(t)) for t, (y, x) in enumerate(backs, start=1)
        ]
        self.log_end = log_normal(three, 0.0, 1.0)
        self.log_q = sum(self.log_q_steps)  # (2, n, n, n): Eq. D.1
        self.log_p = self.log_end + sum(self.log_p_steps)  # Eq. D.7

    def mean(self, x, t):
        """μ_p: an invented network, wrong on purpose."""
        return 0.4 * x + self.pull * np.tanh(0.9 * x + 0.1 * t)

    def variance(self, t):
        return self.last_variance if t == 1 else posterior(self.schedule, t, 0.0, 0.0)[1]

    def integrate(self, values):
        """∫ dσ_1 dσ_2 dσ_3 for each σ_0, (2,)."""
        return values.sum((1, 2, 3)) * self.volume

    def average(self, values):
        """∫ dσ_0 … dσ_3 q(σ_0, …, σ_3) values."""
        return self.shares @ self.integrate(np.exp(self.log_q) * values)

    def log_p_clean(self):
        """log p(σ_0) for σ_0 = ±1, passing density from σ_3 down, never through q."""
        density = np.exp(log_normal(self.x, 0.0, 1.0))
        for t in (3, 2):
            density = np.exp(log_normal(self.x[:, None], self.mean(self.x, t), self.variance(t))) @ density
            density *= self.step
        last = log_normal(self.clean[:, None], self.mean(self.x, 1), self.variance(1))
        return np.log(np.exp(last) @ density * self.step)

    def bound(self):
        """The right side of Jensen's inequality in Eq. 36."""
        return self.average(self.log_p - self.log_q)

    def losses(self):
        """L_0 of Eq. D.8, L_1 and L_2 of Eq. 37 by Eq. 38, L_T of Eq. D.8, each averaged on the grid."""
        log_last = log_normal(self.clean[:, None], self.mean(self.x, 1), self.variance(1))
        losses = [-self.marginal(1, log_last)]
        for t in (2, 3):
            mean, variance = posterior(self.schedule, t, self.x, self.clean[:, None])
            losses.append(self.marginal(t, (self.mean(self.x, t) - mean) ** 2 / (2 * variance)))
        bar = self.schedule.alphas_bar[2]
        forward = log_normal(self.x, np.sqrt(bar) * self.clean[:, None], 1 - bar)
        losses.append(self.marginal(3, forward - log_normal(self.x, 0.0, 1.0)))
        return losses

    def marginal(self, t, values):
        """∫ dσ_0 dσ_t q(σ_0, σ_t) values (2, n), by Eq. 29."""
        bar = self.schedule.alphas_bar[t - 1]
        q = np.exp(log_normal(self.x, np.sqrt(bar) * self.clean[:, None], 1 - bar))
        return self.shares @ (q * values).sum(1) * self.step


@pytest.fixture(scope="module")
def chain():
    return Chain()


def test_eq_34_likelihood_of_a_data_set_is_an_average(chain, rng):
    """1/N Σ_k log p(σ_0^k) over 100,000 samples: the average over q(σ_0), within its standard error."""
    log_p, n = chain.log_p_clean(), 100_000
    drawn = log_p[(rng.random(n) > chain.shares[0]).astype(int)]
    spread = np.sqrt(chain.shares.prod()) * abs(log_p[0] - log_p[1])
    assert drawn.mean() == pytest.approx(chain.shares @ log_p, abs=4 * spread / np.sqrt(n))
    assert spread > 0.1
    for printed in (drawn.sum(), log_p.sum()):  # a sum, over the samples or over the two states
        assert abs(printed - chain.shares @ log_p) > 0.5


def test_eq_35_36_37_forward_chain_is_that_of_the_library(chain, rng):
    """Paths of the grid and of ddpm.add_noise have the same moments: Eq. 35 to 37 are about this noise."""
    noise = rng.normal(size=(3, 40_000))
    x = np.where(rng.random(40_000) < chain.shares[0], 1.0, -1.0)
    for t in (1, 2, 3):
        x = one_step(chain.schedule, t, x, noise[t - 1])
        for power in (1, 2, 4):
            expected = chain.marginal(t, np.broadcast_to(chain.x**power, (2, chain.x.size)))
            error = (x**power).std() / np.sqrt(x.size)
            assert (x**power).mean() == pytest.approx(expected, abs=4.5 * error)
    for axis, t in ((0, 1), (1, 2), (2, 3)):  # and the density of paths has the marginals of Eq. 29
        by_path = chain.average(np.expand_dims(chain.x**2, [k for k in range(3) if k != axis])[None])
        by_marginal = chain.marginal(t, np.broadcast_to(chain.x**2, (2, chain.x.size)))
        assert by_path == pytest.approx(by_marginal, abs=GRID)


def test_eq_35_likelihood_through_the_forward_chain(chain):
    """p(σ_0) once by passing density down the model, once as an average over the forward chain."""
    ratio = chain.log_end + sum(chain.log_p_steps) - sum(chain.log_q_steps)
    through_q = chain.integrate(np.exp(chain.log_q) * np.exp(ratio))
    np.testing.assert_allclose(np.log(through_q), chain.log_p_clean(), rtol=0, atol=GRID)


def test_eq_36_37_d8_bound_is_a_sum_of_losses(chain):
    """The three-fold integral of the logarithm against L_T, L_2, L_1 and L_0, one integral each."""
    assert chain.bound() == pytest.approx(-sum(chain.losses()), abs=GRID)


def test_eq_36_d9_is_a_lower_bound(chain):
    """And log p(σ_0) exceeds it by Eq. D.9: the divergence of the two chains, given σ_0."""
    log_p = chain.log_p_clean()
    likelihood = chain.shares @ log_p
    gap = chain.average(chain.log_q - (chain.log_p - log_p[:, None, None, None]))
    assert likelihood - chain.bound() == pytest.approx(gap, abs=GRID)
    assert gap > 0.01


@pytest.mark.parametrize("ratio", [1.0, 1.3])
def test_eq_38_divergence_of_two_normal_laws_of_equal_variance(ratio, rng):
    """Spin by spin on a grid.  Variances that are "similar", as printed, are not enough."""
    variance, (mu_q, mu_p) = 0.3, rng.normal(size=(2, 5))
    expected = ((mu_p - mu_q) ** 2).sum() / (2 * variance)
    y, step = np.linspace(-9, 9, 1801, retstep=True)
    q, p = log_normal(y, mu_q[:, None], variance), log_normal(y, mu_p[:, None], ratio * variance)
    found = (np.exp(q) * (q - p)).sum() * step
    assert (abs(found - expected) < GRID * expected) == (ratio == 1)
    assert found == pytest.approx(5 * (np.log(ratio) + 1 / ratio - 1) / 2 + expected / ratio, rel=GRID)


# ---- noise instead of mean


def bent(x, t):
    """ε̂(x, t): any smooth function will do."""
    return torch.tanh(x) + 0.02 * t[:, None] * x


def run(schedule, network, n_samples, sign=-1, noisy=1):
    """Eq. 41 and D.12 from T to 0, with either sign, with or without z; the draws are the library's."""
    random = torch_generator(np.random.default_rng(5))
    states = [torch.randn((n_samples, 3), generator=random).double()]
    for t in range(schedule.n_steps, 0, -1):
        estimate = network(states[-1], torch.tensor([t]))
        x = noise_mean(schedule, t, states[-1], -sign * estimate)
        if t > 1:
            spread = noisy * np.sqrt(posterior(schedule, t, 0.0, 0.0)[1])
            x = x + spread * torch.randn(x.shape, generator=random).double()
        states.append(x)
    return torch.stack(states).numpy()


def test_eq_41_d7_d12_are_the_sampler():
    """The library's way from noise to spins, rebuilt with Eq. 41 and 33 from the same draws."""
    schedule, network = ddpm.NoiseSchedule.linear(40, 1e-3, 0.2), Network(bent, 3)
    settings = {"n_steps": 40, "order": 1, "precision": "float32", "rng": np.random.default_rng(5)}
    steps, states = ddpm.trajectory(network, schedule, 11, **settings)
    np.testing.assert_array_equal(steps, np.arange(40, -1, -1))
    # float32: 40 steps of 1e-7, growing by e^3
    np.testing.assert_allclose(states, run(schedule, network, 11), rtol=0, atol=1e-4)


@pytest.mark.parametrize("t", range(2, 7))
def test_eq_42_43_divergence_from_the_noise(t, rng):
    """Eq. 38 with the means of Eq. 32 and 41 is γ_t ‖ε̄ − ε̂‖², with γ_t in both its forms (Eq. D.10)."""
    clean, noise, estimate = rng.choice([-1.0, 1.0], 4), rng.normal(size=4), rng.normal(size=4)
    a, before, bar = alphas(SHORT, t)
    x = noised(SHORT, clean, t, noise)
    mean, variance = posterior(SHORT, t, x, clean)
    divergence = ((noise_mean(SHORT, t, x, estimate) - mean) ** 2).sum() / (2 * variance)
    gamma = (1 - a) ** 2 / (2 * variance * (1 - bar) * a)
    assert gamma == pytest.approx((1 - a) / (2 * a * (1 - before)), rel=ROUNDING)
    assert divergence == pytest.approx(gamma * ((noise - estimate) ** 2).sum(), rel=1e-10)


def test_eq_22_44_is_what_training_lowers(rng):
    """ε̂ = c σ_t has E (ε̄ − ε̂)² = c² ᾱ_t + (1 − c √(1−ᾱ_t))² per spin, averaged over t = 1 … T alike.

    The loss of the first update of ``train``, before it, of a large batch; and ``denoising_loss``.
    """
    c, bar, n = 0.2, SHORT.alphas_bar, 60_000
    by_step = c**2 * bar + (1 - c * np.sqrt(1 - bar)) ** 2
    spins = rng.choice([-1, 1], (6000, 3))
    network = Network(lambda x, t: network.c * x, 3)
    network.c = torch.nn.Parameter(torch.tensor(c))
    loss = ddpm.denoising_loss(network, SHORT, spins, rng=rng, precision="float32")
    settings = {"n_iterations": 1, "batch_size": n, "precision": "float32", "rng": rng}
    [step] = ddpm.train(network, SHORT, spins, **settings)
    # one squared residual has a mean below 1 and a standard deviation below √2; 3 n or 4·3·6000 of them
    limit = stats.norm.isf(FALSE_ALARM / 2) * np.sqrt(2 / (4 * 3 * 6000))
    assert step.loss == pytest.approx(by_step.mean(), abs=limit)
    assert loss == pytest.approx(by_step.mean(), abs=limit)
    assert abs(by_step[:3].mean() - by_step.mean()) > 3 * limit  # training at t ≤ T/2 alone would show


def test_eq_43_44_d10_weights_of_the_bound():
    """γ_t falls steeply from t = 2 and ends near β_T/2: the bound cares most for little noise.

    Printed: sums from t = 1, where the weight is infinite; and that equal weights play down much noise.
    """
    schedule = ddpm.NoiseSchedule.linear()
    a, before = schedule.alphas[1:], schedule.alphas_bar[:-1]
    gamma = (1 - a) / (2 * a * (1 - before))
    lowest = gamma.argmin()
    assert (np.diff(gamma[: lowest + 1]) < 0).all()
    assert (np.diff(gamma[lowest:]) > 0).all()  # ᾱ is gone, β_t still grows
    assert gamma[-1] == pytest.approx(schedule.betas[-1] / 2, rel=0.03)  # 1/α_T = 1.02, ᾱ_{T−1} = 4e-5
    assert gamma[0] > 50 * gamma[-1]
    assert posterior(schedule, 1, 0.4, 1.0)[1] == 0  # σ_q²(1), by which γ_1 is divided
    little = schedule.alphas_bar[1:] > 0.5  # the signal outweighs the noise
    assert little.mean() < gamma[little].sum() / gamma.sum()


def test_eq_d11_best_network_is_the_conditional_mean(rng):
    """L(ε̂) = L(ε*) + E ‖ε̂ − ε*‖², with ε* = E[ε̄|σ_t], for one spin by quadrature and by the library."""
    bar, shares, clean = 0.4, np.array([0.7, 0.3]), np.array([[1.0], [-1.0]])
    x, step = np.linspace(-9, 9, 721, retstep=True)
    joint = shares[:, None] * np.exp(log_normal(x, np.sqrt(bar) * clean, 1 - bar)) * step  # (2, n)
    noise = (x - np.sqrt(bar) * clean) / np.sqrt(1 - bar)
    best = (joint * noise).sum(0) / joint.sum(0)
    floor = (joint * (noise - best) ** 2).sum()
    for other in (np.tanh(x), 0.5 * x, np.zeros_like(x)):
        loss = (joint * (noise - other) ** 2).sum()
        assert loss == pytest.approx(floor + (joint * (other - best) ** 2).sum(), rel=GRID)
    schedule, spins = ddpm.NoiseSchedule([1 - bar]), np.where(rng.random((20_000, 1)) < 0.7, 1, -1)
    network = best_network(clean, shares, schedule)
    found = ddpm.denoising_loss(network, schedule, spins, rng=rng, precision="float32")
    assert found == pytest.approx(floor, abs=4.5 * np.sqrt(2 / 80_000))  # standard deviation below √2


@pytest.mark.parametrize("schedule", [SHORT, ddpm.NoiseSchedule.linear(), ddpm.NoiseSchedule.cosine()])
def test_eq_d13_weights_are_steps_of_the_clock(schedule, rng):
    """γ_t κ_t = (κ_{t−1} − κ_t)/2, and ‖ε̄ − ε̂‖² = κ_t ‖σ_0 − σ̂_0‖²."""
    bar = schedule.alphas_bar
    kappa = bar / (1 - bar)
    gamma = schedule.betas[1:] / (2 * schedule.alphas[1:] * (1 - bar[:-1]))
    np.testing.assert_allclose(gamma * kappa[1:], -np.diff(kappa) / 2, rtol=1e-7)
    clean, noise, estimate = rng.normal(size=(3, 5))
    for t in (2, schedule.n_steps // 2):
        x = noised(schedule, clean, t, noise)
        guess = (x - np.sqrt(1 - bar[t - 1]) * estimate) / np.sqrt(bar[t - 1])
        squares = kappa[t - 1] * ((clean - guess) ** 2).sum()
        assert ((noise - estimate) ** 2).sum() == pytest.approx(squares, rel=1e-9)
