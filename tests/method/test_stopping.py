"""The stopping rule against curves whose crossing is known in closed form."""

import numpy as np
import pytest

from ising_lib import ising, stopping
from tests import oracles

ROUNDING = 1e-12  # a logarithm, an exponential and a handful of products in double precision, with a margin
ITERATIONS = np.array([250, 500, 1000, 2000, 4000, 8000])


def falling(iterations, start=60.0, slope=5.0):
    """A variance exactly linear in log n, for which the interpolation of the rule has no error."""
    return start - slope * np.log(iterations)


def test_energy_variance_is_that_of_a_double_loop(rng):
    """Var E = ⟨E²⟩ − ⟨E⟩²; of equal samples it is zero."""
    model = ising.gaussian(5, 1.3, rng=rng)
    spins = rng.choice([-1, 1], (40, 5))
    energies = oracles.energies(model, spins)
    expected = np.mean(np.square(energies)) - np.mean(energies) ** 2
    assert stopping.energy_variance(spins, model) == pytest.approx(expected, rel=ROUNDING)
    assert stopping.energy_variance(np.ones((7, 5)), model) == pytest.approx(0, abs=ROUNDING)


@pytest.mark.parametrize("wanted", [260.0, 777.0, 1999.0, 7000.0])
def test_crossing_of_a_line_in_log_iterations_is_exact(wanted):
    """60 − 5 log n meets the level 60 − 5 log n* at n = n*."""
    point = stopping.crossing(ITERATIONS, falling(ITERATIONS), falling(wanted), 0.0)
    assert point.crossed
    assert point.iteration == pytest.approx(wanted, rel=ROUNDING)
    assert ITERATIONS[point.index - 1] < wanted < ITERATIONS[point.index]
    assert point.line == falling(wanted)


def test_meeting_the_line_at_a_checkpoint_is_a_crossing_there():
    variance = [9.0, 7.0, 5.0, 3.0]
    point = stopping.crossing([100, 200, 400, 800], variance, 5.0, 1.0)
    assert (point.index, point.crossed) == (2, True)
    assert point.iteration == pytest.approx(400, rel=ROUNDING)


def test_observed_line_is_a_floor():
    """A test line below the observed line is never waited for: the crossing is that of the observed line."""
    curve = falling(ITERATIONS)
    test_line, observed_line = falling(5000.0), falling(1500.0)
    point = stopping.crossing(ITERATIONS, curve, test_line, observed_line)
    assert point == stopping.crossing(ITERATIONS, curve, observed_line, test_line)
    assert point.iteration == pytest.approx(1500, rel=ROUNDING)
    assert point.line == observed_line


def test_curve_from_below_crosses_on_its_way_down():
    """Below at 1, above at 2 and 3, below from 4 on: not the rise is meant, but the fall in 4 … 8."""
    point = stopping.crossing([1, 2, 4, 8, 16], [3.0, 8.0, 9.0, 5.0, 2.0], 7.0, 1.0)
    assert (point.index, point.crossed) == (3, True)
    assert point.iteration == pytest.approx(4 * np.sqrt(2), rel=ROUNDING)  # half of the fall, half of log 2


def test_the_first_of_several_falls_counts():
    point = stopping.crossing([1, 2, 4, 8, 16], [9.0, 5.0, 9.0, 5.0, 9.0], 7.0, 1.0)
    assert (point.index, point.crossed) == (1, True)
    assert point.iteration == pytest.approx(np.sqrt(2), rel=ROUNDING)


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
