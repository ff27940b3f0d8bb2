"""What the thesis and we claim, and what stored runs say: statistics, rules, verdicts, the page of them.

``book/claims.yaml`` holds the claims.  Each of their rows names a figure, whose notebook says which runs; a
statistic, one of the functions below, which makes numbers of one run; and a rule, e.g. "< 1".  Nothing is
trained here: runs that are not stored leave a row unmeasured.  The form of the page is ``claims.md.j2``.
"""

import dataclasses
import functools
import itertools
import string
from pathlib import Path

import jinja2
import numpy as np
from scipy import stats

from ising_book import style
from ising_experiments import extensions, runs, scoring, store, walk, worlds
from ising_lib import _checks, imputation, metrics, stopping

VERDICTS = ("holds", "holds under conditions", "does not hold", "undetermined")
LEVEL = 0.95  # of all intervals
STATISTICS = {  # {name: function of a run}
    "over_bound": lambda run, name: run.over_bound(name),  # MSE of an inference over the Cramér–Rao bound
    # the held-out denoising loss at the end over its lowest: 1 where it falls to the end
    "loss_rise": lambda run: run["test_loss"][-1] / run["test_loss"].min(),
    # Var E of the generated samples at the last checkpoint over that at the first
    "variance_fall": lambda run: run["variance"][-1] / run["variance"][0],
    # seconds of one core for training the denoiser and drawing from it, in a run of Rivals
    "denoiser_seconds": lambda run: run["train_seconds"] + run["sample_seconds"],
}
_LETTERS = {"n_spins": "M", "n_observed": "N", "coupling_scale": "g"}
_SERIES = {  # {errors of which a run holds several: what numbers them, and how that is said}
    "monitored": ("iterations", "{:,} updates"),
    "by_size": ("sizes", "{:,} drawn"),
    "by_size_with_observed": ("sizes", "{:,} augmented"),
    "augmented": ("cycles", "C = {}"),  # of discrete diffusion
    "augmented_pseudolikelihood": ("cycles", "C = {}"),
}
DRAWS = {"first": [0], "second": [1], "both": [0, 1]}  # of the samples, in a run of Firmness


def statistic(function):
    """Register a statistic: of a run, a number, or {setting: number} where it has several."""
    STATISTICS[function.__name__] = function
    return function


# ------------------------------------------------------------------ from rows to verdicts


def stored(configs, only=None):
    """The store.Runs of configs, in their order; None if one of them is not stored.

    Args:
        configs: of experiments.
        only: list of {field: value}, those of the training too; a run counts if it has all values of one.
    """
    plain = [worlds.describe(config) for config in configs]
    fields = [one | one.get("training", {}) for one in plain]
    kept = [any(some.items() <= own.items() for some in only or [{}]) for own in fields]
    runs = [store.find(one) for one in itertools.compress(plain, kept)]
    return None if None in runs or not runs else runs


def measure(row, runs, parameters):
    """The statistic of a row, for each seed: {setting: (S,) values}; "" is a setting that is alone.

    Args:
        row: of ``claims.yaml``: ``statistic``, ``with`` (options), ``parameters`` (names of options that are
            the notebook's parameters), ``last`` (only the last of several numbers).
        runs: store.Runs; those that differ in nothing but the seed have one setting.
        parameters: {name: value} of the notebook.
    """
    known = _checks.choice("statistic", row["statistic"], tuple(STATISTICS))
    options = row.get("with", {}) | {name: parameters[name] for name in row.get("parameters", [])}
    varied = [name for name in _LETTERS if len({run.config.get(name) for run in runs}) > 1]
    values = {}
    for run in runs:
        outer = [f"{_LETTERS[name]} = {run.config[name]:,}" for name in varied]
        found = STATISTICS[known](run, **options)
        found = found if isinstance(found, dict) else {"": found}
        for inner, value in [("", [*found.values()][-1])] if row.get("last") else found.items():
            values.setdefault(", ".join(filter(None, [*outer, inner])), []).append(float(value))
    return {setting: np.array(some) for setting, some in values.items()}


@dataclasses.dataclass(frozen=True)
class Effect:
    """An effect with its interval: a ratio (geometric mean), a difference, or a share."""

    mean: float
    low: float  #: infinite, as ``high``, where there is but one repetition
    high: float
    count: int  #: repetitions, each with a truth, samples and a training of its own

    def on(self, rule):
        """+1 where the whole interval fulfils the rule, −1 where none of it does, else 0."""
        sign, limit = _parsed(rule)
        above = (self.low > limit) - (self.high < limit)
        return above if sign == ">" else -above


def effect(values, *, ratio=False, level=LEVEL):
    """The mean over independent repetitions with its interval, paired where the values are differences.

    Student's t on the values, on their logarithms for ratios.  Where all values are 0 or 1 it is a share,
    with the exact binomial interval of Clopper and Pearson.

    Args:
        values: (S,), one per repetition; NaN, no value, is left out.
        ratio: take logarithms; all values are positive.
        level: of the interval.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if values.size and np.isin(values, (0, 1)).all():
        share = stats.binomtest(int(values.sum()), values.size)
        ends = share.proportion_ci(level)
        return Effect(share.statistic, ends.low, ends.high, values.size)
    back = np.exp if ratio else np.asarray
    values = np.log(values) if ratio else values
    if values.size < 2:
        mean = float(back(values[0])) if values.size else np.nan
        return Effect(mean, -np.inf, np.inf, values.size)
    half = stats.t.ppf((1 + level) / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    mean = values.mean()
    return Effect(*(float(back(x)) for x in (mean, mean - half, mean + half)), values.size)


def effects(values, rule):
    """The Effect of a row pooled over its settings, and {setting: Effect} at each of them.

    Settings share their repetitions (other masks on one model, other strengths of one matrix), so they are no
    trials of their own: each repetition is averaged over the settings first.  The intervals at single
    settings are those for all of them at once (Bonferroni): 1 − 0.05/k for k settings.

    Args:
        values: {setting: (S,)}, from ``measure``.
        rule: its limit says whether the values are ratios: they are if it and all values are positive.
    """
    rows = [np.asarray(some, dtype=float) for some in values.values()]
    known = np.concatenate(rows)
    known = known[~np.isnan(known)]
    ratio = bool(_parsed(rule)[1] > 0 and (known > 0).all() and not np.isin(known, (0, 1)).all())
    level = 1 - (1 - LEVEL) / len(rows)
    single = {setting: effect(some, ratio=ratio, level=level) for setting, some in values.items()}
    count = min(map(len, rows))
    together = np.array([np.log(row[:count]) if ratio else row[:count] for row in rows])
    pooled = together.mean(0)
    return effect(np.exp(pooled) if ratio else pooled, ratio=ratio), single


def _parsed(rule):
    sign, _, limit = rule.partition(" ")
    return _checks.choice("rule", sign, ("<", ">")), float(limit)


def judge(values, rule):
    """One of ``VERDICTS``, always by the same rule.

    A row *holds* when the interval of its pooled effect fulfils the rule and no setting's interval violates
    it as a whole.  It *does not hold* when the pooled interval violates the rule and no setting's fulfils it.
    It *holds under conditions* when some settings fulfil the rule and others violate it, each with its whole
    interval.  Anything else is *undetermined*: more repetitions would decide.

    A true effect is called "does not hold" with probability 1 − LEVEL at most, however many repetitions
    there are.

    Args:
        values: {setting: (S,)}, from ``measure``.
        rule: a sign and a limit, e.g. "< 1".
    """
    pooled, single = effects(values, rule)
    signs = {one.on(rule) for one in single.values()}
    overall = pooled.on(rule)
    if (-1 in signs and (1 in signs or overall == 1)) or (overall == -1 and 1 in signs):
        return "holds under conditions"
    return {1: "holds", -1: "does not hold", 0: "undetermined"}[overall]


def together(verdicts):
    """The verdict on a claim from those on its rows; None where there is none.

    Theirs where they agree.  Where some rows hold and some do not, or one holds under conditions, so does the
    claim; else a row is undetermined, and with it the claim.
    """
    different = set(verdicts)
    if len(different) < 2:
        return next(iter(different), None)
    mixed = {"holds", "does not hold"} <= different or "holds under conditions" in different
    return "holds under conditions" if mixed else "undetermined"


# ------------------------------------------------------------------ statistics: errors of parameters


@statistic
def error_ratio(run, part=None, one="augmented", other="observed", twin=None, network=None):
    """MSE (Eq. 23) of one inference over that of another; each of several where the run holds a series.

    Args:
        run: in which ``one`` is found.
        part: "fields" or "couplings" alone.
        one, other: names of inferences.
        twin: where the other is found, else NaN: in the same run, or on the same samples in that of "rivals"
            or of the "network" of the thesis, which was trained as ``network`` says.
    """
    if part:
        return run.share(one, part) / run.share(other, part)
    holder = run
    if twin:
        truth = {field.name: run.config[field.name] for field in dataclasses.fields(worlds.KnownTruth)}
        world = worlds.Rivals(**truth)
        if twin == "network":
            world = worlds.Augmentation(**truth, training=worlds.Training(**network))
        holder = store.find(worlds.describe(world))
    ratios = run.error(one) / (holder.error(other) if holder else np.nan)
    if np.ndim(ratios) == 0:
        return ratios
    numbered, said = _SERIES[one]
    numbers = run.config["cycles"] if numbered == "cycles" else run[numbered]
    return {said.format(number): ratio for number, ratio in zip(numbers, ratios, strict=True)}


@statistic
def more_samples(run):
    """MSE from the next larger number of augmented samples over that from the smaller, for each step up."""
    errors, sizes = run.error("by_size"), run["sizes"]
    steps = zip(sizes[:-1], sizes[1:], errors[1:] / errors[:-1], strict=True)
    return {f"{few:,} → {many:,}": ratio for few, many, ratio in steps}


# ------------------------------------------------------------------ statistics: the course of a training


def _errors(run, half, draw):
    """Errors along a training by the samples that choose a checkpoint, and by those that measure it.

    They are the same, but in a run of Firmness, which has drawn twice: there one draw chooses and the other
    measures, up to half of the updates or to the end.
    """
    if "few" not in run.arrays:
        return [run.error("monitored")] * 2
    errors, [at] = run.error("few")[: -1 if half else None], DRAWS[draw]
    return errors[:, at], errors[:, 1 - at]


def _stop(run, half, draw):
    """The checkpoint at which the thesis's rule stops, by the samples that choose; and has it crossed?"""
    if "few" not in run.arrays:
        return run["stop_index"], run["stop_crossed"]
    until, [at] = -1 if half else None, DRAWS[draw]
    lines = run["test_line"].item(), run["observed_line"].item()
    point = stopping.crossing(run["iterations"][:until], run["variance"][:until, at], *lines)
    return point.index, point.crossed


@statistic
def turn(run, half=False, draw="first"):
    """The smaller of the first and the last MSE over the lowest: above 1 only if it falls, then rises."""
    chosen, scored = _errors(run, half, draw)
    return min(scored[0], scored[-1]) / scored[chosen.argmin()]


@statistic
def fires(run, half=False, draw="first"):
    """1 where Var E came down to the line of the thesis's rule; 0 where it never did."""
    return _stop(run, half, draw)[1]


@statistic
def gain_kept(run, half=False, draw="first"):
    """What is left of the gain, (observed − kept)/(observed − lowest), in MSE; 0 where there is no gain.

    Kept is the checkpoint of the thesis's rule, or the last where it never stops.
    """
    chosen, scored = _errors(run, half, draw)
    observed = np.ravel(run.error("observed"))[0]  # a run of Firmness has more, for other ε
    gain = observed - scored[chosen.argmin()]
    return (observed - scored[_stop(run, half, draw)[0]]) / gain if gain > 0 else 0.0


@statistic
def redrawn(run):
    """Relative difference of two MSEs, each from n_monitor samples drawn anew from one network: the noise."""
    [same] = np.flatnonzero(run["sizes"] == run.config["training"]["n_monitor"])
    return abs(run.error("monitored")[run["stop_index"]] / run.error("by_size")[same] - 1)


@statistic
def closeness(run):
    """Mean distance to the nearest observed sample: generated at the end over test samples."""
    distance = np.arange(run.config["n_spins"] + 1)
    return (run["distances"][-1] @ distance) / (run["test_distances"] @ distance)


@statistic
def kept_over(run, rule, other="oracle", n_iterations=np.inf):
    """MSE at the checkpoint that a rule of ``scoring.kept`` keeps over that of another.

    Args:
        rule, other: of ``scoring.kept``; the other may be an inference in the same run, too.
        n_iterations: forget the checkpoints after this number of updates.
    """
    errors = run.error("monitored")
    kept = scoring.kept(run, errors, n_iterations)
    return errors[kept[rule]] / (errors[kept[other]] if other in kept else run.error(other))


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
        return scoring.recover({name: run.model(name)}, test, mask)[name]


# ------------------------------------------------------------------ statistics: other methods


@statistic
def error_over_rivals(run, rivals):
    """MSE of the Erasure Machine over that of others, as below, all on the observed samples of a run."""
    config = worlds.from_plain(run.config)
    [observed, _], truth = walk.samples(config), walk.truth(config)
    with runs.one_thread():
        fits = {label: extensions.METHODS[name][0](observed) for name, label in rivals.items()}
    return {
        label: run.error("observed") / metrics.thesis_mse(fit.model, truth) for label, fit in fits.items()
    }


@statistic
def time_over_rivals(run, rivals):
    """Processor time of the Erasure Machine over that of others, {name in ``extensions.METHODS``: label}."""
    took = dict(zip(extensions.METHODS, run["seconds"], strict=True))
    return {label: took["erasure"] / took[name] for name, label in rivals.items()}


# ------------------------------------------------------------------ the page


def findings(entry, figures):
    """What the runs say on a claim: for each of its rows the values of ``measure``, or why there are none.

    Args:
        entry: of ``claims.yaml``.
        figures: {notebook: (its configs, its parameters)}.
    """
    found = []
    for row in entry["rows"]:
        configs, parameters = figures.get(row["figure"], ((), {}))
        runs = stored(configs, row.get("only"))
        why = f"not all runs of `{row['figure']}` are stored"
        found.append(measure(row, runs, parameters) if runs else why)
    return found


def verdicts(entry, found):
    """The verdict on each row of a claim, None where it is not measured; and on the claim.

    The claim's verdict comes from the rows that are not marked ``check``.
    """
    pairs = list(zip(entry["rows"], found, strict=True))
    rows = [None if isinstance(values, str) else judge(values, row["rule"]) for row, values in pairs]
    deciding = [one for one, (row, _) in zip(rows, pairs, strict=True) if one and "check" not in row]
    return rows, together(deciding)


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


def shown(entry, found):
    """One claim with what the page says of it: ``said``, its verdict, and the same of each of its rows.

    Args:
        entry: of ``claims.yaml``.
        found: from ``findings``.

    Raises:
        ValueError: ``claims.yaml`` has no sentence for a verdict that came out.
    """
    by_row, verdict = verdicts(entry, found)
    waiting = sum(isinstance(values, str) for values in found)
    said = f"**{verdict}**" if verdict else "not measured yet"
    said += f", so far: {waiting} of {len(found)} rows wait" if verdict and waiting else ""
    names = (f"{entry['claim']}{letter}" for letter in string.ascii_lowercase)
    rows = zip(names, entry["rows"], found, by_row, strict=False)
    return entry | {"said": said, "rows": [_row_shown(*row) for row in rows]}


def _row_shown(name, row, values, verdict):
    figure, rule, digits = row["figure"], row["rule"], row.get("digits", 2)
    kind = {"fig": "Figure", "ext": "Extension"}.get(figure[:3])  # or a page that has no number
    short = f"{kind} {int(figure[3:5])}" if kind else figure.capitalize()
    row = row | {"name": name, "short": short, "rule": rule.replace("-", "−"), "verdict": verdict}
    if verdict is None:
        return row | {"waits": values}
    if verdict not in row["reading"] and verdict != "undetermined":
        raise ValueError(f"claim {name[:-1]}, {row['measured']!r}: the reading lacks {verdict!r}")
    pooled, single = effects(values, rule)
    signs, effect = [one.on(rule) for one in single.values()], _interval(pooled, digits)
    counted = f"{signs.count(1)} fulfil, {signs.count(-1)} violate, of {len(signs)}" if signs[1:] else "–"
    waits = f"The interval, {effect}, leaves it open: more repetitions would decide."
    settings = [
        (setting or "all", ", ".join(style.number(value, digits) for value in some), _interval(one, digits))
        for (setting, some), one in zip(values.items(), single.values(), strict=True)
    ]
    said = row["reading"].get(verdict, waits)
    return row | {"effect": effect, "counted": counted, "said": said, "settings": settings}


def _interval(one, digits):
    """An effect as text: "0.60 (0.52 to 0.69), n = 3"."""
    mean, low, high = (style.number(value, digits) for value in (one.mean, one.low, one.high))
    ends = f" ({low} to {high})" if np.isfinite(one.low) else ""
    return f"{mean}{ends}, n = {one.count}"


def block(entries, found, firm):
    """What stands between the marks of the page, by ``claims.md.j2``: two tables, and claim after claim.

    Args:
        entries, found: of all claims, from ``claims.yaml`` and ``findings``.
        firm: {number of a claim of the thesis: what other choices say of it}, from ``firmness.by_claim``.
    """
    claims = [shown(*pair) for pair in zip(entries, found, strict=True)]
    tables = [
        ("What the thesis claims", [one for one in claims if "thesis" in one], firm),
        ("What we claim beyond it", [one for one in claims if "ours" in one], None),
    ]
    text = Path(__file__).with_name("claims.md.j2").read_text()
    page = jinja2.Template(text, trim_blocks=True, lstrip_blocks=True)
    return page.render(tables=[table for table in tables if table[1]], claims=claims).strip()
