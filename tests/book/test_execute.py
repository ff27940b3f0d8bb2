"""The notebooks of the book are what they claim to be: executed, whole, parametrised, and sourced."""

import ast
import dataclasses
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
import yaml

from ising_book import execute, pdf
from ising_experiments import provenance, runs, worlds

ROOT = Path(__file__).parents[2]
NAMES = execute.names()
PRESET = yaml.safe_load((ROOT / "notebooks" / "presets" / "quick.yaml").read_text())
RUN = re.compile(r"\| `([a-z_]+-[0-9a-f]{16})` \|")

each = pytest.mark.parametrize("name", NAMES)


def text(name):
    return jupytext.read(ROOT / "notebooks" / f"{name}.py")


def executed(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.is_file(), f"{path.name} is missing: `make notebooks` makes it"
    return nbformat.read(path, as_version=4)


def code_cells(notebook, tag=None):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def test_every_notebook_is_named_after_its_figure_and_listed_once():
    assert all(re.fullmatch(r"(fig|ext)\d\d_[a-z0-9_]+|firmness", name) for name in NAMES)
    twins = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert twins <= set(execute.names()), "an executed notebook without its source"
    listed = sorted(page for page in pdf.pages() if page.startswith("notebooks/"))
    assert listed == [f"notebooks/{name}" for name in NAMES]


# --------------------------------------------------------------------------------------- the executed twins


@each
def test_executed_notebook_is_that_of_its_source_in_order_and_without_complaint(name):
    """The same cells and tags; counts 1, 2, 3, … of a fresh kernel; no errors, nothing on standard error."""
    made, source = executed(name), text(name)
    shown = [
        [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in one.cells] for one in (made, source)
    ]
    assert shown[0] == shown[1]
    cells = code_cells(made)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]


@each
def test_executed_notebook_is_stable(name):
    """No traces of when and how it was made; cells have the same names after every execution."""
    notebook = executed(name)
    assert nbformat.validate(notebook) is None
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert nbformat.writes(execute.stable(notebook)).rstrip() == path.read_text().rstrip()


@each
def test_every_picture_has_a_text_for_those_who_do_not_see_it(name):
    drawn = {"image/svg+xml", "image/png"}
    cells = code_cells(executed(name))
    with_picture = [c for c in cells if any(drawn & set(out.get("data", {})) for out in c.outputs)]
    assert with_picture
    for cell in with_picture:
        assert len(cell.metadata.mystnb["image"]["alt"]) > 40


@each
def test_the_book_shows_the_picture_of_the_notebook(name):
    picture = execute.PICTURES / f"{name}.svg"
    assert picture.read_text() == execute.picture(executed(name))


@each
def test_runs_that_a_notebook_names_are_those_of_its_plan(name):
    """A notebook that uses runs says which, and all of them are of its plan."""
    named = set(RUN.findall(nbformat.writes(executed(name))))
    planned = {runs.store.key(worlds.describe(config)) for config in execute.plan(name)}
    assert named <= planned
    assert bool(named) == bool(planned)


# ----------------------------------------------------------------------------------------------- parameters


@each
def test_parameters_are_literals_in_one_cell_and_all_are_used(name):
    """What papermill needs to replace them; used by name, or as fields of worlds made from all parameters."""
    [cell] = code_cells(text(name), "parameters")
    statements = ast.parse(cell.source).body
    assert all(isinstance(statement, ast.Assign) for statement in statements)
    found = {statement.targets[0].id: ast.literal_eval(statement.value) for statement in statements}
    assert found == execute.parameters(name)
    assert found["preset"] == "thesis"
    rest = "\n".join(other.source for other in code_cells(text(name)) if other.source != cell.source)
    used = {node.id for node in ast.walk(ast.parse(rest)) if isinstance(node, ast.Name)}
    for kind in worlds.KINDS:
        if f"worlds.{kind.__name__}" in rest:
            fields = {
                field.name for field in (*dataclasses.fields(kind), *dataclasses.fields(worlds.Training))
            }
            used |= fields | {"seeds"}
    assert set(found) <= used


@each
def test_quick_preset_covers_every_size_of_a_notebook(name):
    parameters = execute.parameters(name)
    sizes = {key for key in parameters if key.startswith("n_")} | {"preset", "seeds"} & set(parameters)
    assert sizes
    assert sizes <= set(PRESET)
    assert all(type(PRESET[key]) is type(parameters[key]) for key in sizes)
    assert all(PRESET[key] < parameters[key] for key in sizes if key.startswith("n_"))


def test_quick_preset_holds_nothing_else():
    assert set(PRESET) <= {key for name in NAMES for key in execute.parameters(name)}


@each
def test_one_cell_plans_all_runs(name):
    """The cell tagged "runs" makes ``configs``; whatever is found or computed later, is found by them."""
    source = text(name)
    asks = any(call in str(source.cells) for call in ("find_or_compute(", "by_config("))
    assert len(code_cells(source, "runs")) == bool(execute.plan(name)) == asks


METHOD = {"ddpm.train", "ddpm.sample", "erasure.fit"}


def called(name):
    """The full names of what the code of a notebook calls."""
    trees = (ast.parse(cell.source) for cell in code_cells(text(name)))
    nodes = (node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {ast.unparse(function) for function in nodes}


@each
def test_a_figure_executes_the_method_or_shows_the_walk_that_is_executed(name):
    """The source of a function that ran, or the method itself in code cells."""
    assert called(name) & (METHOD | {"source", "runs.source"}) or not execute.plan(name)


def test_four_notebooks_train_sample_and_fit_in_their_own_cells():
    """``from ising_lib import …`` and then the calls, as a reader would write them."""
    found = [name for name in NAMES if called(name) >= METHOD]
    assert len(found) >= 4, found


def test_no_loop_stands_in_two_notebooks():
    """Three statements or more in its body: that is a function, and has a place of its own."""
    where = {}
    for name in NAMES:
        for cell in code_cells(text(name)):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.For | ast.While) and len(list(ast.walk(node))) > 60:
                    where.setdefault(ast.dump(node), set()).add(name)
    assert [sorted(names) for names in where.values() if len(names) > 1] == []


@pytest.mark.slow
def test_the_cost_page_is_what_the_runs_say():
    """Written by every refresh: each run of the plans, all of them stored."""
    page = (ROOT / "book" / "runs.md").read_text()
    planned = {name: [worlds.describe(c) for c in execute.plan(name)] for name in execute.names()}
    assert page.endswith(provenance.costs(planned) + "\n")
    assert "not stored" not in page


# ------------------------------------------------------------------------------------------ how it is done

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
WITH_RUNS = """
# %% tags=["runs"]
from ising_experiments import worlds

configs = [worlds.Augmentation(seed=2, training=worlds.Training(n_iterations=n_spins))]
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with one small notebook, in place of the book's."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "fig99_small.py").write_text(SMALL)
    monkeypatch.setattr(execute, "FOLDER", folder)
    return "fig99_small"


def test_source_and_parameters_are_read_from_the_text_alike_at_every_call(small):
    assert execute.names() == [small]
    assert execute.parameters(small) == {"n_spins": 4000, "seeds": [0, -1], "scale": 0.5, "name": "small"}
    notebook = execute.source(small)
    assert nbformat.writes(notebook) == nbformat.writes(execute.source(small))
    assert [cell["id"] for cell in notebook.cells] == ["cell-00", "cell-01", "cell-02"]
    assert all(cell.execution_count is None and not cell.outputs for cell in code_cells(notebook))
    assert nbformat.validate(notebook) is None


def test_plan_is_what_the_notebook_would_compute(small):
    """Parameters and the cell of the runs are executed, nothing else; given values go first."""
    assert execute.plan(small) == []
    path = execute.FOLDER / f"{small}.py"
    path.write_text(SMALL + WITH_RUNS + '\n# %%\nraise RuntimeError("executed too far")\n')
    [config] = execute.plan(small, {"n_spins": 7})
    assert (config.seed, config.training.n_iterations) == (2, 7)
    assert execute.plan(small)[0].training.n_iterations == 4000
    path.write_text(SMALL + WITH_RUNS.replace("Augmentation(", "FairRetina(").replace("n_spins)", "5)"))
    fair = worlds.FairRetina(seed=2, training=worlds.Training(n_iterations=5))
    assert execute.plan(small) == [fair.retina(), fair], "what a run needs comes before it"


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


@pytest.mark.slow
def test_two_executions_give_the_same_bytes(small, tmp_path):
    """Also from another folder of another name, and nothing but the notebook is left there."""
    outputs = [tmp_path / "a" / "out.ipynb", tmp_path / "b" / "deeper" / "other.ipynb"]
    returned = [execute.execute(small, output, {"seeds": [7]}) for output in outputs]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert list(outputs[0].parent.iterdir()) == [outputs[0]]
    notebook = nbformat.read(outputs[0], as_version=4)
    assert notebook == returned[0]
    assert notebook.cells[-1].outputs == [{"output_type": "stream", "name": "stdout", "text": "4000 [7]\n"}]


@pytest.mark.slow
def test_a_failing_notebook_leaves_no_output(small, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="n_spins must be positive"):
        execute.execute(small, tmp_path / "out" / "out.ipynb", {"n_spins": -1})
    assert list((tmp_path / "out").iterdir()) == []


def test_output_is_replaced_as_a_whole(small, tmp_path, monkeypatch):
    """Written aside and then renamed: where executing or renaming fails, the older one is as it was."""

    def fail(*_, **__):
        raise OSError("disk full")

    output = tmp_path / "out.ipynb"
    output.write_text("older")
    for owner, step in ((papermill, "execute_notebook"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(
                papermill, "execute_notebook", lambda plain, made, *_, **__: shutil.copy(plain, made)
            )
            patch.setattr(owner, step, fail)
            with pytest.raises(OSError, match="disk full"):
                execute.execute(small, output)
        assert output.read_text() == "older"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["notebooks", "out.ipynb"]


def test_refresh_rewrites_notebook_picture_and_published_runs(small, tmp_path, monkeypatch):
    (execute.FOLDER / f"{small}.py").write_text(SMALL + WITH_RUNS)
    cell = nbformat.v4.new_code_cell(
        outputs=[
            nbformat.v4.new_output("display_data", data={"image/svg+xml": f"<svg a='1'>{content}</svg>"})
            for content in ("first", "second")
        ]
    )
    notebook, published = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("a"), cell]), []
    monkeypatch.setattr(execute, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr(execute, "execute", lambda name, output: notebook)
    monkeypatch.setattr(execute.store, "publish", published.append)
    execute.refresh(small)
    assert published == [worlds.describe(config) for config in execute.plan(small)]
    picture = (tmp_path / "pictures" / f"{small}.svg").read_text()
    assert picture.startswith("<svg a='1'>")
    assert picture.endswith("first</svg>")
    assert 'fill="#ffffff"' in picture, "a white ground: the README shows it on a dark page, too"
