"""``ising-book doctor`` and ``ising-book cache``: what is broken is named; nothing of others is deleted."""

import importlib.metadata
import subprocess
import sys

import jupyter_client
import pooch
import pytest
import torch

from ising_book import doctor, pdf
from ising_experiments import store
from ising_lib import datasets, ddpm
from tests.book.test_cli import run

N_CHECKS = 7
SOUND = doctor.Finding("Jupyter kernel", "fine", "starts")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Cache and results of the test's own, each with a whole run in it; no recording."""
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISING_LIB_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("ISING_LIB_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "fetched")
    for seed in range(3):
        config = {"experiment": "trial_run", "seed": seed}
        store.write(config, {"a": 1.0}, {"seconds": 1.0, "commit": "c0ffee"})
    store.publish(config)
    return tmp_path


def test_a_sound_machine_is_fine(places, monkeypatch):
    """The kernel is not started here, but below: it takes seconds."""
    monkeypatch.setattr(doctor, "kernel", lambda: SOUND)
    result = run("doctor")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == N_CHECKS
    assert all(line.split()[0] in ("fine", "note") for line in lines)
    for said in (f"{places / 'cache'}, 3 runs, ", f"{places / 'results'}, 1 runs, ", datasets.RETINA.url):
        assert said in result.stdout


@pytest.mark.slow
def test_the_kernel_starts_and_computes():
    assert doctor.kernel().state == "fine"


def old_packages(monkeypatch, _):
    versions = importlib.metadata.version

    def version(name):
        if name == "safetensors":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "numpy" else versions(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)


def cache_is_a_file(monkeypatch, folder):
    (folder / "file").write_text("mine")
    monkeypatch.setenv("ISING_LIB_CACHE", str(folder / "file" / "cache"))


def damaged_run(_, folder):
    [path] = (folder / "results").iterdir()
    path.write_bytes(path.read_bytes()[:-10])


def other_recording(monkeypatch, folder):
    (folder / datasets.RETINA.file_name).write_bytes(b"other")
    monkeypatch.setenv("ISING_LIB_DATA", str(folder))


def half_fetched(_, folder):
    (folder / "fetched").mkdir()
    (folder / "fetched" / datasets.RETINA.file_name).write_bytes(b"half")


def no_kernel(monkeypatch, _):
    def start(*_, **__):
        raise OSError("Cannot assign requested address")

    monkeypatch.setattr(jupyter_client.KernelManager, "start_kernel", start)


def failing_check(monkeypatch, _):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1 / 0)


BROKEN = {  # how: words of its line
    old_packages: ("numpy is 0.1, not >=2.0", "safetensors is missing"),
    cache_is_a_file: ("cannot be written", "set ISING_LIB_CACHE"),
    damaged_run: ("damaged: trial_run-", "computed again"),
    other_recording: (f"is not {datasets.RETINA.file_name}", "correct ISING_LIB_DATA"),
    half_fetched: (f"is not {datasets.RETINA.file_name}", "delete the file"),
    no_kernel: ("Cannot assign requested address", "127.0.0.1"),
    failing_check: ("ZeroDivisionError", "report it"),
}


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: how.__name__)
def test_what_is_broken_is_named_with_what_to_do(how, places, monkeypatch):
    """One line says so, the status is 1, and all other checks are made all the same."""
    if how is not no_kernel:
        monkeypatch.setattr(doctor, "kernel", lambda: SOUND)
    how(monkeypatch, places)
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == N_CHECKS
    [line] = [line for line in lines if line.startswith("broken")]
    assert all(words in line for words in BROKEN[how])


NOTED = [  # what is no obstacle: where, what, and how it is patched, the check, words of its line
    (doctor, "_ROOM", 1e30, "cache", "make room"),
    (pdf, "BROWSERS", ("no-such-browser",), "browser", "no Chromium or Chrome was found"),
    (ddpm, "resolve_precision", lambda _: "float32", "processor", "no units for bfloat16"),
    (torch, "get_num_threads", lambda: 10_000, "processor", "OMP_NUM_THREADS="),
    (store, "results_folder", lambda: None, "results", "computed when it is asked for"),
]


@pytest.mark.parametrize(("where", "name", "value", "check", "expected"), NOTED, ids=lambda v: str(v)[:20])
def test_what_is_no_obstacle_is_a_note(monkeypatch, where, name, value, check, expected):
    monkeypatch.setattr(where, name, value)
    finding = getattr(doctor, check)()
    assert finding.state == "note"
    assert expected in str(finding)


def test_a_missing_package_stops_no_other_check():
    """Not even PyTorch, which most of the library imports."""
    program = (
        "import sys\nsys.modules['torch'] = None\nfrom ising_book import doctor\n"
        "doctor.kernel = lambda: 1 / 0\nprint(*doctor.examine(), sep='\\n')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == N_CHECKS
    assert any(line.startswith("broken  processor: ModuleNotFoundError") for line in lines)
    assert any(line.startswith("fine    cache: ") for line in lines)


# --------------------------------------------------------------------------------------------- the cache


def test_cleaning_deletes_runs_and_left_overs_and_nothing_else(places):
    cache, published = places / "cache", {p: p.read_bytes() for p in (places / "results").iterdir()}
    one = min(cache.glob("trial_run-*.npz"))
    mine = {"thesis.npz", "trial_run-0123.npz", "trial_run-0123456789abcdef.txt", ".bashrc", "mine.lock"}
    for name in mine:
        (cache / name).write_text("mine")
    (cache / "trial_run-0123456789abcdee.npz").mkdir()
    (cache / f".{one.name}.x1y2").write_text("half")
    one.with_suffix(".lock").touch()
    before = run("cache")
    assert before.stdout.splitlines()[-1].startswith("5 files, 0.0 MB in ")
    result = run("cache", "--clean", "--yes")
    said = "5 files deleted, 0 kept because they are in use"
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, said)
    assert {path.name for path in cache.iterdir()} == mine | {"trial_run-0123456789abcdee.npz"}
    assert {path: path.read_bytes() for path in (places / "results").iterdir()} == published


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 3), ("\n", 3), ("", 3)])
def test_cleaning_asks_first(places, answer, left):
    result = run("cache", "--clean", input=answer)
    assert "Delete these 3 files?" in result.stderr
    assert len(list((places / "cache").iterdir())) == left
    assert result.exit_code == (0 if left == 0 else 1)


def test_a_run_that_is_being_computed_is_kept():
    config = {"experiment": "trial_run", "seed": 0}
    program = (
        "import sys\nfrom ising_experiments import store\n"
        f"with store.lock({config}):\n    print(flush=True)\n    sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as other:
        other.stdout.readline()
        result = run("cache", "--clean", "--yes")
        other.stdin.close()
    assert result.stdout.splitlines()[-1] == "2 files deleted, 2 kept because they are in use"
    assert store.find(config) is not None


def test_an_empty_cache_is_no_question(tmp_path, monkeypatch):
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "none"))
    result = run("cache", "--clean")
    assert (result.exit_code, result.stdout) == (0, f"0 files, 0.0 MB in {tmp_path / 'none'}\n")
