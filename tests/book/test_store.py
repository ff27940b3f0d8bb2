"""Stored runs: what goes in comes out, and nothing else is ever taken for it."""

import logging
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ising_experiments import store
from ising_lib import ising, metrics

CONFIG = {"experiment": "trial", "version": 1, "n_spins": 3, "seed": 0, "training": {"n": 5, "rate": 0.5}}
PROVENANCE = {"seconds": 1.5, "commit": "0123456789", "machine": "this one"}


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Empty places of the test's own: (published, cache)."""
    for name in ("RESULTS", "CACHE"):
        monkeypatch.setenv(f"ISING_LIB_{name}", str(tmp_path / name.lower()))
    return tmp_path / "results", tmp_path / "cache"


@pytest.fixture
def stored(folders, rng):
    """The path of a stored run."""
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (30, 11))
    store.write(CONFIG, {"spins": spins, "truth": rng.normal(size=6)}, PROVENANCE)
    return folders[1] / f"{store.key(CONFIG)}.npz"


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_cost_is_that_of_the_core_where_the_run_knows_it():
    """Earlier runs know only what the clock said."""
    assert store.Run(CONFIG, {}, {"seconds": 9.0, "core_seconds": 4.0}).core_seconds == 4.0
    assert store.Run(CONFIG, {}, {"seconds": 9.0}).core_seconds == 9.0


@pytest.mark.parametrize("shape", [(1,), (8,), (9,), (1, 1), (5, 13), (4, 16), (2, 3, 5)])
def test_spins_come_back_bit_for_bit(shape, rng):
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), shape)
    run = store.write(CONFIG, {"spins": spins, "copies": spins.copy()}, PROVENANCE)
    assert set(run.arrays) == {"spins", "copies"}
    np.testing.assert_array_equal(store.find(CONFIG)["spins"], spins, strict=True)


def test_spins_take_an_eighth_of_a_byte(stored):
    """30 samples of 11 spins: two bytes a row."""
    with np.load(stored) as file:
        [name] = [name for name in file.files if name.startswith("spins")]
        assert file[name].nbytes == 30 * 2


FLOATS = np.array([[1.5, -0.0, np.nan], [np.inf, 1e-300, np.pi]])


@pytest.mark.parametrize(
    "value",
    [FLOATS, np.arange(4), np.float32([1, 2]), np.array([True, False]), np.zeros((0, 3)), 2.5, 7, True],
)
def test_other_arrays_and_scalars_come_back_as_they_were(value):
    found = store.write(CONFIG, {"value": value}, PROVENANCE)["value"]
    assert (found.dtype, found.shape) == (np.asarray(value).dtype, np.shape(value))
    assert found.tobytes() == np.asarray(value).tobytes()


def test_config_and_provenance_come_back(stored):
    run = store.find(CONFIG)
    assert (run.config, run.provenance) == (CONFIG, PROVENANCE)
    np.testing.assert_array_equal(run.model("truth").to_vector(), run["truth"])


def test_key_depends_on_every_field_and_not_on_their_order():
    """Each value changed, one added, one taken away: all keys differ, also inside of ``training``."""
    training = CONFIG["training"]
    changes = [{"experiment": "other"}, {"version": 2}, {"n_spins": 4}, {"seed": 1}, {"extra": 0}]
    changes += [{"training": other} for other in (training | {"n": 6}, training | {"rate": 0.25}, {"n": 5})]
    assert len({store.key(CONFIG | change) for change in [{}, *changes]}) == 9
    shuffled = dict(reversed(CONFIG.items())) | {"training": dict(reversed(training.items()))}
    assert list(shuffled) != list(CONFIG)
    assert store.key(shuffled) == store.key(CONFIG)
    assert store.key(CONFIG).startswith("trial-")


def test_writing_twice_gives_the_same_bytes(stored, monkeypatch):
    before, run = stored.read_bytes(), store.find(CONFIG)
    stored.unlink()
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(10**9))  # zip files keep the time of day
    store.write(dict(reversed(CONFIG.items())), run.arrays, run.provenance)
    assert stored.read_bytes() == before


def test_no_flipped_byte_is_used(stored, caplog):
    """Every 7th byte: the run is refused with a warning, or (in the zip's own fields) exactly the same."""
    whole, good = stored.read_bytes(), store.find(CONFIG)
    refused = 0
    for place in range(0, len(whole), 7):
        caplog.clear()
        stored.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = store.find(CONFIG)
        if found is None:
            refused += 1
            assert str(stored) in warnings_of(caplog)[0], place
        else:
            assert found.config == good.config
            assert all((found[name] == good[name]).all() for name in good.arrays), place
    assert refused > len(whole) / 14  # most of the file is content


def write_zip_of_text(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("meta", "hello")


FOREIGN = {
    "a file cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "text": lambda path: path.write_text("not a run"),
    "npz of other arrays": lambda path: np.savez(path, a=np.arange(3)),
    "npz with a meta of its own": lambda path: np.savez(path, meta=np.arange(3)),
    "npz whose meta is no object": lambda path: np.savez(path, meta=np.frombuffer(b"[1]", dtype=np.uint8)),
    "npz of objects": lambda path: np.savez(path, meta=np.array([{}, []], dtype=object)),
    "zip of text": write_zip_of_text,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_not_used(stored, kind, caplog):
    FOREIGN[kind](stored)
    with pytest.raises(ValueError, match="damaged run file"):
        store.read(stored)
    assert store.find(CONFIG) is None
    assert str(stored) in warnings_of(caplog)[0]


def test_altered_content_with_a_valid_zip_is_not_used(stored):
    """The zip's own checksums are in order; ours is not."""
    with np.load(stored) as file:
        arrays = dict(file)
    np.savez_compressed(stored, **arrays | {"truth": arrays["truth"] + 1e-9})
    with pytest.raises(ValueError, match=r"damaged run file .*wrong checksum"):
        store.read(stored)


class _Trap:
    loaded = False

    def __reduce__(self):
        return setattr, (_Trap, "loaded", True)


def test_pickled_arrays_are_never_loaded(stored):
    """Unpickling would run whatever the file says: here it would set ``loaded``."""
    with np.load(stored) as file:
        arrays = dict(file)
    np.savez(stored, **arrays, trap=np.array([_Trap()], dtype=object))
    with pytest.raises(ValueError, match="damaged run file"):
        store.read(stored)
    assert not _Trap.loaded


@pytest.mark.parametrize(("owner", "step"), [(store.os, "fsync"), (Path, "replace")])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failing_write_leaves_nothing_behind(stored, owner, step, existing, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    if not existing:
        stored.unlink()
    before = {path.name: path.read_bytes() for path in stored.parent.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fail)
        with pytest.raises(OSError, match="disk full"):
            store.write(CONFIG, {"truth": np.zeros(6)}, PROVENANCE)
    assert {path.name: path.read_bytes() for path in stored.parent.iterdir()} == before


def test_runs_may_be_read_by_everybody(stored):
    """The temporary file is private; the run has the permissions of the package's own files."""
    assert stored.stat().st_mode & 0o777 == Path(store.__file__).stat().st_mode & 0o777


def test_published_runs_are_copies_and_read_first(stored, folders):
    target = store.publish(CONFIG)
    assert target == folders[0] / stored.name
    assert target.read_bytes() == stored.read_bytes()
    assert [path.name for path in folders[0].iterdir()] == [stored.name]
    store.write(CONFIG, {"truth": np.zeros(6)}, {**PROVENANCE, "commit": "later"})
    assert store.find(CONFIG).provenance["commit"] == PROVENANCE["commit"]
    target.write_bytes(target.read_bytes()[:100])
    assert store.find(CONFIG).provenance["commit"] == "later"  # the cache stands in for a damaged one
    store.publish(CONFIG)
    assert store.read(target).provenance["commit"] == "later"  # and takes its place


def test_without_settings_runs_lie_in_the_project_and_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("ISING_LIB_RESULTS")
    monkeypatch.delenv("ISING_LIB_CACHE")
    project = Path(store.__file__).parents[2]
    assert store.results_folder() in (None, project / "notebooks" / "results")
    assert store.cache_folder() == Path(store.platformdirs.user_cache_dir("ising_lib")) / "runs"


def test_error_of_a_stored_run_is_the_thesis_mse(rng):
    """For one vector of parameters and for a row of them; fields and couplings add up to the whole."""
    truth = ising.gaussian(5, rng=rng)
    models = [ising.gaussian(5, rng=rng) for _ in range(3)]
    arrays = {
        "truth": truth.to_vector(),
        "one": models[0].to_vector(),
        "many": np.array([model.to_vector() for model in models]),
    }
    run = store.Run({"n_spins": 5}, arrays, {})
    expected = [metrics.thesis_mse(model, truth) for model in models]
    assert run.error("one") == pytest.approx(expected[0], rel=1e-13)
    np.testing.assert_allclose(run.error("many"), expected, rtol=1e-13)
    np.testing.assert_allclose(
        run.share("many", "fields") + run.share("many", "couplings"), expected, rtol=1e-13
    )
    fields_alone = [((model.fields - truth.fields) ** 2).sum() / 5 for model in models]
    np.testing.assert_allclose(run.share("many", "fields"), fields_alone, rtol=1e-13)
