"""How nbval treats the notebooks: messages on standard error are no output, a recording may be absent."""

import pytest

from tests.recording import recordings, why_absent


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        # messages, e.g. matplotlib building its font cache in a new home; pictures, as nbval does with PNG
        collector.skip_compare += ("stderr", "image/svg+xml")


def pytest_collection_modifyitems(items):
    needs = {path: recordings(path) for path in {item.path for item in items}}
    # pages on the other recordings show stored runs alone
    reasons = {path: why_absent(*{"retina"}.intersection(names)) for path, names in needs.items()}
    for item in items:
        if reasons[item.path]:
            item.add_marker(pytest.mark.skip(reason=reasons[item.path]))
