"""The noising process: how much of a spin configuration is left after t steps of diffusion.

Ho, Jain, Abbeel (2020); thesis Sec. 2.2 and Appendix A.  ``ddpm`` offers both names too.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ising_lib import _checks


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """β_1 … β_T in (0, 1), (T,), with α_t = 1 − β_t and ᾱ_t = α_1 α_2 … α_t  (thesis Eq. 17, 25, 28).

    Steps count from 1, as in the thesis: entry t−1 of each array belongs to step t.
    """

    betas: np.ndarray

    def __post_init__(self):
        betas = _checks.array("betas", self.betas, allow_nan=True)  # a copy
        if betas.ndim != 1 or betas.size == 0 or not ((betas > 0) & (betas < 1)).all():
            raise ValueError("betas must be a vector of numbers strictly between 0 and 1")
        betas.setflags(write=False)
        object.__setattr__(self, "betas", betas)

    @classmethod
    def linear(cls, n_steps=1000, first=1e-4, last=0.02):
        """β_t rising linearly from ``first`` to ``last``  (Ho et al. 2020)."""
        _checks.count("n_steps", n_steps)
        return cls(np.linspace(first, last, n_steps))

    @classmethod
    def cosine(cls, n_steps=1000, offset=0.008):
        """ᾱ_t ∝ cos²(π/2 (t/T + s)/(1 + s)), β_t at most 0.999  (Nichol and Dhariwal 2021)."""
        _checks.count("n_steps", n_steps)
        angles = (np.arange(n_steps + 1) / n_steps + offset) / (1 + offset) * np.pi / 2
        kept = np.cos(angles) ** 2
        return cls(np.minimum(1 - kept[1:] / kept[:-1], 0.999))

    @property
    def n_steps(self):
        """T."""
        return self.betas.size

    @property
    def alphas(self):
        """α_t, shape (T,)."""
        return 1 - self.betas

    @property
    def alphas_bar(self):
        """ᾱ_t, shape (T,): what is left of the signal's square after t steps."""
        return np.cumprod(self.alphas)

    def subsequence(self, n_steps):
        """``n_steps`` of the steps 1 … T, rising, that lead from T to no noise at all in even angles.

        Signal √ᾱ_t and noise √(1 − ᾱ_t) are the cosine and the sine of the angle.  Even steps of it spend
        their effort where the spins are decided; even steps of t spend half of it on pure noise.
        """
        _checks.count("n_steps", n_steps, maximum=self.n_steps)
        angles = np.arccos(np.sqrt(self.alphas_bar))  # rising with t
        wanted = np.linspace(angles[-1], 0.0, n_steps, endpoint=False)[::-1]
        steps = np.interp(wanted, angles, np.arange(1, self.n_steps + 1)).round().astype(np.int64)
        order = np.arange(n_steps)  # no step twice: push up from below, then down from above
        steps = np.maximum.accumulate(steps - order) + order
        return np.minimum(steps, self.n_steps - order[::-1])


def add_noise(schedule, clean, t, noise):
    """σ_t = √ᾱ_t σ_0 + √(1 − ᾱ_t) ε̄  (thesis Eq. 17 and 28).

    Args:
        schedule, t: gives ᾱ_t at the whole steps 1 … T of a tensor (B,).
        clean, noise: σ_0 and standard normal ε̄, tensors (B, M), as is the σ_t returned.
    """
    if t.min() < 1 or t.max() > schedule.n_steps:  # an index of −1 would pass for the last step
        raise ValueError(f"t must hold steps from 1 to {schedule.n_steps}, got {t.min()} to {t.max()}")
    kept = torch.as_tensor(schedule.alphas_bar, dtype=clean.dtype, device=clean.device)[t - 1, None]  # (B, 1)
    return kept.sqrt() * clean + (1 - kept).sqrt() * noise
