"""How nbval treats the notebooks: messages on standard error are no output, the retina may be absent."""

import pytest

from tests.recording import uses_recording, why_absent


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        # messages, e.g. matplotlib building its font cache in a new home; pictures, as nbval does with PNG
        collector.skip_compare += ("stderr", "image/svg+xml")


def pytest_collection_modifyitems(items):
    retina = [item for item in items if uses_recording(item.path)]
    reason = why_absent() if retina else None
    if reason:
        for item in retina:
            item.add_marker(pytest.mark.skip(reason=reason))
