"""``python -m tests.benchmarks [ROW …]``: measure rows, all by default; every one is stored as it ends.

Prints one table, writes ``results.json`` beside this file and the tables of ``book/benchmarks.md``.
"""

import datetime
import json
import platform
import sys
import time

import numba
import numpy as np
import scipy
import torch

from ising_experiments import provenance, runs
from ising_lib import _checks, _files
from tests.benchmarks import beyond, growth, heat_bath, inference, network, page, tried, whole

ROWS = {
    "heat_bath": heat_bath.row,
    "erasure_machine": inference.erasure_machine,
    "training_step": network.training_step,
    "augmented_samples": network.sampling,
    "pseudolikelihood": inference.pseudolikelihood,
    "imputation": inference.imputing,
    "boltzmann_learning": beyond.learning,
    "discrete_diffusion": beyond.redrawing,
    "kinetic": beyond.in_time,
    "figure_8": whole.figure_8,
    "book": whole.book,
    "import": whole.importing,
    "tried": tried.row,
    "growth_samples": growth.samples,
    "growth_spins": growth.spins,
    "growth_streamed": growth.streamed,
    "growth_drawing": growth.drawing,
}


def entry(row, seconds):
    """What is stored of a row: plain data."""
    return {
        "title": row.title,
        "machine": provenance.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": provenance.commit(),
        "versions": {
            "python": platform.python_version(),
            **{module.__name__: module.__version__ for module in (np, scipy, numba, torch)},
        },
        "seconds": round(seconds, 1),
        "lines": [{**vars(line), "value": float(f"{line.value:.4g}")} for line in row.lines],
        "curves": {
            name: [float(f"{v:.4g}") for v in np.asarray(values, dtype=float)]
            for name, values in row.curves.items()
        },
    }


def main(names):
    """Measure the rows of these names, one after another."""
    for name in names:
        _checks.choice("row", name, tuple(ROWS))
    for name in names or ROWS:
        clock = time.perf_counter()
        with runs.one_thread():
            row = ROWS[name]()
        measured = entry(row, time.perf_counter() - clock)
        results = {**page.read(), name: measured}
        ordered = {known: results[known] for known in ROWS if known in results}
        _files.write(page.RESULTS, (json.dumps(ordered, indent=1, ensure_ascii=False) + "\n").encode())
        print(page.terminal({name: measured}), flush=True)
    results = page.read()
    print(page.terminal(results))
    if len(results) == len(ROWS):
        page.write()


if __name__ == "__main__":
    main(sys.argv[1:])
