"""``ising-book``: run the book's notebooks with any parameters, and infer Ising models from your own data.

Use errors end with status 2, failures with 1, both in one sentence.
"""

import ast
import difflib
import hashlib
import importlib
import json
import math
import os
import re
import shlex
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm


class _Later:
    """A package whose modules are imported when they are first used, so that help and Tab answer at once."""

    def __init__(self, package):
        self.package = package

    def __getattr__(self, module):
        return importlib.import_module(f"{self.package}.{module}")


book, experiments, lib = _Later("ising_book"), _Later("ising_experiments"), _Later("ising_lib")


def _examples(*lines):
    """The end of a command's help: what to type."""
    return "\n\n".join(["Examples:", *lines])


_START = _examples(
    "ising-book doctor",
    "ising-book infer spikes.csv",
    "ising-book run fig08 --preset quick --html",
    "ising-book --install-completion  (once: your shell then completes commands and options by Tab)",
)
_Names = Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")]
_Parameters = Annotated[list[str], typer.Option("-p", metavar="NAME=VALUE", help="a parameter")]
_Preset = Annotated[str, typer.Option(help="sizes from notebooks/presets/, e.g. quick")]
app = typer.Typer(
    add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__, epilog=_START
)


@app.command("list", epilog=_examples("ising-book list"))
def list_notebooks():
    """List the notebooks, with their parameters."""
    for name in book.execute.names():
        typer.echo(name)
        for key, value in book.execute.parameters(name).items():
            typer.echo(f"    {key} = {value!r}")


@app.command(
    epilog=_examples(
        "ising-book run fig08 --preset quick --html",
        "ising-book run fig08 -p n_spins=20 -p n_observed=1000 -o mine.ipynb",
    )
)
def run(
    name: Annotated[str, typer.Argument(help="the notebook, e.g. fig08_inference_quality")],
    parameter: _Parameters = (),
    preset: _Preset = "",
    output: Annotated[Path | None, typer.Option("-o", help="the executed notebook [NAME.out.ipynb]")] = None,
    html: Annotated[bool, typer.Option("--html", help="also write a single page to open")] = False,
):
    """Run a notebook with any parameters."""
    [name] = _full_names([name])
    output = _writable(output or Path(f"{name}.out.ipynb"))
    values = _values(name, preset, parameter)
    with _Clock() as clock:
        costs = map(experiments.provenance.expected_seconds, _planned(name, values))
        missing = [seconds for stored, seconds in costs if not stored and math.isfinite(seconds)]
        clock.expect(sum(missing) / min(os.cpu_count() or 1, len(missing) or 1))
        executed = book.execute.execute(name, output, values, progress=clock)
    typer.echo(str(output))
    if html:
        page = output.with_suffix(".html")
        book.execute.write_page(executed, page)
        typer.echo(str(page))


@app.command(epilog=_examples("ising-book refresh", "ising-book refresh fig07 fig08"))
def refresh(names: _Names = None):
    """Execute notebooks at their own parameters; rewrite the .ipynb, its picture and the published runs.

    At the end, rewrite the pages made of all runs: their cost, and the claims.
    """
    for name in _full_names(names):
        typer.echo(name)
        book.execute.refresh(name)
    book.execute.write_costs()
    book.execute.write_claims()


@app.command(epilog=_examples("ising-book plan", "ising-book plan fig08 --preset quick"))
def plan(names: _Names = None, parameter: _Parameters = (), preset: _Preset = ""):
    """List the runs that notebooks need, each once: is it stored, what does it cost, which figures show it?

    The core-seconds of a missing run are estimated from those of the stored run that is most like it.
    """
    planned = {name: _planned(name, _values(name, preset, parameter)) for name in _full_names(names)}
    missing, unknown = 0.0, 0
    for key, (plain, figures) in experiments.provenance.by_run(planned).items():
        known, seconds = experiments.provenance.expected_seconds(plain)
        able = math.isfinite(seconds)
        missing += able and not known and seconds
        unknown += not able
        state = f"stored  {seconds:8.0f} s" if known else f"missing {f'~{seconds:.0f}' if able else '?':>8} s"
        typer.echo(f"{key}  {state}  seed {plain['seed']}  {', '.join(figures)}")
    more = f", and {unknown} of unknown cost, whose like is not stored" if unknown else ""
    core = "a core like the one that computed the stored runs"
    typer.echo(f"To compute: {_duration(missing)} of {core}{more}", err=True)


@app.command(
    epilog=_examples('ising-book compute \'{"experiment": "augmentation", "n_spins": 20, "seed": 1}\'')
)
def compute(config: Annotated[str, typer.Argument(help="a run's config as JSON")]):
    """Compute one run, unless it is stored, and put it among the published results: a job of a sweep."""
    try:
        wanted = experiments.worlds.from_plain(json.loads(config))
    except (TypeError, ValueError) as error:
        _refuse(f"CONFIG must be a run's config as JSON: {error}")
    experiments.runs.run(wanted)
    typer.echo(str(experiments.store.publish(experiments.worlds.describe(wanted))))


@app.command(epilog=_examples("ising-book results"))
def results():
    """List the stored runs: who computed them, and what they cost."""
    damaged = False
    for folder in (experiments.store.results_folder(), experiments.store.cache_folder()):
        for path in sorted(folder.glob("*.npz")) if folder else []:
            try:
                run = experiments.store.read(path)
                made = f"{run.core_seconds:.0f} s  commit {run.provenance['commit']}"
                typer.echo(f"{path}  seed {run.config['seed']}  {made}")
            except ValueError as error:
                typer.echo(f"error: {error}", err=True)
                damaged = True
    if damaged:
        raise typer.Exit(1)


@app.command(epilog=_examples("ising-book build"))
def build():
    """Render the book from the executed notebooks, and print the page to open."""
    typer.echo(f"The book: {book.execute.render().as_uri()}")


@app.command(epilog=_examples("ising-book pdf", "ising-book pdf -o book.pdf"))
def pdf(
    output: Annotated[Path, typer.Option("-o", help="the file")] = Path("inverse-ising-companion.pdf"),
):
    """Print the book to one PDF, by a Chromium or Chrome of this machine."""
    _writable(output)
    book.pdf.browser()  # before minutes of work
    book.pdf.write(book.execute.rendered().parent, output)
    typer.echo(f"The PDF: {output.resolve().as_uri()}")


_READING = ("name", "transpose", "axis", "columns", "drop", "index")  # options of own_data.load
_READING += ("weights", "missing", "threshold", "by", "time", "rows")
_SIZES = 6000, 100_000  # of an augmentation: updates, and samples drawn


@app.command(
    epilog=_examples("ising-book infer spikes.csv", "ising-book infer spikes.mat --name bint --augment")
)
def infer(
    ctx: typer.Context,
    data: Annotated[Path, typer.Argument(help="samples × spins of two values: .csv, .npy, .mat, …")],
    other: Annotated[Path | None, typer.Argument(help="more samples of the same spins, to compare")] = None,
    augment: Annotated[bool, typer.Option("--augment", help="also by samples of a diffusion model")] = False,
    out: Annotated[Path | None, typer.Option(help="folder of the report [DATA_inferred]")] = None,
    name: Annotated[str | None, typer.Option(help="the array, if the file holds several")] = None,
    transpose: Annotated[
        bool | None, typer.Option("--transpose", help="rows are spins, columns samples")
    ] = None,
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
    iterations: Annotated[int, typer.Option(help="updates of the diffusion model")] = _SIZES[0],
    samples: Annotated[int, typer.Option(help="samples drawn from it")] = _SIZES[1],
    force: Annotated[bool, typer.Option("--force", help="replace an earlier report")] = False,
):
    """Infer an Ising model from your own data: parameters, checks, and a page to open."""
    count, least = lib._checks.count, book.own_data.MIN_SAMPLES
    out = out or Path(f"{data.stem}_inferred")
    options = {key: ctx.params[key] for key in _READING if ctx.params[key] not in (None, (), [])}
    try:
        count("--seed", seed, minimum=0)
        count("--rows", least if rows is None else rows, minimum=least)
        with _Clock():
            book.own_data.load(data, other=other, seed=seed, **options)
        if not augment and (iterations, samples) != _SIZES:
            raise ValueError("--iterations and --samples belong to --augment, which is not given")
        count("--iterations", iterations)
        count("--samples", samples, minimum=least)
        book.own_data.claim(out, force=force)
    except (ValueError, OSError) as error:
        _refuse(str(error))
    given = options | {"seed": seed, "out": out}
    given |= {"augment": True, "iterations": iterations, "samples": samples} if augment else {}
    command = ["ising-book", "infer", *map(str, filter(None, (data, other)))]
    for option, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            command += [f"--no-{option}" if one is False else f"--{option}"]
            command += [] if isinstance(one, bool) else [str(one)]
    options |= {"other": str(other.absolute())} if other else {}
    values = {"path": str(data.absolute()), "options": options, "seed": seed, "augment": augment}
    values |= {"n_iterations": iterations, "n_samples": samples}
    found = _inferred(command, out, values)
    for sentence in (*found["verdict"], *found["data"]["findings"], *found["notes"]):
        typer.echo(sentence)
    typer.echo(f"The report: {out / book.own_data.PAGE}")


_WRITTEN = (
    "Equal seeds give equal parameters on the same machine. Written by ising_lib {ising_lib}, commit "
    "{commit}, {started}, in {seconds} s on {machine}; Python {python}, NumPy {numpy}, PyTorch {torch}."
)


def _inferred(command, out, values):
    """Execute the notebook on a reader's data, and put its report into ``out``; what run.json holds."""
    import papermill

    begun, code = datetime.now(UTC), experiments.provenance.commit()
    with book.own_data.aside(out) as folder:
        executed, record = folder / "executed.ipynb", folder / book.own_data.RUN
        values |= {"folder": str(folder.absolute())}
        try:
            with _Clock("; --rows N takes N rows at random, and is faster") as clock:
                notebook = book.execute.execute(book.execute.YOUR_DATA, executed, values, progress=clock)
        except papermill.PapermillExecutionError as error:
            raise RuntimeError(f"{error.ename}: {error.evalue}") from None
        executed.unlink()
        found = json.loads(record.read_bytes())
        files = found["data"]["files"]
        taken = (datetime.now(UTC) - begun).total_seconds()
        made = experiments.provenance.record(code, "float64", begun, taken, taken)
        sums = [
            f"sha256sum {shlex.quote(path)}  # {digest}"
            for path, digest in zip(command[2:], files.values(), strict=False)
        ]
        title = f"Ising model of {' and '.join(files)}"
        repeated = "\n".join([*sums, shlex.join(command)])
        page = book.execute.alone(notebook, title, repeated, _WRITTEN.format(**made))
        (folder / book.own_data.PAGE).write_text(page, encoding="utf-8")
        others = [path for path in folder.iterdir() if path != record]
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in others}
        found = {"made_by": book.own_data.MADE_BY, "command": command, **found, "provenance": made}
        text = json.dumps(found | {"sha256": digests}, indent=1, ensure_ascii=False)
        record.write_text(text, encoding="utf-8")
    return found


@app.command(epilog=_examples("ising-book doctor"))
def doctor():
    """Is this machine ready? One line for each thing, and what to do where it is not."""
    broken = False
    for finding in book.doctor.examine():
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
    files = experiments.store.cached()
    for path in files:
        typer.echo(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}")
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    typer.echo(f"{len(files)} files, {megabytes:.1f} MB in {experiments.store.cache_folder()}")
    if not (clean and files):
        return
    if not yes:
        typer.confirm(f"Delete these {len(files)} files?", abort=True, err=True)
    try:
        deleted, kept = experiments.store.clean()
    except ValueError as error:
        _refuse(str(error))
    typer.echo(f"{len(deleted)} files deleted, {len(kept)} kept because they are in use")


_ANNOUNCED = r"Drawing anew|computing (in float32|the run again)"


class _Clock:
    """A bar of seconds, on a terminal; "expected: 40 s" on the notebook's standard error sets its end."""

    def __init__(self, advice=""):
        self.advice = advice  # where it takes more than ten minutes

    def __enter__(self):
        self.bar = tqdm(unit=" s", disable=not sys.stderr.isatty(), leave=False)
        self.ended, self.said = threading.Event(), set()
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
            advice = self.advice if seconds > 600 else ""
            typer.echo(f"About {_duration(seconds)} on this machine{advice}.", err=True)

    def write(self, text):
        """Pass on what our own packages announce, but neither bars nor other packages' warnings."""
        for line in map(str.strip, re.split(r"[\r\n]+", text)):
            if found := re.fullmatch(r"expected: (\d+) s", line):
                self.expect(int(found[1]))
            elif line not in self.said and re.search(_ANNOUNCED, line):
                self.said.add(line)  # each process of a run says it
                self.bar.clear()
                typer.echo(line, err=True)

    def flush(self):
        """As papermill asks of a file."""


def _duration(seconds):
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"


def _planned(name, values):
    """The configs that a notebook needs, as plain data; a refused value costs no kernel."""
    try:
        return [experiments.worlds.describe(config) for config in book.execute.plan(name, values)]
    except (ValueError, TypeError) as error:
        return _refuse(str(error))


def _full_names(given):
    """The notebooks that are meant, all by default."""
    known = book.execute.names()
    return [_nearest("notebook", book.execute.full_name(name), known) for name in given or known]


def _values(name, preset, assignments):
    """The values for a notebook's parameters: the preset's, and over them those given one by one."""
    known, presets = book.execute.parameters(name), book.execute.presets()
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
    try:
        value = text if isinstance(default, str) else ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
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
