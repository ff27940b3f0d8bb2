"""Find a run or compute it: which function belongs to which world, side by side, one thread each::

    [run] = runs.find_or_compute([worlds.Augmentation(n_spins=20, n_observed=1000)])
    run["variance"], run.model("augmented"), run.provenance["seconds"]

A run that is stored is read; any other is computed on the spot, with a progress bar, and cached.
"""

import concurrent.futures
import contextlib
import datetime
import inspect
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import threadpoolctl
import torch
from IPython.display import Markdown
from tqdm import tqdm

from ising_experiments import choices, extensions, limits, provenance, real_data, store, walk, worlds
from ising_lib import _checks, ddpm


@dataclass(frozen=True)
class Recipe:
    """How the runs of a kind of world are computed."""

    compute: Callable  #: of the world, a tqdm bar, and the runs it needs; returns {name: array}
    needs: Callable = lambda world: ()  #: of the world; returns those of the runs to be found first
    precision: str = "float32"  #: of the networks, where the world has no ``training`` that says it


RECIPES = {
    worlds.Augmentation: Recipe(walk.augmentation),
    worlds.Retina: Recipe(walk.retina),
    worlds.HeldOut: Recipe(extensions.held_out),
    worlds.FairRetina: Recipe(extensions.fair_retina, needs=lambda world: (world.retina(),)),
    worlds.Rivals: Recipe(extensions.rivals),
    worlds.Firmness: Recipe(choices.firmness),
    worlds.RetinaFirmness: Recipe(choices.retina_firmness),
    worlds.Corrected: Recipe(extensions.corrected, precision="float64"),
    worlds.Kinetic: Recipe(extensions.kinetic_ising),
    worlds.RetinaDenoised: Recipe(choices.retina_denoised),
    worlds.RetinaInTime: Recipe(extensions.retina_in_time, precision="float64"),
    worlds.Discrete: Recipe(extensions.discrete_diffusion, precision="float64"),
    worlds.Limits: Recipe(limits.limits, precision="float64"),
    worlds.WholeRecording: Recipe(real_data.whole, precision="float64"),
    worlds.Recorded: Recipe(real_data.recorded, needs=lambda world: (world.whole(),)),
    worlds.RecordedAugmentation: Recipe(real_data.augmentation, needs=lambda world: (world.whole(),)),
}


def needed(configs):
    """The configs of all runs to be stored before these can be drawn: what each needs, then itself, once."""
    ordered = {}
    for config in configs:
        ordered |= dict.fromkeys((*needed(RECIPES[type(config)].needs(config)), config))
    return list(ordered)


def find_or_compute(configs, *, jobs=None):
    """The store.Runs of several worlds, in their order; those not stored are computed, one core each.

    Args:
        configs: of ``worlds.KINDS``.
        jobs: runs at once; by default as many as there are cores for this process.
    """
    configs = list(configs)
    if jobs is not None:
        _checks.count("jobs", jobs)
    missing = [config for config in dict.fromkeys(configs) if store.find(worlds.describe(config)) is None]
    jobs = min(len(missing), jobs or cores())
    if jobs > 1:
        spawn = multiprocessing.get_context("spawn")  # a forked torch can hang
        with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
            waiting = [pool.submit(run, config, position=n % jobs) for n, config in enumerate(missing)]
            for future in concurrent.futures.as_completed(waiting):
                future.result()
    found = {config: run(config) for config in dict.fromkeys(configs)}
    return [found[config] for config in configs]


def cores():
    """How many cores this process may use: fewer than there are where somebody, as by taskset, says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def by_config(configs):
    """The same as {config: run}, each config once."""
    configs = list(dict.fromkeys(configs))
    return dict(zip(configs, find_or_compute(configs), strict=True))


def source(*functions):
    """The source of functions as Markdown: a page shows what was executed, never a copy."""
    blocks = [f"```python\n{inspect.getsource(function).rstrip()}\n```" for function in functions]
    return Markdown("\n\n".join(blocks))


def run(config, position=0):
    """The run of a world: stored, or computed now on one thread and cached."""
    plain = worlds.describe(config)
    found = store.find(plain)
    if found is None:
        before = [run(other, position) for other in RECIPES[type(config)].needs(config)]
        with store.lock(plain):  # somebody else may have finished it while we waited
            found = store.find(plain) or _compute(config, before, plain, position)
    return found


def _compute(config, before, plain, position):
    started, code = datetime.datetime.now(datetime.UTC), provenance.commit()
    recipe, training = RECIPES[type(config)], getattr(config, "training", None)
    precision = recipe.precision
    if training:
        precision = ddpm.resolve_precision(training.precision, training.device)
    clock, core_clock = time.perf_counter(), time.process_time()
    title = f"{config.experiment}, seed {config.seed}, {precision}"
    bar = tqdm(desc=title, unit="it", position=position, mininterval=1.0, leave=False)
    with one_thread(), bar:
        arrays = recipe.compute(config, bar, *before)
    seconds, core_seconds = time.perf_counter() - clock, time.process_time() - core_clock
    return store.write(plain, arrays, provenance.record(code, precision, started, seconds, core_seconds))


@contextlib.contextmanager
def one_thread():
    """Inside, the same sums in the same order, however many cores there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpoolctl.threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
