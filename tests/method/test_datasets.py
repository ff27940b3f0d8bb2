"""The recordings against their published facts; and every way in which it can be missing or wrong."""

import hashlib
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import requests
import scipy.io

from ising_lib import datasets
from tests.recording import why_absent


@pytest.fixture
def fabricated(tmp_path, monkeypatch, rng):
    """A small file of the same format in the recording's place: the folder that holds it, and its spikes."""
    spikes = rng.integers(0, 2, (3, 5, 7), dtype=np.uint8)
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / datasets.RETINA.file_name
    scipy.io.savemat(file, {"bint": spikes})
    publish(monkeypatch, "RETINA", file)
    return folder, spikes


def publish(monkeypatch, name, file):
    """Take the bytes of a file for those that were published."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets, name, getattr(datasets, name)._replace(sha256=digest))


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
    activity, counts = recording.mean((0, 2)), recording.sum(1)  # of neurons; (repeats, bins)
    shares = (activity.min(), activity.max(), activity.mean(), (counts == 0).mean())
    assert [round(share, 4) for share in shares] == [0.0011, 0.1625, 0.0358, 0.2101]
    assert counts.max() == 45
    words = np.packbits(recording.transpose(0, 2, 1).reshape(-1, 160), axis=1)  # (283041, 20)
    assert len(set(map(bytes, words))) == 147_790


@pytest.mark.recording
def test_the_forty_most_active_neurons(recording):
    spins, neurons = datasets.most_active_spins(recording)
    activity = (spins == 1).mean(0)
    assert spins.shape == (283_041, 40)
    assert len(set(neurons)) == 40
    assert (np.diff(activity) <= 0).all()
    assert (round(100 * activity.mean(), 2), round(100 * activity[0], 1)) == (7.47, 16.2)
    assert round(100 * activity[-1], 1) == 4.8


FACTS = {  # shape, spins that are +1, different samples: counted in the files by other means
    "annealer": ((500_000, 62), 15_139_585, 252_310),
    "neurons": ((40_000, 15), 68_530, 1_501),
}


@pytest.mark.slow
@pytest.mark.recording
@pytest.mark.parametrize("name", FACTS)
def test_other_recordings_are_the_published_ones(name):
    reason = why_absent(name)
    if reason:
        pytest.skip(reason)
    spins = getattr(datasets, f"load_{name}")()
    shape, n_up, n_different = FACTS[name]
    assert (spins.shape, spins.dtype, set(np.unique(spins))) == (shape, np.int8, {-1, 1})
    assert (spins > 0).sum() == n_up
    assert len(set(map(bytes, np.packbits(spins > 0, axis=1)))) == n_different


def test_a_histogram_becomes_samples(tmp_path, monkeypatch):
    """Each line is a count and a state: the state comes as often as its count says."""
    file = tmp_path / datasets.ANNEALER.file_name
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("dwave_samples.csv", "2,1,-1,1\n1,-1,-1,1\n")
    publish(monkeypatch, "ANNEALER", file)
    spins = datasets.load_annealer(tmp_path)
    assert spins.dtype == np.int8
    assert spins.tolist() == [[1, -1, 1], [1, -1, 1], [-1, -1, 1]]


def test_spikes_become_spins(tmp_path, monkeypatch):
    file = tmp_path / datasets.NEURONS.file_name
    with h5py.File(file, "w") as written:
        written["spikes15"] = np.array([[1, 0], [0, 0], [1, 1]], dtype=np.uint8)
    publish(monkeypatch, "NEURONS", file)
    spins = datasets.load_neurons(tmp_path)
    assert spins.dtype == np.int8
    assert spins.tolist() == [[1, -1], [-1, -1], [1, 1]]


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


def test_split_is_disjoint_shuffled_and_repeats_with_its_stream():
    (training, test), again, other = (
        datasets.split(numbered(200), 120, 50, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (training.shape, test.shape) == ((120, 8), (50, 8))
    assert len({tuple(sample) for sample in np.concatenate([training, test])}) == 170
    assert {tuple(s) for s in training} <= {tuple(s) for s in numbered(200)}
    assert (training != numbered(200)[:120]).any()
    for mine, same, different in zip((training, test), again, other, strict=True):
        np.testing.assert_array_equal(mine, same)
        assert (mine != different).any()


@pytest.mark.parametrize("form", ["file", "folder", "~"])
@pytest.mark.parametrize("way", ["path", "path as text", "environment"])
def test_file_and_folder_are_both_understood(fabricated, form, way, monkeypatch):
    folder, spikes = fabricated
    monkeypatch.setenv("HOME", str(folder.parent))
    given = {"file": folder / datasets.RETINA.file_name, "folder": folder, "~": Path("~/data")}[form]
    if way == "environment":
        monkeypatch.setenv("ISING_LIB_DATA", str(given))
    loaded = datasets.load_retina({"path": given, "path as text": str(given), "environment": None}[way])
    np.testing.assert_array_equal(loaded, spikes)
    assert loaded.dtype == np.uint8


def test_path_goes_before_the_environment(fabricated, tmp_path, monkeypatch):
    """The environment's wrong file is not even looked at; a wrong path is not saved by the environment."""
    folder, spikes = fabricated
    monkeypatch.setenv("ISING_LIB_DATA", str(tmp_path / "nowhere"))
    np.testing.assert_array_equal(datasets.load_retina(folder), spikes)
    monkeypatch.setenv("ISING_LIB_DATA", str(folder))
    with pytest.raises(datasets.DatasetNotFound, match="path must name"):
        datasets.load_retina(tmp_path / "nowhere")


@pytest.mark.parametrize("way", ["path", "ISING_LIB_DATA"])
@pytest.mark.parametrize("found", ["nothing", "a folder without it", "other bytes"])
def test_what_is_not_the_recording_is_named(way, found, tmp_path, monkeypatch):
    """The network is not tried instead.  Of other bytes, both checksums are said."""
    file = tmp_path / "other.mat"
    if found == "other bytes":
        file.write_bytes(b"something else")
    given = str(tmp_path if found == "a folder without it" else file)
    monkeypatch.setenv("ISING_LIB_DATA", given if way == "ISING_LIB_DATA" else "")
    with pytest.raises((datasets.DatasetNotFound, ValueError)) as caught:
        datasets.load_retina(given if way == "path" else None)
    if found == "other bytes":
        name, published = datasets.RETINA[:2]
        digest = hashlib.sha256(b"something else").hexdigest()
        said = f"{file} is not {name}: its sha256 is {digest}, expected {published}"
        assert str(caught.value) == said
    else:
        said = f"{way} must name {datasets.RETINA.file_name} or its folder, got {given!r}: no such file"
        assert (caught.type, str(caught.value)) == (datasets.DatasetNotFound, said)


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
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.__cause__ is failure
    ways = ("go online", datasets.RETINA.record, str(datasets.pooch.os_cache("ising_lib")), "ISING_LIB_DATA")
    for part in (type(failure).__name__, datasets.RETINA.file_name, *ways):
        assert part in str(caught.value)


def test_fetched_file_is_checked_and_read_from_the_cache(fabricated, monkeypatch):
    """The fetch asks for the published checksum, at the pinned commit, under the name of way (2)."""
    folder, spikes = fabricated
    asked = {}

    def retrieve(url, **options):
        asked.update(options, url=url)
        return str(folder / datasets.RETINA.file_name)

    monkeypatch.setattr(datasets.pooch, "retrieve", retrieve)
    np.testing.assert_array_equal(datasets.load_retina(), spikes)
    del asked["downloader"]
    cache = datasets.pooch.os_cache("ising_lib")
    named = {"known_hash": datasets.RETINA.sha256, "fname": datasets.RETINA.file_name, "path": cache}
    assert asked == {"url": datasets.RETINA.url, **named}
