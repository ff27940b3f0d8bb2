"""``ising-book``: run the book's notebooks with any parameters, and infer Ising models from your own data.

Use errors end with status 2, failures with 1, both in one sentence.
"""

import ast
import difflib
import json
import math
import os
import re
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def _examples(*lines):
    """The end of a command's help: what to type."""
    return "\n\n".join(["Examples:", *lines])


_START = _examples(
    "ising-book doctor",
    "ising-book infer spikes.csv",
    "ising-book run fig08 --preset quick --html",
    "ising-book --install-completion  (once: your shell then completes commands and options by Tab)",
)
app = typer.Typer(
    add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__, epilog=_START
)


@app.command("list", epilog=_examples("ising-book list"))
def list_notebooks():
    """List the notebooks, with their parameters."""
    from ising_book import execute

    for name in execute.names():
        typer.echo(name)
        for key, value in execute.parameters(name).items():
            typer.echo(f"    {key} = {value!r}")


@app.command(
    epilog=_examples(
        "ising-book run fig08 --preset quick --html",
        "ising-book run fig08 -p n_spins=20 -p n_observed=1000 -o mine.ipynb",
    )
)
def run(
    name: Annotated[str, typer.Argument(help="the notebook, e.g. fig08_inference_quality")],
    parameter: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="a parameter")] = (),
    preset: Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")] = "",
    output: Annotated[Path | None, typer.Option("-o", help="the executed notebook [NAME.out.ipynb]")] = None,
    html: Annotated[bool, typer.Option("--html", help="also write a single page to open")] = False,
):
    """Run a notebook with any parameters."""
    from ising_book import execute
    from ising_experiments import provenance, worlds

    [name] = _full_names([name])
    output = _writable(output or Path(f"{name}.out.ipynb"))
    values = _values(name, preset, parameter)
    with _Clock() as clock:
        costs = [provenance.expected_seconds(worlds.describe(config)) for config in _planned(name, values)]
        missing = [seconds for stored, seconds in costs if not stored and math.isfinite(seconds)]
        clock.expect(sum(missing) / min(os.cpu_count() or 1, len(missing) or 1))
        executed = execute.execute(name, output, values, progress=clock)
    typer.echo(str(output))
    if html:
        page = output.with_suffix(".html")
        execute.write_page(executed, page)
        typer.echo(str(page))


@app.command(epilog=_examples("ising-book refresh", "ising-book refresh fig07 fig08"))
def refresh(
    names: Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")] = None,
):
    """Execute notebooks at their own parameters; rewrite the .ipynb, its picture and the published runs.

    At the end, rewrite the pages made of all runs: their cost, and the claims.
    """
    from ising_book import execute

    for name in _full_names(names):
        typer.echo(name)
        execute.refresh(name)
    execute.write_costs()
    execute.write_claims()


@app.command(epilog=_examples("ising-book plan", "ising-book plan fig08 --preset quick"))
def plan(
    names: Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")] = None,
    parameter: Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="a parameter")] = (),
    preset: Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")] = "",
):
    """List the runs that notebooks need, each once: is it stored, what does it cost, which figures show it?

    The core-seconds of a missing run are estimated from those of the stored run that is most like it.
    """
    from ising_experiments import provenance, worlds

    planned, missing, unknown = {}, 0.0, 0
    for name in _full_names(names):
        configs = _planned(name, _values(name, preset, parameter))
        planned[name] = [worlds.describe(config) for config in configs]
    for key, (plain, figures) in provenance.by_run(planned).items():
        known, seconds = provenance.expected_seconds(plain)
        able = math.isfinite(seconds)
        missing += able and not known and seconds
        unknown += not able
        state = f"stored  {seconds:8.0f} s" if known else f"missing {f'~{seconds:.0f}' if able else '?':>8} s"
        typer.echo(f"{key}  {state}  seed {plain['seed']}  {', '.join(figures)}")
    more = f", and {unknown} of unknown cost, whose like is not stored" if unknown else ""
    typer.echo(
        f"To compute: {_duration(missing)} of a core like the one that computed the stored runs{more}",
        err=True,
    )


@app.command(
    epilog=_examples('ising-book compute \'{"experiment": "augmentation", "n_spins": 20, "seed": 1}\'')
)
def compute(config: Annotated[str, typer.Argument(help="a run's config as JSON")]):
    """Compute one run, unless it is stored, and put it among the published results: a job of a sweep."""
    from ising_experiments import runs, store, worlds

    try:
        wanted = worlds.from_plain(json.loads(config))
    except (TypeError, ValueError) as error:
        _refuse(f"CONFIG must be a run's config as JSON: {error}")
    runs.run(wanted)
    typer.echo(str(store.publish(worlds.describe(wanted))))


@app.command(epilog=_examples("ising-book results"))
def results():
    """List the stored runs: who computed them, and what they cost."""
    from ising_experiments import store

    damaged = False
    for folder in (store.results_folder(), store.cache_folder()):
        for path in sorted(folder.glob("*.npz")) if folder else []:
            try:
                stored = store.read(path)
            except ValueError as error:
                typer.echo(f"error: {error}", err=True)
                damaged = True
                continue
            cost, commit = stored.core_seconds, stored.provenance["commit"]
            typer.echo(f"{path}  seed {stored.config['seed']}  {cost:.0f} s  commit {commit}")
    if damaged:
        raise typer.Exit(1)


@app.command(epilog=_examples("ising-book build"))
def build():
    """Render the book from the executed notebooks, and print the page to open."""
    from ising_book import execute

    typer.echo(f"The book: {execute.render().as_uri()}")


@app.command(epilog=_examples("ising-book pdf", "ising-book pdf -o book.pdf"))
def pdf(
    output: Annotated[Path, typer.Option("-o", help="the file")] = Path("inverse-ising-companion.pdf"),
):
    """Print the book to one PDF, by a Chromium or Chrome of this machine."""
    from ising_book import execute, pdf

    _writable(output)
    pdf.browser()  # before minutes of work
    pdf.write(execute.rendered().parent, output)
    typer.echo(f"The PDF: {output.resolve().as_uri()}")


@app.command(
    epilog=_examples("ising-book infer spikes.csv", "ising-book infer spikes.mat --name bint --augment")
)
def infer(
    data: Annotated[Path, typer.Argument(help="samples × spins of two values: .csv, .npy, .mat, …")],
    other: Annotated[Path | None, typer.Argument(help="more samples of the same spins, to compare")] = None,
    augment: Annotated[bool, typer.Option("--augment", help="also by samples of a diffusion model")] = False,
    out: Annotated[Path | None, typer.Option(help="folder of the report [DATA_inferred]")] = None,
    name: Annotated[str | None, typer.Option(help="the array, if the file holds several")] = None,
    transpose: Annotated[bool, typer.Option("--transpose", help="rows are spins, columns samples")] = False,
    axis: Annotated[int | None, typer.Option(help="which of 3 dimensions holds the spins: 1, 2 or 3")] = None,
    columns: Annotated[list[str] | None, typer.Option(help="use these alone: names or numbers")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="leave these out: names or numbers")] = None,
    index: Annotated[str | None, typer.Option(help="the column that names the samples")] = None,
    weights: Annotated[str | None, typer.Option(help="the column that says how often each occurred")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="what stands for a missing value")] = None,
    threshold: Annotated[float | None, typer.Option(help="values above it are +1, others -1")] = None,
    by: Annotated[str | None, typer.Option(help="compare two groups: COLUMN, or COLUMN=ONE,OTHER")] = None,
    time: Annotated[bool | None, typer.Option("--time/--no-time", help="rows are in order of time")] = None,
    rows: Annotated[int | None, typer.Option(help="use so many rows, drawn at random")] = None,
    seed: Annotated[int, typer.Option(help="of everything random")] = 0,
    iterations: Annotated[int | None, typer.Option(help="updates of the diffusion model [6000]")] = None,
    samples: Annotated[int | None, typer.Option(help="samples drawn from it [100000]")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an earlier report")] = False,
):
    """Infer an Ising model from your own data: parameters, checks, and a page to open."""
    from ising_book import own_data
    from ising_lib import _checks

    out = out or Path(f"{data.stem}_inferred")
    options = {"name": name, "transpose": transpose, "axis": axis, "columns": columns, "drop": drop}
    options |= {"index": index, "weights": weights, "missing": missing, "threshold": threshold, "by": by}
    options = {option: value for option, value in options.items() if value not in (None, False, [])}
    given = {f"--{option}": value for option, value in options.items()} | {"--seed": seed, "--out": out}
    options |= {} if time is None else {"time": time}
    given |= {} if time is None else {"--time" if time else "--no-time": True}
    try:
        _checks.count("--seed", seed, minimum=0)
        if rows is not None:
            options["rows"] = given["--rows"] = _checks.count("--rows", rows, minimum=own_data.MIN_SAMPLES)
        with _Clock():
            own_data.load(data, other=other, seed=seed, **options)
        if (iterations or samples) is not None and not augment:
            raise ValueError("--iterations and --samples belong to --augment, which is not given")
        sizes = {"n_iterations": 6000 if iterations is None else iterations}
        sizes["n_samples"] = 100_000 if samples is None else samples
        _checks.count("--iterations", sizes["n_iterations"])
        _checks.count("--samples", sizes["n_samples"], minimum=own_data.MIN_SAMPLES)
        own_data.claim(out, force=force)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    if augment:
        given |= {"--augment": True, "--iterations": sizes["n_iterations"], "--samples": sizes["n_samples"]}
    command = ["ising-book", "infer", *map(str, filter(None, (data, other)))]
    for option, value in given.items():
        several = value if isinstance(value, list) else [value]
        command += [part for one in several for part in ([option] if one is True else [option, str(one)])]
    options |= {"other": str(other.absolute())} if other else {}
    values = {"path": str(data.absolute()), "options": options, "seed": seed, "augment": augment, **sizes}
    found = _inferred(command, out, values)
    for sentence in (*found["verdict"], *found["data"]["findings"], *found["notes"]):
        typer.echo(sentence)
    typer.echo(f"The report: {out / own_data.PAGE}")


def _inferred(command, out, values):
    """Execute the notebook on a reader's data, and put its report into ``out``; what run.json holds."""
    import hashlib
    import shlex

    import papermill

    from ising_book import execute, own_data
    from ising_experiments import provenance

    begun, code = datetime.now(UTC), provenance.commit()
    with own_data.aside(out) as folder:
        executed = folder / "executed.ipynb"
        try:
            values["folder"] = str(folder.absolute())
            with _Clock() as clock:
                notebook = execute.execute(execute.YOUR_DATA, executed, values, progress=clock)
        except papermill.PapermillExecutionError as error:
            raise RuntimeError(f"{error.ename}: {error.evalue}") from None
        executed.unlink()
        found = json.loads((folder / own_data.RUN).read_bytes())
        files = found["data"]["files"]
        taken = (datetime.now(UTC) - begun).total_seconds()
        made = provenance.record(code, "float64", begun, taken, taken)
        page = execute.alone(
            notebook,
            f"Ising model of {' and '.join(files)}",
            "".join(
                f"sha256sum {shlex.quote(path)}  # {digest}\n"
                for path, digest in zip(command[2:], files.values(), strict=False)
            )
            + shlex.join(command),
            "Equal seeds give equal parameters on the same machine. Written by ising_lib {ising_lib}, commit "
            "{commit}, {started}, in {seconds} s on {machine}; Python {python}, NumPy {numpy}, PyTorch "
            "{torch}.".format(**made),
        )
        (folder / own_data.PAGE).write_text(page, encoding="utf-8")
        found = {"made_by": own_data.MADE_BY, "command": command, **found, "provenance": made}
        found["sha256"] = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.iterdir()
            if path.name != own_data.RUN
        }
        text = json.dumps(found, indent=1, ensure_ascii=False)
        (folder / own_data.RUN).write_text(text, encoding="utf-8")
    return found


@app.command(epilog=_examples("ising-book doctor"))
def doctor():
    """Is this machine ready? One line for each thing, and what to do where it is not."""
    from ising_book import doctor

    broken = False
    for finding in doctor.examine():
        typer.echo(str(finding))
        broken |= finding.state == "broken"
    if broken:
        raise typer.Exit(1)


@app.command(epilog=_examples("ising-book cache", "ising-book cache --clean"))
def cache(
    clean: Annotated[
        bool, typer.Option("--clean", help="delete the runs in the cache, after asking")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
):
    """List the runs in your cache, or delete them; published results and other files are never touched."""
    from ising_experiments import store

    files = store.cached()
    for path in files:
        typer.echo(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}")
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    typer.echo(f"{len(files)} files, {megabytes:.1f} MB in {store.cache_folder()}")
    if not (clean and files):
        return
    if not yes:
        typer.confirm(f"Delete these {len(files)} files?", abort=True, err=True)
    try:
        deleted, kept = store.clean()
    except ValueError as error:
        _refuse(str(error))
    typer.echo(f"{len(deleted)} files deleted, {len(kept)} kept because they are in use")


class _Clock:
    """A bar of seconds, on a terminal; "expected: 40 s" on the notebook's standard error sets its end."""

    def __enter__(self):
        from tqdm import tqdm

        self.bar = tqdm(unit=" s", disable=not sys.stderr.isatty(), leave=False)
        self.ended = threading.Event()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.bar.close()

    def _tick(self):
        while not self.ended.wait(1.0):
            if self.bar.n + 1 < (self.bar.total or math.inf):
                self.bar.update()

    def expect(self, seconds):
        """Announce what takes long."""
        if seconds > 10:
            self.bar.total = self.bar.n + round(seconds)
            self.bar.clear()
            typer.echo(f"About {_duration(seconds)} on this machine.", err=True)

    def write(self, text):
        """Pass on what our own packages announce, but neither bars nor other packages' warnings."""
        for line in map(str.strip, re.split(r"[\r\n]+", text)):
            if found := re.fullmatch(r"expected: (\d+) s", line):
                self.expect(int(found[1]))
            elif re.search(r"Drawing anew|computing (in float32|the run again)", line):
                self.bar.clear()
                typer.echo(line, err=True)

    def flush(self):
        """As papermill asks of a file."""


def _duration(seconds):
    size, unit = next(
        pair for pair in ((3600, "hours"), (60, "minutes"), (0, "s")) if seconds >= 1.5 * pair[0]
    )
    return f"{seconds / (size or 1):.{int(size == 3600)}f} {unit}"


def _planned(name, values):
    """The configs that a notebook needs; a refused value costs no kernel."""
    from ising_book import execute

    try:
        return execute.plan(name, values)
    except (ValueError, TypeError) as error:
        return _refuse(str(error))


def _full_names(given):
    """The notebooks that are meant, all by default."""
    from ising_book import execute

    known = execute.names()
    return [_nearest("notebook", execute.full_name(name), known) for name in given or known]


def _values(name, preset, assignments):
    """The values for a notebook's parameters: the preset's, and over them those given one by one."""
    from ising_book import execute

    known, presets = execute.parameters(name), execute.presets()
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
    flat = value if isinstance(value, list) else [value]
    if (default and not flat) or any(one != one for one in flat):  # NaN
        _refuse(f"{key} must be numbers like {default!r}, got {text!r}")
    if key.startswith("n_") and min(flat) < 1:
        _refuse(f"{key} must be at least 1, got {text}")
    return value


def _nearest(what, name, allowed):
    if name in allowed:
        return name
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.0)
    return _refuse(f"unknown {what} {name!r}, the nearest is {near[0]!r}; known: {', '.join(allowed)}")


def _writable(path):
    """The file of -o, where one can be written: to be said before minutes of work."""
    place = next(parent for parent in path.absolute().parents if parent.exists())
    reason = "a folder" if path.is_dir() else f"{str(place)!r} is a file" if not place.is_dir() else ""
    if not (reason or os.access(place, os.W_OK | os.X_OK)):
        reason = f"{str(place)!r} cannot be written"
    return _refuse(f"-o must be a file that can be written, got {str(path)!r}: {reason}") if reason else path


def _refuse(sentence):
    typer.echo(f"error: {sentence}", err=True)
    raise typer.Exit(2)


def main():
    """Run the command line; a failure is one sentence and status 1."""
    # by default the process would end at once, with half-written files beside the whole ones
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except Exception as error:  # the last line of a traceback is what a user can act on
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"error: {type(error).__name__}: {lines[-1]}", file=sys.stderr)
        sys.exit(1)
