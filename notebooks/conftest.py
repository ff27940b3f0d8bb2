"""How nbval treats the notebooks: those on the retina are skipped where the recording cannot be had."""

import pytest

from tests.recording import why_absent


def pytest_collection_modifyitems(items):
    retina = [item for item in items if "retina" in item.path.name]
    reason = why_absent() if retina else None
    if reason:
        for item in retina:
            item.add_marker(pytest.mark.skip(reason=reason))
