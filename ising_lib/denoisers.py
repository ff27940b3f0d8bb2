"""Networks that predict the noise in a noised spin configuration.

All share one call: ``denoiser(x, t)`` with x (B, M) float and whole diffusion steps t of 1 … T, (B,), or (1,)
for one step of the whole batch, returns the predicted noise ε̂ (B, M).

Each keeps the arguments it was made with in ``config``, from which ``checkpoints.load`` rebuilds it, and may
say in ``learning_rate`` how fast Adam should go.  ``ResidualMLP`` is the thesis's; every ``FieldDenoiser``
knows Bayes' rule for spins in Gaussian noise, and learns only what that leaves open.
"""

import abc
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ising_lib import _checks
from ising_lib._torch import torch_generator
from ising_lib.ising import IsingModel
from ising_lib.noise import NoiseSchedule


class ResidualMLP(nn.Module):
    """The thesis's network: a residual multilayer perceptron shaped like a U  (thesis Appendix B).

    Args:
        n_spins, n_steps: M, and T of the noise schedule, also the width of the sinusoidal time embedding.
        rng: stream of the initial weights, uniform in ±1/√(inputs of the layer).
        n_dim, n_hidden1, n_hidden2: widths; the thesis's are 128, 256 and 512.
    """

    def __init__(self, n_spins, n_steps, *, rng, n_dim=128, n_hidden1=256, n_hidden2=512):
        super().__init__()
        _checks.count("n_spins", n_spins)
        _checks.count("n_steps", n_steps, minimum=4)
        widths = {"n_dim": n_dim, "n_hidden1": n_hidden1, "n_hidden2": n_hidden2}
        for name, width in widths.items():
            _checks.count(name, width)
        self.config = {"n_spins": n_spins, "n_steps": n_steps, **widths}
        linear = _linear_layers(torch_generator(rng))
        # sines and cosines are the same at every call, so they are a table: (T + 1, width)
        self.register_buffer("embedding", sinusoidal_embedding(n_steps, width=n_steps), persistent=False)
        n_time = self.embedding.shape[1]
        self.time = nn.Sequential(linear(n_time, n_hidden1), nn.GELU(), linear(n_hidden1, n_hidden1))
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


class FieldDenoiser(nn.Module, abc.ABC):
    r"""A denoiser that knows Bayes' rule: it predicts the local field on each spin.

    With κ_t = ᾱ_t / (1 − ᾱ_t), the ratio of signal to noise, a model p(σ_0) seen through noise is

        p(σ_0 | σ_t = x) ∝ p(σ_0) exp(y · σ_0),    y = √ᾱ_t / (1 − ᾱ_t) x :

    an Ising model stays one, and the noised configuration acts on it as one more field, y.  That part is
    known; the network learns the rest of the local field f_i that holds spin i.  Then tanh f is the guess of
    σ_0, and ε̂ = (x − √ᾱ_t tanh f) / √(1 − ᾱ_t).

    Trained by the mean of (σ_0 − tanh f)² over all ratios alike, ½ ∫ dκ E‖σ_0 − tanh f‖² from κ = RATIOS[0]
    to RATIOS[1].  From 0 to ∞, and where the guess is the posterior mean of some p, this would be −⟨log p⟩ in
    nats (Guo, Shamai, Verdú 2005; Verdú 2010), lowest at maximum likelihood.  A guess that is no such mean
    costs more, and the ends that are cut off cost about 0.01 nats a spin.  The thesis's L_simple (Eq. 44) is
    the same with other weights.

    It is made for ``NoiseSchedule.linear(n_steps)``.  Training draws step t with the probability ``step_law``
    (T + 1,), uniform in log κ_t.  Subclasses define ``rest(x, t)``, (B, M): the field on each spin beyond y.
    """

    # κ below the first says next to nothing, beyond the second the spins are bare: 1 − ⟨tanh²⟩ < 1e-6
    RATIOS = 0.02, 30.0
    needs_float32 = True  # a field of 0.1 beside one of 100 needs all its digits

    def __init__(self, n_steps):
        super().__init__()
        kept = torch.from_numpy(NoiseSchedule.linear(n_steps).alphas_bar)  # (T,)
        ratio = kept / (1 - kept)  # κ_t, falling
        used = (ratio > self.RATIOS[0]) & (ratio < self.RATIOS[1])
        law = -torch.gradient(ratio.log())[0] * used
        law = law / law.sum()
        weight = torch.where(used, -torch.gradient(ratio)[0] / law.clamp_min(1e-30), 0.0) / 2
        tables = {"alphas_bar": (kept, 1.0), "step_law": (law, 0.0), "weight": (weight, 0.0)}
        for name, (values, at_0) in tables.items():
            table = torch.cat([torch.tensor([at_0], dtype=torch.float64), values]).float()  # (T + 1,)
            self.register_buffer(name, table, persistent=False)

    @abc.abstractmethod
    def rest(self, x, t):
        """The learned part of the field, (B, M)."""

    def known(self, x, t):
        """y, what the noised configuration itself says, (B, M)."""
        kept = self.alphas_bar[t, None]  # (B or 1, 1)
        return kept.sqrt() / (1 - kept) * x

    def guess(self, x, t):
        """tanh f, the mean of σ_0 given σ_t = x, (B, M)."""
        return torch.tanh(self.known(x, t) + self.rest(x, t))

    def forward(self, x, t):
        kept = self.alphas_bar[t, None]
        return (x - kept.sqrt() * self.guess(x, t)) / (1 - kept).sqrt()

    def loss(self, clean, x, t):
        """½ ∫ dκ E(σ_0 − tanh f)² per spin, estimated from a batch with t drawn from ``step_law``."""
        return (self.weight[t, None] * (clean - self.guess(x, t)) ** 2).mean()


class MeanField(FieldDenoiser):
    r"""A few iterations of the mean-field equations, with one learned (h, J).

    The exact guess is the magnetisation of an Ising model with fields h + y.  Thouless, Anderson and
    Palmer's equations for it, iterated from m⁰ = tanh(h + y), with two numbers of its own per iteration
    that make up for their small number::

        m^{k+1} = tanh(h + y + c_k J m^k − d_k m^k ∘ J² (1 − m^k ∘ m^k)).

    Args:
        n_spins, n_steps, n_layers: M, T of the noise schedule, and iterations.
        rng: not used, all numbers start at zero or one; every denoiser takes it.
    """

    learning_rate = 2e-3

    def __init__(self, n_spins, n_steps=1000, *, n_layers=4, rng=None):
        _checks.count("n_spins", n_spins)
        _checks.count("n_steps", n_steps, minimum=4)
        _checks.count("n_layers", n_layers)
        super().__init__(n_steps)
        self.config = {"n_spins": n_spins, "n_steps": n_steps, "n_layers": n_layers}
        self.fields = nn.Parameter(torch.zeros(n_spins))
        self.weights = nn.Parameter(torch.zeros(n_spins, n_spins))
        self.mean = nn.Parameter(torch.ones(n_layers))  # c_k
        self.reaction = nn.Parameter(torch.ones(n_layers))  # d_k, Onsager's term

    def couplings(self):
        """J (M, M), symmetric with zero diagonal."""
        return ((self.weights + self.weights.T) / 2).fill_diagonal_(0)

    def rest(self, x, t):
        """h, and what the other spins add to it after the last iteration, (B, M)."""
        couplings, known = self.couplings(), self.known(x, t)
        squares, rest = couplings**2, self.fields
        for mean, reaction in zip(self.mean, self.reaction, strict=True):
            m = torch.tanh(known + rest)
            rest = self.fields + mean * (m @ couplings) - reaction * m * ((1 - m * m) @ squares)
        return rest

    def model(self):
        """The learned fields and couplings, an ``ising.IsingModel``: h, and c_K J of the last iteration.

        Of nearly clean spins the last iteration says f = y + h + c_K J σ, as the model itself does.
        """
        fields, couplings = self.fields.detach(), (self.mean[-1] * self.couplings()).detach()
        return IsingModel(fields.double().cpu().numpy(), couplings.double().cpu().numpy())


class LogitMLP(FieldDenoiser):
    """A small perceptron for the rest of the field: no physics beyond Bayes' rule.

    It sees tanh y, what an independent spin would be guessed, and sines and cosines of log κ_t.

    Args:
        n_spins, n_steps, n_hidden: M, T of the noise schedule, and the width of the two hidden layers.
        rng: stream of the initial weights; the last layer starts at zero.
    """

    learning_rate = 1e-3

    def __init__(self, n_spins, n_steps=1000, *, rng, n_hidden=256):
        _checks.count("n_spins", n_spins)
        _checks.count("n_steps", n_steps, minimum=4)
        _checks.count("n_hidden", n_hidden)
        super().__init__(n_steps)
        self.config = {"n_spins": n_spins, "n_steps": n_steps, "n_hidden": n_hidden}
        linear = _linear_layers(torch_generator(rng))
        log_ratio = torch.logit(self.alphas_bar.double().clamp(1e-9, 1 - 1e-9))
        angles = log_ratio[:, None] * 2.0 ** torch.arange(-4, 4)  # (T + 1, 8)
        embedding = torch.cat([angles.sin(), angles.cos()], dim=1).float()
        self.register_buffer("embedding", embedding, persistent=False)  # (T + 1, 16)
        first, second = linear(n_spins + self.embedding.shape[1], n_hidden), linear(n_hidden, n_hidden)
        self.layers = nn.Sequential(first, nn.GELU(), second, nn.GELU(), linear(n_hidden, n_spins))
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def rest(self, x, t):
        """What the perceptron says, (B, M)."""
        independent = torch.tanh(self.known(x, t))  # (B, M)
        return self.layers(torch.cat([independent, self.embedding[t].expand(len(x), -1)], dim=1))


def _linear_layers(random):
    """A maker of nn.Linear with PyTorch's usual initial distribution, drawn from an explicit generator."""

    def linear(n_in, n_out):
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # the plain one would draw from global state
        bound = 1 / math.sqrt(n_in)
        nn.init.uniform_(layer.weight, -bound, bound, generator=random)
        nn.init.uniform_(layer.bias, -bound, bound, generator=random)
        return layer

    return linear


def sinusoidal_embedding(n_steps, width):
    """The time embedding of every step 0 … T, (T + 1, width) or, for an odd width, width − 1: sines, cosines.

    Frequencies fall geometrically from 1 to 1/10,000.
    """
    _checks.count("n_steps", n_steps)
    half = _checks.count("width", width, minimum=4) // 2  # two frequencies at least
    frequencies = torch.exp(-math.log(10_000.0) / (half - 1) * torch.arange(half, dtype=torch.float64))
    angles = torch.arange(n_steps + 1, dtype=torch.float64)[:, None] * frequencies  # (T + 1, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def checked_config(denoiser, schedule):
    """The arguments that a denoiser was made with, {} for a foreign one; refuses a schedule of others."""
    _checks.instance("denoiser", denoiser, nn.Module)
    _checks.instance("schedule", schedule, NoiseSchedule)
    config = getattr(denoiser, "config", {})
    known = config.get("n_steps", schedule.n_steps)
    if isinstance(denoiser, FieldDenoiser):
        made_for = denoiser.alphas_bar[1:].cpu().numpy()
        if schedule.n_steps != len(made_for) or not np.allclose(schedule.alphas_bar, made_for, rtol=1e-5):
            raise ValueError(
                f"schedule must be NoiseSchedule.linear({len(made_for)}), which the denoiser was made for, "
                f"got another one of {schedule.n_steps} steps"
            )
    if schedule.n_steps > known:
        raise ValueError(f"schedule must have at most the denoiser's {known} steps, got {schedule.n_steps}")
    return config
