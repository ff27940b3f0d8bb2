"""What the thesis and we claim, and what stored runs say: statistics, rules, verdicts, the page of them.

``book/claims.yaml`` holds the claims.  Each of their rows names a figure, whose notebook says which runs; a
statistic, one of the functions below, which makes numbers of one run; and a rule, e.g. "< 1".  Nothing is
trained here: runs that are not stored leave a row unmeasured.
"""

import functools
import itertools
import operator
import string

import numpy as np

from ising_book import extensions, runs, store, style, walk, worlds
from ising_lib import _checks, estimators, imputation, metrics, stopping

VERDICTS = ("holds", "holds in part", "does not hold")
STATISTICS = {}  # {name: function of a run}
_RULES = {"<": operator.lt, ">": operator.gt}
_LETTERS = {"n_spins": "M", "n_observed": "N", "coupling_scale": "g"}


def statistic(function):
    """Register a statistic: of a run, a number, or {setting: number} where it has several."""
    STATISTICS[function.__name__] = function
    return function


# ------------------------------------------------------------------ from rows to verdicts


def stored(configs, only=None):
    """The runs of configs, all of which must be stored.

    Args:
        configs: of experiments.
        only: list of {field: value}, those of the training too; a run counts if it has all values of one.

    Returns:
        list of store.Run: in the order of ``configs``; None if one of them is not stored.
    """
    plain = [worlds.describe(config) for config in configs]
    if only:
        fields = [one | one.get("training", {}) for one in plain]
        kept = [any(some.items() <= own.items() for some in only) for own in fields]
        plain = list(itertools.compress(plain, kept))
    runs = [store.find(one) for one in plain]
    return None if None in runs or not runs else runs


def measure(row, runs, parameters):
    """The statistic of a row, for each seed at each setting.

    Args:
        row: of ``claims.yaml``: ``statistic``, ``with`` (options), ``parameters`` (names of options that are
            the notebook's parameters).
        runs: store.Runs; those that differ in nothing but the seed have one setting.
        parameters: {name: value} of the notebook.

    Returns:
        dict: {setting: (S,) values}; the setting is "" where there is but one.
    """
    known = _checks.choice("statistic", row["statistic"], tuple(STATISTICS))
    options = row.get("with", {}) | {name: parameters[name] for name in row.get("parameters", [])}
    varied = [name for name in _LETTERS if len({run.config.get(name) for run in runs}) > 1]
    values = {}
    for run in runs:
        outer = [f"{_LETTERS[name]} = {run.config[name]:,}" for name in varied]
        found = STATISTICS[known](run, **options)
        for inner, value in (found if isinstance(found, dict) else {"": found}).items():
            values.setdefault(", ".join(filter(None, [*outer, inner])), []).append(float(value))
    return {setting: np.array(some) for setting, some in values.items()}


def met(values, rule):
    """Which values fulfil a rule: a sign and a limit, e.g. "< 1"; NaN fulfils none.

    Raises:
        ValueError: the rule reads otherwise.
    """
    sign, _, limit = rule.partition(" ")
    return _RULES[_checks.choice("rule", sign, tuple(_RULES))](np.asarray(values), float(limit))


def judge(values, rule):
    """One of ``VERDICTS``, always by the same rule.

    A row holds when every seed at every setting fulfils its rule.  It does not hold when at no setting more
    than half of the seeds do.  Everything between holds in part.

    Args:
        values: {setting: (S,)}, from ``measure``.
        rule: as in ``met``.
    """
    shares = [met(some, rule).mean() for some in values.values()]
    if min(shares) == 1:
        return "holds"
    return "holds in part" if max(shares) > 0.5 else "does not hold"


def together(verdicts):
    """The verdict on a claim from those on its rows: theirs where they agree; None where there is none."""
    different = set(verdicts)
    return "holds in part" if len(different) > 1 else next(iter(different), None)


# ------------------------------------------------------------------ statistics: errors of parameters


@statistic
def error_ratio(run, part=None, one="augmented", other="observed"):
    """MSE (Eq. 23) of one inference over that of another; of "fields" or "couplings" alone."""
    first, second = (run.share(name, part) if part else run.error(name) for name in (one, other))
    return first / second


@statistic
def over_bound(run, name):
    """MSE of an inference over the Cramér–Rao bound."""
    return run.over_bound(name)


@statistic
def more_samples(run):
    """MSE from the next larger number of augmented samples over that from the smaller, for each step up."""
    errors, sizes = run.error("by_size"), run["sizes"]
    steps = zip(sizes[:-1], sizes[1:], errors[1:] / errors[:-1], strict=True)
    return {f"{few:,} → {many:,}": ratio for few, many, ratio in steps}


@statistic
def observed_added(run):
    """MSE from augmented and observed samples together over that from the augmented ones alone."""
    ratios = run.error("by_size_with_observed") / run.error("by_size")
    return {f"{size:,} augmented": ratio for size, ratio in zip(run["sizes"], ratios, strict=True)}


# ------------------------------------------------------------------ statistics: the course of a training


@statistic
def turn(run):
    """The smaller of the first and the last MSE over the lowest: above 1 only if it falls, then rises."""
    errors = run.error("monitored")
    return min(errors[0], errors[-1]) / errors.min()


@statistic
def redrawn(run):
    """Relative difference of two MSEs, each from n_monitor samples drawn anew from one network: the noise."""
    [same] = np.flatnonzero(run["sizes"] == run.config["training"]["n_monitor"])
    return abs(run.error("monitored")[run["stop_index"]] / run.error("by_size")[same] - 1)


@statistic
def loss_rise(run):
    """The held-out denoising loss at the end over its lowest: 1 where it falls to the end."""
    return run["test_loss"][-1] / run["test_loss"].min()


@statistic
def closeness(run):
    """Mean distance to the nearest observed sample: generated at the end over test samples."""
    distance = np.arange(run.config["n_spins"] + 1)
    return (run["distances"][-1] @ distance) / (run["test_distances"] @ distance)


@statistic
def variance_fall(run):
    """Var E of the generated samples at the last checkpoint over that at the first."""
    return run["variance"][-1] / run["variance"][0]


@statistic
def fires(run):
    """1 where Var E came down to the line, so that the rule found a stopping point; 0 where it never did."""
    return run["stop_crossed"]


@statistic
def gain_kept(run):
    """What is left of the gain, (observed − kept)/(observed − lowest), in MSE; 0 where there is no gain."""
    errors, observed = run.error("monitored"), run.error("observed")
    gain = observed - errors.min()
    return (observed - errors[run["stop_index"]]) / gain if gain > 0 else 0.0


@statistic
def regret(run, rule, n_iterations=np.inf):
    """MSE at the checkpoint that a rule of ``stopping.choices`` keeps over the lowest up to n_iterations."""
    errors = run.error("monitored")
    kept = stopping.choices(run, errors, n_iterations)
    return errors[kept[rule]] / errors[kept["oracle"]]


@statistic
def kept_over(run, rule, other):
    """MSE at the checkpoint that a rule keeps over that of another inference in the same run."""
    errors = run.error("monitored")
    return errors[stopping.choices(run, errors)[rule]] / run.error(other)


# ------------------------------------------------------------------ statistics: missing neurons


@statistic
def recovery_gain(run, one, other, missing_counts, score="accuracy", without_first=False):
    """A score of the recovery by one model minus that by another, on the same missing neurons, in points.

    Args:
        run: of a Retina.
        one, other: arrays of parameters of the run, or "silent": no spike, whatever the others do.
        missing_counts: numbers of missing neurons of each test sample, as in Figure 14.
        score: field of metrics.Recovery.
        without_first: do not score the most active neuron.

    Returns:
        dict: {setting: points of 100}.
    """
    gains = {}
    for n_missing in missing_counts:
        test, mask = _hidden(run, n_missing)
        scored = mask & (np.arange(test.shape[1]) >= without_first)
        found = [
            getattr(metrics.recovery(test, _filled(run, name, n_missing), scored), score)
            for name in (one, other)
        ]
        gains[f"{n_missing} missing"] = 100 * (found[0] - found[1])
    return gains


@statistic
def score_difference(run, one, other, score):
    """A score of the missing neurons by one model minus that by another, from the counts of a run.

    Args:
        run: of a FairRetina.
        one, other: names among ``extensions.FAIR_MODELS``.
        score: "log_loss", in nats per missing neuron; or one of ``metrics.rates``, in points of 100, of what
            the thesis's rule fills in.

    Returns:
        dict: {setting: number}.
    """
    models = [extensions.FAIR_MODELS.index(name) for name in (one, other)]
    counts = run.config["missing_counts"]
    if score == "log_loss":
        values = run["log_loss"].mean(-1) / np.array(counts)[:, None]  # (K, B)
    else:
        values = 100 * metrics.rates(*np.moveaxis(run["counts"][:, :, 0].sum(-1), -1, 0))[score]
    differences = values[:, models[0]] - values[:, models[1]]
    return {f"{n} missing": gain for n, gain in zip(counts, differences, strict=True)}


@functools.cache
def _test_samples(run):
    return walk.samples(worlds.from_plain(run.config))[1]


def _hidden(run, n_missing):
    """Test samples and which of their spins are missing: those of Figures 12 to 14."""
    test = _test_samples(run)
    rng = worlds.stream(run.config["seed"], "missing")
    return test, imputation.random_mask(test.shape, n_missing, rng=rng)


@functools.cache  # several rows look at the same model
def _filled(run, name, n_missing):
    test, mask = _hidden(run, n_missing)
    if name == "silent":
        return np.where(mask, np.int8(-1), test)
    with runs.one_thread():  # many small products: threads would wait for each other
        return imputation.recover({name: run.model(name)}, test, mask)[name]


# ------------------------------------------------------------------ statistics: other methods


@statistic
def error_over_rivals(run):
    """MSE of the Erasure Machine over that of each other method, all on the observed samples of a run."""
    config = worlds.from_plain(run.config)
    [observed, _], truth = walk.samples(config), walk.truth(config)
    methods = {
        "pseudolikelihood": functools.partial(estimators.pseudolikelihood, ridge=0.0),
        "mean field": estimators.mean_field,
        "TAP": estimators.tap,
    }
    with runs.one_thread():
        fits = {name: method(observed) for name, method in methods.items()}
    return {name: run.error("observed") / metrics.thesis_mse(fit.model, truth) for name, fit in fits.items()}


@statistic
def slower_than_rivals(run, rivals):
    """1 where the Erasure Machine took more processor time than another method on the same samples, else 0.

    A time belongs to a machine and a moment; which of two is longer hardly does.  One thread each.

    Args:
        run: of Rivals, which has measured them.
        rivals: {name among its METHODS: label}.
    """
    took = dict(zip(extensions.METHODS, run["seconds"], strict=True))
    return {label: took["erasure"] > took[name] for name, label in rivals.items()}


@statistic
def denoiser_seconds(run):
    """Seconds of one core for training the denoiser and drawing all augmented samples, in a run of Rivals."""
    return run["train_seconds"] + run["sample_seconds"]


# ------------------------------------------------------------------ the page


def findings(entry, figures):
    """What the runs say on a claim: for each of its rows, the values, or why there are none.

    Args:
        entry: of ``claims.yaml``.
        figures: {notebook: (its configs, its parameters)}.

    Returns:
        list: of {setting: (S,)} or str.
    """
    found = []
    for row in entry["rows"]:
        name = row["figure"]
        if name not in figures:
            found.append(f"the notebook `{name}` is not in the book yet")
            continue
        configs, parameters = figures[name]
        runs = stored(configs, row.get("only"))
        found.append(measure(row, runs, parameters) if runs else f"not all runs of `{name}` are stored")
    return found


def verdicts(entry, found):
    """The verdict on each row of a claim, None where it is not measured; and on the claim.

    The claim's verdict comes from the rows that are not marked ``check``.
    """
    rows = [
        None if isinstance(values, str) else judge(values, row["rule"])
        for row, values in zip(entry["rows"], found, strict=True)
    ]
    deciding = [
        verdict for row, verdict in zip(entry["rows"], rows, strict=True) if verdict and "check" not in row
    ]
    return rows, together(deciding)


def summary(entries, found):
    """The table of all claims, one line each, as Markdown."""
    lines = ["| | claim | verdict |", "|---|---|---|"]
    for entry, several in zip(entries, found, strict=True):
        number = entry["claim"]
        verdict = _said(entry, several)
        lines.append(f"| {number} | [{entry['title']}](#claim-{number}) | {verdict} |")
    return "\n".join(lines)


def _said(entry, found):
    verdict = verdicts(entry, found)[1]
    waiting = sum(isinstance(values, str) for values in found)
    if verdict is None:
        return "not measured yet"
    return f"**{verdict}**" + (f", so far: {waiting} of {len(found)} rows wait" if waiting else "")


def badges(entries, found):
    """{number of a claim: its title, whose it is, and the verdict}: what the pages' badges show."""
    return {
        str(entry["claim"]): {
            "title": entry["title"],
            "whose": "thesis" if "thesis" in entry else "ours",
            "verdict": verdicts(entry, several)[1] or "not measured yet",
        }
        for entry, several in zip(entries, found, strict=True)
    }


def section(entry, found):
    """One claim: what the thesis says, or we; a table of its rows, how to read them, and all values.

    Args:
        entry: of ``claims.yaml``.
        found: from ``findings``.

    Returns:
        str: Markdown.

    Raises:
        ValueError: ``claims.yaml`` has no sentence for a verdict that came out.
    """
    number = entry["claim"]
    table, readings, details = [], [], []
    for letter, row, values, verdict in zip(
        string.ascii_lowercase, entry["rows"], found, verdicts(entry, found)[0], strict=False
    ):
        name, digits = f"{number}{letter}", row.get("digits", 2)
        start = f"| {name}{', check' if 'check' in row else ''} | {row['measured']}"
        if verdict is None:
            table.append(
                f"{start} | {_short(row['figure'])} | not measured yet: {values} | {row['rule']} | | |"
            )
            continue
        if verdict not in row["reading"]:
            raise ValueError(
                f"claim {number}, {row['measured']!r}: the reading lacks {verdict!r}, the verdict"
            )
        link = f"[{_short(row['figure'])}](../notebooks/{row['figure']}.ipynb)"
        cells = _extremes(values, digits), _signs(row["rule"]), _counts(values, row["rule"]), verdict
        table.append(f"{start} | {link} | {' | '.join(cells)} |")
        readings.append(f"- **{name}.** {row['reading'][verdict]}")
        if len(values) > 1:
            heading = f"**{name}.** {row['measured']}; rule: {_signs(row['rule'])}"
            details += ["", heading, "", *_every(values, row["rule"], digits)]
    lines = [
        f"(claim-{number})=",
        f"### {number}. {entry['title']}",
        "",
        entry.get("thesis") or entry["ours"],
        "",
        f"Verdict: {_said(entry, found)}.",
        "",
        ":::{div} full-width",  # the table needs the margin, too
        "| row | measured | runs of | mean (smallest to largest) | rule | fulfilled in | verdict |",
        "|---" * 7 + "|",
        *table,
        ":::",
    ]
    if readings:
        lines += ["", *readings]
    if details:
        lines += ["", ":::{dropdown} Every setting, seed by seed", *details[1:], ":::"]
    return "\n".join(lines)


def _short(figure):
    """ "Figure 8" for fig08_inference_quality, "Extension 1" for ext01_rivals."""
    number = figure.partition("_")[0]
    return f"{'Figure' if number.startswith('fig') else 'Extension'} {int(number[3:])}"


def _signs(text):
    return text.replace("-", "−")


def _extremes(values, digits):
    """The spread over the seeds; with several settings, at those with the lowest and the highest mean."""
    ordered = sorted(values, key=lambda setting: values[setting].mean())
    chosen = list(dict.fromkeys([ordered[0], ordered[-1]]))
    texts = [
        (f"{setting}: " if setting else "") + style.spread(values[setting], digits) for setting in chosen
    ]
    return _signs(" … ".join(texts))


def _counts(values, rule):
    """In how many seeds a rule is fulfilled; with several settings, at how many of them by all."""
    hits = [met(some, rule) for some in values.values()]
    if len(hits) == 1:
        return f"{hits[0].sum()} of {hits[0].size} {'seeds' if hits[0].size > 1 else 'seed'}"
    every, most = (sum(test(hit) for hit in hits) for test in (np.all, lambda hit: hit.mean() > 0.5))
    return f"all seeds at {every}, most at {most} of {len(hits)} settings"


def _every(values, rule, digits):
    """A table of all values."""
    lines = ["| setting | by seed | fulfilled |", "|---|---|---|"]
    for setting, some in values.items():
        listed = _signs(", ".join(f"{value:.{digits}f}" for value in some))
        lines.append(f"| {setting or 'all'} | {listed} | {met(some, rule).sum()} of {some.size} |")
    return lines


_TABLES = {"thesis": "### What the thesis claims", "ours": "### What we claim beyond it"}


def block(entries, found):
    """A summary of the thesis's claims and one of ours, and all sections: what stands between the marks."""
    pairs = list(zip(entries, found, strict=True))
    parts = []
    for whose, heading in _TABLES.items():
        some = [pair for pair in pairs if whose in pair[0]]
        parts += [heading, summary(*zip(*some, strict=True))] if some else []
    return "\n\n".join([*parts, "## The claims, one by one", *(section(*pair) for pair in pairs)])
