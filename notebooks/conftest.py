"""How nbval treats the notebooks: messages on standard error are no output, the retina may be absent."""

import pytest

from tests.recording import why_absent


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)  # e.g. matplotlib building its font cache in a new home


def pytest_collection_modifyitems(items):
    words = ("retina", "imputation")  # in the names of the notebooks that use the recording
    retina = [item for item in items if any(word in item.path.name for word in words)]
    reason = why_absent() if retina else None
    if reason:
        for item in retina:
            item.add_marker(pytest.mark.skip(reason=reason))
