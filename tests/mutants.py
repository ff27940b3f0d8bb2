"""``python -m tests.mutants [WORD …]``: break the code here or there; each time a test must fail.

Faults are those of mutants.yaml, or those with one of the words in their lines.
Each is made in a copy of the project, and its tests are run there; before that, all of these tests must pass.
Ends with status 1 if any fault survives, or is no longer about the code.
"""

import contextlib
import importlib
import io
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", "*.egg-info")
HEAVY = ("numba", "torch", "scipy.optimize", "matplotlib.pyplot", "papermill")  # imported once for all


class Fault(NamedTuple):
    """In a file one text becomes another, and one of the tests must fail."""

    fault: str
    file: str
    old: str
    new: str
    tests: list


def faults():
    """All of them; one without a name has that of its test."""
    for one in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text()):
        tests = one.pop("tests").split(", ")
        yield Fault(**{"fault": tests[0].partition("::")[2]} | one, tests=tests)


def failing(tests, copy):
    """The names of the tests that fail in the copy, at most one; pytest runs in a fork of this process."""
    log = copy.with_name("log")
    child = os.fork()
    if not child:
        with (
            log.open("w") as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
                del sys.modules[name]
            os.chdir(copy)
            sys.path[:0] = [str(copy), str(copy / "book")]
            os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
            sys.dont_write_bytecode = True
            status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", log.read_text(), re.MULTILINE)
    return failed or ([] if status == 0 else [f"pytest ends with {status}: {log.read_text()[-300:]}"])


def caught(fault, copy):
    """Make a fault in the copy and run its tests: is there one that fails?"""
    path = copy / fault.file
    whole = path.read_text()
    if whole.count(fault.old) != 1:
        print(f"    not about the code: found {whole.count(fault.old)} times")
        return False
    path.write_text(whole.replace(fault.old, fault.new))
    try:
        failed = failing(fault.tests, copy)
    finally:
        path.write_text(whole)
    print(f"    caught by {failed[0]}" if failed else "    SURVIVES")
    return bool(failed) and not failed[0].startswith("pytest ends")


def main(words):
    """Make the faults, and say which survive."""
    chosen = [fault for fault in faults() if not words or any(word in str(fault) for word in words)]
    for name in HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=IGNORED)
        if failed := failing(sorted({test for fault in chosen for test in fault.tests}), copy):
            print(f"without any fault, {failed[0]} fails")
            return True
        wrong = []
        for number, fault in enumerate(chosen, 1):
            start = time.monotonic()
            print(f"{number} of {len(chosen)}: {fault.file}: {fault.fault}", flush=True)
            if not caught(fault, copy):
                wrong.append(f"{fault.file}: {fault.fault}")
            print(f"    {time.monotonic() - start:.0f} s", flush=True)
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} faults are caught", *wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
