"""Files, folders and disks that are not as they should be: one sentence, and all is left as it was."""

import errno
import io
import json
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from ising_book import execute, own_data, pdf
from ising_experiments import store
from ising_lib import checkpoints, datasets, ddpm, noise
from tests.bad_calls import FIELD, NETWORK, PLAIN, SCHEDULE, SPINS, TRAIN, is_sentence, says


def full_disk(monkeypatch):
    """What is written is lost, and nothing has room."""

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)


def data(folder, content, name="data.csv"):
    (folder / name).write_bytes(content)
    return folder / name


def network(folder):
    """The file of a network."""
    checkpoints.save(folder / "a.safetensors", NETWORK, SCHEDULE)
    return folder / "a.safetensors"


def training(folder):
    """The saved state of a training of one update."""
    for step in ddpm.train(**TRAIN):
        step.save(folder / "state.safetensors")
    return folder / "state.safetensors"


def stored(_=None):
    """A run in the cache."""
    store.write(PLAIN, {"truth": np.zeros(3)}, {"seconds": 1.0, "commit": "c0ffee"})
    return store.cache_folder() / f"{store.key(PLAIN)}.npz"


def no_network(monkeypatch):
    def unreachable(*_, **__):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    monkeypatch.setattr("socket.create_connection", unreachable)


def no_browser(monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    monkeypatch.setattr(pdf, "BROWSERS", ("chromium",))


def no_book(monkeypatch):
    monkeypatch.setattr(execute.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))


def npz(**named):
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def resume(path, **change):
    return ddpm.train(**TRAIN | change | {"resume": path})


def save(path):
    checkpoints.save(path, NETWORK, SCHEDULE)


def run(path, config=PLAIN):
    """Write a run into the cache that is ``path``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISING_LIB_CACHE", str(path))
        store.write(config, {"a": 1}, {})


def publish(path):
    store.publish(PLAIN)


def execute_it(path, name="fig02_missing_points"):
    execute.execute(name, path)


def write_page(path):
    execute.write_page(execute.source("fig02_missing_points"), path)


def here(folder):
    return folder


def gone(folder):
    return folder / "gone"


def cut(make, kept):
    """What is made, but for its end."""

    def shorter(folder):
        path = make(folder)
        path.write_bytes(path.read_bytes()[:kept])
        return path

    return shorter


def holds(content, name="data.csv"):
    return partial(data, content=content, name=name)


def two(name):
    """An array in a file of its own, that has another name."""
    return lambda path: own_data.load(path, name)


NO_FILE = "path must name a checkpoint, got …: no such file"
DAMAGED = "… must name a checkpoint, got …: damaged (…)"
SAME = "resume must be saved from the same training, got … with other "
FULL, NO_RUN = "[Errno 28] No space left on device", "damaged run file … (…)"
LOOPBACK = "notebooks need connections to 127.0.0.1, which this machine refuses (…): …"
RETINA = datasets.RETINA
NOT_IT = f"… is not {RETINA.file_name}: its sha256 is …, expected {RETINA.sha256}"
NO_DATA = f"path must name {RETINA.file_name} or its folder, got …: no such file"
UNREAD = "DATA must be a readable .npz file, got 'a.npz': damaged or of another kind (BadZipFile)"
UNNAMED = "--name must be an array of 'a.npz', which holds a (30 × 4), got 'b'"
NOWHERE = "ISING_LIB_RESULTS must name a folder: there is no project around this package"
LATER, ANOTHER = partial(resume, batch_size=9), noise.NoiseSchedule.linear(19)
UNUSABLE, ABSENT = own_data.Unusable, datasets.DatasetNotFound
# fmt: off
PLACES = [  # function, its call with a path, what makes that path, error, sentence, the machine
    ("checkpoints.load", checkpoints.load, here, FileNotFoundError, NO_FILE),
    ("checkpoints.load", checkpoints.load, cut(network, 0), ValueError, DAMAGED),
    ("checkpoints.load", checkpoints.load, cut(network, 40), ValueError, DAMAGED),
    ("checkpoints.load", checkpoints.load, cut(network, -1), ValueError, DAMAGED),
    ("checkpoints.load", checkpoints.load, holds(b"no checkpoint, but long enough"), ValueError, DAMAGED),
    ("checkpoints.load", checkpoints.load, training, ValueError, "…: other content (ising_lib-training-1)"),
    ("checkpoints.save", save, lambda f: f / "gone" / "a", FileNotFoundError, "[Errno 2] No such file …"),
    ("checkpoints.save", save, here, IsADirectoryError, "[Errno 21] Is a directory: …"),
    ("checkpoints.save", save, gone, OSError, FULL, full_disk),
    ("checkpoints.save", save, network, OSError, FULL, full_disk),
    ("ddpm.train", resume, cut(training, -1), ValueError, DAMAGED),
    ("ddpm.train", resume, network, ValueError, "resume must name …: other content (ising_lib-ddpm-1)"),
    ("ddpm.train", LATER, training, ValueError, f"{SAME}batch_size: 8, here 9"),
    ("ddpm.train", partial(resume, spins=-SPINS), training, ValueError, f"{SAME}spins: …, here …"),
    ("ddpm.train", partial(resume, schedule=ANOTHER), training, ValueError, f"{SAME}schedule: …"),
    ("ddpm.train", partial(resume, denoiser=FIELD), training, ValueError, f"{SAME}denoiser: …"),
    ("store.read", store.read, gone, ValueError, "damaged run file … (FileNotFoundError)"),
    ("store.read", store.read, here, ValueError, "damaged run file … (IsADirectoryError)"),
    *(("store.read", store.read, cut(stored, kept), ValueError, NO_RUN) for kept in (0, 99, -1)),
    ("store.read", store.read, holds(b"not a run"), ValueError, NO_RUN),
    ("store.read", store.read, holds(npz(a=1)), ValueError, "damaged run file … (KeyError)"),
    ("store.write", run, here, OSError, FULL, full_disk),
    ("store.write", run, holds(b"mine"), FileExistsError, "[Errno 17] File exists: …"),
    ("store.write", partial(run, config={**PLAIN, "seed": np.nan}), here, ValueError, "Out of …"),
    ("store.publish", publish, cut(stored, -1), ValueError, "damaged run file … (BadZipFile)"),
    ("store.publish", publish, here, ValueError, "damaged run file … (FileNotFoundError)"),
    ("store.publish", publish, stored, ValueError, NOWHERE, lambda m: m.setenv("ISING_LIB_RESULTS", "")),
    ("datasets.load_retina", datasets.load_retina, gone, ABSENT, NO_DATA),
    ("datasets.load_retina", datasets.load_retina, here, ABSENT, NO_DATA),
    ("datasets.load_retina", datasets.load_retina, holds(b"", RETINA.file_name), ValueError, NOT_IT),
    ("datasets.load_retina", datasets.load_retina, holds(b"else", RETINA.file_name), ValueError, NOT_IT),
    ("datasets.load_annealer", datasets.load_annealer, gone, ABSENT, "path must name dwave_samples.zip or …"),
    ("datasets.load_neurons", datasets.load_neurons, gone, ABSENT, "path must name maxent_….mat or …"),
    ("own_data.load", own_data.load, gone, UNUSABLE, "DATA must be a file, got …: no such file"),
    ("own_data.load", own_data.load, holds(b""), UNUSABLE, "DATA must hold samples, got …: an empty file"),
    ("own_data.load", own_data.load, holds(npz(a=SPINS)[:200], "a.npz"), UNUSABLE, UNREAD),
    ("own_data.load", two("b"), holds(npz(a=SPINS), "a.npz"), UNUSABLE, UNNAMED),
    ("execute.execute", partial(execute_it, name="fig99"), gone, ValueError, "name must be one of …"),
    ("execute.execute", execute_it, here, IsADirectoryError, "output must be a file, got …: a folder"),
    ("execute.execute", execute_it, gone, RuntimeError, LOOPBACK, no_network),
    ("execute.write_page", write_page, gone, OSError, FULL, full_disk),
    ("pdf.write", lambda path: pdf.write(path, path), gone, RuntimeError, "…", no_browser),
]
# fmt: on


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
    return tmp_path / "here"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
def test_place_is_refused_and_left_as_it_was(home, monkeypatch, place):
    _, call, make, error, said, *machine = place
    path = make(home)
    for change in machine:
        change(monkeypatch)
    before = tree(home.parent)
    with pytest.raises(error, match=says(said)) as refused:
        call(path)
    assert type(refused.value) is error
    assert is_sentence(str(refused.value))
    assert tree(home.parent) == before


def test_without_a_network_the_recording_says_three_ways_to_get_it(home, monkeypatch):
    no_network(monkeypatch)
    monkeypatch.delenv("ISING_LIB_DATA", raising=False)
    monkeypatch.setattr(datasets.pooch, "os_cache", lambda _: home / "cache")
    with pytest.raises(
        datasets.DatasetNotFound, match=r"not on this machine .* \(1\) go online .* \(2\) .* \(3\) .*"
    ):
        datasets.load_retina()


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_done(home):
    """Struck while a run is being computed.  SIGTERM and SIGKILL: see book/test_reproducible.py."""
    plain = json.dumps({**PLAIN, "training": {"n_iterations": 10**6, "n_checkpoints": 1}})
    command = [sys.executable, "-m", "ising_book", "compute", plain]
    before = tree(home.parent)
    # a job that a shell puts in the background is deaf to Ctrl-C, and so is all that it starts
    options = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, **options) as process:
        process.stderr.read(1)  # the first sign of the progress bar: the work begins
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
    assert process.returncode == 130
    assert tree(home.parent) == before
