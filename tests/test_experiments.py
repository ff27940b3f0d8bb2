"""Runs: what they hold, what they depend on, and what they never hold."""

import dataclasses
import datetime
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

import ising_lib
from ising_book import extensions, monitors, provenance, runs, store, walk, worlds
from ising_lib import datasets, denoisers, erasure, estimators, imputation, ising, metrics, sampling, stopping

ROOT = Path(__file__).parent.parent
TRAINING = worlds.Training(
    n_iterations=24,
    n_checkpoints=3,
    n_monitor=100,
    n_augmented=200,
    n_sampling_steps=5,
    batch_size=16,
    n_noise_levels=20,
    precision="float32",
)
CONFIG = worlds.Augmentation(n_spins=6, n_observed=200, training=TRAINING)
L = 21  # parameters of six spins


class Silent:
    """A progress bar that counts."""

    updates = 0

    def update(self):
        self.updates += 1


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no published runs: nothing is taken from elsewhere, nothing left behind."""
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    monkeypatch.delenv("ISING_LIB_PUBLISH", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def computed():
    """The arrays of CONFIG, computed once for this module, and the progress that was reported."""
    progress = Silent()
    return CONFIG.compute(progress), progress


@pytest.fixture(scope="module")
def arrays(computed):
    return computed[0]


@pytest.fixture
def computes_at_once(arrays, monkeypatch):
    """For tests of what happens around the computation."""
    monkeypatch.setattr(worlds.Augmentation, "compute", lambda config, progress: arrays)


def changed(config=CONFIG, **values):
    """The config with other values of its training."""
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **values))


def differ(a, b, names):
    return [name for name in names if not np.array_equal(a[name], b[name])]


def test_arrays_are_those_of_the_docstring(arrays):
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    checkpoints, sizes = 3, 4
    per_look = [
        "iterations",
        "loss",
        "observed_loss",
        "test_loss",
        "variance",
        "monitored_epsilon",
        "distinct",
    ]
    assert shapes == {
        "truth": (L,),
        "observed": (L,),
        "observed_epsilon": (),
        "test_line": (),
        "observed_line": (),
        "test_distances": (7,),
        **dict.fromkeys(per_look, (checkpoints,)),
        "analog": (checkpoints, 60),
        "distances": (checkpoints, 7),
        "monitored": (checkpoints, L),
        "stop_index": (),
        "stop_iteration": (),
        "stop_crossed": (),
        "augmented": (L,),
        "augmented_epsilon": (),
        "sizes": (sizes,),
        "by_size": (sizes, L),
        "by_size_with_observed": (sizes, L),
        "augmented_spins": (200, 6),
        "trajectory_steps": (21,),
        "trajectory": (21, 16, 6),
    }
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_arrays_agree_with_each_other(arrays):
    np.testing.assert_array_equal(arrays["iterations"], monitors.checkpoints(TRAINING))
    np.testing.assert_array_equal(arrays["sizes"], [10, 20, 67, 200])
    np.testing.assert_array_equal(arrays["by_size"][-1], arrays["augmented"])
    # the run keeps these augmented samples, so the fit can be made again from them
    np.testing.assert_array_equal(
        erasure.fit(arrays["augmented_spins"]).model.to_vector(), arrays["augmented"]
    )
    for name in ("analog", "distances", "test_distances"):
        np.testing.assert_allclose(np.sum(arrays[name], axis=-1), 1, rtol=1e-12)
    assert (arrays["distinct"] * 100 <= 2**6).all()
    assert (arrays["trajectory_steps"] == np.arange(20, -1, -1)).all()
    point = stopping.crossing(
        arrays["iterations"], arrays["variance"], arrays["test_line"], arrays["observed_line"]
    )
    stop = [arrays[f"stop_{name}"] for name in ("index", "iteration", "crossed")]
    assert stop == [point.index, point.iteration, point.crossed]


def test_observed_side_is_recomputed_from_its_named_streams(arrays):
    """Truth, samples and fit, spelled out as a notebook would: the run holds exactly these."""
    truth = ising.gaussian(6, 1.0, 1.0, rng=worlds.stream(0, "truth"))
    observed, test = (
        sampling.sample(truth, 200, rng=worlds.stream(0, name)) for name in ("observed", "test")
    )
    fit = erasure.fit(observed)
    np.testing.assert_array_equal(arrays["truth"], truth.to_vector())
    np.testing.assert_array_equal(arrays["observed"], fit.model.to_vector())
    for mine, theirs in zip((observed, test), walk.samples(CONFIG), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    distances = [min((row != other).sum() for other in observed) for row in test]
    np.testing.assert_allclose(arrays["test_distances"], np.bincount(distances, minlength=7) / 200)
    assert arrays["observed_epsilon"] == fit.epsilon
    assert arrays["test_line"] == stopping.energy_variance(test, fit.model)
    assert arrays["observed_line"] == stopping.energy_variance(observed, fit.model)


def test_progress_counts_updates(computed):
    assert computed[1].updates == 24


def test_the_same_config_gives_the_same_bits(arrays):
    """Computed a second time, stored in a fresh cache, and read again."""
    run = runs.run(CONFIG)
    assert set(run.arrays) == set(arrays)
    assert all(run[name].tobytes() == np.asarray(array).tobytes() for name, array in arrays.items())


def test_another_seed_is_another_everything(arrays):
    other = dataclasses.replace(CONFIG, seed=1).compute(Silent())
    names = ["truth", "observed", "test_line", "loss", "variance", "monitored", "augmented"]
    assert differ(arrays, other, names) == names


def test_how_many_samples_are_looked_at_does_not_change_the_training(arrays):
    """Looking has a stream of its own: other samples, the same losses."""
    other = changed(n_monitor=70).compute(Silent())
    assert differ(arrays, other, ["monitored", "variance"]) == ["monitored", "variance"]
    assert differ(arrays, other, ["iterations", "loss", "observed"]) == []


def test_how_often_is_looked_does_not_change_the_training(arrays):
    """Looks at 3 and 24 instead of 3, 8 and 24: the same samples there, and the losses of all updates."""
    other = changed(n_checkpoints=2).compute(Silent())
    assert (arrays["iterations"].tolist(), other["iterations"].tolist()) == ([3, 8, 24], [3, 24])
    for name in ("variance", "monitored", "distances", "test_loss"):
        np.testing.assert_array_equal(other[name], arrays[name][[0, 2]])
    mean = (5 * arrays["loss"][1] + 16 * arrays["loss"][2]) / 21
    assert other["loss"][1] == pytest.approx(mean, rel=1e-12)  # sums of 21 numbers in double precision


@pytest.mark.parametrize("crossing_at", [1, 2])
def test_stop_ends_the_training_at_the_crossing(crossing_at, monkeypatch):
    """The rule is made to fire at one checkpoint; without ``stop`` the same run goes on to the end."""

    def crossing(iterations, variance, *lines):
        crossed = len(iterations) > crossing_at
        index = crossing_at if crossed else len(iterations) - 1
        return stopping.StoppingPoint(index, float(iterations[index]), lines[0], crossed)

    monkeypatch.setattr(stopping, "crossing", crossing)
    progress = Silent()
    stopped, whole = changed(stop=True).compute(progress), CONFIG.compute(Silent())
    checkpoints = monitors.checkpoints(TRAINING)
    assert progress.updates == checkpoints[crossing_at]
    np.testing.assert_array_equal(stopped["iterations"], checkpoints[: crossing_at + 1])
    np.testing.assert_array_equal(whole["iterations"], checkpoints)
    for arrays in (stopped, whole):
        assert (arrays["stop_index"], arrays["stop_crossed"]) == (crossing_at, True)
    # the augmented samples are drawn at the crossing in both, from the same network and stream
    assert differ(stopped, whole, ["augmented", "augmented_epsilon", "by_size"]) == []


def test_without_a_crossing_the_last_network_is_used(monkeypatch):
    monkeypatch.setattr(
        stopping,
        "crossing",
        lambda iterations, *_: stopping.StoppingPoint(len(iterations) - 1, 24.0, 0.0, False),
    )
    progress = Silent()
    run = changed(stop=True).compute(progress)
    assert progress.updates == 24
    assert (run["stop_index"], run["stop_crossed"]) == (2, False)
    assert run["augmented"].shape == (L,)


@pytest.mark.parametrize("n_iterations", [1, 7, 1999, 16_000])
@pytest.mark.parametrize("n_checkpoints", [1, 2, 16])
def test_checkpoints_rise_to_the_end(n_iterations, n_checkpoints):
    training = worlds.Training(n_iterations=n_iterations, n_checkpoints=n_checkpoints)
    checkpoints = monitors.checkpoints(training)
    assert checkpoints[-1] == n_iterations
    assert checkpoints[0] >= 1
    assert (np.diff(checkpoints) > 0).all()
    assert len(checkpoints) <= n_checkpoints


def test_checkpoints_of_the_thesis_are_evenly_spaced_in_the_logarithm():
    checkpoints = monitors.checkpoints(worlds.Training())
    assert (len(checkpoints), checkpoints[0]) == (13, monitors.FIRST_CHECKPOINT)
    # rounding moves an iteration by at most a half: the ratio of two neighbours by 0.5/250 + 0.5/250
    np.testing.assert_allclose(checkpoints[1:] / checkpoints[:-1], 2**0.5, rtol=0.004)


def test_streams_do_not_depend_on_the_order_they_are_asked_for():
    first = {name: worlds.stream(3, name).random(4).tolist() for name in ("a", "b", "c")}
    again = {name: worlds.stream(3, name).random(4).tolist() for name in ("c", "a", "b")}
    assert first == again


def test_streams_of_other_names_and_seeds_differ():
    names = ["truth", "observed", "test", "initial weights", "training", "augmented", "split", "missing"]
    names += [f"look {n}" for n in range(1, 300)]
    drawn = {worlds.stream(seed, name).random() for name in names for seed in range(3)}
    assert len(drawn) == 3 * len(names)


def test_a_stored_run_is_read_and_not_computed(computes_at_once, monkeypatch):
    run = runs.run(CONFIG)

    def compute(self, progress):
        raise AssertionError("computed again")

    monkeypatch.setattr(worlds.Augmentation, "compute", compute)
    again = runs.run(CONFIG)
    assert (again.config, again.provenance) == (run.config, run.provenance)
    assert differ(run, again, run.arrays) == []
    assert runs.find_or_compute([CONFIG, CONFIG], jobs=2)[1].provenance == run.provenance
    with pytest.raises(AssertionError, match="computed again"):
        runs.run(changed(n_augmented=201))


def test_publishing_copies_the_runs_that_are_used(computes_at_once, tmp_path, monkeypatch):
    monkeypatch.setenv("ISING_LIB_RESULTS", str(tmp_path / "results"))
    runs.run(CONFIG)
    assert not (tmp_path / "results").exists()
    monkeypatch.setenv("ISING_LIB_PUBLISH", "1")
    runs.run(CONFIG)
    published = [path.stem for path in (tmp_path / "results").iterdir()]
    assert published == [store.key(worlds.describe(CONFIG))]


def test_describe_is_plain_data_with_every_field():
    plain = worlds.describe(CONFIG)
    assert json.loads(json.dumps(plain)) == plain
    assert set(plain) == {"experiment", "version", *(f.name for f in dataclasses.fields(CONFIG))}
    assert set(plain["training"]) == {f.name for f in dataclasses.fields(TRAINING)}
    assert plain["experiment"] == "augmentation"


PLAIN = [CONFIG, worlds.Retina(seed=3, training=TRAINING), worlds.HeldOut(training=TRAINING)]


@pytest.mark.parametrize("config", PLAIN)
def test_a_plain_config_comes_back(config):
    plain = json.loads(json.dumps(worlds.describe(config)))
    assert worlds.from_plain(plain) == config


def test_planning_computes_nothing(monkeypatch):
    monkeypatch.setattr(worlds.Augmentation, "compute", None)
    with experiments.planning(), pytest.raises(experiments.Planned) as planned:
        runs.find_or_compute(config for config in [CONFIG])
    assert planned.value.configs == [CONFIG]
    with pytest.raises(TypeError, match="NoneType"):  # outside, it does compute
        runs.find_or_compute([CONFIG])


def test_costs_name_every_run_once_with_its_figures(computes_at_once):
    configs = worlds.with_seeds(CONFIG, [0, 1])
    run = runs.run(configs[0])
    plains = [worlds.describe(config) for config in configs]
    text = provenance.costs({"fig98_one": plains, "fig99_two": plains[:1], "fig97_none": []})
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert [row[:2] for row in rows] == [
        [f"`{store.key(plains[1])}`", "fig98"],
        [f"`{store.key(plains[0])}`", "fig98, fig99"],
    ]
    assert "1 of 2 runs are stored. They took 0.0 core-hours: 0.0 those of the thesis's figures" in text
    assert "not stored" in text
    assert run.provenance["commit"] in text


def test_costs_part_the_figures_of_the_thesis_from_the_extensions(monkeypatch):
    """A run that both show counts for the thesis; the clock's seconds count where a core's are missing."""
    plains = [worlds.describe(config) for config in worlds.with_seeds(CONFIG, [0, 1, 2])]
    clock, core = {"seconds": 7200.0}, {"seconds": 9000.0, "core_seconds": 3600.0}
    who = {"commit": "abc", "started": "2026-11-24T09:21:52+00:00"}
    stored = [
        store.Run(plain, {}, who | cost) for plain, cost in zip(plains, (clock, core, core), strict=True)
    ]
    monkeypatch.setattr(store, "find", lambda plain: stored[plains.index(plain)])
    text = provenance.costs({"fig98_one": plains[:2], "ext99_two": plains[1:]})
    assert "They took 4.0 core-hours: 3.0 those of the thesis's figures" in text
    assert "The clock's seconds stand for 1 of them, 2.0 hours in all." in text


def test_configs_take_the_parameters_by_their_names():
    """Of the experiment and of its training, one config a seed; whatever else is there does not matter."""
    parameters = {"n_spins": 6, "n_observed": 200, "n_iterations": 24, "stop": True, "seeds": [4, 0]}
    found = worlds.from_parameters(worlds.Augmentation, {**parameters, "n_missing": 3, "preset": "quick"})
    training = worlds.Training(n_iterations=24, stop=True)
    expected = worlds.Augmentation(n_spins=6, n_observed=200, training=training)
    assert found == worlds.with_seeds(expected, [4, 0])
    [retina] = worlds.from_parameters(worlds.Retina, {"n_test": 70, "seeds": [1]})
    assert retina == worlds.Retina(n_test=70, seed=1)
    with pytest.raises(ValueError, match="n_spins must be at least 2"):
        worlds.from_parameters(worlds.Retina, {"n_spins": 1, "seeds": [1]})


def test_with_seeds_changes_nothing_else():
    configs = worlds.with_seeds(CONFIG, [4, 2])
    assert [config.seed for config in configs] == [4, 2]
    assert dataclasses.replace(configs[0], seed=0) == CONFIG


def test_provenance_says_who_computed_it(computes_at_once):
    record = runs.run(CONFIG).provenance
    assert set(record) == {
        *("ising_lib", "commit", "machine", "python", "numpy", "torch", "precision", "started"),
        *("seconds", "core_seconds"),
    }
    assert record["ising_lib"] == ising_lib.__version__
    assert record["commit"] == provenance.commit()
    assert record["precision"] == "float32"
    assert 0 <= record["core_seconds"] <= record["seconds"] + 0.1  # one thread; rounded
    assert all(record[name] for name in ("machine", "python", "numpy", "torch"))
    assert datetime.datetime.fromisoformat(record["started"]).tzinfo is datetime.UTC


def test_commit_is_that_of_the_clone():
    """Ten hexadecimal digits, and "+" where the package is not as committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: it has no commit")
    assert re.fullmatch(r"[0-9a-f]{10,}\+?", provenance.commit())


@pytest.mark.parametrize("failure", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")])
def test_commit_is_unknown_without_git_and_outside_a_clone(failure, monkeypatch):
    def no_git(*_, **__):
        raise failure

    monkeypatch.setattr(subprocess, "run", no_git)
    assert provenance.commit() == "unknown"


def some_run(config):
    started = "2024-08-01T10:00:00+00:00"
    who = {"ising_lib": "1.2.3", "commit": f"c0ffee{config.seed}", "machine": "a machine"}
    cost = {"precision": "float32", "started": started, "seconds": 12.4}
    return store.Run(worlds.describe(config), {}, who | cost)


def test_table_names_runs_commit_and_parameters():
    """Read back as a table, column by column."""
    runs = [some_run(config) for config in worlds.with_seeds(CONFIG, [0, 1])]
    text = provenance.table(runs, "fig99_nothing")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["run"] for row in rows] == [f"`{store.key(run.config)}`" for run in runs]
    assert [(row["seed"], row["commit"]) for row in rows] == [("0", "c0ffee0"), ("1", "c0ffee1")]
    common = {"version": "1.2.3", "precision": "float32", "seconds": "12", "date": "2024-08-01"}
    assert all(common.items() <= row.items() for row in rows)
    for said in ("`fig99_nothing`", "a machine", "n_spins = 6", "n_iterations = 24", "stop = False"):
        assert said in text


def test_table_says_when_sizes_are_not_those_of_the_thesis():
    runs = [some_run(CONFIG)]
    plain, quick = (provenance.table(runs, "fig99_nothing", preset) for preset in ("thesis", "quick"))
    assert "say nothing about the thesis" not in plain
    assert "'quick'" in quick.splitlines()[0]
    assert "say nothing about the thesis" in quick.splitlines()[0]
    assert quick.endswith(plain)


def test_run_all_computes_side_by_side_and_keeps_the_order(arrays, monkeypatch):
    """Two spawned processes compute; seed 2 is stored already; bits are those of this process."""
    configs = worlds.with_seeds(CONFIG, [1, 2, 0])
    store.write(worlds.describe(configs[1]), {"marker": 5}, {"seconds": 0})
    runs = runs.find_or_compute(configs, jobs=2)
    assert [run.config["seed"] for run in runs] == [1, 2, 0]
    assert runs[1]["marker"] == 5
    assert differ(runs[2], arrays, arrays) == []
    assert differ(runs[0], arrays, ["truth", "loss"]) == ["truth", "loss"]


@pytest.fixture
def fabricated_recording(monkeypatch, rng):
    """A small recording in place of the real one, with some of its structure: neurons that fire together."""
    common = rng.random((4, 1, 100)) < 0.2
    spikes = (rng.random((4, 9, 100)) < 0.1) | (common & (rng.random((4, 9, 100)) < 0.6))
    monkeypatch.setattr(datasets, "load_retina", lambda: spikes.astype(np.uint8))
    return spikes


def test_retina_run_holds_no_samples(fabricated_recording):
    config = worlds.Retina(n_spins=5, n_observed=150, n_test=70, training=TRAINING)
    run = runs.run(config)
    assert "truth" not in run.arrays
    assert "augmented" in run.arrays
    assert all(array.dtype != np.int8 for array in run.arrays.values())
    assert not {150, 70} & {size for array in run.arrays.values() for size in array.shape}
    observed, test = walk.samples(config)
    again, _ = walk.samples(config)
    np.testing.assert_array_equal(observed, again)
    assert (observed.shape, test.shape) == ((150, 5), (70, 5))
    np.testing.assert_array_equal(run["observed"], erasure.fit(observed).model.to_vector())
    assert run["distances"][-1, 0] > 0  # 2^5 words, so samples repeat observed ones
    alone = erasure.fit(observed, fields=False).model.to_vector()
    np.testing.assert_array_equal(run["observed_couplings"], alone)
    assert (run["augmented_couplings"][:5] == 0).all()
    assert (run["augmented_couplings"][5:] != 0).any()
    assert metrics.nearest_distance(test, observed).min() == 0


FAIR = worlds.FairRetina(
    n_spins=5, n_observed=150, n_test=70, seed=1, training=TRAINING, missing_counts=[2, 4]
)


def test_fair_retina_scores_the_models_of_the_retina_run(fabricated_recording, cache):
    """Each count and each sum again, from the models and the samples, by functions for whole arrays."""
    run = runs.run(FAIR)
    plain = worlds.Retina(n_spins=5, n_observed=150, n_test=70, seed=1, training=TRAINING)
    fitted = store.find(worlds.describe(plain))
    assert fitted is not None, "it trains nothing of its own"
    observed, test = walk.samples(plain)
    rival = estimators.pseudolikelihood(observed, FAIR.ridge).model
    others = {"independent": imputation.independent_model(observed), "pseudolikelihood": rival}
    assert run["n_silent"] == (observed.mean(0) < 0).sum()
    for k, n in enumerate((2, 4)):
        mask = imputation.random_mask(test.shape, n, rng=worlds.stream(1, "missing"))
        hidden = np.where(mask, 0, test)
        for b, name in enumerate(extensions.FAIR_MODELS):
            model = others.get(name) or fitted.model(name)
            for r, rule in enumerate(extensions.RULES):
                expected = metrics.recovery(test, imputation.impute(model, hidden, rule), mask)
                found = metrics.rates(*run["counts"][k, b, r].sum(-1))
                assert found["accuracy"] == pytest.approx(expected.accuracy)
                assert found["recall"] == pytest.approx(expected.recall)
            up = imputation.probability_up(model, hidden)
            cost = -np.log(np.where(test > 0, up, 1 - up)).sum(1)
            np.testing.assert_allclose(run["log_loss"][k, b], cost, rtol=1e-5, atol=1e-5)  # kept as float32
            np.testing.assert_array_equal(
                run["odds"][k, b].sum(-1), [(test[mask] < 0).sum(), (test[mask] > 0).sum()]
            )
            assert 0 <= metrics.ranking(run["odds"][k, b]) <= 1


def test_fair_retina_holds_no_samples(fabricated_recording):
    """Nothing in it is as wide as the spins, known or missing."""
    run = runs.run(FAIR)
    assert all(array.dtype != np.int8 for array in run.arrays.values())
    n_bins = len(extensions.ODDS_EDGES) - 1
    shapes = {name: array.shape for name, array in run.arrays.items()}
    expected = {"counts": (2, 4, 2, 4, 70), "log_loss": (2, 4, 70), "odds": (2, 4, 2, n_bins), "n_silent": ()}
    assert shapes == expected


def test_costs_of_a_run_that_trains_nothing(fabricated_recording):
    configs = [FAIR.retina(), FAIR]
    runs.run(FAIR)
    text = provenance.costs({"ext99_both": [worlds.describe(config) for config in configs]})
    assert "2 of 2 runs are stored" in text
    rows = {line.split("`")[1]: line.split(" | ")[6] for line in text.splitlines() if line.startswith("| `")}
    keys = [store.key(worlds.describe(config)) for config in configs]
    assert rows == {keys[0]: "24", keys[1]: "–"}


def test_fair_retina_is_one_run_however_its_numbers_are_given():
    plain = json.loads(json.dumps(worlds.describe(FAIR)))
    assert worlds.from_plain(plain) == FAIR
    assert FAIR.missing_counts == (2, 4)
    assert store.key(worlds.describe(FAIR)) == store.key(plain)
    with pytest.raises(ValueError, match="missing_counts must be from 1 to 5, got 6"):
        dataclasses.replace(FAIR, missing_counts=[2, 6])
    with pytest.raises(ValueError, match="missing_counts must be from 1 to 20, got 21"):
        worlds.FairRetina(missing_counts=(21,))


CORRECTED = worlds.Corrected(n_spins=6, n_observed=300, seed=2, epsilons=[0.05, 0.8])


def test_corrected_fits_the_samples_of_the_augmentation(cache):
    """Everything again, from the samples that an Augmentation with these numbers observes."""
    run = runs.run(CORRECTED)
    twin = worlds.Augmentation(n_spins=6, n_observed=300, seed=2)
    truth, spins = walk.truth(twin), walk.samples(twin)[0]
    np.testing.assert_array_equal(run["truth"], truth.to_vector())
    for moments in ("linear", "tap"):
        auto = erasure.fit(spins, moments=moments)
        np.testing.assert_allclose(run[moments], auto.model.to_vector(), rtol=0, atol=1e-9)
        assert run[f"{moments}_epsilon"] == pytest.approx(auto.epsilon)
        fit = erasure.fit(spins, 0.8, moments=moments)
        likelihood = metrics.log_pseudolikelihood(fit.model, spins)
        expected = metrics.thesis_mse(fit.model, truth), fit.mean_energy, likelihood
        np.testing.assert_allclose(run[f"{moments}_curve"][:, 1], expected, rtol=1e-9)
    rival = estimators.pseudolikelihood(spins, ridge=6 / 300)
    np.testing.assert_allclose(run["pseudolikelihood"], rival.model.to_vector(), rtol=0, atol=1e-9)
    # 20,000 draws: a variance is found to some 1 %, an inverse of 21 of them not much worse
    assert run["bound"] == pytest.approx(estimators.cramer_rao(truth, 300).sum() / 6, rel=0.05)


HELD_OUT = worlds.HeldOut(n_spins=6, n_observed=201, seed=2, held_out=0.25, training=TRAINING)


def test_held_out_trains_without_a_part_of_the_observed_samples(monkeypatch):
    """All N are those of the Augmentation; what judges is the rest of them, in the place of test samples."""
    twin = worlds.Augmentation(n_spins=6, n_observed=201, seed=2)
    observed, test = walk.samples(twin)
    trained, kept = walk.samples(HELD_OUT)
    assert (len(trained), len(kept)) == (151, 50)
    np.testing.assert_array_equal(np.concatenate([trained, kept]), observed)
    seen = []
    train = experiments.ddpm.train
    monkeypatch.setattr(
        experiments.ddpm, "train", lambda *args, **options: seen.append(args[2]) or train(*args, **options)
    )
    arrays = HELD_OUT.compute(Silent())
    [given] = seen
    np.testing.assert_array_equal(given, trained)
    fits = {name: erasure.fit(spins) for name, spins in (("observed", trained), ("whole", observed))}
    fits["both"] = erasure.fit(np.concatenate([observed, test]))
    for name, fit in fits.items():
        np.testing.assert_array_equal(arrays[name], fit.model.to_vector())
    for name, spins in (("test_line", kept), ("observed_line", trained)):
        assert arrays[name] == stopping.energy_variance(spins, fits["observed"].model)
    np.testing.assert_array_equal(arrays["truth"], walk.truth(twin).to_vector())


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_held_out_leaves_samples_on_both_sides(share):
    with pytest.raises(ValueError, match=f"two samples or more on both sides of the split, got {share} of"):
        dataclasses.replace(HELD_OUT, held_out=share)
    with pytest.raises(ValueError, match=r"held_out must be finite and in \(0.0, 1.0\), got 1$"):
        dataclasses.replace(HELD_OUT, held_out=1)


def test_corrected_says_nan_where_a_fit_is_refused(cache):
    """Ten samples of six strongly coupled spins at ε = 0.05: no inverse of their correlations."""
    config = dataclasses.replace(CORRECTED, n_observed=10, coupling_scale=1.5)
    run = runs.run(config)
    spins = walk.samples(config)[0]
    with pytest.raises(erasure.NotConverged):
        erasure.fit(spins, 0.05, moments="tap")
    assert np.isnan(run["tap_curve"][:, 0]).all()
    assert np.isfinite(run["linear_curve"]).all()


def test_corrected_is_one_run_however_its_numbers_are_given():
    plain = json.loads(json.dumps(worlds.describe(CORRECTED)))
    assert worlds.from_plain(plain) == CORRECTED
    assert CORRECTED.epsilons == (0.05, 0.8)
    assert store.key(worlds.describe(CORRECTED)) == store.key(plain)
    with pytest.raises(ValueError, match=r"epsilons must be finite and in \(0.0, 1.0\), got 1.0"):
        dataclasses.replace(CORRECTED, epsilons=[1.0])


def test_a_table_names_the_parameters_that_all_runs_share(cache):
    runs = [runs.run(c) for c in (CORRECTED, dataclasses.replace(CORRECTED, coupling_scale=0.5))]
    assert "field_scale = 1.0" in provenance.table(runs, "ext99_two")
    assert "coupling_scale" not in provenance.table(runs, "ext99_two")
    assert "coupling_scale = 1.0" in provenance.table(runs[:1], "ext99_one")


def test_published_retina_runs_hold_no_samples_of_the_recording():
    """Models of up to 40 spins have 820 parameters; 1,000 or more numbers in a row would be samples."""
    for path in (ROOT / "notebooks" / "results").glob("retina-*.npz"):
        for name, array in store.read(path).arrays.items():
            assert array.dtype != np.int8, (path, name)
            assert max(array.shape, default=0) < 1000, (path, name)


def test_published_runs_are_whole_and_lie_under_their_own_name():
    for path in (ROOT / "notebooks" / "results").glob("*.npz"):
        assert store.key(store.read(path).config) == path.stem


def test_the_recording_is_not_tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: git cannot be asked what it tracks")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not [name for name in tracked.splitlines() if name.endswith(".mat")]


RIVALS = worlds.Rivals(
    n_spins=6, n_observed=300, n_iterations=20, n_augmented=500, n_sampling_steps=5, seed=2
)


@pytest.fixture(scope="module")
def rivals():
    return RIVALS.compute(tqdm(total=20, disable=True))


def test_rivals_see_the_samples_of_the_augmentation_with_the_same_numbers(rivals):
    same = worlds.Augmentation(n_spins=6, n_observed=300, seed=2)
    observed, test = walk.samples(same)
    np.testing.assert_array_equal(rivals["truth"], same.truth().to_vector())
    for name, spins in (("erasure", observed), ("erasure_both", np.concatenate([observed, test]))):
        np.testing.assert_array_equal(rivals[name], erasure.fit(spins).model.to_vector())
    expected = estimators.pseudolikelihood(observed).model.to_vector()
    np.testing.assert_array_equal(rivals["pseudolikelihood"], expected)
    assert rivals["n_distinct"] == len(np.unique(observed, axis=0))


def test_every_method_of_rivals_answers_once(rivals):
    answers = np.array([rivals[name] for name in (*extensions.METHODS, "denoiser")])
    assert answers.shape == (16, L)
    assert np.isfinite(answers).all()
    assert len(np.unique(answers.round(12), axis=0)) == 16  # no two of them are the same by mistake
    assert rivals["seconds"].shape == (15,)


def test_the_bound_of_rivals_is_cramer_and_rao_s(rivals):
    """Against enumeration; 200,000 draws make F, and its inverse, good to a few parts in a thousand."""
    truth = walk.truth(RIVALS)
    exact_bound = estimators.cramer_rao(truth, 300).sum() / 6
    assert rivals["bound"] == pytest.approx(exact_bound, rel=0.02)


def test_a_method_that_refuses_the_samples_is_named_and_leaves_nothing(monkeypatch, caplog):
    def refuse(spins):
        raise ValueError("a spin never changes")

    monkeypatch.setitem(extensions.METHODS, "pseudolikelihood", (refuse, "observed"))
    arrays = RIVALS.compute(tqdm(total=20, disable=True))
    assert np.isnan(arrays["pseudolikelihood"]).all()
    assert np.isnan(arrays["erasure_pseudo"]).all()  # nothing can be sampled from what was not found
    assert np.isfinite(arrays["log_rise"]).all()
    assert "pseudolikelihood refused the samples: a spin never changes" in caplog.text


def test_rivals_from_a_pool_and_with_a_perceptron():
    config = dataclasses.replace(RIVALS, drawn="pool", denoiser="LogitMLP")
    observed, test = walk.samples(config)
    assert observed.shape == test.shape == (300, 6)
    assert (observed != test).any()
    arrays = config.compute(tqdm(total=20, disable=True))
    assert np.isnan(arrays["denoiser"]).all()  # a perceptron holds no couplings to read
    assert arrays["n_weights"] == sum(
        p.numel() for p in denoisers.LogitMLP(6, rng=np.random.default_rng(0)).parameters()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drawn": "hat"}, "drawn must be one of 'equilibrium', 'pool', got 'hat'"),
        ({"denoiser": "ResidualMLP"}, "denoiser must be one of 'MeanField', 'LogitMLP', got 'ResidualMLP'"),
        ({"n_sampling_steps": 1001}, "n_sampling_steps must be"),
        ({"n_spins": 1}, "n_spins must be"),
        ({"coupling_scale": -1.0}, "coupling_scale must be"),
    ],
)
def test_rivals_name_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RIVALS, **change)
