"""``ising-book``: list the book's notebooks and run them with any parameters.

Use errors end with status 2, failures with 1, both in one sentence.
"""

import ast
import difflib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

app = typer.Typer(add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command("list")
def list_notebooks():
    """List the notebooks, with their parameters."""
    from ising_lib import notebooks

    for name in notebooks.names():
        typer.echo(name)
        for key, value in notebooks.parameters(name).items():
            typer.echo(f"    {key} = {value!r}")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="the notebook, e.g. fig08_inference_quality")],
    parameter: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="a parameter")] = (),
    preset: Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")] = "",
    output: Annotated[Path | None, typer.Option("-o", help="the executed notebook [NAME.out.ipynb]")] = None,
    html: Annotated[bool, typer.Option("--html", help="also write a single page to open")] = False,
):
    """Run a notebook, e.g.: ising-book run fig08_inference_quality -p n_spins=20 -p n_observed=1000."""
    from ising_lib import notebooks

    name = _nearest("notebook", _full(name, notebooks.names()), notebooks.names())
    known = notebooks.parameters(name)
    values = {k: v for k, v in _preset(preset).items() if k in known}
    for text in parameter:
        key, equals, value = text.partition("=")
        if not equals:
            _refuse(f"-p takes NAME=VALUE, got {text!r}")
        key = _nearest(f"parameter of {name}", key, known)
        values[key] = _typed(key, value, known[key])
    output = output or Path(f"{name}.out.ipynb")
    executed = notebooks.execute(name, output, values)
    typer.echo(str(output))
    if html:
        page = output.with_suffix(".html")
        notebooks.write_page(executed, page)
        typer.echo(str(page))


@app.command()
def refresh(
    names: Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")] = None,
):
    """Execute notebooks at their own parameters; rewrite the .ipynb, its picture and the published runs."""
    from ising_lib import notebooks

    for name in names or notebooks.names():
        name = _nearest("notebook", _full(name, notebooks.names()), notebooks.names())
        typer.echo(name)
        notebooks.refresh(name)
    notebooks.write_costs()


@app.command()
def plan(
    names: Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")] = None,
    preset: Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")] = "",
):
    """List the runs that notebooks need, and whether they are stored."""
    from ising_lib import experiments, notebooks, store

    values = _preset(preset)
    for name in names or notebooks.names():
        name = _nearest("notebook", _full(name, notebooks.names()), notebooks.names())
        typer.echo(name)
        for config in notebooks.plan(name, values):
            plain = experiments.describe(config)
            state = "stored" if store.find(plain) else "missing"
            typer.echo(f"    {store.key(plain)}  seed {config.seed}  {state}")


@app.command()
def compute(config: Annotated[str, typer.Argument(help="a run's config as JSON")]):
    """Compute one run, unless it is stored, and put it among the published results: a job of a sweep."""
    from ising_lib import experiments, store

    try:
        plain = experiments.describe(experiments.from_plain(json.loads(config)))
    except (TypeError, ValueError) as error:
        _refuse(f"CONFIG must be a run's config as JSON: {error}")
    experiments.run(experiments.from_plain(plain))
    typer.echo(str(store.publish(plain)))


@app.command()
def results():
    """List the stored runs: who computed them, and what they cost."""
    from ising_lib import store

    for folder in (store.results_folder(), store.cache_folder()):
        for path in sorted(folder.glob("*.npz")) if folder else []:
            stored = store.read(path)
            seconds, commit = stored.provenance["seconds"], stored.provenance["commit"]
            typer.echo(f"{path}  seed {stored.config['seed']}  {seconds:.0f} s  commit {commit}")


@app.command()
def build():
    """Render the book from the executed notebooks, and print the page to open."""
    from ising_lib import notebooks

    typer.echo(f"The book: {notebooks.render().as_uri()}")


def _preset(name):
    from ising_lib import notebooks

    if not name:
        return {}
    presets = {path.stem: path for path in (notebooks.FOLDER / "presets").glob("*.yaml")}
    return yaml.safe_load(presets[_nearest("preset", name, presets)].read_text())


def _typed(key, text, default):
    """The value of ``text`` as the type of the notebook's own value: a literal, never evaluated as code."""
    value = text
    if not isinstance(default, str):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            _refuse(f"{key} must be {type(default).__name__} like {default!r}, got {text!r}")
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    elements = value if isinstance(value, list) and default else []
    if type(value) is not type(default) or any(type(one) is not type(default[0]) for one in elements):
        _refuse(f"{key} must be {type(default).__name__} like {default!r}, got {text!r}")
    return value


def _full(name, allowed):
    """fig08 is short for fig08_inference_quality."""
    begins = [full for full in allowed if full.startswith(f"{name}_")]
    return begins[0] if len(begins) == 1 else name


def _nearest(what, name, allowed):
    if name in allowed:
        return name
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.0)
    return _refuse(f"unknown {what} {name!r}, the nearest is {near[0]!r}; known: {', '.join(allowed)}")


def _refuse(sentence):
    typer.echo(f"error: {sentence}", err=True)
    raise typer.Exit(2)


def main():
    """Run the command line; a failure is one sentence and status 1."""
    try:
        app()
    except Exception as error:  # the last line of a traceback is what a user can act on
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"error: {type(error).__name__}: {lines[-1]}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
