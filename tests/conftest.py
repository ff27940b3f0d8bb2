"""Fixtures of the whole suite: seeded randomness, one thread each, the retina recording."""

import collections
import os
import sys
import zlib

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: tests run side by side, and threads would wait

import numpy as np
import pytest


def pytest_collection_modifyitems(items):
    """Files with many slow tests come first: the last to end are then short, whoever takes which."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def rng(request):
    """A random stream of the test's own, the same at every run: its seed is the test's name."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread():
    """One thread: sums keep one order, so equal seeds give equal bits.  Never the reason to load torch."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def recording():
    """The retina recording, or a skip with the reason why it cannot be had."""
    from ising_lib import datasets
    from tests.recording import why_absent

    reason = why_absent("retina")
    if reason:
        pytest.skip(reason)
    return datasets.load_retina()
