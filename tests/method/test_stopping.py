"""The stopping rule against curves whose crossing is known in closed form."""

import numpy as np
import pytest

from ising_lib import stopping

ROUNDING = 1e-12  # a logarithm, an exponential and a handful of products in double precision, with a margin
ITERATIONS = np.array([250, 500, 1000, 2000, 4000, 8000])


def falling(iterations):
    """A variance exactly linear in log n, for which the interpolation of the rule has no error."""
    return 60 - 5 * np.log(iterations)


@pytest.mark.parametrize("wanted", [260.0, 777.0, 1999.0, 7000.0])
def test_crossing_of_a_line_in_log_iterations_is_exact(wanted):
    """60 − 5 log n meets the level 60 − 5 log n* at n = n*."""
    point = stopping.crossing(ITERATIONS, falling(ITERATIONS), falling(wanted), 0.0)
    assert point.crossed
    assert point.iteration == pytest.approx(wanted, rel=ROUNDING)
    assert ITERATIONS[point.index - 1] < wanted < ITERATIONS[point.index]
    assert point.line == falling(wanted)


@pytest.mark.parametrize(
    ("variance", "index", "iteration"),
    [
        ([9.0, 7.0, 6.5, 3.0, 2.0], 1, 2),  # the line itself, at a checkpoint
        ([3.0, 8.0, 9.0, 5.0, 2.0], 3, 4 * np.sqrt(2)),  # not the rise is meant, but the fall in 4 … 8
        ([9.0, 5.0, 9.0, 5.0, 9.0], 1, np.sqrt(2)),  # the first of several falls
    ],
)
def test_the_first_fall_to_the_line_counts(variance, index, iteration):
    point = stopping.crossing([1, 2, 4, 8, 16], variance, 7.0, 1.0)
    assert (point.index, point.crossed) == (index, True)
    assert point.iteration == pytest.approx(iteration, rel=ROUNDING)


@pytest.mark.parametrize(
    "variance",
    [[9.0, 8.0, 7.5], [1.0, 2.0, 3.0], [1.0, 2.0, 9.0]],
    ids=["always above", "always below", "rises through it"],
)
def test_never_down_to_the_line_says_so_and_keeps_the_last(variance):
    point = stopping.crossing([10, 20, 40], variance, 7.0, 6.0)
    assert point == stopping.StoppingPoint(index=2, iteration=40.0, line=7.0, crossed=False)
    alone = stopping.crossing([5], variance[:1], 10.0, 10.0)  # a single checkpoint is no crossing
    assert alone == stopping.StoppingPoint(0, 5.0, 10.0, crossed=False)
