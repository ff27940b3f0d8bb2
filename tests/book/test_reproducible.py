"""Equal seeds give equal numbers: in other processes, with more threads, after an interruption or a kill.

The last test strikes at random moments and takes minutes.  It runs where it is asked for::

    KILLS=30 pytest tests/book/test_reproducible.py -k random
"""

import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch

from ising_experiments import runs, store, walk
from ising_lib import ddpm, denoisers, erasure, estimators, ising, sampling
from tests.book import test_workflow
from tests.book.small import Bar
from tests.book.test_workflow import PATIENCE, ROOT, book, start  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow

# ------------------------------------------------------------------------- other processes, threads, machines


def find():
    """Everything random or summed up, at sizes at which a matrix product is worth a second thread."""
    rng = np.random.default_rng(0)
    truth = ising.gaussian(40, 0.5, rng=rng)
    spins = sampling.sample(truth, 2000, rng=rng, burn_in=200, thin=50)
    schedule = ddpm.NoiseSchedule.linear(1000)
    network = denoisers.ResidualMLP(40, 1000, rng=rng)
    for step in ddpm.train(network, schedule, spins, n_iterations=5, rng=rng, precision="float32"):
        loss = step.loss
    analog = ddpm.sample(network, schedule, 600, rng=rng, n_steps=3, precision="float32")
    fits = {"erasure": erasure.fit(spins, 0.5), "ridge": estimators.pseudolikelihood(spins[:500], 0.1)}
    found = {name: fit.model.to_vector() for name, fit in fits.items()}
    return {**found, "truth": truth.to_vector(), "spins": spins, "loss": np.array(loss), "analog": analog}


OTHER = """
import sys
import numpy as np, torch
from tests.book.test_reproducible import find

assert torch.get_num_threads() == int(sys.argv[1])
np.savez(sys.argv[2], **find())
"""


def elsewhere(folder, n_threads, **changes):
    """What another process finds, with so many threads."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(n_threads))
    threads |= {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}  # who waits takes no core
    places = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", **threads, **changes}
    path = folder / "found.npz"
    subprocess.run([sys.executable, "-c", OTHER, str(n_threads), str(path)], env=places, check=True)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def here():
    """What this process finds, with one thread."""
    with runs.one_thread():
        return find()


def test_another_process_with_two_threads_finds_the_same_bits(here, tmp_path):
    """But for the regressions, whose matrix products BLAS divides among threads: 1e-16 of sums of 500 terms,
    times a condition number of less than 1e3."""
    found = elsewhere(tmp_path, 2)
    assert found.keys() == here.keys()
    np.testing.assert_allclose(found.pop("ridge"), here["ridge"], rtol=0, atol=1e-10)
    for name, array in found.items():
        np.testing.assert_array_equal(array, here[name], err_msg=name, strict=True)


# How the libraries compute on a processor without AVX-512, as they can be told by these.
OLDER = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def test_an_older_processor_finds_the_same_within_rounding(here, tmp_path):
    """Models and Monte Carlo samples bit for bit; fits as closely as they are converged; networks by a digit.

    A residual below 1e-6 leaves the Erasure Machine within 1e-6/ε = 2e-6 of its only answer, and twice that
    apart.  The ridge's smallest curvature is 2 λ = 0.2: 1e-6/0.2, twice.  Five updates and three steps of a
    network multiply float32's 6e-8 by some thousands.
    """
    older = elsewhere(tmp_path, 1, **OLDER)
    for name in ("truth", "spins"):
        np.testing.assert_array_equal(older[name], here[name], strict=True)
    for name, allowed in (("erasure", 4e-6), ("ridge", 1e-5), ("analog", 1e-2)):
        np.testing.assert_allclose(older[name], here[name], rtol=0, atol=allowed)
    np.testing.assert_allclose(older["loss"], here["loss"], rtol=1e-4)


# ------------------------------------------------------------------------------- interrupted and gone on with

SPINS = np.random.default_rng(5).choice(np.array([-1, 1], dtype=np.int8), (50, 6))
SCHEDULE = ddpm.NoiseSchedule.linear(20)
WIDTHS = {"n_dim": 4, "n_hidden1": 6, "n_hidden2": 8}
NETWORKS = {
    "thesis, float32": (denoisers.ResidualMLP, WIDTHS, "float32"),
    "thesis, bfloat16": (denoisers.ResidualMLP, WIDTHS, "bfloat16"),
    "mean field": (denoisers.MeanField, {}, "auto"),
    "perceptron": (denoisers.LogitMLP, {"n_hidden": 8}, "auto"),
}


def train(kind, n_iterations, resume=None, rng=None):
    """A training from scratch; what is resumed starts from other weights, as in another process."""
    make, widths, precision = NETWORKS[kind]
    network = make(6, 20, rng=np.random.default_rng(1), **widths)
    if resume:
        for weights in network.parameters():
            torch.nn.init.zeros_(weights)
    rng = rng or np.random.default_rng(2)
    settings = {"batch_size": 16, "precision": precision, "resume": resume}
    return ddpm.train(network, SCHEDULE, SPINS, n_iterations=n_iterations, rng=rng, **settings)


def state(step):
    """Loss and averaged weights after an update, as bytes."""
    weights = torch.nn.utils.parameters_to_vector(step.denoiser.parameters())
    return step.iteration, step.loss, weights.detach().numpy().tobytes()


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_training_goes_on_as_if_never_interrupted(kind, tmp_path):
    """Interrupted twice, and saved more often than that; every later update is the same, bit for bit."""
    whole = [state(step) for step in train(kind, 14)]
    path, parts = tmp_path / "training.safetensors", []
    for last in (4, 9, 14):
        for step in train(kind, 14, path if parts else None):
            parts.append(state(step))
            step.save(path)
            if step.iteration == last:
                break
    assert parts == whole
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]
    assert list(train(kind, 14, path)) == [], "there is nothing left to do"
    assert [state(step)[0] for step in train(kind, 16, path)] == [15, 16], "or more than was planned"


def test_the_caller_s_stream_does_not_feel_the_interruption(tmp_path):
    """It gives one number to a training, whether that begins or goes on."""
    first, second = np.random.default_rng(7), np.random.default_rng(7)
    for step in train("mean field", 1, rng=first):
        step.save(tmp_path / "a")
    list(train("mean field", 2, tmp_path / "a", rng=second))
    assert first.integers(2**62) == second.integers(2**62)


# --------------------------------------------------------------------------------------------------- kills


def begin(folder, name):
    """``ising-book run`` in a small book, its output in a file."""
    command = [sys.executable, "-m", "ising_book", "run", name, "-o", "executed/out.ipynb"]
    with (folder / "log").open("w") as log:
        streams = {"stdout": log, "stderr": subprocess.STDOUT, "start_new_session": True}
        places = test_workflow.environment(folder, ISING_LIB_RESULTS="")
        return subprocess.Popen(command, cwd=folder, env=places, **streams)


def kill(process):
    """A power cut: the process and all that it has started, kernels too, end at once."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        parent.suspend()  # it starts nothing any more
        for one in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    return process.wait()


def wait_for(event, process, folder):
    deadline = time.monotonic() + PATIENCE
    while not event():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def undisturbed(seeds):
    """{name of a run: its arrays}, computed here."""
    configs = [test_workflow.config(seed) for seed in seeds]
    with runs.one_thread():
        return {test_workflow.key(one): walk.augmentation(one, Bar()) for one in configs}


def stored(folder, expected):
    """The names of the runs in a folder, each of which must be whole and have the right numbers."""
    names = {path.stem for path in folder.glob("*.npz")}
    for name in names:
        found = store.read(folder / f"{name}.npz").arrays
        assert found.keys() == expected[name].keys()
        for array in found:
            np.testing.assert_array_equal(found[array], expected[name][array])
    return names


def test_a_notebook_run_that_was_struck_twice_ends_as_if_undisturbed(book):  # noqa: F811
    """SIGTERM cleans up; after SIGKILL there is nothing to be cleaned up but what begins with a dot."""
    cache, output = book / "cache", book / "executed"
    process = begin(book, "fig99_two")
    wait_for(lambda: list(cache.glob("*.lock")), process, book)  # its run is being computed
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 128 + signal.SIGTERM, (book / "log").read_text()
    assert list(output.iterdir()) == []
    process = begin(book, "fig99_two")
    wait_for(lambda: list(cache.glob("*.npz")), process, book)
    assert kill(process) == -signal.SIGKILL
    [name] = stored(cache, undisturbed([2]))
    assert all(path.name.startswith(".") for path in output.iterdir())
    assert all(path.name.startswith((".", name)) for path in cache.iterdir())


@pytest.mark.skipif("KILLS" not in os.environ, reason="it takes minutes: KILLS=30 asks for it")
@pytest.mark.parametrize("what", ["run", "workflow"])
def test_kills_at_random_moments_lose_nothing_and_change_no_number(what, book, start):  # noqa: F811
    """Half of KILLS each, at moments drawn evenly from the time that the undisturbed work takes.

    A stored run stays, byte for byte, whatever strikes later; where all is done, it begins anew.
    """
    cache, output, results = places = book / "cache", book / "executed", book / "notebooks" / "results"
    begin_it = (lambda: begin(book, "fig98_one")) if what == "run" else (lambda: start(book)[0])
    expected, clock = undisturbed([0, 1, 2]), time.monotonic()
    assert begin_it().wait(PATIENCE) == 0
    duration = time.monotonic() - clock
    final = {path.name: path.read_bytes() for path in output.glob("*.ipynb")}
    moments = random.Random(int(os.environ.get("KILLS_SEED", 0)))  # noqa: S311 - no secret
    strikes, before, done = collections.Counter(), {}, True
    while strikes["killed"] < int(os.environ["KILLS"]) // 2:
        if done:
            for folder in places:
                shutil.rmtree(folder, ignore_errors=True)
            before = {}
        process = begin_it()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, duration))
        strikes["killed" if process.poll() is None else "too late"] += 1
        kill(process)
        names = stored(cache, expected) | stored(results, expected)
        now = {path.name: path.read_bytes() for path in cache.glob("*.npz")}
        assert now | before == now, "a stored run is lost or was computed again"
        shown = {path.name: path.read_bytes() for path in output.glob("*.ipynb")}
        assert shown in ({}, final)
        strikes[f"{len(names)} of {len(expected)} stored"] += 1
        before, done = now, shown or (what == "workflow" and stored(results, expected) == expected.keys())
    assert begin_it().wait(PATIENCE) == 0
    assert stored(cache, expected) == expected.keys()
    assert {path.name: path.read_bytes() for path in output.glob("*.ipynb")} == final
    assert what == "run" or stored(results, expected) == expected.keys()
    print(what, f"{duration:.0f} s undisturbed", dict(strikes))
