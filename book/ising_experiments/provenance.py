"""Who computed a stored run, and how to say so under a figure."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import numpy as np

import ising_lib
from ising_experiments import store


def record(code, precision, started, seconds, core_seconds):
    """What is stored with a run, as plain data: versions, commit, machine, precision, cost.

    Args:
        code, started: the ``commit`` when the computation began, and the datetime, with time zone.
        precision: "bfloat16" or "float32", what was used.
        seconds, core_seconds: by the clock, and of a core, whatever else the machine did meanwhile.
    """
    return {
        "ising_lib": ising_lib.__version__,
        "commit": code,
        "machine": machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": importlib.metadata.version("torch"),
        "precision": precision,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "core_seconds": round(core_seconds, 1),
    }


def table(runs, notebook, preset="thesis"):
    """Where a figure's numbers come from, as Markdown: notebook, runs, who computed them, parameters.

    Args:
        runs: the store.Runs drawn.
        notebook: the name of the notebook that draws them.
        preset: the notebook's parameter; any other than "thesis" is announced above the table.
    """
    rows = [
        f"| `{store.key(run.config)}` | {run.config['seed']} | {p['commit']} | {p['ising_lib']} | "
        f"{p['precision']} | {run.core_seconds:.0f} | {p['started'][:10]} |"
        for run in runs
        for p in [run.provenance]
    ]
    machines = sorted({run.provenance["machine"] for run in runs})
    first, *others = [{**run.config, **run.config.get("training", {})} for run in runs]
    parameters = ", ".join(
        f"{name} = {value}"
        for name, value in first.items()
        if name not in ("seed", "training") and all(other.get(name) == value for other in others)
    )
    warning = f"**Sizes of the preset {preset!r}: these numbers say nothing about the thesis.**"
    lines = [
        *([] if preset == "thesis" else [warning, ""]),
        f"**Where these numbers come from.** Notebook `{notebook}`, runs:",
        "",
        "| run | seed | commit | version | precision | seconds | date |",
        "|---" * 7 + "|",
        *rows,
        "",
        f"Machine: {'; '.join(machines)}. Parameters: {parameters}.",
    ]
    return "\n".join(lines)


def by_run(planned):
    """Each run once, and the figures that show it: {its key: (its plain config, [figure, …])}.

    Args:
        planned: {name of a notebook: the plain configs of the runs it needs}.
    """
    runs = {}
    for name, plains in planned.items():
        for plain in plains:
            figures = runs.setdefault(store.key(plain), (plain, []))[1]
            figures.append(name.partition("_")[0])
    return runs


def expected_seconds(plain):
    """Is a run stored, and how many core-seconds does it take?

    For a missing run, about those of the stored run that is most like it, times the ratio of their work: the
    updates of a network, and the steps that generate samples; NaN where none of its kind is stored.
    """
    found = store.find(plain)
    if found:
        return True, found.core_seconds
    known, sizes = _stored(plain["experiment"], store.results_folder(), store.cache_folder()), _sizes(plain)
    if not known:
        return False, np.nan
    like, seconds = min(
        known, key=lambda one: sum(abs(np.log(one[0][k] / sizes[k])) for k in {*one[0]} & {*sizes})
    )
    return False, seconds * _work(sizes) / _work(like)


@functools.cache
def _stored(experiment, *folders):
    """(sizes, core-seconds) of all runs of a kind."""
    found = []
    for path in (path for folder in folders if folder for path in sorted(folder.glob(f"{experiment}-*.npz"))):
        with contextlib.suppress(ValueError):  # damaged
            run = store.read(path)
            found.append((_sizes(run.config), run.core_seconds))
    return found


def _sizes(plain):
    """The positive numbers of a config, but the seed."""
    flat = {**plain, **plain.get("training", {}), "seed": None}
    return {name: n for name, n in flat.items() if isinstance(n, int | float) and n > 0}


def _work(sizes):
    """Evaluations of a network; an update counts three of each sample in its batch."""
    get = sizes.get
    samples = get("n_checkpoints", 0) * get("n_monitor", 0) + get("n_augmented", 0) + get("n_observed", 0)
    updates = 3 * get("n_iterations", 0) * get("batch_size", 256)
    return get("n_spins", 1) * (updates + get("n_sampling_steps", 30) * samples) or 1


def costs(planned):
    """All runs of the book and their cost, as Markdown: sums, and a table; ``planned`` as of ``by_run``."""
    runs = sorted(by_run(planned).items(), key=lambda item: (item[1][1], item[1][0]["seed"]))
    rows, found_runs, of_thesis = [], [], []
    for key, (plain, figures) in runs:
        run = store.find(plain)
        strength = plain.get("coupling_scale", "–")
        count = f"{plain['n_observed']:,}" if "n_observed" in plain else "–"
        size = f"{plain['n_spins']} | {count} | {strength} | {plain['seed']}"
        found = "not stored | | | |"
        if run:
            p = run.provenance
            found_runs.append(run)
            if any(figure.startswith("fig") for figure in figures):
                of_thesis.append(run)
            trained = f"{run['iterations'][-1]:,}" if "iterations" in run.arrays else "–"  # scored only
            found = f"{trained} | {run.core_seconds:,.0f} | {p['commit']} | {p['started'][:10]} |"
        rows.append(f"| `{key}` | {', '.join(figures)} | {size} | {found}")
    by_clock = [run for run in found_runs if "core_seconds" not in run.provenance]
    lines = [
        f"{len(found_runs)} of {len(runs)} runs are stored. They took {_hours(found_runs)} core-hours: "
        f"{_hours(of_thesis)} those of the thesis's figures, and the rest those of the extensions alone. "
        f"For {len(by_clock)} of them, {_hours(by_clock)} hours in all, only wall-clock time was recorded.",
        "",
        ":::{div} full-width",  # the table needs the margin, too
        "| run | figures | M | N | g | seed | iterations | seconds | commit | date |",
        "|---" * 10 + "|",
        *rows,
        ":::",
    ]
    return "\n".join(lines)


def _hours(runs):
    return f"{sum(run.core_seconds for run in runs) / 3600:.1f}"


def commit():
    """The commit of the code, "+" appended where a package differs from it; "unknown" outside a clone."""
    try:
        # fails where the clone around us is some other project's
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = _git("status", "--porcelain", ".", "../ising_book", "../../ising_lib")
        return _git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments):
    command = ["git", *arguments]
    folder = Path(__file__).parent
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def machine():
    """The processor, as exactly as the system names it, and the number of cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():  # Linux: a marketing name may stand for several processors, family and model do not
        pairs = (line.partition(":")[::2] for line in info.read_text().splitlines())
        known = {key.strip(): value.strip() for key, value in pairs}
        name = known.get("model name", name)
        if "cpu family" in known:
            name += f" (family {known['cpu family']}, model {known['model']})"
    return f"{name}, {os.cpu_count()} cores"
