"""The claims page: every verdict and number on it comes from the stored runs, by rules that can be broken."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from ising_book import claims, execute, firmness
from ising_experiments import extensions, runs, statistics, store, walk, worlds
from ising_lib import ising, metrics, sampling

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load(execute.CLAIMS.read_text())
CELLS = yaml.safe_load(execute.FIRMNESS.read_text())
ROWS = [row for entry in ENTRIES for row in entry["rows"]]
PAGE = (ROOT / "book" / "claims.md").read_text()


# ------------------------------------------------------------------ the page and the store


@pytest.fixture(scope="module")
def figures():
    return execute.figures_of([*ENTRIES, {"rows": CELLS}])


@pytest.fixture(scope="module")
def firm(figures):
    return firmness.by_claim(firmness.cells(CELLS, figures))


def sections(block):
    """The sections of the generated block, by the number of their claim, and what stands before them."""
    head, *parts = re.split(r"(?m)^(?=\(claim-\w+\)=$)", block)
    return head, {re.match(r"\(claim-(\w+)\)", part)[1]: part.strip() for part in parts}


def needs_recording(entry):
    return any(row["statistic"] == "recovery_gain" for row in entry["rows"])


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"claim {entry['claim']}")
def test_the_page_is_what_the_runs_say(entry, figures, firm, request):
    """Each section, with its numbers, verdicts and sentences, and its line in the table of all."""
    if needs_recording(entry):
        request.getfixturevalue("recording")
    found = claims.findings(entry, figures)
    head, written = sections(execute.claims_on_page(PAGE)[1])
    above, made = sections(claims.block([entry], [found], firm))
    assert {number: written[number] for number in made} == made
    assert set(above.splitlines()) <= set(head.splitlines())
    badges = json.loads((ROOT / "book" / "verdicts.json").read_text())
    assert badges[str(entry["claim"])] == claims.badges([entry], [found])[str(entry["claim"])]


def test_the_page_holds_the_ten_claims_first_then_ours_and_nothing_else():
    before, block, after = execute.claims_on_page(PAGE)
    head, written = sections(block)
    assert list(written) == [str(entry["claim"]) for entry in ENTRIES]
    theirs = [entry["claim"] for entry in ENTRIES if "thesis" in entry]
    assert theirs == [*range(1, 11), "10b"]
    ours = [entry["claim"] for entry in ENTRIES if "ours" in entry]
    assert ours == list(range(11, 11 + len(ENTRIES) - len(theirs)))
    lines = [line for line in head.splitlines() if line]
    assert len(lines) == 2 * 3 + len(ENTRIES) + 1  # headings and heads of two tables, heading of the sections
    assert [table.count("\n| ") for table in re.split("(?m)^## (?=What)", head)[1:]] == [
        1 + len(theirs),
        1 + len(ours),
    ]
    assert after.startswith("\n\n% to here")
    assert "|" not in before, "a table outside the generated part"
    assert before + block + after == PAGE
    for mark in ("% written by", "% to here"):
        with pytest.raises(ValueError, match="the page must hold the lines"):
            execute.claims_on_page(PAGE.replace(mark, "%"))


@pytest.mark.slow
def test_every_figure_with_runs_that_a_claim_names_is_measured(figures):
    """A row may wait for a notebook; not for runs of a notebook that is executed."""
    executed = {path.stem for path in execute.FOLDER.glob("*.ipynb")}
    for name in {row["figure"] for row in ROWS} & executed:
        assert claims.stored(figures[name][0]) is not None
        assert f"of `{name}` are stored" not in PAGE


def test_refreshing_rewrites_the_block_alone(tmp_path, monkeypatch, figures):
    small = [{**ENTRIES[0], "rows": ENTRIES[0]["rows"][:1]}]
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "claims.yaml").write_text(yaml.safe_dump(small))
    before, _, after = execute.claims_on_page(PAGE)
    (folder / "claims.md").write_text(before + "old" + after)
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    (folder / "firmness.yaml").write_text("[]")
    monkeypatch.setattr(execute, "CLAIMS", folder / "claims.yaml")
    monkeypatch.setattr(execute, "FIRMNESS", folder / "firmness.yaml")
    execute.write_claims()
    made = (folder / "claims.md").read_text()
    assert made == before + claims.block(small, [claims.findings(small[0], figures)], {}) + after


def test_every_row_is_well_formed():
    known = {"measured", "figure", "only", "statistic", "with", "parameters", "rule", "check", "digits"}
    for row in ROWS:
        assert set(row) <= known | {"reading"}
        assert row["statistic"] in statistics.STATISTICS
        assert claims._parsed(row["rule"])[0] in "<>"
        assert row["reading"].keys() <= set(claims.VERDICTS)
    assert {row["statistic"] for row in (*ROWS, *CELLS)} == set(statistics.STATISTICS), (
        "a statistic that no row uses"
    )


def test_sentences_name_no_measured_number():
    """Numbers in them would not follow the runs: only figures are named by theirs."""
    for row in ROWS:
        for sentence in row["reading"].values():
            assert not re.search(r"\d", re.sub(r"Figures? \d+", "", sentence)), sentence
            assert sentence.endswith(".")
            assert sentence.count(". ") == 0, "one sentence"


def test_claims_on_the_recording_meet_silence():
    """Accuracy says nothing there without the guess that looks at nothing."""
    for entry in filter(needs_recording, ENTRIES):
        pairs = [(row, {"model": "auto", "other": "observed"} | row.get("with", {})) for row in entry["rows"]]
        named = [(row, pair.get("one", pair["model"]), pair["other"]) for row, pair in pairs]
        deciding = {name for row, name, _ in named if "check" not in row}
        assert deciding <= {name for _, name, other in named if other == "silent"}


# ------------------------------------------------------------------ a number broken


def test_a_broken_number_changes_the_verdict(figures):
    """Where one seed's augmented parameters are far worse than the observed ones, nothing is decided."""
    entry = {**ENTRIES[0], "rows": ENTRIES[0]["rows"][:1]}
    [row] = entry["rows"]
    configs, parameters = figures[row["figure"]]
    runs = claims.stored(configs)
    assert claims.judge(claims.measure(row, runs, parameters), row["rule"]) == "holds"
    truth, observed = runs[0]["truth"], runs[0]["observed"]
    worse = {**runs[0].arrays, "augmented": truth + 1.5 * (observed - truth)}
    runs[0] = dataclasses.replace(runs[0], arrays=worse)
    values = claims.measure(row, runs, parameters)
    assert values[""][0] == pytest.approx(1.5**2)
    assert claims.verdicts(entry, [values]) == (["undetermined"], "undetermined")
    assert "leaves it open" in claims.block([entry], [[values]], {})


def test_a_verdict_without_its_sentence_is_an_error():
    entry = {**ENTRIES[0], "rows": [{**ENTRIES[0]["rows"][0], "reading": {"does not hold": "No."}}]}
    with pytest.raises(ValueError, match="claim 1, 'MSE, augmented / observed': the reading lacks 'holds'"):
        claims.shown(entry, [{"": np.array([0.5, 0.51, 0.52])}])


# ------------------------------------------------------------------ effects and verdicts


def test_an_interval_is_student_s_and_that_of_a_share_is_exact(rng):
    values = rng.normal(0.3, 1.0, 7)
    oracle = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = claims.effect(values)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    ratio = claims.effect(np.exp(values), ratio=True)
    assert (ratio.low, ratio.high) == pytest.approx((np.exp(oracle.low), np.exp(oracle.high)))
    # Clopper and Pearson, all of n: the lower end p solves p^n = 0.025
    assert claims.effect([1, 1, 1, 1]).low == pytest.approx(0.025 ** (1 / 4))
    assert claims.effect([0.4]).low == -np.inf


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([[0.5, 0.6, 0.7]], "holds"),
        ([[0.5, 0.9, 1.3]], "undetermined"),
        ([[1.5, 1.6, 1.7]], "does not hold"),
        ([[0.5]], "undetermined"),  # one repetition has no interval
        ([[0.50, 0.51, 0.52], [1.5, 1.51, 1.52]], "holds under conditions"),
        ([[0.50, 0.51, 0.52], [0.9, 1.1, 1.2]], "holds"),  # the second setting contradicts nothing
        ([[0.9, 1.05, 1.1], [1.1, 1.2, 1.3]], "undetermined"),
        ([[np.nan, np.nan, np.nan]], "undetermined"),
    ],
)
def test_verdicts_follow_one_rule(values, verdict):
    assert claims.judge({str(n): np.array(some) for n, some in enumerate(values)}, "< 1") == verdict


def test_settings_of_one_repetition_are_no_trials_of_their_own():
    """Ten masks on the same three models know as much as one: the interval does not shrink."""
    one = np.array([0.6, 0.9, 1.2])
    pooled, _ = claims.effects({str(n): one for n in range(10)}, "< 1")
    alone, _ = claims.effects({"": one}, "< 1")
    assert (pooled.low, pooled.high, pooled.count) == pytest.approx((alone.low, alone.high, 3))


@pytest.mark.slow
def test_a_true_effect_is_hardly_ever_called_false_however_many_repetitions(rng):
    """Ratios of mean exp(−0.1) and spread 0.3: P(does not hold) < 2.5 %, and P(holds) rises to 1.

    Of 2,000 trials 2.5 % are 50 ± 7; three standard deviations more are 71.  At 100 repetitions the effect is
    3.3 standard errors: it is found with probability Φ(3.3 − 1.98) = 0.9.
    """
    found = {}
    for count in (2, 3, 10, 100):
        trials = np.exp(rng.normal(-0.1, 0.3, (2000, count)))
        verdicts = [claims.judge({"": values}, "< 1") for values in trials]
        found[count] = verdicts.count("holds")
        assert verdicts.count("does not hold") < 71
    assert found[2] < found[10] < found[100]
    assert found[100] > 1700


def test_rules_refuse_nonsense():
    with pytest.raises(ValueError, match="rule must be one of '<', '>', got '<='"):
        claims.judge({"": np.array([1.0])}, "<= 1")


def test_a_claim_holds_as_far_as_its_own_rows_agree():
    rows = [{"rule": "< 1"}, {"rule": "< 1"}, {"rule": "< 1", "check": True}]
    low, high = {"": np.array([0.5, 0.51])}, {"": np.array([1.5, 1.51])}
    verdicts = ["holds", "holds", "does not hold"]
    assert claims.verdicts({"rows": rows}, [low, low, high]) == (verdicts, "holds")
    assert claims.verdicts({"rows": rows}, [low, high, high])[1] == "holds under conditions"
    assert claims.verdicts({"rows": rows}, [low, {"": np.array([0.5])}, high])[1] == "undetermined"
    verdicts[1] = None
    assert claims.verdicts({"rows": rows}, [low, "no runs", high]) == (verdicts, "holds")
    assert claims.verdicts({"rows": rows}, ["no runs", "no runs", low])[1] is None


def test_a_row_waits_for_its_notebook_and_its_runs(monkeypatch, tmp_path):
    """It says so on the page; and nothing is computed."""
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path))
    monkeypatch.setattr(runs, "run", lambda *_: pytest.fail("a run was asked for"))
    entry = {**ENTRIES[0], "rows": ENTRIES[0]["rows"][:1]}
    [row] = entry["rows"]
    absent = claims.findings(entry, {})
    unstored = claims.findings(entry, {row["figure"]: ([worlds.Augmentation(n_spins=3)], {})})
    assert absent == [f"not all runs of `{row['figure']}` are stored"]
    assert unstored == [f"not all runs of `{row['figure']}` are stored"]
    text = claims.block([entry], [absent], {})
    assert absent[0] in text
    assert "Verdict: not measured yet." in text
    assert "| not measured yet |\n" in text


# ------------------------------------------------------------------ statistics of made-up runs


def made(arrays=None, **config):
    """A run of two spins whose L = 3 parameters are all 0 in truth: an error is a sum of squares over 2."""
    training = worlds.Training(n_monitor=300)
    plain = worlds.describe(worlds.Augmentation(n_spins=2, training=training, **config))
    return store.Run(plain, {"truth": np.zeros(3), **(arrays or {})}, {})


def with_errors(errors):
    """Parameters (K, 3) of these errors."""
    return np.sqrt(2 * np.asarray(errors, dtype=float))[..., None] * [1, 0, 0]


ERRORS = {  # of fields 2 and 1/2 against couplings 1/2 and 2; of two inferences; by the number of samples
    "observed": np.array([2.0, 0.0, 1.0]),
    "augmented": np.array([1.0, 1.0, 2.0]),
    **{name: with_errors(error) for name, error in (("tap", 3.0), ("linear", 6.0))},
    **{"bound": np.array(1.5), "sizes": np.array([100, 300, 1000])},
    "by_size": with_errors([4, 2, 3]),
    **{"monitored": with_errors([5, 3, 7]), "stop_index": np.array(1)},
    **{"test_loss": np.array([3.0, 1.0, 2.0]), "variance": np.array([8.0, 9.0, 2.0])},
    **{"distances": np.array([[1.0, 0, 0], [0.5, 0.5, 0]]), "test_distances": np.array([0, 0, 1.0])},
    **{"stop_crossed": np.array(True), "train_seconds": 3.0, "sample_seconds": 4.0},
}


@pytest.mark.parametrize(
    ("name", "options", "changed", "expected"),
    [
        ("error_ratio", {}, {}, 6 / 5),
        ("error_ratio", {"part": "fields"}, {}, 2 / 4),
        ("error_ratio", {"part": "couplings"}, {}, 4),
        ("error_ratio", {"one": "tap", "other": "linear"}, {}, 0.5),
        ("over_bound", {"name": "tap"}, {}, 2),
        ("more_samples", {}, {}, {"100 → 300": 0.5, "300 → 1,000": 1.5}),
        ("error_ratio", {"one": "by_size"}, {}, {"100 drawn": 1.6, "300 drawn": 0.8, "1,000 drawn": 1.2}),
        ("redrawn", {}, {}, 0.5),  # equal numbers of samples, from the checkpoint that is kept
        ("loss_rise", {}, {}, 2),
        ("variance_fall", {}, {}, 0.25),
        ("closeness", {}, {}, 0.25),
        ("fires", {}, {}, 1),
        ("denoiser_seconds", {}, {}, 7),
        # the error turns only if it falls and then rises
        *(("turn", {}, {"monitored": with_errors(some)}, 2) for some in ([3, 1, 2], [2, 1, 3])),
        *(("turn", {}, {"monitored": with_errors(some)}, 1) for some in ([3, 2, 1], [1, 2, 3])),
        # lowest 1, kept 2: half of the gain over 3 is left; over 0.5 there is none to keep
        *(
            ("gain_kept", {}, {"monitored": with_errors([1, 2, 4]), "observed": with_errors(some)}, kept)
            for some, kept in ((3.0, 0.5), (0.5, 0.0))
        ),
    ],
)
def test_statistics_of_a_run_by_hand(name, options, changed, expected):
    found = statistics.STATISTICS[name](made(ERRORS | changed), **options)
    assert found == pytest.approx(expected)


def test_regret_of_a_rule_and_what_it_keeps():
    """Errors 3, 1, 2, 4 along the training: lowest loss at 2, Var E below its line at 4."""
    run = made(
        {
            "iterations": np.array([1, 2, 4, 8]),
            "monitored": with_errors([3, 1, 2, 4]),
            "test_loss": np.array([3.0, 2.0, 1.0, 2.0]),
            "variance": np.array([9.0, 8.0, 7.0, 5.0]),
            "test_line": np.array(6.0),
            "observed_line": np.array(5.0),
            "both": with_errors(8.0),
        }
    )
    regrets = {rule: statistics.kept_over(run, rule) for rule in ("variance", "loss", "last", "oracle")}
    assert regrets == pytest.approx({"variance": 4, "loss": 2, "last": 4, "oracle": 1})
    assert statistics.kept_over(run, "variance", n_iterations=4) == pytest.approx(2)
    assert statistics.kept_over(run, "last", n_iterations=1) == 1  # what comes later does not count
    assert statistics.kept_over(run, "loss", "both") == pytest.approx(2 / 8)


def test_runs_that_differ_only_in_their_seeds_share_a_setting():
    arrays = {"observed": with_errors(2.0), "augmented": with_errors(1.0)}
    sizes = [(100, 0.5), (100, 1.0), (2000, 1.0)]
    runs = [
        made(arrays, n_observed=n, coupling_scale=g, field_scale=g, seed=s) for n, g in sizes for s in (0, 1)
    ]
    row = {"statistic": "error_ratio"}
    values = claims.measure(row, runs, {})
    assert list(values) == [f"N = {n:,}, g = {g}" for n, g in sizes]
    assert all(some == pytest.approx([0.5, 0.5]) for some in values.values())
    assert set(claims.measure(row, runs[:2], {})) == {""}


def test_only_some_runs_of_a_figure_may_count(figures):
    configs, _ = figures["fig08_inference_quality"]
    runs = claims.stored(configs, [{"n_spins": 40, "seed": 1}, {"n_spins": 41}])
    assert [run.config["seed"] for run in runs] == [1]
    assert claims.stored(configs, [{"n_spins": 41}]) is None


def test_trainings_of_one_length_may_count_alone(figures):
    configs, parameters = figures["fig10_sample_sizes"]
    limits = [claims.stored(configs, [{"n_iterations": limit}]) for limit in (2000, 8000)]
    assert [{run.config["training"]["n_iterations"] for run in runs} for runs in limits] == [{2000}, {8000}]
    settings = len(parameters["system_sizes"]) * len(parameters["observed_counts"])
    assert [len(runs) / len(parameters["seeds"]) for runs in limits] == [settings, 1]


# ------------------------------------------------------------------ statistics that draw samples again


def test_recovery_is_that_of_silence_where_a_model_knows_nothing_else(monkeypatch):
    """Fields far below 0 and no couplings fill in silence; far above 0, spikes; counted by hand."""
    rng = np.random.default_rng(3)
    test = np.where(rng.random((50, 4)) < 0.2, 1, -1).astype(np.int8)
    monkeypatch.setattr(walk, "samples", lambda world: (test, test))
    quiet, loud = (np.r_[np.full(4, h), np.zeros(6)] for h in (-5.0, 5.0))
    config = worlds.describe(worlds.Retina(n_spins=4, seed=7))
    run = store.Run(config, {"quiet": quiet, "loud": loud}, {})
    assert statistics.recovery_gain(run, "quiet", "silent", [1, 2]) == {"1 missing": 0, "2 missing": 0}
    gain = statistics.recovery_gain(run, "loud", "silent", [2])["2 missing"]
    _, mask = statistics._hidden(worlds.from_plain(config), 2)
    assert mask.sum() == 100
    assert gain == pytest.approx(100 * (2 * (test[mask] > 0).mean() - 1))
    rest = statistics.recovery_gain(run, "loud", "silent", [2], without_first=True)["2 missing"]
    assert rest == pytest.approx(100 * (2 * (test[:, 1:][mask[:, 1:]] > 0).mean() - 1))
    balanced = statistics.recovery_gain(run, "loud", "silent", [2], score="balanced_accuracy")
    assert balanced == {"2 missing": 0}


def test_rivals_are_fitted_to_the_observed_samples_of_the_run(monkeypatch):
    """Mean field, of which the error is computed here from its formula J = −C⁻¹."""
    config = worlds.Augmentation(n_spins=5, n_observed=2000, seed=4)
    truth = ising.gaussian(5, 0.5, 0.5, rng=np.random.default_rng(5))
    observed = sampling.sample(truth, 2000, rng=np.random.default_rng(6))
    monkeypatch.setattr(walk, "truth", lambda world: truth)
    monkeypatch.setattr(walk, "samples", lambda world: [observed, observed])
    arrays = {"truth": truth.to_vector(), "observed": truth.to_vector() + 0.1}
    run = store.Run(worlds.describe(config), arrays, {})
    inverse = np.linalg.inv(np.cov(observed.T, bias=True))
    couplings = -(inverse - np.diag(np.diag(inverse)))
    fields = np.arctanh(observed.mean(0)) - couplings @ observed.mean(0)
    error = metrics.thesis_mse(ising.IsingModel(fields, couplings), truth)
    ratios = statistics.error_over_rivals(run, {"mean_field": "mean field"})
    assert ratios == pytest.approx({"mean field": 15 * 0.01 / 5 / error})


def test_times_are_those_that_the_run_has_measured():
    made_up = {"erasure": 8.0, "pseudolikelihood_bare": 9.0, "mean_field": 2.0, "tap": 80.0}
    seconds = np.array([made_up.get(name, np.nan) for name in extensions.METHODS])
    run = store.Run(worlds.describe(worlds.Rivals()), {"seconds": seconds}, {})
    rivals = {"pseudolikelihood_bare": "pseudolikelihood", "mean_field": "mean field", "tap": "TAP"}
    expected = {"pseudolikelihood": 8 / 9, "mean field": 4.0, "TAP": 0.1}
    assert statistics.time_over_rivals(run, rivals) == pytest.approx(expected)


def test_scores_of_missing_neurons_by_hand():
    """Two test samples, 2 or 4 missing: counts of spikes found, missed, invented, and of silence kept."""
    config = worlds.FairRetina(n_spins=6, missing_counts=(2, 4))
    counts = np.zeros((2, 4, 2, 4, 2), dtype=np.uint8)  # numbers, models, rules, kinds, samples
    counts[0, 3, 0] = [[1, 0], [0, 1], [0, 0], [1, 1]]  # pseudolikelihood: finds 1 of 2 spikes, invents none
    counts[0, 2, 0] = [[0, 0], [1, 1], [1, 0], [0, 1]]  # augmented: finds none, invents one
    counts[1, 3, 0], counts[1, 2, 0] = ([[2, 2], [0, 0], [0, 0], [2, 2]] for _ in range(2))
    counts[:, :, 1] = 1  # the other rule does not count
    loss = np.zeros((2, 4, 2))
    loss[0, 2], loss[1, 2] = [1.0, 2.0], [4.0, 8.0]
    loss[0, 0] = [1.0, 1.0]
    run = store.Run(worlds.describe(config), {"counts": counts, "log_loss": loss}, {})
    pair = {"one": "pseudolikelihood", "other": "augmented"}
    assert statistics.score_difference(run, **pair, score="recall") == {"2 missing": 50, "4 missing": 0}
    assert statistics.score_difference(run, **pair, score="accuracy") == {"2 missing": 50, "4 missing": 0}
    losses = statistics.score_difference(run, "augmented", "independent", "log_loss")
    assert losses == {"2 missing": 0.75 - 0.5, "4 missing": 1.5}


def test_an_error_finds_its_twin_by_the_truth(monkeypatch):
    """Ratios of two numbers of cycles, in one run and to a run on the same truth, which may be missing."""
    world = worlds.Discrete(n_spins=2, n_observed=300, seed=4, cycles=(1, 3))
    arrays = {"truth": np.zeros(3), "augmented": with_errors([1, 3]), "erasure": with_errors([4])[0]}
    run = store.Run(worlds.describe(world), arrays, {})
    inside = statistics.error_ratio(run, other="erasure")
    assert inside == pytest.approx({"C = 1": 1 / 4, "C = 3": 3 / 4})
    network = {"n_iterations": 30, "stop": True}
    training = worlds.Training(**network)
    truth = {"n_spins": 2, "n_observed": 300, "seed": 4}
    twins = (worlds.Rivals(**truth), 2), (worlds.Augmentation(**truth, training=training), 8)
    kept = [(worlds.describe(w), made({"augmented": with_errors([error])[0]})) for w, error in twins]
    monkeypatch.setattr(store, "find", lambda plain: next((r for one, r in kept if one == plain), None))
    found = [statistics.error_ratio(run, None, *["augmented"] * 2, t, network) for t in ("rivals", "network")]
    assert [one["C = 3"] for one in found] == pytest.approx([3 / 2, 3 / 8])
    kept.clear()
    assert np.isnan(statistics.error_ratio(run, other="augmented", twin="rivals")["C = 1"])
