"""The retina recording of the thesis: found, fetched, checked; never part of this project.

Marre, Tkačik, Amodei, Schneidman, Bialek, Berry (2017), Multi-electrode array recording from salamander
retinal ganglion cells, IST Austria, doi:10.15479/AT:ISTA:61; Tkačik et al. (2014), PLoS Comput. Biol. 10,
e1003408.  160 neurons, 297 repeats of a film of swimming fish, 953 bins of 20 ms.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import pooch
import scipy.io

from ising_lib import _checks

FILE_NAME = "bint_fishmovie32_100.mat"
SHA256 = "50fa85a05950b76033809c8468f70c91fcd0c76d04587a685c1b76085f7f4dae"
RECORD = "https://doi.org/10.15479/AT:ISTA:61"
URL = f"https://raw.githubusercontent.com/jlnatal/CGProj/f96c2188e636a3466df61281e2b38894f3e11d31/{FILE_NAME}"
SHAPE = (297, 160, 953)  # repeats, neurons, time bins
_DOWNLOADER = pooch.HTTPDownloader(timeout=30)


class DatasetNotFound(FileNotFoundError):
    """The recording is not on this machine and could not be fetched."""


def load_retina(path=None):
    """The recording: was there a spike of this neuron in this 20 ms bin of this repeat?

    Looked for in this order: ``path``; the file or folder that the environment variable
    ``ISING_LIB_DATA`` names; the user's cache; the network, once, into that cache.  Whatever is found is
    checked against the published sha256.

    Args:
        path: the .mat file, or the folder that holds it.

    Returns:
        numpy.ndarray: (297 repeats, 160 neurons, 953 bins) uint8 of 0 and 1.

    Raises:
        DatasetNotFound: nowhere to be had; the message says the three ways to get it.
        ValueError: a file was found whose sha256 is another.
    """
    return scipy.io.loadmat(_locate(path), variable_names=["bint"])["bint"]


def _locate(path):
    given = path or os.environ.get("ISING_LIB_DATA")
    if not given:
        return _fetch()
    file = Path(given).expanduser()
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        name = "path" if path else "ISING_LIB_DATA"
        raise DatasetNotFound(f"{name} must name {FILE_NAME} or its folder, got {str(given)!r}: no such file")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{file} is not the recording: its sha256 is {digest}, expected {SHA256}")
    return file


def _fetch():
    cache = pooch.os_cache("ising_lib")
    options = {"known_hash": SHA256, "fname": FILE_NAME, "path": cache, "downloader": _DOWNLOADER}
    try:
        return Path(pooch.retrieve(URL, **options))
    except (OSError, ValueError) as error:  # no network, no such page, or other bytes than published
        raise DatasetNotFound(
            f"the retina recording is not on this machine and could not be fetched ({type(error).__name__}). "
            f"Three ways to get it: (1) go online and try again; (2) download {FILE_NAME} from {RECORD} "
            f"into {cache}; (3) keep it anywhere and set ISING_LIB_DATA to its path."
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
