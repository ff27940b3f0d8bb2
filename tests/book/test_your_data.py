"""``ising-book infer``: the truth is found, the verdict is honest, the page is whole and asks nobody."""

import ast
import contextlib
import csv
import errno
import hashlib
import html.parser
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import papermill
import pytest
from typer.testing import CliRunner

from ising_book import cli, doctor, execute, own_data
from ising_lib import erasure, estimators, exact, ising, sampling
from ising_lib.ising import IsingModel

ROOT = Path(__file__).parents[2]
ours = SimpleNamespace()  # the notebook's functions
for cell in execute.source(execute.YOUR_DATA).cells:
    lines = [line for line in cell.source.splitlines() if re.match("import |from .* import ", line)]
    own = cell.source if "functions" in cell.metadata.get("tags", []) else "\n".join(lines)
    if cell.cell_type == "code":
        exec(own, vars(ours))  # noqa: S102 - the book's own text
M = 6
EVIL = ["<img src=x onerror=alert(1)>", "</ul><script>", "{{ 7 * 7 }}", "a$b_{", "$e$", "f"]


def truth():
    return ising.gaussian(M, coupling_scale=0.9, rng=np.random.default_rng(3))


def samples(n=1500, seed=4):
    return exact.sample(truth(), n, rng=np.random.default_rng(seed))


def infer(*arguments):
    """A call that succeeds; what it printed."""
    result = CliRunner().invoke(cli.app, ["infer", *map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    # no bar, no warning: this is no terminal; an estimate where the machine is slow
    assert re.fullmatch(r"(About \d+ \w+ on this machine\.\n)?", result.stderr)
    return result.stdout


# ----------------------------------------------------------------------- one report, made once by a kernel


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        pd.DataFrame((samples() + 1) // 2, columns=EVIL).to_csv("<b>.csv", index=False)
        (folder / "printed").write_text(infer("<b>.csv", "--out", "out"))
    return folder


@pytest.fixture
def made(tmp_path, made_once, monkeypatch):
    """A folder with a report in it, and the data beside it."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_parameters_are_the_truth_within_their_errors(made):
    """z of 21 parameters: a mean square of 1 ± 0.3; |z| > 4 has probability 6e-5, 0.1 % for the largest."""
    table = rows(made / "parameters.csv")
    assert [row["spin"] for row in table[:M]] == EVIL
    assert [row["parameter"] for row in table] == ["h"] * M + ["J"] * 15
    for method in ("maximum_likelihood", "ridge_plm"):
        found, errors = (np.array([float(row[key]) for row in table])
                         for key in (method, f"{method}_standard_error"))  # fmt: skip
        scores = (found - truth().to_vector()) / errors
        assert np.abs(scores).max() < 4
        assert 0.5 < np.sqrt((scores**2).mean()) < 1.6


@pytest.mark.slow
def test_all_files_hold_the_same_model(made):
    table = rows(made / "parameters.csv")
    vector = np.array([float(row["maximum_likelihood"]) for row in table])
    expected = estimators.maximum_likelihood(samples(), 1 / 3000).model.to_vector()
    np.testing.assert_array_equal(vector, expected)
    model = IsingModel.from_vector(vector, M)
    edges = rows(made / "edges.csv")
    np.testing.assert_array_equal([float(row["coupling"]) for row in edges], vector[M:])
    assert all(
        (float(row["low"]) > 0) or (float(row["high"]) < 0)
        for row in edges
        if row["distinguishable"] == "True"
    )
    matrix = pd.read_csv(made / "zero_one.csv", index_col=0).to_numpy()
    x = (exact.configurations(M) + 1) / 2  # the same distribution in 0/1 coding
    exponents = x @ np.diag(matrix) + (x @ (matrix - np.diag(np.diag(matrix))) * x).sum(1) / 2
    law = np.exp(exponents) / np.exp(exponents).sum()
    np.testing.assert_allclose(law, exact.probabilities(model), rtol=1e-9)


class Page(html.parser.HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def assert_self_contained(text):
    """No script, nothing fetched, every picture inside and described."""
    page = Page(text)
    asking = {"script", "link", "iframe", "object", "form", "base", "svg", "a"}
    assert not {tag for tag, _ in page.tags} & asking
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) >= 6
    assert all(len(one["alt"]) > 40 and one["src"].startswith("data:image/png;base64,") for one in pictures)
    named = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in named if name.startswith("on") or name in ("href", "srcset")}
    assert "url(" not in text
    assert "default-src 'none'" in text


@pytest.mark.slow
def test_the_page_is_self_contained_and_begins_with_the_verdict(made):
    text = (made / "report.html").read_text()
    assert_self_contained(text)
    run, printed = json.loads((made / "run.json").read_text()), (made.parent / "printed").read_text()
    assert printed.startswith("Maximum likelihood reproduces the data's means, covariances and distribution")
    assert printed.splitlines()[:-1] == [*run["verdict"], *run["data"]["findings"], *run["notes"]]
    first = text[text.index("<p>") + 3 : text.index("</p>")]
    assert html.unescape(first) == run["verdict"][0]
    order = [
        re.search(f"<h2[^>]*>{head}", text).start()
        for head in ("The data", "Strongest couplings", "Checks", "How it is")
    ]
    assert order == sorted(order)
    assert all(html.unescape(text).count(sentence) == 1 for sentence in run["data"]["findings"])
    assert "{{ 7 * 7 }}" in html.unescape(text)


@pytest.mark.slow
def test_every_file_is_in_the_record_and_the_record_repeats_it(made):
    run = json.loads((made / "run.json").read_text())
    assert {path.name for path in made.iterdir()} == {*run["sha256"], "run.json"}
    for name, digest in run["sha256"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    assert str(Path.home()) not in json.dumps(run)
    assert hashlib.sha256(Path("<b>.csv").read_bytes()).hexdigest() == run["data"]["files"]["<b>.csv"]
    assert shlex.join(run["command"]) in html.unescape((made / "report.html").read_text())
    before = {name: (made / name).read_bytes() for name in ("parameters.csv", "edges.csv")}
    infer(*run["command"][2:], "--force")
    assert {name: (made / name).read_bytes() for name in before} == before


def test_what_a_cell_calls_stands_above_it():
    """Also what its functions call in turn: paths that no test takes, as that of more than 20 spins."""
    cells = [cell for cell in execute.source(execute.YOUR_DATA).cells if cell.cell_type == "code"]
    trees = [ast.parse(cell.source) for cell in cells]
    place = {node.name: n for n, tree in enumerate(trees) for node in tree.body if hasattr(node, "name")}
    bodies = {node.name: node for tree in trees for node in tree.body if hasattr(node, "name")}
    for number, tree in enumerate(trees):
        used, waiting = set(), [node for node in tree.body if not hasattr(node, "name")]
        while waiting:
            names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)}
            waiting += [bodies[name] for name in names & (bodies.keys() - used)]
            used |= names & bodies.keys()
        assert [name for name in used if place[name] > number] == []


# ------------------------------------------------------------------------------------------- its functions


def test_missing_values_are_used(rng):
    """With a fifth of the values missing, the copies keep what is known and bring the couplings back."""
    spins = np.where(rng.random((3000, M)) < 0.2, 0, samples(3000)).astype(np.int8)
    copies, ridge, vector, added = ours.complete(spins, rng=rng)
    assert (copies[:, spins != 0] == spins[spins != 0]).all()
    assert np.isin(copies, [-1, 1]).all()
    models = {"ridge PLM": IsingModel.from_vector(vector, M)}
    filled, ridges = copies.reshape(-1, M), {"ridge PLM": ridge}
    errors = ours.standard_errors(models, ridges, filled, 3000, {}, added)["ridge PLM"]
    scores = (vector - truth().to_vector()) / errors
    assert 0.5 < np.sqrt((scores**2).mean()) < 1.7  # as without missing values


def test_standard_errors_are_those_of_repeated_experiments():
    """Against fits to 12 other sets: a ratio of two spreads, averaged over 21 parameters."""
    models, spread = {}, {}
    for name, fit in (
        ("ridge PLM", estimators.pseudolikelihood),
        ("maximum likelihood", estimators.maximum_likelihood),
    ):
        again = [fit(samples(1500, seed), 0.001).model for seed in range(12)]
        models[name], spread[name] = again[0], np.std([one.to_vector() for one in again], axis=0, ddof=1)
    drawn = {"maximum likelihood": samples(20_000, 99)}
    ridges = dict.fromkeys(models, 0.001)
    errors = ours.standard_errors(models, ridges, samples(1500, 0), 1500, drawn, 0.0)
    for name in models:  # each spread is known to 1/√22, its mean over 21 dependent ones to some 0.1
        assert abs(np.log(errors[name] / spread[name]).mean()) < 0.3


def test_rare_columns_have_no_errors_and_the_others_have():
    spins = samples(200)
    spins[:, 2] = -1
    spins[:3, 2] = 1
    errors = {"ridge PLM": np.ones(21)}
    said = ours.without_errors(errors, own_data.OwnData(spins, tuple("abcdef"), (), {}), 0.1)
    assert np.isnan(errors["ridge PLM"]).sum() == 1 + 5
    assert any("penalty of ridge PLM is strong" in sentence for sentence in said)
    assert any("No standard errors for the parameters of 'c'" in sentence for sentence in said)


def test_misfits_are_one_for_the_true_model_and_large_for_another(rng):
    """Roots of mean squares of 6 and of 15 correlated scores: within a factor of two for the truth."""
    spins, drawn = samples(2000, 5), samples(20_000, 6)
    found = ours.reproduction(spins, 2000, drawn, rng)
    assert 0.4 < found["misfit_means"] < 2
    assert 0.4 < found["misfit_covariances"] < 2
    assert found["activity_distance"] < found["activity_noise"]
    other = exact.sample(ising.gaussian(M, coupling_scale=0.9, rng=rng), 20_000, rng=rng)
    found = ours.reproduction(spins, 2000, other, rng)
    assert min(found["misfit_means"], found["misfit_covariances"]) > 3
    assert ours.reproduction(spins, 2000, None, rng) == {}


def test_covariances_are_compared_and_not_products(rng):
    """Independent spins with the means of strongly coupled ones have wrong covariances alone."""
    pairs = 2 * rng.integers(0, 2, (2000, 1)) - np.ones((1, 2))
    found = ours.reproduction(pairs.astype(np.int8), 2000, 2 * rng.integers(0, 2, (20_000, 2)) - 1, rng)
    assert found["misfit_means"] < 3
    assert found["misfit_covariances"] > 30


GOOD = {"misfit_means": 0.3, "misfit_covariances": 0.4, "activity_distance": 0.01, "activity_noise": 0.02}
VERDICTS = [  # checks of one method, what is said of it
    (GOOD | {"gain": 0.1, "gain_error": 0.01}, "reproduces the data's means.*held-out spins better"),
    (GOOD | {"gain": 0.1, "gain_error": 0.06}, "reproduces.*no better than independent spins do"),
    (GOOD | {"gain": -0.1, "gain_error": 0.01}, "reproduces.*worse than independent spins do"),
    (GOOD | {"misfit_means": 13.4}, "^X does not reproduce the data's means \\(misfit 13.4.*do not use"),
    (GOOD | {"misfit_covariances": 2.0}, "^X does not reproduce the data's covariances"),
    (GOOD | {"activity_distance": 0.03}, "^X reproduces .*covariances, but not the di.*pairs alone do not"),
    ({}, "^X gives a model whose samples do not mix"),
]


@pytest.mark.parametrize(("checks", "said"), VERDICTS)
def test_the_verdict_says_the_worst_first(checks, said):
    assert re.search(said, " ".join(ours.verdict({"x": checks})))
    both = ours.verdict({"good": GOOD, "x": checks})
    assert both[0].startswith("Good reproduces the data's means, covariances and distribution")


def test_held_out_samples_are_whole_and_not_in_the_training_part(rng):
    spins = np.unique(2 * rng.integers(0, 2, (300, 12)) - 1, axis=0).astype(np.int8)
    spins[::3, 0] = 0
    notes = []
    training, test, varies = ours.hold_out(spins, rng, notes)
    assert len(test) == len(spins) // 5
    assert len(training) + len(test) == len(spins)
    assert (test != 0).all()
    assert varies.all()
    assert notes == []
    assert not {row.tobytes() for row in test} & {row.tobytes() for row in training}
    spins[:-4, 0] = 0
    assert ours.hold_out(spins, rng, notes)[1] is None
    assert "No check on held-out samples" in notes[0]


# ------------------------------------------------------------------------------- two groups, order of time

EQUAL = ising.gaussian(M, coupling_scale=0.4, field_scale=0.2, rng=np.random.default_rng(0))


def other_coupling(change):
    """The same model but for the coupling of its first two spins."""
    couplings = EQUAL.couplings.copy()
    couplings[[0, 1], [1, 0]] += change
    return IsingModel(EQUAL.fields, couplings)


def sticky(rng, n=1000, keep=0.8):
    """Independent spins, each of which keeps its value from row to row with probability 0.8: τ = 9."""
    kept, spins = rng.random((n, M)) < keep, 2 * rng.integers(0, 2, (n, M)) - 1
    for now in range(1, n):
        spins[now] = np.where(kept[now], spins[now - 1], spins[now])
    return spins.astype(np.int8)


def called_different(rng, draw, second, size=1):
    """In how many of 40 pairs of equal groups a coupling is called different, with p ≤ 0.05."""
    pairs = (ours.differences(draw(rng), second, rng, size, n_permutations=19) for _ in range(40))
    return sum((p <= 0.05).any() for *_, p in pairs)


@pytest.mark.slow
def test_equal_groups_are_called_different_in_one_analysis_of_twenty(rng):
    """40 · 0.05 = 2; seven have probability 0.3 %.  Without correction, 15 couplings give one in two."""
    second = np.arange(300) < 120
    assert called_different(rng, lambda rng: exact.sample(EQUAL, 300, rng=rng), second) <= 6


@pytest.mark.slow
def test_blocks_are_mixed_where_rows_repeat_each_other(rng):
    """As above for halves of τ = 9, mixed in blocks of 45; row by row, nearly every analysis errs."""
    halves = np.arange(1000) >= 500
    assert called_different(rng, sticky, halves, 45) <= 6
    assert called_different(rng, sticky, halves, 1) >= 25


@pytest.mark.slow
def test_a_planted_difference_is_found_and_named(tmp_path, rng):
    """ΔJ = 0.6 against an error of 0.08: one pair differs, by an interval; the rare spin is out."""
    spins = np.concatenate([exact.sample(model, 300, rng=rng) for model in (EQUAL, other_coupling(0.6))])
    spins[:, 5] = np.where(np.arange(600) % 100, -1, 1)
    table = pd.DataFrame((spins + 1) // 2, columns=list("abcdef")).assign(sex=["f"] * 300 + ["m"] * 300)
    table.to_csv(tmp_path / "both.csv", index=False)
    for name, sex in (("f", "f"), ("m", "m")):
        table[table["sex"] == sex].drop(columns="sex").to_csv(tmp_path / f"{name}.csv", index=False)
    by = own_data.load(tmp_path / "both.csv", by="sex")
    files = own_data.load(tmp_path / "f.csv", other=tmp_path / "m.csv")
    assert (by.groups[1], files.groups[1]) == (("f", "m"), ("f.csv", "m.csv"))
    for data in (by, files):
        np.testing.assert_array_equal(data.spins, spins)
        found, (said, rare) = ours.compared(data, data.spins, np.random.default_rng(0))
        assert said.startswith("1 of 10 couplings called different between 'f")
        assert "corrected for their number: 'a' and 'b'; the interval of" in said
        assert rare.endswith("occurs fewer than 10 times: 'f'.")
        [first] = found[found["differs"]].to_dict("records")
        assert first["low"] < 0.6 < first["high"]
        assert 0.2 < first["high"] - first["low"] < 0.5  # 2 · 1.96 · √(2/300)


def test_the_effective_number_of_samples_makes_errors_right(tmp_path, rng):
    """z of 120 fields of independent spins: of a mean square of 1 with n/τ samples, of τ = 9 with all n."""
    scores = []
    for number in range(20):
        np.save(tmp_path / f"{number}.npy", sticky(rng))
        data = own_data.load(tmp_path / f"{number}.npy")
        fit = estimators.pseudolikelihood(data.spins, 0.001).model
        n_effective = len(data.spins) / data.tau
        variance = ours.pseudolikelihood_variance(fit, data.spins, 0.001, n_effective)
        scores.append(fit.fields / np.sqrt(variance[:M]))
    assert 0.75 < np.sqrt(np.mean(np.square(scores))) < 1.35


@pytest.mark.slow
def test_the_estimate_is_that_of_both_fits(monkeypatch, tmp_path):
    """In seconds of this process: within a factor of four of what the two fits of the page take."""
    monkeypatch.setattr(ours, "time", SimpleNamespace(perf_counter=time.process_time))
    model = ising.gaussian(16, coupling_scale=0.5, rng=np.random.default_rng(0))
    np.save(tmp_path / "a.npy", exact.sample(model, 2000, rng=np.random.default_rng(1)))
    data = own_data.load(tmp_path / "a.npy", time=False)
    expected = ours.expected_seconds(data, 0, ())
    begun = time.process_time()
    for _ in range(2):
        ours.fit_all(data.spins, 0, [])
    assert 0.25 < expected / (time.process_time() - begun) < 4


def test_blocks_of_neighbours_are_held_out_together(rng):
    """Of 300 numbered rows, blocks of 10: those held out are whole blocks, 6 of 30."""
    numbers = np.array([[int(bit) for bit in f"{n:09b}"] for n in range(300)])
    notes = []
    _, test, varies = ours.hold_out((2 * numbers - 1).astype(np.int8), rng, notes, size=10)
    assert varies.all()
    rows = sorted((test > 0) @ 2 ** np.arange(9)[::-1])
    assert [row % 10 for row in rows] == [*range(10)] * 6
    assert rows[::10] != [*range(0, 60, 10)]


@pytest.mark.slow
def test_two_groups_are_compared_on_the_page_and_in_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(samples(400) > 0, columns=list("abcdef")).astype(int)
    table.assign(group=np.arange(400) % 2).to_csv("both.csv", index=False)
    printed = infer("both.csv", "--by", "group")
    assert "couplings called different between '0' and '1'" in printed
    assert "Groups by 'group': '0' (200) and '1' (200)." in printed
    found = rows(Path("both_inferred", "differences.csv"))
    assert len(found) == 15
    assert "<h2>The two groups</h2>" in Path("both_inferred", "report.html").read_text()
    assert "differences.csv" in json.loads(Path("both_inferred", "run.json").read_text())["sha256"]


def test_a_machine_that_does_not_converge_is_named_and_the_others_stay(monkeypatch):
    def never(_):
        raise erasure.NotConverged("no", 1.0)

    monkeypatch.setattr(erasure, "fit", never)
    models, *_ = ours.fit_all(samples(200), 0, notes := [])
    assert list(models) == ["maximum likelihood", "ridge PLM"]
    assert notes == ["No model by the Erasure Machine: its fit does not converge on these samples."]


def test_chains_that_do_not_mix_give_none(monkeypatch, rng):
    def frozen(*_, **__):
        raise sampling.NotMixed("frozen", 0.9)

    monkeypatch.setattr(sampling, "sample", frozen)
    assert ours.draw(IsingModel(np.zeros(21), np.zeros((21, 21))), rng) is None


# -------------------------------------------------------------------------------------------- its folder

OCCUPIED = {  # what lies at --out, and in it: words of the sentence
    ("thesis.tex", "mine"): "must be new, empty, or an earlier report, got 'out' with 'thesis.tex'",
    ("run.json", '{"made_by": "somebody"}'): "must be new, empty, or an earlier report, got 'out' with",
    ("run.json", '{"made_by": "ising-bo'): "must be new, empty, or an earlier report, got 'out' with",
    ("run.json", json.dumps({"made_by": own_data.MADE_BY})): "an earlier report: replace it by --force",
    None: "must be a folder, got 'out': 'out' is a file",
}


@pytest.mark.parametrize("inside", OCCUPIED)
def test_an_occupied_folder_is_refused(tmp_path, monkeypatch, inside):
    monkeypatch.chdir(tmp_path)
    np.savetxt("data.csv", samples(60), fmt="%d", delimiter=",")
    if inside:
        Path("out").mkdir()
        Path("out", inside[0]).write_text(inside[1])
    else:
        Path("out").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(cli.app, ["infer", "data.csv", "--out", "out"])
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert OCCUPIED[inside] in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("kind", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_or_the_earlier_report(tmp_path, earlier, kind):
    out = tmp_path / "out"
    if earlier:
        with own_data.aside(out) as folder:
            (folder / "report.html").write_bytes(b"old")
    with pytest.raises(type(kind)), own_data.aside(out) as folder:  # noqa: PT012
        (folder / "report.html").write_bytes(b"new")
        raise kind
    assert out.exists() == earlier
    if earlier:
        assert {p.name: p.read_bytes() for p in out.iterdir()} == {"report.html": b"old"}


def test_a_failing_fit_is_status_1_and_one_sentence(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise papermill.PapermillExecutionError(3, 3, "", "NotConverged", "no maximum", ["…"])

    monkeypatch.chdir(tmp_path)
    np.savetxt("data.csv", samples(60), fmt="%d", delimiter=",")
    monkeypatch.setattr(execute, "execute", fail)
    monkeypatch.setattr(sys, "argv", ["ising-book", "infer", "data.csv"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: RuntimeError: NotConverged: no maximum\n"
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


# ------------------------------------------------------------------------------------- the book's page


@pytest.mark.slow
def test_the_page_s_commands_work_as_written(tmp_path, monkeypatch):
    """One after another in an empty folder; those with --augment get smaller sizes, the file fewer samples.

    Our own commands run in this process, with their arguments as the page has them; all others in a shell.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISING_LIB_CACHE", "cache")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setattr(
        doctor, "kernel", lambda: doctor.Finding("Jupyter kernel", "fine", "tested elsewhere")
    )
    text = (ROOT / "book" / "your_data.md").read_text()
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        small = block.replace("--augment", "--augment --iterations 5 --samples 300").replace("2000", "300")
        ours = [shlex.split(line)[1:] for line in small.splitlines() if line.startswith("ising-book ")]
        others = "\n".join(line for line in small.splitlines() if not line.startswith("ising-book "))
        for arguments in ours:
            result = CliRunner().invoke(cli.app, arguments)
            assert result.exit_code == 0, (arguments, result.output, result.exception)
        ran = subprocess.run(["bash", "-euo", "pipefail", "-c", others], capture_output=True, text=True)
        assert ran.returncode == 0, (others, ran.stderr)
    assert "Erasure Machine, augmented" in Path("spikes_augmented", "report.html").read_text()


def test_messages_of_the_page_s_table_are_those_of_the_program():
    """The words in the first column stand in the source of the reader, in this order."""
    rows = re.findall(r"^\| “(.*?)” \|", (ROOT / "book" / "your_data.md").read_text(), re.MULTILINE)
    files = ["book/ising_book/reading.py", "book/ising_book/own_data.py", "notebooks/your_data.py"]
    source = "".join((ROOT / file).read_text() for file in files)
    source = re.sub(r"\s+", " ", "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', source)))
    assert len(rows) >= 12
    assert [part for row in rows for part in row.split("…") if part.strip() not in source] == []
