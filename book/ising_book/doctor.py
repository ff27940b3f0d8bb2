"""Is this machine ready for the book?  One line for each thing, and what to do where the answer is no.

Each check imports what it looks at by itself, so that a missing package stops no other check.
"""

import importlib.metadata
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ROOM = 1e9  # bytes on the disk of the cache


@dataclass(frozen=True)
class Finding:
    """What was looked at, "fine", "note" or "broken", what was found, and what to do about it."""

    what: str
    state: str
    found: str
    advice: str = ""

    def __str__(self):
        return f"{self.state:6}  {self.what}: {self.found}{f'; {self.advice}' if self.advice else ''}"


def examine():
    """Look at everything, one Finding after another; nothing is changed or fetched."""
    for check in (packages, processor, cache, results, recording, browser, kernel):
        try:
            yield check()
        except Exception as error:  # a check that fails is itself a finding, and the others go on
            kind, what = type(error).__name__, check.__name__
            yield Finding(what, "broken", f"{kind}: {error}", "please report it")


def packages():
    """Every package that the library and the book ask for is there, in a version they allow."""
    from packaging.requirements import Requirement

    wrong = []
    requirements = [Requirement(text) for text in importlib.metadata.requires("ising-lib") or ()]
    wanted = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": "book"})]
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if wrong:
        repair = "run: pip install -c constraints.txt -e '.[book]'"
        return Finding("packages", "broken", ", ".join(wrong), repair)
    return Finding("packages", "fine", f"all {len(wanted)} that are asked for")


def processor():
    """PyTorch's version, the devices it can use, its threads, and bfloat16 in hardware."""
    import torch

    from ising_experiments import runs
    from ising_lib import ddpm

    cores, threads, devices = runs.cores(), torch.get_num_threads(), ["cpu"]
    devices += ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    logging.disable(logging.WARNING)  # it would say in a line of its own what is said here
    precision = ddpm.resolve_precision("auto")
    logging.disable(logging.NOTSET)
    found = f"PyTorch {torch.__version__} on {', '.join(devices)}, {threads} threads on {cores} cores"
    advice = ""
    if threads > cores:
        advice = f"set OMP_NUM_THREADS={cores}: more only wait for each other"
    elif precision == "float32":
        advice = "no units for bfloat16: networks take about twice as long"
    return Finding("processor", "note" if advice else "fine", found, advice)


def cache():
    """The cache can be written, its size, and the room on its disk."""
    from ising_experiments import store

    folder = store.cache_folder()
    runs = store.cached()
    size = sum(path.stat().st_size for path in runs)
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    found = f"{folder}, {sum(path.suffix == '.npz' for path in runs)} runs, {size / 1e6:.1f} MB"
    if not (place.is_dir() and os.access(place, os.W_OK)):
        advice = "set ISING_LIB_CACHE to another folder"
        return Finding("cache", "broken", f"{found}, cannot be written", advice)
    free = shutil.disk_usage(place).free
    found += f", {free / 1e9:.1f} GB free"
    advice = "make room, or: ising-book cache --clean" if free < _ROOM else ""
    return Finding("cache", "note" if advice else "fine", found, advice)


def results():
    """The published runs are there and whole."""
    from ising_experiments import store

    folder = store.results_folder()
    if folder is None:
        advice = "every run is computed when it is asked for"
        return Finding("results", "note", "none beside this package", advice)
    runs = sorted(folder.glob("*.npz"))
    damaged = []
    for path in runs:
        try:
            store.read(path)
        except ValueError:
            damaged.append(path.name)
    size = sum(path.stat().st_size for path in runs)
    if damaged:
        advice = "restore them by git, else they are computed again"
        return Finding("results", "broken", f"{folder}, damaged: {', '.join(damaged)}", advice)
    return Finding("results", "fine", f"{folder}, {len(runs)} runs, {size / 1e6:.1f} MB, all whole")


def recording():
    """The retina recording is on this machine, or where it comes from."""
    import pooch

    from ising_lib import datasets

    given = os.environ.get("ISING_LIB_DATA")
    kept = Path(pooch.os_cache("ising_lib")) / datasets.RETINA.file_name
    if not given and not kept.is_file():
        source = f"Figures 11 to 14 fetch it from {datasets.RETINA.url}"
        return Finding("retina recording", "note", "not on this machine", source)
    try:
        file = datasets._locate(datasets.RETINA, given or kept)
    except (datasets.DatasetNotFound, ValueError) as error:
        advice = "correct ISING_LIB_DATA" if given else "delete the file"
        return Finding("retina recording", "broken", str(error), advice)
    return Finding("retina recording", "fine", f"{file}, checksum right")


def browser():
    """A browser that can print the book; nothing else needs one."""
    from ising_book import pdf

    try:
        return Finding("browser", "fine", pdf.browser())
    except RuntimeError as error:
        advice = "only ising-book pdf and the tests of the pages need it"
        return Finding("browser", "note", str(error), advice)


def kernel():
    """A Jupyter kernel starts, is reached over the loopback, and computes: notebooks need it."""
    from jupyter_client.manager import run_kernel

    from ising_book.execute import require_loopback

    try:
        require_loopback()
    except RuntimeError as error:
        return Finding("Jupyter kernel", "broken", str(error))
    try:
        with run_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            reply = client.execute_interactive("6 * 7", timeout=60, output_hook=lambda _: None)
    except Exception as error:  # zmq, the kernel's death, a time-out: whatever it is, no notebook will run
        advice = "install ipykernel, and allow connections to 127.0.0.1"
        return Finding("Jupyter kernel", "broken", f"does not start ({error})", advice)
    state = "fine" if reply["content"]["status"] == "ok" else "broken"
    return Finding("Jupyter kernel", state, f"starts and answers, {sys.executable}")
