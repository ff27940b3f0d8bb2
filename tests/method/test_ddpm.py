"""Sampling from a perfect denoiser, training, precision.  The formula of a step: tests/equations."""

import logging

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from ising_lib import _torch, ddpm
from ising_lib.denoisers import ResidualMLP
from tests.equations.helpers import best_network
from tests.oracles import moments

FALSE_ALARM = 1e-4  # probability that a correct law fails one test, over all comparisons in it
SMALL = {"n_dim": 16, "n_hidden1": 32, "n_hidden2": 32}  # widths of a network that trains in a second

FIVE = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [-1, -1, -1, -1, 1, 1, 1, 1],
        [1, -1, 1, -1, 1, -1, 1, -1],
        [-1, -1, -1, -1, -1, -1, -1, 1],
        [1, 1, -1, -1, 1, -1, -1, 1],
    ]
)
SHARES = np.array([0.40, 0.25, 0.20, 0.10, 0.05])


class Proportional(nn.Module):
    """ε̂ = c_t x with one number for each step, entries 0 … T."""

    def __init__(self, coefficients, n_spins):
        super().__init__()
        self.config = {"n_spins": n_spins}
        self.c = nn.Parameter(torch.tensor(coefficients, dtype=torch.float32))

    def forward(self, x, t):
        return self.c[t][:, None] * x


def small_network(seed=0, n_spins=4, n_steps=20):
    return ResidualMLP(n_spins, n_steps, rng=np.random.default_rng(seed), **SMALL)


def short_schedule():
    """20 steps from almost no noise, ᾱ = 0.995, to almost no signal, ᾱ = 0.002."""
    return ddpm.NoiseSchedule.linear(20, 0.005, 0.5)


def train(n_iterations, seed=1, denoiser=None, **settings):
    """The steps of a short training on two opposite configurations."""
    spins = np.array([[1, 1, -1, 1], [-1, -1, 1, -1]])
    settings = {"batch_size": 32, "precision": "float32", "n_iterations": n_iterations, **settings}
    denoiser = small_network() if denoiser is None else denoiser
    return ddpm.train(denoiser, short_schedule(), spins, rng=np.random.default_rng(seed), **settings)


def vector(module):
    """All weights in one copied vector."""
    return torch.cat([p.detach().flatten() for p in module.parameters()]).numpy()


# ---- sampling


@pytest.mark.parametrize(
    ("n_steps", "order", "n_samples", "bias"),
    # few steps are a coarse integration of the reverse process; all 1,000 show no bias
    [
        *(pytest.param(1000, order, 4000, 0.0, marks=pytest.mark.slow) for order in (1, 2)),
        *((50, 1, 20_000, 0.008), (20, 2, 20_000, 0.008)),
    ],
)
def test_a_perfect_denoiser_brings_back_the_five_configurations(n_steps, order, n_samples, bias, rng):
    """Every sample is one of the five it knows, and each comes with its share."""
    schedule = ddpm.NoiseSchedule.linear()
    settings = {"n_steps": n_steps, "order": order, "precision": "float32", "rng": rng}
    x = ddpm.sample(best_network(FIVE, SHARES, schedule), schedule, n_samples, **settings)
    assert np.abs(np.abs(x) - 1).max() < 1e-3  # analog bits sit at ±1 once the last noise (β₁ = 1e-4) is gone
    hits = (ddpm.to_spins(x)[:, None] == FIVE).all(-1)  # (N, 5)
    assert hits.any(1).all()
    limit = stats.norm.isf(FALSE_ALARM / 2 / 5) * np.sqrt(SHARES * (1 - SHARES) / n_samples)
    assert (np.abs(hits.mean(0) - SHARES) < limit + bias).all()


def test_batches_do_not_repeat_each_other_and_the_network_stays_as_it_was():
    network = small_network()
    before = vector(network)
    settings = {"n_steps": 10, "batch_size": 64, "precision": "float32", "rng": np.random.default_rng(1)}
    x = ddpm.sample(network, short_schedule(), 150, **settings)  # two full batches and a short one
    assert (x.shape, x.dtype) == ((150, 4), np.float32)
    assert len(np.unique(x, axis=0)) == 150
    np.testing.assert_array_equal(vector(network), before)
    assert network.training


def test_a_trajectory_is_what_sampling_passes_through():
    """Its end is the sample of the same stream; it starts from pure noise at T; every state is kept."""
    network, schedule = small_network(), short_schedule()
    settings = {"n_steps": 10, "precision": "float32"}
    steps, states = ddpm.trajectory(network, schedule, 30, rng=np.random.default_rng(1), **settings)
    x = ddpm.sample(network, schedule, 30, rng=np.random.default_rng(1), **settings)
    assert steps.tolist() == [*schedule.subsequence(10)[::-1], 0]
    assert states.shape == (11, 30, 4)
    np.testing.assert_array_equal(states[-1], x)
    assert stats.kstest(states[0].ravel(), "norm").pvalue > FALSE_ALARM
    assert (np.abs(np.diff(states, axis=0)).max((1, 2)) > 0).all()


def test_own_loss_is_what_training_lowers(rng):
    """Of the thesis's network that is L_simple: equal to ``denoising_loss`` within the noise of two draws."""
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (4000, 4))
    network, schedule = small_network(), short_schedule()
    own = ddpm.own_loss(network, schedule, spins, rng=np.random.default_rng(1))
    simple = ddpm.denoising_loss(network, schedule, spins, rng=np.random.default_rng(2), precision="float32")
    # 64,000 squared normal numbers each: √(2 · 2 / 64,000) = 0.008 of their mean, four times
    assert own == pytest.approx(simple, rel=0.032)


def test_signs_become_spins():
    spins = ddpm.to_spins([[0.3, -1.2, 0.0], [-1e-9, 5.0, -0.0]])
    assert spins.dtype == np.int8
    np.testing.assert_array_equal(spins, [[1, -1, 1], [-1, 1, 1]])


# ---- training


def test_training_finds_the_regression_of_noise_on_noised_spins(rng):
    """The best c_t in ε̂ = c_t σ_t is E[ε̄ σ_t]/E[σ_t²] = √(1−ᾱ_t), since E[σ_t²] = ᾱ_t + 1 − ᾱ_t = 1.

    c_0 belongs to no step: it must keep its first value, and the last step must not be left out.
    """
    schedule = ddpm.NoiseSchedule([0.05, 0.3, 0.8])
    spins = rng.choice([-1, 1], (50, 4))
    settings = {"learning_rate": 0.01, "average": 0.98, "batch_size": 512, "precision": "float32"}
    denoiser = Proportional(np.full(4, 0.5), n_spins=4)
    *_, last = ddpm.train(denoiser, schedule, spins, n_iterations=400, rng=rng, **settings)
    found = last.denoiser.c.detach().numpy()
    assert found[0] == 0.5
    # the average holds some (1 + 0.98)/(1 − 0.98) = 99 batches, each with 512·4/3 pairs at every t: standard
    # error of a regression √(ᾱ_t/67,000) ≤ 0.004; five of them
    np.testing.assert_allclose(found[1:], np.sqrt(1 - schedule.alphas_bar), rtol=0, atol=0.02)


@pytest.mark.slow
def test_training_overfits_two_configurations():
    """The loss passes 0.36, the best of any ε̂ ∝ σ_t, and nears 0.040, that of the perfect denoiser."""
    steps = [(s.loss, s.denoiser) for s in train(500, learning_rate=3e-3, batch_size=128, average=0.98)]
    schedule = short_schedule()
    proportional = schedule.alphas_bar.mean()  # ε̂ = √(1−ᾱ_t) σ_t leaves ᾱ_t of the noise: 0.362
    assert np.mean([loss for loss, _ in steps[-50:]]) < proportional / 3
    x = ddpm.sample(
        steps[-1][1], schedule, 1000, n_steps=20, precision="float32", rng=np.random.default_rng(2)
    )
    spins = ddpm.to_spins(x)
    known = (spins == [1, 1, -1, 1]).all(1) | (spins == [-1, -1, 1, -1]).all(1)
    assert known.mean() > 0.95  # of 16 configurations; chance would give 1/8


def test_the_first_update_moves_every_weight_by_the_learning_rate():
    """Adam's first step is g/|g|; without an average it is seen in full."""
    after = next(train(1, average=0, learning_rate=2e-3)).denoiser
    moved = np.abs(vector(after) - vector(small_network()))
    assert moved.max() < 2e-3 * (1 + 1e-3)  # float32 weights of order 0.3 round a difference to 3e-8
    assert np.median(moved) == pytest.approx(2e-3, rel=1e-3)


@pytest.mark.parametrize("average", [0.5, 0.99])
def test_the_running_average_forgets_exponentially(average):
    """w̄_n = d w̄_{n−1} + (1 − d) w_n, d = min(average, n/(n + 9)); w_n are the weights of a run without."""
    expected = vector(small_network())
    live = [vector(step.denoiser) for step in train(20, average=0)]
    averaged = [vector(step.denoiser) for step in train(20, average=average)]
    for n, (weights, found) in enumerate(zip(live, averaged, strict=True), start=1):
        decay = min(average, n / (n + 9))
        expected = decay * expected + (1 - decay) * weights
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)  # float32, 20 roundings of 6e-8


def test_training_is_in_place():
    """A bare loop trains the network that it was given: sampling from it is sampling from every step's.

    It holds no gradients: a graph through all updates would grow for as long as the training lasts.
    """
    mine, untrained = small_network(), small_network()
    for step in train(100, denoiser=mine, learning_rate=3e-3):
        assert step.denoiser is mine
    assert all(p.grad is None and p.grad_fn is None for p in mine.parameters())

    def draw(network):
        settings = {"n_steps": 5, "precision": "float32", "rng": np.random.default_rng(0)}
        return ddpm.sample(network, short_schedule(), 50, **settings)

    np.testing.assert_array_equal(draw(mine), draw(step.denoiser))
    assert np.abs(draw(mine) - draw(untrained)).max() > 0.1
    before = vector(mine)  # and it can be trained on: all its weights still move, and from where they were
    moved = vector(next(train(1, denoiser=mine, average=0, learning_rate=2e-3)).denoiser) - before
    assert np.median(np.abs(moved)) == pytest.approx(2e-3, rel=1e-3)


def test_looking_never_changes_training():
    """Sampling after every update, from a stream of its own, leaves the same weights in the end."""
    steps = [*train(6)]
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6]
    looks = np.random.default_rng(9)
    for step in train(6):
        ddpm.sample(step.denoiser, short_schedule(), 20, n_steps=5, precision="float32", rng=looks)
    np.testing.assert_array_equal(vector(step.denoiser), vector(steps[-1].denoiser))


# ---- precision


@pytest.mark.parametrize("units", [(True, False), (False, True), (True, True), (False, False)])
def test_auto_precision_uses_bfloat16_units_and_says_when_it_does_without(units, monkeypatch, caplog):
    for name, there in zip(("avx512_bf16", "amx_tile"), units, strict=True):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda there=there: there)
    for named in ("bfloat16", "float32"):  # whoever names one gets it, in silence
        assert ddpm.resolve_precision(named) == named
    assert not caplog.records
    _torch._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="ising_lib"):
        for _ in range(2):
            assert ddpm.resolve_precision("auto") == ("bfloat16" if any(units) else "float32")
    assert caplog.text.count("no bfloat16 units") == (not any(units))


@pytest.mark.slow
def test_bfloat16_trains_and_samples_the_same_law(rng):
    """Eight bits of mantissa: losses agree to 1 %, moments within the errors of sampling."""
    losses = [[s.loss for s in train(5, precision=p)] for p in ("float32", "bfloat16")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.01)
    *_, last = train(300, learning_rate=3e-3, batch_size=128, average=0.98)
    found, n_samples = [], 4000
    for precision in ("float32", "bfloat16"):
        x = ddpm.sample(last.denoiser, short_schedule(), n_samples, n_steps=20, precision=precision, rng=rng)
        found.append(moments(ddpm.to_spins(x)))
    # two samples of 4,000: standard error of a difference at most √(2/N) = 0.022, ten moments
    limit = stats.norm.isf(FALSE_ALARM / 2 / 10) * np.sqrt(2 / n_samples)
    assert np.abs(found[0] - found[1]).max() < limit
