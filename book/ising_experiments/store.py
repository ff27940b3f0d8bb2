"""Stored runs: one file per run, named by the hash of its config, checked whenever it is read.

A run file is a plain .npz without pickle: the arrays, and a JSON text with config, provenance and a
checksum over all of it.  Spins (int8 arrays of ±1) are packed eight to a byte.  Two places are read: first
the published results, ``notebooks/results`` of the project (or the folder in ``ISING_LIB_RESULTS``); then the
user's cache (or the folder in ``ISING_LIB_CACHE``), which is written, and from which ``publish`` copies.
"""

import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from ising_lib import _files
from ising_lib.ising import IsingModel

log = logging.getLogger("ising_lib")

_META = "meta"  # name of the JSON text among the arrays
_PACKED = ".spins"  # suffix of arrays that hold packed spins
_NAME = "[a-z0-9_]+-[0-9a-f]{16}"  # of a run: EXPERIMENT-<16 hex>
_OURS = re.compile(rf"{_NAME}\.(npz|lock)|\.{_NAME}\.npz\..+")  # the last: left by an interrupted writing


@dataclass(frozen=True, eq=False)
class Run:
    """One stored run: ``run["name"]`` is an array, ``run.model("name")`` a model from its parameters."""

    config: Mapping  #: plain data, with the experiment's name and version
    arrays: Mapping  #: what was measured
    provenance: Mapping  #: who computed it: version, commit, machine, seconds

    def __getitem__(self, name):
        return self.arrays[name]

    def model(self, name):
        """The IsingModel whose L parameters the array ``name`` holds."""
        return IsingModel.from_vector(self.arrays[name], self.config["n_spins"])

    @property
    def core_seconds(self):
        """What it took of one core; of the clock, which is more, in runs that recorded only that."""
        return self.provenance.get("core_seconds", self.provenance["seconds"])

    def error(self, name):
        """MSE of the parameters in array ``name``, (L,) or (K, L), against the truth  (thesis Eq. 23)."""
        return self.share(name, "fields") + self.share(name, "couplings")

    def over_bound(self, name):
        """``error`` over the Cramér–Rao bound, where the run holds that as ``bound``."""
        return self.error(name) / self["bound"]

    def share(self, name, kind):
        """The part of ``error`` that the "fields" or the "couplings" contribute."""
        n_spins = self.config["n_spins"]
        part = {"fields": slice(0, n_spins), "couplings": slice(n_spins, None)}[kind]
        return ((self[name] - self["truth"])[..., part] ** 2).sum(-1) / n_spins


def key(config):
    """The name of a config's file: its experiment and the first 16 hex digits of the sha256 of its JSON."""
    return f"{config['experiment']}-{hashlib.sha256(_canonical(config)).hexdigest()[:16]}"


def results_folder():
    """Where published runs lie; None for an installed package without the project around it."""
    given = os.environ.get("ISING_LIB_RESULTS")
    if given is not None:
        return Path(given) if given else None
    folder = Path(__file__).parents[2] / "notebooks" / "results"
    return folder if folder.is_dir() else None


def cache_folder():
    """Where this user's own runs lie."""
    given = os.environ.get("ISING_LIB_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("ising_lib")) / "runs"


def find(config):
    """The stored run of this config, or None; a damaged file is named in a warning and not used."""
    for folder in (results_folder(), cache_folder()):
        path = folder / f"{key(config)}.npz" if folder else None
        if path and path.is_file():
            try:
                found = read(path)
            except ValueError as error:
                log.warning("%s; computing the run again", error)
                continue
            if _canonical(found.config) == _canonical(config):
                return found
            log.warning("run file %s holds another run than its name says; computing the run again", path)
    return None


def read(path):
    """Read a run file; a ValueError names one that is truncated, altered, or something else."""
    path = Path(path)
    try:
        # read whole: a file that turns out damaged is then not left open
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        meta = json.loads(stored.pop(_META).tobytes())
        checksum = meta.pop("checksum")
    except Exception as error:  # numpy, zipfile, zlib and json each have their own kinds for damage
        raise ValueError(f"damaged run file {path} ({type(error).__name__})") from error
    if checksum != _checksum(stored, meta):
        raise ValueError(f"damaged run file {path} (wrong checksum)")
    arrays = dict(_unpacked(name, array) for name, array in stored.items())
    return Run(meta["config"], arrays, meta["provenance"])


def write(config, arrays, provenance):
    """Write a run into the cache, aside and then renamed; return it as it will be read."""
    stored = dict(_packed(name, np.asarray(array)) for name, array in arrays.items())
    meta = {"config": config, "provenance": provenance}
    meta["checksum"] = _checksum(stored, meta)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_META: np.frombuffer(_canonical(meta), dtype=np.uint8)}, **stored)
    path = cache_folder() / f"{key(config)}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    _files.write(path, buffer.getvalue())
    return read(path)


def publish(config):
    """Copy a run from the cache to the published results, and return its path there."""
    folder = results_folder()
    if folder is None:
        raise ValueError("ISING_LIB_RESULTS must name a folder: there is no project around this package")
    source, target = (place / f"{key(config)}.npz" for place in (cache_folder(), folder))
    try:
        read(target)
    except ValueError:  # none there, or a damaged one
        read(source)  # never publish a damaged file
        folder.mkdir(parents=True, exist_ok=True)
        _files.write(target, source.read_bytes())
    return target


def lock(config):
    """A lock that two processes wanting the same run share: the second waits, then finds it stored."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{key(config)}.lock")


def _canonical(data):
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _checksum(stored, meta):
    digest = hashlib.sha256(_canonical(meta))
    for name in sorted(stored):
        array = np.ascontiguousarray(stored[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _packed(name, array):
    if array.dtype != np.int8 or array.ndim == 0 or not (np.abs(array) == 1).all():
        return name, array
    bits = np.packbits(array > 0, axis=-1)
    return f"{name}{_PACKED}{array.shape[-1]}", bits


def _unpacked(name, array):
    plain, packed, width = name.partition(_PACKED)
    if not packed:
        return name, array
    return plain, (2 * np.unpackbits(array, axis=-1, count=int(width)).astype(np.int8) - 1).astype(np.int8)


def cached():
    """The files of this package in the user's cache: runs, locks, left-overs; no other file, ever."""
    folder = cache_folder()
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if _OURS.fullmatch(path.name) and path.is_file()]


def clean():
    """Delete the runs in the user's cache: the files deleted, and those kept because they are in use.

    Raises:
        ValueError: the cache is the folder of the published runs.
    """
    folder, published = cache_folder(), results_folder()
    if published and folder.resolve() == published.resolve():
        raise ValueError(f"ISING_LIB_CACHE must not be the folder of the published runs, got {str(folder)!r}")
    deleted, kept = [], []
    for run in {re.search(_NAME, path.name)[0] for path in cached()}:
        files, lock = [path for path in cached() if run in path.name], folder / f"{run}.lock"
        try:
            with FileLock(lock, timeout=0):
                for path in (*files, lock):
                    path.unlink(missing_ok=True)
        except Timeout:
            kept += files
        else:
            deleted += files
    return deleted, kept
