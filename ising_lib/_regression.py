"""Regressions of spins on spins, many targets on the same features, by Newton's method."""

import numpy as np

from ising_lib import _checks
from ising_lib.erasure import NotConverged

RIDGES = np.geomspace(1e-4, 1.0, 13)  # strengths tried by "auto"
_FOLDS = 3
_TOLERANCE = 5e-7  # of the gradient
_FOLD_TOLERANCE = 1e-5  # moves a held-out loss by some 1e-9
_MAX_STEPS = 200
_BLOCK = 512  # rows handled at once: their temporaries stay in the second-level cache


def regress(features, targets, ridge, rng=None, *, used=None, loss="logistic"):
    """K regressions: for each target σ'_k, the field f_k = b_k + Σ_j W_kj σ_j that predicts it best.

    With the margins x_k = σ'_k f_k it minimises, for each k, λ Σ_j W_kj² and::

        ⟨log(1 + exp(−2 x_k))⟩    logistic: minus the log-likelihood of p(σ') = 1/(1 + exp(−2 σ' f)),
        log ⟨exp(−x_k)⟩           screening.

    Args:
        features: (N, P) of ±1, the σ.
        targets: (N, K) of ±1, the σ'.
        ridge: λ ≥ 0, or "auto": the one of ``RIDGES`` with the least held-out loss in three folds.
        rng: shuffles the samples into the folds; without it they are cut in their order.
        used: (K, P) bool, the weights that are not kept at zero; all if not given.
        loss: "logistic" or "screening".

    Returns:
        tuple: b (K,), W (K, P), the λ used, and Newton's steps.

    Raises:
        NotConverged: some target is a function of its features, and the ridge 0.
    """
    constant = np.ones((len(features), 1))
    features = np.concatenate([features, constant], axis=1)  # (N, P + 1), float64
    targets = np.asarray(targets, np.float64)
    shape = targets.shape[1], features.shape[1] - 1
    used = np.concatenate([np.ones(shape, bool) if used is None else used, np.ones((shape[0], 1), bool)], 1)
    if isinstance(ridge, str):
        _checks.choice("ridge", ridge, ("auto",))
        ridge = _choose_ridge(features, targets, rng, used, loss)
    _checks.real("ridge", ridge, low=0.0)
    [(found, n_steps)] = _path(features, targets, [ridge], used, loss, _TOLERANCE)
    if ridge == 0:
        for k, row in enumerate(found):
            if (targets[:, k] * (features @ row) > 0).all():  # scaled up, it would fit better, without end
                raise NotConverged(
                    f"spin {k} is a function of the others in these samples: its parameters have no finite "
                    f"estimate; use a ridge above 0",
                    np.inf,
                )
    return found[:, -1], found[:, :-1], float(ridge), n_steps


def _choose_ridge(features, targets, rng, used, loss):
    n_samples = len(features)
    if n_samples < _FOLDS:
        raise ValueError(f"spins must be at least {_FOLDS} samples for ridge='auto', got {n_samples}")
    rows = np.arange(n_samples) if rng is None else _checks.generator("rng", rng).permutation(n_samples)
    scores = np.zeros(RIDGES.size)
    for fold in np.array_split(rows, _FOLDS):
        kept = np.delete(features, fold, axis=0), np.delete(targets, fold, axis=0)
        path = _path(*kept, RIDGES[::-1], used, loss, _FOLD_TOLERANCE)
        for n, (found, _) in enumerate(path):
            scores[n] += _derivatives(features[fold], targets[fold], found, loss)[0].sum() * len(fold)
    return RIDGES[::-1][scores.argmin()]


def _path(features, targets, ridges, used, loss, tolerance):
    """Yield the parameters (K, P + 1) and Newton's steps for each strength, each started from the last.

    The second derivatives are kept, also from one strength to the next, while a step with them makes the
    gradient three times smaller; and steps are halved that do not lower the loss.
    """
    penalised, diagonal = used.copy(), np.eye(used.shape[1])
    penalised[:, -1] = False
    found, second = np.zeros(used.shape), None
    for ridge in ridges:
        penalty = ridge * penalised
        lowest, residual, fresh, step = np.inf, np.inf, False, np.zeros(used.shape)
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
                step[worse] /= 2
                step[~worse] = 0
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
    curvature = np.zeros((*shape, shape[1])) if second else None
    of_margins = {"logistic": _logistic, "screening": _screening}[loss]
    for start in range(0, len(features), _BLOCK):
        x, y = features[start : start + _BLOCK], targets[start : start + _BLOCK]
        values, slopes, curvatures = of_margins(y * (x @ parameters.T))
        value += values.sum(0)
        slope += (y * slopes).T @ x
        if second:  # float32: Newton's steps need no more
            x, curvatures = x.astype(np.float32), curvatures.astype(np.float32)
            for k in range(shape[0]):
                curvature[k] += (x * curvatures[:, [k]]).T @ x
    total = value[:, None] if loss == "screening" else len(features)
    slope /= total
    if second:
        curvature /= total if loss == "logistic" else total[:, :, None]
    if loss == "logistic":
        return value / total, slope, curvature
    if second:
        curvature -= slope[:, :, None] * slope[:, None, :]
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
