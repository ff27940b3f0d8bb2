"""Execute the book's notebooks by papermill, from their text to stable bytes, and render the book.

The source of a notebook is ``notebooks/NAME.py`` (percent text).  Its executed twin ``NAME.ipynb`` is what
the book shows and what nbval checks.  Needs the extra "book".
"""

import ast
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import jinja2
import jupytext
import markupsafe
import mathjax
import nbconvert
import nbformat
import papermill
import yaml
from nbconvert import preprocessors

from ising_experiments import provenance, store, worlds
from ising_lib import _checks, _files, exact

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
YOUR_DATA = "your_data"
_QUIET = ["--IPKernelApp.log_level=50"]  # no warning of 127.0.0.1, no error where it is stopped while busy
_RETINA = {"n_spins": 160, "n_missing": "n_spins"}
_MOST = {  # what the worlds do not know: the most of a parameter that a notebook can use
    "fig02_missing_points": dict.fromkeys(("n_spins_enumerated", "n_live_spins"), exact.MAX_SPINS),
    "ext03_erasure_corrected": {"n_spins_enumerated": exact.MAX_SPINS},
    "fig11_retina_raster": {"n_spins": 160, "n_repeats": 297, "n_bins": 953},
    **dict.fromkeys(("fig12_retina_imputation", "fig13_retina_stopping", "ext05_retina_fairly"), _RETINA),
    "fig14_imputation_by_missing": {"n_spins": 160},
}
PICTURES = ROOT / "book" / "_static" / "figures"


def names():
    """All notebooks of the book, by name; ``YOUR_DATA`` is executed for each file anew."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("conftest", YOUR_DATA))


def full_name(short):
    """The name of the notebook of a figure: fig08 is short for fig08_inference_quality."""
    begins = [name for name in names() if name.startswith(f"{short}_")]
    return begins[0] if len(begins) == 1 else short


def presets():
    """{name: values of parameters} of all files presets/NAME.yaml."""
    paths = sorted((FOLDER / "presets").glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text()) for path in paths}


def source(name):
    """The notebook that NAME.py describes, without outputs; its cells' names never change."""
    _checks.choice("name", name, [*names(), YOUR_DATA])
    notebook = jupytext.read(FOLDER / f"{name}.py", fmt="py:percent")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return stable(notebook)


def parameters(name):
    """The parameters of a notebook and the values it holds, from its cell tagged "parameters"."""
    cells = [c for c in source(name).cells if "parameters" in c.metadata.get("tags", [])]
    statements = ast.parse(cells[0].source).body
    return {statement.targets[0].id: ast.literal_eval(statement.value) for statement in statements}


def plan(name, values=None):
    """The configs of all runs that a notebook needs, with those that they need before them; none is computed.

    Its cell tagged "runs" makes them from the parameters; these two cells are executed here.

    Args:
        name, values: of the notebook, and parameters other than its own.
    """
    from ising_experiments import runs  # they load PyTorch, which takes seconds

    namespace = parameters(name) | (values or {})
    for key, most in _MOST.get(name, {}).items():
        _checks.count(key, namespace[key], maximum=namespace.get(most, most))
    for cell in source(name).cells:
        if "runs" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{name}.py", "exec"), namespace)  # noqa: S102 - the book's own text
    return runs.needed(namespace.get("configs", []))


def execute(name, output, values=None, *, progress=None):
    """Run a notebook, write the executed one, and return it; nothing is written when a cell fails.

    Args:
        name, output: of the notebook, e.g. "fig08_inference_quality"; path of the executed one.
        values: parameters other than the notebook's own.
        progress: a file that gets what the notebook writes to standard error, in place of papermill's bar.
    """
    output = Path(output)
    if output.is_dir():
        raise IsADirectoryError(f"output must be a file, got {str(output)!r}: a folder")
    require_loopback()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".run-") as folder:
        plain, executed = (str(Path(folder) / file) for file in ("in.ipynb", "out.ipynb"))
        nbformat.write(source(name), plain)
        messages = {"stderr_file": progress, "progress_bar": progress is None, "extra_arguments": _QUIET}
        papermill.execute_notebook(plain, executed, values, cwd=str(FOLDER), **messages)
        notebook = stable(nbformat.read(executed, as_version=4))
        nbformat.write(notebook, plain)
        Path(plain).replace(output)
    return notebook


def require_loopback():
    """Raise a RuntimeError where Jupyter cannot reach its kernels over 127.0.0.1: it would wait a minute."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        raise RuntimeError(
            f"notebooks need connections to 127.0.0.1, which this machine refuses ({error}): "
            "allow them, or run the notebook elsewhere"
        ) from error


def stable(notebook):
    """Without times, random names and progress bars, so that a second run gives the same bytes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        for key in ("papermill", "execution", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
            # a progress bar between two pieces of text leaves no seam
            preprocessors.CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, number)
    return notebook


def write_page(notebook, path):
    """Write an executed notebook as one HTML page, aside and then renamed."""
    body, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    _files.write(path, body.encode())


_ALONE = """{%- extends 'basic/index.html.j2' -%}
{% block input_group %}<details><summary>code</summary>{{ super() }}</details>{% endblock %}"""


def alone(notebook, title, commands, made):
    """An executed notebook as one page that runs no script and asks no server for anything.

    Cells tagged "first" come first. Those tagged "parameters" or "injected-parameters", which name folders of
    this machine, or "apart", are left out.

    Args:
        notebook: what it displays as HTML is taken as it is, so that the notebook escapes it.
        title, commands, made: texts, which are escaped here.
    """
    exporter = nbconvert.HTMLExporter(
        raw_template=_ALONE, exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    notebook = nbformat.from_dict(notebook)
    tags = [(cell, set(cell.metadata.get("tags", []))) for cell in notebook.cells]
    shown = [both for both in tags if not both[1] & {"parameters", "injected-parameters", "apart"}]
    notebook.cells = [cell for cell, own in sorted(shown, key=lambda both: "first" not in both[1])]
    body, _ = exporter.from_notebook_node(notebook)
    texts = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    frame = texts.from_string(Path(__file__).with_name("alone.html").read_text())
    return frame.render(title=title, body=markupsafe.Markup(body), commands=commands, made=made)  # noqa: S704


def picture(notebook):
    """The first picture of an executed notebook as SVG, on a white ground: the README and cards show it."""
    data = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    svg = next(entry["image/svg+xml"] for entry in data if "image/svg+xml" in entry)
    opening = svg.index(">", svg.index("<svg")) + 1
    return f'{svg[:opening]}\n<rect width="100%" height="100%" fill="#ffffff"/>{svg[opening:]}'


def refresh(name):
    """Execute a notebook at its own parameters; rewrite its .ipynb, its picture and the runs it uses."""
    notebook = execute(name, FOLDER / f"{name}.ipynb")
    for config in plan(name):
        store.publish(worlds.describe(config))
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(picture(notebook))


def write_costs():
    """Rewrite the list of ``book/runs.md`` from the runs that all notebooks need and that are stored."""
    planned = {name: [worlds.describe(config) for config in plan(name)] for name in names()}
    path = ROOT / "book" / "runs.md"
    head, title, _ = path.read_text().partition("## The runs\n\n")
    path.write_text(head + title + provenance.costs(planned) + "\n")


CLAIMS = ROOT / "book" / "claims.yaml"
FIRMNESS = ROOT / "book" / "firmness.yaml"
_MARKS = ("% written by `ising-book refresh` from here\n\n", "\n\n% to here\n")


def claims_on_page(page):
    """The three parts of a page: before the generated block, the block, after it."""
    before, first, rest = page.partition(_MARKS[0])
    block, last, after = rest.partition(_MARKS[1])
    if not (first and last):
        marks = " and ".join(repr(mark.strip()) for mark in _MARKS)
        raise ValueError(f"the page must hold the lines {marks}, in this order")
    return before + first, block, last + after


def figures_of(entries):
    """{notebook: (its configs, its parameters)} of the notebooks there are, for ``claims.findings``."""
    used = {row["figure"] for entry in entries for row in entry["rows"]}
    return {name: (plan(name), parameters(name)) for name in names() if name in used}


def write_claims():
    """Rewrite the measured part of ``book/claims.md`` and the badges, from the tables and stored runs."""
    from ising_book import claims, firmness

    entries, path = yaml.safe_load(CLAIMS.read_text()), ROOT / "book" / "claims.md"
    cells = yaml.safe_load(FIRMNESS.read_text())
    figures = figures_of([*entries, {"rows": cells}])
    found = [claims.findings(entry, figures) for entry in entries]
    firm = firmness.by_claim(firmness.cells(cells, figures))
    before, _, after = claims_on_page(path.read_text())
    path.write_text(before + claims.block(entries, found, firm) + after)
    badges = json.dumps(claims.badges(entries, found), indent=1, ensure_ascii=False)
    (ROOT / "book" / "verdicts.json").write_text(badges + "\n")


def render():
    """Render the book with warnings as errors, mathematics and all without a network: the page to open.

    Raises:
        RuntimeError: Jupyter Book reported warnings or errors; it has printed them.
    """
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", "-W", "--keep-going", "--all", "--quiet", str(ROOT)]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:  # noqa: S603
        raise RuntimeError("the book was not rendered; Jupyter Book's warnings are above")
    html = ROOT / "_build" / "html"
    # copied afterwards: Jupyter Book would load every script that it finds in a static folder
    source, target = Path(mathjax.__path__[0]) / "static" / "mathjax" / "es5", html / "_static" / "mathjax"
    target.mkdir(exist_ok=True)
    shutil.copy(source / "tex-chtml-full.js", target)
    shutil.copytree(source / "output", target / "output", dirs_exist_ok=True)
    for name in ("explore", "hover"):
        shutil.copytree(ROOT / "book" / "_static" / name, html / "_static" / name, dirs_exist_ok=True)
    page = html / "index.html"
    page.touch()  # it only leads to the first page, and Jupyter Book leaves an old one as it is
    return page


def rendered():
    """The page to open, as ``render`` gives it; rendered anew only if a source has changed since."""
    page = ROOT / "_build" / "html" / "index.html"
    folders = [(ROOT / "book").rglob("*.*"), FOLDER.glob("*.ipynb"), (ROOT / "ising_lib").glob("*.py")]
    found = [path for folder in folders for path in folder if path.suffix != ".pyc"]
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", *found]
    newest = max(path.stat().st_mtime for path in sources)
    return page if page.exists() and page.stat().st_mtime > newest else render()
