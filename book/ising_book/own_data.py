"""A reader's own binary data, read and checked; and the folder of the report on them.

Every finding is one sentence.  What cannot be used is refused by one, as ``Unusable``.
"""

import contextlib
import hashlib
import itertools
import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ising_book import reading
from ising_book.reading import Unusable, list_of, number_of
from ising_experiments.worlds import stream

MIN_SAMPLES = 20  # a fifth is held out, the rest cut into three folds
MAX_SPINS = 500  # a fit of the M² parameters takes hours beyond
MADE_BY, RUN, PAGE = "ising-book infer", "run.json", "report.html"
_ASIDE = ".part-"
RARE = 10  # a value seen fewer times than this says little about its spin's couplings
_SHUFFLES = 99  # of the rows: their neighbours' correlation is exceeded by chance once in a hundred times
_VERDICTS = (  # by samples per parameter
    (10, "enough for single couplings to mean something"),
    (1, "trust the strong couplings, not each weak one"),
    (0, "too few: do not trust single couplings"),
)


@dataclass(frozen=True, eq=False)
class OwnData:
    """Spins from a file, and what was found on the way."""

    spins: np.ndarray  #: (N, M) int8 of ±1, 0 where missing: columns that vary
    names: tuple  #: of the columns
    findings: tuple  #: sentences
    files: dict  #: {name of each file: its sha256}
    groups: tuple | None = None  #: (N,) bool, is a sample in the second of two groups, and their names
    tau: float = 1.0  #: so many samples in a row count as one independent one

    @property
    def block(self):
        """So many samples in a row are held out, or exchanged, together."""
        return min(int(np.ceil(5 * self.tau)), len(self.spins) // 10) if self.tau > 1 else 1


def load(path, name=None, *, other=None, missing=(), threshold=None, rows=None, seed=0, time=None, **options):
    """The OwnData in a file of binary samples, or in two of them, checked.

    Args:
        path: the file: rows are samples, columns are spins.
        name: of the array, where the file holds several.
        other: a second file of the same columns: the second group of samples.
        missing: texts or numbers that stand for missing values.
        threshold: values above it are +1, others −1.
        rows: use so many samples alone, drawn at random by ``seed``, in their order.
        time: are the samples in order of time?  None looks whether neighbours resemble each other.
        options: of ``reading.samples``: transpose, axis, columns, drop, index, weights, by.

    Raises:
        Unusable: there is no such file, it cannot be read, or nothing can be inferred from it.
    """
    paths = [Path(path), *([Path(other)] if other else [])]
    (values, names, said, groups), *more = (
        reading.samples(reading.read(one, name, missing), **options) for one in paths
    )
    files = [one.name for one in paths]
    if more and files[0] == files[1]:
        files = ["/".join(one.parts[-2:]) for one in paths]
    if more:
        if groups:
            raise Unusable("--by must be left out where OTHER is given: that is the second group")
        frames = [pd.DataFrame(some, columns=columns) for some, columns, *_ in ((values, names), *more)]
        both = pd.concat(frames, join="inner")
        alone = [name for frame in frames for name in frame.columns.difference(both.columns, sort=False)]
        if both.shape[1] < 2:
            raise Unusable(f"OTHER must share at least 2 columns with DATA, got {list_of(map(repr, alone))}")
        said += [f"In one of the files alone and left out: {list_of(map(repr, alone))}."] if alone else []
        said.append(f"Groups: {files[0]!r} ({len(frames[0])}) and {files[1]!r} ({len(frames[1])}).")
        values, names = both.to_numpy(), tuple(both.columns)
        groups = np.arange(len(values)) >= len(frames[0]), tuple(files)
    if rows is not None and rows < len(values):
        some = np.sort(stream(seed, "rows").choice(len(values), rows, replace=False))
        said.append(f"{rows} of {len(values)} samples, drawn at random.")
        values, groups = values[some], groups and (groups[0][some], groups[1])
    turned = options.get("transpose", False)
    spins, names, findings, kept = _checked(values, names, missing, threshold, turned)
    if groups:
        groups = groups[0][kept], groups[1]
        size, least = min(zip(np.bincount(groups[0], minlength=2), groups[1], strict=True))
        if size < MIN_SAMPLES:
            raise Unusable(f"each group must have at least {MIN_SAMPLES} samples, got {size} in {least!r}")
    tau, order = 1.0, []
    if time and options.get("weights"):
        raise Unusable("--time must be left out where --weights is given: a histogram has no order of time")
    if time or (time is None and not options.get("weights")):
        tau, order = _order(spins, groups[0] if groups else np.zeros(len(spins), bool), time)
    findings += [*order, _enough(*spins.shape, tau)]
    files = {
        name: hashlib.sha256(one.read_bytes()).hexdigest() for name, one in zip(files, paths, strict=True)
    }
    return OwnData(spins, names, (*said, *findings), files, groups, tau)


def _checked(values, names, missing, threshold, turned):
    """Spins of columns that vary, their names, sentences, and which samples stay (N,)."""
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
    spins, names, kept = _known(spins, names, findings)
    spins, names = _varying(spins, names, findings)
    findings += _remarks(spins, names)
    return np.ascontiguousarray(spins), names, findings, kept


def _known(spins, names, findings):
    """Without samples and columns of which (nearly) nothing is known, and the samples (N,) that stay."""
    missing = spins == 0
    kept = np.ones(len(spins), dtype=bool)
    if not missing.any():
        return spins, names, kept
    empty = (~missing).sum(0) < MIN_SAMPLES
    if empty.any():
        some = list_of(map(repr, itertools.compress(names, empty)))
        findings.append(f"Known in fewer than {MIN_SAMPLES} samples and left out: {some}.")
    spins, names = spins[:, ~empty], tuple(itertools.compress(names, ~empty))
    kept = (spins != 0).any(1)
    n_before, spins = len(spins), spins[kept]
    if len(spins) < MIN_SAMPLES or spins.shape[1] < 2:
        raise Unusable(
            f"DATA must have at least {MIN_SAMPLES} samples with known values of at least 2 columns, got "
            f"{len(spins)} of {n_before} in {spins.shape[1]}"
        )
    n_incomplete = int((spins == 0).any(1).sum())
    if n_incomplete:
        findings.append(
            f"{number_of(n_incomplete, 'sample')} with missing values ({(spins == 0).mean():.1%} of all) "
            f"used too: all {len(spins)} samples take part, the missing spins are drawn from their "
            "distribution given the known ones."
        )
    return spins, names, kept


def _varying(spins, names, findings):
    value = np.sign(spins.sum(0, dtype=np.int64))
    constant = ((spins == value) | (spins == 0)).all(0)
    if constant.any():
        some = [f"{names[i]!r} ({value[i]:+d})" for i in np.flatnonzero(constant)]
        findings.append(
            f"Constant and left out, since a spin that never changes has no finite field: {list_of(some)}."
        )
    if (~constant).sum() < 2:
        raise Unusable(f"DATA must have at least 2 columns that vary, got {int((~constant).sum())}")
    return spins[:, ~constant], tuple(itertools.compress(names, ~constant))


def _remarks(spins, names):
    """Sentences on rare values, twins and repeats."""
    said, n_samples = [], len(spins)
    rarer = np.minimum((spins > 0).sum(0), (spins < 0).sum(0))
    if (rarer < RARE).any():
        some = [f"{names[i]!r} ({rarer[i]})" for i in np.flatnonzero(rarer < RARE)]
        said.append(
            f"Do not trust the couplings of these, whose rarer value occurs fewer than {RARE} times: "
            f"{list_of(some)}."
        )
    columns = spins.astype(np.float32)
    overlap = np.triu(np.abs(columns.T @ columns), 1)
    pairs = [f"{names[i]!r} and {names[j]!r}" for i, j in np.argwhere(overlap == n_samples)]
    if pairs:
        said.append(
            "Equal or opposite in all samples, so that only the penalty keeps their coupling finite: "
            f"{list_of(pairs)}."
        )
    counted = Counter(row.tobytes() for row in spins)
    repeated = n_samples - len(counted)
    if repeated:
        said.append(
            f"{number_of(repeated, 'sample')} ({repeated / n_samples:.0%}) equal to an earlier one, the "
            f"most frequent configuration {max(counted.values())} times: as it should be for few or quiet "
            "spins, else look for copies."
        )
    return said


def _enough(n_samples, n_spins, tau):
    """The number of independent samples against that of parameters."""
    n_parameters, kind = n_spins * (n_spins + 1) // 2, "independent sample" if tau > 1 else "sample"
    ratio = n_samples / tau / n_parameters
    verdict = next(text for least, text in _VERDICTS if ratio >= least)
    return (
        f"{number_of(round(n_samples / tau), kind)} for the L = M(M + 1)/2 = {n_parameters} parameters of "
        f"M = {n_spins} spins, {ratio:.1f} for each: {verdict}."
    )


def _order(spins, group, declared):
    """τ = 1 + 2 Σ_k r_k with the correlation r_k of samples k apart, and a sentence where it counts.

    The sum ends at the first k ≥ 2.5 τ  (Madras and Sokal 1988).  Means are those of each group.
    """
    n_all, spins, group = len(spins), spins[:50_000], group[:50_000]
    centred, n = np.zeros(spins.shape, dtype=np.float32), len(spins)
    for rows in (group, ~group):
        known = np.maximum((spins[rows] != 0).sum(0), 1)
        centred[rows] = np.where(spins[rows], spins[rows] - spins[rows].sum(0) / known, 0)
    power = sum(np.abs(np.fft.rfft(column, 2 * n)) ** 2 for column in centred.T)
    r = np.fft.irfft(power)[:n] / (centred**2).sum()
    taus = 2 * np.cumsum(r) - 1
    tau = max(float(taus[np.argmax(np.arange(n) >= 2.5 * taus)]), 1.0)
    few, rng = centred[:10_000], stream(0, "order")
    chance = max(float((x[1:] * x[:-1]).sum()) for x in (rng.permutation(few) for _ in range(_SHUFFLES)))
    chance /= (few**2).sum()
    if not declared and (r[1] <= chance or tau < 1.1):
        return 1.0, []
    begin = "Rows in order of time, as you say" if declared else "The rows seem to be in order of time"
    return tau, [
        f"{begin}: neighbours have correlation {r[1]:.2f}, shuffled rows at most {chance:.2f}. {n_all} "
        f"samples count as some {n_all / tau:.0f} independent ones: standard errors are made "
        f"{np.sqrt(tau):.1f} times wider, and blocks of rows are held out"
        + ("." if declared else "; if the rows are in no such order, add --no-time.")
    ]


def _hint(shape, transpose):
    if shape[0] >= shape[1]:
        return ""
    other = "columns" if transpose else "rows"
    advice = "leave out --transpose" if transpose else "use --transpose"
    return f"; if its {other} are the spins, {advice}"


def claim(folder, *, force=False):
    """Check that a report may be written into ``folder``, new, empty or an earlier report; create nothing.

    Raises:
        FileExistsError: it holds something else, or an earlier report and ``force`` is not set.
        NotADirectoryError, PermissionError: it, or what it would lie in, is a file or read-only.
    """
    folder = Path(folder)
    place, given = next(p for p in (folder, *folder.absolute().parents) if p.exists()), repr(str(folder))
    if not place.is_dir():
        raise NotADirectoryError(f"--out must be a folder, got {given}: {str(place)!r} is a file")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"--out must be a folder that can be written, got {given}: {str(place)!r} cannot"
        )
    found = [p.name for p in folder.iterdir() if not p.name.startswith(_ASIDE)] if folder.is_dir() else []
    if found and not _is_report(folder):
        raise FileExistsError(
            f"--out must be new, empty, or an earlier report, got {given} with {found[0]!r}"
        )
    if found and not force:
        raise FileExistsError(
            f"--out must be new or empty, got {given}, an earlier report: replace it by --force"
        )


def _is_report(folder):
    try:
        return json.loads((folder / RUN).read_bytes())["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def aside(folder):
    """A folder inside the report's, checked by ``claim``: its files move up at the end, the record last."""
    folder = Path(folder)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_ASIDE) as name:
            yield Path(name)
            for path in sorted(Path(name).iterdir(), key=lambda path: path.name == RUN):
                path.replace(folder / path.name)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):  # the first error is the one to be told
                folder.rmdir()
        raise
