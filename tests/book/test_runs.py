"""Runs are found or computed once, side by side, and say who computed them and what it cost."""

import collections
import dataclasses
import datetime
import os
import re
import subprocess
import threading
import time

import numpy as np
import pytest

import ising_lib
from ising_book import execute
from ising_experiments import provenance, runs, store, walk, worlds
from tests.book.small import WORLD, Bar, cache, changed  # noqa: F401


@pytest.fixture
def counted(monkeypatch):
    """How often each seed is computed, at once, in place of the walk; a moment passes each time."""
    counts = collections.Counter()

    def compute(world, bar, *needed):
        counts[world.seed] += 1
        time.sleep(0.1)
        bar.update()
        return {"answer": np.array([world.seed]), "iterations": np.array([24])}

    monkeypatch.setitem(runs.RECIPES, worlds.Augmentation, runs.Recipe(compute))
    return counts


def plain(world):
    return worlds.describe(world)


def test_a_stored_run_is_read_and_not_computed(counted):
    run, again = runs.run(WORLD), runs.run(WORLD)
    assert (again.config, again.provenance, again["answer"]) == (run.config, run.provenance, run["answer"])
    assert runs.find_or_compute([WORLD, WORLD], jobs=2)[1].provenance == run.provenance
    assert counted == {0: 1}
    runs.run(changed(n_augmented=201))
    assert counted == {0: 2}


def test_threads_that_want_the_same_run_compute_it_once(counted):
    wanted = [*[WORLD] * 3, dataclasses.replace(WORLD, seed=1)]
    answers = {}
    threads = [
        threading.Thread(target=lambda n=n: answers.update({n: runs.run(wanted[n])["answer"].item()}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {0: 0, 1: 0, 2: 0, 3: 1}
    assert counted == {0: 1, 1: 1}


def test_what_a_run_needs_comes_before_it_once(monkeypatch):
    fair = worlds.FairRetina(n_spins=5, missing_counts=(2,))
    assert runs.needed([fair, WORLD, fair]) == [fair.retina(), fair, WORLD]
    monkeypatch.setitem(runs.RECIPES, worlds.Retina, runs.Recipe(lambda *_: {"truth": np.array(7)}))
    needs = runs.RECIPES[worlds.FairRetina].needs
    recipe = runs.Recipe(lambda world, bar, one: {"a": one["truth"]}, needs=needs)
    monkeypatch.setitem(runs.RECIPES, worlds.FairRetina, recipe)
    assert runs.run(fair)["a"] == 7
    assert store.find(plain(fair.retina())) is not None


@pytest.mark.slow
def test_runs_side_by_side_give_the_bits_of_one_process():
    """Two spawned processes compute; seed 2 is stored already; the order is that of the configs."""
    small = changed(n_iterations=8, n_checkpoints=1, n_monitor=20, n_augmented=20)
    configs = worlds.with_seeds(small, [1, 2, 0])
    store.write(plain(configs[1]), {"marker": 5}, {"seconds": 0})
    found = runs.find_or_compute(configs, jobs=2)
    assert [run.config["seed"] for run in found] == [1, 2, 0]
    assert found[1]["marker"] == 5
    here = walk.augmentation(configs[2], Bar())
    assert set(found[2].arrays) == set(here)
    assert all(found[2][name].tobytes() == np.asarray(array).tobytes() for name, array in here.items())
    assert (found[0]["truth"] != here["truth"]).all()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process to cores")
def test_runs_at_once_are_as_many_as_this_process_has_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5})
    assert runs.cores() == 3


def test_the_source_shown_is_that_of_the_functions():
    shown = runs.source(walk.augment, walk.generate).data
    assert "def augment(" in shown
    assert shown.index("def augment(") < shown.index("def generate(")
    assert shown.count("```python\n") == 2


# --------------------------------------------------------------------------------------------- provenance


def test_provenance_says_who_computed_it(counted):
    record = runs.run(WORLD).provenance
    names = "ising_lib commit machine python numpy torch precision started seconds core_seconds"
    assert set(record) == set(names.split())
    assert (record["ising_lib"], record["commit"]) == (ising_lib.__version__, provenance.commit())
    assert record["precision"] == "float32"
    assert 0 <= record["core_seconds"] <= record["seconds"] + 0.1  # one thread; rounded
    assert datetime.datetime.fromisoformat(record["started"]).tzinfo is datetime.UTC


def test_commit_is_that_of_the_clone_and_says_where_a_package_differs(monkeypatch):
    """Ten hexadecimal digits, and "+" where a package is not as committed; both packages are asked about."""
    for changes, end in ((" M ising_lib/ising.py", "+"), ("", "")):
        asked = {"ls-files": "", "status": changes, "rev-parse": "0123456789"}
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_git", lambda what, *_, asked=asked: asked[what])
            assert provenance.commit() == f"0123456789{end}"
    if not (execute.ROOT / ".git").exists():
        pytest.skip("not a clone: it has no commit")
    assert re.fullmatch(r"[0-9a-f]{10,}\+?", provenance.commit())


@pytest.mark.parametrize("failure", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")])
def test_commit_is_unknown_without_git_and_outside_a_clone(failure, monkeypatch):
    def no_git(*_, **__):
        raise failure

    monkeypatch.setattr(subprocess, "run", no_git)
    assert provenance.commit() == "unknown"


def some_run(config, arrays=None, **cost):
    who = {"ising_lib": "1.2.3", "commit": f"c0ffee{config.seed}", "machine": "a machine"}
    who |= {"precision": "float32", "started": "2024-08-01T10:00:00+00:00", "seconds": 12.4}
    return store.Run(plain(config), arrays or {}, who | cost)


def test_table_names_runs_commit_and_the_parameters_that_all_runs_share():
    """Read back as a table, column by column."""
    both = [some_run(config) for config in worlds.with_seeds(WORLD, [0, 1])]
    text = provenance.table(both, "fig99_nothing")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["run"] for row in rows] == [f"`{store.key(run.config)}`" for run in both]
    assert [(row["seed"], row["commit"]) for row in rows] == [("0", "c0ffee0"), ("1", "c0ffee1")]
    common = {"version": "1.2.3", "precision": "float32", "seconds": "12", "date": "2024-08-01"}
    assert all(common.items() <= row.items() for row in rows)
    for said in ("`fig99_nothing`", "a machine", "n_spins = 6", "n_iterations = 24", "stop = False"):
        assert said in text
    other = provenance.table([both[0], some_run(dataclasses.replace(WORLD, coupling_scale=0.5))], "ext99_two")
    assert "field_scale = 1.0" in other
    assert "coupling_scale" not in other


def test_table_says_when_sizes_are_not_those_of_the_thesis():
    thesis, quick = (provenance.table([some_run(WORLD)], "fig99", preset) for preset in ("thesis", "quick"))
    assert "say nothing about the thesis" not in thesis
    assert "say nothing about the thesis" in quick.splitlines()[0]
    assert quick.endswith(thesis)


def test_costs_name_every_run_once_and_part_the_thesis_from_the_extensions(monkeypatch):
    """A run that both show counts for the thesis; the clock's seconds count where a core's are missing."""
    configs = worlds.with_seeds(WORLD, [0, 1, 2, 3])
    clock, core = {"seconds": 7200.0}, {"seconds": 9000.0, "core_seconds": 3600.0}
    found = [some_run(config, **cost) for config, cost in zip(configs, (clock, core, core), strict=False)]
    found[0].arrays["iterations"] = np.array([8, 24])
    plains = [plain(config) for config in configs]
    monkeypatch.setattr(store, "find", lambda one: [*found, None][plains.index(one)])
    text = provenance.costs({"fig98_one": plains[:2], "ext99_two": plains[1:], "fig97_none": []})
    rows = {line.split("`")[1]: line.strip("| ").split(" | ") for line in text.splitlines() if "| `" in line}
    keys = [store.key(one) for one in plains]
    assert rows.keys() == set(keys)
    assert [rows[key][1] for key in keys] == ["fig98", "fig98, ext99", "ext99", "ext99"]
    assert [rows[key][6] for key in keys] == ["24", "–", "–", "not stored"]
    assert "3 of 4 runs are stored. They took 4.0 core-hours: 3.0 those of the thesis's figures" in text
    assert "For 1 of them, 2.0 hours in all, only wall-clock time was recorded." in text
