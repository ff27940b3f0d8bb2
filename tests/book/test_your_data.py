"""``ising-book infer``: the truth is found, the page is whole and asks nobody, nothing is half-written."""

import base64
import contextlib
import errno
import html.parser
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ising_book import cli, doctor, own_data, own_fit, report
from ising_lib import erasure, estimators, exact, ising, metrics, sampling

ROOT = Path(__file__).parent.parent
M = 6


@pytest.fixture(scope="module", autouse=True)
def _small():
    """Few draws and resamples: the walk is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_fit, "_N_DRAWN", 4096)
        patch.setattr(own_fit, "_RESAMPLES", 8)
        patch.setattr(own_fit, "_CHAINS", ({"burn_in": 200, "thin": 20},))
        yield


@pytest.fixture(scope="module")
def truth():
    return ising.gaussian(M, coupling_scale=0.9, rng=np.random.default_rng(3))


@pytest.fixture(scope="module")
def spins(truth):
    return exact.sample(truth, 1500, rng=np.random.default_rng(4))


def data_of(spins):
    found, names, findings = own_data.check(spins)
    return own_data.OwnData(found, names, findings, "0" * 64, "data.csv")


def save(folder, table, name="data.csv", header=""):
    np.savetxt(folder / name, table, fmt="%d", delimiter=",", header=header, comments="")
    return folder / name


def infer(*arguments):
    """A call that succeeds; what it printed."""
    result = CliRunner().invoke(cli.app, ["infer", *map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stderr == ""  # no bar, no warning: this is no terminal
    return result.stdout


@pytest.fixture(scope="module")
def made_once(tmp_path_factory, spins, _small):
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        infer(save(folder, (spins + 1) // 2, header="a,b,c,d,e,f").name)
    return folder


@pytest.fixture
def made(tmp_path, made_once, monkeypatch):
    """A folder with a report in it, and the data beside it."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data_inferred"


def arrays(folder):
    with np.load(folder / "parameters.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_parameters_are_the_truth_within_their_errors(made, truth):
    """z of 21 parameters: mean square 1 ± 0.3, times 7/5 as 8 resamples make it a t of 7 degrees of freedom.

    |t| > 6 has probability 5e-4, 1 % for the largest of 21.
    """
    found = arrays(made)
    model = ising.IsingModel(found["ridge_plm_fields"], found["ridge_plm_couplings"])
    scores = (model.to_vector() - truth.to_vector()) / found["ridge_plm_standard_error"]
    assert np.abs(scores).max() < 6
    assert 0.5 < np.sqrt((scores**2).mean()) < 1.6


def test_standard_errors_are_those_of_repeated_experiments(truth, spins, rng):
    """Against fits to 8 other sets of samples: a ratio of two spreads, averaged over 21 parameters."""
    errors = own_fit._standard_errors(spins, 0.001, rng)
    again = [estimators.pseudolikelihood(exact.sample(truth, 1500, rng=rng), 0.001) for _ in range(8)]
    spread = np.std([one.model.to_vector() for one in again], axis=0, ddof=1)
    # each spread is known to 1/√14, the ratio's logarithm to √2 of that, its mean over 21 to 0.08
    assert abs(np.log(errors / spread).mean()) < 0.3


def test_fits_are_those_of_the_library(made, spins):
    found = arrays(made)
    np.testing.assert_array_equal(found["erasure_machine_couplings"], erasure.fit(spins).model.couplings)
    assert found["names"].tolist() == list("abcdef")


def test_csv_holds_the_same_numbers_as_npz(made):
    found, lines = arrays(made), (made / "parameters.csv").read_text().splitlines()
    assert lines[0] == "parameter,spin,other_spin,ridge_plm,erasure_machine,ridge_plm_standard_error"
    assert lines[1].startswith("h,a,,")
    assert lines[7].startswith("J,a,b,")
    for column, name in ((3, "ridge_plm"), (4, "erasure_machine")):
        model = ising.IsingModel(found[f"{name}_fields"], found[f"{name}_couplings"])
        assert [float(line.split(",")[column]) for line in lines[1:]] == model.to_vector().tolist()


def test_bits_and_spins_give_the_same_bytes(made, spins, tmp_path):
    first = {name: (made / name).read_bytes() for name in ("parameters.csv", "parameters.npz")}
    save(tmp_path, spins, "spins.csv", header="a,b,c,d,e,f")
    infer("spins.csv")
    for name, content in first.items():
        assert (tmp_path / "spins_inferred" / name).read_bytes() == content
    infer("data.csv", "--seed", 1, "--out", "other")
    assert (tmp_path / "other" / "parameters.csv").read_bytes() != first["parameters.csv"]


def test_the_recorded_command_repeats_it(made, tmp_path):
    run = json.loads((made / "run.json").read_text())
    before = {name: (made / name).read_bytes() for name in ("parameters.csv", "parameters.npz")}
    assert run["command"][:3] == ["ising-book", "infer", "data.csv"]
    infer(*run["command"][2:], "--force")
    for name, content in before.items():
        assert (made / name).read_bytes() == content
    assert shlex.join(run["command"]) in (made / "report.html").read_text()
    ran = subprocess.run(["sha256sum", "data.csv"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[0] == run["data"]["sha256"]


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
    assert not {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "iframe",
        "object",
        "form",
        "base",
        "svg",
        "a",
    }
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    for picture in pictures:
        assert len(picture["alt"]) > 40
        kind, _, content = picture["src"].partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content, validate=True).startswith(b"\x89PNG")
    named = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in named if name.startswith("on") or name in ("href", "style", "srcset")}
    assert "url(" not in text
    assert "default-src 'none'" in text
    return pictures


def test_the_page_is_self_contained(made):
    text = (made / "report.html").read_text()
    assert len(assert_self_contained(text)) == 4
    for sentence in json.loads((made / "run.json").read_text())["data"]["findings"]:
        assert html.unescape(text).count(sentence) == 1


def test_names_from_the_file_cannot_write_into_the_page(tmp_path, spins, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = "<script>alert(1)</script>.csv"
    header = '"<img src=x onerror=alert(1)>","</ul><script>","{{ 7 * 7 }}",d,e,f'
    save(tmp_path, (spins + 1) // 2, "plain.csv", header=header)
    (tmp_path / "plain.csv").rename(tmp_path / evil.replace("/", "_"))
    infer(evil.replace("/", "_"), "--out", "out")
    text = (tmp_path / "out" / "report.html").read_text()
    assert_self_contained(text)
    assert "{{ 7 * 7 }}" in html.unescape(text)


def test_every_file_is_in_the_record_with_its_checksum(made):
    import hashlib

    run = json.loads((made / "run.json").read_text())
    assert {path.name for path in made.iterdir()} == {*run["sha256"], "run.json"}
    for name, digest in run["sha256"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    assert str(Path.home()) not in json.dumps(run)


def test_checks_agree_with_the_library(made, spins):
    """The law of the activity is that of plain counting, and couplings help to predict."""
    checks = json.loads((made / "run.json").read_text())["checks"]
    law = report.activity(spins)
    assert law == pytest.approx(np.bincount((spins > 0).sum(1), minlength=M + 1) / len(spins))
    independent = metrics.independent_counts((spins > 0).mean(0))
    expected = exact.total_variation(law, independent)
    assert checks[own_fit.BASELINE]["activity_distance"] == pytest.approx(expected)
    # couplings of g = 0.9 help to predict, by far more than the error of 300 samples
    known = [checks[name]["held_out_log_pseudolikelihood"] for name in ("ridge_plm", own_fit.BASELINE)]
    assert known[0] > known[1] + 0.02
    assert checks["ridge_plm"]["gain"] > 2 * checks["ridge_plm"]["gain_error"]


def test_misfits_are_one_for_the_true_model_and_large_for_another(truth, rng):
    """Mean squares of 6 and of 15 correlated scores: within a factor of two for the truth."""
    spins, drawn = (exact.sample(truth, n, rng=rng) for n in (2000, 20_000))
    assert all(0.4 < number < 2 for number in own_fit.misfits(spins, drawn))
    other = exact.sample(ising.gaussian(M, coupling_scale=0.7, rng=rng), 20_000, rng=rng)
    assert min(own_fit.misfits(spins, other)) > 3


def test_independent_spins_are_called_independent(rng, tmp_path, monkeypatch):
    """Data without couplings: no method predicts, or fills in, better than the baseline."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path, rng.integers(0, 2, (200, 12)))
    printed = infer("data.csv")
    assert "No method predicts" in printed or "no more accurately" in printed


def test_verdict_names_the_best_and_its_gain():
    rows = {
        name: {"held_out_log_pseudolikelihood": -1.0, "gain": 0.1, "gain_error": 0.01}
        for name in own_fit.TITLES
    }
    rows[own_fit.BASELINE] = {"held_out_log_pseudolikelihood": -0.9}
    assert report.verdict(rows).startswith("No method predicts held-out spins better than independent spins")
    rows["augmented"]["held_out_log_pseudolikelihood"] = -0.5
    assert report.verdict(rows).startswith("Erasure Machine, augmented predicts held-out spins best")
    assert "in hidden spins more accurately" in report.verdict(rows)
    rows["augmented"]["gain_error"] = 0.06
    assert "no more accurately" in report.verdict(rows)


def test_held_out_samples_are_seen_by_no_fit_that_is_scored(spins, monkeypatch):
    fitted = []
    monkeypatch.setattr(
        erasure, "fit", lambda s: fitted.append(s) or erasure.ErasureFit(model(s), 0.5, 0, 0, 1)
    )

    def model(s):
        return ising.IsingModel(np.zeros(s.shape[1]), np.zeros((s.shape[1],) * 2))

    inference = own_fit.infer(data_of(spins))
    assert [len(some) for some in fitted] == [1500, 1200]
    assert inference.n_held_out == 300


def test_rare_spins_are_left_out_of_the_checks_alone(spins, monkeypatch):
    spins = spins[:100].copy()
    spins[:, 2] = -1
    spins[0, 2] = 1
    lost = 0
    for seed in range(20):
        notes = []
        training, test = own_fit._hold_out(spins, np.random.default_rng(seed), notes)
        assert training.shape[1] == test.shape[1] == M - len(notes)
        lost += len(notes)
    assert 0 < lost < 12  # the sample is held out one time in five: 4 ± 1.8
    rest = [0, 1, 3, 4, 5]
    monkeypatch.setattr(own_fit, "_hold_out", lambda spins, *_: (spins[:80, rest], spins[80:, rest]))
    inference = own_fit.infer(data_of(spins))
    assert inference.fits["ridge_plm"].model.n_spins == M


def test_chains_that_do_not_mix_leave_a_note_and_a_page(tmp_path, spins, monkeypatch):
    def frozen(*_, **__):
        raise sampling.NotMixed("frozen", 0.9)

    monkeypatch.setattr(sampling, "sample", frozen)
    monkeypatch.chdir(tmp_path)
    save(tmp_path, spins)
    printed = infer("data.csv")
    assert printed.count("do not mix: it is not in the pictures.") == 2
    assert len(assert_self_contained((tmp_path / "data_inferred" / "report.html").read_text())) == 2


def test_augmentation_adds_a_third_inference(tmp_path, spins, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, spins)
    infer("data.csv", "--augment", "--iterations", 5, "--samples", 300)
    found = arrays(tmp_path / "data_inferred")
    assert found["augmented_couplings"].shape == (M, M)
    assert "Erasure Machine, augmented" in (tmp_path / "data_inferred" / "report.html").read_text()
    run = json.loads((tmp_path / "data_inferred" / "run.json").read_text())
    assert run["command"][-4:] == ["--iterations", "5", "--samples", "300"]
    plain = erasure.fit(spins).model.couplings  # the others do not notice it
    np.testing.assert_array_equal(found["erasure_machine_couplings"], plain)


OCCUPIED = {  # what lies at --out: words of the sentence
    "a stranger's file": "must be new, empty, or an earlier report, got 'out' with 'thesis.tex'",
    "a stranger's report": "must be new, empty, or an earlier report, got 'out' with",
    "a damaged record": "must be new, empty, or an earlier report, got 'out' with 'run.json'",
    "a file": "must be a folder, got 'out': 'out' is a file",
    "below a file": "must be a folder",
    "an earlier report": "an earlier report: replace it by --force",
}


@pytest.mark.parametrize(
    ("what", "force"),
    [
        (what, force)
        for what in OCCUPIED
        for force in (False, True)
        if (what, force) != ("an earlier report", True)
    ],
)
def test_an_occupied_folder_is_refused(tmp_path, spins, monkeypatch, what, force):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, spins)
    out = tmp_path / "out"
    if what in ("a file", "below a file"):
        out.write_text("mine")
        out = out / "deeper" if what == "below a file" else out
    else:
        out.mkdir()
        content = {
            "a stranger's file": ("thesis.tex", "mine"),
            "a stranger's report": ("run.json", '{"made_by": "somebody"}'),
            "a damaged record": ("run.json", '{"made_by": "ising-bo'),
            "an earlier report": ("run.json", json.dumps({"made_by": report.MADE_BY})),
        }[what]
        (out / content[0]).write_text(content[1])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(
        cli.app, ["infer", "data.csv", "--out", str(out.relative_to(tmp_path)), *["--force"] * force]
    )
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert OCCUPIED[what] in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_folder_and_the_rest_of_a_kill_are_not_occupied(tmp_path):
    report.claim(tmp_path / "new" / "deep")
    report.claim(tmp_path)
    (tmp_path / ".part-abc").mkdir()
    report.claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".part-abc"]


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("kind", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_disk_leaves_nothing_or_the_earlier_report(tmp_path, monkeypatch, earlier, kind):
    """Whichever file it strikes."""
    names = ["parameters.csv", "report.html", "run.json"]
    out = tmp_path / "out"
    if earlier:
        report.write(out, dict.fromkeys(names, b"old"))
    plain = Path.write_bytes
    for struck in names:

        def full(path, content, struck=struck):
            plain(path, content[:1] if path.name == struck else content)
            if path.name == struck:
                raise kind

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(type(kind)):
            report.write(out, dict.fromkeys(names, b"new"))
        assert out.exists() == earlier
        if earlier:
            assert {p.name: p.read_bytes() for p in out.iterdir()} == dict.fromkeys(names, b"old")


def test_a_folder_that_cannot_be_written_is_status_1_and_one_sentence(tmp_path, spins, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, spins)
    monkeypatch.setattr(own_fit, "infer", lambda *_, **__: None)
    monkeypatch.setattr(report, "files", lambda *_: {"report.html": b""})
    monkeypatch.setattr(sys, "argv", ["ising-book", "infer", "data.csv", "--out", "/proc/nowhere/out"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: FileNotFoundError: ")
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self):
        return True


def test_a_bar_with_the_time_left_appears_on_a_terminal_only(spins):
    shown = []
    for stream in (Terminal(), io.StringIO()):
        with contextlib.redirect_stderr(stream):
            own_fit.infer(data_of(spins[:100]))
        shown.append(stream.getvalue())
    assert re.search(r"standard errors of ridge PLM.*/7 \[\d\d:\d\d<", shown[0])  # time spent and left
    assert shown[1] == ""


def commands(page):
    """The shell blocks of a page of the book."""
    text = (ROOT / "book" / page).read_text()
    return re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_page_s_commands_work_as_written(tmp_path, monkeypatch):
    """One after another in an empty folder; those with --augment get smaller sizes, the file fewer samples.

    Our own commands run in this process, with their arguments as the page has them; all others in a shell.
    """
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ISING_LIB_CACHE": "cache",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        doctor, "kernel", lambda: doctor.Finding("Jupyter kernel", "fine", "tested elsewhere")
    )
    done = set()
    for block in commands("your_data.md"):
        small = block.replace("--augment", "--augment --iterations 5 --samples 300").replace("2000", "300")
        ours = [shlex.split(line)[1:] for line in small.splitlines() if line.startswith("ising-book ")]
        others = "\n".join(line for line in small.splitlines() if not line.startswith("ising-book "))
        for arguments in ours:
            result = CliRunner().invoke(cli.app, arguments)
            assert result.exit_code == 0, (arguments, result.output, result.exception)
            done.add(arguments[0])
        ran = subprocess.run(["bash", "-euo", "pipefail", "-c", others], capture_output=True, text=True)
        assert ran.returncode == 0, (others, ran.stderr)
    assert done == {"infer", "doctor"}
    assert_self_contained((tmp_path / "spikes_inferred" / "report.html").read_text())
    assert (tmp_path / "spikes_augmented" / "report.html").is_file()


def test_messages_of_the_page_s_table_are_those_of_the_program():
    """The words in the first column stand in the source of the reader, in this order."""
    text = (ROOT / "book" / "your_data.md").read_text()
    rows = re.findall(r"^\| “(.*?)” \|", text, re.MULTILINE)
    source = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', (ROOT / "ising_lib" / "own_data.py").read_text()))
    source += " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', (ROOT / "ising_lib" / "own_fit.py").read_text()))
    source = re.sub(r"\s+", " ", source)
    assert len(rows) >= 12
    for row in rows:
        for part in row.split("…"):
            assert part.strip() in source, row
