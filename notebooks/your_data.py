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
import contextlib
import html
import io
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure
from scipy import stats

from ising_book import own_data, scoring, style
from ising_book.reading import list_of
from ising_book.runs import one_thread
from ising_book.worlds import stream
from ising_lib import boltzmann, ddpm, denoisers, erasure, estimators, exact, imputation, sampling
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


# %% tags=["functions"]
MAX_MATCHED = 50  # spins; beyond, Boltzmann learning of the M² parameters takes hours
_HELD_OUT, _MOST_HELD_OUT, _FEWEST_HELD_OUT = 5, 2000, 4  # one sample in so many, and how many at all
_N_DRAWN = 20_480
_CHAINS = (
    {"burn_in": 1000, "thin": 100, "n_temperatures": 1},
    {"burn_in": 2000, "thin": 200, "n_temperatures": 10},
)
_MISFIT = 1.5  # 1 for the true model, less for one that follows the noise


def complete(spins, *, rng, n_copies=5, n_rounds=4):
    """Missing spins drawn given the known ones, by stochastic EM  (Celeux and Diebolt 1985).

    In each copy, ridge pseudolikelihood is fitted, the missing spins are drawn from its model by a heat bath,
    and so on; the spread of the copies is what the missing values add to the variance  (Rubin 1987).

    Args:
        spins: (N, M) int8 of ±1, 0 where missing.
        rng: stream of the draws and of the folds.
        n_copies: K; one where nothing is missing.
        n_rounds: fits before the last one.

    Returns:
        tuple: (K, N, M) int8 of ±1, the ridge λ, and (K, L) the parameters of ridge pseudolikelihood.
    """
    missing = spins == 0
    if not missing.any():
        fit = estimators.pseudolikelihood(spins, rng=rng)
        return spins[None], fit.ridge, fit.model.to_vector()[None]
    rates = (spins > 0).sum(0) / (~missing).sum(0)
    copies, vectors, ridge = [], [], "auto"
    for copy in range(n_copies):
        filled = np.where(missing, np.where(rng.random(spins.shape) < rates, 1, -1), spins).astype(np.int8)
        for n in range(n_rounds):
            fit = estimators.pseudolikelihood(filled, "auto" if copy == 0 and n < 2 else ridge, rng=rng)
            ridge = fit.ridge
            filled = _redrawn(fit.model, filled, missing, rng)
        copies.append(filled)
        vectors.append(estimators.pseudolikelihood(filled, ridge).model.to_vector())
    return np.array(copies), ridge, np.array(vectors)


def _redrawn(model, spins, missing, rng, n_sweeps=5):
    state = spins.astype(np.float64)
    for i in np.tile(np.flatnonzero(missing.any(0)), n_sweeps):
        rows = missing[:, i]
        up = sampling.heat_bath_probability(model.fields[i] + state[rows] @ model.couplings[i])
        state[rows, i] = np.where(rng.random(rows.sum()) < up, 1, -1)
    return state.astype(np.int8)


def matched(spins, n_samples, rng):
    """Maximum likelihood with a normal prior of width 1 on each coupling: exact up to 20 spins.

    Beyond, Boltzmann learning starts from independent spins, since pseudolikelihood may be far from the data;
    a penalty of 1e-3 at least keeps pairs that are never active together from running away.
    """
    weak = penalty(n_samples, spins.shape[1])
    if spins.shape[1] <= exact.MAX_SPINS:
        return estimators.maximum_likelihood(spins, weak).model
    start = imputation.independent_model(spins)
    return boltzmann.fit(spins, start, rng=rng, ridge=weak, max_iterations=100).model


def penalty(n_samples, n_spins):
    """λ of maximum likelihood."""
    return max(1 / (2 * n_samples), 1e-3 if n_spins > exact.MAX_SPINS else 0)


def draw(model, spins, rng):
    """(N', M) samples of a model, by plain heat bath, by tempering, or None where neither mixes."""
    if model.n_spins <= exact.MAX_SPINS:
        return exact.sample(model, _N_DRAWN, rng=rng)
    for settings in _CHAINS:
        with contextlib.suppress(sampling.NotMixed):
            return sampling.sample(model, _N_DRAWN, rng=rng, **settings)
    return None


# %% tags=["functions"]
def standard_errors(models, ridge, spins, n_samples, drawn, added):
    """Standard errors of maximum likelihood and of ridge pseudolikelihood that hold in a wrong model too.

    With the gradient g of the loss for each sample and its mean curvature H, they are the roots of the
    diagonal of H⁻¹ Cov(g) H⁻¹/N  (Huber 1967), plus what missing values add.

    Args:
        models: {method: IsingModel}.
        ridge: λ of pseudolikelihood.
        spins: (K N, M), the completed copies.
        n_samples: N.
        drawn: {method: samples of the model, or None}.
        added: (L,) variance by missing values.

    Returns:
        dict: {method: (L,)}.
    """
    found = {"ridge PLM": _nodewise_variance(models["ridge PLM"], spins[:: 1 + len(spins) // 20_000], ridge)}
    if drawn.get("maximum likelihood") is not None:
        curvature = _feature_covariance(drawn["maximum likelihood"])
        prior = np.arange(len(curvature)) >= spins.shape[1]
        penalties = 2 * penalty(n_samples, spins.shape[1]) * prior
        inverse = np.linalg.inv(curvature + np.diag(penalties + 1e-9))
        found["maximum likelihood"] = np.diag(inverse @ _feature_covariance(spins) @ inverse)
    return {name: np.sqrt(variance / n_samples + added) for name, variance in found.items()}


def _feature_covariance(spins):
    upper, total, second = np.triu_indices(spins.shape[1], 1), 0.0, 0.0
    for start in range(0, len(spins), 4096):
        block = spins[start : start + 4096].astype(np.float32)
        features = np.concatenate([block, block[:, upper[0]] * block[:, upper[1]]], axis=1)
        total, second = total + features.sum(0), second + features.T @ features
    mean = total.astype(np.float64) / len(spins)
    return second.astype(np.float64) / len(spins) - np.outer(mean, mean)


def _nodewise_variance(model, spins, ridge):
    """N times the variance of ridge pseudolikelihood, (L,): J_ij is the mean of its two regressions."""
    n_spins = model.n_spins
    features = np.concatenate([spins, np.ones((len(spins), 1))], axis=1).astype(np.float64)
    means = np.tanh(model.fields + spins @ model.couplings)
    inverses = []
    for i in range(n_spins):
        curvature = (features.T * (1 - means[:, i] ** 2)) @ features / len(spins)
        curvature[np.arange(n_spins), np.arange(n_spins)] += 2 * ridge
        curvature[i], curvature[:, i] = 0, 0
        curvature[i, i] = np.inf  # its own value is no feature
        keep = np.arange(n_spins + 1) != i
        inverse = np.zeros_like(curvature)
        inverse[np.ix_(keep, keep)] = np.linalg.inv(curvature[np.ix_(keep, keep)] + 1e-9 * np.eye(n_spins))
        inverses.append(inverse)
    inverses, upper = np.array(inverses), np.triu_indices(n_spins, 1)
    total, second = 0.0, 0.0
    for start in range(0, len(spins), 128):
        rows = slice(start, start + 128)
        gradients = (spins[rows] - means[rows]).T[:, :, None] * features[rows]  # (M, B, M + 1)
        moved = gradients @ inverses
        pairs = (moved[:, :, :-1] + moved[:, :, :-1].transpose(2, 1, 0)) / 2  # of J_ij: (i, B, j)
        vectors = np.concatenate([moved[:, :, -1], pairs.transpose(0, 2, 1)[upper]])  # (L, B)
        total, second = total + vectors.sum(1), second + (vectors**2).sum(1)
    return second / len(spins) - (total / len(spins)) ** 2


def without_errors(errors, data, ridge):
    """Take away the errors of rare columns, in place; sentences on that, and on what errors leave out."""
    known = (data.spins != 0).sum(0)
    ups = (data.spins > 0).sum(0)
    rare = np.minimum(ups, known - ups) < own_data.RARE
    first, second = np.triu_indices(len(rare), 1)
    for values in errors.values():
        values[np.concatenate([rare, rare[first] | rare[second]])] = np.nan
    said = [
        "The standard errors are those of independent samples; they do not contain what a penalty takes from "
        "all couplings, nor spins that nobody recorded."
    ]
    if ridge >= 0.01:
        said.append(
            f"The penalty of ridge PLM is strong (λ = {ridge:.2g}): it takes more from its couplings than the "
            "standard errors say."
        )
    if rare.any():
        said.append(
            f"No standard errors for the parameters of {list_of(repr(name) for name, is_rare in zip(data.names, rare, strict=True) if is_rare)}: the "
            f"rarer value occurs fewer than {own_data.RARE} times there."
        )
    return said


# %%
def fit_all(spins):
    """{method: model}, the ridge, the completed copies (K, N, M) and what the drawing adds to the variance."""
    copies, ridge, vectors = complete(spins, rng=stream(seed, "complete"))
    filled = copies.reshape(-1, spins.shape[1])
    models = {}
    if spins.shape[1] <= MAX_MATCHED:
        try:
            models["maximum likelihood"] = matched(filled, len(spins), stream(seed, "chains"))
        except RuntimeError as error:  # NotConverged, NotMixed
            notes.append(f"No model by maximum likelihood: {error}.")
    else:
        most = MAX_MATCHED
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
    drawn = {name: draw(model, filled, stream(seed, f"draw {name}")) for name, model in models.items()}
    errors = standard_errors(models, ridge, filled, len(data.spins), drawn, added)
    notes += without_errors(errors, data, ridge)


# %% tags=["functions"]
def hold_out(spins, rng, notes):
    """A training part, a test part of complete samples, and which columns vary in the first.

    The test part is None, and a sentence in ``notes`` says so, where there are not enough complete samples.
    """
    whole = rng.permutation(np.flatnonzero((spins != 0).all(1)))
    n_test = min(len(spins) // _HELD_OUT, len(whole) // 2, _MOST_HELD_OUT)
    training, test = np.delete(spins, whole[:n_test], axis=0), spins[whole[:n_test]]
    varies = (training > 0).any(0) & (training < 0).any(0)
    if n_test < _FEWEST_HELD_OUT or varies.sum() < 2:
        notes.append("No check on held-out samples: there are too few complete ones, or columns that vary.")
        return training, None, varies
    if not varies.all():
        notes.append(
            f"Columns that vary too rarely for the held-out checks and are not in them: {(~varies).sum()}."
        )
    return np.ascontiguousarray(training[:, varies]), np.ascontiguousarray(test[:, varies]), varies


def independent(spins):
    """Independent spins with the means of the known values: the baseline."""
    known = (spins != 0).sum(0)
    means = spins.sum(0, dtype=np.int64) / known
    return IsingModel(np.arctanh(means), np.zeros((len(means), len(means))))


def prediction(models, test, recovered):
    """How each method predicts held-out samples, and by how much better than the last one, the baseline.

    Args:
        models: {method: IsingModel}, fitted to other samples; the last is the baseline.
        test: (N, M) of ±1.
        recovered: scoring.Comparison of the same methods.

    Returns:
        dict: {method: {"log_pseudolikelihood", "gain", "gain_error", "accuracy", …}}, in nats per spin.
    """
    scores = {
        name: -np.logaddexp(0, -2 * test * (model.fields + test @ model.couplings)).mean(1)
        for name, model in models.items()
    }
    *_, baseline = models
    rows = {}
    for name, score in scores.items():
        row = rows[name] = {
            "log_pseudolikelihood": float(score.mean()),
            "accuracy": recovered.scores[name].accuracy,
        }
        if name != baseline:
            gain = score - scores[baseline]
            row["gain"], row["gain_error"] = float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
            row["accuracy_gain"], row["accuracy_gain_error"] = recovered.gains[name, baseline]
    return rows


def moments(spins):
    """⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ − ⟨σ_i⟩⟨σ_j⟩ (M, M) of samples (N, M)."""
    means = spins.mean(0, dtype=np.float64)
    spins = spins.astype(np.float32)
    return means, (spins.T @ spins).astype(np.float64) / len(spins) - np.outer(means, means)


def activity(spins):
    """Distribution of the number of active spins, K = Σ_i (σ_i + 1)/2: shares (M + 1,)."""
    return np.bincount((np.asarray(spins) > 0).sum(1), minlength=spins.shape[1] + 1) / len(spins)


def reproduction(spins, n_samples, drawn, rng):
    """Has the model the data's means, covariances and distribution of activity?

    Misfits are roots of mean squares of (data − model)/standard error, the error being that of N independent
    samples of the model, and of those drawn.  Activity is compared by total variation distance, with the 99 %
    quantile of what N samples of the model give.

    Args:
        spins: (K N, M) completed copies of the data.
        n_samples: N.
        drawn: (N', M) from the model, or None.
        rng: stream of the quantile.

    Returns:
        dict: "misfit_means", "misfit_covariances", "activity_distance", "activity_noise"; empty for None.
    """
    if drawn is None:
        return {}
    (means, covariances), (other_means, other) = moments(spins), moments(drawn)
    single = 1 - other_means**2
    variance = np.outer(single, single) + 4 * np.outer(other_means, other_means) * other - other**2
    upper, share = np.triu_indices(len(means), 1), 1 / n_samples + 1 / len(drawn)
    z = (means - other_means) / np.sqrt(np.maximum(single, 1 / len(drawn)) * share)
    pairs = ((covariances - other) / np.sqrt(np.maximum(variance, 1 / len(drawn)) * share))[upper]
    law = activity(drawn)
    noise = np.abs(rng.multinomial(n_samples, law, 500) / n_samples - rng.multinomial(
        len(drawn), law, 500) / len(drawn)).sum(1) / 2  # fmt: skip
    return {
        "misfit_means": float(np.sqrt((z**2).mean())),
        "misfit_covariances": float(np.sqrt((pairs**2).mean())),
        "activity_distance": float(exact.total_variation(activity(spins), law)),
        "activity_noise": float(np.quantile(noise, 0.99)),
    }


# %% tags=["functions"]
def verdict(checks):
    """What the checks say, the worst first: sentences, about the first method before the others.

    Args:
        checks: {method: from ``reproduction`` and ``prediction``}.
    """
    sentences = []
    for name, row in checks.items():
        title, first = name[0].upper() + name[1:], not sentences
        failed = _failed(row)
        if failed is None:
            sentences.append(
                f"{title} gives a model whose samples do not mix: whether it reproduces the data is unknown; "
                "do not use its parameters."
            )
        elif failed:
            sentences.append(
                f"{title} does not reproduce the data's {', '.join(failed.values())}: {_advice(failed)}."
            )
        elif first:
            sentences.append(
                f"{title} reproduces the data's means, covariances and distribution of the number of active "
                "spins within noise."
            )
        sentences += _of_prediction(title, row, first)
    return sentences


def _failed(row):
    """{what is not reproduced: with its size in words}; None where nothing is known."""
    if "misfit_means" not in row:
        return None
    failed = {
        what: f"{what} (misfit {row[f'misfit_{what}']:.1f}, where noise makes about 1)"
        for what in ("means", "covariances")
        if row[f"misfit_{what}"] > _MISFIT
    }
    if row["activity_distance"] > row["activity_noise"]:
        failed["activity"] = (
            f"distribution of the number of active spins (distance {row['activity_distance']:.3f}, where "
            f"noise makes at most {row['activity_noise']:.3f})"
        )
    return failed


def _advice(failed):
    if set(failed) == {"activity"}:
        return (
            "pairs alone do not explain it, as with inputs that all spins share; read the couplings as a "
            "description of the pairs"
        )
    return "do not use its parameters"


def _of_prediction(title, row, first):
    if "gain" not in row:
        return []
    gain, error = row["gain"], 1.96 * row["gain_error"]
    size = f"by {abs(gain):.4f} ± {error:.4f} nats per spin"
    if gain < -error:
        return [f"{title} predicts held-out spins worse than independent spins do, {size}."]
    if gain > error:
        return [f"It predicts held-out spins better than independent spins do, {size}."] if first else []
    if not first:
        return []
    return [
        "It predicts held-out spins no better than independent spins do, within the error: these samples "
        "show no couplings, or are too few."
    ]


# %% [markdown]
# Each method is fitted again without a fifth of the samples, and predicts these.

# %%
training, test, kept = hold_out(data.spins, stream(seed, "held out"), notes)
checks = {name: {} for name in models}
if test is not None:
    with one_thread():
        told, notes = notes, []  # what the second fits say, the first have said
        checked = fit_all(training)[0]
        notes = told
    checked["independent spins"] = independent(training)
    hidden = imputation.random_mask(
        test.shape, max(1, min(test.shape[1] // 4, 10)), rng=stream(seed, "hidden")
    )
    recovered = scoring.compare(scoring.recover(checked, test, hidden), test, hidden)
    checks = prediction(checked, test, recovered)
for name in models:
    checks.setdefault(name, {}).update(
        reproduction(filled, len(data.spins), drawn[name], stream(seed, "noise"))
    )
sentences = verdict({name: checks[name] for name in models})


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


display(say(sentences, "p"))
display(HTML("<h2>The data</h2>"), say(data.findings))
if notes:
    notes = list(dict.fromkeys(notes))
    display(HTML("<h2>Warnings</h2>"), say(notes))

# %% [markdown]
# ## Strongest couplings
#
# With their 95% intervals. *Distinguishable* from zero: 5% of those so called are expected to be false
# (Benjamini and Hochberg 1995). In 0/1 coding, x = (1 + σ)/2, the coupling is 4 J.


# %% tags=["functions"]
def edges(model, errors, names):
    """The couplings as a pandas.DataFrame of edges, with 95 % intervals; which ones differ from zero?

    Args:
        model: IsingModel.
        errors: (L,) standard errors, NaN where there are none; None for none at all.
        names: of the spins.
    """
    first, second = np.triu_indices(model.n_spins, 1)
    couplings = model.couplings[first, second]
    error = np.full(couplings.size, np.nan) if errors is None else errors[model.n_spins :]
    p, known = np.ones(couplings.size), np.isfinite(error)
    p[known] = 2 * stats.norm.sf(np.abs(couplings[known] / error[known]))
    clear = np.zeros(couplings.size, dtype=bool)
    if known.any():
        clear[known] = stats.false_discovery_control(p[known]) <= 0.05
    return pd.DataFrame(
        {
            "spin": np.array(names, dtype=object)[first],
            "other_spin": np.array(names, dtype=object)[second],
            "coupling": couplings,
            "low": couplings - 1.96 * error,
            "high": couplings + 1.96 * error,
            "distinguishable": clear,
            "coupling_zero_one": 4 * couplings,
        }
    )


# %%
best = next(iter(models))
pairs = edges(models[best], errors.get(best), names)
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
        x, y = (moments(s)[row] for s in (filled, some))
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
share = activity(filled)
seen = np.flatnonzero(share)
deviation = np.sqrt(share * (1 - share) / len(data.spins))[seen]
black = {"color": style.COLOURS["truth"], "capsize": 2, "markersize": 4}
ax.errorbar(seen, share[seen], deviation, fmt="o", label="data", **black)
roles = ("rival", "corrected", "observed", "augmented")
for role, (name, some) in zip(roles, able.items(), strict=False):
    law = activity(some)
    at = np.flatnonzero(law)
    ax.plot(at, law[at], color=style.COLOURS[role], linestyle=style.LINES[role], label=name)
apart = scoring.independent_counts((filled > 0).mean(0))
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


# %% tags=["functions", "apart"]
def write(folder, models, errors, names, pairs):
    """Write parameters.csv, parameters.npz, edges.csv and zero_one.csv.

    Args:
        folder: pathlib.Path.
        models, errors: {method: IsingModel}, {method: (L,)}.
        names: of the spins.
        pairs: from ``edges``.
    """
    first, second = np.triu_indices(len(names), 1)
    labels = np.array(names, dtype=object)
    columns = {
        "parameter": ["h"] * len(names) + ["J"] * first.size,
        "spin": np.concatenate([labels, labels[first]]),
        "other_spin": np.concatenate([np.full(len(names), ""), labels[second]]),
    }
    arrays = {"names": np.array(names)}
    for method, model in models.items():
        key = method.lower().replace(", ", "_").replace(" ", "_")
        columns[key] = model.to_vector()
        arrays |= {f"{key}_fields": model.fields, f"{key}_couplings": model.couplings}
    for method, values in errors.items():
        columns[f"{method.lower().replace(' ', '_')}_standard_error"] = values
        arrays[f"{method.lower().replace(' ', '_')}_standard_error"] = values
    pd.DataFrame(columns).to_csv(folder / "parameters.csv", index=False)
    np.savez_compressed(folder / "parameters.npz", **arrays)
    pairs.to_csv(folder / "edges.csv", index=False)
    model = next(iter(models.values()))
    # σ = 2 x − 1: Σ h σ + Σ J σ σ' = Σ (2 h_i − 2 Σ_j J_ij) x_i + Σ 4 J_ij x_i x_j + a constant
    biases = 2 * model.fields - 2 * model.couplings.sum(1)
    matrix = 4 * model.couplings + np.diag(biases)
    pd.DataFrame(matrix, index=pd.Index(names, name="spin"), columns=names).to_csv(folder / "zero_one.csv")


# %% tags=["apart"]
write(Path(folder), models, errors, names, pairs)
found = {"data": {"file": data.source, "sha256": data.sha256, "findings": data.findings}}
found |= {"verdict": sentences, "checks": checks, "notes": notes}
(Path(folder) / "run.json").write_text(json.dumps(found))
