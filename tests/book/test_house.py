"""The house is in order: one set of versions and packages, one direction of imports, nothing lying about."""

import ast
import importlib.metadata
import json
import os
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ising_lib
from ising_book import store

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
SOURCES = sorted((ROOT / "ising_lib").glob("*.py"))

# A module imports only modules that stand before it: data walk once, left to right.  A new module finds its
# place here.
ORDER = [
    *(
        "_checks",
        "_files",
        "ising",
        "exact",
        "sampling",
        "erasure",
        "estimators",
        "noise",
        "denoisers",
        "ddpm",
        "stopping",
        "imputation",
    ),
    *("datasets", "metrics", "plotting", "store", "provenance", "experiments"),
    *("own_data", "own_fit", "report", "claims", "notebooks", "pdf", "doctor", "__main__"),
]

AT_THE_ROOT = {
    *("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"),
    *("pyproject.toml", "environment.yml", "constraints.txt", "_config.yml", "_toc.yml"),
    *("book", "notebooks", "ising_lib", "tests", ".ci", ".github", ".gitignore"),
}

# Folders of somebody's machine; the brackets keep this line from finding itself.
MACHINE = re.compile(rb"(?<![\w.])/(?:[w]ork|[r]oot|[h]ome|[U]sers)/|/tmp/[b]ash")


def ranges(texts):
    """{package: the versions allowed}, names in their canonical form."""
    requirements = [Requirement(text) for text in texts]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def needed():
    """What pyproject.toml asks for, with the extras book and test."""
    extras = PROJECT["optional-dependencies"]
    return ranges(PROJECT["dependencies"] + extras["book"] + extras["test"])


@pytest.fixture(scope="module")
def tracked():
    """The files that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: git cannot be asked what it tracks")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_environment_asks_for_what_pyproject_asks_for():
    [by_pip] = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    by_conda = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    conda = ranges(by_conda)
    assert str(conda.pop("python")) == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    conda["torch"] = conda.pop("pytorch-cpu")
    assert by_pip[-1] == "-e ."
    pip = ranges(by_pip[:-1])
    assert {"jupyter-book"} <= set(pip)
    assert not set(conda) & set(pip)
    assert conda | pip == needed()


def test_constraints_pin_everything_within_its_range():
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [Requirement(line) for line in lines if line]
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in pins)
    exact = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    assert len(exact) == len(pins), "a package is pinned twice"
    assert exact["torch"] == "2.13.0"
    for name, allowed in needed().items():
        assert name in exact, f"{name} is not pinned"
        assert exact[name] in allowed, f"{name}=={exact[name]} is not {allowed}"


def test_versions_are_one():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == ising_lib.__version__ == citation["version"]
    assert ising_lib.__version__ in (ROOT / "CHANGELOG.md").read_text()


def test_installed_command_is_the_one_of_pyproject():
    [script] = [
        e for e in importlib.metadata.distribution("ising-lib").entry_points if e.name == "ising-book"
    ]
    assert script.value == PROJECT["scripts"]["ising-book"]
    assert callable(script.load())


def modules_after(statement):
    """The top-level modules loaded after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps([m for m in sys.modules if '.' not in m]))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], **_FRESH).stdout))


_FRESH = {"cwd": ROOT, "capture_output": True, "text": True, "check": True, "timeout": 120}


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"torch", "numba", "matplotlib", "scipy", "numpy"}
    assert not modules_after("import ising_lib") & heavy


def test_enumeration_needs_numpy_alone():
    loaded = modules_after("from ising_lib import exact, ising")
    assert "numpy" in loaded
    assert not loaded & {"torch", "numba", "matplotlib", "scipy"}


def test_modules_are_listed_and_load_on_first_use():
    public = [name for name in ORDER if not name.startswith("_") and name not in ("notebooks", "pdf")]
    assert sorted(public) == sorted(ising_lib.__all__)
    assert set(public) <= set(dir(ising_lib))
    assert ising_book.store is store
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ising_lib.nonsense


def imported(path):
    """The modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "ising_lib":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ising_lib."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("ising_lib."))
        assert not (isinstance(node, ast.ImportFrom) and node.level), "imports say the package's name"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_imports_go_one_way(path):
    if path.stem == "__init__":
        assert list(imported(path)) == []
    else:
        assert set(imported(path)) <= set(ORDER[: ORDER.index(path.stem)])


def public_definitions(path):
    """Public functions and classes of a module, and the public methods of the classes."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, kinds) and not inner.name.startswith("_"):
                    yield inner


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_everything_public_has_a_docstring(path):
    """But for ``forward``, whose call the module's docstring describes once for all networks."""
    assert ast.get_docstring(ast.parse(path.read_text()))
    without = [node.name for node in public_definitions(path) if not ast.get_docstring(node)]
    assert [name for name in without if name != "forward"] == []


def test_root_holds_the_agreed_names_only(tracked):
    assert {name.split("/")[0] for name in tracked} == AT_THE_ROOT


def first_example():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, "README.md has no python example"
    return blocks[0]


def test_example_of_the_readme_runs(tmp_path):
    """As it stands there, twelve lines at most, in a fresh interpreter that finds no stored runs."""
    code = first_example()
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 12
    places = {"ISING_LIB_CACHE": str(tmp_path / "cache"), "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    settings = {"cwd": tmp_path, "env": {**os.environ, **places, "OMP_NUM_THREADS": "1"}, "timeout": 900}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **settings)
    assert ran.returncode == 0, ran.stderr
    observed, augmented = map(float, ran.stdout.split())
    assert augmented < 0.95 * observed  # "the smaller one"
    # the processor's time, not the clock's: other work on the machine does not count
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 30


def test_readme_and_ci_name_the_commands():
    readme = (ROOT / "README.md").read_text()
    assert "make book" in readme
    assert "make test" in readme
    ci = ROOT / ".ci" / "run"
    assert "make test" in [line.strip() for line in ci.read_text().splitlines()]
    assert os.access(ci, os.X_OK)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"book", "test"} <= set(targets)


def test_the_image_is_made_by_make_and_leaves_binder_its_environment():
    """Binder would take a Dockerfile at the root, or a folder of its own, in place of environment.yml."""
    lines = (ROOT / ".ci" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = {line.split()[0]: line.partition(" ")[2] for line in lines if line and line[0] not in "# "}
    assert steps["FROM"].startswith("python:" + PROJECT["requires-python"].removeprefix(">="))
    makefile = (ROOT / "Makefile").read_text()
    assert steps["RUN"] == "make .venv/installed"  # the last of them
    assert "\n.venv/installed:" in makefile
    assert f"\n{json.loads(steps['CMD'])[1]}:" in makefile
    assert steps["USER"] != "root"
    ignored = (ROOT / ".ci" / "Dockerfile.dockerignore").read_text().split()
    assert {".venv", "_build"} <= set(ignored)
    assert ".git" not in ignored  # the stored runs' provenance and the tests ask it
    assert not {"Dockerfile", "binder", ".binder", "requirements.txt", "postBuild"} & AT_THE_ROOT


def content(name):
    """The bytes of a file; of a stored run, those of its config and provenance, which are compressed."""
    if name.endswith(".npz"):
        run = store.read(ROOT / name)
        return json.dumps([run.config, run.provenance]).encode()
    return (ROOT / name).read_bytes()


def test_no_file_names_folders_of_a_machine(tracked):
    found = [(name, match[0].decode()) for name in tracked if (match := MACHINE.search(content(name)))]
    assert found == []


def test_the_pattern_for_machine_folders_finds_them():
    for folder in ("root", "work", "home"):
        assert MACHINE.search(f"at '/{folder}/somebody/file'".encode())
        assert not MACHINE.search(f"https://example.org/{folder}/file, my{folder}/file".encode())


def test_stored_results_stay_small():
    """A clone should take seconds."""
    folder = ROOT / "notebooks" / "results"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 60e6
