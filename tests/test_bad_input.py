"""Bad input is refused at once, by one sentence with the argument, its value and what is allowed.

Three tables: ``CALLS`` (in bad_calls.py) of functions and classes, ``PLACES`` of files, folders and disks,
``COMMANDS`` of ``ising-book``.  Each row is one mistake in a call that otherwise works.  In a sentence "…"
stands for anything.  What is public and in no table is in ``EXEMPT``, with the reason.

Files that people bring have a table of their own, ``BAD`` in test_own_data.py.
"""

import errno
import functools
import importlib
import io
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ising_lib
from ising_book import claims, cli, execute, own_data, own_fit, pdf, report, store
from ising_lib import checkpoints, datasets, ddpm, erasure
from tests.bad_calls import CALLS, CONSTANT, FIELD, NETWORK, PLAIN, SCHEDULE, SPINS, TRAIN, TWINS, M, N, says

ROOT = Path(__file__).parent.parent


def name_of(function):
    function = getattr(function, "__func__", function)
    return f"{function.__module__.removeprefix('ising_lib.')}.{function.__qualname__}"


ROWS = {}  # of each function
for case in CALLS:
    ROWS.setdefault(name_of(case.function), []).append(case)


def refusal(case):
    """The kind of error and its sentence."""
    try:
        returned = case.function(**{**case.valid, **case.change})
    except Exception as error:
        return type(error), str(error)
    return None, f"nothing is refused: {returned!r:.200}"


@pytest.mark.parametrize("name", ROWS)
def test_calls_are_refused(name):
    """All rows of a function in one test: there are more than a thousand, some milliseconds each."""
    wrong = []
    for case in ROWS[name]:
        error, sentence = refusal(case)
        if (
            error is not case.error
            or not re.search(says(case.sentence), sentence)
            or not is_sentence(sentence)
        ):
            wrong.append((case.change, error, sentence))
    assert wrong == []


def is_sentence(text):
    return len(text.splitlines()) == 1 and 10 < len(text) < 700


@pytest.mark.parametrize("name", ROWS)
def test_the_call_itself_works(name, monkeypatch):
    """So that a row shows what its change does, and nothing else."""
    monkeypatch.setattr(experiments, "_compute", lambda config, *_: config)  # that would take seconds
    monkeypatch.setattr(own_fit, "_RESAMPLES", 2)
    case = ROWS[name][0]
    assert case.function(**case.valid) is not None


# --------------------------------------------------------------------------- odd input that is none the worse


@pytest.mark.parametrize(
    ("what", "spins"),
    [
        ("one sample", SPINS[:1]),
        ("one spin", SPINS[:, :1]),
        ("one sample of one spin", [[1]]),
        ("constant spins", np.ones((N, M))),
        ("a spin that never changes", CONSTANT),
        ("two spins that are always equal", TWINS),
        ("booleans as numbers", (SPINS > 0) * 2 - 1),
        ("floats", SPINS.astype(np.float32)),
        ("columns first in memory", np.asfortranarray(SPINS)),
        ("read-only", np.frombuffer(SPINS.tobytes(), dtype=np.int8).reshape(SPINS.shape)),
    ],
)
def test_the_erasure_machine_takes_what_other_methods_refuse(what, spins):
    """Its penalty keeps every parameter finite: at most 1/ε, since the moments are at most 1."""
    vector = erasure.fit(spins, 0.5).model.to_vector()
    assert np.isfinite(vector).all()
    assert np.abs(vector).max() <= 2 + 1e-5
    assert vector.any()


# -------------------------------------------------------------------------------- files, folders and disks


def full_disk(monkeypatch):
    """What is written is lost, and nothing has room."""

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)


def checkpoint(folder, kept=None, name="a.safetensors"):
    """A checkpoint, or its first bytes."""
    path = folder / name
    checkpoints.save(path, NETWORK, SCHEDULE)
    path.write_bytes(path.read_bytes()[:kept])
    return path


def training(folder, **change):
    """The saved state of a training of one update."""
    for step in ddpm.train(**{**TRAIN, **change}):
        step.save(folder / "state.safetensors")
    return folder / "state.safetensors"


def resumed(path, **change):
    return lambda: ddpm.train(**{**TRAIN, **change, "resume": path})


def stored(change=lambda content: content, config=PLAIN):
    """The path of a run in the cache, its bytes changed."""
    store.write(config, {"truth": np.zeros(3)}, {"seconds": 1.0, "commit": "c0ffee"})
    path = store.cache_folder() / f"{store.key(config)}.npz"
    path.write_bytes(change(path.read_bytes()))
    return path


def recording(folder, content=b"something else"):
    path = folder / datasets.FILE_NAME
    path.write_bytes(content)
    return path


def offline(folder, monkeypatch):
    """A machine without the recording and without a network."""

    def unreachable(*_, **__):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.delenv("ISING_LIB_DATA", raising=False)
    monkeypatch.setattr(datasets.pooch, "os_cache", lambda _: folder.parent / "cache")
    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    return datasets.load_retina


def data(folder, content, name="data.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


def npz(**named):
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def no_loopback(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("socket.create_connection", refuse)


def no_browser(monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    monkeypatch.setattr(pdf, "BROWSERS", ("chromium",))


def report_of(folder, made_by):
    (folder / "out").mkdir()
    (folder / "out" / "run.json").write_text(json.dumps({"made_by": made_by}))
    return folder / "out"


def later(function, *arguments, **options):
    return lambda: function(*arguments, **options)


# (function, what is wrong, how to make it: a call from an empty folder and monkeypatch, error, sentence)
PLACES = [
    *(
        (checkpoints.load, what, lambda f, _, make=make: later(checkpoints.load, make(f)), error, sentence)
        for what, make, error, sentence in (
            (
                "no such file",
                lambda f: f / "gone",
                FileNotFoundError,
                "path must name a checkpoint, got …: no such file",
            ),
            ("a folder", lambda f: f, FileNotFoundError, "path must name a checkpoint, got …: no such file"),
            (
                "an empty file",
                lambda f: checkpoint(f, 0),
                ValueError,
                "path must name a checkpoint, got …: damaged (…)",
            ),
            (
                "half a header",
                lambda f: checkpoint(f, 40),
                ValueError,
                "path must name a checkpoint, got …: damaged (…)",
            ),
            (
                "a byte is missing",
                lambda f: checkpoint(f, -1),
                ValueError,
                "path must name a checkpoint, got …: damaged (…)",
            ),
            (
                "text",
                lambda f: data(f, b"not a checkpoint, but long enough"),
                ValueError,
                "path must name a checkpoint, got …: damaged (…)",
            ),
            (
                "the state of a training",
                training,
                ValueError,
                "path must name a checkpoint of ising_lib, got …: other content (ising_lib-training-1)",
            ),
        )
    ),
    *(
        (checkpoints.save, what, make, error, sentence)
        for what, make, error, sentence in (
            (
                "no such folder",
                lambda f, _: later(checkpoints.save, f / "gone" / "a", NETWORK, SCHEDULE),
                FileNotFoundError,
                "[Errno 2] No such file or directory: …",
            ),
            (
                "a folder",
                lambda f, _: later(checkpoints.save, f, NETWORK, SCHEDULE),
                IsADirectoryError,
                "[Errno 21] Is a directory: …",
            ),
            (
                "a full disk",
                lambda f, m: full_disk(m) or later(checkpoints.save, f / "a", NETWORK, SCHEDULE),
                OSError,
                "[Errno 28] No space left on device",
            ),
            (
                "a full disk, an older file",
                lambda f, m: (
                    (checkpoint(f) and full_disk(m))
                    or later(checkpoints.save, f / "a.safetensors", NETWORK, SCHEDULE)
                ),
                OSError,
                "[Errno 28] No space left on device",
            ),
            (
                "a schedule of more steps",
                lambda f, _: later(checkpoints.save, f / "a", NETWORK, ddpm.NoiseSchedule.linear(21)),
                ValueError,
                "schedule must have at most the denoiser's 20 steps, got 21",
            ),
        )
    ),
    *(
        (ddpm.train, f"resume: {what}", make, error, sentence)
        for what, make, error, sentence in (
            (
                "a byte is missing",
                lambda f, _: resumed(data(f, training(f).read_bytes()[:-1])),
                ValueError,
                "resume must name a checkpoint, got …: damaged (…)",
            ),
            (
                "a checkpoint of the network alone",
                lambda f, _: resumed(checkpoint(f)),
                ValueError,
                "resume must name a checkpoint of ising_lib, got …: other content (ising_lib-ddpm-1)",
            ),
            (
                "other samples",
                lambda f, _: resumed(training(f), spins=-SPINS),
                ValueError,
                "resume must be saved from the same training, got … with other spins: …, here …",
            ),
            (
                "another batch size",
                lambda f, _: resumed(training(f), batch_size=9),
                ValueError,
                "resume must be saved from the same training, got … with other batch_size: 8, here 9",
            ),
            (
                "another schedule",
                lambda f, _: resumed(training(f), schedule=ddpm.NoiseSchedule.linear(19)),
                ValueError,
                "resume must be saved from the same training, got … with other schedule: …, here …",
            ),
            (
                "another network",
                lambda f, _: resumed(training(f), denoiser=FIELD),
                ValueError,
                "resume must be saved from the same training, got … with other denoiser: …, here …",
            ),
        )
    ),
    *(
        (store.read, what, lambda f, _, make=make: later(store.read, make(f)), ValueError, sentence)
        for what, make, sentence in (
            ("no such file", lambda f: f / "gone", "damaged run file … (FileNotFoundError)"),
            ("a folder", lambda f: f, "damaged run file … (IsADirectoryError)"),
            ("an empty file", lambda f: stored(lambda content: b""), "damaged run file … (…)"),
            (
                "half a file",
                lambda f: stored(lambda content: content[: len(content) // 2]),
                "damaged run file …",
            ),
            ("text", lambda f: stored(lambda content: b"not a run"), "damaged run file … (…)"),
            ("other arrays", lambda f: stored(lambda content: npz(a=1)), "damaged run file … (KeyError)"),
        )
    ),
    *(
        (store.write, what, make, error, sentence)
        for what, make, error, sentence in (
            (
                "a full disk",
                lambda f, m: full_disk(m) or later(store.write, PLAIN, {"a": 1}, {}),
                OSError,
                "[Errno 28] No space left on device",
            ),
            (
                "the cache is a file",
                lambda f, m: (
                    m.setenv("ISING_LIB_CACHE", str(data(f, b"mine"))) or later(store.write, PLAIN, {}, {})
                ),
                FileExistsError,
                "[Errno 17] File exists: …",
            ),
            (
                "a number that JSON does not know",
                lambda f, m: later(store.write, {**PLAIN, "seed": np.nan}, {}, {}),
                ValueError,
                "Out of range float values are not JSON compliant…",
            ),
        )
    ),
    (
        store.publish,
        "a damaged run",
        lambda f, _: stored(lambda content: content[:-1]) and later(store.publish, PLAIN),
        ValueError,
        "damaged run file … (BadZipFile)",
    ),
    (
        store.publish,
        "a run that is not there",
        lambda f, _: later(store.publish, PLAIN),
        ValueError,
        "damaged run file … (FileNotFoundError)",
    ),
    (
        store.publish,
        "nowhere to publish",
        lambda f, m: m.setenv("ISING_LIB_RESULTS", "") or later(store.publish, PLAIN),
        ValueError,
        "ISING_LIB_RESULTS must name a folder: there is no project around this package",
    ),
    (
        store.clean,
        "the cache is the folder of the published runs",
        lambda f, m: m.setenv("ISING_LIB_CACHE", os.environ["ISING_LIB_RESULTS"]) or store.clean,
        ValueError,
        "ISING_LIB_CACHE must not be the folder of the published runs, got …",
    ),
    *(
        (datasets.load_retina, what, make, error, sentence)
        for what, make, error, sentence in (
            (
                "no such file",
                lambda f, _: later(datasets.load_retina, f / "gone.mat"),
                datasets.DatasetNotFound,
                "path must name bint_fishmovie32_100.mat or its folder, got …: no such file",
            ),
            (
                "a folder without it",
                lambda f, _: later(datasets.load_retina, f),
                datasets.DatasetNotFound,
                "path must name bint_fishmovie32_100.mat or its folder, got …: no such file",
            ),
            (
                "the variable names nothing",
                lambda f, m: m.setenv("ISING_LIB_DATA", str(f / "gone")) or datasets.load_retina,
                datasets.DatasetNotFound,
                "ISING_LIB_DATA must name bint_fishmovie32_100.mat or its folder, got …: no such file",
            ),
            (
                "a wrong checksum",
                lambda f, _: later(datasets.load_retina, recording(f)),
                ValueError,
                f"… is not the recording: its sha256 is …, expected {datasets.SHA256}",
            ),
            (
                "an empty file",
                lambda f, _: later(datasets.load_retina, recording(f, b"")),
                ValueError,
                f"… is not the recording: its sha256 is …, expected {datasets.SHA256}",
            ),
            (
                "no network",
                offline,
                datasets.DatasetNotFound,
                "the retina recording is not on this machine and could not be fetched (ConnectionError). "
                "Three ways to get it: (1) go online …; (2) download …; (3) … set ISING_LIB_DATA …",
            ),
        )
    ),
    *(
        (own_data.load, what, lambda f, _, make=make: make(f), own_data.Unusable, sentence)
        for what, make, sentence in (
            (
                "no such file",
                lambda f: later(own_data.load, f / "gone.csv"),
                "DATA must be a file, got …: no such file",
            ),
            ("a folder", lambda f: later(own_data.load, f), "DATA must be a file, got …: a folder"),
            (
                "an empty file",
                lambda f: later(own_data.load, data(f, b"")),
                "DATA must hold samples, got …: an empty file",
            ),
            (
                "half a file",
                lambda f: later(own_data.load, data(f, npz(a=SPINS)[:200], "a.npz")),
                "DATA must be a readable .npz file, got 'a.npz': damaged or of another kind (BadZipFile)",
            ),
            (
                "no array of this name",
                lambda f: later(own_data.load, data(f, npz(a=SPINS), "a.npz"), "b"),
                "--name must be an array of 'a.npz', which holds a (30 × 4), got 'b'",
            ),
            (
                "an unknown ending",
                lambda f: later(own_data.load, data(f, b"1", "a.xlsx")),
                "DATA must end in .csv, .npy, .npz or .mat, got 'a.xlsx'",
            ),
        )
    ),
    *(
        (execute.execute, what, make, error, sentence)
        for what, make, error, sentence in (
            (
                "an unknown notebook",
                lambda f, _: later(execute.execute, "fig99", f / "out.ipynb"),
                ValueError,
                "name must be one of …, got 'fig99'",
            ),
            (
                "the output is a folder",
                lambda f, _: later(execute.execute, "fig02_missing_points", f),
                IsADirectoryError,
                "output must be a file, got …: a folder",
            ),
            (
                "no loopback",
                lambda f, m: no_loopback(m) or later(execute.execute, "fig02_missing_points", f / "a.ipynb"),
                RuntimeError,
                "notebooks need connections to 127.0.0.1, which this machine refuses ([Errno 101] Network is "
                "unreachable): allow them, or run the notebook elsewhere",
            ),
        )
    ),
    (
        execute.require_loopback,
        "no loopback",
        lambda f, m: no_loopback(m) or execute.require_loopback,
        RuntimeError,
        "notebooks need connections to 127.0.0.1, which this machine refuses (…): …",
    ),
    (
        execute.refresh,
        "an unknown notebook",
        lambda f, _: later(execute.refresh, "fig99"),
        ValueError,
        "name must be one of …, got 'fig99'",
    ),
    (
        execute.write_page,
        "a full disk",
        lambda f, m: (
            full_disk(m) or later(execute.write_page, execute.source("fig02_missing_points"), f / "a")
        ),
        OSError,
        "[Errno 28] No space left on device",
    ),
    (
        execute.render,
        "warnings of Jupyter Book",
        lambda f, m: (
            m.setattr(execute.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
            or execute.render
        ),
        RuntimeError,
        "the book was not rendered; Jupyter Book's warnings are above",
    ),
    *(
        (function, "no browser", lambda f, m, call=call: no_browser(m) or call(f), RuntimeError, "…")
        for function, call in (
            (pdf.browser, lambda f: pdf.browser),
            (pdf.write, lambda f: later(pdf.write, f, f / "out.pdf")),
        )
    ),
    *(
        (report.claim, what, lambda f, _, make=make: later(report.claim, make(f)), error, sentence)
        for what, make, error, sentence in (
            (
                "a file",
                lambda f: data(f, b"mine"),
                NotADirectoryError,
                "--out must be a folder, got …: … is a file",
            ),
            (
                "below a file",
                lambda f: data(f, b"mine") / "out",
                NotADirectoryError,
                "--out must be a folder, got …: … is a file",
            ),
            (
                "a stranger's folder",
                lambda f: report_of(f, "somebody"),
                FileExistsError,
                "--out must be new, empty, or an earlier report, got … with 'run.json'",
            ),
            (
                "an earlier report",
                lambda f: report_of(f, report.MADE_BY),
                FileExistsError,
                "--out must be new or empty, got …, an earlier report: replace it by --force",
            ),
        )
    ),
    (
        report.write,
        "below a file",
        lambda f, _: later(report.write, data(f, b"mine") / "out", {"a": b"b"}),
        NotADirectoryError,
        "[Errno 20] Not a directory: …",
    ),
]


def tree(folder):
    """All files and folders below, with their content; but for locks, which stay and hold nothing."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix != ".lock"]
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A place of the test's own: an empty cache, no published runs, the folder where commands are typed."""
    for name in ("cache", "results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"ISING_LIB_{name.upper()}", str(tmp_path / name))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("ISING_LIB_PUBLISH", raising=False)
    return tmp_path / "here"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{name_of(place[0])}: {place[1]}")
def test_place_is_refused_and_left_as_it_was(home, monkeypatch, place):
    _, _, make, error, sentence = place
    call = make(home, monkeypatch)
    before = tree(home.parent)
    with pytest.raises(error, match=says(sentence)) as refused:
        call()
    assert type(refused.value) is error
    assert is_sentence(str(refused.value))
    assert tree(home.parent) == before


# ---------------------------------------------------------------------------------------------- commands


def refuse_all(*_, **__):
    raise RuntimeError("something broke\nNotMixed: raise thin")


def broken_machine(m):
    from ising_book import doctor

    m.setattr(doctor, "examine", lambda: [doctor.Finding("Python", "broken", "3.9", "install >=3.11")])


FIG = "fig08_inference_quality"
CSV = "\n".join(",".join(str(int(s > 0)) for s in row) for row in SPINS)
USE, FAILURE = 2, 1

# (arguments, status, what standard error says, what is wrong with the machine)
COMMANDS = [
    ("nonsense", USE, "…No such command 'nonsense'…"),
    ("--nonsense", USE, "…No such option: --nonsense…"),
    ("list fig08", USE, "…Got unexpected extra argument(s) (fig08)…"),
    ("run", USE, "…Missing argument 'name'…"),
    ("run fig99", USE, "error: unknown notebook 'fig99', the nearest is …; known: …"),
    ("run ../fig08", USE, "error: unknown notebook '../fig08', the nearest is …; known: …"),
    ("run fig08 extra", USE, "…Got unexpected extra argument(s) (extra)…"),
    ("run fig08 --fast", USE, "…No such option: --fast…"),
    ("run fig08 --preset", USE, "…Option '--preset' requires an argument…"),
    ("run fig08 --preset quik", USE, "error: unknown preset 'quik', the nearest is 'quick'; known: quick"),
    (
        "run fig08 -p n_spin=3",
        USE,
        f"error: unknown parameter of {FIG} 'n_spin', the nearest is 'n_spins'; …",
    ),
    ("run fig08 -p n_spins", USE, "error: -p takes NAME=VALUE, got 'n_spins'"),
    ("run fig08 -p n_spins=", USE, "error: n_spins must be int like 40, got ''"),
    ("run fig08 -p n_spins=ten", USE, "error: n_spins must be int like 40, got 'ten'"),
    ("run fig08 -p n_spins=3.5", USE, "error: n_spins must be int like 40, got '3.5'"),
    ("run fig08 -p n_spins=True", USE, "error: n_spins must be int like 40, got 'True'"),
    ("run fig08 -p n_spins=(3)*(4)", USE, "error: n_spins must be int like 40, got '(3)*(4)'"),
    ("run fig08 -p seeds=3", USE, "error: seeds must be list like […], got '3'"),
    ("run fig08 -p seeds=['a']", USE, "error: seeds must be list like […], got \"['a']\""),
    ("run fig08 -p coupling_scale=strong", USE, "error: coupling_scale must be float like 1.0, got 'strong'"),
    ("run fig08 -o .", USE, "error: -o must be a file that can be written, got '.': a folder"),
    (
        "run fig08 -o data.csv/out.ipynb",
        USE,
        "error: -o must be a file that can be written, got 'data.csv/out.ipynb': …/data.csv' is a file",
    ),
    (
        "run fig02",
        FAILURE,
        "error: RuntimeError: notebooks need connections to 127.0.0.1, which …",
        no_loopback,
    ),
    (
        "run fig02",
        FAILURE,
        "error: RuntimeError: NotMixed: raise thin",
        lambda m: m.setattr(execute, "execute", refuse_all),
    ),
    ("refresh fig99", USE, "error: unknown notebook 'fig99', the nearest is …; known: …"),
    ("refresh fig08 fig99", USE, "error: unknown notebook 'fig99', the nearest is …; known: …"),
    ("refresh --preset quick", USE, "…No such option: --preset…"),
    (
        "refresh fig02",
        FAILURE,
        "…error: OSError: [Errno 28] No space left on device",
        lambda m: m.setattr(execute, "refresh", lambda _: full_disk(m) or os.fsync(0)),
    ),
    ("plan fig99", USE, "error: unknown notebook 'fig99', the nearest is …; known: …"),
    ("plan fig08 -p n_spin=3", USE, "error: unknown parameter of …"),
    ("plan fig08 -p seeds=", USE, "error: seeds must be list like …, got ''"),
    ("plan --preset quik", USE, "error: unknown preset 'quik', the nearest is 'quick'; known: quick"),
    ("plan fig08 -p n_spins=1", FAILURE, "error: ValueError: n_spins must be at least 2, got 1"),
    ("compute", USE, "…Missing argument 'config'…"),
    ("compute {", USE, "error: CONFIG must be a run's config as JSON: …"),
    ("compute []", USE, "error: CONFIG must be a run's config as JSON: …"),
    ("compute 3", USE, "error: CONFIG must be a run's config as JSON: …"),
    (
        "compute {}",
        USE,
        "error: CONFIG must be a run's config as JSON: experiment must be one of …, got None",
    ),
    (
        'compute {"experiment":"augmentation","version":2,"n_spins":1}',
        USE,
        "error: CONFIG must be a run's config as JSON: n_spins must be at least 2, got 1",
    ),
    (
        'compute {"experiment":"augmentation","version":2,"speed":1}',
        USE,
        "error: CONFIG must be a run's config as JSON: Augmentation has no field 'speed'",
    ),
    (
        f"compute {json.dumps(PLAIN).replace(' ', '')}",
        FAILURE,
        "error: RuntimeError: NotMixed: raise thin",
        lambda m: m.setattr(experiments, "_compute", refuse_all),
    ),
    ("results --all", USE, "…No such option: --all…"),
    (
        "results",
        FAILURE,
        "error: damaged run file … (BadZipFile)",
        lambda m: stored(lambda content: content[:99]),
    ),
    ("build now", USE, "…Got unexpected extra argument(s) (now)…"),
    (
        "build",
        FAILURE,
        "error: RuntimeError: the book was not rendered; Jupyter Book's warnings are above",
        lambda m: m.setattr(execute.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2)),
    ),
    (
        "build",
        FAILURE,
        "error: FileNotFoundError: [Errno 2] No such file or directory: …",
        lambda m: m.setattr(sys, "executable", "/nowhere/python"),
    ),
    ("pdf -o .", USE, "error: -o must be a file that can be written, got '.': a folder"),
    ("pdf -o data.csv/a.pdf", USE, "error: -o must be a file that can be written, got …/data.csv' is a file"),
    ("pdf", FAILURE, "error: RuntimeError: …", no_browser),
    ("infer", USE, "…Missing argument 'data'…"),
    ("infer gone.csv", USE, "error: DATA must be a file, got 'gone.csv': no such file"),
    ("infer .", USE, "error: DATA must be a file, got '.': a folder"),
    ("infer data.csv --seed -1", USE, "error: --seed must be at least 0, got -1"),
    ("infer data.csv --seed one", USE, "…Invalid value for '--seed'…"),
    ("infer data.csv --name a", USE, "error: --name must be left out for a .csv file, …, got 'a'"),
    ("infer data.csv --samples 9", USE, "error: --iterations and --samples belong to --augment, …"),
    ("infer data.csv --augment --samples 9", USE, "error: --samples must be at least 20, got 9"),
    ("infer data.csv --augment --iterations 0", USE, "error: --iterations must be at least 1, got 0"),
    ("infer data.csv --transpose", USE, "error: DATA must have at least 20 samples, got 4 rows; …"),
    ("infer data.csv --out data.csv", USE, "error: --out must be a folder, got 'data.csv': … is a file"),
    (
        "infer data.csv --out ..",
        USE,
        "error: --out must be new, empty, or an earlier report, got '..' with …",
    ),
    ("infer short.csv", USE, "error: DATA must have at least 20 samples, got 2 rows"),
    (
        "infer data.csv",
        FAILURE,
        "error: RuntimeError: NotMixed: raise thin",
        lambda m: m.setattr(own_fit, "infer", refuse_all),
    ),
    (
        "infer data.csv",
        FAILURE,
        "error: OSError: [Errno 28] No space left on device",
        lambda m: (
            m.setattr(own_fit, "infer", lambda *_, **__: None),
            m.setattr(report, "files", lambda *_: {"report.html": b"x"}),
            m.setattr(Path, "write_bytes", lambda *_: full_disk(m) or os.fsync(0)),
        ),
    ),
    ("doctor now", USE, "…Got unexpected extra argument(s) (now)…"),
    ("doctor", FAILURE, "", broken_machine),
    ("cache --everything", USE, "…No such option: --everything…"),
    ("cache --clean", FAILURE, "Delete these 1 files? [y/N]:…Aborted…", lambda m: stored()),
    (
        "cache --clean --yes",
        USE,
        "error: ISING_LIB_CACHE must not be the folder of the published runs, got …",
        lambda m: stored() and m.setenv("ISING_LIB_RESULTS", os.environ["ISING_LIB_CACHE"]),
    ),
]


def words(text):
    """In one line, without the frames that typer draws around its messages."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row[0])
def test_command_is_refused_and_writes_nothing(home, monkeypatch, capsys, row):
    arguments, status, said, *machine = row
    (home / "data.csv").write_text(CSV)
    (home / "short.csv").write_text("0,1\n1,0\n")
    for change in machine:
        change(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["ising-book", *arguments.split()])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = tree(home.parent)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output = capsys.readouterr()
    assert ended.value.code == status, output.err
    assert re.fullmatch(says(said)[1:-1], words(output.err)), output.err
    assert "Traceback" not in output.err + output.out
    if status == USE and said.startswith("error: "):
        assert (output.out, len(output.err.splitlines())) == ("", 1) or arguments.startswith("cache")
    assert tree(home.parent) == before


# ------------------------------------------------------------ the real thing: a full disk, no network, Ctrl-C


def apart(*flags):
    """The beginning of a command that runs in namespaces of its own; a skip where that is not allowed."""
    command = ["unshare", "--map-root-user", *flags]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"namespaces cannot be made here: {error}")
    return command


def test_a_disk_that_is_really_full(home):
    """100 kB in all: a run of a megabyte is refused, and the small one that was there stays as it was."""
    code = """
import numpy as np
from ising_book import store
config = {"experiment": "trial", "seed": 0}
store.write(config, {"a": np.arange(9)}, {})
try:
    store.write(config, {"a": np.random.default_rng(0).random(10**6)}, {})
except OSError as error:
    print(error)
print(store.find(config)["a"].sum(), [path.suffix for path in store.cache_folder().iterdir()])
"""
    (home / "disk").mkdir()
    script = 'mount -t tmpfs -o size=100k none "$ISING_LIB_CACHE" && exec "$@"'
    command = [*apart("--mount"), "sh", "-c", script, "sh", sys.executable, "-c", code]
    places = {**os.environ, "ISING_LIB_CACHE": str(home / "disk"), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=places, capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["[Errno 28] No space left on device", "36 ['.npz']"], ran.stderr


def test_a_machine_that_really_has_no_network(home):
    code = """
from ising_lib import datasets
try:
    datasets.load_retina()
except datasets.DatasetNotFound as error:
    print(error)
"""
    command = [*apart("--net"), sys.executable, "-c", code]
    places = {name: value for name, value in os.environ.items() if name != "ISING_LIB_DATA"}
    places |= {"XDG_CACHE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=places, capture_output=True, text=True, timeout=300)
    assert re.fullmatch("the retina recording .* could not be fetched .*\n", ran.stdout), ran.stderr


def test_ctrl_c_leaves_nothing_half_done(home):
    """Struck while the samples are being fitted.  SIGTERM and SIGKILL: see test_reproducible.py."""
    (home / "data.csv").write_text("\n".join([CSV] * 400))
    command = [sys.executable, "-m", "ising_book", "infer", "data.csv", "--augment", "--out", "new/out"]
    before = tree(home.parent)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    places = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    # a job that a shell puts in the background is deaf to Ctrl-C, and so is all that it starts
    output["preexec_fn"] = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, env=places, start_new_session=True, **output) as process:
        for _ in range(3):
            process.stdout.readline()  # what was found in the data is said; the work begins
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=300)[1]
    assert (process.returncode, errors) == (130, "")
    assert tree(home.parent) == before


# --------------------------------------------------------------------------------------------- completeness

RECORDS = "holds what its maker gives, and checks nothing"
STORED = "asks stored runs of the book, whose arrays it knows"
DRAWS = "draws arrays of the notebooks; what does not fit together, matplotlib refuses"
NOTHING = "takes nothing that could be wrong"
INNER = "is called with what another function has checked"
OWN = "takes what own_data.check let through"

EXEMPT = {
    "ddpm.TrainingStep": RECORDS,
    "doctor.Finding": RECORDS,
    "erasure.ErasureFit": RECORDS,
    "estimators.Estimate": RECORDS,
    "metrics.Recovery": RECORDS,
    "metrics.Agreement": RECORDS,
    "metrics.Comparison": RECORDS,
    "own_data.OwnData": RECORDS,
    "own_fit.Inference": RECORDS,
    "stopping.StoppingPoint": RECORDS,
    "store.Run": RECORDS,
    "datasets.DatasetNotFound": "is an error",
    "erasure.NotConverged": "is an error",
    "experiments.Planned": "is an error",
    "own_data.Unusable": "is an error",
    "sampling.NotMixed": "is an error",
    "denoisers.FieldDenoiser": "is abstract: its subclasses check",
    "experiments.planning": NOTHING,
    "runs.one_thread": NOTHING,
    "notebooks.names": NOTHING,
    "notebooks.presets": NOTHING,
    "notebooks.write_costs": NOTHING,
    "notebooks.write_claims": NOTHING,
    "notebooks.rendered": NOTHING,
    "pdf.pages": NOTHING,
    "plotting.use_style": NOTHING,
    "provenance.commit": NOTHING,
    "provenance.machine": NOTHING,
    "store.cache_folder": NOTHING,
    "store.results_folder": NOTHING,
    "store.cached": NOTHING,
    "ising.split_vector": INNER,
    "denoisers.checked_config": INNER,
    "checkpoints.Training": INNER,
    "checkpoints.digest": INNER,
    "ising.block_energy": INNER,
    "experiments.watch": INNER,
    "runs.by_config": "hands on to run_all",
    "notebooks.full_name": "gives back what it does not know, for the command to refuse",
    "notebooks.stable": INNER,
    "notebooks.picture": INNER,
    "notebooks.figures_of": INNER,
    "provenance.record": INNER,
    "provenance.table": STORED,
    "provenance.by_run": STORED,
    "provenance.costs": STORED,
    "store.key": "hashes whatever is plain",
    "store.find": "answers None, and logs what was damaged",
    "store.lock": "hashes whatever is plain",
    "sampling.heat_bath_probability": "is a formula for numbers of any size: NaN in, NaN out",
    "claims.statistic": "is a decorator",
    "claims.stored": STORED,
    "claims.together": INNER,
    "claims.findings": STORED,
    "claims.verdicts": INNER,
    "claims.summary": INNER,
    "claims.block": INNER,
    **{f"claims.{name}": STORED for name in claims.STATISTICS},
    **{f"own_fit.{name}": OWN for name in ("warnings_to", "activity", "misfits", "moments", "summary")},
    **{f"own_fit.{name}": OWN for name in ("precision",)},
    **{
        f"report.{name}": OWN
        for name in (
            "draw_parameters",
            "draw_moments",
            "draw_activity",
            "draw_recovery",
            "files",
            "verdict",
            "png",
        )
    },
}
DRAWING = """training_axis parameters raster training_film spikes film inferred_and_error pipeline
denoising_film analog_bits ratios plain_decades"""
EXEMPT |= {f"plotting.{name}": DRAWS for name in DRAWING.split()}


def public():
    """All functions and classes that a module of the package defines under a public name."""
    modules = [found.name for found in pkgutil.iter_modules(ising_lib.__path__)]
    for module in (importlib.import_module(f"ising_lib.{name}") for name in modules if name[0] != "_"):
        for name, value in vars(module).items():
            if callable(value) and name[0] != "_" and value.__module__ == module.__name__:
                yield name_of(value), module.__name__


def test_every_public_function_has_a_row_or_a_reason():
    checks = {f"doctor.{name}" for name in DOCTOR}
    rows = {name_of(case.function) for case in CALLS} | {name_of(place[0]) for place in PLACES}
    known = {name for name, _ in public()}
    assert known - rows - EXEMPT.keys() - checks == set(), "neither a row nor a reason"
    assert (EXEMPT.keys() | checks) - known == set(), "no longer there"
    assert EXEMPT.keys() & rows == set(), "there are rows"
    methods = {"ising.IsingModel.at", "ising.IsingModel.from_vector"}
    methods |= {"_torch.torch_generator", "_torch.resolve_precision"}  # offered by denoisers and ddpm
    methods |= {f"noise.NoiseSchedule.{name}" for name in ("linear", "cosine", "subsequence")}
    assert rows - known == methods


DOCTOR = [
    "examine",
    "python",
    "packages",
    "pytorch",
    "threads",
    "bfloat16",
    "cache",
    "results",
    "recording",
    "browser",
    "kernel",
]


def test_every_command_has_rows_of_both_kinds():
    """But ``list``, which cannot fail."""
    commands = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    for status, but in ((USE, set()), (FAILURE, {"list"})):
        assert {row[0].split()[0] for row in COMMANDS if row[1] == status} >= commands - but


def test_the_tables_are_long_and_without_doubles():
    rows = [f"{name_of(case.function)} {repr(case.change)[-300:]} {case.sentence}" for case in CALLS]
    rows += [f"{name_of(place[0])}: {place[1]}" for place in PLACES]
    rows += [f"{row[0]} {row[2]}" for row in COMMANDS]
    assert len(rows) >= 1000
    assert sorted(set(rows)) == sorted(rows)
