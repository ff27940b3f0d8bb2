"""The page that ``ising-book infer`` writes: pictures, numbers, and the commands to repeat it.

The page asks no server for anything and runs no script; whatever comes from the data's file is escaped.
"""

import base64
import contextlib
import csv
import hashlib
import io
import json
import os
import shlex
import tempfile
from pathlib import Path

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ising_book import style
from ising_book.own_fit import BASELINE, TITLES, activity, moments, summary
from ising_lib import metrics

MADE_BY = "ising-book infer"
PAGE = "report.html"
_RUN = "run.json"  # who made the folder; written last
_ASIDE = ".part-"


def _figure(rows, columns, height):
    figure = Figure(figsize=(min(9, 3 * columns + 3), height))  # no window, whatever the machine's setting
    return figure, figure.subplots(rows, columns, squeeze=False, sharex="row", sharey="row")


def _colour(name):
    return style.COLOURS["augmented" if name == "augmented" else "observed"]


def draw_parameters(fits):
    """Fields and couplings of each method; colours as everywhere in the book."""
    limit = max(np.abs(fit.model.to_vector()).max() for fit in fits.values())
    figure = Figure(figsize=(9, 8.2 / len(fits)))
    axes = figure.subplots(1, 2 * len(fits), width_ratios=[1, 10] * len(fits))
    for (name, fit), pair in zip(fits.items(), axes.reshape(-1, 2), strict=True):
        short = TITLES[name].rpartition(", ")[2]  # side by side there is little room
        style.parameters(pair, fit.model.fields, fit.model.couplings, limit, short)
    return figure


def draw_moments(spins, drawn):
    """Moments of each model against those of the data: ⟨σ_i⟩ above, connected ⟨σ_i σ_j⟩ below."""
    figure, axes = _figure(2, len(drawn), 5.6)
    upper = np.triu_indices(spins.shape[1], 1)
    for column, (name, samples) in zip(axes.T, drawn.items(), strict=True):
        pairs = [moments(spins), moments(samples)]
        connected = [(second - np.outer(first, first))[upper] for first, second in pairs]
        for ax, (data, model) in zip(column, ([first for first, _ in pairs], connected), strict=True):
            ends = [min(data.min(), model.min()), max(data.max(), model.max())]
            ax.plot(ends, ends, color=style.COLOURS["truth"], linewidth=0.8)
            ax.plot(data, model, "o", color=_colour(name), markersize=2.5, markeredgewidth=0)
        column[0].set_title(TITLES[name])
        column[1].set_xlabel("in the data")
    axes[0, 0].set_ylabel("⟨σᵢ⟩ in the model")
    axes[1, 0].set_ylabel("⟨σᵢσⱼ⟩ − ⟨σᵢ⟩⟨σⱼ⟩ in the model")
    return figure


def draw_activity(spins, drawn):
    """How often are K spins active at once: data, model, independent spins of the same rates."""
    figure, axes = _figure(1, len(drawn), 3.2)
    law, n_samples = activity(spins), len(spins)
    seen = np.flatnonzero(law)
    error = np.sqrt(law * (1 - law) / n_samples)
    independent = metrics.independent_counts((spins > 0).mean(0))
    for ax, (name, samples) in zip(axes[0], drawn.items(), strict=True):
        model = activity(samples)
        shown = np.flatnonzero(model)
        look = {"color": style.COLOURS["baseline"], "linestyle": style.LINES["baseline"]}
        ax.plot(independent, label=BASELINE, **look)
        ax.plot(shown, model[shown], color=_colour(name), label="model")
        look = {"color": style.COLOURS["truth"], "markersize": 4, "linewidth": 1, "capsize": 2}
        ax.errorbar(seen, law[seen], error[seen], fmt="o", label="data", **look)
        ax.set(yscale="log", title=TITLES[name], xlabel="K, active spins")
    axes[0, 0].set(ylabel="share of the samples", ylim=(0.3 / n_samples, 1))
    axes[0, 0].set_xlim(
        -0.5, max(seen.max(), *(np.flatnonzero(activity(s)).max() for s in drawn.values())) + 0.5
    )
    axes[0, -1].legend()
    return figure


def draw_recovery(recovered):
    """Accuracy of hidden spins filled in, above that of the baseline, with standard errors."""
    figure, axes = _figure(1, 1, 1.6)
    names = [name for name in recovered.scores if name != BASELINE]
    for row, name in enumerate(names):
        gain, error = recovered.gains[name, BASELINE]
        axes[0, 0].errorbar(100 * gain, row, xerr=100 * error, fmt="o", color=_colour(name), capsize=3)
    axes[0, 0].axvline(0, color=style.COLOURS["baseline"], linestyle=style.LINES["baseline"])
    axes[0, 0].set_yticks(range(len(names)), [TITLES[name] for name in names])
    axes[0, 0].set(ylim=(len(names) - 0.5, -0.5), xlabel="points of 100 above the more frequent value")
    return figure


_EXPLAINED = (  # of each picture: title, what it shows for those who do not see it, what to look for
    (
        "Parameters",
        "Matrices of the inferred couplings, one for each method, each with the fields in a column beside it",
        "Fields h and couplings J by each method: orange negative, white zero, purple positive. What all "
        "methods show is more likely to be there than what one of them shows.",
    ),
    (
        "Moments",
        "Moments of samples drawn from each model against those of the data, with the line of equality",
        "Above the mean of each spin, below the covariance of each pair. A model that fits has its dots on"
        " the line, up to the noise of both sides.",
    ),
    (
        "How many spins are active at once",
        "Share of the samples in which K spins are active: data, model, and independent spins",
        "No fit looks at this law itself. Where the line leaves the data by "
        "more than their error bars, couplings of pairs do not explain the data.",
    ),
    (
        "Hidden spins filled in",
        "Accuracy of hidden spins filled in by each method, above that of the more frequent value",
        "In each held-out sample some spins are hidden and filled in by the most probable state. Zero is "
        "what the more frequent value of each spin scores, which for rarely active spins means: all "
        "silent.",
    ),
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Ising model of {{ data.source }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
img { max-width: 100% }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ccc; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto }
</style>
</head>
<body>
<h1>Ising model of {{ data.source }}</h1>
<p>{{ verdict }}</p>
<h2>The data</h2>
<ul>
{% for sentence in data.findings %}<li>{{ sentence }}</li>
{% endfor %}</ul>
{% if notes %}<h2>Warnings</h2>
<ul>
{% for sentence in notes %}<li>{{ sentence }}</li>
{% endfor %}</ul>
{% endif %}<h2>Checks</h2>
<p>Log-likelihood, accuracy and gain come from {{ n_held_out }} held-out samples, scored by fits that have
not seen them; in each, {{ n_hidden }} of the spins were hidden and filled in. Misfit and activity compare all
data with samples drawn from fits to all of them.</p>
<table>
<tr><th>method</th>{% for title in columns %}<th>{{ title }}</th>{% endfor %}</tr>
{% for row in table %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
<ul>
<li><b>log-likelihood</b>: mean log-probability of a spin given all others, in nats; higher is better,
−0.693 knows nothing.</li>
<li><b>accuracy</b>: share of the hidden spins filled in rightly; <b>balanced</b>: the mean of the shares
among the silent and among the active ones, ½ for the more frequent value; <b>gain</b>: accuracy above the
more frequent value in points of 100, with its standard error.</li>
<li><b>misfit</b>: distance of the model's moments from the data's, in standard errors: means, then pairs.
About 1 for the true model, less where the fit follows the data's noise, much more where it does not
fit.</li>
<li><b>activity</b>: total variation distance between the laws of the number of active spins; the data's
noise alone makes about {{ noise }}.</li>
</ul>
{% for picture in pictures %}<h2>{{ picture.title }}</h2>
<p>{{ picture.text }}</p>
<img alt="{{ picture.alt }}" src="data:image/png;base64,{{ picture.png }}">
{% endfor %}<h2>Repeat it</h2>
<pre>{{ commands }}</pre>
<p>Equal seeds give equal parameters on the same machine. Written by ising_lib {{ made.ising_lib }}, commit
{{ made.commit }}, {{ made.started }}, in {{ made.seconds }} s on {{ made.machine }}; Python {{ made.python
}}, NumPy {{ made.numpy }}, PyTorch {{ made.torch }}.</p>
</body>
</html>
"""
_COLUMNS = ("strength", "log-likelihood", "accuracy", "balanced", "gain", "misfit", "activity")


def files(inference, command, provenance):
    """The files of a report.

    Args:
        inference: own_fit.Inference.
        command: what made it, a list of texts: ising-book, infer, the data's path, and so on.
        provenance: from ``provenance.record``.

    Returns:
        dict: {name: bytes}.
    """
    data = inference.data
    written = {
        "parameters.csv": _parameters_csv(inference),
        "parameters.npz": _parameters_npz(inference),
        PAGE: _page(inference, command, provenance),
    }
    run = {
        "made_by": MADE_BY,
        "command": command,
        "data": {"file": data.source, "sha256": data.sha256, "findings": data.findings},
        "checks": summary(inference),
        "notes": inference.notes,
        "provenance": provenance,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in written.items()},
    }
    written[_RUN] = json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False).encode()
    return written


def _parameters_csv(inference):
    """One row per parameter; repr of a float, so that nothing is lost."""
    names, fits = inference.data.names, inference.fits
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["parameter", "spin", "other_spin", *fits, "ridge_plm_standard_error"])
    pairs = zip(*np.triu_indices(len(names), 1), strict=True)
    labels = [("h", name, "") for name in names] + [("J", names[i], names[j]) for i, j in pairs]
    values = [fit.model.to_vector().tolist() for fit in fits.values()]
    for label, *row in zip(labels, *values, inference.errors.tolist(), strict=True):
        table.writerow([*label, *map(repr, row)])
    return out.getvalue().encode()


def _parameters_npz(inference):
    arrays = {"names": np.array(inference.data.names), "ridge_plm_standard_error": inference.errors}
    for name, fit in inference.fits.items():
        arrays |= {f"{name}_fields": fit.model.fields, f"{name}_couplings": fit.model.couplings}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _page(inference, command, provenance):
    data, checks = inference.data, summary(inference)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    law = activity(data.spins)
    commands = [
        f"sha256sum {shlex.quote(command[2])}  # {data.sha256}",
        shlex.join(command),
    ]
    page = environment.from_string(_PAGE).render(
        data=data,
        notes=inference.notes,
        verdict=verdict(checks),
        n_held_out=inference.n_held_out,
        n_hidden=inference.n_hidden,
        columns=_COLUMNS,
        table=[_row(name, row) for name, row in checks.items()],
        # ⟨|p̂ − p|⟩ = √(2 p (1 − p)/(π N)) for each number of active spins
        noise=f"{0.5 * np.sqrt(2 * law * (1 - law) / (np.pi * len(data.spins))).sum():.3f}",
        pictures=_pictures(inference),
        commands="\n".join(commands),
        made=provenance,
    )
    return page.encode()


def verdict(checks):
    """The checks in one or two sentences.

    Args:
        checks: from ``own_fit.summary``.
    """
    known = {name: row["held_out_log_pseudolikelihood"] for name, row in checks.items()}
    best = max(known, key=known.get)
    if best == BASELINE:
        return (
            "No method predicts held-out spins better than independent spins do: the samples are too few, or "
            "the spins do not depend on each other in pairs; do not trust the couplings."
        )
    row = checks[best]
    beyond = row["gain"] > 2 * row["gain_error"]
    title = TITLES[best]
    return (
        f"{title[0].upper()}{title[1:]} predicts held-out spins best. It fills in hidden spins "
        f"{'' if beyond else 'no '}more accurately than the more frequent value of each does."
    )


def _row(name, row):
    def number(key, digits, scale=1):
        value = row.get(key)
        return "–" if value is None else f"{scale * value:.{digits}f}"

    gain = f"{number('gain', 2, 100)} ± {number('gain_error', 2, 100)}" if "gain" in row else "–"
    misfit = f"{number('misfit_means', 1)}, {number('misfit_pairs', 1)}" if "misfit_means" in row else "–"
    return (
        TITLES.get(name, name),
        row.get("setting", "–"),
        number("held_out_log_pseudolikelihood", 4),
        number("accuracy", 4),
        number("balanced_accuracy", 4),
        gain,
        misfit,
        number("activity_distance", 3),
    )


def _pictures(inference):
    """Title, text, alternative text and PNG of each; without those of models that could not be drawn from."""
    spins = inference.data.spins
    drawn = {name: samples for name, samples in inference.drawn.items() if samples is not None}
    with mpl.rc_context():
        style.use_style()
        figures = [
            draw_parameters(inference.fits),
            draw_moments(spins, drawn) if drawn else None,
            draw_activity(spins, drawn) if drawn else None,
            draw_recovery(inference.recovered),
        ]
        shown = [(png(figure), words) for figure, words in zip(figures, _EXPLAINED, strict=True) if figure]
    return [{"png": data, "title": title, "alt": alt, "text": text} for data, (title, alt, text) in shown]


def png(figure):
    """A figure as base64 text, without the date and the version of the program."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()


def claim(folder, *, force=False):
    """Check that the report may be written into ``folder``; create nothing.

    Args:
        folder: where; new, empty, or an earlier report.
        force: replace an earlier report.

    Raises:
        FileExistsError: it holds something else, or an earlier report and ``force`` is not set.
        NotADirectoryError, PermissionError: it, or what it would lie in, is a file or read-only.
    """
    folder = Path(folder)
    if not folder.is_dir():
        place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not place.is_dir():
            raise NotADirectoryError(f"--out must be a folder, got {str(folder)!r}: {str(place)!r} is a file")
        _require_writable(folder, place)
        return
    _require_writable(folder, folder)
    found = [path.name for path in folder.iterdir() if not path.name.startswith(_ASIDE)]
    if not found:
        return
    if not _is_report(folder):
        raise FileExistsError(
            f"--out must be new, empty, or an earlier report, got {str(folder)!r} with {found[0]!r}"
        )
    if not force:
        raise FileExistsError(
            f"--out must be new or empty, got {str(folder)!r}, an earlier report: replace it by --force"
        )


def _require_writable(folder, place):
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"--out must be a folder that can be written, got {str(folder)!r}: {str(place)!r} cannot"
        )


def _is_report(folder):
    try:
        return json.loads((folder / _RUN).read_bytes())["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(folder, contents):
    """Write all files aside, then rename each: a reader never sees half of one.

    Args:
        folder: checked by ``claim``; created where there is none.
        contents: {name: bytes}.
    """
    folder = Path(folder)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_ASIDE) as aside:
            for name, content in contents.items():
                (Path(aside) / name).write_bytes(content)
            for name in contents:
                (Path(aside) / name).replace(folder / name)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):  # the first error is the one to be told
                folder.rmdir()
        raise
