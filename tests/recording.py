"""The retina recording in tests: skip what needs it where it cannot be had, or fail where it must be had."""

import os

import pytest

from ising_lib import datasets


def uses_recording(notebook):
    """Does the source of a notebook (path of its .py or .ipynb) ask for the recording?"""
    source = notebook.with_suffix(".py").read_text()
    return any(call in source for call in ("worlds.Retina", "worlds.FairRetina", "load_retina("))


def why_absent():
    """None where the recording can be had, else the reason; an error where REQUIRE_RECORDING is set."""
    try:
        datasets.load_retina()
    except datasets.DatasetNotFound as error:
        if os.environ.get("REQUIRE_RECORDING"):
            raise pytest.UsageError(f"REQUIRE_RECORDING is set, but {error}") from error
        return str(error)
    return None
