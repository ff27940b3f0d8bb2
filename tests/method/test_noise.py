"""Noise schedules in closed form; noised spins by the law of Eq. 28 and 29."""

import numpy as np
import pytest
import torch
from scipy import stats

from ising_lib.noise import NoiseSchedule, add_noise

FALSE_ALARM = 1e-4  # probability that a correct distribution fails one test, over all comparisons in it


def test_linear_schedule_has_the_ends_of_ho_et_al():
    schedule = NoiseSchedule.linear()
    assert schedule.n_steps == 1000
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 0.02], rel=1e-12)
    np.testing.assert_allclose(np.diff(schedule.betas), (0.02 - 1e-4) / 999, rtol=1e-9)
    # log ᾱ_T = Σ log(1 − β) ≈ −Σβ − Σβ²/2 = −10.05 − 0.067: nothing is left of the signal
    assert np.log(schedule.alphas_bar[-1]) == pytest.approx(-10.118, abs=0.002)


def test_cosine_schedule_follows_a_squared_cosine():
    """Nichol and Dhariwal: ᾱ_t = cos²(…)/cos²(0), until β is cut at 0.999."""
    schedule = NoiseSchedule.cosine(100)
    assert (schedule.betas > 0).all()
    assert (schedule.betas <= 0.999).all()
    t = np.arange(100)
    curve = np.cos((t / 100 + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(schedule.alphas_bar[:99], curve[1:] / curve[0], rtol=1e-9)


@pytest.mark.parametrize("make", [NoiseSchedule.linear, NoiseSchedule.cosine])
def test_signal_only_ever_fades(make):
    schedule = make(200)
    kept = schedule.alphas_bar
    assert (np.diff(kept) < 0).all()
    assert ((kept > 0) & (kept < 1)).all()
    np.testing.assert_allclose(kept[1:] / kept[:-1], schedule.alphas[1:], rtol=1e-12)


LATE = NoiseSchedule(np.append(np.full(48, 1e-4), [0.5, 0.5]))  # nearly all angles lie between its last steps


@pytest.mark.parametrize("schedule", [NoiseSchedule.linear(50), NoiseSchedule.linear(), LATE])
def test_subsequence_starts_from_pure_noise_and_takes_no_step_twice(schedule):
    for n_steps in [2, 3, 10, 37, 49, 50]:
        steps = schedule.subsequence(n_steps)
        assert steps.size == n_steps
        assert steps[-1] == schedule.n_steps
        assert steps[0] >= 1
        assert (np.diff(steps) >= 1).all()
    assert schedule.subsequence(1).tolist() == [schedule.n_steps]
    assert schedule.subsequence(schedule.n_steps).tolist() == list(range(1, schedule.n_steps + 1))
    with pytest.raises(ValueError, match=f"n_steps must be from 1 to {schedule.n_steps}, got 1001"):
        schedule.subsequence(1001)


def test_subsequence_is_even_in_the_angle_between_signal_and_noise():
    """tan(angle) = noise/signal; whole steps of t can be off by half of the local step of the angle."""
    schedule = NoiseSchedule.linear()
    angle = np.arctan2(np.sqrt(1 - schedule.alphas_bar), np.sqrt(schedule.alphas_bar))
    chosen = angle[schedule.subsequence(20) - 1]
    np.testing.assert_allclose(chosen, angle[-1] * np.arange(1, 21) / 20, atol=np.diff(angle).max() / 2)


def test_single_steps_of_noise_compose_to_eq_28():
    """Eq. 25 applied t times keeps √ᾱ_t of the signal and adds noise of variance 1 − ᾱ_t."""
    schedule = NoiseSchedule.linear(30, 0.01, 0.4)
    steps = torch.arange(1, 31)
    ones, zeros = torch.ones(30, 1, dtype=torch.float64), torch.zeros(30, 1, dtype=torch.float64)
    direct_signal = add_noise(schedule, ones, steps, zeros).numpy().ravel()
    direct_noise = add_noise(schedule, zeros, steps, ones).numpy().ravel()
    signal, variance = 1.0, 0.0
    for t, alpha in enumerate(schedule.alphas):
        signal, variance = np.sqrt(alpha) * signal, alpha * variance + 1 - alpha
        assert direct_signal[t] == pytest.approx(signal, rel=1e-12)
        assert direct_noise[t] ** 2 == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("t", [1, 7, 20])
def test_noised_spins_have_the_mean_and_variance_of_eq_29(t, rng):
    schedule, n = NoiseSchedule.linear(20, 0.005, 0.5), 50_000
    clean = torch.tensor(rng.choice([-1.0, 1.0], 6)).expand(n, 6)
    noise = torch.tensor(rng.normal(size=(n, 6)))
    noised = add_noise(schedule, clean, torch.full((n,), t), noise).numpy()
    kept = schedule.alphas_bar[t - 1]
    z = (noised.mean(0) - np.sqrt(kept) * clean[0].numpy()) / np.sqrt((1 - kept) / n)
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / 6)
    low, high = stats.chi2.interval(1 - FALSE_ALARM / 6, n - 1)  # ±3 % for 50,000
    scaled = noised.var(0) * n / (1 - kept)
    assert ((low < scaled) & (scaled < high)).all()
