"""How cost and memory grow with the number of samples, of spins, and of streamed samples."""

import functools
import resource
import tempfile
from collections import deque
from pathlib import Path

import numpy as np

from ising_lib import ddpm, denoisers, erasure, estimators, ising, sampling
from tests.benchmarks.measure import Line, Row, exponent, peak_bytes, side_by_side

_EPSILON = 0.6


def samples(n_spins=40, sizes=(1_000, 10_000, 100_000, 1_000_000)):
    """The fit and its memory against N, held as an array."""
    rng = np.random.default_rng(0)
    spins = sampling.sample(ising.gaussian(n_spins, rng=rng), sizes[-1], rng=rng, n_chains=8192, thin=200)
    fits = [functools.partial(erasure.fit, spins[:size], _EPSILON) for size in sizes]
    seconds = [side_by_side(1 if size > 10**5 else 3, fit)[0] for size, fit in zip(sizes, fits, strict=True)]
    memory = [peak_bytes(fit) for fit in fits]
    iterations = [fit().n_iterations for fit in fits[:-1]]
    lines = [
        Line(f"a fit to N = {sizes[-1]:,}", seconds[-1], "s"),
        Line("time grows as N to the power", exponent(sizes, seconds)),
        Line(f"iterations, N = {sizes[0]:,}", iterations[0]),
        Line(f"iterations, N = {sizes[-2]:,}", iterations[-1]),
        Line(f"memory beyond the data, N = {sizes[-1]:,}", memory[-1] / 1e6, "MB"),
        Line("memory beyond the data, bytes a sample", memory[-1] / sizes[-1], "B"),
    ]
    curves = {"sizes": list(sizes), "Erasure Machine": seconds}
    return Row(f"Growth with N, M = {n_spins}", lines, curves)


def spins(sizes=(20, 40, 80, 120, 200), n_samples=10_000, n_chains=1024, n_sweeps=500):
    """Every step of the walk against M."""
    seconds = {"heat bath": [], "Erasure Machine": [], "pseudolikelihood": [], "training step": []}
    for n_spins in sizes:
        rng = np.random.default_rng(0)
        model = ising.gaussian(n_spins, 0.8, rng=rng)
        data = sampling.sample(model, n_samples, rng=rng, n_chains=n_chains)
        replica = sampling._Replica(model, n_chains, rng)
        network = denoisers.ResidualMLP(n_spins, 1000, rng=rng)
        steps = ddpm.train(network, ddpm.NoiseSchedule.linear(), data, n_iterations=100, rng=rng)
        next(steps)
        functions = {
            "heat bath": functools.partial(replica.sweep, n_sweeps),
            "Erasure Machine": functools.partial(erasure.fit, data, _EPSILON),
            "pseudolikelihood": functools.partial(estimators.pseudolikelihood, data, 0.01),
            "training step": functools.partial(next, steps),
        }
        least = side_by_side(2, *functions.values())
        for name, one in zip(functions, least, strict=True):
            seconds[name].append(one / (n_sweeps if name == "heat bath" else 1))
    lines = []
    units = {"heat bath": f"a sweep of {n_chains:,} chains", "training step": "batch 256"}
    for name, times in seconds.items():
        what = f"{name} ({units.get(name, f'N = {n_samples:,}')})"
        lines.append(Line(f"{what}, M = {sizes[-1]}", times[-1], "s"))
        lines.append(Line(f"{name}: time grows as M to the power", exponent(sizes, times)))
    return Row("Growth with M, g = 0.8", lines, {"sizes": list(sizes), **seconds})


def _packed_file(path, model, n_samples, rng, batch):
    """Samples drawn batch by batch into a file, eight spins a byte."""
    with open(path, "wb") as file:
        for start in range(0, n_samples, batch):
            drawn = sampling.sample(
                model,
                min(batch, n_samples - start),
                rng=rng,
                n_chains=8192,
                burn_in=200,
                thin=20,
                max_overlap=0.9,
            )
            file.write(np.packbits(drawn > 0, axis=1).tobytes())


def _batches(path, n_spins, n_samples, batch):
    """The samples of such a file, batch by batch."""
    width = -(-n_spins // 8)
    with open(path, "rb") as file:
        for start in range(0, n_samples, batch):
            rows = np.frombuffer(file.read(width * min(batch, n_samples - start)), dtype=np.uint8)
            bits = np.unpackbits(rows.reshape(-1, width), axis=1, count=n_spins)
            yield 2 * bits.astype(np.int8) - 1


def streamed(n_spins=40, sizes=(10_000, 100_000, 1_000_000, 10_000_000), batch=8192):
    """A fit that reads its samples from a file in batches, at every iteration anew."""
    rng = np.random.default_rng(0)
    model = ising.gaussian(n_spins, 0.8, rng=rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.bits"
        _packed_file(path, model, sizes[-1], rng, 2**20)
        seconds, memory, fits = [], [], []
        for size in sizes:
            batches = functools.partial(_batches, path, n_spins, size, batch)
            fit = functools.partial(erasure.fit, batches, _EPSILON)
            [one] = side_by_side(1, lambda fit=fit: fits.append(fit()))
            seconds.append(one)
            # two iterations show the peak: every one goes through all samples
            once = functools.partial(erasure.fit, batches, _EPSILON, tolerance=0.5)
            memory.append(peak_bytes(once))
        held = np.concatenate(list(_batches(path, n_spins, sizes[1], batch)))
        apart = erasure.fit(held, _EPSILON).model.to_vector() - fits[1].model.to_vector()
    lines = [
        Line(
            f"a fit to {sizes[-1]:,} streamed samples, {fits[-1].n_iterations} iterations", seconds[-1], "s"
        ),
        Line("time grows as their number to the power", exponent(sizes, seconds)),
        Line(f"memory, {sizes[1]:,} samples", memory[1] / 1e6, "MB"),
        Line(f"memory, {sizes[-1]:,} samples", memory[-1] / 1e6, "MB"),
        Line("memory, the second over the first", memory[-1] / memory[1], "", "≤ 1.1"),
        Line(
            f"{sizes[1]:,} samples, streamed against held: largest difference",
            np.abs(apart).max(),
            "",
            "≤ 1e-5",
        ),
    ]
    curves = {
        "sizes": list(sizes),
        "Erasure Machine": seconds,
        "megabytes": [bytes_ / 1e6 for bytes_ in memory],
    }
    return Row(f"Growth with the number of samples, streamed, M = {n_spins}, g = 0.8", lines, curves)


def drawing(n_spins=40, sizes=(512, 2_048, 8_192, 32_768), n_steps=30, n_many=500_000, n_rounds=10):
    """Augmented samples of the thesis network against their number; a structured denoiser's streamed."""
    rng = np.random.default_rng(0)
    schedule = ddpm.NoiseSchedule.linear()
    network = denoisers.ResidualMLP(n_spins, schedule.n_steps, rng=rng)
    seconds = []
    for size in sizes:
        draw = functools.partial(ddpm.sample, network, schedule, size, n_steps=n_steps, rng=rng)
        seconds += side_by_side(1, draw)
    structured = denoisers.MeanField(n_spins)
    size = n_many // n_rounds
    draw = functools.partial(ddpm.sample, structured, schedule, size, n_steps=n_steps, rng=rng)
    [first] = side_by_side(1, draw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [rest] = side_by_side(1, lambda: deque((draw() for _ in range(n_rounds - 1)), maxlen=0))
    rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    lines = [
        Line("thesis network: time grows as their number to the power", exponent(sizes, seconds)),
        Line(
            "thesis network: 10,000,000 samples at that rate, one core",
            seconds[-1] / sizes[-1] * 1e7 / 3600,
            "h",
        ),
        Line(
            "structured denoiser: 10,000,000 samples at the measured rate",
            (first + rest) / n_many * 1e7 / 60,
            "min",
        ),
        Line(f"memory that {n_rounds} rounds take beyond the first", rise / 1e3, "MB", "≤ 50"),
    ]
    return Row(
        "Growth with the number of augmented samples drawn", lines, {"sizes": list(sizes), "drawing": seconds}
    )
