"""The Erasure Machine: inverse Ising inference by erasing part of the data's weight.

With O(σ) = (σ_i, σ_i σ_j) the L features and w = (h, J) the parameters, p ∝ exp(w·O).  The method
(Jo, Hoang, Periwal, Phys. Rev. E 101, 032107 (2020); thesis Sec. 2.1) compares two reweighted laws,
f_ε ∝ f p^{ε−1} and p_ε ∝ p^ε.  The second is a high-temperature model whose moments are, to first
order, ε w (thesis Eq. 14 and 15), so a fit solves ⟨O⟩_{f_ε} = ε w.  That equation is the stationarity
condition of a strictly convex function, see ``fit``.
"""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from ising_lib import _checks
from ising_lib.ising import _BLOCK, IsingModel, block_energy, split_vector

log = logging.getLogger("ising_lib")

EPSILON_BOUNDS = (0.05, 0.99)  # where "auto" looks; typical answers are 0.4 (much data) to 0.9 (little)
_EPSILON_STEP = 0.01  # the mean energy is flat at its top: a finer ε changes no parameter visibly


class NotConverged(RuntimeError):
    """The fit stopped before its equations held; ``residual`` is how far they are from holding."""

    def __init__(self, message, residual):
        super().__init__(message)
        self.residual = residual


@dataclass(frozen=True, eq=False)
class ErasureFit:
    """What a fit found, and how well.

    Attributes:
        model: the inferred fields and couplings.
        epsilon: the erasure parameter used.
        mean_energy: ⟨H⟩_f of the data under the model, which "auto" maximises over ε.
        residual: the largest absolute value of ⟨O⟩_{f_ε} − ε w among the L equations.
        n_iterations: updates (published) or L-BFGS iterations (convex) at this ε.
        n_fits: fits made, more than one when ε was searched.
    """

    model: IsingModel
    epsilon: float
    mean_energy: float
    residual: float
    n_iterations: int
    n_fits: int = 1


def fit(
    spins,
    epsilon="auto",
    *,
    solver="convex",
    fields=True,
    weights=None,
    tolerance=1e-6,
    max_iterations=None,
    learning_rate=0.1,
):
    r"""Infer (h, J) from samples with the Erasure Machine  (thesis Eq. 9 to 16).

    ``solver="published"`` iterates the thesis's update,
    h_i ← h_i + α (⟨σ_i⟩_{f_ε} − ε h_i) and J_ij ← J_ij + α (⟨σ_i σ_j⟩_{f_ε} − ε J_ij), from zero.
    ``solver="convex"`` minimises by L-BFGS the function whose gradient that update follows::

        F(w) = log Σ_k f_k exp(−(1−ε) w·O_k) / (1−ε) + ε |w|² / 2,    ∇F = ε w − ⟨O⟩_{f_ε}.

    F is a log-sum-exp of linear functions plus a square, hence strictly convex: there is one fit, and
    both solvers find it.

    Args:
        spins: (N, M) of ±1.
        epsilon: ε in (0, 1), or "auto": the ε at which the data's mean energy under the fitted model
            is highest, by golden-section search with parabolic steps, each fit started from the last.
            The truth is not needed. A warning is logged where that maximum is not inside the search.
        solver: "convex" or "published".
        fields: False keeps every h_i at 0 and infers the couplings alone  (thesis Fig. 14b).
        weights: (N,) non-negative weights f_k of the samples, normalised here; equal by default.
        tolerance: largest residual accepted; below 1e-7 rounding sets in.
        max_iterations: default 1,000 for "convex", 20,000 for "published".
        learning_rate: α of the published update; the thesis uses 0.1.

    Returns:
        ErasureFit

    Raises:
        NotConverged: the residual stayed above ``tolerance``.
        ValueError: ``epsilon`` outside (0, 1), spins other than ±1, weights negative or all zero.
    """
    spins = _checks.spins("spins", spins)
    _checks.choice("solver", solver, ("convex", "published"))
    _checks.real("tolerance", tolerance, 0.0, 1.0, open_interval=True)
    _checks.real("learning_rate", learning_rate, 0.0, 1.0, open_interval=True)
    if max_iterations is None:
        max_iterations = 1000 if solver == "convex" else 20_000
    _checks.count("max_iterations", max_iterations)
    problem = _Problem(spins, _normalised(weights, len(spins)), fields)
    settings = (tolerance, max_iterations, learning_rate)
    solve = _solve_convex if solver == "convex" else _solve_published
    start = np.zeros(problem.n_parameters)
    if not isinstance(epsilon, str):
        _checks.real("epsilon", epsilon, 0.0, 1.0, open_interval=True)
        return solve(problem, float(epsilon), start, *settings)[0]
    _checks.choice("epsilon", epsilon, ("auto",))
    return _search_epsilon(problem, solve, start, settings)


def _normalised(weights, n_samples):
    if weights is None:
        return np.full(n_samples, 1.0 / n_samples)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"weights must have shape ({n_samples},), one per sample, got {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
        raise ValueError("weights must be finite, non-negative and not all zero")
    return weights / weights.sum()


class _Problem:
    """The data and the equations of thesis Eq. 15 and 16, in blocks: memory stays at N × M bytes."""

    def __init__(self, spins, weights, with_fields):
        self.spins = spins  # (N, M) int8
        self.weights = weights  # (N,), f_k
        self.with_fields = with_fields
        self.n_spins = spins.shape[1]
        self.n_parameters = self.n_spins * (self.n_spins + 1) // 2
        with np.errstate(divide="ignore"):
            self.log_weights = np.log(weights)  # −∞ for samples of weight zero

    def _blocks(self):
        for start in range(0, len(self.spins), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.spins[rows].astype(np.float64)

    def energies(self, vector):
        """H(σ_k) of every sample, (N,)."""
        fields, couplings = split_vector(vector, self.n_spins)
        energies = np.empty(len(self.spins))
        for rows, block in self._blocks():
            energies[rows] = block_energy(block, fields, couplings)
        return energies

    def mean_energy(self, vector):
        """⟨H⟩_f."""
        return float(self.weights @ self.energies(vector))

    def gradient(self, vector, epsilon):
        """F(w) and ∇F(w) = ε w − ⟨O⟩_{f_ε}; f_ε ∝ f p^{ε−1} ∝ f exp((1−ε) H)."""
        exponents = (1 - epsilon) * self.energies(vector) + self.log_weights
        top = exponents.max()  # subtracted before exp, so that nothing overflows
        reweighted = np.exp(exponents - top)
        total = reweighted.sum()
        reweighted /= total  # f_ε, (N,)
        first, second = np.zeros(self.n_spins), np.zeros((self.n_spins, self.n_spins))
        for rows, block in self._blocks():
            weighted = reweighted[rows, None] * block
            first += weighted.sum(0)
            second += block.T @ weighted
        moments = np.concatenate([first, second[np.triu_indices(self.n_spins, 1)]])
        value = (top + np.log(total)) / (1 - epsilon) + 0.5 * epsilon * vector @ vector
        gradient = epsilon * vector - moments
        if not self.with_fields:
            gradient[: self.n_spins] = 0  # every solver starts from h = 0, and there it stays
        return value, gradient


def _solve_convex(problem, epsilon, start, tolerance, max_iterations, _learning_rate):
    options = {"gtol": 0.5 * tolerance, "ftol": 0.0, "maxiter": max_iterations, "maxcor": 20, "maxls": 40}
    result = minimize(problem.gradient, start, args=(epsilon,), jac=True, method="L-BFGS-B", options=options)
    return _finish(problem, result.x, epsilon, np.abs(result.jac).max(), result.nit, tolerance)


def _solve_published(problem, epsilon, start, tolerance, max_iterations, learning_rate):
    vector = start.copy()
    for iteration in range(max_iterations + 1):
        gradient = problem.gradient(vector, epsilon)[1]
        residual = np.abs(gradient).max()
        if residual <= tolerance or not np.isfinite(residual) or iteration == max_iterations:
            return _finish(problem, vector, epsilon, residual, iteration, tolerance)
        vector -= learning_rate * gradient  # Eq. 15 and 16


def _finish(problem, vector, epsilon, residual, n_iterations, tolerance):
    if not residual <= tolerance:
        raise NotConverged(
            f"the Erasure Machine did not converge at epsilon = {epsilon:.3f}: residual {residual:.2e} after "
            f"{n_iterations} iterations (allowed {tolerance:.0e}); raise max_iterations, lower learning_rate "
            f"if solver is 'published', and do not ask for a tolerance below 1e-7, where rounding sets in",
            residual,
        )
    model = IsingModel.from_vector(vector, problem.n_spins)
    fit = ErasureFit(model, epsilon, problem.mean_energy(vector), float(residual), int(n_iterations))
    return fit, vector


def _search_epsilon(problem, solve, start, settings):
    """Maximise the mean energy over ε; every fit starts from the previous one."""
    fits = []
    warm = start

    def minus_mean_energy(epsilon):
        nonlocal warm
        fit, warm = solve(problem, float(epsilon), warm, *settings)
        fits.append(fit)
        return -fit.mean_energy

    minimize_scalar(
        minus_mean_energy, bounds=EPSILON_BOUNDS, method="bounded", options={"xatol": _EPSILON_STEP}
    )
    best = max(fits, key=lambda fit: fit.mean_energy)
    if not EPSILON_BOUNDS[0] + 2 * _EPSILON_STEP < best.epsilon < EPSILON_BOUNDS[1] - 2 * _EPSILON_STEP:
        log.warning(
            "epsilon='auto' ended at %.2f, the edge of its search: the mean energy has no maximum inside "
            "%s, as happens with very few spins; choose epsilon yourself",
            best.epsilon,
            EPSILON_BOUNDS,
        )
    return ErasureFit(**{**vars(best), "n_fits": len(fits)})
