"""Misprints of the thesis, Eq. 32 to 44: each test computes both readings; the printed one fails."""

import numpy as np
import pytest
import torch

from ising_lib import ddpm
from tests.equations.helpers import Network, best_network, log_normal
from tests.equations.test_diffusion import GRID, Chain, posterior, run


@pytest.fixture(scope="module")
def chain():
    return Chain()


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
    right, printed = (run(schedule, network, n, sign)[-1] for sign in (-1, 1))
    # variance 1 up to the steps' own bias, of order β (see test_ddpm), and ±4 √(2/1200) of chance
    assert (right**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / (3 * n)) + 0.02)
    factors = (2 - schedule.alphas) / np.sqrt(schedule.alphas)
    assert np.log(factors).sum() == pytest.approx(1.5 * schedule.betas.sum(), rel=0.01)
    assert (printed**2).mean() > factors.prod() ** 2 / 2
    settings = {"n_steps": 1000, "order": 1, "precision": "float32"}
    library = ddpm.sample(network, schedule, n, rng=np.random.default_rng(5), **settings)
    np.testing.assert_allclose(library, right, rtol=0, atol=1e-3)  # float32, 1000 steps


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


def test_after_eq_38_noise_is_needed_for_the_right_distribution():
    """Printed: the noise of the steps increases diversity.  Without it the variance ends at ᾱ_T, not at 1."""
    schedule = ddpm.NoiseSchedule.linear(100, 1e-3, 0.1)
    right, without = (run(schedule, standard(schedule), 2000, noisy=z)[-1] for z in (1, 0))
    assert (right**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 6000) + 0.1)  # steps of β ≤ 0.1
    assert (without**2).mean() == pytest.approx(schedule.alphas_bar[-1], rel=0.1)


def test_eq_41_network_needs_the_step():
    """Printed: ε̂(σ_t).  Right: ε̂(σ_t, t): one σ_t is mostly noise at one step, mostly spin at another."""
    schedule = ddpm.NoiseSchedule.linear()
    network = best_network(np.array([[1.0], [-1.0]]), np.array([0.5, 0.5]), schedule)
    few, much = (network(torch.ones(1, 1), torch.tensor([t])).item() for t in (50, 900))
    assert abs(few) < 0.1
    assert much > 0.9
