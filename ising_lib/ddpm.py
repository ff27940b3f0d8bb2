"""Denoising diffusion (DDPM) on spins: training, losses, sampling, analog bits.

Ho, Jain, Abbeel (2020) and Chen, Zhang, Hinton (2023); thesis Sec. 2.2, 2.3 and Appendix A.  Spins are
treated as real numbers while they are noised and denoised, and become spins again by their sign.  The noise
is in ``noise``, the networks are in ``denoisers``, and ``checkpoints`` keeps them in files.
"""

import copy
import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from ising_lib import _checks, checkpoints
from ising_lib._torch import resolve_precision, torch_generator
from ising_lib.denoisers import FieldDenoiser, checked_config
from ising_lib.noise import NoiseSchedule, add_noise  # noqa: F401 - offered here, too


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """The state after one update: ``denoiser`` goes on changing, sample from it at once, or deepcopy it."""

    iteration: int  #: updates made so far, from 1
    loss: float  #: of this batch, before the update
    denoiser: torch.nn.Module  #: the one that was handed to ``train``, with the averaged weights
    save: Callable  #: of a path: write, before the next update, what ``train(…, resume=path)`` needs


def train(
    denoiser,
    schedule,
    spins,
    *,
    n_iterations,
    rng,
    batch_size=256,
    learning_rate=None,
    average=0.999,
    precision="auto",
    device="cpu",
    resume=None,
):
    """Minimise L_simple = E ‖ε̄ − ε̂(σ_t, t)‖² / M by Adam; yield after every update  (thesis Eq. 22, 44).

    A ``denoisers.FieldDenoiser`` minimises its own loss instead, which weighs the steps t otherwise.  The
    loop's body belongs to the caller: it checkpoints, logs, measures, stops::

        for step in ddpm.train(denoiser, schedule, spins, n_iterations=4000, rng=rng):
            print(step.iteration, step.loss)
        x = ddpm.sample(denoiser, schedule, 10_000, rng=rng)

    It trains in place.  Adam moves a copy of the weights w; ``denoiser`` itself is their running average,
    w̄ ← d w̄ + (1 − d) w after update n, with d = min(``average``, n/(n + 9)).  Without an average the inferred
    couplings jump about from one checkpoint to the next.

    After ``step.save(path)`` the same call with ``resume=path`` goes on after the update saved, and gives
    what it would have given without the interruption: bit for bit on the same machine.

    Args:
        denoiser, schedule: the initial network, see ``denoisers``, and the noise levels t = 1 … T.
        spins: the observed samples (N, M) of ±1; batches are drawn from them with replacement.
        n_iterations, rng: updates, and the stream of the batches, of t and of the noise.
        batch_size, learning_rate: of Adam; by default the denoiser's own rate, or 5e-4 where it has none.
        average: largest decay d of the weights' average, in [0, 1); 0 is no average.
        precision, device: "bfloat16", "float32", or "auto", what the hardware has; "cpu", "cuda" or "mps".
        resume: path of a saved training; all other arguments must be the same, but for ``n_iterations``.

    Returns:
        iterator of TrainingStep: each update is made when it is asked for.

    Raises:
        FileNotFoundError, ValueError: ``resume`` is no such file, is damaged, or saved from another training.
    """
    config = checked_config(denoiser, schedule)
    spins = _checks.spins("spins", spins, config.get("n_spins"))
    _checks.count("n_iterations", n_iterations)
    _checks.count("batch_size", batch_size)
    if learning_rate is None:
        learning_rate = getattr(denoiser, "learning_rate", 5e-4)
    _checks.real("learning_rate", learning_rate, 0.0, 1.0, open_interval=True)
    if _checks.real("average", average, 0.0, 1.0) == 1:
        raise ValueError(f"average must be in [0, 1), got {average}")
    precision = resolve_precision(precision, device, denoiser)
    random = torch_generator(rng, device)
    data = torch.as_tensor(spins, dtype=torch.float32, device=device)  # (N, M)
    averaged = denoiser.to(device).eval()
    live = copy.deepcopy(denoiser).train()
    optimiser = torch.optim.Adam(live.parameters(), lr=learning_rate, fused=True)
    # what a resumed training has to share
    settings = {"denoiser": f"{type(denoiser).__name__} {config}", "precision": precision}
    settings |= {"schedule": checkpoints.digest(schedule.betas), "spins": checkpoints.digest(spins)}
    settings |= {"batch_size": batch_size, "learning_rate": learning_rate, "average": average}
    state = checkpoints.Training(live, averaged, optimiser, random, settings)
    done = 0 if resume is None else state.load(resume)
    return _updates(state, done, schedule, data, n_iterations, batch_size, average, precision == "bfloat16")


def _updates(state, done, schedule, data, n_iterations, batch_size, average, low_precision):
    """The updates of ``train``, whose arguments were checked before the first of them."""
    weights, averages = list(state.live.parameters()), list(state.averaged.parameters())
    for iteration in range(done + 1, n_iterations + 1):
        rows = torch.randint(len(data), (batch_size,), generator=state.random, device=data.device)
        loss = _training_loss(state.live, schedule, data[rows], state.random, low_precision)
        state.optimiser.zero_grad()
        loss.backward()
        state.optimiser.step()
        # early on the window is a tenth of the training so far, else the initial weights would linger in it
        decay = min(average, iteration / (iteration + 9))
        with torch.no_grad():  # else the average would drag a graph of all updates along
            torch._foreach_lerp_(averages, weights, 1 - decay)
        yield TrainingStep(iteration, loss.item(), state.averaged, functools.partial(state.save, iteration))


@torch.no_grad()
def denoising_loss(denoiser, schedule, spins, *, rng, n_draws=4, precision="auto", device="cpu"):
    """L_simple = E ‖ε̄ − ε̂(σ_t, t)‖² / M of a finished denoiser on samples (N, M) of ±1  (thesis Eq. 44).

    On the samples it was trained with, and on others: where the second rises, it overfits.  A network that
    always says zero has 1.  Equal streams give equal t and noise for equally many samples, so that
    differences are not lost in the noise.

    Args:
        denoiser, schedule, precision, device: as in ``sample``.
        spins, rng: the samples, and the stream of t and of the noise.
        n_draws: noised copies of each sample; t is spread evenly over 1 … T.
    """
    low_precision = resolve_precision(precision, device, denoiser) == "bfloat16"
    data, random = _to_score(denoiser, schedule, spins, n_draws, rng, device)
    total = 0.0
    for _ in range(n_draws):
        even = torch.randperm(len(data), generator=random, device=device) / len(data)
        t = 1 + (even * schedule.n_steps).long()
        noise = torch.randn(data.shape, generator=random, device=device)
        total += _simple_loss(denoiser, schedule, data, t, noise, low_precision).item()
    return total / n_draws


@torch.no_grad()
def own_loss(denoiser, schedule, spins, *, rng, n_draws=4):
    """The loss that training lowers, a float, of a finished denoiser; arguments as of ``denoising_loss``.

    Of a ``denoisers.FieldDenoiser`` it is near −⟨log p⟩ per spin of what it has learned, see there.
    """
    data, random = _to_score(denoiser, schedule, spins, n_draws, rng, "cpu")
    losses = [_training_loss(denoiser, schedule, data, random, False).item() for _ in range(n_draws)]
    return float(np.mean(losses))


def _to_score(denoiser, schedule, spins, n_draws, rng, device):
    """The samples (N, M) as a tensor, and a generator, after the checks that all losses share."""
    config = checked_config(denoiser, schedule)
    spins = _checks.spins("spins", spins, config.get("n_spins"))
    _checks.count("n_draws", n_draws)
    return torch.as_tensor(spins, dtype=torch.float32, device=device), torch_generator(rng, device)


def _training_loss(denoiser, schedule, clean, random, low_precision):
    """What one update lowers: L_simple, or the denoiser's own loss; t and noise are drawn here."""
    own = isinstance(denoiser, FieldDenoiser)
    if own:
        t = torch.multinomial(denoiser.step_law, len(clean), replacement=True, generator=random)
    else:
        t = torch.randint(1, schedule.n_steps + 1, (len(clean),), generator=random, device=clean.device)
    noise = torch.randn(clean.shape, generator=random, device=clean.device)  # (B, M)
    if own:
        return denoiser.loss(clean, add_noise(schedule, clean, t, noise), t)
    return _simple_loss(denoiser, schedule, clean, t, noise, low_precision)


def _simple_loss(denoiser, schedule, clean, t, noise, low_precision):
    """The mean of (ε̄ − ε̂(σ_t, t))² over a batch and its spins  (thesis Eq. 44)."""
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=low_precision):
        predicted = denoiser(add_noise(schedule, clean, t, noise), t)
    return functional.mse_loss(predicted.float(), noise)


@torch.no_grad()
def sample(
    denoiser, schedule, n_samples, *, rng, n_steps=50, order=2, batch_size=512, precision="auto", device="cpu"
):
    """Draw samples by ancestral sampling from pure noise  (thesis Eq. 31, 33 and 41).

    With r < t neighbours in the chosen sub-sequence of steps and α = ᾱ_t/ᾱ_r::

        σ_r = (σ_t − (1 − α)/√(1 − ᾱ_t) ε̂(σ_t, t)) / √α + √((1 − α)(1 − ᾱ_r)/(1 − ᾱ_t)) z,

    where z is standard normal, and absent in the last step.  The thesis prints a plus sign and omits a
    bar in Eq. 41; with the plus the samples diverge.

    That is the thesis's sampler, ``order=1``: it holds the guess σ̂_0 = (σ_t − √(1−ᾱ_t) ε̂)/√ᾱ_t fixed over
    the step.  ``order=2`` extrapolates it along the logarithm λ of signal over noise::

        σ̂_0 ← σ̂_0 + (σ̂_0(t) − σ̂_0(s)) (λ_r − λ_t) / (2 (λ_t − λ_s)),

    with s the step before, at no further call of the network (SDE-DPM-Solver++(2M): Lu et al. 2022).  With
    all T steps the two agree.

    Args:
        denoiser, schedule: a trained network, see ``denoisers``, and the schedule it was trained with.
        n_samples, rng: N, and the stream of the noise.
        n_steps: steps actually taken of the T; fewer are faster and biased, in the energies' variance first.
        order: 1 or 2, see above.
        batch_size: samples denoised at once; 500 keep the activations in the cache.
        precision, device: as in ``train``.

    Returns:
        numpy.ndarray: (N, M) float32, analog bits near ±1; ``to_spins`` makes them spins.
    """
    _checks.count("n_samples", n_samples)
    _checks.count("batch_size", batch_size)
    reverse = _Reverse(denoiser, schedule, n_steps, order, precision, device)
    random = torch_generator(rng, device)
    samples = np.empty((n_samples, reverse.n_spins), dtype=np.float32)
    for start in range(0, n_samples, batch_size):
        [(_, x)] = deque(reverse(min(batch_size, n_samples - start), random), maxlen=1)  # where it ends
        samples[start : start + len(x)] = x.cpu().numpy()
    if not np.isfinite(samples).all():
        raise FloatingPointError("the sampler diverged: samples are not finite; is the denoiser trained?")
    return samples


@torch.no_grad()
def trajectory(denoiser, schedule, n_samples, *, rng, n_steps=50, order=2, precision="auto", device="cpu"):
    """The way from pure noise to spins: steps t (K + 1,) from T down to 0, and ``sample``'s states there.

    Returns:
        tuple: the steps, and the states (K + 1, N, M) float32  (thesis Fig. 3).
    """
    _checks.count("n_samples", n_samples)
    reverse = _Reverse(denoiser, schedule, n_steps, order, precision, device)
    steps, states = zip(*reverse(n_samples, torch_generator(rng, device)), strict=True)
    return np.array(steps), np.stack([state.cpu().numpy() for state in states])


class _Reverse:
    """The reverse process: call it for a batch, and it yields (t, σ_t) from pure noise, t = T, to t = 0."""

    def __init__(self, denoiser, schedule, n_steps, order, precision, device):
        _checks.choice("order", order, (1, 2))
        checked_config(denoiser, schedule)
        self.dtype = getattr(torch, resolve_precision(precision, device, denoiser))
        self.device = device
        self.n_spins = denoiser.config["n_spins"]
        self.network = copy.deepcopy(denoiser).to(device=device, dtype=self.dtype).eval()
        self.steps = _reverse_steps(schedule, schedule.subsequence(n_steps), order)

    def __call__(self, n_samples, random):
        x = torch.randn((n_samples, self.n_spins), generator=random, device=self.device)  # (B, M)
        before = torch.zeros_like(x)  # σ̂_0 of the step before
        for step in self.steps:
            yield step.t, x
            t = torch.tensor([step.t], device=self.device)  # one step for the whole batch
            noise = self.network(x.to(self.dtype), t).float()
            clean = (x - step.noise * noise) / step.signal  # σ̂_0
            x = step.shrink * (x - step.pull * noise) + step.bend * (clean - before)
            before = clean
            if step.spread > 0:
                x += step.spread * torch.randn(x.shape, generator=random, device=self.device)
        yield 0, x


class _Step(NamedTuple):
    """The numbers of one step from t down to r, named as in ``sample``."""

    t: int
    signal: float  # √ᾱ_t
    noise: float  # √(1 − ᾱ_t)
    shrink: float  # 1/√α
    pull: float  # (1 − α)/√(1 − ᾱ_t)
    spread: float  # √((1 − α)(1 − ᾱ_r)/(1 − ᾱ_t)), Eq. 33
    bend: float  # weight of the change of σ̂_0 since the step before; 0 for order 1


def _reverse_steps(schedule, chosen, order):
    """A _Step for each step of a rising sub-sequence, from the noisiest down."""
    kept = schedule.alphas_bar[chosen - 1]  # ᾱ_t
    after = np.concatenate([[1.0], kept[:-1]])  # ᾱ_r of the next cleaner step; 1 at the end
    alpha = kept / after
    weight = np.sqrt(after) * (1 - alpha) / (1 - kept)  # of σ_0 in the mean of Eq. 32
    bend = np.zeros(kept.size)
    if order == 2:  # neither at the first step, which has none before, nor at the last, where λ_r = ∞
        logarithm = 0.5 * np.log(kept / (1 - kept))  # λ
        gaps = -np.diff(logarithm)
        bend[1:-1] = weight[1:-1] * gaps[:-1] / (2 * gaps[1:])
    columns = _Step(
        t=chosen,
        signal=np.sqrt(kept),
        noise=np.sqrt(1 - kept),
        shrink=1 / np.sqrt(alpha),
        pull=(1 - alpha) / np.sqrt(1 - kept),
        spread=np.sqrt((1 - alpha) * (1 - after) / (1 - kept)),
        bend=bend,
    )
    return [_Step(*row) for row in zip(*(column.tolist() for column in columns), strict=True)][::-1]


def to_spins(x):
    """Analog bits (N, M) to spins (N, M) int8: the sign, and +1 at exactly zero  (thesis Sec. 2.3)."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf" or np.isnan(x).any():
        raise ValueError(f"x must hold numbers, got {'NaN' if x.dtype.kind == 'f' else x.dtype}")
    return np.where(x >= 0, np.int8(1), np.int8(-1))
