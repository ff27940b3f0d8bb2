"""How the book draws: one style, one colour per role, functions that take an Axes and return it."""

import html
import re

import matplotlib as mpl
import numpy as np

from ising_lib import _checks

# Okabe and Ito's colours, told apart by colour-blind readers; line styles and markers repeat the
# distinction for print.
COLOURS = {
    "observed": "#0072B2",
    "augmented": "#D55E00",
    "truth": "#000000",
    "test": "#56B4E9",
    "baseline": "#7F7F7F",
    "error": "#CC79A7",
}
LINES = {"observed": "--", "augmented": "-", "truth": "-", "test": "-.", "baseline": ":", "error": "-"}
MARKERS = {"observed": "s", "augmented": "o", "truth": "", "test": "^", "baseline": "d", "error": "x"}

_STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.facecolor": "white",  # stays legible on the book's dark theme
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "image.interpolation": "nearest",
}


def use_style():
    """Set the book's style for the rest of a notebook."""
    mpl.rcParams.update(_STYLE)


def curve(ax, x, values, role, label=None):
    """Mean over seeds as a line, smallest to largest as a band.

    Args:
        ax: where to draw.
        x: (K,).
        values: (S seeds, K) or (K,).
        role: who this is, which sets colour, line and marker.
        label: for the legend; the role by default.

    Returns:
        matplotlib.axes.Axes: ``ax``.
    """
    _checks.choice("role", role, tuple(COLOURS))
    values = np.atleast_2d(values)  # (S, K)
    look = {"color": COLOURS[role], "linestyle": LINES[role], "marker": MARKERS[role]}
    ax.plot(x, values.mean(0), label=label or role, **look)
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


def training_axis(axes, stops):
    """Finish panels drawn against training iterations: logarithmic axis, stopping points, legends.

    Args:
        axes: (rows, columns) of Axes that share their x axis.
        stops: for each column, the iterations at which the rule stops.

    Returns:
        numpy.ndarray: ``axes``.
    """
    for column, iterations in zip(axes.T, stops, strict=True):
        for ax in column:
            ax.set_xscale("log")
            for n, iteration in enumerate(iterations):
                label = None if n else "stopping point"
                ax.axvline(iteration, color=COLOURS["truth"], linewidth=0.9, alpha=0.6, label=label)
            ax.legend()
        column[-1].set_xlabel("training iterations")
    return axes


def parameters(axes, fields, couplings, limit, title):
    """Fields as a column beside couplings as a matrix: orange negative, white zero, purple positive.

    Args:
        axes: two Axes, narrow and square.
        fields: (M,).
        couplings: (M, M).
        limit: the value of the full colours, in units of the temperature.
        title: what is shown.

    Returns:
        the two axes.
    """
    for ax, values, name in zip(axes, (fields[:, None], couplings), ("h", "J"), strict=True):
        image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        ax.spines[:].set_visible(False)
        ax.set_title(f"${name}$: {title}" if name == "J" else f"${name}$")
    axes[0].set_xticks([])
    axes[0].set_ylabel("spin")
    axes[1].figure.colorbar(image, ax=axes[1], shrink=0.9)
    return axes


def raster(ax, spins, missing=None, wrong=None, title=None):
    """Samples as rows of squares: black −1, white +1, grey missing; wrong ones ringed.

    Args:
        ax: where to draw.
        spins: (N, M) of ±1.
        missing: (N, M) bool, drawn grey.
        wrong: (N, M) bool, marked.
        title: above it.
    """
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


# In place of the signs that matplotlib's player fetches from a server.
_SIGNS = {
    "fa fa-minus": "−",
    "fa fa-fast-backward": "«",
    "fa fa-step-backward": "‹",
    "fa fa-play fa-flip-horizontal": "◀",
    "fa fa-pause": "||",
    "fa fa-play": "▶",
    "fa fa-step-forward": "›",
    "fa fa-fast-forward": "»",
    "fa fa-plus": "+",
}


def player(animation, name, alt="animation"):
    """An animation to play in the page: its pictures inside, no network needed, the same at every call.

    Matplotlib's own player has a random name and fetches the signs on its buttons from a server.

    Args:
        animation: matplotlib.animation.Animation; its figure is closed.
        name: an identifier that no other player in the book has, e.g. "fig03_denoising".
        alt: what it shows, for those who do not see it.

    Returns:
        IPython.display.HTML
    """
    import matplotlib.pyplot as plt
    from IPython.display import HTML

    if not name.isidentifier():
        raise ValueError(f"name must be an identifier like 'fig03_denoising', got {name!r}")
    page = animation.to_jshtml(default_mode="once")
    plt.close(animation._fig)  # else the notebook would show its last state below
    [random_name] = re.findall(r'<img id="_anim_img([0-9a-f]{32})"', page)
    page = re.sub(r"<link\b[^>]*>", "", page)
    page = re.sub(r'<i class="([^"]*)"></i>', lambda sign: _SIGNS[sign[1]], page)
    page = page.replace("<img id=", f'<img alt="{html.escape(alt)}" id=')
    page = page.replace("\\\n", "")  # between pieces of a picture
    return HTML(page.replace(random_name, f"_{name}").strip())


def against_truth(ax, truth, inferred):
    """Inferred against true parameters, with the diagonal where they agree  (thesis Fig. 5 and 9).

    Args:
        ax: where to draw.
        truth: (L,) true fields and couplings.
        inferred: dict from role to (L,) inferred ones; the last lies on top.

    Returns:
        matplotlib.axes.Axes: ``ax``.
    """
    limits = np.array([truth.min(), truth.max()]) * 1.05
    ax.plot(limits, limits, color=COLOURS["truth"], linewidth=0.8, zorder=0)
    for role, values in inferred.items():
        look = {"color": COLOURS[role], "marker": MARKERS[role], "linestyle": "none"}
        ax.plot(truth, values, label=role, markersize=2.2, alpha=0.6, markeredgewidth=0, **look)
    ax.set(xlabel="true parameter", ylabel="inferred")
    ax.legend(markerscale=2.5)
    return ax


def fields_and_couplings(ax, truth, inferred, n_spins, role, limit, note=""):
    """Inferred against true parameters, fields told apart from couplings  (thesis Fig. 5).

    Args:
        ax: where to draw.
        truth, inferred: (L,) fields, then couplings.
        n_spins: M, how many of them are fields.
        role: whose inference it is, which sets the colour.
        limit: both axes run from −limit to +limit.
        note: text in the upper left corner.

    Returns:
        matplotlib.axes.Axes: ``ax``.
    """
    _checks.choice("role", role, tuple(COLOURS))
    ends = np.array([-limit, limit])
    slope, offset = np.polyfit(truth, inferred, 1)
    look = {"color": COLOURS[role], "linestyle": "none"}
    ax.plot(ends, ends, color=COLOURS["truth"], linewidth=0.8, label="equal")
    ax.plot(truth[n_spins:], inferred[n_spins:], "o", markersize=2.2, markeredgewidth=0, label="$J$", **look)
    edge = {"markersize": 4.5, "markeredgecolor": "black", "markeredgewidth": 0.7}
    ax.plot(truth[:n_spins], inferred[:n_spins], "D", label="$h$", **edge, **look)
    ax.plot(ends, offset + slope * ends, color=COLOURS["truth"], linestyle="--", linewidth=1.2, label="fit")
    ax.text(0.03, 0.98, note, transform=ax.transAxes, va="top", fontsize=9)
    ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel="true", ylabel="inferred")
    return ax


def training_film(truth, inferred, n_spins, iterations, error, observed_error):
    """One picture per checkpoint: inferred against true parameters, and where we are on the error curve.

    Args:
        truth: (L,) fields, then couplings.
        inferred: (K, L), one row per checkpoint.
        n_spins: M.
        iterations: (K,).
        error: (K,) MSE of the rows  (thesis Eq. 23).
        observed_error: MSE of the parameters inferred from the observed samples.

    Returns:
        matplotlib.animation.FuncAnimation: for ``player``.
    """
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.5))
    curve(right, iterations, error, "augmented")
    level(right, observed_error, "observed")
    right.set(xscale="log", xlabel="training iterations", ylabel="MSE")
    right.legend()
    [here] = right.plot([], [], "o", markersize=11, markerfacecolor="none", markeredgecolor="black")
    limit = 1.05 * max(np.abs(truth).max(), np.abs(inferred).max())

    def draw(frame):
        left.clear()
        note = f"slope {np.polyfit(truth, inferred[frame], 1)[0]:.2f}\nMSE {error[frame]:.3f}"
        fields_and_couplings(left, truth, inferred[frame], n_spins, "augmented", limit, note)
        left.set_title(f"{iterations[frame]:,} iterations")
        left.legend(loc="lower right", markerscale=1.5)
        here.set_data([iterations[frame]], [error[frame]])

    return FuncAnimation(fig, draw, frames=len(iterations), interval=800)


def fan(ax, x, rows, labels, role="augmented"):
    """One line per checkpoint, from pale to full colour as training goes on.

    Args:
        ax: where to draw.
        x: (D,).
        rows: (K, D).
        labels: K names for the legend, None for a line without.
        role: whose lines, which sets the colour.

    Returns:
        matplotlib.axes.Axes: ``ax``.
    """
    _checks.choice("role", role, tuple(COLOURS))
    full = np.array(mpl.colors.to_rgb(COLOURS[role]))
    for strength, row, label in zip(np.linspace(0.25, 1.0, len(rows)), rows, labels, strict=True):
        ax.plot(x, row, color=1 - strength * (1 - full), linewidth=0.8 + strength, label=label)
    return ax
