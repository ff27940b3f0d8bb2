"""Regressions of spins on spins, many targets on the same features, by Newton's method."""

import numpy as np

from ising_lib import _checks
from ising_lib.erasure import NotConverged

RIDGES = np.geomspace(1.0, 1e-4, 13)  # strengths tried by "auto"
_FOLDS = 3
_TOLERANCE, _FOLD_TOLERANCE = 5e-7, 1e-5  # of the gradient; the second moves a held-out loss by some 1e-9
_MAX_STEPS = 200
_BLOCK = 512  # rows handled at once: their temporaries stay in the second-level cache


def regress(features, targets, used, ridge, rng=None, loss="logistic"):
    """K regressions: for each target σ'_k, the field f_k = b_k + Σ_j W_kj σ_j that predicts it best.

    With the margins x_k = σ'_k f_k it minimises, for each k, λ Σ_j W_kj² and ⟨log(1 + exp(−2 x_k))⟩, minus
    the log-likelihood of p(σ') = 1/(1 + exp(−2 σ' f)), for "logistic", or log ⟨exp(−x_k)⟩ for "screening".

    Args:
        features, targets: the σ (N, P) and the σ' (N, K), of ±1.
        used: (K, P) bool, the weights that are not kept at zero.
        ridge: λ ≥ 0, or "auto": the one of ``RIDGES`` with the least held-out loss in three folds.
        rng: shuffles the samples into the folds; without it they are cut in their order.

    Returns:
        tuple: b (K,), W (K, P), the λ used, and Newton's steps.
    """
    features = np.pad(features.astype(np.float64), ((0, 0), (0, 1)), constant_values=1.0)  # (N, P + 1)
    targets, used = targets.astype(np.float64), np.pad(used, ((0, 0), (0, 1)), constant_values=True)
    if isinstance(ridge, str):
        _checks.choice("ridge", ridge, ("auto",))
        ridge = _choose_ridge(features, targets, used, rng, loss)
    ridge = _checks.real("ridge", ridge, low=0.0)
    [(found, n_steps)] = _path(features, targets, used, [ridge], loss, _TOLERANCE)
    separated = (targets * (features @ found.T) > 0).all(0)
    if ridge == 0 and separated.any():  # scaled up, the parameters would fit better, without end
        which = f"spin {separated.argmax()}" if len(separated) > 1 else "a spin"
        raise NotConverged(
            f"{which} is a function of the others in these samples: its parameters have no finite estimate; "
            f"use a ridge above 0",
            np.inf,
        )
    return found[:, -1], found[:, :-1], ridge, n_steps


def _choose_ridge(features, targets, used, rng, loss):
    n_samples = len(features)
    if n_samples < _FOLDS:
        raise ValueError(f"spins must be at least {_FOLDS} samples for ridge='auto', got {n_samples}")
    rows = np.arange(n_samples) if rng is None else _checks.generator("rng", rng).permutation(n_samples)
    scores = np.zeros(RIDGES.size)
    for fold in np.array_split(rows, _FOLDS):
        kept = np.delete(features, fold, axis=0), np.delete(targets, fold, axis=0)
        for n, (found, _) in enumerate(_path(*kept, used, RIDGES, loss, _FOLD_TOLERANCE)):
            scores[n] += len(fold) * _derivatives(features[fold], targets[fold], found, loss)[0].sum()
    return RIDGES[scores.argmin()]


def _path(features, targets, used, ridges, loss, tolerance):
    """Yield the parameters (K, P + 1) and Newton's steps for each strength, each started from the last.

    The second derivatives are kept, also from one strength to the next, while a step with them makes the
    gradient three times smaller; and steps are halved that do not lower the loss.
    """
    penalised, diagonal = used & (np.arange(used.shape[1]) < used.shape[1] - 1), np.eye(used.shape[1])
    found, second = np.zeros(used.shape), None
    for ridge in ridges:
        penalty, lowest, residual, fresh, step = ridge * penalised, np.inf, np.inf, False, 0 * found
        for n_steps in range(_MAX_STEPS):
            if second is None:
                value, slope, second = _derivatives(features, targets, found, loss, second=True)
                second *= used[:, :, None] & used[:, None, :]
                second += diagonal * (1e-10 + ~used[:, None, :])  # 1e-10: also where a combination is free
                fresh = True
            else:
                value, slope, _ = _derivatives(features, targets, found, loss)
            value = value + (penalty * found**2).sum(1)
            worse = ~(value <= lowest + 1e-9)  # also where it is no number
            if worse.any():
                step = step / 2 * worse[:, None]
                found = found + step
                continue
            lowest, before = value, residual
            slope = (slope + 2 * penalty * found) * used
            residual = np.abs(slope).max()
            if residual <= tolerance:
                yield found, n_steps
                break
            if residual > before / 3 and not fresh:
                second = None
                continue
            curvature = second + 2 * penalty[:, :, None] * diagonal
            step, fresh = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0], False
            found = found - step
        else:
            raise NotConverged(
                f"the regression did not converge: residual {residual:.1e}, allowed {tolerance:.0e}; some "
                f"spin may be a function of the others in these samples; use a larger ridge",
                residual,
            )


def _derivatives(features, targets, parameters, loss, second=False):
    """The K losses, their gradients (K, P + 1) and, if asked for, second derivatives (K, P + 1, P + 1)."""
    shape = parameters.shape
    value, slope = np.zeros(shape[0]), np.zeros(shape)
    curvature = np.zeros((*shape, shape[1]))
    for start in range(0, len(features), _BLOCK):
        x, y = features[start : start + _BLOCK], targets[start : start + _BLOCK]
        values, slopes, curvatures = _LOSSES[loss](y * (x @ parameters.T))
        value += values.sum(0)
        slope += (y * slopes).T @ x
        if second:  # float32: Newton's steps need no more
            x, curvatures = x.astype(np.float32), curvatures.astype(np.float32)
            for k in range(shape[0]):
                curvature[k] += (x * curvatures[:, [k]]).T @ x
    if loss == "logistic":
        return value / len(features), slope / len(features), curvature / len(features)
    slope /= value[:, None]
    curvature = curvature / value[:, None, None] - slope[:, :, None] * slope[:, None, :]
    return np.log(value / len(features)), slope, curvature


def _logistic(margins):
    """log(1 + exp(−2 x)) and its derivatives: one exponential gives all three."""
    small = np.exp(-2 * np.abs(margins))
    right = 1 / (1 + small)  # the probability of the likelier value
    wrong = np.where(margins >= 0, small, 1.0) * right  # 1 − p
    return np.maximum(-2 * margins, 0) - np.log(right), -2 * wrong, 4 * small * right**2


def _screening(margins):
    """exp(−x) and its derivatives; the logarithm of the sum is taken at the end."""
    with np.errstate(over="ignore"):  # infinite, the step is halved
        weights = np.exp(-margins)
    return weights, -weights, weights


_LOSSES = {"logistic": _logistic, "screening": _screening}
