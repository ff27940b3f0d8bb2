"""``ising-book doctor`` and ``ising-book cache``: what is broken is named; nothing of others is deleted."""

import importlib.metadata
import subprocess
import sys

import filelock
import pooch
import pytest
import torch
from typer.testing import CliRunner

from ising_book import cli, doctor, pdf, store
from ising_lib import datasets, ddpm


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


def run(*arguments, **options):
    return CliRunner().invoke(cli.app, list(arguments), **options)


def test_a_sound_machine_is_fine(places, monkeypatch):
    """The kernel is not started here, but below: it takes seconds."""
    monkeypatch.setattr(doctor, "kernel", lambda: doctor.Finding("Jupyter kernel", "fine", "starts"))
    result = run("doctor")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 10
    assert all(line.split()[0] in ("fine", "note") for line in lines)
    for word in (
        "Python",
        "packages",
        "PyTorch",
        "threads",
        "bfloat16",
        "cache",
        "results",
        "recording",
        "browser",
    ):
        assert sum(f"  {word}:" in line or f" {word}:" in line for line in lines) == 1
    assert f"{places / 'cache'}, 3 runs, " in result.stdout
    assert f"{places / 'results'}, 1 runs, " in result.stdout
    assert datasets.URL in result.stdout  # where the recording would come from


def test_the_kernel_starts_and_computes():
    assert doctor.kernel().state == "fine"


def break_python(monkeypatch, _):
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.1")


def break_packages(monkeypatch, _):
    versions = importlib.metadata.version

    def version(name):
        if name == "safetensors":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "numpy" else versions(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)


def break_cache(_, folder):
    for path in (folder / "cache").iterdir():
        path.unlink()
    (folder / "cache").rmdir()
    (folder / "cache").write_text("a file")


def break_results(_, folder):
    [path] = (folder / "results").iterdir()
    path.write_bytes(path.read_bytes()[:-10])


def break_recording(monkeypatch, folder):
    (folder / datasets.FILE_NAME).write_bytes(b"other")
    monkeypatch.setenv("ISING_LIB_DATA", str(folder))


def break_fetched_recording(_, folder):
    (folder / "fetched").mkdir()
    (folder / "fetched" / datasets.FILE_NAME).write_bytes(b"half")


def break_kernel(monkeypatch, _):
    import jupyter_client

    def start(*_, **__):
        raise OSError("Cannot assign requested address")

    monkeypatch.setattr(jupyter_client.KernelManager, "start_kernel", start)


def break_a_check(monkeypatch, _):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1 / 0)


BROKEN = {  # how: the check, and words of its line
    break_python: (doctor.python, "3.10.1", "install >=3.11"),
    break_packages: (doctor.packages, "numpy is 0.1, not >=2.0", "safetensors is missing"),
    break_cache: (doctor.cache, "cannot be written", "set ISING_LIB_CACHE"),
    break_results: (doctor.results, "damaged: trial_run-", "computed again"),
    break_recording: (doctor.recording, "is not the recording", "correct ISING_LIB_DATA"),
    break_fetched_recording: (doctor.recording, "is not the recording", "delete the file"),
    break_kernel: (doctor.kernel, "Cannot assign requested address", "127.0.0.1"),
    break_a_check: (doctor.threads, "ZeroDivisionError", "report it"),
}


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: how.__name__)
def test_what_is_broken_is_named_with_what_to_do(how, places, monkeypatch):
    """One line says so, the status is 1, and all other checks are made all the same."""
    check, *expected = BROKEN[how]
    if check is not doctor.kernel:
        monkeypatch.setattr(doctor, "kernel", lambda: doctor.Finding("Jupyter kernel", "fine", "starts"))
    how(monkeypatch, places)
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 10
    [line] = [line for line in lines if line.startswith("broken")]
    assert all(words in line for words in expected)


NOTED = [  # what is no obstacle: where, what, and how it is patched, the check, words of its line
    (doctor, "_ROOM", 1e30, doctor.cache, "make room"),
    (pdf, "BROWSERS", ("no-such-browser",), doctor.browser, "no Chromium or Chrome was found"),
    (ddpm, "resolve_precision", lambda _: "float32", doctor.bfloat16, "no units for it"),
]


@pytest.mark.parametrize(
    ("where", "name", "value", "check", "expected"), NOTED, ids=["room", "browser", "bfloat16"]
)
def test_what_is_no_obstacle_is_a_note(monkeypatch, where, name, value, check, expected):
    monkeypatch.setattr(where, name, value)
    finding = check()
    assert finding.state == "note"
    assert expected in str(finding)


def test_a_missing_package_stops_no_other_check(monkeypatch):
    """Not even PyTorch, which most of the library imports."""
    program = (
        "import sys\nsys.modules['torch'] = None\nfrom ising_lib import doctor\n"
        "doctor.kernel = lambda: 1 / 0\nprint(*doctor.examine(), sep='\\n')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == 10
    assert any(line.startswith("broken  pytorch: ModuleNotFoundError") for line in lines)
    assert any(line.startswith("fine    cache: ") for line in lines)


def test_without_published_results_there_is_a_note(monkeypatch):
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    assert doctor.results().state == "note"


def test_more_threads_than_cores_are_noted(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 10_000)
    assert "OMP_NUM_THREADS=" in str(doctor.threads())


def strangers(folder):
    """Files in the cache's folder that are not of this package."""
    names = ("thesis.npz", "trial_run-0123.npz", "trial_run-0123456789abcdef.txt", ".bashrc", "mine.lock")
    for name in names:
        (folder / "cache" / name).write_text("mine")
    (folder / "cache" / "trial_run-0123456789abcdee.npz").mkdir()
    return {*names, "trial_run-0123456789abcdee.npz"}


def test_cleaning_deletes_runs_and_left_overs_and_nothing_else(places):
    mine = strangers(places)
    [one, *_] = sorted((places / "cache").glob("trial_run-*.npz"), key=lambda path: path.is_dir())
    (places / "cache" / f".{one.name}.x1y2").write_text("half")
    (places / "cache" / one.with_suffix(".lock").name).touch()
    published = {path: path.read_bytes() for path in (places / "results").iterdir()}
    result = run("cache", "--clean", "--yes")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "5 files deleted, 0 kept because they are in use",
    )
    assert {path.name for path in (places / "cache").iterdir()} == mine
    assert {path: path.read_bytes() for path in (places / "results").iterdir()} == published


def test_listing_deletes_nothing_and_counts(places):
    before = sorted((places / "cache").iterdir())
    result = run("cache")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("3 files, 0.0 MB in ")
    assert sorted((places / "cache").iterdir()) == before


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 3), ("\n", 3), ("", 3)])
def test_cleaning_asks_first(places, answer, left):
    result = run("cache", "--clean", input=answer)
    assert "Delete these 3 files?" in result.stderr
    assert len(list((places / "cache").iterdir())) == left
    assert result.exit_code == (0 if left == 0 else 1)


def test_a_run_that_is_being_computed_is_kept(places):
    config = {"experiment": "trial_run", "seed": 0}
    program = (
        "import sys\nfrom ising_lib import store\n"
        f"with store.lock({config}):\n    print(flush=True)\n    sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as other:
        other.stdout.readline()
        result = run("cache", "--clean", "--yes")
        other.stdin.close()
    assert result.stdout.splitlines()[-1] == "2 files deleted, 2 kept because they are in use"
    assert store.find(config) is not None
    with filelock.FileLock(places / "cache" / f"{store.key(config)}.lock", timeout=5):
        pass


def test_published_results_are_never_the_cache(places, monkeypatch):
    monkeypatch.setenv("ISING_LIB_CACHE", str(places / "results"))
    result = run("cache", "--clean", "--yes")
    assert result.exit_code == 2
    assert "must not be the folder of the published runs" in result.stderr
    assert len(list((places / "results").iterdir())) == 1


def test_an_empty_cache_is_no_question(tmp_path, monkeypatch):
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "none"))
    result = run("cache", "--clean")
    assert (result.exit_code, result.stdout) == (0, f"0 files, 0.0 MB in {tmp_path / 'none'}\n")


COMMANDS = [command.name or command.callback.__name__ for command in cli.app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command):
    result = run(command, "--help", env={"COLUMNS": "200"})
    assert result.exit_code == 0
    examples = result.stdout.partition("Examples:")[2]
    assert f"ising-book {command}" in examples


def test_the_program_says_where_to_start():
    result = run("--help", env={"COLUMNS": "200"})
    for words in ("ising-book doctor", "ising-book infer spikes.csv", "--install-completion"):
        assert words in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there(shell):
    """What ``--install-completion`` writes, shown; and the words that the shell would be given."""
    environment = {
        "_ISING_BOOK_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "ising-book inf",
        "COMP_CWORD": "1",
    }
    environment |= {"_TYPER_COMPLETE_ARGS": "ising-book inf", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    result = CliRunner().invoke(cli.app, [], prog_name="ising-book", env=environment)
    assert "infer" in result.stdout
