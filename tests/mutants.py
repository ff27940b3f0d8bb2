"""``python -m tests.mutants [WORD …]``: break the code here or there; each time a test must fail.

Faults are those of mutants.yaml and of equations/mutations.py, or those with one of the words in their line.
Each is made in a copy of the project, and its tests are run there.  Ends with status 1 if any fault survives,
or is no longer about the code.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.equations import mutations

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", "_build", "__pycache__", ".*_cache", "*.egg-info", "*.ipynb"
)


class Fault(NamedTuple):
    """In a file one text becomes another, and one of the tests must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: list


def faults():
    """All of them."""
    listed = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    yield from (
        Fault(one["fault"], one["file"], one["old"], one["new"], one["tests"].split()) for one in listed
    )
    for file, old, new, tests in mutations.MUTATIONS:
        yield Fault(tests[0].partition("::")[2], file, old, new, tests)


def survives(fault, copy):
    """Make a fault in the copy and run its tests: None where one of them fails, else what is wrong."""
    path = copy / fault.file
    whole = path.read_text()
    if whole.count(fault.old) != 1:
        return f"not about the code: {whole.count(fault.old)} places"
    places = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'book'}"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *fault.tests]
    path.write_text(whole.replace(fault.old, fault.new))
    try:
        ran = subprocess.run(command, cwd=copy, env=places, capture_output=True, text=True)
    finally:
        path.write_text(whole)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    print(f"    by {failed[0]}" if failed else f"    {ran.stdout.splitlines()[-1:]}", flush=True)
    return None if ran.returncode == 1 else f"survives (pytest ends with {ran.returncode})"


def main(words):
    """Make the faults, and say which survive."""
    chosen = [fault for fault in faults() if not words or any(word in str(fault) for word in words)]
    wrong = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=IGNORED)
        for number, fault in enumerate(chosen, 1):
            start = time.monotonic()
            print(f"{number} of {len(chosen)}: {fault.file}: {fault.name}", flush=True)
            found = survives(fault, copy)
            print(f"    {found or 'caught'}, {time.monotonic() - start:.0f} s", flush=True)
            if found:
                wrong[f"{fault.file}: {fault.name}"] = found
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} faults are caught", *wrong.items(), sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
