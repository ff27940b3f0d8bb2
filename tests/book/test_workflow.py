"""The sweeps as a workflow: every run is a job, and what was killed half-way ends as if it had not been.

Most tests run the book's own Snakefile in a small book of two notebooks, which share a run.
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ising_book import execute
from ising_experiments import runs, store, worlds

ROOT = Path(__file__).parents[2]
PATIENCE = 3000  # seconds: other work on the machine is no failure

NOTEBOOK = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
preset = "thesis"
n_iterations = 40
seeds = {seeds}

# %% tags=["runs"]
from ising_experiments import worlds

training = worlds.Training(n_iterations, 2, 50, 50, n_noise_levels=20, n_sampling_steps=4,
                           batch_size=32, precision="float32")
configs = worlds.with_seeds(worlds.Augmentation(n_spins=5, n_observed=100, training=training), seeds)

# %%
from ising_experiments import runs

found = runs.find_or_compute(configs)
"""

SUBMIT = """\
#!/bin/sh
# A scheduler that starts every job at once: takes a script, prints its number.
echo "$1" >> submitted
sh "$1" > job.log 2>&1 &
echo $!
"""


def config(seed, n_iterations=40, device="cpu"):
    """The config of the notebooks above."""
    training = worlds.Training(n_iterations, 2, 50, 50, n_noise_levels=20, n_sampling_steps=4)
    training = dataclasses.replace(training, batch_size=32, precision="float32", device=device)
    return worlds.Augmentation(n_spins=5, n_observed=100, seed=seed, training=training)


def key(config):
    return store.key(worlds.describe(config))


@pytest.fixture
def book(tmp_path):
    """A small book around the packages; its name has a space, as folders of users have."""
    folder = tmp_path / "a book" / "notebooks"
    (folder / "presets").mkdir(parents=True)
    (folder / "presets" / "quick.yaml").write_text("preset: quick\nn_iterations: 4\n")
    (folder / "fig98_one.py").write_text(NOTEBOOK.format(seeds=[0, 1, 2]))
    (folder / "fig99_two.py").write_text(NOTEBOOK.format(seeds=[2]))
    shutil.copy(ROOT / "notebooks" / "Snakefile", folder)
    shutil.copytree(ROOT / "notebooks" / "profiles", folder / "profiles")
    (folder.parent / "book").mkdir()
    for name in ("ising_experiments", "ising_book"):
        (folder.parent / "book" / name).symlink_to(ROOT / "book" / name)
    return folder.parent


def environment(folder, **places):
    """The small book's own package is found, and stores of its own."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("ISING_LIB_")}
    inner = {"PYTHONPATH": f"{folder / 'book'}{os.pathsep}{ROOT}", "ISING_LIB_CACHE": str(folder / "cache")}
    return outer | inner | places


@pytest.fixture
def start():
    """Starts Snakemake in a session of its own, its output in a file; at the end none is left running."""
    processes = []

    def start(folder, *arguments, **places):
        settings = environment(folder, **places)
        log = Path(settings["ISING_LIB_CACHE"]).with_name("log")
        command = [sys.executable, "-m", "snakemake", "-s", "notebooks/Snakefile", "-j", "2", *arguments]
        with log.open("w") as output:
            streams = {"stdout": output, "stderr": subprocess.STDOUT, "start_new_session": True}
            processes.append(subprocess.Popen(command, cwd=folder, env=settings, **streams))
        return processes[-1], log

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output_of(process, log):
    """What Snakemake says; it must succeed."""
    assert process.wait(PATIENCE) == 0, log.read_text()
    return log.read_text()


def jobs(text):
    """The runs that a dry run would compute, in order of their names."""
    return sorted(re.findall(r"output: .*/([a-z_]+-[0-9a-f]{16})\.npz", text))


@pytest.mark.slow
def test_every_run_of_the_book_is_a_job(start, tmp_path):
    """The book's own notebooks, nothing stored; runs that notebooks share are computed once."""
    (tmp_path / "results").mkdir()
    places = {"ISING_LIB_RESULTS": str(tmp_path / "results"), "ISING_LIB_CACHE": str(tmp_path / "cache")}
    text = output_of(*start(ROOT, "-n", **places))
    planned = {key(config) for name in execute.names() for config in execute.plan(name)}
    assert planned
    assert jobs(text) == sorted(planned)


@pytest.mark.slow
def test_figures_preset_and_device_are_passed_on(start, book):
    text = output_of(*start(book, "-n", "-p", "--config", "figures=fig99", "preset=quick", "device=cuda"))
    expected = config(2, n_iterations=4, device="cuda")
    assert jobs(text) == [key(expected)]
    assert "gpu=1" in text.partition("resources: ")[2]
    [given] = re.findall(r" -m ising_book compute '(.*)'", text)
    assert worlds.from_plain(json.loads(given)) == expected


@pytest.mark.slow
def test_jobs_run_on_a_cluster(start, book):
    """Submitted by a command, as to any scheduler; the target is no job."""
    (book / "submit").write_text(SUBMIT)
    cluster = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh submit"]
    often = ["--seconds-between-status-checks", "1"]
    output_of(*start(book, *cluster, *often, "--config", "figures=fig99", "preset=quick"))
    [script] = (book / "submitted").read_text().splitlines()
    assert "snakejob.compute" in script
    [made] = (book / "notebooks" / "results").iterdir()
    assert made.stem == key(config(2, n_iterations=4))


def kill_when(ready, process, log):
    """Kill Snakemake and its jobs as soon as ``ready()``."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it had already ended"


@pytest.mark.slow
def test_killed_it_ends_as_if_undisturbed(start, book, tmp_path, monkeypatch):
    results = book / "notebooks" / "results"

    def published():
        return {path.stem: path.read_bytes() for path in results.glob("*.npz")}

    process, log = start(book)
    kill_when(published, process, log)
    first, configs = published(), {key(config(seed)): config(seed) for seed in (0, 1, 2)}
    assert first.keys() < configs.keys()

    output_of(*start(book))
    last = published()
    assert last.keys() == configs.keys()
    assert {name: last[name] for name in first} == first, "a run that was there was computed again"
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "undisturbed"))
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    for name, one in configs.items():
        expected, found = runs.run(one), store.read(results / f"{name}.npz")
        assert found.arrays.keys() == expected.arrays.keys()
        for array in expected.arrays:
            np.testing.assert_array_equal(found[array], expected[array], strict=True)

    name = min(configs)
    (results / f"{name}.npz").write_bytes(last[name][:-1])
    text = output_of(*start(book, "-n"))
    assert jobs(text) == [name], "the damaged run alone is computed again"
