"""The thesis's pipeline: what a run holds, which streams it draws from, when it stops."""

import dataclasses
import json

import numpy as np
import pytest

from ising_experiments import monitors, store, walk, worlds
from ising_lib import erasure, exact, ising, metrics, sampling, stopping
from tests.book.small import TRAINING, WORLD, Bar, L, changed, small_network, small_recording  # noqa: F401

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def computed():
    """The arrays of WORLD, and the progress that was reported."""
    bar = Bar()
    return walk.augmentation(WORLD, bar), bar


@pytest.fixture(scope="module")
def arrays(computed):
    return computed[0]


def differ(a, b, names):
    return [name for name in names if not np.array_equal(a[name], b[name])]


def test_arrays_agree_with_each_other(computed):
    arrays, bar = computed
    assert (bar.updates, bar.total) == (24, 24)
    assert all(np.isfinite(array).all() for array in arrays.values())
    np.testing.assert_array_equal(arrays["iterations"], monitors.checkpoints(TRAINING))
    np.testing.assert_array_equal(arrays["sizes"], [10, 20, 67, 200])
    np.testing.assert_array_equal(arrays["by_size"][-1], arrays["augmented"])
    again = erasure.fit(arrays["augmented_spins"]).model.to_vector()
    np.testing.assert_array_equal(again, arrays["augmented"])
    for name in ("analog", "distances", "test_distances"):
        np.testing.assert_allclose(np.sum(arrays[name], axis=-1), 1, rtol=1e-12)
    assert (arrays["distinct"] * 100 <= 2**6).all()
    assert (arrays["trajectory_steps"] == np.arange(20, -1, -1)).all()
    lines = arrays["test_line"], arrays["observed_line"]
    point = stopping.crossing(arrays["iterations"], arrays["variance"], *lines)
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
    for mine, theirs in zip((observed, test), walk.samples(WORLD), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    distances = [min((row != other).sum() for other in observed) for row in test]
    np.testing.assert_allclose(arrays["test_distances"], np.bincount(distances, minlength=7) / 200)
    assert arrays["observed_epsilon"] == fit.epsilon
    assert arrays["test_line"] == stopping.energy_variance(test, fit.model)
    assert arrays["observed_line"] == stopping.energy_variance(observed, fit.model)


def test_each_random_number_comes_from_the_stream_of_its_name(monkeypatch):
    """All streams that are asked for, as often as they are: none serves two purposes."""
    asked = []

    def stream(seed, name):
        asked.append(name)
        return worlds.stream(seed, name)

    for module in (walk, monitors):
        monkeypatch.setattr(module, "stream", stream)
    walk.augmentation(WORLD, Bar())
    once = ["observed", "test", "initial weights", "training", "augmented", "trajectory"]
    at_checkpoints = [name for n in (3, 8, 24) for name in (f"look {n}", "loss", "loss")]
    assert sorted(name for name in asked if name != "truth") == sorted(once + at_checkpoints)


def test_another_seed_is_another_everything(arrays):
    other = walk.augmentation(dataclasses.replace(WORLD, seed=1), Bar())
    names = ["truth", "observed", "test_line", "loss", "variance", "monitored", "augmented"]
    assert differ(arrays, other, names) == names


def test_looking_does_not_change_the_training(arrays):
    """Fewer samples at fewer checkpoints, 3 and 24 instead of 3, 8 and 24: the same losses of all updates."""
    other = walk.augmentation(changed(n_monitor=70, n_checkpoints=2), Bar())
    assert other["iterations"].tolist() == [3, 24]
    assert (
        differ(other, {name: arrays[name][[0, 2]] for name in ("variance", "test_loss")}, ["test_loss"]) == []
    )
    assert (other["variance"] != arrays["variance"][[0, 2]]).all()
    mean = (5 * arrays["loss"][1] + 16 * arrays["loss"][2]) / 21
    assert other["loss"][1] == pytest.approx(mean, rel=1e-12)  # sums of 21 numbers in double precision
    same = walk.augmentation(changed(n_checkpoints=2), Bar())
    for name in ("variance", "monitored", "distances"):
        np.testing.assert_array_equal(same[name], arrays[name][[0, 2]])


@pytest.mark.parametrize("crossing_at", [1, 2, None])
def test_stop_ends_the_training_at_the_crossing(crossing_at, monkeypatch):
    """The rule is made to fire at one checkpoint, or at none; without ``stop`` the run goes on to the end."""

    def crossing(iterations, variance, *lines):
        crossed = crossing_at is not None and len(iterations) > crossing_at
        index = crossing_at if crossed else len(iterations) - 1
        return stopping.StoppingPoint(index, float(iterations[index]), lines[0], crossed)

    monkeypatch.setattr(stopping, "crossing", crossing)
    bar, last = Bar(), 2 if crossing_at is None else crossing_at
    stopped, whole = walk.augmentation(changed(stop=True), bar), walk.augmentation(WORLD, Bar())
    checkpoints = monitors.checkpoints(TRAINING)
    assert bar.updates == checkpoints[last]
    np.testing.assert_array_equal(stopped["iterations"], checkpoints[: last + 1])
    np.testing.assert_array_equal(whole["iterations"], checkpoints)
    for arrays in (stopped, whole):
        assert (arrays["stop_index"], arrays["stop_crossed"]) == (last, crossing_at is not None)
    # the augmented samples are drawn at the crossing in both, from the same network and stream
    assert differ(stopped, whole, ["augmented", "augmented_epsilon", "by_size"]) == []


@pytest.mark.parametrize("n_iterations", [1, 7, 1999, 16_000])
@pytest.mark.parametrize("n_checkpoints", [1, 2, 16])
def test_checkpoints_rise_to_the_end(n_iterations, n_checkpoints):
    training = worlds.Training(n_iterations=n_iterations, n_checkpoints=n_checkpoints)
    checkpoints = monitors.checkpoints(training)
    assert (checkpoints[-1], checkpoints[0] >= 1, len(checkpoints) <= n_checkpoints) == (
        n_iterations,
        True,
        True,
    )
    assert (np.diff(checkpoints) > 0).all()


def test_checkpoints_of_the_thesis_are_evenly_spaced_in_the_logarithm():
    checkpoints = monitors.checkpoints(worlds.Training())
    assert (len(checkpoints), checkpoints[0]) == (13, monitors.FIRST_CHECKPOINT)
    # rounding moves an iteration by at most a half: the ratio of two neighbours by 0.5/250 + 0.5/250
    np.testing.assert_allclose(checkpoints[1:] / checkpoints[:-1], 2**0.5, rtol=0.004)


def test_retina_run_holds_no_samples(small_recording):  # noqa: F811
    world = worlds.Retina(n_spins=5, n_observed=150, n_test=70, training=TRAINING)
    arrays = {name: np.asarray(array) for name, array in walk.retina(world, Bar()).items()}
    assert "truth" not in arrays
    assert all(array.dtype != np.int8 for array in arrays.values())
    assert not {150, 70} & {size for array in arrays.values() for size in array.shape}
    (observed, test), (again, _) = walk.samples(world), walk.samples(world)
    np.testing.assert_array_equal(observed, again)
    assert (observed.shape, test.shape) == ((150, 5), (70, 5))
    np.testing.assert_array_equal(arrays["observed"], erasure.fit(observed).model.to_vector())
    alone = erasure.fit(observed, fields=False).model.to_vector()
    np.testing.assert_array_equal(arrays["observed_couplings"], alone)
    assert (arrays["augmented_couplings"][:5] == 0).all()
    assert (arrays["augmented_couplings"][5:] != 0).any()
    assert arrays["distances"][-1, 0] > 0  # 2^5 words, so samples repeat observed ones
    assert metrics.nearest_distance(test, observed).min() == 0


# ------------------------------------------------------------------------------------------------- worlds


def test_streams_depend_on_name_and_seed_and_not_on_their_order():
    first = {name: worlds.stream(3, name).random(4).tolist() for name in ("a", "b", "c")}
    assert first == {name: worlds.stream(3, name).random(4).tolist() for name in ("c", "a", "b")}
    names = ["truth", "observed", "test", "initial weights", "training", "augmented", "split", "missing"]
    names += [f"look {n}" for n in range(1, 300)]
    drawn = {worlds.stream(seed, name).random() for name in names for seed in range(3)}
    assert len(drawn) == 3 * len(names)


WORLDS = [
    *(WORLD, worlds.Retina(seed=3, training=TRAINING), worlds.HeldOut(training=TRAINING)),
    *(
        worlds.FairRetina(n_spins=5, missing_counts=[2, 4]),
        worlds.Corrected(epsilons=[0.1, 0.8]),
        worlds.Rivals(),
    ),
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.experiment)
def test_a_world_is_plain_data_with_every_field_and_comes_back(world):
    """And is one run, however its numbers are given: lists and tuples, numpy's and Python's."""
    plain = worlds.describe(world)
    assert set(plain) == {"experiment", "version", *(field.name for field in dataclasses.fields(world))}
    assert worlds.from_plain(json.loads(json.dumps(plain))) == world
    twin = dataclasses.replace(world, seed=np.int64(world.seed), n_observed=np.int32(world.n_observed))
    assert store.key(worlds.describe(twin)) == store.key(json.loads(json.dumps(plain)))


def test_worlds_take_the_parameters_by_their_names():
    """Of the world and of its training, one a seed; whatever else is there does not matter."""
    parameters = {"n_spins": 6, "n_observed": 200, "n_iterations": 24, "stop": True, "seeds": [4, 0]}
    found = worlds.from_parameters(worlds.Augmentation, {**parameters, "n_missing": 3, "preset": "quick"})
    training = worlds.Training(n_iterations=24, stop=True)
    expected = worlds.Augmentation(n_spins=6, n_observed=200, training=training)
    assert found == worlds.with_seeds(expected, [4, 0])
    assert [world.seed for world in found] == [4, 0]
    [retina] = worlds.from_parameters(worlds.Retina, {"n_test": 70, "seeds": [1]})
    assert retina == worlds.Retina(n_test=70, seed=1)


def test_a_large_pool_gives_boltzmann_weights():
    """Frequencies of all 16 configurations; their variance is p/N of the draws, p²·16/(30 N) of the pool.

    Five deviations are passed by chance once in 10^5 tests.
    """
    n = 20_000
    world = worlds.Rivals(4, n, coupling_scale=0.5, field_scale=0.5, drawn="pool")
    p, found = exact.probabilities(walk.truth(world)), exact.frequencies(walk.draw(world, "observed"))
    assert (np.abs(found - p) < 5 * np.sqrt(p / n + p**2 * 16 / (30 * n))).all()
    assert np.abs(found - 1 / 16).max() > 0.02  # uniform frequencies would be found out
