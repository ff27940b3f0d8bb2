"""The method alone, without the book's packages: README's example runs on the base requirements.

Cheap, in every run of the tests: imports are those declared; and the example runs in a fresh environment,
into which the packages that `pip install ising-lib` would bring are linked from the present one.  That
cannot see a version that is too old, nor a file left out of the package.  The last test installs for real::

    REAL_INSTALL=1 pytest tests/method/test_installs_alone.py
"""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ising_lib

ROOT = Path(__file__).parents[2]
README = "\n".join(re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.M))
EVERY_MODULE = f"import ising_lib\nassert all([getattr(ising_lib, name) for name in {ising_lib.__all__}])\n"


def base_requirements():
    """What `pip install ising-lib` brings, without extras: canonical names of the distributions."""
    found, waiting = set(), ["ising-lib"]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            needed = map(Requirement, importlib.metadata.requires(name) or ())
            waiting += [one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def run(python, code, cwd):
    places = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([python, "-c", code], cwd=cwd, env=places, capture_output=True, text=True)


def check_that_it_works(python, cwd):
    """No package of the book is there; every module loads; the example prints two errors, the second less."""
    for package in ("matplotlib", "papermill", "jupytext", "typer"):
        assert f"No module named '{package}'" in run(python, f"import {package}", cwd).stderr
    found = run(python, EVERY_MODULE + README, cwd)
    assert found.returncode == 0, found.stderr
    observed, augmented = map(float, found.stdout.split())
    assert augmented < observed


def test_every_import_is_declared():
    """By a requirement of the method itself: what another package happens to bring may go with it."""
    project = importlib.metadata.requires("ising-lib")
    declared = {Requirement(text).name for text in project if "extra ==" not in text}
    for path in Path(ising_lib.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names}
            assert tops <= {*declared, *sys.stdlib_module_names, "ising_lib"}, path.name


@pytest.mark.slow
def test_the_example_runs_on_links_to_the_base_requirements(tmp_path):
    venv.create(tmp_path / "environment", symlinks=True)
    [site] = (tmp_path / "environment").glob("lib/python*/site-packages")
    (site / "ising_lib").symlink_to(Path(ising_lib.__file__).parent)
    for name in base_requirements() - {"ising-lib"}:
        distribution = importlib.metadata.distribution(name)
        for top in {path.parts[0] for path in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():  # as a namespace that two packages share
                (site / top).symlink_to(distribution.locate_file(top))
    check_that_it_works(str(tmp_path / "environment" / "bin" / "python"), tmp_path)


@pytest.mark.skipif("REAL_INSTALL" not in os.environ, reason="it takes minutes: REAL_INSTALL=1 asks for it")
def test_the_example_runs_where_the_method_is_installed(tmp_path):
    source = tmp_path / "source"
    for part in ("ising_lib", "book/ising_experiments", "book/ising_book"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, source)
    venv.create(tmp_path / "environment", with_pip=True)
    python = str(tmp_path / "environment" / "bin" / "python")
    options = ["--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", *options, str(source)], check=True)
    check_that_it_works(python, tmp_path)
