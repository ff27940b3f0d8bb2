"""Diffusion: the reversal of noise by Bayes' rule, a perfect denoiser, training, precision."""

import copy
import logging

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from ising_lib import ddpm
from ising_lib.denoisers import ResidualMLP

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


class Perfect(nn.Module):
    """E[ε̄ | σ_t] of a law on a few configurations: E[σ_0 | σ_t] by Bayes' rule, then Eq. 28 for the noise."""

    def __init__(self, configurations, shares, schedule):
        super().__init__()
        self.config = {"n_spins": configurations.shape[1]}
        tables = {"states": configurations, "log_shares": np.log(shares), "kept": schedule.alphas_bar}
        for name, value in tables.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))

    def forward(self, x, t):
        kept = self.kept[t - 1][:, None]
        posterior = torch.softmax(self.log_shares + kept.sqrt() / (1 - kept) * (x @ self.states.T), dim=1)
        return (x - kept.sqrt() * (posterior @ self.states)) / (1 - kept).sqrt()


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


# ---- its reversal


@pytest.mark.parametrize("n_steps", [1000, 50, 3])
def test_one_ancestral_step_is_the_posterior_of_bayes(n_steps):
    """q(σ_r | σ_t, σ_0) ∝ q(σ_t | σ_r) q(σ_r | σ_0), Eq. 30, integrated on a grid of σ_r.

    Its mean must be that of the step when the network knows the noise, ε̄ = (σ_t − √ᾱ_t σ_0)/√(1 − ᾱ_t)
    (Eq. 39 with its bars), and its variance that of Eq. 33: a test of both signs and every bar of Eq. 40.
    """
    schedule, sigma_0, sigma_t = ddpm.NoiseSchedule.linear(), -1.0, 0.4
    kept = np.concatenate([[1.0], schedule.alphas_bar])  # entry t is ᾱ_t, entry 0 is no noise at all
    steps = ddpm._reverse_steps(schedule, schedule.subsequence(n_steps), order=1)
    assert [step.t for step in steps] == sorted({step.t for step in steps}, reverse=True)
    for step, r in zip(steps, [step.t for step in steps[1:]] + [0], strict=True):
        t = step.t
        noise = (sigma_t - np.sqrt(kept[t]) * sigma_0) / np.sqrt(1 - kept[t])
        assert (sigma_t - step.noise * noise) / step.signal == pytest.approx(sigma_0, abs=1e-9)
        mean = step.shrink * (sigma_t - step.pull * noise)
        assert step.bend == 0
        if r == 0:  # the last step lands on σ_0 itself
            assert (mean, step.spread) == (pytest.approx(sigma_0, abs=1e-9), 0)
            continue
        alpha = kept[t] / kept[r]
        width = 10 * np.sqrt(1 / (alpha / (1 - alpha) + 1 / (1 - kept[r])))
        sigma_r = np.linspace(mean - width, mean + width, 401)  # 20 points a standard deviation
        log_density = -((sigma_t - np.sqrt(alpha) * sigma_r) ** 2) / (2 * (1 - alpha))
        log_density -= (sigma_r - np.sqrt(kept[r]) * sigma_0) ** 2 / (2 * (1 - kept[r]))
        density = np.exp(log_density - log_density.max())
        density /= density.sum()
        bayes = density @ sigma_r
        assert mean == pytest.approx(bayes, abs=1e-9)
        assert step.spread**2 == pytest.approx(density @ (sigma_r - bayes) ** 2, rel=1e-8)


@pytest.mark.parametrize(
    ("n_steps", "order", "n_samples", "bias"),
    # few steps are a coarse integration of the reverse process; all 1,000 show no bias
    [(1000, 1, 4000, 0.0), (1000, 2, 4000, 0.0), (50, 1, 20_000, 0.008), (20, 2, 20_000, 0.008)],
)
def test_a_perfect_denoiser_brings_back_the_five_configurations(n_steps, order, n_samples, bias, rng):
    """Every sample is one of the five it knows, and each comes with its share."""
    schedule = ddpm.NoiseSchedule.linear()
    denoiser = Perfect(FIVE, SHARES, schedule)
    settings = {"n_steps": n_steps, "order": order, "precision": "float32", "rng": rng}
    x = ddpm.sample(denoiser, schedule, n_samples, **settings)
    assert np.abs(np.abs(x) - 1).max() < 1e-3  # analog bits sit at ±1 once the last noise (β₁ = 1e-4) is gone
    hits = (ddpm.to_spins(x)[:, None] == FIVE).all(-1)  # (N, 5)
    assert hits.any(1).all()
    limit = stats.norm.isf(FALSE_ALARM / 2 / 5) * np.sqrt(SHARES * (1 - SHARES) / n_samples)
    assert (np.abs(hits.mean(0) - SHARES) < limit + bias).all()


@pytest.mark.parametrize("n_steps", [1000, 50])
def test_the_printed_plus_sign_of_eq_41_diverges(n_steps, rng, monkeypatch):
    """Adding the predicted noise instead of removing it leaves no bit near ±1."""
    right = ddpm._reverse_steps

    def printed(*arguments):
        return [step._replace(pull=-step.pull) for step in right(*arguments)]

    monkeypatch.setattr(ddpm, "_reverse_steps", printed)
    schedule = ddpm.NoiseSchedule.linear()
    denoiser = Perfect(FIVE, SHARES, schedule)
    x = ddpm.sample(denoiser, schedule, 200, n_steps=n_steps, order=1, precision="float32", rng=rng)
    near_a_bit = np.abs(np.abs(x) - 1) < 0.5
    assert near_a_bit.mean() < 0.1


def test_noise_of_each_step_has_the_variance_of_eq_33(rng):
    """With the perfect denoiser of N(0, 1) data, ε̂ = √(1−ᾱ_t) σ_t, a step is linear: its variance is known.

    σ_r = √α σ_t + σ_q z, so v_r = α v_t + σ_q².  Few, coarse steps make σ_q² a large part of it.
    """
    schedule = short_schedule()
    kept = np.concatenate([[1.0], schedule.alphas_bar])
    denoiser = Proportional(np.sqrt(1 - kept), n_spins=4)
    steps = [0, *schedule.subsequence(5)]
    variance = 1.0
    for r, t in zip(steps[-2::-1], steps[:0:-1], strict=True):
        alpha = kept[t] / kept[r]
        variance = alpha * variance + (1 - alpha) * (1 - kept[r]) / (1 - kept[t])
    x = ddpm.sample(denoiser, schedule, 25_000, n_steps=5, order=1, precision="float32", rng=rng)
    low, high = stats.chi2.interval(1 - FALSE_ALARM, x.size)  # ±1.7 % for 100,000 numbers
    assert low < (x.astype(np.float64) ** 2).sum() / variance < high


def variance_after(schedule, n_steps, order):
    """Var σ_0 after sampling with the perfect denoiser of N(0, s²) data, which is linear: no random numbers.

    E[σ_0 | σ_t] = √ᾱ s² σ_t / (1 − ᾱ + ᾱ s²).  A step is linear in (σ_t, σ̂_0 of the step before).
    """
    s2, covariance = 0.25, np.diag([1.0, 0.0])
    for step in ddpm._reverse_steps(schedule, schedule.subsequence(n_steps), order):
        clean = step.signal * s2 / (step.noise**2 + step.signal**2 * s2)
        noise = (1 - step.signal * clean) / step.noise
        move = np.array(
            [[step.shrink * (1 - step.pull * noise) + step.bend * clean, -step.bend], [clean, 0.0]]
        )
        covariance = move @ covariance @ move.T
        covariance[0, 0] += step.spread**2
    return covariance[0, 0]


def test_second_order_converges_faster_than_the_thesis_sampler():
    """Gaussian data have a closed form: half the step, half the error (order 1) or a quarter of it."""
    schedule = ddpm.NoiseSchedule(np.full(20_000, 5e-4))
    first, second = ([abs(variance_after(schedule, n, order) - 0.25) for n in (160, 320)] for order in (1, 2))
    assert 1.8 < first[0] / first[1] < 2.3
    assert second[0] / second[1] > 3.2
    assert second[1] < first[1] / 3


def test_sampling_is_a_function_of_its_stream_alone(rng):
    """Equal streams, equal samples; no batch repeats another; nothing else is touched."""
    network, schedule = small_network(), short_schedule()
    weights, state = vector(network), torch.get_rng_state()
    settings = {"n_steps": 10, "batch_size": 64, "precision": "float32"}
    first, second, third = (
        ddpm.sample(network, schedule, 150, rng=np.random.default_rng(seed), **settings) for seed in (1, 1, 2)
    )
    assert first.shape == (150, 4)  # two full batches and a short one
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)
    assert len(np.unique(first, axis=0)) == 150
    np.testing.assert_array_equal(vector(network), weights)
    assert network.training
    assert torch.equal(torch.get_rng_state(), state)


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


def test_loss_of_the_perfect_denoiser_is_the_noise_that_cannot_be_known():
    """For N(0, 1) data ε̂ = √(1−ᾱ) σ_t leaves E(ε̄ − ε̂)² = ᾱ; here on ±1 spins, whose variance is 1, too."""
    schedule = short_schedule()
    kept = np.concatenate([[1.0], schedule.alphas_bar])
    denoiser = Proportional(np.sqrt(1 - kept), n_spins=6)
    spins = np.random.default_rng(0).choice([-1, 1], (4000, 6))
    measure = [
        ddpm.denoising_loss(denoiser, schedule, spins, rng=np.random.default_rng(seed), precision="float32")
        for seed in (1, 1, 2)
    ]
    assert measure[0] == measure[1] != measure[2]
    # one squared residual (√ᾱ)² (√ᾱ ε̄ − √(1−ᾱ) σ)² has a standard deviation below 2: 4 × 24,000 of them
    assert measure[0] == pytest.approx(schedule.alphas_bar.mean(), abs=4 * 2 / np.sqrt(96_000))
    silent = Proportional(np.zeros(21), n_spins=6)
    loss = ddpm.denoising_loss(silent, schedule, spins, rng=np.random.default_rng(1), precision="float32")
    assert loss == pytest.approx(1, abs=4 * np.sqrt(2 / 96_000))  # E ε̄² = 1, Var ε̄² = 2


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


def test_loss_of_a_network_that_says_nothing_is_the_variance_of_noise(rng):
    """ε̂ = 0 has L_simple = mean of ε̄² = 1 per spin, with standard error √(2/(B M))."""
    denoiser = Proportional(np.zeros(21), n_spins=4)
    settings = {"n_iterations": 1, "batch_size": 20_000, "precision": "float32"}
    step = next(ddpm.train(denoiser, short_schedule(), np.ones((3, 4)), rng=rng, **settings))
    low, high = stats.chi2.interval(1 - FALSE_ALARM, 80_000)  # ±2 %
    assert low < step.loss * 80_000 < high


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


def test_a_trained_network_can_be_trained_on():
    """All its weights still move, and from where they were."""
    mine = small_network()
    before = [vector(step.denoiser) for step in train(3, denoiser=mine)][-1]
    moved = vector(next(train(1, denoiser=mine, average=0, learning_rate=2e-3)).denoiser) - before
    assert np.median(np.abs(moved)) == pytest.approx(2e-3, rel=1e-3)


def test_training_is_a_function_of_its_stream_alone():
    """Equal streams, equal weights; torch's own stream stays as it was."""
    state = torch.get_rng_state()
    first, second, third = ([*train(5, seed=seed)][-1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(vector(first.denoiser), vector(second.denoiser))
    assert first.loss == second.loss
    assert not np.array_equal(vector(first.denoiser), vector(third.denoiser))
    assert torch.equal(torch.get_rng_state(), state)


def test_looking_never_changes_training():
    """Sampling after every update, from a stream of its own, leaves the same weights in the end."""
    steps = [*train(6)]
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6]
    looks = np.random.default_rng(9)
    for step in train(6):
        ddpm.sample(step.denoiser, short_schedule(), 20, n_steps=5, precision="float32", rng=looks)
        copy.deepcopy(step.denoiser)
    np.testing.assert_array_equal(vector(step.denoiser), vector(steps[-1].denoiser))


# ---- precision


@pytest.mark.parametrize(("avx512", "amx"), [(True, False), (False, True), (True, True)])
def test_auto_precision_uses_bfloat16_units(avx512, amx, monkeypatch, caplog):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert ddpm.resolve_precision("auto") == "bfloat16"
    assert not caplog.records


def test_auto_precision_says_when_it_does_without(monkeypatch, caplog):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for named in ("bfloat16", "float32"):  # whoever names one gets it, in silence
        assert ddpm.resolve_precision(named) == named
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="ising_lib"):
        assert ddpm.resolve_precision("auto") == "float32"
    assert "no bfloat16 units" in caplog.text


def test_bfloat16_trains_and_samples_the_same_law(rng):
    """Eight bits of mantissa: losses agree to 1 %, moments within the errors of sampling."""
    losses = [[s.loss for s in train(5, precision=p)] for p in ("float32", "bfloat16")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.01)
    *_, last = train(300, learning_rate=3e-3, batch_size=128, average=0.98)
    moments, n_samples = [], 4000
    for precision in ("float32", "bfloat16"):
        x = ddpm.sample(last.denoiser, short_schedule(), n_samples, n_steps=20, precision=precision, rng=rng)
        spins = ddpm.to_spins(x).astype(np.float64)
        pairs = spins[:, :, None] * spins[:, None, :]
        moments.append(np.concatenate([spins.mean(0), pairs.mean(0)[np.triu_indices(4, 1)]]))
    # two samples of 4,000: standard error of a difference at most √(2/N) = 0.022, ten moments
    limit = stats.norm.isf(FALSE_ALARM / 2 / 10) * np.sqrt(2 / n_samples)
    assert np.abs(moments[0] - moments[1]).max() < limit
