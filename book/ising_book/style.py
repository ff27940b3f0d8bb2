"""How the book draws and writes numbers: one style, one colour per role, one format.

Functions that draw do so on the Axes ``ax``, and return it.  Black is the colour of the page's text: the book
shows the pictures inline and turns it into the theme's own (see ``book/_ext/pictures.py``).
"""

import base64
import csv as tables
import html
import io
import itertools
import json
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, Markdown
from matplotlib_inline.backend_inline import set_matplotlib_formats

from ising_experiments import scoring
from ising_lib import _checks

# Okabe and Ito's colours, then two that stand out from white and from black pages; line styles and markers
# repeat the distinction for print.
_LOOKS = {  # role: colour, line, marker
    "observed": ("#0072B2", "--", "s"),
    "augmented": ("#D55E00", "-", "o"),
    "joined": ("#8C564B", (0, (4, 1, 1, 1, 1, 1)), "h"),  # augmented and observed
    "truth": ("#000000", "-", ""),
    "test": ("#56B4E9", "-.", "^"),
    "baseline": ("#7F7F7F", ":", "d"),
    "error": ("#CC79A7", "-", "x"),
    "rival": ("#009E73", (0, (5, 1, 1, 1)), "D"),
    "corrected": ("#E69F00", "-", "v"),
    "structured": ("#AA3377", (0, (2, 1)), "P"),
    "denoiser": ("#7B61C9", (0, (6, 2)), "X"),
    "discrete": ("#6B7F00", (0, (3, 1, 1, 1)), "p"),
}
_PLAYER = Path(__file__).with_name("player.html").read_text().rstrip()
COLOURS, LINES, MARKERS = ({role: look[n] for role, look in _LOOKS.items()} for n in range(3))


def _look(role):
    """Colour, line and marker of a role, for ``Axes.plot``."""
    _checks.choice("role", role, tuple(COLOURS))
    return {"color": COLOURS[role], "linestyle": LINES[role], "marker": MARKERS[role]}


def use_style():
    """Set the book's style for the rest of a notebook: vector pictures, the same bytes at every run."""
    plt.style.use(Path(__file__).with_name("book.mplstyle"))
    set_matplotlib_formats("svg", metadata={"Date": None})


def spread(values, digits=3):
    """Mean over seeds and, in brackets, the smallest and the largest: "0.700 (0.650 to 0.740)".

    NaN stands for no value, as from a method that refused the samples: it is left out, and counted.
    """
    values = np.atleast_1d(_checks.array("values", values, allow_nan=True))
    found = values[~np.isnan(values)]
    if not found.size:
        return "undefined"
    mean, low, high = (number(value, digits) for value in (found.mean(), found.min(), found.max()))
    text = mean if low == high else f"{mean} ({low} to {high})"
    missing = values.size - found.size
    return f"{text}, undefined in {missing} of {values.size}" if missing else text


def number(value, digits=0):
    """A number as text, with a minus sign and a comma for thousands: "−0.12", "8,000"."""
    return f"{value:,.{digits}f}".replace("-", "−")


def percent(share, digits=0):
    """A share as text: "12%"."""
    return f"{number(100 * share, digits)}%"


def table(rows, headers):
    """Rows of texts or numbers as a Markdown table; the first column is left, the others right."""
    lines = [headers, [":---"] + ["---:"] * (len(headers) - 1), *rows]
    return Markdown("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines))


def csv(name, columns):
    """A link to the numbers of a figure, inside the page: it needs no network and no other file.

    Args:
        name: of the file, without its ending.
        columns: {header: values}; shorter ones are filled up with empty cells.
    """
    text = io.StringIO()
    writer = tables.writer(text, lineterminator="\n")
    writer.writerow(columns)
    values = (np.ravel(some).tolist() for some in columns.values())
    writer.writerows(itertools.zip_longest(*values, fillvalue=""))
    content = base64.b64encode(text.getvalue().encode()).decode()
    link = f'<a download="{name}.csv" href="data:text/csv;base64,{content}">{name}.csv</a>'
    return HTML(f"The numbers of the figure: {link}")


def curve(ax, x, values, role, label=None):
    """Mean over seeds as a line, smallest to largest as a band, in the colour, line and marker of a role.

    Args:
        x, values: (K,), and (S seeds, K) or (K,).
        role, label: who this is; and for the legend, by default, the same.
    """
    values = np.atleast_2d(values)  # (S, K)
    ax.plot(x, values.mean(0), label=label or role, **_look(role))
    if len(values) > 1:
        ax.fill_between(x, values.min(0), values.max(0), color=COLOURS[role], alpha=0.2, linewidth=0)
    return ax


def level(ax, values, role, label=None):
    """A horizontal line at the mean of ``values`` over seeds, with the band from smallest to largest."""
    _checks.choice("role", role, tuple(COLOURS))
    values = np.atleast_1d(values)
    ax.axhline(values.mean(), color=COLOURS[role], linestyle=LINES[role], label=label or role)
    if values.size > 1:
        ax.axhspan(values.min(), values.max(), color=COLOURS[role], alpha=0.15, linewidth=0)
    return ax


def raster(ax, spins, missing=None, wrong=None, title=None):
    """Samples (N, M) as rows of squares: black −1, white +1, grey missing; wrong ones ringed."""
    shades = np.where(np.asarray(spins) > 0, 1.0, 0.0)
    if missing is not None:
        shades = np.where(missing, 0.6, shades)
    ax.imshow(shades, cmap="gray", vmin=0, vmax=1, aspect="auto")
    if wrong is not None:
        rows, columns = np.nonzero(wrong)
        ax.scatter(columns, rows, s=14, facecolors="none", edgecolors=COLOURS["error"], linewidths=1.3)
    ax.set_title(title)
    ax.spines[:].set_visible(True)
    return ax


def player(fig, draw, captions, name, alt, seconds=0.8):
    """Pictures to step through by a slider, or to play: inside the page, in the colours of its theme.

    Args:
        fig: the figure; it is closed at the end.
        draw: function of 0 … K − 1 that changes the figure.
        captions: K texts.
        name: an identifier that no other player in the book has, e.g. "fig03_denoising".
        alt: what it shows, for those who do not see it.
        seconds: from one picture to the next.

    Returns:
        IPython.display.HTML
    """
    if not name.isidentifier():
        raise ValueError(f"name must be an identifier like 'fig03_denoising', got {name!r}")
    frames = []
    for frame in range(len(captions)):
        draw(frame)
        frames.append(_inline(fig))
    plt.close(fig)  # else the notebook would show its last state below
    data = json.dumps([frames, captions], ensure_ascii=False).replace("</", "<\\/")
    words = {"NAME": name, "ALT": html.escape(alt), "FIRST": frames[0], "CAPTION": html.escape(captions[0])}
    page = _PLAYER.replace("LAST", str(len(frames) - 1)).replace("SECONDS", str(seconds))
    page = re.sub(r"\b(NAME|ALT|FIRST|CAPTION)\b", lambda word: words[word[1]], page)
    return HTML(page.replace("DATA", data))


def _inline(fig):
    """A figure as an <svg> element as wide as there is room, its black the colour of the text around it."""
    text = io.StringIO()
    fig.savefig(text, format="svg", metadata={"Date": None})
    found = text.getvalue()
    found = re.sub(r"<metadata>.*?</metadata>\s*", "", found[found.index("<svg") :], flags=re.DOTALL)
    found = re.sub(r"(fill|stroke): ?#000000", r"\1: currentColor", found)
    found = re.sub(r"(?<![\d(])(\d+\.\d\d)\d+", r"\1", found)  # coordinates: hundredths of a point do
    head, rest = found.split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", head) + ' fill="currentColor" width="100%">' + rest


def fields_and_couplings(ax, truth, inferred, n_spins, role, limit, note=""):
    """Inferred against true parameters, fields told apart from couplings  (thesis Fig. 5).

    Args:
        truth, inferred, n_spins: (L,) fields, then couplings; M of them are fields.
        role: whose inference it is, which sets the colour.
        limit, note: both axes run from −limit to +limit; text in the upper left corner.
    """
    ends = np.array([-limit, limit])
    slope, _, _ = scoring.agreement(truth, inferred)
    offset = np.mean(inferred) - slope * np.mean(truth)
    look = {"color": COLOURS[role], "linestyle": "none"}
    ax.plot(ends, ends, color=COLOURS["truth"], linewidth=0.8, label="equal")
    ax.plot(truth[n_spins:], inferred[n_spins:], "o", markersize=2.2, markeredgewidth=0, label="$J$", **look)
    edge = {"markersize": 4, "markerfacecolor": "none", "markeredgecolor": "black", "markeredgewidth": 0.8}
    ax.plot(truth[:n_spins], inferred[:n_spins], "D", label="$h$", **edge, **look)
    ax.plot(ends, offset + slope * ends, color=COLOURS["truth"], linestyle="--", linewidth=1.2, label="fit")
    ax.text(0.03, 0.98, note, transform=ax.transAxes, va="top", fontsize=9)
    ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel="true", ylabel="inferred")
    ax.locator_params(nbins=4)
    return ax


def film(axes, states, titles):
    """K noised configurations (K, N, M) in a row of as many axes: black −2, grey zero, white +2."""
    for ax, state, title in zip(axes, states, titles, strict=True):
        ax.imshow(state, cmap="gray", vmin=-2, vmax=2, aspect="auto")
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=9)
        ax.spines[:].set_visible(True)
    return axes


def seeds_by_row(ax, values, labels, roles):
    """One row per quantity: a dot for each seed, a bar at their mean.

    Args:
        values, labels: (R, S seeds), NaN where there is none, and R texts, the first on top.
        roles: R of them, which set the colours; None for a heading, a row without values.
    """
    shown = [(row, *both) for row, both in enumerate(zip(values, roles, strict=True)) if both[1]]
    for row, numbers, role in shown:
        ax.plot(numbers, [row] * len(numbers), "o", color=COLOURS[role], markersize=5, alpha=0.7)
        if not np.isnan(numbers).all():
            mean = np.nanmean(numbers)
            ax.plot([mean], [row], "|", color=COLOURS[role], markersize=16, markeredgewidth=2)
    ax.set(ylim=(len(labels) - 0.5, -0.5), xlim=(0, None))
    ax.set_yticks(range(len(labels)), labels)
    for text, role in zip(ax.get_yticklabels(), roles, strict=False):  # none inside shared axes
        text.set_fontweight("normal" if role else "bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", linewidth=0.4, alpha=0.6)
    return ax


def by_seed(ax, x, gains, role, seeds):
    """One line per seed with error bars, each with a marker of its own; all in the colour of the role.

    Args:
        x, role, seeds: (K,); whose values they are; S labels.
        gains: (S, K, 2), values and their standard errors; or (S, K, 3), values, low and high.
    """
    for seed, row, marker in zip(seeds, gains, "osD^vPX" * len(gains), strict=False):
        look = {"color": COLOURS[role], "marker": marker, "linewidth": 1.0, "capsize": 2.5}
        value, *ends = np.transpose(row)
        errors = np.abs(ends - value) if len(ends) == 2 else ends[0]
        ax.errorbar(x, value, errors, label=f"seed {seed}", **look)
    return ax


def plain_decades(ax):
    """Make the vertical axis logarithmic, with the labels 1, 2, 5, 10, …: for a range of few decades."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    return ax
