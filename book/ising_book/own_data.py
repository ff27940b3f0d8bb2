"""A reader's own binary data: checked, fitted, and held against what was fitted.

Every finding is one sentence.  What cannot be used is refused by one, as ``Unusable``.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from ising_book import reading
from ising_book.reading import Unusable, list_of, number_of
from ising_lib import estimators, exact, sampling
from ising_lib.ising import IsingModel

MIN_SAMPLES = 20  # a fifth is held out, the rest cut into three folds
MAX_SPINS = 500  # a fit of the M² parameters takes hours beyond
MAX_MATCHED = 50  # beyond, Boltzmann learning of the M² parameters takes hours
MADE_BY, RUN, PAGE = "ising-book infer", "run.json", "report.html"
_ASIDE = ".part-"
_HELD_OUT, _MOST_HELD_OUT, _FEWEST_HELD_OUT = 5, 2000, 4  # one sample in so many, and how many at all
_N_DRAWN = 20_480
_CHAINS = (
    {"burn_in": 1000, "thin": 100, "n_temperatures": 1},
    {"burn_in": 2000, "thin": 200, "n_temperatures": 10},
)
_MISFIT = 1.5  # 1 for the true model, less for one that follows the noise
_RARE = 10  # a value seen fewer times than this says little about its spin's couplings
_VERDICTS = (  # by samples per parameter
    (10, "enough for single couplings to mean something"),
    (1, "trust the strong couplings, not each weak one"),
    (0, "too few: do not trust single couplings"),
)


@dataclass(frozen=True, eq=False)
class OwnData:
    """Spins from a file, and what was found on the way.

    Attributes:
        spins: (N, M) int8 of ±1, 0 where missing: columns that vary.
        names: M names of the columns.
        findings: sentences.
        sha256: of the file.
        source: its name.
    """

    spins: np.ndarray
    names: tuple
    findings: tuple
    sha256: str
    source: str


def load(path, name=None, *, missing=(), threshold=None, **options):
    """Read a file of binary samples, and check it.

    Args:
        path: the file: rows are samples, columns are spins.
        name: of the array, where the file holds several.
        missing: texts or numbers that stand for missing values.
        threshold: values above it are +1, others −1.
        options: of ``reading.samples``: transpose, axis, columns, drop, index, weights.

    Returns:
        OwnData

    Raises:
        Unusable: there is no such file, it cannot be read, or nothing can be inferred from it.
    """
    table = reading.read(path, name, missing)
    values, names, said = reading.samples(table, **options)
    spins, names, findings = check(
        values, names, missing=missing, threshold=threshold, turned=options.get("transpose", False)
    )
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return OwnData(spins, names, (*said, *findings), digest, Path(path).name)


def check(values, names=None, *, transpose=False, missing=(), threshold=None, turned=False):
    """Turn an array of binary samples into spins, and say what was found.

    Args:
        values: (N, M) of 0/1, ±1 or 1/2; missing values are NaN.
        names: M names of the columns; numbers from 1 by default.
        transpose: the array is (M, N).
        missing, threshold: as in ``load``.
        turned: the file was transposed: for the advice in the sentences.

    Returns:
        tuple: spins (N', M') int8 of ±1, 0 where missing, without constant columns, their names, and the
        findings, one sentence each.

    Raises:
        Unusable: nothing can be inferred from it.
    """
    table = reading.Table(np.asarray(values), names)
    values, names, _ = reading.samples(table, transpose=transpose)
    turned |= transpose
    (n_samples, n_columns), hint = values.shape, _hint(values.shape, turned)
    if n_samples < MIN_SAMPLES:
        rows = number_of(n_samples, "row")
        raise Unusable(f"DATA must have at least {MIN_SAMPLES} samples, got {rows}{hint}")
    if not 2 <= n_columns <= MAX_SPINS:
        raise Unusable(f"DATA must have from 2 to {MAX_SPINS} columns, one per spin, got {n_columns}{hint}")
    spins, coding = reading.spins(values, names, missing, threshold)
    oriented = ("columns", "rows") if turned else ("rows", "columns")
    findings = [
        f"{coding} {number_of(n_samples, 'sample')} ({oriented[0]}) of {number_of(n_columns, 'spin')} "
        f"({oriented[1]}){hint if n_samples < n_columns else ''}."
    ]
    spins, names = _known(spins, names, findings)
    spins, names = _varying(spins, names, findings)
    _remark_rare(spins, names, findings)
    _remark_twins(spins, names, findings)
    _remark_repeats(spins, findings)
    _remark_size(spins, findings)
    return np.ascontiguousarray(spins), names, tuple(findings)


def _known(spins, names, findings):
    """Without samples and columns of which (nearly) nothing is known; incomplete samples stay."""
    missing = spins == 0
    if not missing.any():
        return spins, names
    empty = (~missing).sum(0) < MIN_SAMPLES
    if empty.any():
        some = list_of(map(repr, _picked(names, empty)))
        findings.append(f"Known in fewer than {MIN_SAMPLES} samples and left out: {some}.")
    spins, names = spins[:, ~empty], tuple(_picked(names, ~empty))
    blank = (spins == 0).all(1)
    n_incomplete = int((spins == 0).any(1).sum() - blank.sum())
    spins = spins[~blank]
    if len(spins) < MIN_SAMPLES or spins.shape[1] < 2:
        raise Unusable(
            f"DATA must have at least {MIN_SAMPLES} samples with known values of at least 2 columns, got "
            f"{len(spins)} of {len(blank)} in {spins.shape[1]}"
        )
    if n_incomplete:
        findings.append(
            f"{number_of(n_incomplete, 'sample')} with missing values ({(spins == 0).mean():.1%} of all) "
            f"used too: all {len(spins)} samples take part, the missing spins are drawn from their "
            "distribution given the known ones."
        )
    return spins, names


def _varying(spins, names, findings):
    value = np.sign(spins.sum(0, dtype=np.int64))
    constant = ((spins == value) | (spins == 0)).all(0)
    if constant.any():
        some = [f"{name!r} ({sign:+d})" for name, sign in _picked(zip(names, value, strict=True), constant)]
        findings.append(
            f"Constant and left out, since a spin that never changes has no finite field: {list_of(some)}."
        )
    if (~constant).sum() < 2:
        raise Unusable(f"DATA must have at least 2 columns that vary, got {int((~constant).sum())}")
    return spins[:, ~constant], tuple(_picked(names, ~constant))


def _remark_rare(spins, names, findings):
    ups = (spins > 0).sum(0)
    rarer = np.minimum(ups, (spins < 0).sum(0))
    if (rarer < _RARE).any():
        some = [f"{name!r} ({n})" for name, n in _picked(zip(names, rarer, strict=True), rarer < _RARE)]
        findings.append(
            f"Do not trust the couplings of these, whose rarer value occurs fewer than {_RARE} times: "
            f"{list_of(some)}."
        )


def _remark_twins(spins, names, findings):
    columns = spins.astype(np.float32)
    overlap = np.triu(np.abs(columns.T @ columns), 1)
    pairs = [f"{names[i]!r} and {names[j]!r}" for i, j in np.argwhere(overlap == len(spins))]
    if pairs:
        findings.append(
            "Equal or opposite in all samples, so that only the penalty keeps their coupling finite: "
            f"{list_of(pairs)}."
        )


def _remark_repeats(spins, findings):
    counted = Counter(row.tobytes() for row in spins)
    repeated = len(spins) - len(counted)
    if repeated:
        [(_, most)] = counted.most_common(1)
        findings.append(
            f"{number_of(repeated, 'sample')} ({repeated / len(spins):.0%}) equal to an earlier one, the "
            f"most frequent configuration {most} times: as it should be for few or quiet spins, else look "
            "for copies."
        )


def _remark_size(spins, findings):
    n_samples, n_spins = spins.shape
    n_parameters = n_spins * (n_spins + 1) // 2
    ratio = n_samples / n_parameters
    verdict = next(text for least, text in _VERDICTS if ratio >= least)
    findings.append(
        f"{number_of(n_samples, 'sample')} for the L = M(M + 1)/2 = {n_parameters} parameters of M = "
        f"{n_spins} spins, {ratio:.1f} for each: {verdict}."
    )


def _hint(shape, transpose):
    if shape[0] >= shape[1]:
        return ""
    other = "columns" if transpose else "rows"
    advice = "leave out --transpose" if transpose else "use --transpose"
    return f"; if its {other} are the spins, {advice}"


def _picked(items, chosen):
    return [item for item, wanted in zip(items, chosen, strict=True) if wanted]


# ------------------------------------------------------------------------------------------------- the fits


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


def draw(model, spins, rng):
    """(N', M) samples of a model, by plain heat bath, by tempering, or None where neither mixes."""
    if model.n_spins <= exact.MAX_SPINS:
        return exact.sample(model, _N_DRAWN, rng=rng)
    for settings in _CHAINS:
        with contextlib.suppress(sampling.NotMixed):
            return sampling.sample(model, _N_DRAWN, rng=rng, **settings)
    return None


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
        inverse = np.linalg.inv(curvature + np.diag(prior / n_samples + 1e-9))
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


def without_errors(errors, data):
    """Take away the errors of rare columns, in place; sentences on that, and on what errors leave out."""
    known = (data.spins != 0).sum(0)
    ups = (data.spins > 0).sum(0)
    rare = np.minimum(ups, known - ups) < _RARE
    first, second = np.triu_indices(len(rare), 1)
    for values in errors.values():
        values[np.concatenate([rare, rare[first] | rare[second]])] = np.nan
    said = [
        "The standard errors are those of independent samples; they do not contain what a penalty takes from "
        "all couplings, nor spins that nobody recorded."
    ]
    if rare.any():
        said.append(
            f"No standard errors for the parameters of {list_of(map(repr, _picked(data.names, rare)))}: the "
            f"rarer value occurs fewer than {_RARE} times there."
        )
    return said


# ----------------------------------------------------------------------------------------------- the checks


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
        recovered: metrics.Comparison of the same methods.

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


# ----------------------------------------------------------------------------------------------- the report


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
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not place.is_dir():
        raise NotADirectoryError(f"--out must be a folder, got {str(folder)!r}: {str(place)!r} is a file")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"--out must be a folder that can be written, got {str(folder)!r}: {str(place)!r} cannot"
        )
    found = [p.name for p in folder.iterdir() if not p.name.startswith(_ASIDE)] if folder.is_dir() else []
    if found and not _is_report(folder):
        raise FileExistsError(
            f"--out must be new, empty, or an earlier report, got {str(folder)!r} with {found[0]!r}"
        )
    if found and not force:
        raise FileExistsError(
            f"--out must be new or empty, got {str(folder)!r}, an earlier report: replace it by --force"
        )


def _is_report(folder):
    try:
        return json.loads((folder / RUN).read_bytes())["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def aside(folder):
    """A folder beside the report: its files move there at the end, one by one, so that none is ever half.

    Args:
        folder: checked by ``claim``; created where there is none.
    """
    folder = Path(folder)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_ASIDE) as name:
            yield Path(name)
            for path in sorted(Path(name).iterdir(), key=lambda path: path.name == RUN):  # the record last
                path.replace(folder / path.name)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):  # the first error is the one to be told
                folder.rmdir()
        raise
