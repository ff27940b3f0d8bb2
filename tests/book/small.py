"""Worlds that take a second, a progress bar that counts, and where their runs are kept meanwhile."""

import dataclasses
import functools

import numpy as np
import pytest

from ising_experiments import worlds
from ising_lib import datasets, denoisers

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
WORLD = worlds.Augmentation(n_spins=6, n_observed=200, training=TRAINING)
L = 21  # parameters of six spins


def changed(world=WORLD, **values):
    """The world with other values of its training."""
    return dataclasses.replace(world, training=dataclasses.replace(world.training, **values))


class Bar:
    """A progress bar that counts."""

    updates = 0

    def update(self):
        self.updates += 1

    def reset(self, total):
        self.total, self.updates = total, 0


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no published runs: nothing is taken from elsewhere, nothing left behind."""
    monkeypatch.setenv("ISING_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISING_LIB_RESULTS", "")
    return tmp_path / "cache"


@pytest.fixture(autouse=True, scope="module")
def small_network():
    """The thesis's network, some hundred times smaller."""
    small = functools.partial(denoisers.ResidualMLP, n_dim=8, n_hidden1=16, n_hidden2=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoisers, "ResidualMLP", small)
        yield


@pytest.fixture
def small_recording(monkeypatch, rng):
    """A recording in place of the real one, with some of its structure: neurons that fire together."""
    common = rng.random((4, 1, 100)) < 0.2
    spikes = (rng.random((4, 9, 100)) < 0.1) | (common & (rng.random((4, 9, 100)) < 0.6))
    monkeypatch.setattr(datasets, "load_retina", lambda: spikes.astype(np.uint8))
