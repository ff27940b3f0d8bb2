"""The runs on recordings, with samples of a known model in place of a recording."""

import numpy as np
import pytest

from ising_experiments import real_data, walk, worlds
from ising_lib import estimators, exact, ising, metrics
from tests.book.small import TRAINING, Bar, L, cache, small_network  # noqa: F401

N_ALL = 4000
SIZES = {"recording": "neurons", "n_spins": 6, "n_observed": 1000, "n_test": 300}
WORLD = worlds.Recorded(**SIZES, n_iterations=20, n_augmented=500, n_sampling_steps=5)
FROZEN = {"augmented_spins": np.ones((50, 6), np.int8), "trajectory": None, "trajectory_steps": None}


@pytest.fixture
def model(monkeypatch):
    """A model whose samples, of seven spins, are the recording."""
    model = ising.gaussian(7, 0.5, 0.5, rng=np.random.default_rng(1))
    spins = exact.sample(model, N_ALL, rng=np.random.default_rng(2))
    monkeypatch.setitem(real_data.LOADERS, "neurons", lambda: spins)
    return model


@pytest.fixture
def everything(model):
    return real_data.whole(WORLD.whole(), Bar())


def test_the_fit_to_all_samples_has_their_moments(everything):
    """A likelihood with a ridge of 1/2N misses them by J/N, here 1e-3; up to 20 spins it is the truth."""
    spins = real_data.recording(WORLD).astype(float)
    assert spins.shape == (N_ALL, 6)
    fit = ising.IsingModel.from_vector(everything["truth"], 6)
    means, products = exact.moments(fit)
    np.testing.assert_allclose(means, spins.mean(0), atol=1e-3)
    np.testing.assert_allclose(products, spins.T @ spins / N_ALL, atol=1e-3)
    # both fits have the same limit; half a standard error of N samples, about 1/√N = 0.016, apart
    np.testing.assert_allclose(everything["pseudolikelihood"], everything["likelihood"], atol=0.008)
    assert everything["n_samples"] == N_ALL


def test_every_method_is_scored_against_the_fit_to_all_samples(everything):
    observed, test = walk.samples(WORLD)
    assert (observed.shape, test.shape) == ((1000, 6), (300, 6))
    arrays = real_data.recorded(WORLD, Bar(), everything)
    truth = ising.IsingModel.from_vector(arrays["truth"], 6)
    np.testing.assert_array_equal(arrays["truth"], everything["truth"])
    found = np.array([arrays[name] for name in real_data.METHODS])
    assert found.shape == (8, L)
    # drawn without replacement, N of N_ALL samples have 1 − N/N_ALL times the variance of fresh ones; a sum
    # of 21 squared errors spreads by √(2/21) = 0.31 of its mean, and a ridge takes a little more away
    expected = estimators.cramer_rao(truth, 1000).sum() * (1 - 1000 / N_ALL)
    for name in ("pseudolikelihood", "likelihood"):
        error = ((arrays[name] - arrays["truth"]) ** 2).sum()
        assert error == pytest.approx(expected, rel=0.9)
    fits = [ising.IsingModel.from_vector(vector, 6) for vector in (*found, arrays["truth"])]
    expected = [metrics.log_pseudolikelihood(fit, test) for fit in fits]
    np.testing.assert_allclose(arrays["scores"], expected)
    assert arrays["bias"] == pytest.approx(np.abs(observed.mean(0)).mean())
    assert not any(array.dtype == np.int8 for array in map(np.asarray, arrays.values()))


def test_a_method_that_refuses_the_samples_leaves_no_number(everything, monkeypatch):
    def refuse(_):
        raise ValueError("never")

    monkeypatch.setitem(real_data.METHODS, "erasure_tap", (refuse, "observed"))
    arrays = real_data.recorded(WORLD, Bar(), everything)
    index = list(real_data.METHODS).index("erasure_tap")
    assert np.isnan(arrays["erasure_tap"]).all()
    assert np.isnan(arrays["scores"]).tolist() == [n == index for n in range(9)]


def test_the_pipeline_infers_from_the_same_samples_and_keeps_none(everything):
    world = worlds.RecordedAugmentation(**SIZES, training=TRAINING)
    for mine, other in zip(walk.samples(world), walk.samples(WORLD), strict=True):
        np.testing.assert_array_equal(mine, other)
    arrays = real_data.augmentation(world, Bar(), everything)
    assert arrays["augmented"].shape == arrays["augmented_pseudolikelihood"].shape == (L,)
    assert arrays["scores"].shape == (2,)
    assert not any(np.asarray(array).dtype == np.int8 for array in arrays.values())
    assert not {"augmented_spins", "trajectory"} & arrays.keys()


def test_a_pipeline_whose_spins_freeze_leaves_no_number_of_its_rival(everything, monkeypatch):
    monkeypatch.setattr(real_data.walk, "pipeline", lambda *_: {**FROZEN, "augmented": everything["truth"]})
    arrays = real_data.augmentation(
        worlds.RecordedAugmentation(**SIZES, training=TRAINING), Bar(), everything
    )
    assert np.isnan(arrays["augmented_pseudolikelihood"]).all()
    assert np.isnan(arrays["scores"]).tolist() == [False, True]
