"""Training and sampling the thesis's network, against plain loops in float32."""

import copy
import functools
import math

import numpy as np
import torch
from scipy import stats
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from ising_experiments import walk, worlds
from ising_lib import ddpm, denoisers, erasure, ising, metrics
from tests.benchmarks.measure import Line, Row, product_rate, side_by_side

_SQUARE = (1024, 1024, 1024)  # a product that shows what the units can do
_SHIFT_UNIT = "standard deviations of the energy"


class PlainEmbedding:
    """Sines and cosines computed for every sample at every call, where ours are read from a table."""

    def __init__(self, width):
        half = width // 2
        self.frequencies = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half))

    def __getitem__(self, t):
        angles = t[:, None] * self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=1)


def plain_network(network):
    """The same weights without the table of embeddings."""
    network = copy.deepcopy(network)
    del network.embedding
    network.embedding = PlainEmbedding(network.config["n_steps"])
    return network


def plain_training(network, schedule, spins, random, batch_size=256, *, fused=None, bfloat16=False):
    """The plain way: a textbook's loop in float32 with Adam as it comes; yields the loss of each update.

    It trains the network that it is given.  ``fused`` and ``bfloat16`` turn on what ours has.
    """
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-4, fused=fused)
    kept = torch.from_numpy(schedule.alphas_bar).float()
    data = torch.from_numpy(spins).float()
    while True:
        clean = data[torch.randint(len(data), (batch_size,), generator=random)]
        t = torch.randint(1, schedule.n_steps + 1, (batch_size,), generator=random)
        noise = torch.randn(clean.shape, generator=random)
        signal = kept[t - 1, None]
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            predicted = network(signal.sqrt() * clean + (1 - signal).sqrt() * noise, t)
        loss = functional.mse_loss(predicted.float(), noise)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield loss.item()


@torch.no_grad()
def plain_sampling(network, schedule, n_samples, random):
    """The plain way: all T steps in float32, thesis Eq. 41 with its signs set right."""
    network = plain_network(network).eval()
    x = torch.randn((n_samples, network.config["n_spins"]), generator=random)
    alphas, kept = schedule.alphas, schedule.alphas_bar
    for t in range(schedule.n_steps, 0, -1):
        noise = network(x, torch.full((n_samples,), t))
        alpha, here = alphas[t - 1], kept[t - 1]
        x = (x - (1 - alpha) / math.sqrt(1 - here) * noise) / math.sqrt(alpha)
        if t > 1:
            spread = math.sqrt((1 - alpha) * (1 - kept[t - 2]) / (1 - here))
            x = x + spread * torch.randn(x.shape, generator=random)
    return x.numpy()


def operations(function):
    """Floating-point operations in the products of matrices of one call."""
    counter = FlopCounterMode(display=False)
    with counter:
        function()
    return counter.get_total_flops()


def _bfloat16():
    """Whether ours would use it here."""
    return ddpm.resolve_precision("auto") == "bfloat16"


def _setting(n_spins, n_observed, n_steps):
    """The truth and the samples of Figure 8, seed 0, the schedule, and the initial network."""
    config = worlds.KnownTruth(n_spins, n_observed, field_scale=0.2)
    schedule = ddpm.NoiseSchedule.linear(n_steps)
    network = denoisers.ResidualMLP(n_spins, n_steps, rng=np.random.default_rng(1))
    return walk.truth(config), walk.draw(config, "observed"), schedule, network


def training_step(n_spins=40, n_observed=4_000, n_steps=1000, batch_size=256, n_turns=20, turn=10):
    """Updates a second; both loops see the same batches, steps and noise."""
    _, spins, schedule, network = _setting(n_spins, n_observed, n_steps)
    losses = {name: [] for name in ("ours", "plain", "fused", "bfloat16")}

    ours = ddpm.train(
        network,
        schedule,
        spins,
        n_iterations=10**9,
        rng=np.random.default_rng(2),
        batch_size=batch_size,
    )

    def plain(**settings):
        return plain_training(
            plain_network(network),
            schedule,
            spins,
            denoisers.torch_generator(np.random.default_rng(2)),
            batch_size,
            **settings,
        )

    loops = {
        "ours": (step.loss for step in ours),
        "plain": plain(),
        "fused": plain(fused=True),
        "bfloat16": plain(fused=True, bfloat16=_bfloat16()),
    }

    def some_updates(name):
        losses[name] += [next(loops[name]) for _ in range(turn)]

    seconds = side_by_side(n_turns, *(functools.partial(some_updates, name) for name in loops))
    step = {name: s / turn for name, s in zip(loops, seconds, strict=True)}
    curves = {name: np.reshape(losses[name], (n_turns, turn)).mean(1) for name in ("ours", "plain")}
    apart = np.abs(curves["ours"] - curves["plain"]) / curves["plain"]

    t = torch.randint(1, n_steps + 1, (batch_size,))
    flops = operations(lambda: network(torch.zeros(batch_size, n_spins), t).sum().backward())
    rate = product_rate(_SQUARE, torch.bfloat16)
    wide = product_rate((batch_size, 1024, 512), torch.bfloat16)  # the network's largest layer
    single = product_rate(_SQUARE, torch.float32)
    unit = "TFLOP/s"
    lines = [
        Line("ours: bfloat16, fused Adam, averaged weights", 1e3 * step["ours"], "ms"),
        Line("plain: float32, Adam as it comes", 1e3 * step["plain"], "ms"),
        Line("plain with fused Adam", 1e3 * step["fused"], "ms"),
        Line("plain with fused Adam and bfloat16", 1e3 * step["bfloat16"], "ms"),
        Line("plain / ours", step["plain"] / step["ours"], "", "≥ 3"),
        Line("limit: its products alone at the bfloat16 rate", 1e3 * flops / rate, "ms"),
        Line("plain / limit: no step of this network can be faster by more", step["plain"] * rate / flops),
        Line("rate of our products", flops / step["ours"] / 1e12, unit),
        Line("a product 1024 × 1024 × 1024, bfloat16", rate / 1e12, unit),
        Line("the same product, float32", single / 1e12, unit),
        Line(f"a product {batch_size} × 1024 × 512, bfloat16", wide / 1e12, unit),
        Line("ours / limit", flops / step["ours"] / rate, "", "≥ 0.5"),
        Line(
            f"loss over {n_turns * turn} updates, means of {turn}: largest difference, relative",
            apart.max(),
            "",
            "≤ 0.02",
        ),
    ]
    return Row(f"Training step, thesis network, batch {batch_size}", lines)


def _described(spins, truth, fitted):
    """What is compared of a set of samples: mean and variance of the energy, the error of a fit to them."""
    energies = ising.energy(truth, spins)
    numbers = {"mean energy": energies.mean(), "variance of the energy": energies.var()}
    if fitted:
        numbers["MSE after a fit"] = metrics.thesis_mse(erasure.fit(spins, 0.6).model, truth)
    return numbers


def _against(sets, reference):
    """t of each number: a reference against the spread of equally large independent sets."""
    sets = np.array(sets)
    return (reference - sets.mean(0)) / sets.std(0, ddof=1) / math.sqrt(1 + 1 / len(sets))


def _compared(what, ours, reference, truth, fitted):
    """Lines on whether samples drawn otherwise, (n, M), are like ours, (K n, M) cut in K sets."""
    size, n_spins = reference.shape
    sets = ours[: len(ours) // size * size].reshape(-1, size, n_spins)
    described = [_described(some, truth, fitted) for some in sets]
    expected = _described(reference, truth, fitted)
    t = _against([list(one.values()) for one in described], list(expected.values()))
    # exceeded by one of the numbers in 1 of 100 cases
    allowed = f"≤ {stats.t.isf(0.005 / len(t), len(sets) - 1):.2f}"
    head = f"{what}, {size:,} samples, against ours"
    return [
        *(
            Line(f"{head}: \\|t\\| of the {name}", abs(value), "", allowed)
            for name, value in zip(expected, t, strict=True)
        ),
        Line(f"{head}: our mean energy is higher by", _shift(ours, reference, truth), _SHIFT_UNIT),
        # for independent pairs and many sets the mean square of t would be 1
        Line(f"{head}: root mean square t of ⟨σσ⟩", _two_point_t(sets, reference), "", "≤ 1.5"),
    ]


def _shift(ours, reference, truth):
    """How much higher the mean energy of our samples is, in standard deviations of single energies."""
    here, there = (ising.energy(truth, spins) for spins in (ours, reference))
    return (here.mean() - there.mean()) / there.std()


def _two_point_t(sets, reference):
    """Root mean square over pairs of the same t, for ⟨σ_i σ_j⟩."""

    def moments(spins):
        spins = spins.astype(np.float64)
        return (spins.T @ spins / len(spins))[np.triu_indices(spins.shape[1], 1)]

    return float(np.sqrt((_against([moments(s) for s in sets], moments(reference)) ** 2).mean()))


def sampling(
    n_spins=40,
    n_observed=4_000,
    n_steps=1000,
    n_iterations=2000,
    n_early=1000,
    n_samples=100_000,
    n_fast=30,
    n_coarse=12,
    n_plain=500,
    n_reference=2500,
):
    """Augmented samples, in 30 of 1,000 steps and bfloat16, against all of them in float32.

    The network is trained as in Figures 9 and 10.  What fewer steps cost is shown twice more: with the 12
    of these figures, and half-way, when the network is still poor.
    """
    truth, spins, schedule, network = _setting(n_spins, n_observed, n_steps)
    for step in ddpm.train(network, schedule, spins, n_iterations=n_iterations, rng=np.random.default_rng(2)):
        if step.iteration == n_early:
            early = copy.deepcopy(step.denoiser)
    trained = step.denoiser
    drawn = {}

    def draw(denoiser, n, seed, **settings):
        rng = np.random.default_rng(seed)
        return ddpm.to_spins(ddpm.sample(denoiser, schedule, n, rng=rng, **settings))

    few, every = {"n_steps": n_fast}, {"n_steps": n_steps, "order": 1}

    def ours():
        drawn["ours"] = draw(trained, n_samples, 3, **few)

    def plain():
        random = denoisers.torch_generator(np.random.default_rng(4))
        drawn["plain"] = ddpm.to_spins(plain_sampling(trained, schedule, n_plain, random))

    def every_step():
        drawn["every step"] = draw(trained, n_reference, 5, **every)

    seconds, some, slow = side_by_side(1, ours, plain, every_step)
    plain_seconds = some * n_samples / n_plain
    trained.eval()
    flops = n_fast * operations(lambda: trained(torch.zeros(512, n_spins), torch.tensor([1]))) / 512
    limit = n_samples * flops / product_rate(_SQUARE, torch.bfloat16)
    lines = [
        Line(f"ours: {n_fast} steps of second order, bfloat16", seconds, "s"),
        Line(
            f"plain: {n_steps:,} steps, float32 ({n_plain:,} of {n_samples:,} samples timed, scaled)",
            plain_seconds,
            "s",
        ),
        Line("plain / ours", plain_seconds / seconds, "", "≥ 80"),
        Line("of this, from fewer steps", n_steps / n_fast),
        Line("of this, per step and sample", plain_seconds / seconds * n_fast / n_steps),
        Line("limit: the products alone at the bfloat16 rate", limit, "s"),
        Line("ours / limit", limit / seconds),
        Line(f"ours with all {n_steps:,} steps, scaled", slow * n_samples / n_reference, "s"),
    ]
    # some hundred samples are too few for a fit that says anything
    lines += _compared("plain", drawn["ours"], drawn["plain"], truth, fitted=False)
    lines += _compared(f"all {n_steps:,} steps", drawn["ours"], drawn["every step"], truth, fitted=True)
    coarse = draw(trained, n_samples, 8, n_steps=n_coarse)
    errors = [_described(some, truth, True)["MSE after a fit"] for some in (coarse, drawn["ours"])]
    at_first = [draw(early, 4 * n_reference, 6, **few), draw(early, n_reference, 7, **every)]
    head = f"{n_coarse} steps, as in Figures 9 and 10"
    lines += [
        Line(f"{head}: mean energy is higher by", _shift(coarse, drawn["every step"], truth), _SHIFT_UNIT),
        Line(f"{head}: MSE after a fit / the same with {n_fast} steps", errors[0] / errors[1]),
        Line(
            f"{n_fast} steps after {n_early:,} of the {n_iterations:,} updates: mean energy is higher by",
            _shift(*at_first, truth),
            _SHIFT_UNIT,
        ),
        Line(
            f"standard error of these from the {n_reference:,} samples",
            1 / math.sqrt(n_reference),
            _SHIFT_UNIT,
        ),
    ]
    return Row(f"{n_samples:,} augmented samples, thesis network", lines)
