"""``ising-book``: mistakes of the user end with 2, failures with 1, both in one sentence."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ising_book import cli, execute, store, worlds

NAME = "fig08_inference_quality"


@pytest.fixture
def calls(monkeypatch):
    """The calls of ``execute.execute`` that a command makes, instead of an execution."""
    seen = []

    def execute(name, output, values=None, **options):
        seen.append((name, str(output), values))

    monkeypatch.setattr(execute, "execute", execute)
    return seen


def run(*arguments):
    return CliRunner().invoke(cli.app, ["run", *map(str, arguments)])


def refusal(*arguments):
    """The sentence with which a call is refused; status 2, nothing on standard output."""
    result = run(*arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_unknown_notebook_is_refused_with_the_nearest(calls):
    line = refusal("fig08_inference_qualty")
    assert "unknown notebook 'fig08_inference_qualty'" in line
    assert f"the nearest is '{NAME}'" in line
    assert all(name in line for name in execute.names())
    assert calls == []


def test_unknown_parameter_is_refused_with_the_nearest(calls):
    line = refusal(NAME, "-p", "n_observd=1000")
    assert f"unknown parameter of {NAME} 'n_observd', the nearest is 'n_observed'" in line
    assert calls == []


def test_unknown_preset_is_refused_with_the_nearest(calls):
    line = refusal(NAME, "--preset", "quik")
    assert "unknown preset 'quik', the nearest is 'quick'" in line
    assert calls == []


@pytest.mark.parametrize(
    "assignment",
    [
        *("n_spins=3.5", "n_spins=ten", "n_spins=true", "n_spins=", "n_spins=[1]"),
        *("coupling_scale=strong", "coupling_scale=true", "seeds=3", "seeds={a: 1}"),
    ],
)
def test_wrong_type_is_refused_with_an_example(calls, assignment):
    key, _, value = assignment.partition("=")
    line = refusal(NAME, "-p", assignment)
    default = execute.parameters(NAME)[key]
    assert line.endswith(f"{key} must be {type(default).__name__} like {default!r}, got {value!r}")
    assert calls == []


@pytest.mark.parametrize("text", ["n_spins", "n_spins:20", ""])
def test_a_parameter_without_a_value_is_refused(calls, text):
    assert refusal(NAME, "-p", text).endswith(f"-p takes NAME=VALUE, got {text!r}")
    assert calls == []


@pytest.mark.parametrize(
    "value",
    ["!!python/object/apply:os.system [exit 3]", "!!python/name:os.system", "[1", "{", "@", "a: b: c"],
    ids=["apply", "name", "list", "mapping", "reserved", "nested"],
)
@pytest.mark.parametrize("key", ["n_spins", "seeds"])
def test_what_is_no_plain_value_is_refused(calls, key, value, monkeypatch):
    """Nothing is evaluated; and bad syntax is the mistake of a user: status 2, and which parameter."""
    monkeypatch.setattr("os.system", lambda command: pytest.fail(f"evaluated {command!r}"))
    assert key in refusal(NAME, "-p", f"{key}={value}")
    assert calls == []


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("n_observed=1000", 1000),
        ("n_observed=4_000", 4000),
        ("coupling_scale=0.5", 0.5),
        ("coupling_scale=2", 2.0),
        ("coupling_scale=1e-1", 0.1),
        ("seeds=[4, 2]", [4, 2]),
        ("preset=mine", "mine"),
        ("preset=with_underscore", "with_underscore"),
    ],
)
def test_values_are_read_as_the_notebook_s_own_types(calls, assignment, value):
    assert run(NAME, "-p", assignment).exit_code == 0
    [(_, _, values)] = calls
    [(key, given)] = values.items()
    assert (key, given, type(given)) == (assignment.partition("=")[0], value, type(value))


@pytest.mark.parametrize("short", [NAME, "fig08"])
def test_the_number_of_a_figure_is_enough(calls, short):
    result = run(short)
    assert (result.exit_code, result.stdout) == (0, f"{NAME}.out.ipynb\n")
    assert calls == [(NAME, f"{NAME}.out.ipynb", {})]


def test_preset_gives_the_parameters_that_the_notebook_has_and_p_goes_first(calls):
    assert run("fig08", "--preset", "quick", "-p", "n_spins=7", "-o", "there.ipynb").exit_code == 0
    [(_, output, values)] = calls
    assert output == "there.ipynb"
    assert values["n_spins"] == 7
    assert values["preset"] == "quick"
    assert set(values) <= set(execute.parameters(NAME))
    assert "n_missing" not in values  # a parameter of another notebook


def test_html_writes_a_page_beside_the_notebook(calls, monkeypatch, tmp_path):
    pages = []
    monkeypatch.setattr(execute, "write_page", lambda notebook, path: pages.append(path))
    result = run("fig08", "--html", "-o", tmp_path / "a.ipynb")
    assert pages == [tmp_path / "a.html"]
    assert result.stdout.split() == [str(tmp_path / "a.ipynb"), str(tmp_path / "a.html")]


def end(monkeypatch, capsys, *arguments):
    """Status and standard error of the whole program."""
    monkeypatch.setattr(sys, "argv", ["ising-book", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, capsys.readouterr().err


def test_a_failing_execution_is_one_line_and_status_1(monkeypatch, capsys):
    def execute(*_, **__):
        raise RuntimeError("Traceback (most recent call last):\n  many lines\n\nNotMixed: raise thin\n")

    monkeypatch.setattr(execute, "execute", execute)
    assert end(monkeypatch, capsys, "run", "fig08") == (1, "error: RuntimeError: NotMixed: raise thin\n")


def test_a_failure_without_words_is_named(monkeypatch, capsys):
    def execute(*_, **__):
        raise KeyError

    monkeypatch.setattr(execute, "execute", execute)
    assert end(monkeypatch, capsys, "run", "fig08") == (1, "error: KeyError: KeyError\n")


def test_a_mistake_of_the_user_is_status_2_from_the_program_too(monkeypatch, capsys, calls):
    status, text = end(monkeypatch, capsys, "run", "fig08", "-p", "n_spins")
    assert (status, text) == (2, "error: -p takes NAME=VALUE, got 'n_spins'\n")
    assert end(monkeypatch, capsys, "run", "fig08")[0] == 0


def test_list_lists_notebooks_with_their_parameters():
    result = CliRunner().invoke(cli.app, ["list"])
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == execute.names()
    after = lines[lines.index(NAME) + 1 :]
    expected = [f"    {key} = {value!r}" for key, value in execute.parameters(NAME).items()]
    assert after[: len(expected)] == expected


def test_refresh_refreshes_what_it_is_told_or_everything(monkeypatch):
    """And then the pages that are made of all runs."""
    refreshed, pages = [], []
    monkeypatch.setattr(execute, "refresh", refreshed.append)
    monkeypatch.setattr(execute, "write_costs", lambda: pages.append("runs"))
    monkeypatch.setattr(execute, "write_claims", lambda: pages.append("claims"))
    assert CliRunner().invoke(cli.app, ["refresh", "fig08"]).exit_code == 0
    assert (refreshed, pages) == ([NAME], ["runs", "claims"])
    refreshed.clear()
    assert CliRunner().invoke(cli.app, ["refresh"]).exit_code == 0
    assert refreshed == execute.names()
    assert CliRunner().invoke(cli.app, ["refresh", "fig99"]).exit_code == 2


def test_results_lists_stored_runs_with_their_cost(monkeypatch, tmp_path):
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path))
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    config = {"experiment": "trial", "seed": 3}
    store.write(config, {"a": 1.0}, {"seconds": 12.3, "commit": "c0ffee"})
    result = CliRunner().invoke(cli.app, ["results"])
    path = tmp_path / f"{store.key(config)}.npz"
    assert (result.exit_code, result.stdout) == (0, f"{path}  seed 3  12 s  commit c0ffee\n")


def test_build_prints_the_page_to_open(monkeypatch, tmp_path):
    monkeypatch.setattr(execute, "render", lambda: tmp_path / "index.html")
    result = CliRunner().invoke(cli.app, ["build"])
    assert (result.exit_code, result.stdout) == (0, f"The book: {(tmp_path / 'index.html').as_uri()}\n")


def test_a_book_that_is_not_rendered_is_status_1(monkeypatch, capsys):
    monkeypatch.setattr(execute.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
    status, text = end(monkeypatch, capsys, "build")
    assert status == 1
    assert text.startswith("error: RuntimeError: the book was not rendered")


def test_compute_publishes_the_run_of_a_config(tmp_path, monkeypatch):
    """A job of the sweeps: config in, published file out; what is stored is not computed again."""
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISING_LIB_RESULTS", str(tmp_path / "results"))
    config = worlds.Augmentation(n_spins=5, n_observed=50)
    monkeypatch.setattr(worlds.Augmentation, "compute", lambda config, progress: {"x": 1})
    plain = worlds.describe(config)
    result = CliRunner().invoke(cli.app, ["compute", json.dumps(plain)])
    target = tmp_path / "results" / f"{store.key(plain)}.npz"
    assert (result.exit_code, result.stdout.strip()) == (0, str(target))
    assert store.read(target)["x"] == 1
    monkeypatch.setattr(worlds.Augmentation, "compute", None)
    assert CliRunner().invoke(cli.app, ["compute", json.dumps(plain)]).exit_code == 0


def test_plan_lists_each_run_once_with_its_figures(monkeypatch, tmp_path):
    """Two figures share a run; what is stored is said; parameters reach the notebooks."""
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path))
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    configs = [worlds.Augmentation(seed=seed) for seed in (0, 1)]
    keys = [store.key(worlds.describe(config)) for config in configs]
    store.write(worlds.describe(configs[1]), {"a": 1.0}, {})
    asked = []

    def planned(name, values):
        asked.append((name, values))
        return configs if name.startswith("fig07") else configs[1:]

    monkeypatch.setattr(execute, "plan", planned)
    arguments = ["plan", "fig07", "fig08", "--preset", "quick", "-p", "n_spins=7"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    rows = [line.split(maxsplit=4) for line in result.stdout.splitlines()]
    assert rows == [
        [keys[0], "missing", "seed", "0", "fig07"],
        [keys[1], "stored", "seed", "1", "fig07, fig08"],
    ]
    assert [name for name, _ in asked] == ["fig07_early_stopping", NAME]
    assert all((values["n_spins"], values["preset"]) == (7, "quick") for _, values in asked)
    asked.clear()
    CliRunner().invoke(cli.app, ["plan"])
    assert [name for name, _ in asked] == execute.names()
