"""Networks that predict the noise in a noised spin configuration.

All share one call: ``denoiser(x, t)`` with x (B, M) float and t (B,) or (1,) whole diffusion steps
1 … T returns the predicted noise ε̂ (B, M).  A t of shape (1,) means one step for the whole batch, as in
sampling: everything that depends on t alone is then computed once.

Each keeps the arguments it was made with in ``config``, from which ``ddpm.load`` rebuilds it.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ising_lib import _checks


class ResidualMLP(nn.Module):
    """The thesis's network: a residual multilayer perceptron shaped like a U  (thesis Appendix B).

    Args:
        n_spins: M.
        n_steps: T of the noise schedule; also the width of the sinusoidal time embedding, as in the
            thesis's listing.
        rng: stream of the initial weights, uniform in ±1/√(inputs of the layer).
        n_dim, n_hidden1, n_hidden2: widths; the thesis's are 128, 256 and 512.
    """

    def __init__(self, n_spins, n_steps, *, rng, n_dim=128, n_hidden1=256, n_hidden2=512):
        super().__init__()
        _checks.count("n_spins", n_spins)
        _checks.count("n_steps", n_steps, minimum=4)
        self.config = {
            "n_spins": n_spins,
            "n_steps": n_steps,
            "n_dim": n_dim,
            "n_hidden1": n_hidden1,
            "n_hidden2": n_hidden2,
        }
        random = torch_generator(rng)
        linear = _LinearFactory(random)
        # sines and cosines are the same at every call, so they are a table: (T + 1, width)
        self.register_buffer("embedding", sinusoidal_embedding(n_steps, width=n_steps), persistent=False)
        self.time = nn.Sequential(
            linear(self.embedding.shape[1], n_hidden1), nn.GELU(), linear(n_hidden1, n_hidden1)
        )
        self.input = linear(n_spins, n_dim)
        widths = [(n_dim, n_hidden1), (n_hidden1, n_hidden2), (n_hidden2, n_hidden2)]
        self.downs = nn.ModuleList([_Block(a, b, n_hidden1, linear) for a, b in widths])
        self.middle = _Block(n_hidden2, n_hidden2, n_hidden1, linear)
        widths = [(2 * n_hidden2, n_hidden2), (2 * n_hidden2, n_hidden1), (2 * n_hidden1, n_dim)]
        self.ups = nn.ModuleList([_Block(a, b, n_hidden1, linear) for a, b in widths])
        self.output = linear(2 * n_dim, n_spins)

    def forward(self, x, t):
        time = self.time(self.embedding[t])  # (B or 1, 256)
        x = self.input(x)  # (B, 128)
        first, kept = x, []
        for block in self.downs:
            x = block(x, time)
            kept.append(x)
        x = self.middle(x, time)  # (B, 512)
        for block in self.ups:
            x = block(torch.cat([x, kept.pop()], dim=1), time)
        return self.output(torch.cat([x, first], dim=1))  # (B, M)


class _Block(nn.Module):
    """h = W₁ GELU(x) + W_t GELU(time);  out = W₂ GELU(h) + (x, or W_s x where the width changes)."""

    def __init__(self, n_in, n_out, n_time, linear):
        super().__init__()
        self.first = linear(n_in, n_out)
        self.time = linear(n_time, n_out)
        self.second = linear(n_out, n_out)
        self.shortcut = linear(n_in, n_out) if n_in != n_out else nn.Identity()

    def forward(self, x, time):
        h = self.first(functional.gelu(x)) + self.time(functional.gelu(time))
        return self.second(functional.gelu(h)) + self.shortcut(x)


class _LinearFactory:
    """nn.Linear with PyTorch's usual initial law, drawn from an explicit generator."""

    def __init__(self, random):
        self.random = random

    def __call__(self, n_in, n_out):
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # the plain one would draw from global state
        bound = 1 / math.sqrt(n_in)
        nn.init.uniform_(layer.weight, -bound, bound, generator=self.random)
        nn.init.uniform_(layer.bias, -bound, bound, generator=self.random)
        return layer


def sinusoidal_embedding(n_steps, width):
    """The time embedding of every step 0 … T, shape (T + 1, width): sines, then cosines.

    Frequencies fall geometrically from 1 to 1/10,000.  An odd ``width`` gives width − 1 columns, as in
    the thesis's listing.
    """
    half = width // 2
    frequencies = torch.exp(-math.log(10_000.0) / (half - 1) * torch.arange(half, dtype=torch.float64))
    angles = torch.arange(n_steps + 1, dtype=torch.float64)[:, None] * frequencies  # (T + 1, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def torch_generator(rng, device="cpu"):
    """A torch Generator seeded by one draw from a numpy Generator: torch's global state stays untouched."""
    _checks.generator("rng", rng)
    return torch.Generator(device).manual_seed(int(rng.integers(np.iinfo(np.int64).max)))
