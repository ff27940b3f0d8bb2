"""The results as tables: on the terminal, and on the page ``book/benchmarks.md``."""

import json
import math
import re
from pathlib import Path

from matplotlib import pyplot as plt

from ising_book import execute, style
from tests.benchmarks.measure import Line

RESULTS = Path(__file__).parent / "results.json"
PAGE = execute.ROOT / "book" / "benchmarks.md"
PICTURE = execute.ROOT / "book" / "_static" / "benchmarks_growth.png"
_BLOCK = re.compile(
    r"(% (?P<name>\w+), written by `make benchmark`\n\n)(?P<block>.*?)(\n\n% to here\n)", re.DOTALL
)
_HEADER = ("", "measured", "target", "met")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def read():
    """{name of a row: what ``results.json`` holds of it}; empty before the first run."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def number(value):
    """Three digits, with a power of ten where they would be lost among zeros."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:,.{digits}f}"
    mantissa, power = f"{value:.1e}".split("e")
    return f"{mantissa} · 10{str(int(power)).translate(_SUPERSCRIPTS)}"


def cells(line):
    """A line of the results as four texts."""
    line = Line(**line)
    sign, _, limit = line.target.partition(" ")
    met = {None: "", True: "yes", False: "**no**"}[line.met]
    target = f"{sign} {number(float(limit))}" if limit else ""
    return (line.what, f"{number(line.value)} {line.unit}".strip(), target, met)


def markdown(entry):
    """The table of one row."""
    rows = [_HEADER, ("---",) * 4, *map(cells, entry["lines"])]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def terminal(results):
    """All rows as one table of plain text."""
    table = [_HEADER]
    for entry in results.values():
        table += [("",) * 4, (entry["title"], "", "", ""), *map(cells, entry["lines"])]
    table = [[cell.replace("\\|", "|").replace("**", "") for cell in row] for row in table]
    widths = [max(len(row[n]) for row in table) for n in range(4)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def summary(results):
    """How many targets are met, which are not, and where and when this was measured."""
    lines = [(entry, Line(**line)) for entry in results.values() for line in entry["lines"]]
    decided = [(entry, line) for entry, line in lines if line.target]
    missed = [
        f"- {entry['title']}: {line.what}: {number(line.value)} {line.unit}".rstrip()
        + f", target {line.target}"
        for entry, line in decided
        if not line.met
    ]
    count = f"{len(decided) - len(missed)} of {len(decided)} targets are met."
    return "\n".join([f"**{count}**" + (" Not met:" if missed else ""), *(["", *missed] if missed else [])])


def machines(results):
    """Where and when, each combination once."""
    seen = {}
    for name, entry in results.items():
        versions = ", ".join(f"{package} {version}" for package, version in entry["versions"].items())
        where = f"{entry['machine']}; {versions}; {entry['date']}, commit `{entry['commit']}`"
        seen.setdefault(where, []).append(f"`{name}`")
    if len(seen) == 1:
        return f"All rows: {where}."
    return "\n".join(f"- {', '.join(names)}: {where}." for where, names in seen.items())


def blocks(results):
    """{name of a block on the page: its text}."""
    tables = {name: f"**{entry['title']}**\n\n{markdown(entry)}" for name, entry in results.items()}
    return {"summary": summary(results), "machines": machines(results), **tables}


def filled(page, results):
    """The page with every block written anew.

    Raises:
        KeyError: the page has a block for which there are no results.
    """
    texts = blocks(results)
    return _BLOCK.sub(lambda found: found[1] + texts[found["name"]] + found[4], page)


_PANELS = (
    ("growth_samples", "N, samples in memory"),
    ("growth_spins", "M, spins"),
    ("growth_streamed", "N, samples from a file"),
)
_ROLES = {
    "Erasure Machine": "observed",
    "pseudolikelihood": "rival",
    "training step": "augmented",
    "heat bath": "truth",
}


def draw(results):
    """Seconds against size, one panel for each kind of size."""
    style.use_style()
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(9, 3.4))
    for ax, (name, label) in zip(axes, _PANELS, strict=True):
        curves = results[name]["curves"]
        for what in [what for what in _ROLES if what in curves]:
            style.curve(ax, curves["sizes"], curves[what], _ROLES[what], what)
        ax.set(xscale="log", yscale="log", xlabel=label)
    sizes = results["growth_spins"]["curves"]["sizes"]
    axes[1].set_xticks(sizes, [f"{size:.0f}" for size in sizes])
    axes[1].minorticks_off()
    axes[0].set_ylabel("seconds of one core")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def write():
    """Rewrite the page's tables and its picture from ``results.json``."""
    results = read()
    PAGE.write_text(filled(PAGE.read_text(), results))
    draw(results).savefig(PICTURE, metadata={"Software": None})
