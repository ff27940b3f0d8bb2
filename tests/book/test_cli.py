"""``ising-book``: mistakes of the user end with 2, failures with 1, both in one sentence."""

import dataclasses
import errno
import io
import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ising_book import cli, doctor, execute
from ising_experiments import runs, store, worlds
from tests.bad_calls import PLAIN, SPINS, says
from tests.test_bad_places import FULL, LOOPBACK, cut, home, no_browser, no_network, stored, tree  # noqa: F401

NAME = "fig08_inference_quality"


def run(*arguments, **options):
    return CliRunner().invoke(cli.app, list(map(str, arguments)), **options)


# ---------------------------------------------------------------------------------------------- refusals


def refuse_all(*_, **__):
    raise RuntimeError("something broke\nNotMixed: raise thin")


def fail_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def no_book(m):
    m.setattr(execute.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))


def broken_machine(m):
    m.setattr(doctor, "examine", lambda: [doctor.Finding("Python", "broken", "3.9", "install >=3.11")])


def broken_walk(m):
    m.setitem(runs.RECIPES, worlds.Augmentation, runs.Recipe(refuse_all))


CSV = "\n".join(",".join(str(int(s > 0)) for s in row) for row in SPINS)
USE, FAILURE = 2, 1
BROKE = "error: RuntimeError: NotMixed: raise thin"
LONG = {"FIG08": NAME, "PLAIN": json.dumps(PLAIN).replace(" ", "")}  # what these words stand for
MISTAKES = """
nonsense                                     …No such command 'nonsense'…
list fig08                                   …Got unexpected extra argument(s) (fig08)…
run                                          …Missing argument 'name'…
run fig99                                    error: unknown notebook 'fig99', the nearest is …; known: …
run ../fig08                                 error: unknown notebook '../fig08', the nearest is …; known: …
run fig08 --fast                             …No such option: --fast…
run fig08 --preset quik                      error: unknown preset 'quik', the nearest is 'quick'; …
run fig08 -p n_spin=3                        error: unknown parameter of FIG08 'n_spin', the nearest is …; …
run fig08 -p n_spins                         error: -p takes NAME=VALUE, got 'n_spins'
run fig08 -p n_spins:20                      error: -p takes NAME=VALUE, got 'n_spins:20'
run fig08 -p n_spins=                        error: n_spins must be int like 40, got ''
run fig08 -p n_spins=ten                     error: n_spins must be int like 40, got 'ten'
run fig08 -p n_spins=3.5                     error: n_spins must be int like 40, got '3.5'
run fig08 -p n_spins=True                    error: n_spins must be int like 40, got 'True'
run fig08 -p n_spins=(3)*(4)                 error: n_spins must be int like 40, got '(3)*(4)'
run fig08 -p n_spins=[1]                     error: n_spins must be int like 40, got '[1]'
run fig08 -p n_spins=!!python/name:os.system error: n_spins must be int like 40, got '!!python…'
run fig08 -p n_spins=exit(3)                 error: n_spins must be int like 40, got 'exit(3)'
run fig08 -p n_spins={                       error: n_spins must be int like 40, got '{'
run fig08 -p seeds=3                         error: seeds must be list like […], got '3'
run fig08 -p seeds=['a']                     error: seeds must be list like […], got "['a']"
run fig08 -p seeds=[1                        error: seeds must be list like […], got '[1'
run fig08 -p coupling_scale=strong           error: coupling_scale must be float like 1.0, got 'strong'
run fig08 -p coupling_scale=True             error: coupling_scale must be float like 1.0, got 'True'
run fig08 -o .                               error: -o must be a file that can be written, got '.': a folder
run fig08 -o data.csv/out.ipynb              error: -o must be a file …, got …/data.csv' is a file
refresh fig08 fig99                          error: unknown notebook 'fig99', the nearest is …; known: …
run fig08 -p n_spins=1                       error: n_spins must be at least 2, got 1
run fig02 -p n_live_spins=21                 error: n_live_spins must be from 1 to 20, got 21
run fig11 -p n_repeats=298                   error: n_repeats must be from 1 to 297, got 298
run fig12 -p n_spins=9 -p n_missing=14       error: n_missing must be from 1 to 9, got 14
plan fig08 -p n_spins=1                      error: n_spins must be at least 2, got 1
plan fig99                                   error: unknown notebook 'fig99', the nearest is …; known: …
plan fig08 -p seeds=                         error: seeds must be list like …, got ''
plan --preset quik                           error: unknown preset 'quik', the nearest is 'quick'; …
compute                                      …Missing argument 'config'…
compute {                                    error: CONFIG must be a run's config as JSON: …
compute []                                   error: CONFIG must be a run's config as JSON: …
compute 3                                    error: CONFIG must be a run's config as JSON: …
compute {}                                   error: CONFIG must be …: experiment must be one of …, got None
compute {"experiment":"rivals","version":9}  error: CONFIG must be …: version of 'rivals' must be 1, got 9
results --all                                …No such option: --all…
build now                                    …Got unexpected extra argument(s) (now)…
pdf -o .                                     error: -o must be a file that can be written, got '.': a folder
infer                                        …Missing argument 'data'…
infer gone.csv                               error: DATA must be a file, got 'gone.csv': no such file
infer data.csv --seed -1                     error: --seed must be at least 0, got -1
infer data.csv --name a                      error: --name must be left out for a .csv file, …, got 'a'
infer data.csv --transpose                   error: DATA must have at least 20 samples, got 4 rows; …
infer short.csv                              error: DATA must have at least 20 samples, got 2 rows
infer counts.csv --threshold 0               error: DATA must have at least 2 columns that vary, got 0
doctor now                                   …Got unexpected extra argument(s) (now)…
cache --everything                           …No such option: --everything…
"""
COMMANDS = [(line[:45].strip(), USE, line[45:].strip()) for line in MISTAKES.strip().splitlines()]
CLEAN = "error: ISING_LIB_CACHE must not be the folder of the published runs, got …"
# fmt: off
COMMANDS += [  # arguments, status, what standard error says, what is wrong with the machine
    ("run fig02", FAILURE, f"error: RuntimeError: {LOOPBACK}", no_network),
    ("run fig08", FAILURE, BROKE, lambda m: m.setattr(execute, "execute", refuse_all)),
    ("refresh fig02", FAILURE, f"error: OSError: {FULL}", lambda m: m.setattr(execute, "refresh", fail_disk)),
    ("plan fig08", FAILURE, BROKE, lambda m: m.setattr(execute, "plan", refuse_all)),
    ("compute PLAIN", FAILURE, f"…{BROKE}", broken_walk),
    ("results", FAILURE, "error: damaged run file … (BadZipFile)", lambda m: cut(stored, 99)(None)),
    ("build", FAILURE, "error: RuntimeError: the book was not rendered; …", no_book),
    ("pdf", FAILURE, "error: RuntimeError: …", no_browser),
    ("infer data.csv", FAILURE, "error: …", no_network),
    ("doctor", FAILURE, "", broken_machine),
    ("cache --clean", FAILURE, "Delete these 1 files? [y/N]:…Aborted…", stored),
    ("cache --clean --yes", USE, CLEAN,
        lambda m: stored() and m.setenv("ISING_LIB_RESULTS", str(store.cache_folder()))),
]
# fmt: on


def words(text):
    """In one line, without the frames that typer draws around its messages."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def end(monkeypatch, capsys, *arguments):
    """Status, standard error and output of the whole program."""
    monkeypatch.setattr(sys, "argv", ["ising-book", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output = capsys.readouterr()
    return ended.value.code, output.err, output.out


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row[0])
def test_command_is_refused_and_writes_nothing(home, monkeypatch, capsys, row):  # noqa: F811
    arguments, status, said, *machine = row
    for short, long in LONG.items():
        arguments, said = arguments.replace(short, long), said.replace(short, long)
    (home / "data.csv").write_text(CSV)
    (home / "short.csv").write_text("0,1\n1,0\n")
    (home / "counts.csv").write_text("0,2\n" * 30)
    monkeypatch.setattr("os.system", lambda command: pytest.fail(f"evaluated {command!r}"))
    for change in machine:
        change(monkeypatch)
    before = tree(home.parent)
    code, err, out = end(monkeypatch, capsys, *arguments.split())
    assert code == status, err
    assert re.fullmatch(says(said)[1:-1], words(err)), err
    assert "Traceback" not in err + out
    if status == USE and said.startswith("error: "):
        assert (out, len(err.splitlines())) == ("", 1) or arguments.startswith("cache")
    assert tree(home.parent) == before


def test_every_command_is_refused_something_and_fails_at_something():
    """But ``list``, which cannot fail."""
    commands = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    for status, but in ((USE, set()), (FAILURE, {"list"})):
        assert {row[0].split()[0] for row in COMMANDS if row[1] == status} >= commands - but


def test_a_failure_without_words_is_named(monkeypatch, capsys):
    def execute_nothing(*_, **__):
        raise KeyError

    monkeypatch.setattr(execute, "execute", execute_nothing)
    assert end(monkeypatch, capsys, "run", "fig08")[:2] == (1, "error: KeyError: KeyError\n")


# ----------------------------------------------------------------------------------- what the commands do


@pytest.fixture
def calls(monkeypatch):
    """The calls of ``execute.execute`` that a command makes, instead of an execution."""
    seen = []
    monkeypatch.setattr(
        execute, "execute", lambda name, output, values=None, **_: seen.append((name, str(output), values))
    )
    return seen


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        *(("n_observed=1000", 1000), ("n_observed=4_000", 4000), ("seeds=[4, 2]", [4, 2])),
        *(("coupling_scale=0.5", 0.5), ("coupling_scale=2", 2.0), ("coupling_scale=1e-1", 0.1)),
        *(("preset=mine", "mine"), ("preset=with_underscore", "with_underscore")),
    ],
)
def test_values_are_read_as_the_notebook_s_own_types(calls, assignment, value):
    assert run("run", NAME, "-p", assignment).exit_code == 0
    [(_, _, values)] = calls
    [(key, given)] = values.items()
    assert (key, given, type(given)) == (assignment.partition("=")[0], value, type(value))


@pytest.mark.parametrize("short", [NAME, "fig08"])
def test_the_number_of_a_figure_is_enough(calls, short):
    result = run("run", short)
    assert (result.exit_code, result.stdout) == (0, f"{NAME}.out.ipynb\n")
    assert calls == [(NAME, f"{NAME}.out.ipynb", {})]


def test_preset_gives_the_parameters_that_the_notebook_has_and_p_goes_first(calls):
    assert run("run", "fig08", "--preset", "quick", "-p", "n_spins=7", "-o", "there.ipynb").exit_code == 0
    [(_, output, values)] = calls
    assert (output, values["n_spins"], values["preset"]) == ("there.ipynb", 7, "quick")
    assert set(values) <= set(execute.parameters(NAME))


def test_html_writes_a_page_beside_the_notebook(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(execute, "write_page", lambda notebook, path: path.touch())
    result = run("run", "fig08", "--html", "-o", tmp_path / "a.ipynb")
    assert result.stdout.split() == [str(tmp_path / "a.ipynb"), str(tmp_path / "a.html")]
    assert (tmp_path / "a.html").exists()


def test_list_lists_notebooks_with_their_parameters():
    lines = run("list").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == execute.names()
    expected = [f"    {key} = {value!r}" for key, value in execute.parameters(NAME).items()]
    after = lines[lines.index(NAME) + 1 :]
    assert after[: len(expected)] == expected


def test_refresh_refreshes_what_it_is_told_or_everything(monkeypatch):
    """And then the pages that are made of all runs."""
    done = []
    monkeypatch.setattr(execute, "refresh", done.append)
    for page in ("costs", "claims"):
        monkeypatch.setattr(execute, f"write_{page}", lambda page=page: done.append(page))
    assert run("refresh", "fig08").exit_code == run("refresh").exit_code == 0
    assert done == [NAME, "costs", "claims", *execute.names(), "costs", "claims"]


def test_results_lists_stored_runs_with_their_cost(home):  # noqa: F811
    config = {"experiment": "trial", "seed": 3}
    store.write(config, {"a": 1.0}, {"seconds": 12.3, "commit": "c0ffee"})
    path = store.cache_folder() / f"{store.key(config)}.npz"
    assert run("results").stdout == f"{path}  seed 3  12 s  commit c0ffee\n"


def test_compute_publishes_the_run_of_a_config(home, monkeypatch):  # noqa: F811
    """A job of the sweeps: config in, published file out; what is stored is not computed again."""
    monkeypatch.setitem(runs.RECIPES, worlds.Augmentation, runs.Recipe(lambda *_: {"x": 1}))
    result = run("compute", json.dumps(PLAIN))
    target = store.results_folder() / f"{store.key(PLAIN)}.npz"
    assert (result.exit_code, result.stdout.strip()) == (0, str(target))
    assert store.read(target)["x"] == 1
    broken_walk(monkeypatch)
    assert run("compute", json.dumps(PLAIN)).exit_code == 0


def test_plan_lists_each_run_once_with_its_figures(home, monkeypatch):  # noqa: F811
    """Two figures share a run; cost and parameters are said; a missing run is held against the stored one."""
    half = worlds.Training(n_iterations=8_000, n_monitor=1, n_augmented=1)
    all_of_it = dataclasses.replace(half, n_iterations=16_000)
    configs = [
        worlds.Augmentation(n_observed=2, seed=n, training=one) for n, one in enumerate((half, all_of_it))
    ]
    keys = [store.key(worlds.describe(config)) for config in configs]
    store.write(worlds.describe(configs[1]), {"a": 1.0}, {"seconds": 120.0})
    asked = {}

    def planned(name, values):
        asked[name] = values
        return configs if name.startswith("fig07") else configs[1:]

    monkeypatch.setattr(execute, "plan", planned)
    result = run("plan", "fig07", "fig08", "--preset", "quick", "-p", "n_spins=7")
    assert [line.split(maxsplit=5) for line in result.stdout.splitlines()] == [
        [keys[0], "missing", "~60", "s", "seed", "0  fig07"],
        [keys[1], "stored", "120", "s", "seed", "1  fig07, fig08"],
    ]
    said = "To compute: 60 s of a core like the one that computed the stored runs"
    assert result.stderr == said + "\n"
    assert list(asked) == ["fig07_early_stopping", NAME]
    assert all((values["n_spins"], values["preset"]) == (7, "quick") for values in asked.values())
    configs.append(worlds.Corrected())  # of a kind of which none is stored
    result = run("plan", "fig07", "fig08")
    assert "missing        ? s  seed 0  fig07" in result.stdout
    assert result.stderr == said + ", and 1 of unknown cost, whose like is not stored\n"


def test_a_run_says_how_long_it_will_take_and_nothing_where_all_is_stored(home, calls, monkeypatch):  # noqa: F811
    """Half the updates of a stored run of an hour; the first 10 s are not announced."""
    worlds_of = {
        n: worlds.Augmentation(n_observed=2, training=worlds.Training(n, 1, 1, 1)) for n in (100, 50)
    }
    store.write(worlds.describe(worlds_of[100]), {"a": 1.0}, {"seconds": 3600.0})
    for n, said in ((100, ""), (50, "About 30 minutes on this machine.\n")):
        monkeypatch.setattr(execute, "plan", lambda *_, n=n: [worlds_of[n]])
        assert run("run", "fig08").stderr == said


@pytest.mark.slow
def test_the_bar_moves_at_once_and_ends_where_the_notebook_expects(monkeypatch):
    """One step a second; what the notebook writes on its standard error gives the end."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with cli._Clock("; use less") as clock:
        clock.write("\rseed 0: 3it [00:01, 2.00it/s]\n\x1b[A")
        clock.write("auto.py:21: TqdmWarning: IProgress not found\n")
        clock.write("Drawing anew by parallel tempering\nexpected: 9 s\n")
        assert (clock.bar.total, terminal.getvalue().count("About")) == (None, 0)
        clock.write("Drawing anew by parallel tempering\n")  # by another process of the same run
        assert terminal.getvalue().count("Drawing anew by parallel tempering\n") == 1
        assert not re.search("seed 0|TqdmWarning", terminal.getvalue())
        clock.write("expected: 40 s\n")
        assert clock.bar.total == 40
        clock.ended.wait(3)
        assert 1 <= clock.bar.n <= 3
        clock.write("expected: 1200 s\n")
    assert "About 40 s on this machine.\n" in terminal.getvalue()
    assert "About 20 minutes on this machine; use less.\n" in terminal.getvalue()


# --------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in cli.app.registered_commands])
def test_every_command_shows_an_example(command):
    result = run(command, "--help", env={"COLUMNS": "200"})
    assert f"ising-book {command}" in result.stdout.partition("Examples:")[2]


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
