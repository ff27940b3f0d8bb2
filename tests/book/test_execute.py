"""The notebooks of the book are what they claim to be: executed, whole, parametrised, and sourced."""

import ast
import base64
import dataclasses
import os
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
import yaml

from ising_book import execute, provenance, store, worlds
from tests.test_golden import GOLDEN

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py") if path.stem != "conftest")
PRESET = yaml.safe_load((ROOT / "notebooks" / "presets" / "quick.yaml").read_text())
RUN = re.compile(r"\| `([a-z_]+-[0-9a-f]{16})` \|")

each = pytest.mark.parametrize("name", NAMES)


def text(name):
    return jupytext.read(ROOT / "notebooks" / f"{name}.py")


def executed(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.is_file(), f"{path.name} is missing: `make notebooks` makes it"
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters_cell(name):
    [cell] = [cell for cell in text(name).cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def test_every_notebook_is_named_after_its_figure():
    assert execute.names() == NAMES
    assert all(re.fullmatch(r"(fig|ext)\d\d_[a-z0-9_]+", name) for name in NAMES)
    twins = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert twins <= set(NAMES), "an executed notebook without its source"


@each
def test_executed_notebook_has_the_cells_of_its_source(name):
    assert [(c.cell_type, c.source) for c in executed(name).cells] == [
        (c.cell_type, c.source) for c in text(name).cells
    ]
    tags = [[c.metadata.get("tags", []) for c in made.cells] for made in (executed(name), text(name))]
    assert tags[0] == tags[1]


@each
def test_every_code_cell_was_executed_without_complaint(name):
    """In order, from a fresh kernel: counts 1, 2, 3, …; no errors, and nothing on standard error."""
    cells = code_cells(executed(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


@each
def test_executed_notebook_is_stable(name):
    """No traces of when and how it was made; cells have the same names after every execution."""
    notebook = executed(name)
    assert nbformat.validate(notebook) is None
    assert [cell["id"] for cell in notebook.cells] == [f"cell-{n:02d}" for n in range(len(notebook.cells))]
    assert "papermill" not in notebook.metadata
    assert not any({"papermill", "execution", "ExecuteTime"} & set(cell.metadata) for cell in notebook.cells)
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert nbformat.writes(execute.stable(notebook)).rstrip() == path.read_text().rstrip()


@each
def test_parameters_are_literals_in_one_cell(name):
    """What papermill needs to replace them, and ``ising-book`` to check them."""
    statements = ast.parse(parameters_cell(name).source).body
    assert all(isinstance(statement, ast.Assign) for statement in statements)
    found = {statement.targets[0].id: ast.literal_eval(statement.value) for statement in statements}
    assert found == execute.parameters(name)
    assert found["preset"] == "thesis"


@each
def test_quick_preset_covers_every_size(name):
    parameters = execute.parameters(name)
    sizes = {key for key in parameters if key.startswith("n_")} | {"preset", "seeds"} & set(parameters)
    assert sizes
    assert sizes <= set(PRESET)
    assert all(type(PRESET[key]) is type(parameters[key]) for key in sizes)
    assert all(PRESET[key] < parameters[key] for key in sizes if key.startswith("n_"))


def test_quick_preset_holds_nothing_else():
    known = {key for name in NAMES for key in execute.parameters(name)}
    assert set(PRESET) <= known


def files_of(entry):
    """All ``file:`` entries of the table of contents."""
    if isinstance(entry, dict):
        own = [entry["file"]] if "file" in entry else []
        return own + [file for value in entry.values() for file in files_of(value)]
    return [file for part in entry for file in files_of(part)] if isinstance(entry, list) else []


def test_table_of_contents_lists_every_notebook_once():
    files = files_of(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    assert sorted(file for file in files if file.startswith("notebooks/")) == [
        f"notebooks/{name}" for name in NAMES
    ]


@each
def test_functions_live_in_the_package(name):
    """In a notebook a function has at most three lines."""
    for cell in code_cells(text(name)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                assert node.end_lineno - node.lineno + 1 <= 3, node.name


@each
def test_every_picture_has_a_text_for_those_who_do_not_see_it(name):
    with_picture = [
        cell
        for cell in code_cells(executed(name))
        if any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]
    assert with_picture
    for cell in with_picture:
        assert len(cell.metadata.mystnb["image"]["alt"]) > 40


@each
def test_the_book_shows_the_picture_of_the_notebook(name):
    data = [output.get("data", {}) for cell in code_cells(executed(name)) for output in cell.outputs]
    last = [entry["image/png"] for entry in data if "image/png" in entry][-1]
    picture = ROOT / "book" / "_static" / "figures" / f"{name}.png"
    assert picture.read_bytes() == base64.b64decode(last) == execute.picture(executed(name))
    assert picture.read_bytes().startswith(b"\x89PNG")


@each
def test_runs_that_a_notebook_names_are_published(name):
    notebook = executed(name)
    named = set(RUN.findall(nbformat.writes(notebook)))
    uses_runs = any("runs.run" in cell.source for cell in code_cells(notebook))
    assert bool(named) == uses_runs, "a notebook that uses runs says which"
    published = {path.stem for path in (ROOT / "notebooks" / "results").glob("*.npz")}
    assert named <= published


SMALL = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A small one

# %% tags=["parameters"]
n_spins = 4_000
seeds = [0, -1]
scale = 0.5
name = "small"

# %%
import sys

print(n_spins, seeds)
print("a bar", file=sys.stderr)
if n_spins < 0:
    raise ValueError("n_spins must be positive")
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with one small notebook, in place of the book's."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "fig99_small.py").write_text(SMALL)
    monkeypatch.setattr(execute, "FOLDER", folder)
    return "fig99_small"


def test_names_and_parameters_are_read_from_the_text(small):
    assert execute.names() == [small]
    expected = {"n_spins": 4000, "seeds": [0, -1], "scale": 0.5, "name": "small"}
    assert execute.parameters(small) == expected
    with pytest.raises(ValueError, match="name must be one of 'fig99_small', got 'fig98'"):
        execute.source("fig98")


def test_source_is_the_same_at_every_call(small):
    first, second = (nbformat.writes(execute.source(small)) for _ in range(2))
    assert first == second
    notebook = execute.source(small)
    assert [cell["id"] for cell in notebook.cells] == ["cell-00", "cell-01", "cell-02"]
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert all(cell.execution_count is None and not cell.outputs for cell in code_cells(notebook))
    assert nbformat.validate(notebook) is None


WITH_RUNS = """

# %%
from ising_book import runs, worlds

training = worlds.Training(n_iterations=n_spins)
runs = runs.find_or_compute([worlds.Augmentation(seed=2, training=training)])

# %%
raise RuntimeError("executed too far")
"""


def test_plan_is_what_the_notebook_would_compute(small):
    """Nothing computed, nothing executed after the call, values in place of the notebook's own."""
    assert execute.plan(small) == []
    path = execute.FOLDER / f"{small}.py"
    path.write_text(SMALL + WITH_RUNS)
    [config] = execute.plan(small, {"n_spins": 7})
    assert (config.seed, config.training.n_iterations) == (2, 7)
    assert execute.plan(small)[0].training.n_iterations == 4000
    path.write_text(SMALL + WITH_RUNS.replace("runs =", "if False:\n    runs =").partition("# %%\nraise")[0])
    with pytest.raises(ValueError, match="fig99_small ends without calling"):
        execute.plan(small)


def test_plan_executes_where_the_notebook_does(small):
    """In the notebooks' folder, as papermill: files are found there."""
    where = WITH_RUNS.replace("runs =", f"open('{small}.py').close()\nruns =")
    (execute.FOLDER / f"{small}.py").write_text(SMALL + where)
    before = os.getcwd()
    assert len(execute.plan(small)) == 1
    assert os.getcwd() == before


def test_the_cost_page_is_what_the_runs_say():
    """Written by every refresh: each run of the plans, all of them stored."""
    page = (ROOT / "book" / "runs.md").read_text()
    planned = {name: [worlds.describe(c) for c in execute.plan(name)] for name in NAMES}
    assert page.endswith(provenance.costs(planned) + "\n")
    assert "not stored" not in page


def test_the_store_holds_the_runs_of_the_book_and_the_golden_one():
    planned = {store.key(worlds.describe(c)) for name in NAMES for c in execute.plan(name)}
    stored = {path.stem for path in (ROOT / "notebooks" / "results").glob("*.npz")}
    assert stored - planned == {store.key(worlds.describe(GOLDEN))}


@each
def test_every_parameter_is_used(name):
    """By its name in some other cell, or as a field of the configs that are made from all parameters."""
    cells = [c.source for c in code_cells(text(name)) if "parameters" not in c.metadata.get("tags", [])]
    names = {node.id for node in ast.walk(ast.parse("\n".join(cells))) if isinstance(node, ast.Name)}
    fields = {"seeds"}
    for kind in worlds.KINDS:
        if any(f"experiments.{kind.__name__}" in cell for cell in cells):
            own = {field.name for field in dataclasses.fields(kind)}
            inside = dataclasses.fields(worlds.Training) if "training" in own else ()
            fields |= own | {field.name for field in inside}
    assert set(execute.parameters(name)) <= names | fields


@each
def test_one_call_asks_for_all_runs(name):
    """The plan stops at the first call: a second one would be computed unplanned."""
    calls = sum(cell.source.count("runs.run") for cell in code_cells(text(name)))
    assert calls == bool(execute.plan(name))


def test_stable_removes_what_changes_and_nothing_else():
    new, output = nbformat.v4.new_code_cell, nbformat.v4.new_output
    kept = [output("stream", name="stdout", text="1"), output("display_data", data={"text/plain": "x"})]
    noise = {"papermill": {"duration": 1}, "execution": {"iopub.status.busy": "now"}, "ExecuteTime": {}}
    cell = new("print(1)", metadata={"tags": ["parameters"], **noise}, execution_count=1)
    cell.outputs = [kept[0], output("stream", name="stderr", text="50 %|####"), kept[1]]
    notebook = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("text")])
    notebook.metadata = {"papermill": {"start_time": "now"}, "language_info": {"version": "3.11.2"}}
    stable = execute.stable(notebook)
    assert stable.metadata == {"language_info": {"name": "python"}}
    assert [c["id"] for c in stable.cells] == ["cell-00", "cell-01"]
    assert stable.cells[0].metadata == {"tags": ["parameters"]}
    assert stable.cells[0].outputs == kept
    assert (stable.cells[0].source, stable.cells[0].execution_count) == ("print(1)", 1)
    once = nbformat.writes(stable)
    assert nbformat.writes(execute.stable(stable)) == once


def test_two_executions_give_the_same_bytes(small, tmp_path):
    """Also from another folder of another name, and nothing but the notebook is left there."""
    outputs = [tmp_path / "a" / "out.ipynb", tmp_path / "b" / "deeper" / "other.ipynb"]
    values = {"seeds": [7]}
    returned = [execute.execute(small, output, values, progress=False) for output in outputs]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert list(outputs[0].parent.iterdir()) == [outputs[0]]
    notebook = nbformat.read(outputs[0], as_version=4)
    assert notebook == returned[0]
    assert notebook.cells[-1].outputs == [{"output_type": "stream", "name": "stdout", "text": "4000 [7]\n"}]


def test_a_failing_notebook_leaves_no_output(small, tmp_path):
    folder = tmp_path / "out"
    with pytest.raises(papermill.PapermillExecutionError, match="n_spins must be positive"):
        execute.execute(small, folder / "out.ipynb", {"n_spins": -1}, progress=False)
    assert list(folder.iterdir()) == []


def test_publishing_is_asked_for_during_the_execution_only(small, tmp_path, monkeypatch):
    """And an older output stays as it was when the new execution fails half-way."""
    seen = []

    def execute_notebook(source, target, *_, **__):
        seen.append(os.environ.get("ISING_LIB_PUBLISH"))
        Path(target).write_text('{"half')
        raise RuntimeError("killed")

    monkeypatch.delenv("ISING_LIB_PUBLISH", raising=False)
    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    output = tmp_path / "out.ipynb"
    output.write_text("older")
    for publish in (True, False):
        with pytest.raises(RuntimeError, match="killed"):
            execute.execute(small, output, publish=publish)
    assert seen == ["1", None]
    assert "ISING_LIB_PUBLISH" not in os.environ
    assert output.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notebooks", "out.ipynb"]


def test_output_is_replaced_as_a_whole(small, tmp_path, monkeypatch):
    """Written aside and then renamed: where the renaming fails, the older output is as it was."""

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(papermill, "execute_notebook", lambda plain, made, *_, **__: shutil.copy(plain, made))
    output = tmp_path / "out.ipynb"
    output.write_text("older")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            execute.execute(small, output)
    assert output.read_text() == "older"
    execute.execute(small, output)
    assert nbformat.read(output, as_version=4) == execute.source(small)


def test_picture_is_the_last_one():
    output, new = nbformat.v4.new_output, nbformat.v4.new_code_cell
    pictures = [base64.b64encode(content).decode() for content in (b"first", b"second")]
    cells = [new(outputs=[output("display_data", data={"image/png": p})]) for p in pictures]
    last = new(outputs=[output("stream", name="stdout", text="bye")])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text"), *cells, last])
    assert execute.picture(notebook) == b"second"


def test_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("a word to find")])
    page = tmp_path / "page.html"
    execute.write_page(notebook, page)
    assert "a word to find" in page.read_text()
    before = page.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        execute.write_page(nbformat.v4.new_notebook(), page)
    assert page.read_bytes() == before
    assert list(tmp_path.iterdir()) == [page]
