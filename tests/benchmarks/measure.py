"""How speed is measured here: by the time of one core, and all that is compared by turns in one process."""

import operator
import time
import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import torch

_RULES = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True)
class Line:
    """One measured number, and the target it has to meet, if any.

    Attributes:
        what: what was measured, for the table.
        value: the number.
        unit: of it.
        target: "≥ 5" or "≤ 120"; empty for a number that decides nothing.
    """

    what: str
    value: float
    unit: str = ""
    target: str = ""

    @property
    def met(self):
        """Whether the number meets its target; None without one."""
        if not self.target:
            return None
        rule, limit = self.target.split()
        return bool(_RULES[rule](self.value, float(limit)))


@dataclass(frozen=True)
class Row:
    """One row of the benchmark: a title, its lines, and curves {name: numbers} for the pictures."""

    title: str
    lines: list
    curves: dict = field(default_factory=dict)


def side_by_side(repeats, *functions):
    """Seconds of one core that each function takes: they run by turns, and the least of the repeats counts.

    What else the machine does can only add to a time.
    """
    seconds = np.empty((repeats, len(functions)))
    for turn in seconds:
        for n, function in enumerate(functions):
            clock = time.process_time()
            function()
            turn[n] = time.process_time() - clock
    return [float(least) for least in seconds.min(0)]


def peak_bytes(function):
    """The most memory that NumPy's arrays take while a function runs, beyond what was there before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def product_rate(shape, dtype, repeats=20):
    """Floating-point operations a second of one product of matrices (a, b) (b, c): the machine's limit."""
    a, b, c = shape
    left, right = torch.ones(a, b, dtype=dtype), torch.ones(b, c, dtype=dtype)
    out = torch.empty(a, c, dtype=dtype)
    [seconds] = side_by_side(repeats, lambda: torch.mm(left, right, out=out))
    return 2 * a * b * c / seconds


def exponent(sizes, costs, last=3):
    """p of cost ∝ size^p, by least squares on the logarithms of the ``last`` sizes."""
    return float(np.polyfit(np.log(sizes[-last:]), np.log(costs[-last:]), 1)[0])


def largest_z(found, expected, errors):
    """The largest deviation in units of its standard error."""
    return float(np.max(np.abs(found - expected) / errors))
