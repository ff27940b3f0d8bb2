"""Stored runs may not drift from the code: a small run is recomputed and must equal its stored twin.

A change of the numbers on purpose: raise ``version`` of the experiment, then run this file as a script.
"""

import os

import numpy as np
import pytest
import torch
from tqdm import tqdm

from ising_lib import experiments, provenance, store

GOLDEN = experiments.Augmentation(
    n_spins=8,
    n_observed=400,
    training=experiments.Training(
        n_iterations=48,
        n_checkpoints=3,
        n_monitor=300,
        n_augmented=600,
        n_sampling_steps=10,
        batch_size=32,
        precision="float32",
    ),
)


def test_a_small_run_equals_its_stored_twin():
    plain = experiments.describe(GOLDEN)
    stored = store.read(store.results_folder() / f"{store.key(plain)}.npz")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    fresh = GOLDEN.compute(tqdm(disable=True))
    torch.set_num_threads(threads)
    same_machine = (stored.provenance["machine"], stored.provenance["torch"]) == (
        provenance.machine(),
        torch.__version__,
    )
    for name, array in stored.arrays.items():
        if same_machine:
            np.testing.assert_array_equal(fresh[name], array, err_msg=name)
        elif array.ndim == 0 or name in ("iterations", "sizes", "truth", "observed"):
            # other processors round sums differently; what depends on few operations stays close
            assert fresh[name] == pytest.approx(array, rel=1e-3, abs=1e-4), name


if __name__ == "__main__":
    os.environ["ISING_LIB_PUBLISH"] = "1"
    experiments.run(GOLDEN)
