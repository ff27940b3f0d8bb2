"""Files that are there as a whole or not at all."""

import os
import shutil
import tempfile
from pathlib import Path


def write(path, content):
    """Write bytes aside and then rename: no reader, and no power cut, ever finds half of them.

    Raises:
        OSError: no such folder, no right to write there, no space; what was there before still is.
    """
    path = Path(path)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(Path(__file__), aside)  # mkstemp makes private files
        Path(aside).replace(path)
    finally:
        Path(aside).unlink(missing_ok=True)
