"""The recording against its published facts; and every way in which it can be missing or wrong."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import requests
import scipy.io

from ising_lib import datasets


@pytest.fixture
def fabricated(tmp_path, monkeypatch, rng):
    """A small file of the same format in the recording's place: the folder that holds it, and its spikes."""
    spikes = rng.integers(0, 2, (3, 5, 7), dtype=np.uint8)
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / datasets.FILE_NAME
    scipy.io.savemat(file, {"bint": spikes})
    monkeypatch.setattr(datasets, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return folder, spikes


@pytest.fixture(autouse=True)
def _no_network(request, monkeypatch):
    """Nothing is fetched, and nothing is taken from the surroundings, but for the recording itself."""
    if "recording" not in request.keywords:
        monkeypatch.delenv("ISING_LIB_DATA", raising=False)
        monkeypatch.setattr(datasets.pooch, "retrieve", lambda *_, **__: pytest.fail("asked the network"))


@pytest.mark.recording
def test_recording_is_the_published_one(recording):
    assert recording.shape == datasets.SHAPE == (297, 160, 953)
    assert recording.dtype == np.uint8
    assert set(np.unique(recording)) == {0, 1}
    assert recording.sum() == 1_622_436
    assert round(recording.mean(), 5) == 0.03583


@pytest.mark.recording
def test_activity_of_the_neurons(recording):
    activity = recording.mean((0, 2))
    assert [round(value, 4) for value in (activity.min(), activity.max(), activity.mean())] == [
        0.0011,
        0.1625,
        0.0358,
    ]


@pytest.mark.recording
def test_words_of_the_population(recording):
    words = np.packbits(recording.transpose(0, 2, 1).reshape(-1, 160), axis=1)  # (283041, 20)
    assert len(words) == 283_041
    assert len(set(map(bytes, words))) == 147_790
    counts = recording.sum(1)  # (repeats, bins)
    assert round((counts == 0).mean(), 4) == 0.2101
    assert counts.max() == 45


@pytest.mark.recording
def test_the_forty_most_active_neurons(recording):
    spins, neurons = datasets.most_active_spins(recording)
    activity = (spins == 1).mean(0)
    assert spins.shape == (283_041, 40)
    assert len(set(neurons)) == 40
    assert (np.diff(activity) <= 0).all()
    assert (round(100 * activity.mean(), 2), round(100 * activity[0], 1)) == (7.47, 16.2)
    assert round(100 * activity[-1], 1) == 4.8


@pytest.mark.recording
def test_spins_are_the_flattened_recording(recording):
    spins, neurons = datasets.most_active_spins(recording, 160)
    flat = 2 * recording.transpose(0, 2, 1).reshape(-1, 160).astype(np.int8) - 1
    assert sorted(neurons) == list(range(160))
    np.testing.assert_array_equal(spins, flat[:, neurons])


def test_most_active_spins_by_hand():
    """Neuron 2 fires three times, neurons 0 and 1 twice (the earlier first), neuron 3 never."""
    recording = np.zeros((2, 4, 3), dtype=np.uint8)  # repeats, neurons, bins
    recording[0, 0] = [1, 1, 0]
    recording[:, 1] = [0, 0, 1]
    recording[:, 2] = [[1, 0, 1], [0, 1, 0]]
    spins, neurons = datasets.most_active_spins(recording, 3)
    assert neurons.tolist() == [2, 0, 1]
    assert spins.dtype == np.int8
    assert spins.tolist() == [[1, 1, -1], [-1, 1, -1], [1, -1, 1], [-1, -1, -1], [1, -1, -1], [-1, -1, 1]]


def numbered(n_samples):
    """Samples that are all different: sample n is n in binary."""
    return 2 * ((np.arange(n_samples)[:, None] >> np.arange(8)) & 1) - 1


def test_split_is_disjoint_and_of_the_wanted_sizes(rng):
    training, test = datasets.split(numbered(200), 120, 50, rng=rng)
    assert (training.shape, test.shape) == ((120, 8), (50, 8))
    assert len({tuple(sample) for sample in np.concatenate([training, test])}) == 170
    assert {tuple(s) for s in training} <= {tuple(s) for s in numbered(200)}


def test_split_shuffles_and_repeats_with_its_stream():
    first, again, other = (
        datasets.split(numbered(200), 120, 80, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for mine, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(mine, same)
        assert (mine != different).any()
    assert (first[0] != numbered(200)[:120]).any()


@pytest.mark.parametrize("form", ["file", "folder"])
@pytest.mark.parametrize("way", ["path", "path as text", "environment"])
def test_file_and_folder_are_both_understood(fabricated, form, way, monkeypatch):
    folder, spikes = fabricated
    given = folder / datasets.FILE_NAME if form == "file" else folder
    if way == "environment":
        monkeypatch.setenv("ISING_LIB_DATA", str(given))
        loaded = datasets.load_retina()
    else:
        loaded = datasets.load_retina(given if way == "path" else str(given))
    np.testing.assert_array_equal(loaded, spikes)
    assert loaded.dtype == np.uint8


def test_home_is_expanded(fabricated, monkeypatch):
    folder, spikes = fabricated
    monkeypatch.setenv("HOME", str(folder.parent))
    np.testing.assert_array_equal(datasets.load_retina("~/data"), spikes)


def test_path_goes_before_the_environment(fabricated, tmp_path, monkeypatch):
    """The environment's wrong file is not even looked at; a wrong path is not saved by the environment."""
    folder, spikes = fabricated
    monkeypatch.setenv("ISING_LIB_DATA", str(tmp_path / "nowhere"))
    np.testing.assert_array_equal(datasets.load_retina(folder), spikes)
    monkeypatch.setenv("ISING_LIB_DATA", str(folder))
    with pytest.raises(datasets.DatasetNotFound, match="path must name"):
        datasets.load_retina(tmp_path / "nowhere")


@pytest.mark.parametrize("way", ["path", "ISING_LIB_DATA"])
@pytest.mark.parametrize("absent", ["nowhere.mat", "."])
def test_absent_file_is_named(way, absent, tmp_path, monkeypatch):
    """A name that does not exist, and a folder without the file: the network is not tried instead."""
    given = str(tmp_path / absent)
    monkeypatch.setenv("ISING_LIB_DATA", given if way == "ISING_LIB_DATA" else "")
    with pytest.raises(datasets.DatasetNotFound) as caught:
        datasets.load_retina(given if way == "path" else None)
    assert f"{way} must name {datasets.FILE_NAME} or its folder" in str(caught.value)
    assert repr(given) in str(caught.value)


@pytest.mark.parametrize("way", ["path", "environment"])
def test_other_bytes_are_refused_with_both_checksums(way, tmp_path, monkeypatch):
    file = tmp_path / "other.mat"
    file.write_bytes(b"something else")
    monkeypatch.setenv("ISING_LIB_DATA", str(file) if way == "environment" else "")
    with pytest.raises(ValueError, match="is not the recording") as caught:
        datasets.load_retina(file if way == "path" else None)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)
    assert datasets.SHA256 in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "failure",
    [OSError("no route"), requests.exceptions.ConnectionError("no name"), ValueError("wrong hash")],
    ids=lambda error: type(error).__name__,
)
def test_offline_one_error_names_the_three_ways(failure, monkeypatch):
    """The third failure is pooch's, when the page has other bytes than published."""

    def retrieve(*_, **__):
        raise failure

    monkeypatch.setattr(datasets.pooch, "retrieve", retrieve)
    with pytest.raises(datasets.DatasetNotFound) as caught:
        datasets.load_retina()
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert type(failure).__name__ in message
    assert caught.value.__cause__ is failure
    for way in ("go online", datasets.RECORD, datasets.FILE_NAME, "ISING_LIB_DATA"):
        assert way in message
    assert str(datasets.pooch.os_cache("ising_lib")) in message


def test_fetched_file_is_checked_and_read_from_the_cache(fabricated, monkeypatch):
    """The fetch asks for the published checksum, at the pinned commit, under the name of way (2)."""
    folder, spikes = fabricated
    asked = []

    def retrieve(url, **options):
        asked.append((url, options))
        return str(folder / datasets.FILE_NAME)

    monkeypatch.setattr(datasets.pooch, "retrieve", retrieve)
    np.testing.assert_array_equal(datasets.load_retina(), spikes)
    [(url, options)] = asked
    assert url == datasets.URL
    assert options["known_hash"] == datasets.SHA256
    assert options["fname"] == datasets.FILE_NAME
    assert Path(options["path"]) == datasets.pooch.os_cache("ising_lib")
