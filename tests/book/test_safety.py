"""Safe by construction: nothing read from outside is ever run, and what is fetched is what was published.

Each rule is a function of a node of the syntax tree, and ``BREACHES`` shows what it finds.
"""

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill.parameterize
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ising_book import execute
from ising_lib import datasets
from tests.strategies import SAME

ROOT = Path(__file__).parents[2]
FOLDERS = ("ising_lib", "notebooks", "book", "tests")
PROGRAMS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
OURS = [path for path in PROGRAMS if "tests" not in path.relative_to(ROOT).parts]


def called(node):
    """The full name of what a node calls, e.g. "torch.load"; "" for no call."""
    name, part = [], node.func if isinstance(node, ast.Call) else None
    while isinstance(part, ast.Attribute):
        name, part = [part.attr, *name], part.value
    return ".".join([part.id if isinstance(part, ast.Name) else "", *name] if part else [])


def keyword(node, name):
    """The value of a keyword of a call as it stands there; None where it is left out."""
    found = [ast.unparse(one.value) for one in node.keywords if one.arg == name]
    return found[0] if found else None


def reads_objects(node):
    """Pickle, and YAML that knows more than plain data, run what a file says: what the linter lets pass."""
    modules = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle"}
    imports = [alias.name for alias in getattr(node, "names", [])] if isinstance(node, ast.Import) else []
    imports += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    if modules & {name.split(".")[0] for name in imports}:
        return True
    name = called(node)
    if name in ("torch.load", "joblib.load"):
        return keyword(node, "weights_only") != "True"
    if name in ("np.load", "numpy.load"):
        return keyword(node, "allow_pickle") not in (None, "False")
    return bool(re.fullmatch(r"yaml\.(load_all|(full|unsafe)_load(_all)?)", name))


def asks_a_shell(node):
    """A shell reads names of files as commands; the linter sees a literal True alone."""
    return bool(called(node) and keyword(node, "shell") not in (None, "False"))


def trusts_the_line(node):
    """An address without encryption, or a file of which nobody checks what it holds."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(re.match(r"(http|ftp)://(?!127\.0\.0\.1|localhost|www\.w3\.org)", node.value))
    return called(node) == "pooch.retrieve" and keyword(node, "known_hash") in (None, "None")


BREACHES = {
    reads_objects: """import pickle
        import numpy, pickle
        from pickle import loads
        import dill.session
        torch.load(path)
        torch.load(path, weights_only=False)
        np.load(path, allow_pickle=True)
        numpy.load(path, allow_pickle=trusted)
        joblib.load(path)
        yaml.full_load(text)""",
    asks_a_shell: "run(line, shell=some)",
    trusts_the_line: """url = 'http://example.org/data.mat'
        url = f'http://{host}/data.mat'
        pooch.retrieve(url, known_hash=None)
        pooch.retrieve(url)""",
}
HARMLESS = """
torch.load(path, weights_only=True), np.load(path), np.load(path, allow_pickle=False)
yaml.safe_load(text), subprocess.run(["ls"], shell=False), "https://example.org", "http://127.0.0.1:80"
pooch.retrieve(url, known_hash=SHA256), np.save(path, x, allow_pickle=True)
"""
LINTED = """import marshal, os, ssl, subprocess, pandas, requests, yaml
pandas.read_pickle(path)
marshal.loads(data)
yaml.load(text)
yaml.load(text, Loader=yaml.Loader)
os.system(line)
os.popen(line)
subprocess.run(line, shell=True)
requests.get(url, verify=False)
ssl._create_unverified_context()
eval(text)
exec(compile(text, 'a', 'exec'), {})
"""


@functools.cache
def nodes(text):
    return list(ast.walk(ast.parse(text)))


def breaches(rule, text):
    return [node.lineno for node in nodes(text) if rule(node)]


@pytest.mark.parametrize("rule", BREACHES, ids=lambda rule: rule.__name__)
def test_no_program_breaks_a_rule_that_finds_its_breaches_and_nothing_else(rule):
    """But for the address that the last test looks at."""
    found = {str(path.relative_to(ROOT)): breaches(rule, path.read_text()) for path in PROGRAMS}
    allowed = {"ising_lib/datasets.py": 1} if rule is trusts_the_line else {}
    assert {name: len(lines) for name, lines in found.items() if lines} == allowed, found
    assert len(OURS) > 30
    lines = [line.strip() for line in BREACHES[rule].splitlines()]
    assert [line for line in lines if not breaches(rule, line)] == []
    assert breaches(rule, HARMLESS) == []


def test_the_linter_finds_the_rest_and_is_silenced_in_known_places_only():
    """Rules S of ruff are those of bandit.  Each exception stands beside its reason or its fixed command."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json"]
    command += ["--stdin-filename", "ising_lib/any.py", "-"]
    ran = subprocess.run(command, cwd=ROOT, input=LINTED, capture_output=True, text=True)
    found = {one["location"]["row"] for one in json.loads(ran.stdout) if one["code"][0] == "S"}
    assert found == set(range(2, 1 + len(LINTED.splitlines())))
    silenced = {(path.name, code) for path in OURS for code in re.findall(r"noqa: (S\d+)", path.read_text())}
    known = {("execute.py", "S102"), ("execute.py", "S704"), ("pictures.py", "S102")}
    known |= {(name, "S603") for name in ("execute.py", "provenance.py", "repository.py")}
    assert silenced == known


# ---------------------------------------------------------------- values of parameters never become programs


@SAME
@given(st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.lists(st.text()))
@example("__import__('os').system('exit 3')")
@example('"; import os; os.system("exit 3"); "')
@example('"""\n!exit 3\n"""')
@example("\\' + str(1/0) + \\'")
@example("{1/0}")
@example("%system exit 3")
def test_papermill_writes_a_value_as_the_value_it_is(value):
    """The cell that it adds to a notebook is one assignment of plain data, equal to what was given."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("preset = ''")])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata |= {"kernelspec": {"name": "python3", "language": "python"}, "papermill": {}}
    added = papermill.parameterize.parameterize_notebook(notebook, {"preset": value}).cells[1]
    [statement] = ast.parse(added.source).body
    assert isinstance(statement, ast.Assign)
    assert statement.targets[0].id == "preset"
    assert ast.literal_eval(statement.value) == value


def test_a_plan_is_made_without_running_a_value(monkeypatch):
    ran = []
    monkeypatch.setattr("os.system", ran.append)
    text = "__import__('os').system('exit 3')"
    plain = execute.plan("fig08_inference_quality")
    assert execute.plan("fig08_inference_quality", {"preset": text}) == plain
    assert ran == []


def test_presets_are_plain_data():
    """A preset that asks for an object of Python is refused by the reader that is used."""
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.safe_load("preset: !!python/object/apply:os.system ['exit 3']")
    for values in execute.presets().values():
        assert json.loads(json.dumps(values)) == values


# ------------------------------------- the network; that pages ask no other server, tests/browser sees in one


def test_the_recording_comes_encrypted_and_with_a_checksum(monkeypatch):
    asked = {}

    def retrieve(url, **options):
        asked.update(options, url=url)
        raise OSError("nothing is fetched here")

    monkeypatch.delenv("ISING_LIB_DATA", raising=False)
    monkeypatch.setattr(datasets.pooch, "retrieve", retrieve)
    with pytest.raises(datasets.DatasetNotFound):
        datasets.load_retina()
    assert asked["url"].startswith("https://")
    assert re.fullmatch("[0-9a-f]{64}", asked["known_hash"])
    assert asked["known_hash"] == datasets.RETINA.sha256
