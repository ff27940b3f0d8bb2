"""When to stop training: the energy variance of the generated samples against two lines, and rivals."""

from dataclasses import dataclass

import numpy as np

from ising_lib import _checks
from ising_lib.ising import energy


@dataclass(frozen=True)
class StoppingPoint:
    """Where the rule stops; if the variance never came down to the line, at the last checkpoint."""

    index: int  #: the checkpoint to keep, an index into the arrays given to ``crossing``
    iteration: float  #: where the variance meets the line, interpolated along the iterations' logarithm
    line: float  #: the variance it meets there
    crossed: bool  #: did it?  Whoever reports the number has to say so where it did not


def energy_variance(spins, model):
    """Var E = ⟨E²⟩ − ⟨E⟩² of samples (N, M) under the model fitted to the observed ones  (thesis Sec. 3.2).

    The thesis calls it a specific heat: it is the variance of the total energy, M times that per spin.
    """
    return float(energy(model, spins).var())


def crossing(iterations, variance, test_line, observed_line):
    """The StoppingPoint where Var E of the samples first comes down to the test line: the thesis's rule.

    Half-trained networks make samples whose variance is too high; it falls as training goes on, through
    that of fresh test samples, towards that of the observed samples, which the network ends by copying.
    The observed line is a floor: below it the network has overfitted, whatever the test line says.  So
    the line to meet is the higher of the two.  Thesis Sec. 3.2, Fig. 7b and 13.

    Args:
        iterations, variance: (K,) rising numbers of updates, and Var E of the samples drawn there.
        test_line, observed_line: Var E of the test samples and of the observed samples.
    """
    variance = _checks.array("variance", variance, shape=(max(np.size(variance), 1),))
    iterations = _checks.array("iterations", iterations, shape=variance.shape)
    if (np.diff(iterations) <= 0).any() or iterations[0] <= 0:
        raise ValueError("iterations must be positive and rising")
    line = max(_checks.real("test_line", test_line), _checks.real("observed_line", observed_line))
    above = variance > line
    downward = np.flatnonzero(above[:-1] & ~above[1:]) + 1
    if downward.size == 0:
        return StoppingPoint(len(variance) - 1, float(iterations[-1]), line, crossed=False)
    index = int(downward[0])
    fraction = (variance[index - 1] - line) / (variance[index - 1] - variance[index])
    low, high = np.log(iterations[index - 1 : index + 1])
    return StoppingPoint(index, float(np.exp(low + fraction * (high - low))), line, crossed=True)
