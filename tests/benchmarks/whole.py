"""What a reader waits for: Figure 8 from nothing, the book from the store, the import of the package."""

import heapq
import resource
import subprocess
import sys
import time

from ising_book import execute
from ising_experiments import extensions, store, worlds
from tests.benchmarks.measure import Line, Row


def _stored(name, **wanted):
    """The stored runs that a notebook shows and whose configs hold the wanted values."""
    found = [store.find(worlds.describe(config)) for config in execute.plan(name)]
    return [run for run in found if run and wanted.items() <= run.config.items()]


def by_the_clock(seconds, n_cores):
    """When the last of some runs ends, each started in order on the core that is free first."""
    free = [0.0] * n_cores
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def figure_8(n_cores=2, n_seeds=3):
    """From the seconds that stored runs recorded of their core."""
    to_the_end = [run.core_seconds for run in _stored("fig08_inference_quality")]
    limited = [run.core_seconds for run in _stored("fig09_coupling_strength", coupling_scale=1.0)]
    rivals = _stored(
        "ext02_structured_denoiser",
        experiment="rivals",
        denoiser="MeanField",
        n_spins=40,
        n_observed=4000,
        coupling_scale=1.0,
        drawn="equilibrium",
        n_iterations=6000,
    )[:n_seeds]
    fit = list(extensions.METHODS).index("augmented")
    structured = [float(run["train_seconds"] + run["sample_seconds"] + run["seconds"][fit]) for run in rivals]
    cores = f"{n_seeds} seeds on {n_cores} cores"
    cases = (
        (f"thesis network, updates and steps of Figure 9, {cores}", limited, "≤ 10"),
        (f"structured denoiser, {cores}: training, samples and their fit", structured, "≤ 1"),
        (f"thesis network, updates and steps of Figures 7 and 8, {cores}", to_the_end, ""),
    )
    lines = []
    for what, seconds, target in cases:
        if len(seconds) != n_seeds:
            raise ValueError(f"there must be {n_seeds} stored runs of: {what}; got {len(seconds)}")
        lines.append(Line(what, by_the_clock(seconds, n_cores) / 60, "min", target))
    lines += [
        Line("thesis network, as in Figure 9: the fastest seed, one core", min(limited) / 60, "min"),
        Line("the slowest seed, one core", max(limited) / 60, "min"),
    ]
    return Row("Figure 8 from nothing, from the stored runs' own records", lines)


def _child(*command):
    """Seconds by the clock, and of all cores together, that a command takes."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=execute.ROOT, check=True, capture_output=True)
    seconds, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def book():
    """The rendering of all pages from the executed notebooks, warnings as errors."""
    seconds, of_cores = _child(sys.executable, "-m", "ising_book", "build")
    lines = [
        Line("by the clock", seconds, "s", "≤ 120"),
        Line("of all cores together", of_cores, "s"),
    ]
    return Row("The whole book from the store", lines)


def importing(repeats=7):
    """A fresh interpreter, with and without the import."""
    bare = min(_child(sys.executable, "-c", "pass")[1] for _ in range(repeats))
    whole = min(_child(sys.executable, "-c", "import ising_lib")[1] for _ in range(repeats))
    every = "from ising_lib import ddpm, erasure, sampling"
    used = min(_child(sys.executable, "-c", every)[1] for _ in range(3))
    lines = [
        Line("import ising_lib, interpreter included", whole, "s", "≤ 0.3"),
        Line("the bare interpreter", bare, "s"),
        Line(f"{every}: PyTorch, SciPy and numba with it", used, "s"),
    ]
    return Row("Import", lines)
