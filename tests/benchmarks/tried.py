"""What was tried for speed: kept where it pays, and the price of leaving it."""

import copy
import functools
import itertools
import time

import numpy as np
import torch
from scipy import optimize

from ising_lib import ddpm, denoisers, erasure, ising, sampling
from ising_lib.ising import split_vector
from tests.benchmarks import network
from tests.benchmarks.measure import Line, Row, side_by_side


def _training(lines, n_spins, n_steps, batch_size, n_updates, compiled):
    """torch.compile on the training step."""
    spins = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), (4000, n_spins))
    schedule, bfloat16 = ddpm.NoiseSchedule.linear(n_steps), network._bfloat16()

    def loop(change):
        initial = denoisers.ResidualMLP(n_spins, n_steps, rng=np.random.default_rng(1))
        random = denoisers.torch_generator(np.random.default_rng(2))
        settings = {"fused": True, "bfloat16": bfloat16}
        return network.plain_training(change(initial), schedule, spins, random, batch_size, **settings)

    def some_updates(steps):
        list(itertools.islice(steps, n_updates))

    from torch._inductor.utils import fresh_cache  # takes seconds

    plain, changed = loop(lambda initial: initial), loop(torch.compile if compiled else copy.copy)
    clock = time.perf_counter()
    with fresh_cache():  # of what torch.compile has compiled before
        next(changed)
    waited = time.perf_counter() - clock
    seconds = side_by_side(5, lambda: some_updates(plain), lambda: some_updates(changed))
    lines += [
        Line("training step with torch.compile / without", seconds[1] / seconds[0]),
        Line("torch.compile: wait before the first step", waited, "s"),
    ]


@torch.no_grad()
def _sampling(lines, n_spins, n_steps, repeats):
    """Microseconds a sample and step: precision, the time projections, the batch."""
    single = denoisers.ResidualMLP(n_spins, n_steps, rng=np.random.default_rng(1)).eval()
    half = copy.deepcopy(single).to(torch.bfloat16 if network._bfloat16() else torch.float32)

    def call(denoiser, batch, n_times):
        x = torch.zeros(batch, n_spins, dtype=denoiser.output.weight.dtype)
        return lambda: denoiser(x, torch.ones(n_times, dtype=torch.long))

    cases = {
        "bfloat16, one time for the batch of 512, as ours": (half, 512, 1),
        "the same, a time for each sample": (half, 512, 512),
        "the same, float32": (single, 512, 1),
        "the same, batch of 64": (half, 64, 1),
        "the same, batch of 4,096": (half, 4096, 1),
    }
    seconds = side_by_side(repeats, *(call(*case) for case in cases.values()))
    for (name, (_, batch, _)), least in zip(cases.items(), seconds, strict=True):
        lines.append(Line(f"sampling, {name}", least / batch * 1e6, "µs a sample and step"))


def single_precision(vector, spins, epsilon):
    """F(w) and ∇F(w) of ``erasure``, with all sums over samples in float32."""
    n_spins = spins.shape[1]
    fields, couplings = (part.astype(np.float32) for part in split_vector(vector, n_spins))
    exponents = np.empty(len(spins), np.float32)
    blocks = [slice(start, start + 512) for start in range(0, len(spins), 512)]
    for rows in blocks:
        energies = ising.block_energy(spins[rows].astype(np.float32), fields, couplings)
        exponents[rows] = np.float32(1 - epsilon) * energies
    top = exponents.max()
    weights = np.exp(exponents - top)
    total = weights.sum()
    weights /= total
    first, second = np.zeros(n_spins, np.float32), np.zeros((n_spins, n_spins), np.float32)
    for rows in blocks:
        block = spins[rows].astype(np.float32)
        weighted = weights[rows, None] * block
        first += weighted.sum(0)
        second += block.T @ weighted
    moments = np.concatenate([first, second[np.triu_indices(n_spins, 1)]]).astype(np.float64)
    value = (float(top) + np.log(float(total) / len(spins))) / (1 - epsilon)
    return value + 0.5 * epsilon * vector @ vector, epsilon * vector - moments


def _fitting(lines, n_spins, n_samples):
    """Warm starts in the search for ε, and float32 in the sums over samples."""
    rng = np.random.default_rng(0)
    spins = sampling.sample(ising.gaussian(n_spins, rng=rng), n_samples, rng=rng, n_chains=4096)
    problem = erasure._Problem(spins, np.full(n_samples, 1 / n_samples), True)
    zero, settings = np.zeros(problem.n_parameters), (1e-6, 1000, 0.1)
    for warm in (True, False):
        iterations = []

        def solve(problem, epsilon, start, *settings, warm=warm, iterations=iterations):
            found = erasure._solve_convex(problem, epsilon, start if warm else zero, *settings)
            iterations.append(found[0].n_iterations)
            return found

        best = erasure._search_epsilon(problem, solve, zero, settings)
        start = "each from the last fit, as ours" if warm else "each from zero"
        lines.append(Line(f'epsilon="auto", {start}: iterations', sum(iterations)))
    vector, epsilon = best.model.to_vector(), best.epsilon
    double = functools.partial(problem.gradient, vector, epsilon)
    single = functools.partial(single_precision, vector, spins, epsilon)
    seconds = side_by_side(5, double, single)
    stuck = optimize.minimize(single_precision, zero, (spins, epsilon), jac=True, **_AS_A_FIT)
    lines += [
        Line("an iteration in float32 / in float64", seconds[1] / seconds[0]),
        Line("error of its moments", np.abs(single()[1] - double()[1]).max()),
        Line("a fit in float32 ends at a residual of (asked for: 1e-6)", np.abs(stuck.jac).max()),
    ]


# as ``erasure`` calls L-BFGS
_AS_A_FIT = {
    "method": "L-BFGS-B",
    "options": {"gtol": 5e-7, "ftol": 0.0, "maxiter": 1000, "maxcor": 20, "maxls": 40},
}


def row(
    n_spins=40,
    n_steps=1000,
    batch_size=256,
    n_updates=10,
    n_samples=100_000,
    compiled=True,
    repeats=20,
):
    """Every idea against the same code without it."""
    lines = []
    _training(lines, n_spins, n_steps, batch_size, n_updates, compiled)
    _sampling(lines, n_spins, n_steps, repeats)
    _fitting(lines, n_spins, n_samples)
    return Row("What was tried", lines)
