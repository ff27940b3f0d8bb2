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

    [name] = _full_names([name])
    output = output or Path(f"{name}.out.ipynb")
    executed = notebooks.execute(name, output, _values(name, preset, parameter))
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

    for name in _full_names(names):
        typer.echo(name)
        notebooks.refresh(name)
    notebooks.write_costs()


@app.command()
def plan(
    names: Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")] = None,
    parameter: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="a parameter")] = (),
    preset: Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")] = "",
):
    """List the runs that notebooks need, each once: is it stored, and which figures show it?"""
    from ising_lib import experiments, notebooks, provenance, store

    planned = {}
    for name in _full_names(names):
        configs = notebooks.plan(name, _values(name, preset, parameter))
        planned[name] = [experiments.describe(config) for config in configs]
    for key, (plain, figures) in provenance.by_run(planned).items():
        state = "stored " if store.find(plain) else "missing"
        typer.echo(f"{key}  {state}  seed {plain['seed']}  {', '.join(figures)}")


@app.command()
def compute(config: Annotated[str, typer.Argument(help="a run's config as JSON")]):
    """Compute one run, unless it is stored, and put it among the published results: a job of a sweep."""
    from ising_lib import experiments, store

    try:
        wanted = experiments.from_plain(json.loads(config))
    except (TypeError, ValueError) as error:
        _refuse(f"CONFIG must be a run's config as JSON: {error}")
    experiments.run(wanted)
    typer.echo(str(store.publish(experiments.describe(wanted))))


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


def _full_names(given):
    """The notebooks that are meant, all by default."""
    from ising_lib import notebooks

    known = notebooks.names()
    return [_nearest("notebook", notebooks.full_name(name), known) for name in given or known]


def _values(name, preset, assignments):
    """The values for a notebook's parameters: the preset's, and over them those given one by one."""
    from ising_lib import notebooks

    known, presets = notebooks.parameters(name), notebooks.presets()
    chosen = presets[_nearest("preset", preset, presets)] if preset else {}
    values = {k: v for k, v in chosen.items() if k in known}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            _refuse(f"-p takes NAME=VALUE, got {text!r}")
        key = _nearest(f"parameter of {name}", key, known)
        values[key] = _typed(key, value, known[key])
    return values


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
