# %% tags=["apart"] [markdown]
# # Your data
#
# `ising-book infer FILE` executes this notebook and writes it as one page, the verdict first.

# %% tags=["parameters"]
path = "spikes.csv"
options = {}  # of own_data.load
seed = 0
augment = False
n_iterations = 6000
n_samples = 100_000
folder = "."

# %%
import base64
import html
import io
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure

from ising_book import own_data, style
from ising_book.runs import one_thread
from ising_book.worlds import stream
from ising_lib import ddpm, denoisers, erasure, estimators, imputation, metrics
from ising_lib.ising import IsingModel

data = own_data.load(path, **options)
names, notes = data.names, []
warnings = logging.Handler(logging.WARNING)
warnings.emit = lambda record: notes.append(f"{record.getMessage()}.")
logging.getLogger("ising_lib").addHandler(warnings)
style.use_style()

# %% [markdown]
# ## How it is computed
#
# Missing spins are drawn from their distribution given the known ones. Maximum likelihood matches the means
# and the pairs; a normal prior of width 1 keeps each coupling finite. The other methods stand beside it.


# %%
def fit_all(spins):
    """{method: model}, the ridge, the completed copies (K, N, M) and what the drawing adds to the variance."""
    copies, ridge, vectors = own_data.complete(spins, rng=stream(seed, "complete"))
    filled = copies.reshape(-1, spins.shape[1])
    models = {}
    if spins.shape[1] <= own_data.MAX_MATCHED:
        try:
            weak = 1 / (2 * len(spins))
            found = estimators.maximum_likelihood(filled, weak, rng=stream(seed, "chains"))
            models["maximum likelihood"] = found.model
        except RuntimeError as error:  # NotConverged, NotMixed
            notes.append(f"No model by maximum likelihood: {error}.")
    else:
        most = own_data.MAX_MATCHED
        notes.append(f"No model by maximum likelihood, which takes hours beyond {most} spins.")
    models["ridge PLM"] = IsingModel.from_vector(vectors.mean(0), spins.shape[1])
    models["Erasure Machine"] = erasure.fit(filled).model
    if augment:
        models["Erasure Machine, augmented"] = erasure.fit(generated(filled)).model
    added = (1 + 1 / len(copies)) * vectors.var(0, ddof=1) if len(copies) > 1 else 0.0
    return models, ridge, copies, added


def generated(spins):
    """Samples of a diffusion model that is trained on (N, M) spins: the unrolled mean-field denoiser."""
    rng, schedule = stream(seed, "augmentation"), ddpm.NoiseSchedule.linear()
    denoiser = denoisers.MeanField(spins.shape[1], schedule.n_steps, rng=rng)
    for _ in ddpm.train(denoiser, schedule, spins, n_iterations=n_iterations, rng=rng):
        pass
    return ddpm.to_spins(ddpm.sample(denoiser, schedule, n_samples, rng=rng))


with one_thread():
    models, ridge, copies, added = fit_all(data.spins)
    filled = copies.reshape(-1, len(names))
    drawn = {
        name: own_data.draw(model, filled, stream(seed, f"draw {name}")) for name, model in models.items()
    }
    errors = own_data.standard_errors(models, ridge, filled, len(data.spins), drawn, added)
    notes += own_data.without_errors(errors, data)

# %% [markdown]
# Each method is fitted again without a fifth of the samples, and predicts these.

# %%
training, test, kept = own_data.hold_out(data.spins, stream(seed, "held out"), notes)
checks = {name: {} for name in models}
if test is not None:
    with one_thread():
        told, notes = notes, []  # what the second fits say, the first have said
        checked = fit_all(training)[0]
        notes = told
    checked["independent spins"] = own_data.independent(training)
    hidden = imputation.random_mask(
        test.shape, max(1, min(test.shape[1] // 4, 10)), rng=stream(seed, "hidden")
    )
    recovered = metrics.compare(imputation.recover(checked, test, hidden), test, hidden)
    checks = own_data.prediction(checked, test, recovered)
for name in models:
    checks.setdefault(name, {}).update(
        own_data.reproduction(filled, len(data.spins), drawn[name], stream(seed, "noise"))
    )
verdict = own_data.verdict({name: checks[name] for name in models})


# %% tags=["first"]
def say(sentences, tag="li"):
    """Sentences as HTML; whatever comes from the file is escaped."""
    text = "".join(f"<{tag}>{html.escape(one)}</{tag}>\n" for one in sentences)
    return HTML(f"<ul>{text}</ul>" if tag == "li" else text)


def table(rows):
    return HTML(pd.DataFrame(rows).to_html(index=False, border=0, na_rep="–"))


def picture(figure, alt):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    content = base64.b64encode(buffer.getvalue()).decode()
    return HTML(f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{content}">')


display(say(verdict, "p"))
display(HTML("<h2>The data</h2>"), say(data.findings))
if notes:
    notes = list(dict.fromkeys(notes))
    display(HTML("<h2>Warnings</h2>"), say(notes))

# %% [markdown]
# ## Strongest couplings
#
# With their 95% intervals. *Distinguishable* from zero: 5% of those so called are expected to be false
# (Benjamini and Hochberg 1995). In 0/1 coding, x = (1 + σ)/2, the coupling is 4 J.

# %%
best = next(iter(models))
pairs = own_data.edges(models[best], errors.get(best), names)
strongest = pairs.reindex(pairs["coupling"].abs().sort_values(ascending=False).index)
n_clear = int(pairs["distinguishable"].sum())
display(
    HTML(f"<p>{n_clear} of {len(pairs)} couplings are distinguishable from zero.</p>"),
    table(strongest.head(20).round(3)),
)

# %% [markdown]
# ## Checks
#
# *Misfit*: distance of the model's means, and of its covariances, from the data's, in standard errors: about
# 1 for the true model, less where the fit follows the noise, much more where it does not fit. *Activity*:
# distance between the distributions of the number of active spins, and the largest that noise explains.
# *Gain*: mean log-probability of a held-out spin given all others, above that of independent spins, in
# nats. *Accuracy*: hidden spins filled in rightly; its gain is counted above independent spins. The
# intervals are of 95%.


# %%
def interval(row, key, scale=1):
    if key not in row:
        return "–"
    return f"{scale * row[key]:.3f} ± {scale * 1.96 * row[key + '_error']:.3f}"


def number(row, key, digits):
    return f"{row[key]:.{digits}f}" if row.get(key) is not None else "–"


display(
    table(
        {
            "method": name,
            "misfit of means": number(row, "misfit_means", 1),
            "of covariances": number(row, "misfit_covariances", 1),
            "activity": number(row, "activity_distance", 3),
            "noise": number(row, "activity_noise", 3),
            "gain": interval(row, "gain"),
            "accuracy": number(row, "accuracy", 4),
            "its gain": interval(row, "accuracy_gain"),
        }
        for name, row in checks.items()
    )
)

# %% [markdown]
# ## Parameters
#
# Fields above, couplings below, each with a scale of its own: orange negative, white zero, purple positive.

# %%
size = min(8.5, 4 + 0.12 * len(names))
for name, model in models.items():
    fig = Figure(figsize=(size, size))
    axes = fig.subplots(2, 1, height_ratios=[1, 12])
    for ax, values in zip(axes, (model.fields[None], model.couplings), strict=True):
        limit = np.abs(values).max()
        image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        fig.colorbar(image, ax=ax)
    axes[0].set(title=name, xticks=[], yticks=[])
    shown = range(0, len(names), 1 + len(names) // 40)
    labels = [names[n][:16] for n in shown]
    plain = {"fontsize": 7, "parse_math": False}
    axes[1].set_xticks(shown, labels, rotation=90, **plain)
    axes[1].set_yticks(shown, labels, **plain)
    display(picture(fig, f"Fields and matrix of the couplings inferred by {name}"))

# %% [markdown]
# ## Moments
#
# Means and covariances of samples drawn from each model against the data's: a model that fits has its dots
# on the line.

# %%
able = {name: some for name, some in drawn.items() if some is not None}
upper = np.triu_indices(len(names), 1)
for row, what in enumerate(("mean", "covariance") if able else ()):
    fig = Figure(figsize=(3 * len(able), 3))
    for ax, (name, some) in zip(fig.subplots(1, len(able), squeeze=False)[0], able.items(), strict=True):
        x, y = (own_data.moments(s)[row] for s in (filled, some))
        x, y = (x[upper], y[upper]) if row else (x, y)
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        ax.plot(ends, ends, color=style.COLOURS["truth"], linewidth=0.8)
        ax.plot(x, y, "o", color=style.COLOURS["observed"], markersize=2.5)
        ax.set(title=name, xlabel=f"{what} in the data", ylabel="in the model")
    display(picture(fig, f"Each {what} in samples of the models against the data's"))

# %% [markdown]
# ## How many spins are active at once
#
# No fit looks at this distribution. Where a line leaves the data, couplings of pairs do not explain them.

# %%
fig = Figure(figsize=(6, 3.4))
ax = fig.subplots()
share = own_data.activity(filled)
seen = np.flatnonzero(share)
deviation = np.sqrt(share * (1 - share) / len(data.spins))[seen]
black = {"color": style.COLOURS["truth"], "capsize": 2, "markersize": 4}
ax.errorbar(seen, share[seen], deviation, fmt="o", label="data", **black)
roles = ("rival", "corrected", "observed", "augmented")
for role, (name, some) in zip(roles, able.items(), strict=False):
    law = own_data.activity(some)
    at = np.flatnonzero(law)
    ax.plot(at, law[at], color=style.COLOURS[role], linestyle=style.LINES[role], label=name)
apart = metrics.independent_counts((filled > 0).mean(0))
grey = {"color": style.COLOURS["baseline"], "linestyle": style.LINES["baseline"]}
ax.plot(apart, label="independent spins", **grey)
ax.set(yscale="log", ylim=(0.3 / len(data.spins), 1), xlabel="K, active spins")
ax.set_ylabel("share of the samples")
ax.legend()
display(picture(fig, "Share of the samples in which K spins are active: data and models"))

# %% [markdown]
# ## What to do next
#
# `edges.csv` lists the couplings with their intervals and goes into networkx by
# `networkx.from_pandas_edgelist(edges, "spin", "other_spin", "coupling")`. `zero_one.csv` holds the same
# model for x of 0 and 1: the couplings, and on the diagonal the biases. `parameters.csv` has all methods.
# Where the verdict is good, look at the distinguishable couplings first. Where it is not, follow its advice
# before you read any of them.

# %% tags=["apart"]
own_data.write(Path(folder), models, errors, names, pairs)
found = {"data": {"file": data.source, "sha256": data.sha256, "findings": data.findings}}
found |= {"verdict": verdict, "checks": checks, "notes": notes}
(Path(folder) / "run.json").write_text(json.dumps(found))
