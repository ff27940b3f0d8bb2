"""What the thesis and we claim, and what stored runs say: rows, effects, verdicts, the page of them.

``book/claims.yaml`` holds the claims.  Each of their rows names a figure, whose notebook says which runs; a
statistic of ``ising_experiments.statistics``, which makes numbers of one run; and a rule, e.g. "< 1".
Nothing is trained here: runs that are not stored leave a row unmeasured.  The form of the page is
``claims.md.j2``.
"""

import dataclasses
import itertools
import string
from pathlib import Path

import jinja2
import numpy as np
from scipy import stats

from ising_book import style
from ising_experiments import statistics, store, worlds
from ising_lib import _checks

VERDICTS = ("holds", "holds under conditions", "does not hold", "undetermined")
LEVEL = 0.95  # of all intervals
_LETTERS = {"n_spins": "M", "n_observed": "N", "coupling_scale": "g"}


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
    known = _checks.choice("statistic", row["statistic"], tuple(statistics.STATISTICS))
    options = row.get("with", {}) | {name: parameters[name] for name in row.get("parameters", [])}
    varied = [name for name in _LETTERS if len({run.config.get(name) for run in runs}) > 1]
    values = {}
    for run in runs:
        outer = [f"{_LETTERS[name]} = {run.config[name]:,}" for name in varied]
        found = statistics.STATISTICS[known](run, **options)
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
