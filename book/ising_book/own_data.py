"""A reader's own binary data: read from a file without trusting it, checked, and turned into spins.

Every finding is one sentence.  What cannot be used is refused by one, as ``Unusable``.  Nothing in a file is
ever evaluated or unpickled.
"""

import csv
import hashlib
import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse

MIN_SAMPLES = 20  # a fifth is held out, the rest cut into three folds
MAX_SPINS = 500  # a fit of the M² parameters takes hours beyond
_RARE = 10  # a value seen fewer times than this says little about its spin's couplings
_VERDICTS = (  # by samples per parameter
    (10, "enough for single couplings to mean something"),
    (1, "trust the strong couplings, not each weak one"),
    (0, "too few: do not trust single couplings"),
)
_NAMED = 5  # columns named in one sentence
_WORDS = {
    **dict.fromkeys(("", "na", "n/a", "nan", "null", "none", "?"), np.nan),
    **{"true": 1.0, "false": 0.0},
}
_DAMAGED = "DATA must be a readable {} file, got {}: damaged or of another kind ({})"


class Unusable(ValueError):
    """A file from which nothing can be inferred; the message is one sentence that says why."""


@dataclass(frozen=True, eq=False)
class OwnData:
    """Spins from a file, and what was found on the way.

    Attributes:
        spins: (N, M) int8 of ±1: complete samples, columns that vary.
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


@dataclass(frozen=True, eq=False)
class _Table:
    """What a file holds: numbers, the columns' names, and where the first row stands in the file."""

    values: np.ndarray
    names: tuple | None = None
    findings: tuple = ()


def load(path, name=None, *, transpose=False):
    """Read a .csv, .npy, .npz or .mat file of binary samples, and check it.

    Args:
        path: the file: rows are samples, columns are spins; 0/1 or ±1; missing values empty, NaN, or 0
            beside ±1.
        name: of the array, where the file holds several.
        transpose: rows are spins, columns are samples.

    Returns:
        OwnData

    Raises:
        Unusable: there is no such file, it cannot be read, or nothing can be inferred from it.
    """
    path = Path(path)
    content = _bytes(path)
    readers = {".csv": _read_csv, ".npy": _read_npy, ".npz": _read_npz, ".mat": _read_mat}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise Unusable(f"DATA must end in .csv, .npy, .npz or .mat, got {path.name!r}")
    if name is not None and suffix not in (".npz", ".mat"):
        raise Unusable(f"--name must be left out for a {suffix} file, which holds one array, got {name!r}")
    try:
        table = readers[suffix](content, path.name, name)
    except Unusable:
        raise
    except (Exception, MemoryError) as error:  # numpy, zipfile, zlib, scipy each have their own for damage
        kind = type(error).__name__
        raise Unusable(_DAMAGED.format(suffix, repr(path.name), kind)) from error
    spins, names, findings = check(table.values, table.names, transpose=transpose)
    digest = hashlib.sha256(content).hexdigest()
    return OwnData(spins, names, (*table.findings, *findings), digest, path.name)


def _bytes(path):
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Unusable(f"DATA must be a file, got {str(path)!r}: no such file") from error
    except IsADirectoryError as error:
        raise Unusable(f"DATA must be a file, got {str(path)!r}: a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise Unusable(f"DATA must be a file that can be read, got {str(path)!r}: {reason}") from error
    if not content:
        raise Unusable(f"DATA must hold samples, got {str(path)!r}: an empty file")
    return content


class _Cells(dict):
    """Numbers by the text of their cells; there are few different ones, so each is converted once."""

    def __missing__(self, cell):
        plain = cell.strip().lower()
        self[cell] = value = _WORDS[plain] if plain in _WORDS else float(plain)
        return value


def _is_number(cell):
    try:
        _Cells()[cell]
    except ValueError:
        return False
    return True


def _read_csv(content, source, _name):
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable(f"DATA must be text in UTF-8, got {source!r}: byte {error.start} is not") from error
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise Unusable(f"DATA must hold samples, got {source!r}: no line but blanks and comments")
    delimiter = next((mark for mark in ",;\t" if mark in first), " ")
    rows = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    names, values, cells = None, [], _Cells()
    for row in rows:
        row = row[:-1] if delimiter == " " and row and not row[-1] else row  # a blank at the end
        if not row or row[0].lstrip().startswith("#"):
            continue
        if names is None and not values and not all(map(_is_number, row)):
            names = tuple(cell.strip() for cell in row)
            continue
        width = len(values[0]) if values else len(names or row)
        if len(row) != width:
            raise Unusable(
                f"DATA must have {width} cells in every line, got {len(row)} in line {rows.line_num} of "
                f"{source!r}"
            )
        try:
            values.append([cells[cell] for cell in row])
        except ValueError:
            bad = next(cell for cell in row if not _is_number(cell))
            raise Unusable(
                f"DATA must hold numbers below its first line, got {bad[:40]!r} in line {rows.line_num} of "
                f"{source!r}"
            ) from None
    if not values:
        raise Unusable(f"DATA must hold samples, got {source!r}: a line of names and nothing below it")
    said = [] if names is None else [f"The first line holds names: {_list(map(repr, names))}."]
    skipped = len(text.splitlines()) - len(lines)
    said += [f"{_number(skipped, 'line')} beginning with # passed over."] if skipped else []
    return _Table(np.array(values), names, tuple(said))


def _read_npy(content, source, _name):
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ValueError("no NumPy file")
    try:
        return _Table(np.load(io.BytesIO(content), allow_pickle=False))
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        raise Unusable(
            f"DATA must hold plain numbers, got {source!r} with pickled Python objects, which could run "
            "code: save it again as an array of numbers"
        ) from error


def _read_npz(content, source, name):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.namelist() if member.endswith(".npy")]
        wanted = [f"{name}.npy"] if f"{name}.npy" in members else members
        plain = {}
        for member in wanted:
            try:
                plain[member.removesuffix(".npy")] = _read_npy(archive.read(member), source, None).values
            except Unusable:  # pickled objects beside the samples do no harm, they are left unread
                if len(wanted) == 1:
                    raise
    return _choose(plain, source, name)


def _read_mat(content, source, name):
    if content.startswith((b"MATLAB 7.3", b"\x89HDF")) or content[512:516] == b"\x89HDF":
        raise Unusable(
            f"DATA must be a .mat file of MATLAB 7 or older, got {source!r} of MATLAB 7.3 (HDF5): save it "
            "again by save('file.mat', 'name', '-v7')"
        )
    loaded = scipy.io.loadmat(io.BytesIO(content))
    arrays = {key: value for key, value in loaded.items() if not key.startswith("__")}
    dense = {key: v.toarray() if scipy.sparse.issparse(v) else v for key, v in arrays.items()}
    return _choose(dense, source, name)


def _choose(arrays, source, name):
    """The array that is meant: the one named, or else the only one that could be samples."""
    arrays = {key: value for key, value in arrays.items() if isinstance(value, np.ndarray)}
    listed = ", ".join(f"{key} ({_shape(value)})" for key, value in arrays.items()) or "nothing of use"
    if name is not None:
        if name not in arrays:
            raise Unusable(f"--name must be an array of {source!r}, which holds {listed}, got {name!r}")
        return _Table(arrays[name])
    numeric = {key: value for key, value in arrays.items() if value.dtype.kind in "biuf"}
    tables = {key: value for key, value in numeric.items() if value.ndim == 2 and min(value.shape) > 1}
    possible = tables or numeric
    if len(possible) != 1:
        raise Unusable(
            f"DATA must hold one array of samples, got {source!r} with {listed}: choose by --name NAME"
            if possible
            else f"DATA must hold an array of numbers, got {source!r} with {listed}"
        )
    [(key, value)] = possible.items()
    return _Table(value, findings=(f"The array {key!r} is used.",) if len(arrays) > 1 else ())


def check(values, names=None, *, transpose=False):
    """Turn an array of binary samples into spins, and say what was found.

    Args:
        values: (N, M) of 0/1 or ±1; missing values are NaN, or 0 beside ±1.
        names: M names of the columns; numbers from 1 by default.
        transpose: the array is (M, N).

    Returns:
        tuple: spins (N', M') int8 of ±1 without incomplete samples and constant columns, their names, and the
        findings, one sentence each.

    Raises:
        Unusable: nothing can be inferred from it.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise Unusable(f"DATA must hold plain numbers, got an array of dtype {str(values.dtype)[:60]}")
    if values.ndim != 2:
        raise Unusable(
            f"DATA must be a table of samples × spins, got {_number(values.ndim, 'dimension')} "
            f"({_shape(values)}): reshape it"
        )
    values = values.T if transpose else values
    if values.shape[0] < MIN_SAMPLES:
        raise Unusable(
            f"DATA must have at least {MIN_SAMPLES} samples, got {_number(values.shape[0], 'row')}"
            f"{_hint(values.shape, transpose)}"
        )
    n_samples, n_columns = values.shape
    if not 2 <= n_columns <= MAX_SPINS:
        raise Unusable(
            f"DATA must have from 2 to {MAX_SPINS} columns, one per spin, got {n_columns}"
            f"{_hint(values.shape, transpose)}"
        )
    names = tuple(str(n) for n in range(1, n_columns + 1)) if names is None or transpose else tuple(names)
    spins, encoding = _spins(values, names)  # 0 is missing
    oriented = ("columns", "rows") if transpose else ("rows", "columns")
    findings = [
        f"{encoding} {_number(n_samples, 'sample')} ({oriented[0]}) of {_number(n_columns, 'spin')} "
        f"({oriented[1]}){_hint(values.shape, transpose) if n_samples < n_columns else ''}."
    ]
    spins = _complete(spins, findings)
    spins, names = _varying(spins, names, findings)
    _remark_rare(spins, names, findings)
    _remark_twins(spins, names, findings)
    _remark_repeats(spins, findings)
    _remark_size(spins, findings)
    return np.ascontiguousarray(spins), names, tuple(findings)


def _spins(values, names):
    """Spins (N, M) int8 with 0 for missing, and a sentence on how they were written."""
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    ones = values == 1
    negative, zero = values == -1, values == 0
    other = ~(ones | negative | zero | missing)
    if other.any():
        row, column = np.argwhere(other)[0]
        raise Unusable(
            f"DATA must hold only 0 and 1, or only -1 and 1, got {values[row, column]!s:.20} in sample "
            f"{row + 1}, column {names[column][:40]!r}; a column that numbers the samples has to be taken out"
        )
    if not ones.any():
        raise Unusable("DATA must hold some 1, beside 0 or -1, got none: nothing varies")
    if negative.any():
        return ones.astype(np.int8) - negative, "Written as -1 and +1:"
    if not zero.any():
        raise Unusable("DATA must hold 0 or -1 beside 1, got 1 alone: nothing varies")
    return ones.astype(np.int8) - zero, "Written as 0 and 1, read as -1 and +1:"


def _complete(spins, findings):
    """The samples without missing values: the fits need whole ones."""
    incomplete = (spins == 0).any(1)
    if not incomplete.any():
        return spins
    left = int((~incomplete).sum())
    share = (spins == 0).mean()
    findings.append(
        f"{_number(incomplete.sum(), 'sample')} with missing values ({share:.1%} of all values) left out: "
        f"the fits need whole samples, {left} remain."
    )
    if left < MIN_SAMPLES:
        raise Unusable(
            f"DATA must have at least {MIN_SAMPLES} samples without missing values (empty, NaN, or 0 beside "
            f"-1 and 1), got {left} of {len(spins)}"
        )
    return spins[~incomplete]


def _varying(spins, names, findings):
    constant = (spins == spins[0]).all(0)
    if constant.any():
        some = [
            f"{name!r} ({value:+d})" for name, value in _picked(zip(names, spins[0], strict=True), constant)
        ]
        findings.append(
            f"Constant and left out, since a spin that never changes has no finite field: {_list(some)}."
        )
    if (~constant).sum() < 2:
        raise Unusable(f"DATA must have at least 2 columns that vary, got {int((~constant).sum())}")
    return spins[:, ~constant], tuple(_picked(names, ~constant))


def _remark_rare(spins, names, findings):
    ups = (spins > 0).sum(0)
    rarer = np.minimum(ups, len(spins) - ups)
    if (rarer < _RARE).any():
        some = [f"{name!r} ({n})" for name, n in _picked(zip(names, rarer, strict=True), rarer < _RARE)]
        findings.append(
            f"Do not trust the couplings of these, whose rarer value occurs fewer than {_RARE} times: "
            f"{_list(some)}."
        )


def _remark_twins(spins, names, findings):
    columns = spins.astype(np.float32)
    overlap = np.triu(np.abs(columns.T @ columns), 1)
    pairs = [f"{names[i]!r} and {names[j]!r}" for i, j in np.argwhere(overlap == len(spins))]
    if pairs:
        findings.append(
            "Equal or opposite in all samples, so that only the penalty keeps their coupling finite: "
            f"{_list(pairs)}."
        )


def _remark_repeats(spins, findings):
    counted = Counter(row.tobytes() for row in np.packbits(spins > 0, axis=1))
    repeated = len(spins) - len(counted)
    if repeated:
        [(_, most)] = counted.most_common(1)
        findings.append(
            f"{_number(repeated, 'sample')} ({repeated / len(spins):.0%}) equal to an earlier one, the most "
            f"frequent configuration {most} times: as it should be for few or quiet spins, else look for "
            "copies."
        )


def _remark_size(spins, findings):
    n_samples, n_spins = spins.shape
    n_parameters = n_spins * (n_spins + 1) // 2
    ratio = n_samples / n_parameters
    verdict = next(text for least, text in _VERDICTS if ratio >= least)
    findings.append(
        f"{_number(n_samples, 'sample')} for the L = M(M + 1)/2 = {n_parameters} parameters of M = {n_spins} "
        f"spins, {ratio:.1f} for each: {verdict}."
    )


def _hint(shape, transpose):
    if shape[0] >= shape[1]:
        return ""
    other = "columns" if transpose else "rows"
    advice = "leave out --transpose" if transpose else "use --transpose"
    return f"; if its {other} are the spins, {advice}"


def _picked(items, chosen):
    return [item for item, wanted in zip(items, chosen, strict=True) if wanted]


def _list(items):
    items = [str(item)[:40] for item in items]
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def _number(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _shape(array):
    return " × ".join(map(str, array.shape)) or "a single number"
