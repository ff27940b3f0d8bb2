"""Recordings that others have published: found, fetched, checked; never part of this project.

- ``RETINA``: Marre, Tkačik, Amodei, Schneidman, Bialek, Berry (2017), Multi-electrode array recording from
  salamander retinal ganglion cells, IST Austria, doi:10.15479/AT:ISTA:61; Tkačik et al. (2014), PLoS Comput.
  Biol. 10, e1003408.  160 neurons, 297 repeats of a film of fish, 953 bins of 20 ms.  No licence stated.
- ``ANNEALER``: Lokhov, Vuffray, Misra, Chertkov (2018), Optimal structure and parameter learning of Ising
  models, Sci. Adv. 4, e1700791.  500,000 states of 62 qubits of a D-Wave 2X.  BSD, Los Alamos Nat. Security.
- ``NEURONS``: the example of maxent_toolbox.  15 neurons, 40,000 bins, of unstated origin.  MIT, Ori Maoz.
"""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pooch
import scipy.io

from ising_lib import _checks


class Recording(NamedTuple):
    """A published file: its name here, its sha256, an address of these bytes, and the page about them."""

    file_name: str
    sha256: str
    url: str
    record: str


_HUB = "https://raw.githubusercontent.com"
RETINA = Recording(
    "bint_fishmovie32_100.mat",
    "50fa85a05950b76033809c8468f70c91fcd0c76d04587a685c1b76085f7f4dae",
    f"{_HUB}/jlnatal/CGProj/f96c2188e636a3466df61281e2b38894f3e11d31/bint_fishmovie32_100.mat",
    "https://doi.org/10.15479/AT:ISTA:61",
)
ANNEALER = Recording(
    "dwave_samples.zip",
    "224e0041c1166cac6895c539d31bbb7ab3e8666c91ce4713f492ea024480fa31",
    f"{_HUB}/lanl-ansi/inverse_ising/ac01adbc71dffd201bdca04a4b0102f08937234a/data_dwave/dwave_samples.zip",
    "https://github.com/lanl-ansi/inverse_ising",
)
NEURONS = Recording(
    "maxent_example15.mat",
    "8fa17e20b92f0eece540dd487e4437f35f223ccb86759bc36b3aaf56ba7c9344",
    f"{_HUB}/orimaoz/maxent_toolbox/82b4528675fed43beb1d90a1c06b43189afe023e/example15.mat",
    "https://github.com/orimaoz/maxent_toolbox",
)
SHAPE = (297, 160, 953)  # of the retina: repeats, neurons, time bins
_DOWNLOADER = pooch.HTTPDownloader(timeout=30)


class DatasetNotFound(FileNotFoundError):
    """The recording is not on this machine and could not be fetched."""


def load_retina(path=None):
    """The retina: was there a spike of this neuron in this 20 ms bin of this repeat?

    Looked for in this order: ``path``; the file or folder that the environment variable
    ``ISING_LIB_DATA`` names; the user's cache; the network, once, into that cache.  Whatever is found is
    checked against the published sha256.

    Args:
        path: the file, or the folder that holds it.

    Returns:
        numpy.ndarray: (297 repeats, 160 neurons, 953 bins) uint8 of 0 and 1.

    Raises:
        DatasetNotFound: nowhere to be had; the message says the three ways to get it.
        ValueError: a file was found whose sha256 is another.
    """
    return scipy.io.loadmat(_locate(RETINA, path), variable_names=["bint"])["bint"]


def load_annealer(path=None):
    """The annealer's states (500000, 62) int8 of ±1, equal ones side by side; else as ``load_retina``."""
    with zipfile.ZipFile(_locate(ANNEALER, path)) as archive, archive.open("dwave_samples.csv") as file:
        counts, *spins = np.loadtxt(file, delimiter=",", dtype=np.int32, unpack=True)
    return np.repeat(np.transpose(spins).astype(np.int8), counts, axis=0)


def load_neurons(path=None):
    """The neurons' bins (40000, 15) int8, −1 silent and +1 spike; else as ``load_retina``."""
    with h5py.File(_locate(NEURONS, path)) as file:
        return 2 * file["spikes15"][:].astype(np.int8) - 1


def _locate(recording, path):
    given, name = path or os.environ.get("ISING_LIB_DATA"), recording.file_name
    if not given:
        return _fetch(recording)
    file = Path(given).expanduser()
    file = file / name if file.is_dir() else file
    if not file.is_file():
        where = "path" if path else "ISING_LIB_DATA"
        raise DatasetNotFound(f"{where} must name {name} or its folder, got {str(given)!r}: no such file")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != recording.sha256:
        raise ValueError(f"{file} is not {name}: its sha256 is {digest}, expected {recording.sha256}")
    return file


def _fetch(recording):
    name, digest, url, record = recording
    cache = pooch.os_cache("ising_lib")
    options = {"known_hash": digest, "fname": name, "path": cache, "downloader": _DOWNLOADER}
    try:
        return Path(pooch.retrieve(url, **options))
    except (OSError, ValueError) as error:  # no network, no such page, or other bytes than published
        raise DatasetNotFound(
            f"{name} is not on this machine and could not be fetched ({type(error).__name__}). "
            f"Three ways to get it: (1) go online and try again; (2) download it from {record} "
            f"into {cache}, under this name; (3) keep it anywhere and set ISING_LIB_DATA to its path."
        ) from error


def most_active_spins(recording, n_neurons=40):
    """The most active neurons as spins, one sample per time bin, repeats one after another.

    Args:
        recording: (repeats, neurons, bins) of 0 and 1, from ``load_retina``.
        n_neurons: how many; the thesis takes 40.

    Returns:
        tuple: spins (repeats × bins, n_neurons) int8, −1 silent and +1 spike, most active neuron first;
        and the neurons' numbers in the recording (n_neurons,).
    """
    recording = np.asarray(recording)
    if recording.ndim != 3 or 0 in recording.shape:
        raise ValueError(f"recording must have shape (repeats, neurons, bins), got {recording.shape}")
    _checks.count("n_neurons", n_neurons, maximum=recording.shape[1])
    activity = recording.mean((0, 2))
    neurons = np.argsort(-activity, kind="stable")[:n_neurons]
    spikes = recording[:, neurons].transpose(0, 2, 1).reshape(-1, n_neurons)
    if not ((spikes == 0) | (spikes == 1)).all():
        raise ValueError(f"recording must hold only 0 and 1, got {spikes[(spikes != 0) & (spikes != 1)][0]}")
    return (2 * spikes.astype(np.int8) - 1), neurons


def split(spins, n_training, n_test, *, rng):
    """Shuffle the samples and cut off a training and a test set, without overlap  (thesis Sec. 3.4)."""
    spins = _checks.spins("spins", spins)
    _checks.count("n_training", n_training, maximum=len(spins) - 1)
    _checks.count("n_test", n_test, maximum=len(spins) - n_training)
    order = _checks.generator("rng", rng).permutation(len(spins))
    return spins[order[:n_training]], spins[order[n_training : n_training + n_test]]
