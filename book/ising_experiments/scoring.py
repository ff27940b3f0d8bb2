"""Scores that several pages share: lines through parameters, recoveries in pairs, checkpoints by rule."""

import itertools
from typing import NamedTuple

import numpy as np

from ising_lib import imputation, metrics, stopping


def agreement(truth, inferred):
    """The least-squares line θ_inferred = a + b θ_true + noise  (thesis Fig. 5).  It splits the error::

        ⟨(θ_inferred − θ_true)²⟩ = (b − 1)² Var θ_true + Var noise + (⟨θ_inferred⟩ − ⟨θ_true⟩)².

    Args:
        truth: θ_true (L,).
        inferred: θ_inferred (…, L), one row for each inference.

    Returns:
        tuple, (…,) each: the slope b; the correlation, which noise lowers and weakness does not; and the
        weakness, the share of the first term in the error.
    """
    true, found = truth - truth.mean(), inferred - inferred.mean(-1, keepdims=True)
    slope = (found * true).mean(-1) / true.var()
    weakness = (slope - 1) ** 2 * true.var() / ((inferred - truth) ** 2).mean(-1)
    return slope, slope * true.std() / found.std(-1), weakness


def recover(models, spins, missing):
    """Hide the spins marked missing and fill them in by each of several models.

    Args:
        models: {name: IsingModel}.
        spins, missing: (N, M) of ±1, and bool; the models never see the spins marked missing.

    Returns:
        dict: {name: (N, M) int8 of ±1}.
    """
    spins = np.where(missing, np.int8(0), spins)
    return {name: imputation.impute(model, spins) for name, model in models.items()}


class Comparison(NamedTuple):
    """Several ways of filling in the same missing spins of the same samples."""

    scores: dict  # {name: metrics.Recovery}
    gains: dict  # {(one, other): accuracy of one minus that of other, and its standard error}


def compare(filled, spins, scored):
    """Score several ways of filling in the same missing spins, and compare them in pairs.

    Args:
        filled: {name: (N, M) of ±1}, from ``recover``.
        spins: the true ones, (N, M) of ±1.
        scored: (N, M) bool, the spins that were missing, or those among them that count.
    """
    return Comparison(
        scores={name: metrics.recovery(spins, some, scored) for name, some in filled.items()},
        gains={
            (one, other): accuracy_gain(spins, filled[one], filled[other], scored)
            for one, other in itertools.permutations(filled, 2)
        },
    )


def accuracy_gain(spins, one, other, missing):
    """Accuracy of one way of filling in minus that of another, as a share, and its standard error::

        d = Σ_n d_n / Σ_n m_n,    √( N/(N − 1) Σ_n (d_n − d m_n)² ) / Σ_n m_n,

    with m_n the missing spins of sample n and d_n how many more of them the first way fills rightly.  Errors
    within a sample are correlated, so the sample is the unit; the error is of other samples, not of another
    training.  All arrays are (N, M).
    """
    right, wrong = (metrics.confusion(spins, some, missing)[[0, 3]].sum(0) for some in (one, other))
    gained, counted, n = right - wrong, missing.sum(1), len(spins)  # (N,)
    gain = gained.sum() / counted.sum()
    error = np.sqrt(n / (n - 1) * ((gained - gain * counted) ** 2).sum()) / counted.sum()
    return float(gain), float(error)


def independent_counts(rates):
    """Probabilities (…, M + 1) of 0 … M active neurons when each fires by itself with its rate p_i (…, M)."""
    law = np.zeros((*rates.shape[:-1], rates.shape[-1] + 1))
    law[..., 0] = 1
    for i in range(rates.shape[-1]):  # one neuron more: it fires, or not
        p = rates[..., i, None]
        law[..., 1:] = law[..., 1:] * (1 - p) + law[..., :-1] * p
        law[..., :1] *= 1 - p
    return law


def kept(course, errors, until=np.inf):
    """Which checkpoint of a training each rule keeps.

    Args:
        course: a run: ``iterations``, ``variance`` and ``test_loss``, (K,)
            each, and the two lines of ``stopping.crossing``.
        errors: (K,) against the truth, which only an oracle knows.
        until: forget the checkpoints after this number of updates.

    Returns:
        dict: {rule: index}: "variance", the thesis's rule; "loss", lowest
        denoising loss on the test samples; "oracle", lowest error; "last".
    """
    seen = course["iterations"] <= until
    curve = course["iterations"][seen], course["variance"][seen]
    lines = float(course["test_line"]), float(course["observed_line"])
    return {
        "variance": stopping.crossing(*curve, *lines).index,
        "loss": int(course["test_loss"][seen].argmin()),
        "oracle": int(errors[seen].argmin()),
        "last": int(seen.sum()) - 1,
    }
