"""A stranger's file: read right whatever its form, or refused in one sentence with nothing left behind."""

import io
import os
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from typer.testing import CliRunner

from ising_book import cli, own_data

N, M = 60, 4


@pytest.fixture
def spins(rng):
    """(N, M) of ±1 whose columns vary and differ."""
    return (2 * rng.integers(0, 2, (N, M)) - 1).astype(np.int8)


def text(table, delimiter=",", header="", form="%d"):
    out = io.StringIO()
    np.savetxt(out, table, fmt=form, delimiter=delimiter, header=header, comments="")
    return out.getvalue()


def words(bits):
    return "\n".join(";".join(("False", "TRUE")[bit] for bit in row) for row in bits)


def npy(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def mat(**arrays):
    out = io.BytesIO()
    scipy.io.savemat(out, arrays)
    return out.getvalue()


FORMS = {  # how the same spins may be written: suffix, and content from bits (N, M) of 0 and 1
    "csv": (".csv", lambda b: text(b)),
    "csv of ±1": (".csv", lambda b: text(2 * b - 1)),
    "csv with names": (".csv", lambda b: text(b, header="a,b,c,d")),
    "csv of floats": (".csv", lambda b: text(b, form="%.3f")),
    "csv by blanks": (".csv", lambda b: text(b, delimiter="  ")),
    "csv by tabs": (".CSV", lambda b: text(b, delimiter="\t")),
    "csv by semicolons, words": (".csv", words),
    "csv with a byte-order mark, Windows line ends": (
        ".csv",
        lambda b: b"\xef\xbb\xbf" + text(b).replace("\n", "\r\n").encode(),
    ),
    "csv with comments and blank lines": (".csv", lambda b: "# of 2024\n\n" + text(b) + "\n\n"),
    "csv quoted": (
        ".csv",
        lambda b: text(b, delimiter='","', form="%d").replace("\n", '"\n"').join('""')[:-2],
    ),
    "npy": (".npy", lambda b: npy(b)),
    "npy bool": (".npy", lambda b: npy(b.astype(bool))),
    "npy uint8": (".npy", lambda b: npy(b.astype(np.uint8))),
    "npy int8 ±1": (".npy", lambda b: npy((2 * b - 1).astype(np.int8))),
    "npy float16": (".npy", lambda b: npy(b.astype(np.float16))),
    "npy big-endian": (".npy", lambda b: npy(b.astype(">i4"))),
    "npy by columns": (".npy", lambda b: npy(np.asfortranarray(b))),
    "npz": (".npz", lambda b: npz(x=b)),
    "npz compressed with labels": (".npz", lambda b: npz(x=b, labels=np.array(["a", "b"]), rate=20.0)),
    "npz with objects beside": (".npz", lambda b: npz(x=b, notes=np.array([{}], dtype=object))),
    "mat": (".mat", lambda b: mat(x=b)),
    "mat with scalars": (".mat", lambda b: mat(x=b.astype(np.float64), rate=20.0, ids=np.arange(M))),
    "mat sparse": (".mat", lambda b: mat(x=scipy.sparse.csc_matrix(b.astype(float)))),
    "mat logical": (".mat", lambda b: mat(x=b.astype(bool))),
}


def put(folder, suffix, content, stem="data"):
    path = folder / f"{stem}{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_spins(tmp_path, spins, form):
    suffix, write = FORMS[form]
    data = own_data.load(put(tmp_path, suffix, write((spins.astype(int) + 1) // 2)))
    np.testing.assert_array_equal(data.spins, spins)
    assert data.spins.dtype == np.int8
    written = "-1 and +1" if "±1" in form else "0 and 1"
    assert any(f"Written as {written}" in sentence for sentence in data.findings)
    assert data.names == (("a", "b", "c", "d") if form == "csv with names" else ("1", "2", "3", "4"))


def test_transpose_turns_the_table(tmp_path, spins):
    path = put(tmp_path, ".npy", npy(spins.T))
    np.testing.assert_array_equal(own_data.load(path, transpose=True).spins, spins)
    wide = put(tmp_path, ".npy", npy(np.tile(spins, (1, 30))[:50]))  # 50 × 120
    assert "; if its rows are the spins, use --transpose." in own_data.load(wide).findings[0]


def test_the_array_is_chosen_by_name(tmp_path, spins):
    for suffix, write in ((".npz", npz), (".mat", mat)):
        path = put(tmp_path, suffix, write(a=-spins, b=spins))
        np.testing.assert_array_equal(own_data.load(path, "b").spins, spins)


@pytest.mark.parametrize("kind", ["nan", "empty", "NA", "zero"])
def test_samples_with_missing_values_are_left_out(tmp_path, spins, kind):
    table = spins.astype(float)
    table[[3, 7], [0, 2]] = 0
    if kind == "zero":
        path = put(tmp_path, ".npy", npy(table.astype(np.int8)))
    elif kind == "nan":
        path = put(tmp_path, ".npy", npy(np.where(table == 0, np.nan, table)))
    else:
        path = put(
            tmp_path,
            ".csv",
            text(table).replace(",0", f",{'' if kind == 'empty' else kind}").replace("0,", ","),
        )
    data = own_data.load(path)
    np.testing.assert_array_equal(data.spins, np.delete(spins, [3, 7], axis=0))
    assert any(
        s.startswith("2 samples with missing values (0.8% of all values) left out") for s in data.findings
    )


def test_constant_columns_are_left_out_and_named(spins):
    spins[:, 1] = -1
    found, names, findings = own_data.check(spins, "abcd")
    np.testing.assert_array_equal(found, spins[:, [0, 2, 3]])
    assert names == ("a", "c", "d")
    assert any(s.startswith("Constant and left out") and s.endswith("'b' (-1).") for s in findings)


def test_a_column_constant_among_whole_samples_is_constant(spins):
    table = spins.astype(float)
    table[:, 1] = 1
    table[5] = [1, -1, np.nan, 1]
    assert own_data.check(table)[1] == ("1", "3", "4")


def remarks(table):
    return " ".join(own_data.check(table)[2])


def test_twins_rare_values_and_repeats_are_remarked(rng):
    """Each remark appears with its cause and not without it."""
    plain = 2 * rng.integers(0, 2, (400, 12)) - 1
    plain = np.unique(plain, axis=0)
    for words_ in ("Equal or opposite", "Do not trust the couplings of these", "equal to an earlier one"):
        assert words_ not in remarks(plain)
    twins = plain.copy()
    twins[:, 3] = -twins[:, 7]
    assert "'4' and '8'" in remarks(twins)
    rare = plain.copy()
    rare[:, 2] = -1
    rare[:3, 2] = 1
    assert "fewer than 10 times: '3' (3)." in remarks(rare)
    again = np.concatenate([plain, plain[:1], plain[:1]])
    assert "2 samples (1%) equal to an earlier one, the most frequent configuration 3 times" in remarks(again)


@pytest.mark.parametrize(
    ("n_samples", "verdict"),
    [(54, "too few"), (55, "trust the strong couplings"), (549, "trust the strong"), (550, "enough")],
)
def test_samples_are_held_against_parameters(rng, n_samples, verdict):
    """M = 10 spins have L = 10 · 11/2 = 55 parameters."""
    table = 2 * rng.integers(0, 2, (n_samples, 10)) - 1
    table[:2] = [[1] * 10, [-1] * 10]
    assert (
        f"L = M(M + 1)/2 = 55 parameters of M = 10 spins, {n_samples / 55:.1f} for each: {verdict}"
        in remarks(table)
    )


def bits(n=N, m=M, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, m))


class Evil:
    """Unpickling it would touch a file."""

    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def changed(value, dtype=float):
    table = bits().astype(dtype)
    table[7, 2] = value
    return table


def replaced(line, cell):
    lines = text(bits()).splitlines()
    lines[line] = cell
    return "\n".join(lines)


def bomb():
    """An .npy whose header promises 8 exabytes."""
    header = npy(np.zeros((2, 2)))
    return header.replace(b"(2, 2)", b"(1073741824, 1073741824)".ljust(6))


def broken_zip():
    content = bytearray(npz(x=bits(400)))
    content[len(content) // 2 :] = b"\0" * (len(content) - len(content) // 2)
    return bytes(content)


def wrong_crc():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.npy", npy(bits()))
    return out.getvalue().replace(npy(bits())[-64:], b"\1" * 64)


objects = np.array([[Evil()] * 4] * 30, dtype=object)
BAD = [  # what it is, suffix, content, options, words of the sentence
    ("an empty csv", ".csv", "", [], "an empty file"),
    ("an empty npy", ".npy", b"", [], "an empty file"),
    ("an empty npz", ".npz", b"", [], "an empty file"),
    ("an empty mat", ".mat", b"", [], "an empty file"),
    ("blank lines alone", ".csv", "\n \n\n", [], "no line but blanks and comments"),
    ("comments alone", ".csv", "# a\n# b\n", [], "no line but blanks and comments"),
    ("names alone", ".csv", "a,b,c\n", [], "a line of names and nothing below it"),
    (
        "text",
        ".csv",
        "dear reader\nthis is no table\n" * 20,
        [],
        "must have 2 cells in every line, got 4 in line 2",
    ),
    ("a word among numbers", ".csv", replaced(8, "0,1,maybe,0"), [], "got 'maybe' in line 9"),
    ("a formula", ".csv", replaced(8, "0,1,=1+1,0"), [], "got '=1+1' in line 9"),
    ("a row too short", ".csv", replaced(5, "0,1"), [], "must have 4 cells in every line, got 2 in line 6"),
    (
        "a row too long",
        ".csv",
        replaced(5, "0,1,0,1,1"),
        [],
        "must have 4 cells in every line, got 5 in line 6",
    ),
    (
        "names of other width",
        ".csv",
        text(bits(), header="a,b,c"),
        [],
        "must have 3 cells in every line, got 4",
    ),
    ("the value 2", ".csv", replaced(5, "0,1,2,1"), [], "got 2.0 in sample 6, column '3'"),
    ("the value 2 below names", ".csv", "a,b,c,d\n" + replaced(5, "0,1,2,1"), [], "sample 6, column 'c'"),
    ("infinity", ".csv", replaced(5, "0,1,inf,1"), [], "got inf in sample 6"),
    ("one half", ".npy", npy(changed(0.5)), [], "got 0.5 in sample 8, column '3'"),
    ("0, 1 and 2", ".npy", npy(changed(2, np.uint8)), [], "only 0 and 1, or only -1 and 1, got 2"),
    ("counts", ".npy", npy(bits() * 7), [], "got 7"),
    (
        "an index column",
        ".csv",
        text(np.column_stack([np.arange(2, N + 2), bits()])),
        [],
        "numbers the samples",
    ),
    ("bits without separators", ".csv", "\n".join(["0110", "1011"] * 30), [], "from 2 to 500 columns"),
    ("UTF-16", ".csv", text(bits()).encode("utf-16"), [], "must be text in UTF-8"),
    ("binary as csv", ".csv", bytes(range(256)) * 4, [], "must be text in UTF-8"),
    ("null characters", ".csv", "0,1\0,0\n" * 40, [], "DATA must"),
    ("an endless cell", ".csv", "0,1\n" * 30 + "0," + "1" * 200_000, [], "damaged or of another kind"),
    ("a long word", ".csv", "0,1\n" * 30 + "0," + "x" * 5000, [], "got 'xxxx"),
    ("one column", ".csv", text(bits(m=1)), [], "from 2 to 500 columns, one per spin, got 1"),
    ("one row", ".csv", text(bits(1)), [], "at least 20 samples, got 1 row"),
    (
        "rows that are spins",
        ".npy",
        npy(bits(4, 60)),
        [],
        "got 4 rows; if its rows are the spins, use --transpose",
    ),
    ("transposed for nothing", ".npy", npy(bits()), ["--transpose"], "leave out --transpose"),
    ("nineteen rows", ".npy", npy(bits(19)), [], "at least 20 samples, got 19 rows"),
    ("no row", ".npy", npy(np.zeros((0, 5))), [], "got 0 rows"),
    ("no column", ".npy", npy(np.zeros((50, 0))), [], "got 0"),
    ("501 columns", ".npy", npy(bits(600, 501)), [], "from 2 to 500 columns, one per spin, got 501"),
    ("one dimension", ".npy", npy(bits().ravel()), [], "got 1 dimension (240)"),
    ("three dimensions", ".npy", npy(np.zeros((5, 30, 4))), [], "got 3 dimensions (5 × 30 × 4): reshape it"),
    ("a single number", ".npy", npy(np.array(1)), [], "got 0 dimensions (a single number)"),
    ("zeros alone", ".npy", npy(np.zeros((50, 5))), [], "must hold some 1"),
    ("ones alone", ".npy", npy(np.ones((50, 5))), [], "got 1 alone: nothing varies"),
    ("-1 alone", ".npy", npy(-np.ones((50, 5))), [], "must hold some 1"),
    ("NaN alone", ".npy", npy(np.full((50, 5), np.nan)), [], "must hold some 1"),
    ("one column that varies", ".npy", npy(bits() * [1, 0, 0, 0]), [], "at least 2 columns that vary, got 1"),
    (
        "NaN in every row",
        ".npy",
        npy(np.where(np.eye(60)[:, :4] + np.roll(np.eye(4), 0)[np.arange(60) % 4], np.nan, bits())),
        [],
        "without missing values (empty, NaN, or 0 beside -1 and 1), got 0 of 60",
    ),
    ("strings", ".npy", npy(bits().astype(str)), [], "plain numbers, got an array of dtype <U"),
    ("complex numbers", ".npy", npy(bits() + 0j), [], "got an array of dtype complex128"),
    ("dates", ".npy", npy(bits().astype("datetime64[s]")), [], "got an array of dtype datetime64"),
    ("records", ".npy", npy(np.zeros(30, dtype=[("a", int), ("b", int)])), [], "got an array of dtype [('a'"),
    (
        "pickled objects",
        ".npy",
        npy(objects, allow_pickle=True),
        [],
        "pickled Python objects, which could run code",
    ),
    ("a bare pickle", ".npy", b"\x80\x04\x95" + b"cposix\nsystem\n", [], "damaged or of another kind"),
    ("pickled objects in npz", ".npz", npz(x=objects), [], "pickled Python objects, which could run code"),
    ("pickled objects by name", ".npz", npz(x=objects, y=bits()), ["--name", "x"], "pickled Python objects"),
    ("a truncated npy", ".npy", npy(bits())[:-100], [], "must be a readable .npy file"),
    ("half a header", ".npy", npy(bits())[:20], [], "must be a readable .npy file"),
    (
        "a header of code",
        ".npy",
        npy(bits()).replace(b"'descr'", b"exit(3)"),
        [],
        "must be a readable .npy file",
    ),
    ("a header of exabytes", ".npy", bomb(), [], "must be a readable .npy file"),
    ("text as npy", ".npy", text(bits()), [], "must be a readable .npy file"),
    ("text as npz", ".npz", text(bits()), [], "must be a readable .npz file"),
    ("a truncated npz", ".npz", npz(x=bits())[:-30], [], "must be a readable .npz file"),
    ("half a npz", ".npz", broken_zip(), [], "must be a readable .npz file"),
    ("a wrong checksum", ".npz", wrong_crc(), [], "must be a readable .npz file"),
    ("an archive without arrays", ".npz", npz(), [], "must hold an array of numbers"),
    ("two arrays", ".npz", npz(a=bits(), b=bits()), [], "with a (60 × 4), b (60 × 4): choose by --name"),
    ("an unknown name", ".npz", npz(a=bits()), ["--name", "c"], "which holds a (60 × 4), got 'c'"),
    ("a name for a csv", ".csv", text(bits()), ["--name", "c"], "--name must be left out for a .csv file"),
    ("a name for a npy", ".npy", npy(bits()), ["--name", "c"], "--name must be left out for a .npy file"),
    ("text as mat", ".mat", text(bits()), [], "must be a readable .mat file"),
    ("a truncated mat", ".mat", mat(x=bits())[:-200], [], "must be a readable .mat file"),
    ("half a mat header", ".mat", mat(x=bits())[:60], [], "must be a readable .mat file"),
    (
        "MATLAB 7.3",
        ".mat",
        b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + b"\0" * 99,
        [],
        "'-v7'",
    ),
    ("HDF5 as mat", ".mat", b"\x89HDF\r\n\x1a\n" + b"\0" * 200, [], "MATLAB 7.3 (HDF5): save it again"),
    ("two arrays in mat", ".mat", mat(a=bits(), b=bits()), [], "choose by --name"),
    ("text in mat", ".mat", mat(a="words"), [], "must hold an array of numbers"),
    ("a cell array", ".mat", mat(a=np.array([[1, "x"]], dtype=object)), [], "must hold an array of numbers"),
    ("a struct", ".mat", mat(a={"b": bits()}), [], "must hold an array of numbers"),
    ("a recording of three dimensions", ".mat", mat(bint=np.zeros((5, 30, 4))), [], "got 3 dimensions"),
    ("an unknown ending", ".xlsx", b"PK\3\4", [], "must end in .csv, .npy, .npz or .mat, got 'data.xlsx'"),
    ("no ending", "", text(bits()), [], "must end in .csv, .npy, .npz or .mat"),
    (
        "sizes without --augment",
        ".csv",
        text(bits()),
        ["--samples", "500"],
        "belong to --augment, which is not",
    ),
    ("a negative seed", ".csv", text(bits()), ["--seed", "-1"], "--seed must be at least 0, got -1"),
    (
        "no iterations",
        ".csv",
        text(bits()),
        ["--augment", "--iterations", "0"],
        "--iterations must be at least 1, got 0",
    ),
    (
        "few samples",
        ".csv",
        text(bits()),
        ["--augment", "--samples", "5"],
        "--samples must be at least 20, got 5",
    ),
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


@pytest.mark.parametrize("what", BAD, ids=[row[0] for row in BAD])
def test_what_cannot_be_used_is_refused_in_one_sentence(tmp_path, monkeypatch, what):
    _, suffix, content, options, expected = what
    line = refusal(tmp_path, monkeypatch, put(tmp_path, suffix, content), *options)
    assert expected in line
    assert len(line) < 400


def test_the_table_of_bad_files_is_long_and_without_doubles():
    assert len(BAD) >= 40
    assert len({row[0] for row in BAD}) == len(BAD)


PLACES = {  # what is there, and words of the sentence
    "nothing": "no such file",
    "a folder": "a folder",
    "a broken link": "no such file",
    "a file that gives errors": "must be a file that can be read",
    "a loop of links": "must be a file that can be read",
    "below a file": "must be a file that can be read",
    "a name with a line end": "no such file",
    "too long a name": "must be a file that can be read",
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_readable_file_is_refused(tmp_path, monkeypatch, place):
    path = tmp_path / "data.csv"
    if place == "a folder":
        path.mkdir()
    elif place == "a broken link":
        path.symlink_to(tmp_path / "gone")
    elif place == "a file that gives errors":
        path.symlink_to("/proc/self/mem")  # not even root can read its first byte
    elif place == "a loop of links":
        path.symlink_to(path)
    elif place == "below a file":
        path.write_text("0,1\n")
        path = path / "data.csv"
    elif place == "a name with a line end":
        path = tmp_path / "data\nerror: .csv"
    elif place == "too long a name":
        path = tmp_path / ("x" * 300 + ".csv")
    assert PLACES[place] in refusal(tmp_path, monkeypatch, path)


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".npz", ".mat"])
def test_damage_is_found_or_harmless(tmp_path, rng, suffix):
    """Bytes changed at random, or cut off: spins come out, or one sentence; never another error."""
    whole = {
        ".csv": lambda b: text(b).encode(),
        ".npy": npy,
        ".npz": lambda b: npz(x=b),
        ".mat": lambda b: mat(x=b),
    }
    content = whole[suffix](bits())
    sentences = []
    for _ in range(150):
        damaged = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        path = put(tmp_path, suffix, bytes(damaged[: rng.integers(1, len(content) + 1)]))
        try:
            spins = own_data.load(path).spins
        except own_data.Unusable as error:
            sentences.append(str(error))
        else:
            assert set(np.unique(spins)) == {-1, 1}
    assert len(sentences) > 50
    assert all(len(sentence.splitlines()) == 1 for sentence in sentences)
