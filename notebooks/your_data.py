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
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure
from scipy import stats
from threadpoolctl import threadpool_limits

from ising_book import own_data, style
from ising_book.reading import list_of
from ising_experiments import scoring
from ising_experiments.worlds import stream
from ising_lib import boltzmann, erasure, estimators, exact, imputation, sampling
from ising_lib.ising import IsingModel

data = own_data.load(path, seed=seed, **options)
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
def moments(spins):
    """⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ − ⟨σ_i⟩⟨σ_j⟩ (M, M) of samples (N, M)."""
    means, spins = spins.mean(0, dtype=np.float64), spins.astype(np.float32)
    return means, (spins.T @ spins).astype(np.float64) / len(spins) - np.outer(means, means)


def activity(spins):
    """Distribution of the number of active spins, K = Σ_i (σ_i + 1)/2: shares (M + 1,)."""
    return np.bincount((np.asarray(spins) > 0).sum(1), minlength=spins.shape[1] + 1) / len(spins)


def reproduction(spins, n_samples, drawn, rng):
    """Has the model, of which ``drawn`` (N', M) are samples, the data's means, covariances and activity?

    Misfits are roots of mean squares of (data − model)/standard error, the error being that of ``n_samples``
    samples and of those drawn, with the variance in both together: of a pair that is rarely active together,
    those drawn alone may hold none.  Activity is compared by total variation distance, with the 99 %
    quantile of what the model's own samples give.
    """
    if drawn is None:
        return {}
    (means, covariances), (other_means, other) = moments(spins), moments(drawn)
    weight = n_samples / (n_samples + len(drawn))
    mean, both = (weight * a + (1 - weight) * b for a, b in ((means, other_means), (covariances, other)))
    single = 1 - mean**2
    variance = np.outer(single, single) + 4 * np.outer(mean, mean) * both - both**2
    upper, share = np.triu_indices(len(means), 1), 1 / n_samples + 1 / len(drawn)
    z = (means - other_means) / np.sqrt(np.maximum(single, 1 / len(drawn)) * share)
    pairs = ((covariances - other) / np.sqrt(np.maximum(variance, 1 / len(drawn)) * share))[upper]
    law = activity(drawn)
    one, two = (rng.multinomial(int(n), law, 500) / int(n) for n in (n_samples, len(drawn)))
    return {
        "misfit_means": float(np.sqrt((z**2).mean())),
        "misfit_covariances": float(np.sqrt((pairs**2).mean())),
        "activity_distance": float(exact.total_variation(activity(spins), law)),
        "activity_noise": float(np.quantile(np.abs(one - two).sum(1) / 2, 0.99)),
    }


# %% tags=["functions"]
MAX_MATCHED = 100  # spins: minutes; Boltzmann learning costs M⁴
_N_DRAWN = 20_480
_MISFIT = 1.5  # 1 for the true model, less for one that follows the noise
ML, PLM = "maximum likelihood", "ridge PLM"
_NO_EPSILON = (
    "The Erasure Machine finds no ε of its own here, as happens with very few spins, and takes the edge of its "
    "search: judge its model by the checks."
)


def complete(spins, *, rng, n_copies=5, n_rounds=4):
    """Missing spins drawn given the known ones, by stochastic EM  (Celeux and Diebolt 1985).

    In each copy, pseudolikelihood with a prior of width 1 is fitted, the missing spins are drawn from its model
    by a heat bath, and so on: a stronger penalty would draw spins that know too little of each other.  From
    spins (N, M), 0 where missing: the copies (K, N, M), K = 1 where nothing is missing; λ, and the parameters
    (L,) of ridge pseudolikelihood, their mean; and what missing values add to the variance of parameters, by
    the spread of the copies' fits  (Rubin 1987).
    """
    missing = spins == 0
    if not missing.any():
        fit = estimators.pseudolikelihood(spins, rng=rng)
        return spins[None], fit.ridge, fit.model.to_vector(), 0.0
    rates = (spins > 0).sum(0) / (~missing).sum(0)
    copies, vectors, spread, ridge = [], [], [], "auto"
    for _ in range(n_copies):
        filled = np.where(missing, np.where(rng.random(spins.shape) < rates, 1, -1), spins).astype(float)
        for _ in range(n_rounds):
            model = estimators.pseudolikelihood(filled, 1 / (2 * len(spins))).model
            for _ in range(5):
                imputation._heat_bath_sweep(model, filled, missing, 1.0, rng)
        fit = estimators.pseudolikelihood(filled, ridge, rng=rng)
        ridge = fit.ridge
        copies.append(filled.astype(np.int8))
        vectors.append(fit.model.to_vector())
        spread.append(model.to_vector())
    added = (1 + 1 / n_copies) * np.var(spread, axis=0, ddof=1)
    return np.array(copies), ridge, np.mean(vectors, axis=0), added


def matched(spins, n_samples, rng, model=None):
    """Maximum likelihood with a normal prior of width 1 on each coupling, exact up to 20 spins; and its λ.

    Beyond, Boltzmann learning begins with independent spins, or ``model``, and with a stronger penalty, since
    pairs that are never active together run away.  While the model misses the moments, the penalty is made
    four times weaker, down to that of the prior, or to the last one for which the chains converge.
    """
    prior, found = 1 / (2 * n_samples), None
    if spins.shape[1] <= exact.MAX_SPINS:
        return estimators.maximum_likelihood(spins, prior).model, prior
    model, ridge, misfit = model or imputation.independent_model(spins), max(prior, 1e-3), np.inf
    while misfit > _MISFIT and ridge >= prior:
        try:
            model = boltzmann.fit(spins, model, rng=rng, ridge=ridge, max_iterations=100).model
        except (erasure.NotConverged, sampling.NotMixed):
            if found is None:
                raise
            break
        found, checks = (model, ridge), reproduction(spins, n_samples, draw(model, rng), rng)
        misfit = max(checks.get("misfit_means", 0), checks.get("misfit_covariances", 0))
        ridge = max(ridge / 4, prior) if ridge > prior else 0
    return found


def draw(model, rng):
    """(N', M) samples of a model; None where neither the heat bath nor tempering mixes."""
    if model.n_spins <= exact.MAX_SPINS:
        return exact.sample(model, _N_DRAWN, rng=rng)
    with contextlib.suppress(sampling.NotMixed):
        return sampling.sample(model, _N_DRAWN, rng=rng, burn_in=2000, thin=200)


def generated(spins, n_iterations, n_samples, rng):
    """Samples of a diffusion model that is trained on (N, M) spins: the unrolled mean-field denoiser."""
    from ising_experiments.runs import one_thread  # PyTorch takes seconds to load, and few pages need it
    from ising_lib import ddpm, denoisers

    with one_thread():
        schedule = ddpm.NoiseSchedule.linear()
        denoiser = denoisers.MeanField(spins.shape[1], schedule.n_steps, rng=rng)
        for _ in ddpm.train(denoiser, schedule, spins, n_iterations=n_iterations, rng=rng):
            pass
        return ddpm.to_spins(ddpm.sample(denoiser, schedule, n_samples, rng=rng))


def fit_all(spins, seed, notes, augment=(), start=None, most=MAX_MATCHED):
    """All methods on samples (N, M), 0 where missing; maximum likelihood up to ``most`` spins.

    ``augment`` holds updates and samples of the diffusion model, ``start`` is where Boltzmann learning begins.
    Returns {method: model}, the best first; {method: λ}; the completed copies (K N, M); and what the missing
    values add to the variance of the parameters.
    """
    copies, ridge, vector, added = complete(spins, rng=stream(seed, "complete"))
    filled, n_spins = copies.reshape(-1, spins.shape[1]), spins.shape[1]
    models, ridges = {}, {PLM: ridge}
    if n_spins <= most:
        try:
            models[ML], ridges[ML] = matched(filled, len(spins), stream(seed, "chains"), start)
        except (erasure.NotConverged, sampling.NotMixed) as error:
            notes.append(f"No model by maximum likelihood: {error}.")
    else:
        notes.append(
            f"No model by maximum likelihood, which takes too long beyond {most} spins: choose fewer by --columns."
        )
    models[PLM] = IsingModel.from_vector(vector, n_spins)
    by_machine = {"Erasure Machine": filled}
    if augment:
        more = generated(filled, *augment, stream(seed, "augmentation"))
        by_machine["Erasure Machine, augmented"] = more
    for name, some in by_machine.items():
        try:
            models[name] = erasure.fit(some).model
        except erasure.NotConverged:
            notes.append(f"No model by the {name}: its fit does not converge on these samples.")
    return models, ridges, filled, added


# %% tags=["functions"]
def standard_errors(models, ridges, spins, n_samples, drawn, added):
    """Standard errors (L,) of maximum likelihood and of ridge pseudolikelihood, from what ``fit_all`` returns.

    Those of maximum likelihood, with the features' covariance D in the data and the curvature H = F + 2 Λ, are
    the roots of the diagonal of H⁻¹ (D/N + 4 Λ²) H⁻¹.  The first part holds in a wrong model too  (Huber 1967).
    The second is the mean square of the penalty's pull H⁻¹ 2 Λ w where couplings w have width 1: all that is
    known of spins that are never active together.  N counts independent samples; F is the features' covariance
    in samples of the model, ``drawn[method]``.
    """
    found = {PLM: pseudolikelihood_variance(models[PLM], spins, ridges[PLM], n_samples)}
    if drawn.get(ML) is not None:
        curvature = covariance(drawn[ML])
        penalty = 2 * ridges[ML] * (np.arange(len(curvature)) >= spins.shape[1])
        inverse = np.linalg.inv(curvature + np.diag(penalty + 1e-9))
        found[ML] = ((inverse @ covariance(spins)) * inverse).sum(1) / n_samples + inverse**2 @ penalty**2
    return {name: np.sqrt(variance + added) for name, variance in found.items()}


def covariance(spins):
    """Covariance (L, L) of σ_i and σ_i σ_j, in some 20,000 of the samples."""
    spins = spins[:: 1 + len(spins) // 20_500].astype(np.float32)
    first, second = np.triu_indices(spins.shape[1], 1)
    features = np.concatenate([spins, spins[:, first] * spins[:, second]], axis=1)
    features -= features.mean(0)
    return (features.T @ features / len(features)).astype(np.float64)


def pseudolikelihood_variance(model, spins, ridge, n_samples):
    """Squared errors (L,) of ridge pseudolikelihood: by noise and by the penalty.

    To each regression, the penalty is a prior.  With the curvature H of its mean loss, the posterior variance
    (H + 2 Λ)⁻¹/N counts both where the prior is right (Nychka 1988).  Where it is not, the couplings are too
    small: they lack about (H + 1/N)⁻¹ 2 Λ w, Newton's step to a prior of width 1, which is added as a square.
    J_ij, the mean of two regressions, is counted as one of them.
    """
    spins = spins[:: 1 + len(spins) // 20_500].astype(np.float64)
    n_spins, features = model.n_spins, np.pad(spins, ((0, 0), (0, 1)), constant_values=1.0)
    slopes = 1 - np.tanh(model.fields + spins @ model.couplings) ** 2
    weights, found = np.column_stack([model.couplings, model.fields]), np.zeros((2, n_spins, n_spins + 1))
    for i in range(n_spins):
        keep = np.arange(n_spins + 1) != i
        x, penalty = features[:, keep], 2 * ridge * (np.arange(n_spins) < n_spins - 1)
        curvature = (x.T * slopes[:, i]) @ x / len(x) + 1e-9 * np.eye(n_spins)
        inverse, weak = (
            np.linalg.inv(curvature + np.diag(prior)) for prior in (penalty, (penalty > 0) / n_samples)
        )
        found[:, i, keep] = np.diag(inverse) / n_samples, weak @ (penalty * weights[i, keep])
    couplings = found[:, :, :-1]
    variance, pull = (couplings + couplings.transpose(0, 2, 1))[:, *np.triu_indices(n_spins, 1)] / 2
    return np.concatenate([found[0, :, -1] + found[1, :, -1] ** 2, variance + pull**2])


def without_errors(errors, data, ridge):
    """Take away the errors of rare columns, in place; sentences on that, and on what errors leave out."""
    ups, downs = ((data.spins == sign).sum(0) for sign in (1, -1))
    rare = np.minimum(ups, downs) < own_data.RARE
    first, second = np.triu_indices(len(rare), 1)
    for values in errors.values():
        values[np.concatenate([rare, rare[first] | rare[second]])] = np.nan
    said = ["The standard errors do not contain what spins that nobody recorded do to the couplings."]
    if ridge >= 0.01:
        said.append(
            f"The penalty of ridge PLM is strong (λ = {ridge:.2g}): how much it takes from the couplings is "
            "estimated, and in the standard errors."
        )
    if rare.any():
        some = list_of(repr(data.names[i]) for i in np.flatnonzero(rare))
        said.append(
            f"No standard errors for the parameters of {some}: the rarer value occurs fewer than "
            f"{own_data.RARE} times there."
        )
    return said


# %% tags=["functions"]
def blocks(n_samples, size, rng):
    """The samples' numbers, with blocks of neighbours in random order."""
    block = np.arange(n_samples) // size
    return np.argsort(rng.permutation(block[-1] + 1)[block], kind="stable")


def differences(spins, second, rng, size=1, n_permutations=199):
    """How the couplings of two groups of samples (N, M) differ; ``second`` says who is in the second, (N,).

    Both are fitted by ridge pseudolikelihood with a prior of width 1.  |ΔJ|/error of each coupling is held
    against the largest one of all couplings after the groups are mixed, in blocks of ``size``; p is the share
    of mixtures that reach it.  With p ≤ 0.05 for what "differs", equal couplings are called different in at
    most 5 % of all analyses, not of all couplings  (Westfall and Young 1993).
    """
    n_spins, ridge = spins.shape[1], 1 / (2 * min(second.sum(), (~second).sum()))

    def compare(second):
        parts = [spins[rows] for rows in (~second, second)]
        if any(np.abs(part.mean(0)).max() == 1 for part in parts):
            return None  # a constant spin has no finite field
        models = [estimators.pseudolikelihood(part, ridge).model for part in parts]
        variance = [
            pseudolikelihood_variance(m, x, ridge, len(x)) for m, x in zip(models, parts, strict=True)
        ]
        one, other, both = (vector[n_spins:] for vector in (*(m.to_vector() for m in models), sum(variance)))
        return one, other, np.sqrt(both)

    mixed = (compare(second[blocks(len(spins), size, rng)]) for _ in range(n_permutations))
    largest = np.array([np.abs((other - one) / error).max() for one, other, error in filter(None, mixed)])
    one, other, error = compare(second)
    reached = (largest[:, None] >= np.abs(other - one) / error).sum(0)
    return one, other, error, (1 + reached) / (1 + len(largest))


# %% tags=["functions"]
def expected_seconds(data, seed, augment):
    """About how long the page takes on this machine: each part timed on few samples, or for few steps."""

    def timed(call, *arguments, **options):
        start = time.perf_counter()
        with contextlib.suppress(erasure.NotConverged):  # so ends a fit of one step
            call(*arguments, **options)
        return time.perf_counter() - start

    (n_samples, n_spins), rng = data.spins.shape, stream(seed, "expected")
    few = data.spins[rng.permutation(n_samples)[:1600], :60]
    few[:3], few[3:6] = 1, -1  # every column varies
    full, start = np.where(few, few, 1), IsingModel(np.zeros(n_spins), np.zeros((n_spins, n_spins)))
    wider, once, fewer = (n_spins / few.shape[1]) ** 3, 0.0, min(len(few), 400)
    timed(fit_all, few[:fewer], seed, [], most=0)  # compiles
    short, long = (timed(fit_all, few[:n], seed, [], most=0) for n in (fewer, len(few)))
    twice = wider * (short + (n_samples - fewer) * max(long - short, 0.0) / max(len(few) - fewer, 1))
    if n_spins <= exact.MAX_SPINS:
        steps = estimators.maximum_likelihood(full[:, :10], 0.01).n_iterations
        exact.moments(start)  # compiles
        twice += steps * timed(exact.moments, start)
    elif n_spins <= MAX_MATCHED:
        step = {"rng": rng, "thin": 1, "n_averaged": 1, "max_iterations": 1}
        twice += 25 * timed(boltzmann.fit, np.where(data.spins, data.spins, 1), start, **step)
    if augment:
        one, longer, more = (timed(generated, full, *n, rng) for n in ((5, 100), (55, 100), (5, 1100)))
        twice += (
            n_spins / few.shape[1] * (augment[0] * (longer - one) / 50 + augment[1] * (more - one) / 1000)
        )
    if data.groups:
        halves = np.arange(len(few)) % 2 > 0
        once = 100 * wider * n_samples / len(few) * timed(differences, full, halves, rng, n_permutations=1)
    return 2 * twice + once


# %%
with threadpool_limits(1):
    sizes = (n_iterations, n_samples) if augment else ()
    print(f"expected: {expected_seconds(data, seed, sizes):.0f} s", file=sys.stderr)
    models, ridges, filled, added = fit_all(data.spins, seed, notes, sizes)
    notes = [_NO_EPSILON if note.startswith("epsilon=") else note for note in notes]
    drawn = {}
    for name, model in models.items():
        n_before, drawn[name] = len(notes), draw(model, stream(seed, f"draw {name}"))
        if len(notes) > n_before:  # the sampler's advice is for those who call it
            strong = (
                f"The couplings by {name} are strong: samples of its model are drawn by parallel tempering."
            )
            notes[n_before:] = [] if drawn[name] is None else [strong]
    n_effective = len(data.spins) / data.tau
    errors = standard_errors(models, ridges, filled, n_effective, drawn, added * data.tau)
    notes += without_errors(errors, data, ridges[PLM])


# %% tags=["functions"]
def hold_out(spins, rng, notes, size=1):
    """A training part, a test part of complete samples, in blocks of ``size``, and which columns vary in the first.

    The test part is None, and a sentence in ``notes`` says so, where there are not enough complete samples.
    """
    order = blocks(len(spins), size, rng)
    whole = order[(spins[order] != 0).all(1)]
    n_test = min(len(spins) // 5, len(whole) // 2)
    training, test = np.delete(spins, whole[:n_test], axis=0), spins[whole[:n_test]]
    varies = (training > 0).any(0) & (training < 0).any(0)
    if n_test < 4 or varies.sum() < 2:
        notes.append("No check on held-out samples: there are too few complete ones, or columns that vary.")
        return training, None, varies
    if not varies.all():
        notes.append(
            f"Columns that vary too rarely for the held-out checks and are not in them: {(~varies).sum()}."
        )
    return np.ascontiguousarray(training[:, varies]), np.ascontiguousarray(test[:, varies]), varies


def independent(spins):
    """Independent spins with the means of the known values: the baseline."""
    means = spins.sum(0, dtype=np.int64) / (spins != 0).sum(0)
    return IsingModel(np.arctanh(means), np.zeros((len(means), len(means))))


def prediction(models, test, widening=1.0):
    """How each method, fitted to other samples, predicts test samples (N, M), in nats per spin.

    *Gain* is the log-probability of a spin given all others, above that of the last method, the baseline.
    """
    scores = {
        name: -np.logaddexp(0, -2 * test * (model.fields + test @ model.couplings)).mean(1)
        for name, model in models.items()
    }
    (*_, baseline), rows = scores.values(), {}
    for name, score in scores.items():
        gain = score - baseline
        error = widening * gain.std(ddof=1) / np.sqrt(len(gain))
        rows[name] = {"log_pseudolikelihood": float(score.mean())}
        if error > 0:
            rows[name] |= {"gain": float(gain.mean()), "gain_error": float(error)}
    return rows


# %% tags=["functions"]
def verdict(checks):
    """What the checks of each method say, the worst first; about the first method before the others."""
    sentences = []
    for name, row in checks.items():
        title, first, failed = name[0].upper() + name[1:], not sentences, _failed(row)
        if failed or first:
            sentences.append(f"{title} {failed or _REPRODUCES}.")
        gain, error = row.get("gain", np.nan), 1.96 * row.get("gain_error", np.nan)
        size = f"by {abs(gain):.4f} ± {error:.4f} nats per spin"
        if gain < -error:
            sentences.append(f"{title} predicts held-out spins worse than independent spins do, {size}.")
        elif first and gain > error:
            sentences.append(f"It predicts held-out spins better than independent spins do, {size}.")
        elif first and np.isfinite(gain):
            sentences.append(
                "It predicts held-out spins no better than independent spins do, within the error: these "
                "samples show no couplings, or are too few."
            )
    return sentences


_REPRODUCES = (
    "reproduces the data's means, covariances and distribution of the number of active spins within noise"
)


def _failed(row):
    """What the model does not reproduce, and what to do; empty where it reproduces all."""
    if "misfit_means" not in row:
        return "gives a model whose samples do not mix: its fit is unknown; do not use its parameters"
    wrong = [
        f"{what} (misfit {row[f'misfit_{what}']:.1f}, where noise makes about 1)"
        for what in ("means", "covariances")
        if row[f"misfit_{what}"] > _MISFIT
    ]
    if row["activity_distance"] > row["activity_noise"]:
        activity = (
            f"distribution of the number of active spins (distance {row['activity_distance']:.3f}, where "
            f"noise makes at most {row['activity_noise']:.3f})"
        )
        if not wrong:
            return (
                f"reproduces the data's means and covariances, but not the {activity}: pairs alone do not "
                "explain it, as with inputs that all spins share; read the couplings as a description of the "
                "pairs"
            )
        wrong.append(activity)
    return f"does not reproduce the data's {', '.join(wrong)}: do not use its parameters" if wrong else ""


# %% [markdown]
# Each method is fitted again without a fifth of the samples, and predicts these.

# %%
training, test, kept = hold_out(data.spins, stream(seed, "held out"), notes, data.block)
logging.getLogger("ising_lib").removeHandler(warnings)  # what the second fits say, the first have said
checks = {name: {} for name in models}
if test is not None:
    with threadpool_limits(1):
        start = models.get(ML) if kept.all() else None
        checked = fit_all(training, seed, [], sizes, start)[0]
    checked["independent spins"] = independent(training)
    checks = prediction(checked, test, np.sqrt(data.tau))
for name in models:
    found = reproduction(filled, n_effective, drawn[name], stream(seed, "noise"))
    checks.setdefault(name, {}).update(found)
sentences = verdict({name: checks[name] for name in models})


# %% tags=["functions"]
def compared(data, filled, rng):
    """A table of the couplings in both groups, one row a pair, and sentences; spins rare in a group are out."""
    second, (one, other) = data.groups
    counts = [(data.spins[rows] == sign).sum(0) for rows in (second, ~second) for sign in (1, -1)]
    able = np.flatnonzero(np.min(counts, axis=0) >= own_data.RARE)
    if len(able) < 2:
        return None, ["No comparison of the groups: too few columns vary in both."]
    with threadpool_limits(1):  # of the completed copies, one, drawn from the model of both groups together
        first, then, error, p = differences(filled[: len(second), able], second, rng, data.block)
    labels, half = np.array(data.names, dtype=object)[able], 1.96 * np.sqrt(data.tau) * error
    found = pd.DataFrame(labels[np.array(np.triu_indices(len(able), 1))].T, columns=["spin", "other_spin"])
    found[f"coupling in {one}"], found[f"coupling in {other}"], found["difference"] = (
        first,
        then,
        then - first,
    )
    found["low"], found["high"], found["p"] = then - first - half, then - first + half, p
    found["differs"] = p <= 0.05
    pairs = [f"{a!r} and {b!r}" for a, b in found.loc[p <= 0.05, ["spin", "other_spin"]].to_numpy()]
    said = [
        f"{len(pairs) or 'No'} of {len(found)} couplings called different between {one!r} and {other!r}, by a "
        f"permutation test corrected for their number{': ' + list_of(pairs) if pairs else ''}; the interval of a "
        f"difference is ± {np.median(half):.2f} in the median."
    ]
    rare = [repr(name) for n, name in enumerate(data.names) if n not in able]
    if rare:
        said.append(f"Not compared, since a value occurs fewer than {own_data.RARE} times: {list_of(rare)}.")
    return found.sort_values(["p", "spin"], ignore_index=True), said


# %%
contrasts = None
if data.groups:
    contrasts, said = compared(data, filled, stream(seed, "mixed"))
    sentences += said


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
if contrasts is not None:
    about = (
        "Couplings of ridge pseudolikelihood with a prior of width 1, in each group; intervals of 95%. With p "
        "≤ 0.05 a coupling <em>differs</em>: so large a difference, of any coupling, arises in at most 5% of "
        "random mixtures of the groups (Westfall and Young 1993). All else on this page is about both groups "
        "together. <code>differences.csv</code> holds all couplings."
    )
    display(HTML(f"<h2>The two groups</h2><p>{about}</p>"), table(contrasts.head(20).round(3)))

# %% [markdown] tags=["first"]
# ## Strongest couplings
#
# With their 95% intervals. *Distinguishable* from zero: 5% of those so called are expected to be false
# (Benjamini and Hochberg 1995). In 0/1 coding, x = (1 + σ)/2, the coupling is 4 J.


# %% tags=["functions", "first"]
def edges(model, errors, names):
    """The couplings with 95 % intervals, from errors (L,), NaN or None without: which differ from zero?"""
    first, second = np.triu_indices(model.n_spins, 1)
    couplings = model.couplings[first, second]
    error = np.full(couplings.size, np.nan) if errors is None else errors[model.n_spins :]
    p, known, labels = (
        2 * stats.norm.sf(np.abs(couplings / error)),
        np.isfinite(error),
        np.array(names, object),
    )
    clear = np.zeros(couplings.size, dtype=bool)
    if known.any():
        clear[known] = stats.false_discovery_control(p[known]) <= 0.05
    return pd.DataFrame(
        {
            "spin": labels[first],
            "other_spin": labels[second],
            "coupling": couplings,
            "low": couplings - 1.96 * error,
            "high": couplings + 1.96 * error,
            "distinguishable": clear,
            "coupling_zero_one": 4 * couplings,
        }
    )


# %% tags=["first"]
best = next(iter(models))
pairs = edges(models[best], errors.get(best), names)
strongest = pairs.reindex(pairs["coupling"].abs().sort_values(ascending=False).index)
n_clear = int(pairs["distinguishable"].sum())
display(
    HTML(f"<p>{n_clear} of {len(pairs)} couplings are distinguishable from zero.</p>"),
    table(strongest.head(20).round(3)),
)

# %% [markdown] tags=["first"]
# ## Checks
#
# *Misfit*: distance of the model's means, and of its covariances, from the data's, in standard errors: about
# 1 for the true model, less where the fit follows the noise, much more where it does not fit. *Activity*:
# distance between the distributions of the number of active spins, and the largest that noise explains.
# *Gain*: mean log-probability of a held-out spin given all others, above that of independent spins, in
# nats. The intervals are of 95%.


# %% tags=["first"]
def number(row, key, digits=3):
    error = f" ± {1.96 * row[key + '_error']:.{digits}f}" if key + "_error" in row else ""
    return f"{row[key]:.{digits}f}{error}" if key in row else "–"


display(
    table(
        {
            "method": name,
            "misfit of means": number(row, "misfit_means", 1),
            "of covariances": number(row, "misfit_covariances", 1),
            "activity": number(row, "activity_distance"),
            "noise": number(row, "activity_noise"),
            "gain": number(row, "gain", 4),
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
shown = range(0, len(names), 1 + len(names) // 40)
labels, plain = [names[n][:16] for n in shown], {"fontsize": 7, "parse_math": False}
for name, model in models.items():
    fig = Figure(figsize=(size, size))
    axes = fig.subplots(2, 1, height_ratios=[1, 12])
    for ax, values in zip(axes, (model.fields[None], model.couplings), strict=True):
        limit = np.abs(values).max()
        image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        fig.colorbar(image, ax=ax)
    axes[0].set(title=name, xticks=[], yticks=[])
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
ax, share = fig.subplots(), activity(filled)
seen = np.flatnonzero(share)
deviation = np.sqrt(share * (1 - share) / n_effective)[seen]
black = {"color": style.COLOURS["truth"], "capsize": 2, "markersize": 4}
ax.errorbar(seen, share[seen], deviation, fmt="o", label="data", **black)
lines = {name: activity(some) for name, some in able.items()}
lines["independent spins"] = scoring.independent_counts((filled > 0).mean(0))
roles = [*("rival", "corrected", "observed", "augmented")[: len(able)], "baseline"]
for role, (name, law) in zip(roles, lines.items(), strict=True):
    at = np.flatnonzero(law)
    ax.plot(at, law[at], color=style.COLOURS[role], linestyle=style.LINES[role], label=name)
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
    """Write parameters.csv, edges.csv (``pairs``) and zero_one.csv."""
    first, second = np.triu_indices(len(names), 1)
    labels = np.array(names, dtype=object)
    columns = {
        "parameter": ["h"] * len(names) + ["J"] * first.size,
        "spin": np.concatenate([labels, labels[first]]),
        "other_spin": np.concatenate([np.full(len(names), ""), labels[second]]),
    }
    for method, model in models.items():
        key = method.lower().replace(", ", "_").replace(" ", "_")
        columns[key] = model.to_vector()
        if method in errors:
            columns[f"{key}_standard_error"] = errors[method]
    pd.DataFrame(columns).to_csv(folder / "parameters.csv", index=False)
    pairs.to_csv(folder / "edges.csv", index=False)
    model = next(iter(models.values()))
    # σ = 2 x − 1: Σ h σ + Σ J σ σ' = Σ (2 h_i − 2 Σ_j J_ij) x_i + Σ 4 J_ij x_i x_j + a constant
    matrix = 4 * model.couplings + np.diag(2 * model.fields - 2 * model.couplings.sum(1))
    pd.DataFrame(matrix, index=pd.Index(names, name="spin"), columns=names).to_csv(folder / "zero_one.csv")


# %% tags=["apart"]
write(Path(folder), models, errors, names, pairs)
if contrasts is not None:
    contrasts.to_csv(Path(folder) / "differences.csv", index=False)
found = {"data": {"files": data.files, "findings": data.findings, "tau": data.tau}}
found |= {"verdict": sentences, "checks": checks, "notes": notes}
(Path(folder) / "run.json").write_text(json.dumps(found))
