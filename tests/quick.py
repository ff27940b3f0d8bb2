"""Every notebook computes, by plain papermill, at the quick preset's sizes and without stored runs.

Not collected by default: ``make test`` names this file, after the other tests.
"""

import os
from pathlib import Path

import papermill
import pytest

from ising_book import execute
from ising_experiments import store, worlds
from tests.recording import recordings, why_absent

ROOT = Path(__file__).parent.parent
# firmness has no sizes of its own: it looks at the stored runs of the others
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != "firmness")


@pytest.fixture(scope="session", autouse=True)
def _one_core():
    """For each worker: its notebooks then start no processes beside those that wait already."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.sched_setaffinity(0, {cores[worker % len(cores)]})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_computes_without_stored_runs(notebook, tmp_path, monkeypatch):
    reason = why_absent(*recordings(notebook))
    if reason:
        pytest.skip(reason)
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "cache"))
    values = execute.presets()["quick"]
    executed = papermill.execute_notebook(notebook, None, values, progress_bar=False, cwd=ROOT)
    computed = {path.stem for path in (tmp_path / "cache").glob("*.npz")}
    plan = {store.key(worlds.describe(config)) for config in execute.plan(notebook.stem, values)}
    assert computed == plan, "the notebook took its runs from somewhere else"
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
