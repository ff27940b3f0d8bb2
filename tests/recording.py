"""The recordings in tests: skip what needs one where it cannot be had, or fail where it must be had."""

import os

import pytest

from ising_lib import datasets

CALLS = {  # {recording: what a notebook that needs it says}
    "retina": ("worlds.Retina", "worlds.FairRetina", "load_retina("),
    "annealer": ("worlds.Recorded",),
    "neurons": ("worlds.Recorded",),
}


def recordings(notebook):
    """The recordings that the source of a notebook (path of its .py or .ipynb) asks for."""
    source = notebook.with_suffix(".py").read_text()
    return [name for name, calls in CALLS.items() if any(call in source for call in calls)]


def why_absent(*names):
    """None where the recordings can be had, else the reason; an error where REQUIRE_RECORDING is set."""
    try:
        for name in names:
            getattr(datasets, f"load_{name}")()
    except datasets.DatasetNotFound as error:
        if os.environ.get("REQUIRE_RECORDING"):
            raise pytest.UsageError(f"REQUIRE_RECORDING is set, but {error}") from error
        return str(error)
    return None
