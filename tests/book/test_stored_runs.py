"""The published runs: these, whole, and a small one recomputed must equal its stored twin.

``stored_runs.txt`` lists them all.  A move of code changes none of them: who computes runs anew, or others,
changes that list on purpose.  A change of the numbers on purpose: raise ``version`` of the experiment, then
run this file as a script.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from tqdm import tqdm

from ising_book import execute
from ising_experiments import provenance, runs, store, walk, worlds

LISTED = (Path(__file__).parent / "stored_runs.txt").read_text().split()
RESULTS = execute.ROOT / "notebooks" / "results"
GOLDEN = worlds.Augmentation(
    n_spins=8,
    n_observed=400,
    training=worlds.Training(
        n_iterations=48,
        n_checkpoints=3,
        n_monitor=300,
        n_augmented=600,
        n_sampling_steps=10,
        batch_size=32,
        precision="float32",
    ),
)


def key(config):
    return store.key(worlds.describe(config))


def test_the_notebooks_still_name_every_listed_run():
    """Their configs and the golden one: not a digit of a name may change by accident."""
    planned = {key(config) for name in execute.names() for config in execute.plan(name)}
    assert set(LISTED) - planned == {key(GOLDEN)}


def test_the_store_holds_the_listed_runs_whole_and_nothing_else():
    assert sorted(path.name for path in RESULTS.iterdir()) == sorted(f"{name}.npz" for name in LISTED)
    for name in LISTED:
        run = store.read(RESULTS / f"{name}.npz")
        assert store.key(run.config) == name
        assert store.key(worlds.describe(worlds.from_plain(run.config))) == name


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*retina-*.npz")), ids=lambda path: path.stem)
def test_no_run_holds_samples_of_the_recording(path):
    """Models of up to 40 spins have 820 parameters; 1,000 or more numbers in a row, each a spin, would be
    samples: but for counts and losses of 1,000 test samples in ``fair_retina``, whose last axis they are."""
    for name, array in store.read(path).arrays.items():
        assert array.dtype != np.int8, name
        assert max(array.shape, default=0) < (1001 if name in ("counts", "log_loss") else 1000), name


@pytest.mark.slow
def test_a_small_run_equals_its_stored_twin():
    stored = store.read(RESULTS / f"{key(GOLDEN)}.npz")
    with runs.one_thread():
        fresh = walk.augmentation(GOLDEN, tqdm(disable=True))
    shapes = ({name: np.shape(array) for name, array in run.items()} for run in (fresh, stored.arrays))
    assert next(shapes) == next(shapes)
    np.testing.assert_allclose(fresh["truth"], stored["truth"], rtol=1e-12)
    here = provenance.machine(), torch.__version__
    if (stored.provenance["machine"], stored.provenance["torch"]) == here:
        for name, array in stored.arrays.items():
            np.testing.assert_array_equal(fresh[name], array, err_msg=name)
    # other processors round sums differently, and one spin that flips changes all that follows: what stays
    # is the size of things, to a few standard errors of 400 samples
    assert fresh["test_line"] == pytest.approx(stored["test_line"], rel=0.3)
    np.testing.assert_allclose(fresh["loss"], stored["loss"], rtol=0.2)
    np.testing.assert_allclose(fresh["observed"], stored["observed"], atol=0.35)


if __name__ == "__main__":
    runs.run(GOLDEN)
    store.publish(worlds.describe(GOLDEN))
