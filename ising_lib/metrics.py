"""How good is an inference: errors of parameters, recovery of missing spins, distance between samples."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ising_lib import _checks, imputation
from ising_lib.ising import IsingModel

_BLOCK = 1024


def thesis_mse(model, truth):
    """(1/M) [Σ_i (Δh_i)² + Σ_{i<j} (ΔJ_ij)²]  (thesis Eq. 23): divided by M, not by the L parameters.

    Args:
        model, truth: IsingModel, the inferred parameters and the true ones.

    Returns:
        float: in squared units of the temperature.
    """
    for name, value in (("model", model), ("truth", truth)):
        _checks.instance(name, value, IsingModel)
    if model.n_spins != truth.n_spins:
        raise ValueError(f"model must have {truth.n_spins} spins like truth, got {model.n_spins}")
    return float(((model.to_vector() - truth.to_vector()) ** 2).sum() / truth.n_spins)


def parameter_mse(model, truth):
    """Mean squared error per parameter: ``thesis_mse`` times 2/(M + 1), which is M/L."""
    return 2 * thesis_mse(model, truth) / (truth.n_spins + 1)


@dataclass(frozen=True)
class Recovery:
    """Scores of filled-in spins; "positive" is +1, a spike in neural data.

    Attributes:
        accuracy: share of missing spins filled correctly.
        balanced_accuracy: mean of the accuracies on true −1 and on true +1; 1/2 for a constant guess.
        recall: share of the true +1 that were filled with +1.
        precision: share of the +1 filled in that are true; NaN when none was filled in.
        n_missing: spins scored.
    """

    accuracy: float
    balanced_accuracy: float
    recall: float
    precision: float
    n_missing: int


def recovery(true_spins, filled_spins, missing):
    """The Recovery of spins (N, M), filled in where ``missing`` says; the thesis reports the accuracy."""
    true_spins = _checks.spins("true_spins", true_spins)
    filled_spins = _checks.spins("filled_spins", filled_spins, true_spins.shape[1])
    if not _checks.mask("missing", missing, true_spins.shape).any():
        raise ValueError("missing must mark at least one spin")
    scores = rates(*confusion(true_spins, filled_spins, missing).sum(1))
    return Recovery(**{name: float(value) for name, value in scores.items()}, n_missing=int(np.sum(missing)))


def confusion(true_spins, filled_spins, missing):
    """How the missing spins of each sample were filled in: the counts that all scores are made of.

    Args:
        true_spins, filled_spins: (N, M) of ±1.
        missing: (N, M) bool.

    Returns:
        numpy.ndarray: (4, N) int, for each sample the +1 found, the +1 missed, the +1 invented, and the −1
        filled in rightly.
    """
    up, filled = np.asarray(true_spins) > 0, np.asarray(filled_spins) > 0
    if filled.shape != up.shape:
        raise ValueError(f"filled_spins must have the shape {up.shape} of true_spins, got {filled.shape}")
    missing = _checks.mask("missing", missing, up.shape)
    kinds = (up & filled, up & ~filled, ~up & filled, ~up & ~filled)
    return np.array([(kind & missing).sum(1) for kind in kinds])


def rates(found, missed, invented, silent):
    """{name: array}, the scores of ``Recovery`` from the counts of ``confusion``, or from sums of them.

    The counts have one shape, and so have the scores; NaN where there is nothing to take a share of.
    """
    given = {"found": found, "missed": missed, "invented": invented, "silent": silent}
    found, missed, invented, silent = (_checks.array(name, n, low=0) for name, n in given.items())
    with np.errstate(invalid="ignore"):
        recall, specificity = found / (found + missed), silent / (silent + invented)
        return {
            "accuracy": (found + silent) / (found + missed + invented + silent),
            "balanced_accuracy": (recall + specificity) / 2,
            "recall": recall,
            "precision": found / (found + invented),
        }


def nearest_distance(spins, reference):
    """Number of differing spins, (N,), between each sample (N, M) and its nearest in ``reference`` (K, M).

    Zero marks a copy: samples of an overfitted network pile up there.
    """
    reference = _checks.spins("reference", reference)
    spins = _checks.spins("spins", spins, reference.shape[1])
    columns = reference.T.astype(np.float32)  # (M, K)
    nearest = np.empty(len(spins), dtype=np.int64)
    for start in range(0, len(spins), _BLOCK):
        overlap = spins[start : start + _BLOCK].astype(np.float32) @ columns  # (≤ block, K), M − 2 × distance
        nearest[start : start + _BLOCK] = np.rint((reference.shape[1] - overlap.max(1)) / 2)
    return nearest


class Agreement(NamedTuple):
    """The straight line through inferred against true parameters; each is (…), one per inference."""

    slope: np.ndarray  # b; below 1 the inferred parameters are too weak
    correlation: np.ndarray  # r; noise lowers it, weakness does not
    weakness: np.ndarray  # share of the mean squared error that comes from b ≠ 1 alone


def agreement(truth, inferred):
    """The least-squares line θ_inferred = a + b θ_true + noise  (thesis Fig. 5).  It splits the error::

        ⟨(θ_inferred − θ_true)²⟩ = (b − 1)² Var θ_true + Var noise + (⟨θ_inferred⟩ − ⟨θ_true⟩)²;

    the first term over the whole is the ``weakness``.

    Args:
        truth: θ_true (L,), not all equal.
        inferred: θ_inferred (…, L), not all equal, one row for each inference.
    """
    truth, inferred = _checks.array("truth", truth), _checks.array("inferred", inferred)
    if truth.ndim != 1 or inferred.shape[-1:] != truth.shape:
        raise ValueError(
            f"truth and inferred must have shapes (L,) and (…, L), got {truth.shape} and {inferred.shape}"
        )
    for name, values in (("truth", truth), ("inferred", inferred)):
        if (np.ptp(values, axis=-1) == 0).any():
            raise ValueError(f"{name} must not be all equal: no line goes through one point")
    true, found = truth - truth.mean(), inferred - inferred.mean(-1, keepdims=True)
    slope = (found * true).mean(-1) / true.var()
    weakness = (slope - 1) ** 2 * true.var() / ((inferred - truth) ** 2).mean(-1)
    return Agreement(slope, slope * true.std() / found.std(-1), weakness)


def log_pseudolikelihood(model, spins):
    """Mean of Σ_i log p(σ_i | others), where p(σ_i | others) = 1/(1 + exp(−2 σ_i (h_i + Σ_j J_ij σ_j))).

    How well a model predicts each spin from the others: on samples (N, M) it has not seen, a score that needs
    no truth and no partition function.  In nats per sample; −M log 2 for a model that knows nothing.
    """
    _checks.instance("model", model, IsingModel)
    spins = _checks.spins("spins", spins, model.n_spins).astype(np.float64)
    local = model.fields + spins @ model.couplings  # (N, M)
    return float(-np.logaddexp(0, -2 * spins * local).sum(1).mean())


def accuracy_gain(true_spins, filled_spins, other_spins, missing):
    """Accuracy of one way of filling in minus that of another, both on the same missing spins::

        d = Σ_n d_n / Σ_n m_n,    standard error √( N/(N − 1) Σ_n (d_n − d m_n)² ) / Σ_n m_n,

    with m_n the missing spins of sample n and d_n how many more of them the first way fills rightly.  Errors
    within a sample are correlated, so the sample is the unit.  What both fill alike cancels.

    Args:
        true_spins, filled_spins, other_spins: (N, M) of ±1, N ≥ 2.
        missing: (N, M) bool.

    Returns:
        tuple: d and its standard error, as shares; of other samples, not of another training.
    """
    right, other = (
        confusion(true_spins, spins, missing)[[0, 3]].sum(0) for spins in (filled_spins, other_spins)
    )
    gained, counted = right - other, np.asarray(missing).sum(1)  # (N,)
    if len(counted) < 2 or not counted.any():
        raise ValueError(f"missing must mark spins of at least 2 samples, got {np.count_nonzero(counted)}")
    gain = gained.sum() / counted.sum()
    n = len(counted)
    error = np.sqrt(n / (n - 1) * ((gained - gain * counted) ** 2).sum()) / counted.sum()
    return float(gain), float(error)


def independent_counts(rates):
    """Probabilities (…, M + 1) of 0 … M active neurons when each fires by itself with its rate p_i (…, M)."""
    rates = _checks.array("rates", rates, 0, 1)
    law = np.zeros((*rates.shape[:-1], rates.shape[-1] + 1))
    law[..., 0] = 1
    for i in range(rates.shape[-1]):  # one neuron more: it fires, or not
        p = rates[..., i, None]
        law[..., 1:] = law[..., 1:] * (1 - p) + law[..., :-1] * p
        law[..., :1] *= 1 - p
    return law


def held_out(parameters, spins, missing):
    """Score inferences on samples they have not seen: prediction of each spin, and recovery of missing ones.

    Args:
        parameters: (K, L), one row of fields and couplings for each inference.
        spins: (N, M) of ±1, the unseen samples.
        missing: (N, M) bool, the spins to hide and fill in by the most probable state.

    Returns:
        numpy.ndarray: (2, K), the ``log_pseudolikelihood`` and the accuracy of the recovery.
    """
    models = {k: IsingModel.from_vector(row, spins.shape[1]) for k, row in enumerate(parameters)}
    filled = imputation.recover(models, spins, missing)
    predicted = [log_pseudolikelihood(model, spins) for model in models.values()]
    return np.array([predicted, [recovery(spins, some, missing).accuracy for some in filled.values()]])


class Comparison(NamedTuple):
    """Several ways of filling in the same missing spins of the same samples."""

    scores: dict  # {name: Recovery}
    gains: dict  # {(one, other): accuracy of one minus that of other, and its standard error}


def compare(filled, spins, scored):
    """Score several ways of filling in the same missing spins, and compare them in pairs.

    Args:
        filled: {name: (N, M) of ±1}, from ``imputation.recover``.
        spins: the true ones, (N, M) of ±1.
        scored: (N, M) bool, the spins that were missing, or those among them that count.
    """
    return Comparison(
        scores={name: recovery(spins, some, scored) for name, some in filled.items()},
        gains={
            (one, other): accuracy_gain(spins, filled[one], filled[other], scored)
            for one, other in itertools.permutations(filled, 2)
        },
    )


def log_loss(true_spins, log_odds, missing):
    """−Σ_i log p(σ_i | known) over the missing spins of each sample: what a forecast costs in the end.

    With L_i the log-odds of +1, −log p(σ_i | known) = log(1 + exp(−σ_i L_i)).  It falls with what a model
    knows and rises with what it wrongly takes for sure; no forecast does better on average than the true
    conditional law.

    Args:
        true_spins: (N, M) of ±1.
        log_odds: (N, M), from ``imputation.log_odds``; only those of missing spins are looked at.
        missing: (N, M) bool.

    Returns:
        numpy.ndarray: (N,), in nats; infinite where something impossible came true.
    """
    true_spins, missing = _odds_of(true_spins, log_odds, missing)
    wrong = np.where(missing, -true_spins.astype(np.float64) * log_odds, -np.inf)
    return np.logaddexp(0, wrong).sum(1)


def _odds_of(true_spins, log_odds, missing):
    """The spins and the mask, checked against the log-odds of the missing ones."""
    true_spins = _checks.spins("true_spins", true_spins)
    missing = _checks.mask("missing", missing, true_spins.shape)
    if np.shape(log_odds) != true_spins.shape or np.isnan(np.asarray(log_odds)[missing]).any():
        raise ValueError(
            f"log_odds must have shape {true_spins.shape} and a number for each missing spin, got shape "
            f"{np.shape(log_odds)} or NaN"
        )
    return true_spins, missing


def odds_histogram(true_spins, log_odds, missing, edges):
    """Log-odds of the missing spins that are −1, and of those that are +1, counted in bins.

    Args:
        true_spins, log_odds, missing: as in ``log_loss``.
        edges: (B + 1,); what lies outside is counted in the outermost bins.

    Returns:
        numpy.ndarray: (2, B) int, first −1, then +1.
    """
    true_spins, missing = _odds_of(true_spins, log_odds, missing)
    up, inner = true_spins > 0, np.clip(log_odds, edges[0], edges[-1])
    return np.array([np.histogram(inner[missing & kind], edges)[0] for kind in (~up, up)])
