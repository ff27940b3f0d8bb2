"""Read a table of binary samples from a file of any usual kind, without trusting it.

What is understood is said in a sentence.  What is ambiguous is refused by one that names what was found, and
the option that goes on.  Nothing in a file is ever evaluated or unpickled.
"""

import bz2
import contextlib
import csv
import gzip
import importlib.util
import io
import itertools
import lzma
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse

_MOST = 2**31  # bytes, unpacked
_NAMED = 5  # columns named in one sentence
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", ".")
_UP = ("true", "t", "yes", "y", "on")
_DOWN = ("false", "f", "no", "n", "off")
_WORDS = dict.fromkeys(_MISSING, np.nan) | dict.fromkeys(_UP, 1.0) | dict.fromkeys(_DOWN, 0.0)
_CODINGS = {
    (0, 1): "Written as 0 and 1, read as -1 and +1:",
    (-1, 1): "Written as -1 and +1:",
    (1, 2): "Written as 1 and 2, read as -1 and +1:",
}


class Unusable(ValueError):
    """A file from which nothing can be inferred; the message is one sentence that says why."""


@dataclass(eq=False)
class Table:
    """What a file holds."""

    values: np.ndarray  #: (N, M) numbers; NaN where missing, or where there is a word
    names: tuple | None = None  #: of the columns
    labels: tuple | None = None  #: of the rows
    words: dict = field(default_factory=dict)  #: {column: (first word that is no number, line, all texts)}
    findings: list = field(default_factory=list)  #: sentences
    passed: tuple = ()  #: the name of a first column that is passed over: the others keep their numbers


def read(path, name=None, missing=()):
    """The Table in a file, of the kind that its ending says; Unusable where it cannot be read.

    ``name`` chooses an array where the file holds several; the texts ``missing`` stand for missing values.
    """
    path = Path(path)
    content, suffix = _unpacked(_bytes(path), path)
    if suffix not in _READERS:
        raise Unusable(f"DATA must end in {', '.join(_READERS)}, got {path.name!r}")
    if name is not None and suffix not in _SEVERAL:
        raise Unusable(f"--name must be left out for a {suffix} file, which holds one array, got {name!r}")
    with _whole(suffix, path.name):
        return _READERS[suffix](content, path.name, missing if suffix in _TEXTS else name)


@contextlib.contextmanager
def _whole(suffix, source):
    """Any error inside means that the file is damaged: each library has its own for that."""
    try:
        yield
    except Unusable:
        raise
    except (Exception, MemoryError) as error:
        kind = type(error).__name__
        raise Unusable(
            f"DATA must be a readable {suffix} file, got {source!r}: damaged or of another kind ({kind})"
        ) from error


def _bytes(path):
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        if isinstance(error, FileNotFoundError | IsADirectoryError):
            reason = "a folder" if path.is_dir() else "no such file"
            raise Unusable(f"DATA must be a file, got {str(path)!r}: {reason}") from error
        reason = getattr(error, "strerror", None) or error
        raise Unusable(f"DATA must be a file that can be read, got {str(path)!r}: {reason}") from error
    if not content:
        raise Unusable(f"DATA must hold samples, got {str(path)!r}: an empty file")
    return content


def _unpacked(content, path):
    """The bytes of the table, and the ending of its name without that of the packing."""
    suffix, openers = path.suffix.lower(), {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    if suffix not in (*openers, ".zip"):
        return content, suffix
    with _whole(suffix, path.name):
        inner = path.stem
        if suffix == ".zip":
            archive = zipfile.ZipFile(io.BytesIO(content))
            members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX")]
            if len(members) != 1:
                listed = list_of(members)
                raise Unusable(f"DATA must be one file in {path.name!r}, got {listed}: unpack it first")
            [inner] = members
            file = archive.open(inner)
        else:
            file = openers[suffix](io.BytesIO(content))
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise Unusable(f"DATA must be smaller than 2 GB, got more in {path.name!r}")
    return content, Path(inner).suffix.lower()


# ---------------------------------------------------------------------------------------------------- text


def _read_text(content, source, missing):
    lines = _decoded(content, source).splitlines(keepends=True)
    comments = [line.lstrip().startswith("#") for line in lines]
    lines = ["\n" if comment else line for line, comment in zip(lines, comments, strict=True)]
    if not any(line.strip() for line in lines):
        raise Unusable(f"DATA must hold samples, got {source!r}: no line but blanks and comments")
    mark = _delimiter([line for line in lines if line.strip()][:500])
    said = [f"{number_of(sum(comments), 'line')} beginning with # passed over."] if any(comments) else []
    rows, numbers = [], []
    reader = _rows(lines, mark)
    for row in reader:
        if any(row) or len(row) > 1:
            rows.append(row)
            numbers.append(reader.line_num)
    if mark == " " and len({row[0] for row in rows}) > 1 and all(map(_digits, rows)):
        rows = [list(row[0]) for row in rows]
        said.append("Each line is a row of digits, one for each spin.")
    return _from_cells(rows, numbers, source, missing, said, mark)


def _digits(row):
    return len(row) == 1 and re.fullmatch("[01]{2,}", row[0])


def _decoded(content, source):
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unusable(f"DATA must be text, got {source!r} with bytes that are none: write it as UTF-8")


def _rows(lines, mark):
    lines = (line.strip().replace("\t", " ") for line in lines) if mark == " " else lines
    return csv.reader(lines, delimiter=mark, skipinitialspace=True)


def _delimiter(lines):
    """The mark that cuts most lines into equally many cells, most of which can be read."""
    best = (0, 0, 0), " "
    for mark in (",", ";", "\t", "|", " "):
        rows = [row for row in _rows(lines, mark) if row]
        width, n = Counter(map(len, rows)).most_common(1)[0]
        cells = [_number(cell, mark) for row in rows[1:50] for cell in row]
        if width > 1:
            readable = sum(cell is not None for cell in cells) / max(len(cells), 1)
            best = max(best, ((n / len(rows), round(readable, 1), width), mark), key=lambda pair: pair[0])
    return best[1]


def _number(cell, mark=",", missing=()):
    """The number that a cell stands for, or None for a word."""
    plain = cell.strip().lower()
    if plain in _WORDS or plain in missing:
        return _WORDS.get(plain, np.nan)
    try:
        return float(plain if mark == "," else plain.replace(",", "."))
    except ValueError:
        return None


def _from_cells(rows, numbers, source, missing, said, mark=","):
    """A Table from rows of texts, with the lines they stand in."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    shorter = len(rows[0]) == width - 1 and len(rows) > 2
    if shorter:  # R leaves the corner out; other programs end each line with the delimiter, but not the first
        ends = not any(row[-1].strip() for row in rows[1:] if row)
        rows[0] = [*rows[0], ""] if ends else ["", *rows[0]]
        shorter = not ends
    if len(rows[0]) == width + 1 and not rows[0][-1].strip():
        rows[0] = rows[0][:-1]
    for row, line in zip(rows, numbers, strict=True):
        if len(row) != width:
            raise Unusable(
                f"DATA must have {width} cells in every line, got {len(row)} in line {line} of {source!r}"
            )
    codes, cells = pd.factorize(np.array(rows, dtype=object).ravel())
    missing = {text.strip().lower() for text in missing}
    found = [_number(cell, mark, missing) for cell in cells]
    values = np.array([np.nan if one is None else one for one in found])[codes].reshape(len(rows), width)
    strange = np.array([one is None for one in found])[codes].reshape(len(rows), width)
    labelled = bool(len(rows) > 1 and strange[1:, 0].mean() > 0.5)  # a first column of words
    if shorter and not labelled and len(np.unique(values[1:, 0])) < len(rows) - 1:
        raise Unusable(f"DATA must have {width} cells in every line, got {width - 1} in line {numbers[0]} of "
                       f"{source!r}")  # fmt: skip
    names = None
    if shorter or strange[0, labelled:].any() or _is_numeric_header(values[:, labelled:]):
        names = tuple(cell.strip() or str(n + 1) for n, cell in enumerate(rows[0]))
        first_name = rows.pop(0)[0].strip()
        values, strange, numbers = values[1:], strange[1:], numbers[1:]
        if not len(rows):
            raise Unusable(f"DATA must hold samples, got {source!r}: a line of names and nothing below it")
        labelled |= shorter or (not first_name and width > 2 and len(np.unique(values[:, 0])) == len(rows))
    words = {}
    for column in np.flatnonzero(strange.any(0)).tolist():
        row = strange[:, column].argmax()
        words[column] = rows[row][column].strip(), numbers[row], [cells[column].strip() for cells in rows]
    labels = tuple(row[0].strip() for row in rows) if labelled else None
    table = _without_index(Table(values, names, labels, words, said))
    if names is not None:
        table.findings.insert(0, f"The first line holds names: {list_of(map(repr, table.names))}.")
    plain = pd.unique(codes.reshape(-1, width)[-len(rows) :, ~strange.any(0)].ravel())
    used = sorted({str(cells[code]).strip().lower() for code in plain} & {*_UP, *_DOWN})
    if used:
        table.findings.append(f"Words read as 1 (yes, true) or 0 (no, false): {', '.join(used)}.")
    return table


def _is_numeric_header(values):
    """Distinct whole numbers, one of which is no value, above columns of few values."""
    values = values[:, np.isnan(values[0, :1]).sum() :]  # the corner above an index is empty
    first, body = values[0], values[1:]
    if np.isnan(first).any() or (first % 1).any() or len(set(first)) < len(first) or not len(body):
        return False
    return len(np.unique(body[:, 1:])) <= 4 and not np.isin(first[1:], [*np.unique(body[:, 1:]), 0, 1]).all()


def _without_index(table):
    """Pass over a first column that names or numbers the samples."""
    values = table.values
    if values.ndim != 2 or values.shape[1] < 3 or len(values) < 3:
        return table
    if table.labels is None:
        column = values[:, 0].astype(np.float64)
        steps = np.diff(column)
        if not (np.isfinite(steps).all() and steps[0] and np.allclose(steps, steps[0])):
            return table
        table.labels = tuple(f"{number:g}" for number in column)
    table.findings.append(
        f"The first column names or numbers the rows and is passed over: {list_of(map(repr, table.labels))}."
    )
    table.values = values[:, 1:]
    names = table.names or tuple(str(n + 1) for n in range(values.shape[1]))
    table.passed, table.names = names[:1], names[1:]
    table.words = {column - 1: word for column, word in table.words.items() if column}
    return table


# -------------------------------------------------------------------------------------------------- arrays


def _read_npy(content, source, _name):
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ValueError("no NumPy file")
    try:
        return _array(np.load(io.BytesIO(content), allow_pickle=False))
    except ValueError as error:
        raise _refused(error, source) from error


def _refused(error, source):
    """The sentence on pickled objects, or the same error."""
    if "Object arrays" not in str(error):
        return error
    return Unusable(
        f"DATA must hold plain numbers, got {source!r} with pickled Python objects, which could run code: "
        "save it again as an array of numbers"
    )


def _array(values, findings=()):
    """A Table of an array, which may be no table at all: ``samples`` looks at that."""
    plain = values.ndim == 2 and values.dtype.kind in "iuf" and values.size
    table = Table(values, findings=list(findings))
    return _without_index(table) if plain else table


def _read_npz(content, source, name):
    zipfile.ZipFile(io.BytesIO(content))  # where it is no archive, NumPy would take it for a pickle
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        if {"format", "shape", "data"} <= set(file.files):
            return _array(scipy.sparse.load_npz(io.BytesIO(content)).toarray(), ["A sparse matrix of SciPy."])
        wanted, plain = [name] if name in file.files else file.files, {}
        for key in wanted:
            try:
                plain[key] = file[key]
            except ValueError as error:  # pickled objects beside the samples do no harm, they are left unread
                if "Object arrays" not in str(error) or len(wanted) == 1:
                    raise _refused(error, source) from error
    return _choose(plain, source, name)


def _read_mat(content, source, name):
    if b"\x89HDF" in (content[:4], content[512:516]):
        return _read_hdf(content, source, name)
    loaded = scipy.io.loadmat(io.BytesIO(content))
    arrays = {key: value for key, value in loaded.items() if not key.startswith("__")}
    dense = {key: v.toarray() if scipy.sparse.issparse(v) else v for key, v in arrays.items()}
    return _choose(dense, source, name)


def _read_hdf(content, source, name):
    """HDF5, in which MATLAB 7.3 keeps its arrays turned round."""
    arrays = {}

    def visit(key, node):
        if "MATLAB_sparse" in node.attrs:
            parts = [node[part][()] if part in node else np.array([]) for part in ("data", "ir", "jc")]
            shape = int(node.attrs["MATLAB_sparse"]), len(parts[2]) - 1
            arrays[key] = scipy.sparse.csc_matrix(tuple(parts), shape).toarray()
        elif isinstance(node, h5py.Dataset) and "MATLAB_sparse" not in node.parent.attrs and key[0] != "#":
            arrays[key] = node[()].T if "MATLAB_class" in node.attrs else node[()]

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(visit)
    return _choose(arrays, source, name)


def _read_parquet(content, source, _name):
    if not importlib.util.find_spec("pyarrow"):  # pandas reads it with that
        raise Unusable(
            f"DATA must be of another kind, got {source!r}: for .parquet, pip install pyarrow, or save a .csv"
        )
    return _read_text(pd.read_parquet(io.BytesIO(content)).to_csv(index=False).encode(), source, ())


def _choose(arrays, source, name):
    """The array that is meant: the one named, or else the only one that could be samples."""
    arrays = {key: value for key, value in arrays.items() if isinstance(value, np.ndarray)}
    listed = ", ".join(f"{key} ({shape_of(value)})" for key, value in arrays.items()) or "nothing of use"
    if name is not None:
        if name not in arrays:
            raise Unusable(f"--name must be an array of {source!r}, which holds {listed}, got {name!r}")
        return _array(arrays[name])
    numeric = {key: value for key, value in arrays.items() if value.dtype.kind in "biuf"}
    tables = {key: value for key, value in numeric.items() if value.ndim > 1 and min(value.shape) > 1}
    possible = tables or numeric
    if len(possible) != 1:
        raise Unusable(
            f"DATA must hold one array of samples, got {source!r} with {listed}: choose by --name NAME"
            if possible
            else f"DATA must hold an array of numbers, got {source!r} with {listed}"
        )
    [(key, value)] = possible.items()
    return _array(value, [f"The array {key!r} is used."] if len(arrays) > 1 else ())


_TEXTS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
_SEVERAL = {".npz": _read_npz, ".mat": _read_mat, ".h5": _read_hdf}
_READERS = dict.fromkeys(_TEXTS, _read_text) | {".npy": _read_npy, ".parquet": _read_parquet} | _SEVERAL


# ----------------------------------------------------------------------------------- from a table to spins


def samples(table, *, transpose=False, axis=None, columns=(), drop=(), index=None, weights=None, by=None):
    """What the options leave of a table, rows as samples.

    Returns:
        tuple: values (N, M), their names, sentences, and for ``by`` the groups: (N,) bool, is it in the
        second, and the names of the two; None without it.
    """
    values, names, words, passed = table.values, table.names, table.words, table.passed
    if values.dtype.kind not in "biuf":
        raise Unusable(f"DATA must hold plain numbers, got an array of dtype {str(values.dtype)[:60]}")
    said, groups = list(table.findings), None
    if values.ndim == 3 and axis is not None:
        if axis not in (1, 2, 3):
            raise Unusable(f"--axis must be 1, 2 or 3, got {axis}")
        values = np.moveaxis(values, axis - 1, -1).reshape(-1, values.shape[axis - 1])
        said.append(f"Dimension {axis} holds the spins; the other two are laid end to end, the last fastest.")
    if values.ndim != 2:
        hint = "say by --axis 1, 2 or 3 which holds the spins; the other two are laid end to end"
        hint = hint if values.ndim == 3 else "reshape it"
        raise Unusable(
            f"DATA must be a table of samples × spins, got {number_of(values.ndim, 'dimension')} "
            f"({shape_of(values)}): {hint}"
        )
    if transpose:
        if words:
            raise Unusable(_word_said(*next(iter(words.items())), names))
        values, names, passed = values.T, table.labels, ()
    names = tuple(str(n + 1) for n in range(values.shape[1])) if names is None else tuple(names)
    keep = np.ones(values.shape[1], dtype=bool)
    for option, wanted in (("--index", index), ("--weights", weights), ("--drop", drop)):
        keep[_positions(option, wanted, names, passed)] = False
    if columns:
        keep &= np.isin(np.arange(len(names)), _positions("--columns", columns, names, passed))
    rows = np.ones(len(values), dtype=np.int64)  # how often each is used
    if weights is not None:
        [counted, *_] = _positions("--weights", weights, names, passed) or [0]
        rows = values[:, counted]
        if not (rows >= 0).all() or (rows % 1).any() or rows.sum() > 5e7:
            raise Unusable(f"--weights must name a column of whole numbers from 0, got {names[counted]!r}")
        said.append(f"Column {names[counted]!r} says how often each row occurred: {rows.sum():g} samples.")
    if by is not None:
        named, _, two = (by, "", "") if by in names else by.partition("=")
        *_, column = -1, *_positions("--by", named, names, passed)
        if column < 0:
            texts = table.labels
        else:
            keep[column] = False
            texts = words[column][2] if column in words else [f"{one:g}" for one in values[:, column]]
        used, second, two = _grouped(named, np.array(texts, dtype=object), two, said)
        rows = rows * used
        groups = np.repeat(second, rows.astype(int)), two
    if not (rows == 1).all():
        values = np.repeat(values, rows.astype(int), axis=0)
    for column, word in words.items():
        if keep[column]:
            raise Unusable(_word_said(column, word, names))
    names = tuple(itertools.compress(names, keep))
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise Unusable(
            f"DATA must have columns of different names, got {twice[0]!r} {names.count(twice[0])} times: "
            "rename them, or take some out by their numbers, --drop NUMBER"
        )
    return (values if keep.all() else values[:, keep]), names, said, groups


def _grouped(name, texts, two, said):
    """Which rows are in one of two groups, which in the second, (N,) bool each; and the two names."""
    found = [text for text, _ in Counter(texts).most_common() if _number(text) == _number(text)]  # no NaN
    two = two.split(",") if two else sorted(found)
    if len(two) != 2 or not set(two) <= set(found):
        raise Unusable(
            f"--by must name a column of two values, or two values of a column, got {name!r} with "
            f"{list_of(map(repr, found))}: try --by {name}={','.join([*found, 'ONE', 'OTHER'][:2])}"
        )
    used, counts = np.isin(texts, two), " and ".join(f"{one!r} ({(texts == one).sum()})" for one in two)
    rest = f"; {number_of((~used).sum(), 'row')} in neither left out" if not used.all() else ""
    said.append(f"Groups by {name!r}: {counts}{rest}.")
    return used, texts == two[1], tuple(two)


def _word_said(column, word, names):
    option = str(names[column] if names else column + 1)[:40]
    name = repr(option) if names else option
    return (
        f"DATA must hold numbers, or yes and no, got {word[0][:40]!r} in line {word[1]}, column {name}: "
        f"leave the column out by --drop {option}, compare by it, --by {option}, or say by --missing "
        f"{word[0][:40]} that nothing is known there"
    )


def _positions(option, wanted, names, passed):
    """Columns by name, by number from 1, by range 3-7; several with commas between them."""
    found, all_names = [], passed + names
    for text in (wanted,) if isinstance(wanted, str) else wanted or ():
        for part in (text,) if text in all_names else text.split(","):
            first, _, last = part.strip().partition("-")
            if part.strip() in all_names:
                found.append(all_names.index(part.strip()))
            elif first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= len(all_names):
                found += range(int(first) - 1, min(int(last or first), len(all_names)))
            else:
                raise Unusable(
                    f"{option} must name columns, or number them from 1, got {part!r}; there are "
                    f"{list_of(map(repr, names))}"
                )
    return [column - len(passed) for column in found if column >= len(passed)]


def spins(values, names, missing=(), threshold=None):
    """Spins (N, M) int8 of ±1, 0 where missing, and a sentence on how they were written."""
    codes = [float(text) for text in missing if re.fullmatch(r"[-+]?\d+(\.\d*)?", text.strip())]
    unknown = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    unknown = unknown | np.isin(values, codes) if codes else unknown
    if threshold is not None:
        up = values > threshold
        return _signs(up, unknown), f"Values above {threshold:g} read as +1, others as -1:"
    present = np.unique(values[~unknown]) if unknown.any() else np.unique(values)
    present = present.astype(int) if values.dtype.kind == "b" else present
    for coding, sentence in _CODINGS.items():
        if tuple(present) == coding:
            return _signs(values == coding[1], unknown), sentence
    if len(present) < 2:
        alone = f"{present[0]:g} alone" if len(present) else "none at all"
        raise Unusable(f"DATA must hold two values, e.g. 0 and 1, got {alone}: nothing varies")
    raise Unusable(f"DATA must hold only 0 and 1, or only -1 and 1, got {_question(values, present, names)}")


def _signs(up, unknown):
    return np.where(unknown, 0, np.where(up, 1, -1)).astype(np.int8)


def _question(values, present, names):
    """What was found, and the options to answer what it means."""
    if set(present) == {-1, 0, 1}:
        return (
            "all of -1, 0 and 1: which of them is missing? Add --missing 0, if -1 and 1 are the values, or "
            "--missing=-1, if 0 and 1 are"
        )
    low, high = present[0], present[-1]
    if len(present) == 2:
        return f"{low:g} and {high:g}: to read {high:g} as +1, add --threshold {low:g}"
    odd = ~np.isin(values, (0, 1, -1)) & ~np.isnan(values.astype(float))
    row, column = np.argwhere(odd)[0]
    name, some = names[odd.any(0).argmax()][:40], np.unique(values[:, odd.any(0).argmax()].astype(float))
    some = some[~np.isnan(some)]
    if odd.any(0).mean() <= 0.5 and (len(some) > 3 or not set(some) & {0, 1}):
        return (
            f"{len(some)} values from {some[0]:g} to {some[-1]:g} in column {name!r}: leave it out by --drop "
            f"{name}; if it numbers the samples, --index {name}; if it counts how often each occurred, "
            f"--weights {name}; if it names groups to compare, --by {name}"
        )
    strange = [value for value in present if value not in (0, 1, -1)]
    where = f"{strange[0]:g} first in sample {row + 1}, column {names[column][:40]!r}"
    if len(strange) == 1 and strange[0] not in (2, 3):
        code, where = where.split(" ", 1)
        return f"{code} beside 0 and 1, {where}: if it stands for no answer, add --missing={code}"
    if (present % 1 == 0).all() and low >= 0:
        return (
            f"counts from {low:g} to {high:g}, {where}: to read every count above 0 as +1, add --threshold 0"
        )
    return f"values from {low:g} to {high:g}, {where}: add --threshold VALUE"


def list_of(items):
    """The first items, and how many more."""
    items = [str(item)[:40] for item in items]
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def number_of(n, noun):
    """A number with its noun."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def shape_of(array):
    """The shape of an array, in words."""
    return " × ".join(map(str, array.shape)) or "a single number"
