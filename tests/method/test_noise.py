"""Noise schedules; what is noised, and with how much, is in tests/equations/test_diffusion.py."""

import numpy as np
import pytest

from ising_lib.noise import NoiseSchedule


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
