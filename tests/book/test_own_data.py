"""A stranger's file: read right whatever its form, or refused in one sentence with nothing left behind."""

import bz2
import gzip
import io
import lzma
import os
import re
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
from typer.testing import CliRunner

from ising_book import cli, own_data

N, M = 60, 4


def bits(n=N, m=M, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, m))


def text(table, delimiter=",", header="", form="%d"):
    out = io.StringIO()
    np.savetxt(out, table, fmt=form, delimiter=delimiter, header=header, comments="")
    return out.getvalue()


def coded(low, high, mark=",", header=None):
    """A text file whose cells are two words."""
    return lambda b: "\n".join(
        [*[header] * (header is not None), *(mark.join((low, high)[v] for v in row) for row in b)]
    )


def labelled(labels, corner="site", header="a,b,c,d"):
    """A text file with a first column that is no spin."""
    return lambda b: "\n".join(
        [f"{corner},{header}"] * bool(header)
        + [f"{label},{line}" for label, line in zip(labels, text(b).splitlines(), strict=True)]
    )


def npy(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def sparse_npz(array):
    out = io.BytesIO()
    scipy.sparse.save_npz(out, scipy.sparse.csr_matrix(array))
    return out.getvalue()


def mat(version="5", do_compression=False, **arrays):
    out = io.BytesIO()
    scipy.io.savemat(out, arrays, format=version, do_compression=do_compression)
    return out.getvalue()


def mat73(array, sparse=False, plain=False):
    """As MATLAB 7.3 writes it: by columns, behind 512 bytes of its own; or as plain HDF5."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        if sparse:
            columns, group = scipy.sparse.csc_matrix(array), file.create_group("x")
            group.attrs["MATLAB_sparse"] = len(array)
            for name, part in (("data", "data"), ("ir", "indices"), ("jc", "indptr")):
                group[name] = getattr(columns, part)
        elif plain:
            file["spikes/x"] = array
        else:
            file["x"] = array.T
            file["x"].attrs["MATLAB_class"] = np.bytes_(b"double")
    return b"MATLAB 7.3 MAT-file".ljust(512) + out.getvalue()[512:]


def zipped(content, name="inner.csv"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def histogram(b):
    rows, counts = np.unique(b, axis=0, return_counts=True)
    return text(np.column_stack([counts, rows]))


ABCD, NAMED = ("a", "b", "c", "d"), "a,b,c,d"
R = '"a" "b" "c" "d"\n'
FORMS = {  # how the same bits (N, M) may be written: ending, content; options, names, words that are said
    "csv": (".csv", text),
    "±1": (".csv", lambda b: text(2 * b - 1), {}, None, "Written as -1 and +1"),
    "names": (".csv", lambda b: text(b, header=NAMED), {}, ABCD),
    "floats": (".csv", lambda b: text(b, form="%.3f")),
    "blanks": (".csv", lambda b: text(b, delimiter="  ")),
    "tabs": (".TSV", lambda b: text(b, delimiter="\t")),
    "dat by tabs and blanks": (".dat", lambda b: text(b, delimiter=" \t")),
    "data by bars": (".data", lambda b: text(b, delimiter="|")),
    "a blank at the end": (".txt", lambda b: text(b, delimiter=" ").replace("\n", " \n")),
    "decimal commas": (".csv", coded("0,0", "1,0", ";")),
    "digits alone": (".txt", coded("0", "1", ""), {}, None, "a row of digits"),
    "true and false": (".csv", coded("False", "TRUE", ";"), {}, None, "Words read as 1"),
    "yes and no": (".csv", coded("no", "yes", header=NAMED), {}, ABCD, "no, yes"),
    "Y and N": (".csv", coded("N", "Y")),
    "on and off": (".tab", coded("off", "on", "\t")),
    "T and F below a name f": (
        ".csv",
        coded("F", "T", header="a,b,c,n"),
        {},
        ("a", "b", "c", "n"),
        "(no, false): f, t.",
    ),
    "1 and 2": (".csv", lambda b: text(b + 1), {}, None, "Written as 1 and 2"),
    "Windows": (".csv", lambda b: b"\xef\xbb\xbf" + text(b).replace("\n", "\r\n").encode()),
    "UTF-16": (".csv", lambda b: text(b).encode("utf-16")),
    "Latin": (".csv", lambda b: text(b, header="a,b,c,\xe9").encode("cp1252"), {}, ("a", "b", "c", "\xe9")),
    "comments": (".csv", lambda b: "# of 2024\n\n" + text(b) + "\n\n", {}, None, "1 line beginning with #"),
    "quotes": (".csv", coded('"0"', '"1"')),
    "commas in names": (".csv", coded("0", "1", ";", '"a, b";b;c;d'), {}, ("a, b", "b", "c", "d")),
    "commas among tabs": (".tsv", coded("0", "1", "\t", "a, b\tb\tc\td"), {}, ("a, b", "b", "c", "d")),
    "a line break in a name": (".csv", lambda b: text(b, header='"a\nb",b,c,d'), {}, ("a\nb", "b", "c", "d")),
    "numbers as names": (".csv", lambda b: text(b, header="0,1,2,3"), {}, ("0", "1", "2", "3")),
    "pandas' index": (".csv", labelled(range(N), "", "0,1,2,3"), {}, ("0", "1", "2", "3"), "passed over"),
    "an index without names": (".csv", labelled(range(7, 7 + N), header=""), {}, ("2", "3", "4", "5")),
    "an index that is named twice over": (".csv", labelled(range(N)), {"index": "site", "drop": ["1"]}, ABCD),
    "R": (
        ".csv",
        lambda b: R + "".join(f'"{n}" {x}\n' for n, x in enumerate(text(b, " ").splitlines())),
        {},
        ABCD,
    ),
    "labels": (".csv", labelled([f"s{n}" for n in range(N)]), {}, ABCD, "passed over: 's0'"),
    "labels alone": (
        ".csv",
        labelled([f"s{n}" for n in range(N)], header=""),
        {},
        ("2", "3", "4", "5"),
        "passed over",
    ),
    "labels of rows that are spins": (
        ".csv",
        lambda b: "\n".join(
            f"{name},{line}" for name, line in zip(ABCD, text(b.T).splitlines(), strict=True)
        ),
        {"transpose": True},
        ABCD,
    ),
    "a trailing comma": (".csv", lambda b: text(b).replace("\n", ",\n"), {}, None, "left out: '5'"),
    "an index that is named": (".csv", labelled(np.arange(N) ** 2), {"index": "site"}, ABCD),
    "a group left out": (
        ".csv",
        lambda b: labelled(["p", "q"] * (N // 2), "g", "h,a,b,c,d")(np.column_stack([np.arange(N) % 7, b])),
        {"drop": ["h"]},
        ABCD,
    ),
    "columns chosen": (
        ".csv",
        lambda b: text(np.column_stack([b, np.arange(N) % 7]), header="a,b,c,d,e"),
        {"columns": ["a,b", "3-4"]},
        ABCD,
    ),
    "counts": (".csv", lambda b: text(b * (1 + np.arange(N) % 3)[:, None]), {"threshold": 0.0}),
    "a histogram": (".csv", histogram, {"weights": "1"}, ("2", "3", "4", "5"), "how often each row occurred"),
    "gzip": (".csv.gz", lambda b: gzip.compress(text(b).encode())),
    "bz2": (".csv.bz2", lambda b: bz2.compress(text(b).encode())),
    "xz": (".npy.xz", lambda b: lzma.compress(npy(b))),
    "zip": (".zip", lambda b: zipped(text(b))),
    "npy": (".npy", npy),
    "npy bool": (".npy", lambda b: npy(b.astype(bool))),
    "npy int8 ±1": (".npy", lambda b: npy((2 * b - 1).astype(np.int8))),
    "npy by columns": (".npy", lambda b: npy(np.asfortranarray(b))),
    "npy of another machine": (".npy", lambda b: npy(b.astype(">f4"))),
    "npy of trials": (".npy", lambda b: npy(b.reshape(3, 20, M).transpose(0, 2, 1)), {"axis": 2}),
    "npz": (".npz", lambda b: npz(x=b, labels=np.array(["a", "b"]), rate=20.0)),
    "npz by name": (".npz", lambda b: npz(a=1 - b, x=b), {"name": "x"}),
    "npz with objects beside": (".npz", lambda b: npz(x=b, notes=np.array([{}], dtype=object))),
    "npz sparse": (".npz", sparse_npz, {}, None, "sparse"),
    "mat": (".mat", lambda b: mat(x=b.astype(np.float64), rate=20.0, ids=np.arange(M))),
    "mat 4": (".mat", lambda b: mat("4", x=b.astype(float))),
    "mat compressed": (".mat", lambda b: mat(do_compression=True, x=b)),
    "mat sparse": (".mat", lambda b: mat(x=scipy.sparse.csc_matrix(b.astype(float)))),
    "mat by name": (".mat", lambda b: mat(a=1 - b, x=b), {"name": "x"}),
    "mat 7.3": (".mat", mat73),
    "mat 7.3 sparse": (".mat", lambda b: mat73(b, sparse=True)),
    "hdf5": (".h5", lambda b: mat73(b, plain=True)),
}


def put(folder, suffix, content, stem="data"):
    path = folder / f"{stem}{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_spins(tmp_path, form):
    suffix, write, options, names, said, *_ = *FORMS[form], *({}, None, "")[len(FORMS[form]) - 2 :]
    data = own_data.load(put(tmp_path, suffix, write(bits())), **options)
    found, expected = data.spins, 2 * bits() - 1
    if form == "a histogram":  # of which the order is lost
        found, expected = (some[np.lexsort(some.T)] for some in (found, expected))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int8
    assert data.names == (names or ("1", "2", "3", "4"))
    assert said in " ".join(data.findings)


def test_parquet_is_read_where_its_reader_is_installed(tmp_path, monkeypatch):
    """By pandas and pyarrow, which is not among our packages: here pandas' answer is given."""
    path, frame = put(tmp_path, ".parquet", b"PAR1"), pd.DataFrame(bits() > 0, columns=list(ABCD))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(own_data.Unusable, match=r"for \.parquet, pip install pyarrow, or save a \.csv"):
        own_data.load(path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setattr(pd, "read_parquet", lambda file: frame)
    data = own_data.load(path)
    np.testing.assert_array_equal(data.spins, 2 * bits() - 1)
    assert data.names == ABCD


def test_transpose_turns_the_table(tmp_path):
    path = put(tmp_path, ".npy", npy(bits().T))
    np.testing.assert_array_equal(own_data.load(path, transpose=True).spins, 2 * bits() - 1)
    wide = put(tmp_path, ".npy", npy(np.tile(bits(), (1, 30))[:50]))  # 50 × 120
    assert "; if its rows are the spins, use --transpose." in own_data.load(wide).findings[0]


@pytest.mark.parametrize("kind", ["nan", "", "NA", "9", "-1", "DK"])
def test_incomplete_samples_are_kept(tmp_path, kind):
    table = bits().astype(float)
    table[[3, 7], [0, 2]] = np.nan
    path = put(tmp_path, ".csv", text(table, form="%g").replace("nan", kind))
    data = own_data.load(path, missing=[kind] if kind in ("9", "-1", "DK") else [])
    np.testing.assert_array_equal(data.spins, np.nan_to_num(2 * table - 1))
    assert any(
        s.startswith("2 samples with missing values (0.8% of all) used too: all 60") for s in data.findings
    )


def loaded(folder, table, header=None):
    """The OwnData of an array, with names where a header has them."""
    return own_data.load(put(folder, ".csv", text(table, header=header or "", form="%g")))


def test_columns_of_which_little_is_known_are_left_out_and_named(tmp_path):
    table = np.column_stack([bits(), np.where(np.arange(N) < 19, bits(m=1)[:, 0], np.nan)])
    found = loaded(tmp_path, table)
    assert found.names == ("1", "2", "3", "4")
    assert "Known in fewer than 20 samples and left out: '5'." in found.findings


def test_constant_columns_are_left_out_and_named(tmp_path):
    table = bits().astype(float)
    table[:, 1] = 0
    table[5] = [1, np.nan, 0, 1]
    found = loaded(tmp_path, table, NAMED)
    np.testing.assert_array_equal(found.spins, np.nan_to_num(2 * table[:, [0, 2, 3]] - 1))
    assert found.names == ("a", "c", "d")
    assert any(s.startswith("Constant and left out") and s.endswith("'b' (-1).") for s in found.findings)


def test_twins_rare_values_and_repeats_are_remarked(tmp_path, rng):
    """Each remark appears with its cause and not without it."""

    def remarks(table):
        return " ".join(loaded(tmp_path, table).findings)

    plain = np.unique(2 * rng.integers(0, 2, (400, 12)) - 1, axis=0)
    for words in ("Equal or opposite", "Do not trust the couplings of these", "equal to an earlier one"):
        assert words not in remarks(plain)
    twins, rare = plain.copy(), plain.copy()
    twins[:, 3] = -twins[:, 7]
    assert "'4' and '8'" in remarks(twins)
    rare[:, 2] = -1
    rare[:3, 2] = 1
    assert "fewer than 10 times: '3' (3)." in remarks(rare)
    again = np.concatenate([plain, plain[:1], plain[:1]])
    assert "2 samples (1%) equal to an earlier one, the most frequent configuration 3 times" in remarks(again)


def test_the_order_of_time_is_noticed(tmp_path, rng):
    """Each spin keeps its value with probability 0.8: r_k = 0.8^k and τ = 9; shuffled, nothing is said."""
    kept, spins = rng.random((3000, 5)) < 0.8, 2 * rng.integers(0, 2, (3000, 5)) - 1
    for n in range(1, 3000):
        spins[n] = np.where(kept[n], spins[n - 1], spins[n])
    found = own_data.load(put(tmp_path, ".npy", npy(spins)))
    said = " ".join(found.findings)
    assert (
        abs(float(re.search(r"in order of time: neighbours have correlation (0\.\d+)", said)[1]) - 0.8) < 0.03
    )
    assert 200 < int(re.search(r"as some (\d+) independent", said)[1]) < 500  # 3000/9 = 333
    assert found.block == np.ceil(5 * found.tau)
    shuffled = put(tmp_path, ".npy", npy(rng.permutation(spins)))
    found = own_data.load(shuffled)
    assert (found.tau, found.block) == (1.0, 1)
    assert "in order of time" not in " ".join(found.findings)


@pytest.mark.parametrize(
    ("n_samples", "verdict"),
    [(54, "too few"), (55, "trust the strong couplings"), (549, "trust the strong"), (550, "enough")],
)
def test_samples_are_held_against_parameters(tmp_path, rng, n_samples, verdict):
    """M = 10 spins have L = 10 · 11/2 = 55 parameters."""
    table = 2 * rng.integers(0, 2, (n_samples, 10)) - 1
    table[:2] = [[1] * 10, [-1] * 10]
    said = f"parameters of M = 10 spins, {n_samples / 55:.1f} for each: {verdict}"
    assert said in " ".join(loaded(tmp_path, table).findings)


def test_the_order_may_be_said(tmp_path, rng):
    """Shuffled rows in order of time, as somebody says: τ stays near 1; denied, nothing is looked at."""
    path = put(tmp_path, ".npy", npy(2 * rng.integers(0, 2, (2000, 5)) - 1))
    declared = own_data.load(path, time=True)
    assert declared.tau < 1.2
    assert any(s.startswith("Rows in order of time, as you say: neighbours") for s in declared.findings)
    path = put(tmp_path, ".npy", npy(np.repeat(bits(300), 5, axis=0)))
    assert own_data.load(path).tau > 4
    assert own_data.load(path, time=False).tau == 1


def test_groups_of_unequal_means_are_no_order_of_time(tmp_path, rng):
    """One after the other, groups of rates 0.2 and 0.8 look like blocks of time; by group, not."""
    second = np.arange(1000) >= 500
    table = rng.random((1000, 5)) < np.where(second, 0.8, 0.2)[:, None]
    path = put(tmp_path, ".csv", text(np.column_stack([second, table]), header="sex,a,b,c,d,e"))
    assert own_data.load(path, by="sex").tau == 1
    assert own_data.load(path, drop=["sex"]).tau > 10


def test_a_random_subset_of_rows_keeps_their_order(tmp_path):
    numbers = np.array([[int(bit) for bit in f"{n:09b}"] for n in range(500)])
    path = put(tmp_path, ".npy", npy(numbers))
    found, again, other = (own_data.load(path, rows=100, seed=seed) for seed in (0, 0, 1))
    kept = (found.spins > 0) @ 2 ** np.arange(9)[::-1]
    assert len(kept) == 100
    assert (np.diff(kept) > 0).all()
    assert kept[0] < 50 < 450 < kept[-1]
    np.testing.assert_array_equal(found.spins, again.spins)
    assert (found.spins != other.spins).any()
    assert "100 of 500 samples, drawn at random." in found.findings


def grouped(by, n=N):
    """Samples with a column of groups, by name."""
    return f"a,b,c,d,{by}\n" + "\n".join(
        f"{line},{'xyz'[k % 3]}" for k, line in enumerate(text(bits(n)).splitlines())
    )


def test_groups_are_two_values_of_a_column(tmp_path):
    path = put(tmp_path, ".csv", grouped("site", 90))
    data = own_data.load(path, by="site=z,x")
    of_x_and_z = np.arange(90) % 3 != 1
    np.testing.assert_array_equal(data.spins, 2 * bits(90)[of_x_and_z] - 1)
    np.testing.assert_array_equal(data.groups[0], np.arange(90)[of_x_and_z] % 3 == 0)
    assert data.groups[1] == ("z", "x")
    assert data.names == ABCD
    assert "Groups by 'site': 'z' (30) and 'x' (30); 30 rows in neither left out." in data.findings


def test_two_files_share_their_columns(tmp_path):
    one = put(tmp_path, ".csv", text(bits(40), header=NAMED), "one")
    other = put(tmp_path, ".csv", text(bits(30, seed=1)[:, [2, 0, 1]], header="c,a,e"), "two")
    data = own_data.load(one, other=other)
    assert data.names == ("a", "c")
    expected = np.concatenate([bits(40)[:, [0, 2]], bits(30, seed=1)[:, [0, 2]]])
    np.testing.assert_array_equal(data.spins, 2 * expected - 1)
    assert data.groups[0].sum() == 30
    assert "In one of the files alone and left out: 'b', 'd', 'e'." in data.findings
    assert list(data.files) == ["one.csv", "two.csv"]


class Evil:
    """Unpickling it would touch a file."""

    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def changed(value, dtype=float, column=2):
    table = bits().astype(dtype)
    table[7, column] = value
    return table


def replaced(line, cell):
    lines = text(bits()).splitlines()
    lines[line] = cell
    return "\n".join(lines)


BOMB = npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(1073741824, 1073741824)".ljust(6))  # says 8 exabytes
BROKEN = npz(x=bits(400))[:900].ljust(2000, b"\0")
WRONG_CRC = zipped(npy(bits()), "x.npy").replace(npy(bits())[-64:], b"\1" * 64)
OBJECTS = np.array([[Evil()] * 4] * 30, dtype=object)
GROUPS = text(np.column_stack([bits(), np.arange(N) % 7]), header="a,b,c,d,age")
BAD = [  # ending, content, words of the sentence, options
    *((ending, b"", "an empty file") for ending in (".csv", ".npy", ".npz", ".mat")),
    (".csv", "\n \n\n", "no line but blanks and comments"),
    (".csv", "# a\n# b\n", "no line but blanks and comments"),
    (".csv", "a,b,c\n", "a line of names and nothing below it"),
    (".csv", "dear reader\nthis is no table\n" * 20, "cells in every line, got"),
    (
        ".csv",
        replaced(8, "0,1,maybe,0"),
        "got 'maybe' in line 9, column '3': leave the column out by --drop 3",
    ),
    (".csv", replaced(8, "=1+1,1,0,0"), "got '=1+1' in line 9, column '1'"),
    (".csv", replaced(5, "0,1"), "must have 4 cells in every line, got 2 in line 6"),
    (".csv", replaced(5, "0,1,0,1,1"), "must have 4 cells in every line, got 5 in line 6"),
    (".csv", text(bits(), header="a,b,c"), "must have 4 cells in every line, got 3 in line 1"),
    (".csv", text(bits(), header="a,b,a,d"), "columns of different names, got 'a' 2 times"),
    (".csv", replaced(5, "0,1,2,1"), "counts from 0 to 2, 2 first in sample 6, column '3'"),
    (".csv", "a,b,c,d\n" + replaced(5, "0,1,2,1"), "first in sample 6, column 'c'"),
    (".csv", text(bits() * 3 + bits(seed=1)), "to read every count above 0 as +1, add --threshold 0"),
    (".csv", replaced(5, "0,1,9,1"), "9 beside 0 and 1, first in sample 6, column '3': if it stands for no"),
    (".csv", text(2 * bits() - 1 + np.eye(N, M)), "values from -1 to 2"),
    (".csv", replaced(5, "0,-1,0,1"), "all of -1, 0 and 1: which of them is missing? Add --missing 0"),
    (".csv", GROUPS, "7 values from 0 to 6 in column 'age': leave it out by --drop age"),
    (".csv", histogram(bits(m=6)), "if it counts how often each occurred, --weights 1"),
    (
        ".csv",
        GROUPS,
        "--drop must name columns, or number them from 1, got 'sex'; there are 'a'",
        "--drop sex",
    ),
    (".csv", text(bits() - 0.5, form="%g"), "-0.5 and 0.5: to read 0.5 as +1, add --threshold -0.5"),
    (".csv", text(bits()), "--weights must name a column of whole numbers", "--weights 1 --missing 0"),
    (".csv", replaced(5, "0,1,inf,1"), "got "),
    (".npy", npy(changed(0.5)), "0.5 beside 0 and 1, first in sample 8, column '3'"),
    (".npy", npy(bits() * 7), "0 and 7: to read 7 as +1, add --threshold 0"),
    (".csv", bytes(range(256)) * 4, "must be text"),
    (".csv", "0,1\0,0\n" * 40, "must be text"),
    (".csv", "0,1\n" * 30 + "0," + "1" * 200_000, "damaged or of another kind"),
    (".csv", "0,1\n" * 30 + "0," + "x" * 5000, "got 'xxxx"),
    (".csv", text(bits(m=1)), "from 2 to 500 columns, one per spin, got 1"),
    (".csv", text(bits(1)), "at least 20 samples, got 1 row"),
    (".npy", npy(bits(4, 60)), "got 4 rows; if its rows are the spins, use --transpose"),
    (".npy", npy(bits()), "leave out --transpose", "--transpose"),
    (".npy", npy(np.zeros((0, 5))), "got 0 rows"),
    (".npy", npy(np.zeros((50, 0))), "got 0"),
    (".npy", npy(bits(600, 501)), "from 2 to 500 columns, one per spin, got 501"),
    (".npy", npy(bits().ravel()), "got 1 dimension (240): reshape it"),
    (".npy", npy(np.zeros((5, 30, 4))), "got 3 dimensions (5 × 30 × 4): say by --axis 1, 2 or 3"),
    (".npy", npy(np.zeros((5, 30, 4))), "--axis must be 1, 2 or 3, got 4", "--axis 4"),
    (".npy", npy(np.array(1)), "got 0 dimensions (a single number)"),
    (".npy", npy(np.zeros((50, 5))), "got 0 alone: nothing varies"),
    (".npy", npy(np.full((50, 5), np.nan)), "got none at all: nothing varies"),
    (".npy", npy(bits() * [1, 0, 0, 0]), "at least 2 columns that vary, got 1"),
    (
        ".npy",
        npy(np.where(np.arange(N)[:, None] % 4, np.nan, bits())),
        "at least 20 samples with known values",
    ),
    (".npy", npy(bits().astype(str)), "plain numbers, got an array of dtype <U"),
    (".npy", npy(bits() + 0j), "got an array of dtype complex128"),
    (".npy", npy(bits().astype("datetime64[s]")), "got an array of dtype datetime64"),
    (".npy", npy(np.zeros(30, dtype=[("a", int), ("b", int)])), "got an array of dtype [('a'"),
    (".npy", npy(OBJECTS, allow_pickle=True), "pickled Python objects, which could run code"),
    (".npy", b"\x80\x04\x95" + b"cposix\nsystem\n", "damaged or of another kind"),
    (".npz", npz(x=OBJECTS), "pickled Python objects, which could run code"),
    (".npz", npz(x=OBJECTS, y=bits()), "pickled Python objects", "--name x"),
    (".npy", npy(bits())[:-100], "must be a readable .npy file"),
    (".npy", npy(bits()).replace(b"'descr'", b"exit(3)"), "must be a readable .npy file"),
    (".npy", BOMB, "must be a readable .npy file"),
    *((ending, text(bits()), f"must be a readable {ending} file") for ending in (".npy", ".npz", ".mat")),
    (".npz", npz(x=bits())[:-30], "must be a readable .npz file"),
    (".npz", BROKEN, "must be a readable .npz file"),
    (".npz", WRONG_CRC, "must be a readable .npz file"),
    (".npz", npz(), "must hold an array of numbers"),
    (".npz", npz(a=bits(), b=bits()), "with a (60 × 4), b (60 × 4): choose by --name"),
    (".npz", npz(a=bits()), "which holds a (60 × 4), got 'c'", "--name c"),
    (".csv", text(bits()), "--name must be left out for a .csv file", "--name c"),
    (".mat", mat(x=bits())[:-200], "must be a readable .mat file"),
    (".mat", mat73(bits())[:900], "must be a readable .mat file"),
    (".mat", mat(a=bits(), b=bits()), "choose by --name"),
    (".mat", mat(a="words"), "must hold an array of numbers"),
    (".mat", mat(a={"b": bits()}), "must hold an array of numbers"),
    (".csv.gz", gzip.compress(text(bits()).encode())[:-20], "must be a readable .gz file"),
    (".zip", npz(a=bits(), b=bits()), "must be one file in 'data.zip', got a.npy, b.npy: unpack it"),
    (".xlsx", b"PK\3\4", "must end in .csv, .tsv"),
    (".parquet", b"PAR1", "DATA must be"),
    ("", text(bits()), "must end in .csv"),
    (".csv", text(bits()), "belong to --augment, which is not", "--samples 500"),
    (".csv", grouped("site"), "a column of two values, or two values of a column, got 'site'", "--by site"),
    (".csv", grouped("site"), "with 'x', 'y', 'z': try --by site=x,y", "--by site=x,q"),
    (".csv", grouped("site"), "--by must name columns, or number them from 1, got 'g'", "--by g"),
    (".csv", grouped("site"), "each group must have at least 20 samples, got 14", "--by site=x,y --rows 30"),
    (".csv", grouped("site"), "leave the column out by --drop site, compare by it, --by site"),
    (".csv", text(bits()), "--rows must be at least 20, got 5", "--rows 5"),
    (".csv", histogram(bits()), "--time must be left out where --weights is given", "--time --weights 1"),
    (".csv", text(bits()), "--seed must be at least 0, got -1", "--seed -1"),
    (".csv", text(bits()), "--iterations must be at least 1, got 0", "--augment --iterations 0"),
    (".csv", text(bits()), "--samples must be at least 20, got 5", "--augment --samples 5"),
]


def left(folder):
    return {
        path: path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
    }


def refusal(folder, monkeypatch, *arguments):
    """The one sentence of a refused call; nothing is left behind."""
    monkeypatch.chdir(folder)
    before = left(folder)
    result = CliRunner().invoke(cli.app, ["infer", *map(str, arguments)])
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert left(folder) == before
    return line


@pytest.mark.parametrize("what", BAD, ids=[row[2] for row in BAD])
def test_what_cannot_be_used_is_refused_in_one_sentence(tmp_path, monkeypatch, what):
    suffix, content, expected, *options = what
    line = refusal(tmp_path, monkeypatch, put(tmp_path, suffix, content), *" ".join(options).split())
    assert expected in line
    assert len(line) < 400


@pytest.mark.parametrize("place", ["a loop", "a file/data.csv", "data\nerror: .csv", "x" * 300 + ".csv"])
def test_what_is_no_readable_file_is_refused(tmp_path, monkeypatch, place):
    (tmp_path / "a loop").symlink_to(tmp_path / "a loop")
    (tmp_path / "a file").write_text("0,1\n")
    assert "error: DATA must be a file" in refusal(tmp_path, monkeypatch, tmp_path / place)


WHOLE = {".csv": text(bits()).encode(), ".npy": npy(bits()), ".npz": npz(x=bits()), ".mat": mat(x=bits())}


@pytest.mark.parametrize("suffix", WHOLE)
def test_damage_is_found_or_harmless(tmp_path, rng, suffix):
    """Bytes changed at random, or cut off: spins come out, or one sentence; never another error."""
    sentences = []
    for _ in range(80):
        damaged = bytearray(WHOLE[suffix])
        for at in rng.integers(len(damaged), size=rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        path = put(tmp_path, suffix, bytes(damaged[: rng.integers(1, len(damaged) + 1)]))
        try:
            spins = own_data.load(path).spins
        except own_data.Unusable as error:
            sentences.append(str(error))
        else:
            assert set(np.unique(spins)) <= {-1, 0, 1}
    assert len(sentences) > 25
    assert all(len(sentence.splitlines()) == 1 for sentence in sentences)
