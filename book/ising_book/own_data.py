"""A reader's own binary data, read and checked; and the folder of the report on them.

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

from ising_book import reading
from ising_book.reading import Unusable, list_of, number_of

MIN_SAMPLES = 20  # a fifth is held out, the rest cut into three folds
MAX_SPINS = 500  # a fit of the M² parameters takes hours beyond
MADE_BY, RUN, PAGE = "ising-book infer", "run.json", "report.html"
_ASIDE = ".part-"
RARE = 10  # a value seen fewer times than this says little about its spin's couplings
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
    if not options.get("weights"):
        said += _remark_order(spins)
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
    if (rarer < RARE).any():
        some = [f"{name!r} ({n})" for name, n in _picked(zip(names, rarer, strict=True), rarer < RARE)]
        findings.append(
            f"Do not trust the couplings of these, whose rarer value occurs fewer than {RARE} times: "
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


def _remark_order(spins):
    """Do successive samples resemble each other?  τ = 1 + 2 Σ_k r_k, up to the first r_k within the noise."""
    centred = spins[:100_000].astype(np.float32)
    centred -= centred.mean(0)
    n, total, first = len(centred), 1.0, 0.0
    for lag in range(1, n // 4):
        r = (centred[lag:] * centred[:-lag]).mean() / (centred**2).mean()
        first = first or r
        if r < 4 / np.sqrt(n):
            break
        total += 2 * r
    if total < 1.1:
        return []
    return [
        f"Successive samples resemble each other (correlation {first:.2f} from one to the next): in order of "
        f"time they count as some {len(spins) / total:.0f} independent ones, and the standard errors are too "
        f"small by a factor of about {np.sqrt(total):.1f}."
    ]


def _hint(shape, transpose):
    if shape[0] >= shape[1]:
        return ""
    other = "columns" if transpose else "rows"
    advice = "leave out --transpose" if transpose else "use --transpose"
    return f"; if its {other} are the spins, {advice}"


def _picked(items, chosen):
    return [item for item, wanted in zip(items, chosen, strict=True) if wanted]


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
