"""The house is in order: versions and packages, directions of imports, sizes, nothing lying about."""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ising_lib
from ising_experiments import store

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = "ising_lib", "book/ising_experiments", "book/ising_book"
LIB, RUNS, BOOK = (sorted((ROOT / folder).glob("*.py")) for folder in FOLDERS)
SOURCES = [*LIB, *RUNS, *BOOK]

# A module imports only modules that stand before it: data walk once, left to right.  A new module finds its
# place here.
ORDER = {
    "ising_lib": "_checks _files _torch ising exact sampling erasure _regression boltzmann estimators noise "
    "denoisers checkpoints ddpm stopping imputation datasets metrics discrete kinetic",
    "ising_experiments": "scoring worlds store provenance monitors walk extensions choices limits real_data "
    "runs statistics",
    "ising_book": "style claims firmness execute reading own_data pdf doctor cli __main__",
}
# Lines of Python.  We aim at 10,500 for all that is not a test and at 10,000 for the tests; until then
# nothing may grow: what comes takes the place of something, and whoever cuts lowers the number here.
LIMITS = {
    "ising_lib": (LIB, 2970),
    "ising_experiments": (RUNS, 2730),
    "ising_book": (BOOK, 2440),
    "all that is not a test": ([*SOURCES, *(ROOT / "notebooks").glob("*.py")], 15_640),
    "tests": ((ROOT / "tests").rglob("*.py"), 14_650),
}
AT_THE_ROOT = {
    *("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"),
    *("pyproject.toml", "environment.yml", "constraints.txt", "_config.yml", "_toc.yml"),
    *("book", "notebooks", "ising_lib", "tests", ".ci", ".github", ".gitignore"),
}
# Folders of somebody's machine; the brackets keep this line from finding itself.
MACHINE = re.compile(rb"(?<![\w.])/(?:[w]ork|[r]oot|[h]ome|[U]sers)/|/tmp/[b]ash")


# ------------------------------------------------------------------------------------- imports and sizes


def imported(path):
    """(package, module) of ours that a file imports, anywhere in it; module None for the package itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports say the package's name"
            names = [node.module if "." in node.module else f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for package, _, module in (name.partition(".") for name in names):
            if package in ORDER:
                yield package, module.split(".")[0] or None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_imports_go_one_way_and_never_from_the_method_to_the_book(path):
    own, found = path.parent.name, set(imported(path))
    packages = list(ORDER)
    assert {package for package, _ in found} <= set(packages[: packages.index(own) + 1])
    inside = {module for package, module in found if package == own} - {None}
    if path.stem == "__init__":
        assert inside == set()
    else:
        order = ORDER[own].split()
        assert inside <= set(order[: order.index(path.stem)])


def lines(path):
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("what", LIMITS)
def test_there_is_no_more_code_than_can_be_read(what):
    files, limit = LIMITS[what]
    assert sum(map(lines, files)) <= limit


def test_no_module_of_the_method_is_long():
    assert {path.name: lines(path) for path in LIB if lines(path) > 380} == {}


def test_nothing_imports_a_notebook():
    names = [path.stem for path in (ROOT / "notebooks").glob("*.py") if path.stem != "conftest"]
    pattern = re.compile(rf"^\s*(?:from|import) (?:notebooks|{'|'.join(names)})\b", re.MULTILINE)
    programs = [*SOURCES, *(ROOT / "notebooks").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert [path.name for path in programs if pattern.search(path.read_text())] == []


def modules_after(statement):
    """The top-level modules loaded after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps([m for m in sys.modules if '.' not in m]))"
    fresh = {"cwd": ROOT, "capture_output": True, "text": True, "check": True, "timeout": 120}
    return set(json.loads(subprocess.run([sys.executable, "-c", code], **fresh).stdout))


def test_imports_load_nothing_that_is_not_needed():
    heavy = {"torch", "numba", "matplotlib", "scipy"}
    assert not modules_after("import ising_lib, ising_experiments, ising_book") & {*heavy, "numpy"}
    loaded = modules_after("from ising_lib import exact, ising")
    assert "numpy" in loaded
    assert not loaded & heavy


def test_modules_are_listed_and_load_on_first_use():
    public = [name for name in ORDER["ising_lib"].split() if name[0] != "_"]
    assert sorted(public) == sorted(ising_lib.__all__)
    assert set(public) <= set(dir(ising_lib))
    assert all(getattr(ising_lib, name).__name__ == f"ising_lib.{name}" for name in public)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ising_lib.nonsense


def without_docstring(path):
    """Public functions, classes and methods; but for ``forward``, whose call the module describes once."""
    kinds = ast.FunctionDef | ast.ClassDef
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, kinds)]
    public = [node for node in top if node.name[0] != "_"]
    inner = [
        one
        for node in public
        if isinstance(node, ast.ClassDef)
        for one in node.body
        if isinstance(one, kinds)
    ]
    nodes = [*public, *(one for one in inner if one.name[0] != "_" and one.name != "forward")]
    return [node.name for node in nodes if not ast.get_docstring(node)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_everything_public_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert without_docstring(path) == []


# --------------------------------------------------------------------------------- versions and packages


def ranges(texts):
    """{package: the versions allowed}, names in their canonical form."""
    requirements = [Requirement(text) for text in texts]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def needed():
    """What pyproject.toml asks for, with the extras book and test."""
    extras = PROJECT["optional-dependencies"]
    return ranges(PROJECT["dependencies"] + extras["book"] + extras["test"])


def test_environment_asks_for_what_pyproject_asks_for():
    asked = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [by_pip] = [entry["pip"] for entry in asked if isinstance(entry, dict)]
    conda, pip = ranges(entry for entry in asked if isinstance(entry, str)), ranges(by_pip[:-1])
    assert str(conda.pop("python")) == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    conda["torch"] = conda.pop("pytorch-cpu")
    assert by_pip[-1] == "-e ."
    assert not set(conda) & set(pip)
    assert conda | pip == needed()


def test_constraints_pin_everything_within_its_range():
    listed = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [Requirement(line) for line in listed if line]
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in pins)
    exact = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    assert len(exact) == len(pins), "a package is pinned twice"
    for name, allowed in needed().items():
        assert name in exact, f"{name} is not pinned"
        assert exact[name] in allowed, f"{name}=={exact[name]} is not {allowed}"


def test_versions_and_command_are_one():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == ising_lib.__version__ == citation["version"]
    assert ising_lib.__version__ in (ROOT / "CHANGELOG.md").read_text()
    entries = importlib.metadata.distribution("ising-lib").entry_points
    [script] = [entry for entry in entries if entry.name == "ising-book"]
    assert script.value == PROJECT["scripts"]["ising-book"]
    assert callable(script.load())


# ------------------------------------------------------------------------------------------ make and CI


def targets():
    """{target: its recipe} of the Makefile."""
    parts = re.split(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_target_is_in_the_help_and_ci_and_readme_say_the_same():
    found = targets()
    assert all(" ## " in recipe.splitlines()[0] for recipe in found.values())
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert sorted(phony) == sorted(found)
    readme, ci = (ROOT / "README.md").read_text(), ROOT / ".ci" / "run"
    assert all(command in readme for command in ("make book", "make test"))
    assert "make test" in [line.strip() for line in ci.read_text().splitlines()]
    assert os.access(ci, os.X_OK)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == ["make test", "make book", "make audit"]
    [python] = [step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})]
    assert PROJECT["requires-python"] == f">={python}"
    [cached] = [step["with"]["cache-dependency-path"] for step in steps if "cache" in step.get("with", {})]
    assert (ROOT / cached).is_file()


def test_the_image_is_made_by_make_and_leaves_binder_its_environment():
    """Binder would take a Dockerfile at the root, or a folder of its own, in place of environment.yml."""
    text = (ROOT / ".ci" / "Dockerfile").read_text().replace("\\\n", " ")
    steps = {
        line.split()[0]: line.partition(" ")[2] for line in text.splitlines() if line and line[0] not in "# "
    }
    assert steps["FROM"].startswith("python:" + PROJECT["requires-python"].removeprefix(">="))
    assert steps["RUN"] == "make .venv/installed"  # the last of them
    assert json.loads(steps["CMD"])[1] in targets()
    assert steps["USER"] != "root"
    ignored = (ROOT / ".ci" / "Dockerfile.dockerignore").read_text().split()
    assert {".venv", "_build"} <= set(ignored)
    assert ".git" not in ignored  # the stored runs' provenance and the tests ask it
    assert not {"Dockerfile", "binder", ".binder", "requirements.txt", "postBuild"} & AT_THE_ROOT


# --------------------------------------------------------------------------------------- what is tracked


@pytest.fixture(scope="module")
def tracked():
    """The files that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: git cannot be asked what it tracks")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_root_holds_the_agreed_names_only_and_nobody_the_recording(tracked):
    assert {name.split("/")[0] for name in tracked} == AT_THE_ROOT
    assert not [name for name in tracked if name.endswith(".mat")]


def content(name):
    """The bytes of a file; of a stored run, those of its config and provenance, which are compressed."""
    if name.endswith(".npz"):
        run = store.read(ROOT / name)
        return json.dumps([run.config, run.provenance]).encode()
    return (ROOT / name).read_bytes()


def test_no_file_names_folders_of_a_machine(tracked):
    found = [(name, match[0].decode()) for name in tracked if (match := MACHINE.search(content(name)))]
    assert found == []
    for folder in ("root", "work", "home"):
        assert MACHINE.search(f"at '/{folder}/somebody/file'".encode())
        assert not MACHINE.search(f"https://example.org/{folder}/file, my{folder}/file".encode())


def test_stored_results_stay_small():
    """A clone should take seconds."""
    folder = ROOT / "notebooks" / "results"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 60e6
