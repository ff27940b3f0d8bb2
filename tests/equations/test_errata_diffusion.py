"""Misprints of the thesis, Eq. 32 to 44: each test computes both readings; the printed one fails."""

import numpy as np
import pytest
import torch

from ising_lib import ddpm
from ising_lib.denoisers import torch_generator
from tests.equations.helpers import Network, best_network, log_normal
from tests.equations.test_diffusion import (
    GRID,
    ROUNDING,
    SHORT,
    Chain,
    alphas,
    noise_mean,
    noised,
    posterior,
)


@pytest.fixture(scope="module")
def chain():
    return Chain()


def mean_by_bayes(t, x, clean):
    """∫ σ_{t−1} q(σ_{t−1}|σ_t, σ_0), by Eq. 30 on a grid: the oracle of Eq. 32 and 40."""
    a, before, _ = alphas(SHORT, t)
    y = np.linspace(-8, 8, 1601)
    log_density = log_normal(x, np.sqrt(a) * y, 1 - a) + log_normal(y, np.sqrt(before) * clean, 1 - before)
    density = np.exp(log_density)
    return density @ y / density.sum()


@pytest.mark.parametrize("t", range(2, 7))
def test_eq_32_root_reaches_too_far(t):
    """Printed: √(α_t (1−ᾱ_{t−1})).  Right: √α_t (1−ᾱ_{t−1})."""
    a, before, bar = alphas(SHORT, t)
    x, clean = 0.4, -1.0
    start = (1 - a) * np.sqrt(before) / (1 - bar) * clean
    right = np.sqrt(a) * (1 - before) / (1 - bar) * x + start
    printed = np.sqrt(a * (1 - before)) / (1 - bar) * x + start
    bayes = mean_by_bayes(t, x, clean)
    assert right == pytest.approx(bayes, abs=GRID)
    assert abs(printed - bayes) > 0.02


def test_eq_34_a_sum_is_no_average(chain):
    """Printed: Σ_{σ_0} log p(σ_0).  Right: its mean over the samples."""
    log_p = chain.log_p_clean()
    samples = np.array([0] * 7 + [1] * 3)
    average = chain.shares @ log_p
    assert log_p[samples].mean() == pytest.approx(average, rel=ROUNDING)
    for printed in (log_p[samples].sum(), log_p.sum()):  # over the samples, or over the two states
        assert abs(printed - average) > 0.5


def test_eq_35_last_line_needs_the_model():
    """Extracted: q(σ_{t−1}|σ_t) in the numerator, so that the model drops out.  Right: p(σ_{t−1}|σ_t).

    By Bayes Π q(σ_{t−1}|σ_t)/q(σ_t|σ_{t−1}) = q(σ_0)/q(σ_T): one number, whatever the network says.
    """
    values = {}
    for pull in (0.8, 0.3):
        chain = Chain(pull)
        bar = chain.schedule.alphas_bar[2]
        parts = log_normal(chain.x, np.sqrt(bar) * chain.clean[:, None], 1 - bar)
        end = np.log(chain.shares @ np.exp(parts))  # log q(σ_T)
        ratio = np.log(chain.shares)[:, None, None, None] - end + chain.log_end
        printed = np.log(chain.integrate(np.exp(chain.log_q + ratio)))
        right = np.log(chain.integrate(np.exp(chain.log_p)))
        np.testing.assert_allclose(right, chain.log_p_clean(), rtol=0, atol=GRID)
        values[pull] = printed, right
    np.testing.assert_array_equal(values[0.8][0], values[0.3][0])  # two networks, one printed likelihood
    assert np.abs(values[0.8][1] - values[0.3][1]).min() > 0.1
    assert np.abs(values[0.8][0] - values[0.8][1]).min() > 0.1


def test_eq_36_reversed_step_needs_the_start_as_a_condition(chain):
    """Extracted: q(σ_{t−1}|σ_t) under p.  Right: q(σ_{t−1}|σ_t, σ_0).

    Bayes' theorem must give back q(σ_t|σ_{t−1}); here for t = 2, at one pair of states.
    """
    bar, a = chain.schedule.alphas_bar, chain.schedule.alphas[1]
    before, after, clean = 0.3, -0.2, chain.clean
    first = np.exp(log_normal(before, np.sqrt(bar[0]) * clean, 1 - bar[0]))  # q(σ_1|σ_0) for both σ_0
    second = np.exp(log_normal(after, np.sqrt(bar[1]) * clean, 1 - bar[1]))  # q(σ_2|σ_0)
    forward = np.exp(log_normal(after, np.sqrt(a) * before, 1 - a))
    mean, variance = posterior(chain.schedule, 2, after, clean)
    conditional = np.exp(log_normal(before, mean, variance))  # q(σ_1|σ_2, σ_0)
    np.testing.assert_allclose(conditional * second / first, forward, rtol=1e-12)
    unconditional = chain.shares * second @ conditional / (chain.shares @ second)  # q(σ_1|σ_2)
    assert np.abs(unconditional * second / first - forward).min() > 0.01


def test_eq_36_last_term_is_of_the_forward_chain(chain):
    """Printed: log p(σ_T|σ_0), the model run forwards.  Right: log q(σ_T|σ_0)."""
    log_p = log_normal(chain.x, 0.0, 1.0)
    bar = chain.schedule.alphas_bar[2]
    forward = log_normal(chain.x, np.sqrt(bar) * chain.clean[:, None], 1 - bar)
    *losses, _ = chain.losses()
    first = chain.marginal(3, np.broadcast_to(log_p, forward.shape))
    right = first - chain.marginal(3, forward)
    assert right - sum(losses) == pytest.approx(chain.bound(), abs=GRID)
    joint = np.exp(chain.log_p).sum((1, 2)) * chain.step**2  # p(σ_0, σ_T)
    model_forward = np.log(joint / np.exp(chain.log_p_clean())[:, None])
    printed = first - chain.marginal(3, model_forward)
    assert abs(printed - sum(losses) - chain.bound()) > 1e-2


def test_eq_36_first_term_is_right_for_spins_only():
    """Printed: ∫ p(σ_T) log p(σ_T).  Right: ∫ q(σ_T) log p(σ_T), equal where E σ_0² = 1, as for spins."""
    bar, x = 0.2, np.linspace(-12, 12, 481)
    log_p = log_normal(x, 0.0, 1.0)
    printed = np.exp(log_p) @ log_p * 0.05
    for size, equal in ((1.0, True), (1.5, False)):  # spins, and a two-valued variable that is no spin
        q = np.array([0.7, 0.3]) @ np.exp(
            log_normal(x, np.sqrt(bar) * size * np.array([[1.0], [-1.0]]), 1 - bar)
        )
        right = q @ log_p * 0.05
        assert right == pytest.approx(-(bar * size**2 + 1 - bar) / 2 - np.log(2 * np.pi) / 2, abs=GRID)
        assert (abs(printed - right) < GRID) == equal


def test_eq_43_first_step_has_no_finite_weight():
    """Printed: the sum starts at t = 1.  Right: at 2, for σ_q²(1) = 0 and γ_1 = ∞."""
    for schedule in (SHORT, ddpm.NoiseSchedule.linear(), ddpm.NoiseSchedule.cosine()):
        with np.errstate(divide="ignore"):
            before = np.concatenate([[1.0], schedule.alphas_bar[:-1]])
            gamma = schedule.betas / (2 * schedule.alphas * (1 - before))
        assert posterior(schedule, 1, 0.4, 1.0)[1] == 0
        assert np.isinf(gamma[0])
        assert np.isfinite(gamma[1:]).all()


@pytest.mark.parametrize("t", range(2, 7))
def test_eq_39_lost_its_bars(t, rng):
    """Printed: α_t, as Eq. 25 has it.  Right: ᾱ_t, as in Eq. 28: only that gives back the spins."""
    clean, noise = rng.choice([-1.0, 1.0], 9), rng.normal(size=9)
    x = noised(SHORT, clean, t, noise)
    a, _, bar = alphas(SHORT, t)
    right = (x - np.sqrt(1 - bar) * noise) / np.sqrt(bar)
    printed = (x - np.sqrt(1 - a) * noise) / np.sqrt(a)
    np.testing.assert_allclose(right, clean, rtol=0, atol=1e-11)
    assert np.abs(printed - clean).max() > 0.02


@pytest.mark.parametrize("t", range(2, 7))
def test_eq_40_sign_and_bar(t):
    """Printed: plus, and √(1−α_t).  Right: minus, and √(1−ᾱ_t).  Either slip alone is wrong, too."""
    a, _, bar = alphas(SHORT, t)
    x, clean = 0.4, -1.0
    noise = (x - np.sqrt(bar) * clean) / np.sqrt(1 - bar)
    bayes = mean_by_bayes(t, x, clean)
    assert noise_mean(SHORT, t, x, noise) == pytest.approx(bayes, abs=GRID)
    for sign, under in ((1, a), (1, bar), (-1, a)):
        printed = (x + sign * (1 - a) / np.sqrt(1 - under) * noise) / np.sqrt(a)
        assert abs(printed - bayes) > 0.02


def run(schedule, network, sign, n_samples, noisy=1):
    """Eq. 41 and D.12 from T to 0, with either sign, with or without z; the draws are the library's."""
    random = torch_generator(np.random.default_rng(5))
    x = torch.randn((n_samples, 3), generator=random).double()
    for t in range(schedule.n_steps, 0, -1):
        a, before, bar = alphas(schedule, t)
        estimate = network(x, torch.tensor([t]))
        x = (x + sign * (1 - a) / np.sqrt(1 - bar) * estimate) / np.sqrt(a)
        if t > 1:
            spread = np.sqrt((1 - a) * (1 - before) / (1 - bar))
            x = x + noisy * spread * torch.randn(x.shape, generator=random).double()
    return x.numpy()


def standard(schedule):
    """The best network for standard normal data: ε* = √(1−ᾱ_t) σ_t."""
    bar = torch.tensor(schedule.alphas_bar)
    return Network(lambda x, t: (1 - bar[t - 1]).sqrt()[:, None] * x, 3)


def test_eq_41_as_printed_diverges():
    """Standard normal data, the best network: right returns them, printed multiplies them by e^15.

    The factors of one step are √α_t (minus) and (2 − α_t)/√α_t (plus).  ln of the latter is 3β/2 + β³/…, so
    their product is exp(1.5 · 10.05); the noise of later steps only adds to it.  The library does it right.
    """
    schedule = ddpm.NoiseSchedule.linear()
    network, n = standard(schedule), 400
    right, printed = (run(schedule, network, sign, n) for sign in (-1, 1))
    # variance 1 up to the steps' own bias, of order β (see test_ddpm), and ±4 √(2/1200) of chance
    assert (right**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / (3 * n)) + 0.02)
    factors = (2 - schedule.alphas) / np.sqrt(schedule.alphas)
    assert np.log(factors).sum() == pytest.approx(1.5 * schedule.betas.sum(), rel=0.01)
    assert (printed**2).mean() > factors.prod() ** 2 / 2
    settings = {"n_steps": 1000, "order": 1, "precision": "float32"}
    library = ddpm.sample(network, schedule, n, rng=np.random.default_rng(5), **settings)
    np.testing.assert_allclose(library, right, rtol=0, atol=1e-3)  # float32, 1000 steps


def test_eq_20_21_drop_the_average(rng):
    """Printed: Eq. 19's marginal density becomes q(σ_t|σ_0) and its expectation goes.

    For the density that a network can learn, the marginal one, only the expectation is right.
    """
    schedule, x = ddpm.NoiseSchedule([0.4]), torch.tensor(rng.normal(size=(50, 1)))
    network = best_network(np.array([[1.0], [-1.0]]), np.array([0.7, 0.3]), schedule)
    score = -network(x, torch.ones(50, dtype=torch.int64)) / np.sqrt(0.4)
    right = (x + 0.4 * score) / np.sqrt(0.6)  # E[σ_0|σ_t], by Eq. 19
    right, x = right.numpy(), x.numpy()
    share = 0.7 * np.exp(-((x - np.sqrt(0.6)) ** 2) / 0.8)
    share = share / (share + 0.3 * np.exp(-((x + np.sqrt(0.6)) ** 2) / 0.8))
    np.testing.assert_allclose(right, 2 * share - 1, rtol=0, atol=1e-9)
    for clean in (1.0, -1.0):  # printed: equality with the start itself
        assert np.abs(right - clean).max() > 0.5


def test_after_eq_33_the_reversed_chain_is_markov_at_any_step(chain):
    """Printed: near equilibrium, hence Markov and normal.  Markov it is at any step; normal at small ones."""
    joint = np.tensordot(chain.shares, np.exp(chain.log_q), 1)  # (σ_1, σ_2, σ_3)
    middle = slice(40, 67, 6)  # states within ±2
    given_both = joint / joint.sum(0)
    given_one = joint.sum(2) / joint.sum((0, 2))
    for k in range(40, 67, 6):
        np.testing.assert_allclose(given_both[:, middle, k], given_one[:, middle], rtol=0, atol=1e-12)
    # σ_1 given σ_2 = 0: two humps, not one
    p, x = given_one[:, 53], chain.x
    assert x[53] == pytest.approx(0, abs=1e-12)
    mean = p @ x
    normal = np.exp(log_normal(x, mean, p @ (x - mean) ** 2)) * chain.step
    assert 0.5 * np.abs(p - normal).sum() > 0.05


def test_eq_38_needs_equal_variances():
    """Printed: σ_p is similar to σ_q.  Right: equal, or there are more terms."""
    x, step = np.linspace(-9, 9, 1801, retstep=True)
    for ratio, holds in ((1.0, True), (1.3, False)):
        log_q, log_p = log_normal(x, 0.2, 0.5), log_normal(x, -0.1, 0.5 * ratio)
        divergence = (np.exp(log_q) * (log_q - log_p)).sum() * step
        assert (abs(divergence - 0.3**2 / (2 * 0.5)) < 1e-9) == holds
        terms = (np.log(ratio) + 1 / ratio - 1) / 2 + 0.3**2 / (2 * 0.5 * ratio)
        assert divergence == pytest.approx(terms, abs=1e-9)


def test_after_eq_38_noise_is_needed_for_the_right_distribution():
    """Printed: the noise of the steps increases diversity.  Without it the variance ends at ᾱ_T, not at 1."""
    schedule = ddpm.NoiseSchedule.linear(100, 1e-3, 0.1)
    right, without = (run(schedule, standard(schedule), -1, 2000, noisy) for noisy in (1, 0))
    assert (right**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 6000) + 0.1)  # steps of β ≤ 0.1
    assert (without**2).mean() == pytest.approx(schedule.alphas_bar[-1], rel=0.1)


def test_eq_41_network_needs_the_step():
    """Printed: ε̂(σ_t).  Right: ε̂(σ_t, t): one σ_t is mostly noise at one step, mostly spin at another."""
    schedule = ddpm.NoiseSchedule.linear()
    network = best_network(np.array([[1.0], [-1.0]]), np.array([0.5, 0.5]), schedule)
    few, much = (network(torch.ones(1, 1), torch.tensor([t])).item() for t in (50, 900))
    assert abs(few) < 0.1
    assert much > 0.9


def test_after_eq_44_unit_weights_downplay_little_noise():
    """Printed: samples with more noise, at larger t.  Right: the share of the weight at small t falls.

    The weights γ_t of the bound and 1 of L_simple, each normalised over t = 2 … T.
    """
    schedule = ddpm.NoiseSchedule.linear()
    gamma = schedule.betas[1:] / (2 * schedule.alphas[1:] * (1 - schedule.alphas_bar[:-1]))
    bound, simple = gamma / gamma.sum(), np.full(gamma.size, 1 / gamma.size)
    half = np.searchsorted(-schedule.alphas_bar[1:], -0.5)  # up to here the signal outweighs the noise
    assert simple[:half].sum() < bound[:half].sum()  # right; printed: the opposite
