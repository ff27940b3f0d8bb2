"""How good is an inference: errors of parameters, recovery of missing spins, distance between samples."""

from dataclasses import dataclass

import numpy as np

from ising_lib import _checks
from ising_lib.ising import IsingModel

_BLOCK = 1024


def thesis_mse(model, truth):
    """(1/M) [Σ_i (Δh_i)² + Σ_{i<j} (ΔJ_ij)²] of two IsingModels, a float  (thesis Eq. 23): over M, not L."""
    for name, value in (("model", model), ("truth", truth)):
        _checks.instance(name, value, IsingModel)
    if model.n_spins != truth.n_spins:
        raise ValueError(f"model must have {truth.n_spins} spins like truth, got {model.n_spins}")
    return float(((model.to_vector() - truth.to_vector()) ** 2).sum() / truth.n_spins)


@dataclass(frozen=True)
class Recovery:
    """Scores of filled-in spins; "positive" is +1, a spike in neural data."""

    accuracy: float  #: share of missing spins filled correctly
    balanced_accuracy: float  #: mean of the accuracies on true −1 and on true +1; 1/2 for a constant guess
    recall: float  #: share of the true +1 that were filled with +1
    precision: float  #: share of the +1 filled in that are true; NaN when none was filled in
    n_missing: int  #: spins scored


def recovery(true_spins, filled_spins, missing):
    """The Recovery of spins (N, M), filled in where ``missing`` says; the thesis reports the accuracy."""
    true_spins = _checks.spins("true_spins", true_spins)
    filled_spins = _checks.spins("filled_spins", filled_spins, true_spins.shape[1])
    if not _checks.mask("missing", missing, true_spins.shape).any():
        raise ValueError("missing must mark at least one spin")
    scores = rates(*confusion(true_spins, filled_spins, missing).sum(1))
    return Recovery(**{name: float(value) for name, value in scores.items()}, n_missing=int(np.sum(missing)))


def confusion(true_spins, filled_spins, missing):
    """The counts that all scores are made of, of each sample's missing spins: (4, N) int.

    They are the +1 found, the +1 missed, the +1 invented, and the −1 filled in rightly.  Spins are (N, M) of
    ±1, and missing is (N, M) bool.
    """
    up, filled = np.asarray(true_spins) > 0, np.asarray(filled_spins) > 0
    if filled.shape != up.shape:
        raise ValueError(f"filled_spins must have the shape {up.shape} of true_spins, got {filled.shape}")
    missing = _checks.mask("missing", missing, up.shape)
    kinds = (up & filled, up & ~filled, ~up & filled, ~up & ~filled)
    return np.array([(kind & missing).sum(1) for kind in kinds])


def rates(found, missed, invented, silent):
    """{name: array}, the scores of ``Recovery`` from the counts of ``confusion`` or sums of them."""
    given = {"found": found, "missed": missed, "invented": invented, "silent": silent}
    found, missed, invented, silent = (_checks.array(name, n, low=0) for name, n in given.items())
    with np.errstate(invalid="ignore"):  # NaN where there is nothing to take a share of
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


def log_pseudolikelihood(model, spins):
    """Mean of Σ_i log p(σ_i | others), where p(σ_i | others) = 1/(1 + exp(−2 σ_i (h_i + Σ_j J_ij σ_j))).

    How well a model predicts each spin from the others: on samples (N, M) it has not seen, a score that needs
    no truth and no partition function.  In nats per sample; −M log 2 for a model that knows nothing.
    """
    _checks.instance("model", model, IsingModel)
    spins = _checks.spins("spins", spins, model.n_spins).astype(np.float64)
    local = model.fields + spins @ model.couplings  # (N, M)
    return float(-np.logaddexp(0, -2 * spins * local).sum(1).mean())


def log_loss(true_spins, log_odds, missing):
    """−Σ_i log p(σ_i | known) over the missing spins of each sample, (N,) in nats: what a forecast costs.

    With L_i the log-odds of +1, −log p(σ_i | known) = log(1 + exp(−σ_i L_i)).  It falls with what a model
    knows and rises with what it wrongly takes for sure; on average the true distribution does best.

    Args:
        true_spins, missing: (N, M) of ±1, and bool.
        log_odds: (N, M), from ``imputation.log_odds``; only those of missing spins are looked at.
    """
    true_spins = _checks.spins("true_spins", true_spins)
    missing = _checks.mask("missing", missing, true_spins.shape)
    if np.shape(log_odds) != true_spins.shape or np.isnan(np.asarray(log_odds)[missing]).any():
        raise ValueError(
            f"log_odds must have shape {true_spins.shape} and a number for each missing spin, got shape "
            f"{np.shape(log_odds)} or NaN"
        )
    wrong = np.where(missing, -true_spins.astype(np.float64) * log_odds, -np.inf)
    return np.logaddexp(0, wrong).sum(1)
