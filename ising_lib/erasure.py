"""The Erasure Machine: inverse Ising inference by erasing part of the data's weight.

With O(σ) = (σ_i, σ_i σ_j) the L features and w = (h, J) the parameters, p ∝ exp(w·O).  The method
(Jo, Hoang, Periwal, Phys. Rev. E 101, 032107 (2020); thesis Sec. 2.1) compares two reweighted distributions,
f_ε ∝ f p^{ε−1} and p_ε ∝ p^ε.  The second is a high-temperature model whose moments are, to first order, ε w
(thesis Eq. 14 and 15), so a fit solves ⟨O⟩_{f_ε} = ε w, where a strictly convex function is least (``fit``).
"""

import dataclasses
import itertools
import logging

import numpy as np
from scipy.optimize import NoConvergence, anderson, minimize, minimize_scalar

from ising_lib import _checks
from ising_lib.ising import IsingModel, blocks, energies, split_vector

log = logging.getLogger("ising_lib")

EPSILON_BOUNDS = (0.05, 0.99)  # where "auto" looks; typical answers are 0.4 (much data) to 0.9 (little)
_EPSILON_STEP = 0.01  # the mean energy is flat at its top: a finer ε changes no parameter visibly
_SINGULAR = 1e-10  # correlations with a smaller eigenvalue have no inverse worth the name
_MIXING = 0.5  # share of Newton's step that Anderson's method starts with; 1 overshoots from w = 0
_SOLVERS = {"linear": ("convex", "published"), "tap": ("anderson", "published")}  # the default first
_MAX_ITERATIONS = {"convex": 1000, "anderson": 500, "published": 20_000}


class NotConverged(RuntimeError):
    """The fit stopped before its equations held, by ``residual``; infinite where they have no meaning."""

    def __init__(self, message, residual):
        super().__init__(message)
        self.residual = residual


@dataclasses.dataclass(frozen=True, eq=False)
class ErasureFit:
    """The inferred model and the ε used; what the fit found, and how well."""

    model: IsingModel
    epsilon: float
    mean_energy: float  #: ⟨H⟩_f of the data under the model, which "auto" maximises over ε
    residual: float  #: largest ``|⟨O⟩_{f_ε} − ε w|`` of L equations; for "tap" ``|ŵ(⟨O⟩_{f_ε}) − ε w|``
    n_iterations: int  #: updates (published), iterations of L-BFGS (convex) or of Anderson's method
    n_fits: int = 1  #: more than one when ε was searched


def fit(
    spins,
    epsilon="auto",
    *,
    moments="linear",
    solver=None,
    fields=True,
    weights=None,
    tolerance=1e-6,
    max_iterations=None,
    learning_rate=0.1,
):
    r"""The ErasureFit (h, J) of samples by the Erasure Machine  (thesis Eq. 9 to 16).

    ``solver="published"`` iterates the thesis's update w ← w + α (⟨O⟩_{f_ε} − ε w) from zero.
    ``solver="convex"`` minimises by L-BFGS the function whose gradient that update follows::

        F(w) = log Σ_k f_k exp(−(1−ε) w·O_k) / (1−ε) + ε |w|² / 2,    ∇F = ε w − ⟨O⟩_{f_ε}.

    F is a log-sum-exp of linear functions plus a square, hence strictly convex: both find the only fit.

    ``moments="tap"`` (not in the thesis) puts mean-field theory with its reaction term in place of the first
    order: it solves ŵ(⟨O⟩_{f_ε}) = ε w with the ŵ of ``tap_parameters``.
    Near the answer w* the difference ŵ(⟨O⟩_{f_ε}) − ε w is w* − w if ŵ is right: Newton's step, which
    "anderson" corrects by the last five and "published" shortens by α.  Nothing proves that there is one
    answer only; none of our data had two.  It inverts a matrix of correlations, whose noise it does not
    restrain: give it more than ten samples per spin, or keep to "linear".

    Args:
        spins: (N, M) of ±1; or, where that is too much to hold, a function without arguments that yields
            the same samples in batches (n, M) at every call, once per evaluation of the equations.
        epsilon: ε in (0, 1), or "auto": the ε at which the data's mean energy under the fitted model is
            highest; a warning is logged where that is not inside the search.
        moments: those of p_ε, "linear" in ε as in the thesis, or "tap".
        solver: "convex", the default for "linear"; "anderson", that for "tap"; or "published".
        fields: False keeps every h_i at 0 and infers the couplings alone  (thesis Fig. 14b).
        weights: f_k (N,), not negative, normalised here; by default, and always for batches, equal.
        tolerance, max_iterations: the largest residual accepted, and how long to try for it.
        learning_rate: α of the published update; the thesis uses 0.1.

    Raises:
        NotConverged: the residual stayed above ``tolerance``; or the correlations have no inverse (tap).
        ValueError: batches are not the same at every call.
    """
    _checks.choice("moments", moments, tuple(_SOLVERS))
    solver = _checks.choice("solver", _SOLVERS[moments][0] if solver is None else solver, _SOLVERS[moments])
    _checks.real("tolerance", tolerance, 0.0, 1.0, open_interval=True)
    _checks.real("learning_rate", learning_rate, 0.0, 1.0, open_interval=True)
    max_iterations = _MAX_ITERATIONS[solver] if max_iterations is None else max_iterations
    settings = tolerance, _checks.count("max_iterations", max_iterations), learning_rate
    problem = _Problem(spins, weights, fields, moments)
    solve = {"convex": _solve_convex, "anderson": _solve_anderson, "published": _solve_published}[solver]
    start = np.zeros(problem.n_parameters)
    if not isinstance(epsilon, str):
        _checks.real("epsilon", epsilon, 0.0, 1.0, open_interval=True)
        return solve(problem, float(epsilon), start, *settings)[0]
    _checks.choice("epsilon", epsilon, ("auto",))
    return _search_epsilon(problem, solve, start, settings)


class _Problem:
    """The samples, at hand or in batches, and the equations of a fit; memory stays that of one batch."""

    def __init__(self, spins, weights=None, fields=True, moments="linear"):
        self.spins = spins if callable(spins) else _checks.spins("spins", spins)
        self.fields, self.moments = fields, moments
        if callable(spins):
            shapes = [_checks.spins("spins", batch).shape for batch in spins()]
            if weights is not None:
                raise ValueError("weights must be None where spins come in batches: all weigh the same")
            if not shapes:
                raise ValueError("spins must yield at least one batch of samples, got none")
        else:
            shapes = [self.spins.shape]
            weights = np.ones(len(spins)) if weights is None else weights
            weights = _checks.array("weights", weights, low=0.0, shape=(len(spins),))
            if not weights.any():
                raise ValueError("weights must not all be zero")
            self.weights = weights / weights.sum()
        self.n_samples, self.n_spins = sum(n for n, _ in shapes), shapes[0][1]
        self.n_parameters = self.n_spins * (self.n_spins + 1) // 2

    def batches(self):
        """Samples (n, M) and their weights f_k (n,); samples at hand are one batch."""
        if not callable(self.spins):
            yield self.spins, self.weights
            return
        n_samples = 0
        for batch in self.spins():
            batch = _checks.spins("spins", batch, self.n_spins)
            n_samples += len(batch)
            yield batch, np.full(len(batch), 1.0 / self.n_samples)
        if n_samples != self.n_samples:
            raise ValueError(
                f"spins must yield the same samples at every call, got {self.n_samples}, then {n_samples}"
            )

    def mean_energy(self, vector):
        """⟨H⟩_f."""
        model = split_vector(vector, self.n_spins)
        return float(sum(weights @ energies(spins, *model) for spins, weights in self.batches()))

    def reweighted(self, vector, epsilon):
        """log Σ_k f_k exp((1−ε) H_k), and ⟨O⟩_{f_ε}, (L,), with f_ε ∝ f p^{ε−1} ∝ f exp((1−ε) H)."""
        model = split_vector(vector, self.n_spins)
        # exponentials relative to the largest of a batch, and batches to the largest so far: none overflows
        top, total, moments = -np.inf, 0.0, np.zeros(self.n_parameters)
        for spins, weights in self.batches():
            with np.errstate(divide="ignore"):  # a weight of zero
                exponents = (1 - epsilon) * energies(spins, *model) + np.log(weights)
            largest, before = exponents.max(), top
            reweighted = np.exp(exponents - largest)  # (n,)
            top = max(top, largest)
            weight = reweighted.sum() * np.exp(largest - top)
            total = np.exp(before - top) * total + weight
            moments += weight / total * (_moments(spins, reweighted / reweighted.sum()) - moments)
        return top + np.log(total), moments

    def gradient(self, vector, epsilon):
        """F(w) and ∇F(w) = ε w − ⟨O⟩_{f_ε}; for "tap" no value, and ε w − ŵ(⟨O⟩_{f_ε})."""
        log_sum, moments = self.reweighted(vector, epsilon)
        if not self.fields:
            moments[: self.n_spins] = 0  # every solver starts from h = 0, and there it stays
        if self.moments == "linear":
            value = log_sum / (1 - epsilon) + 0.5 * epsilon * vector @ vector
            return value, epsilon * vector - moments
        try:
            return None, epsilon * vector - tap_parameters(moments, self.n_spins)
        except ValueError as error:
            raise NotConverged(
                f"the Erasure Machine with moments 'tap' has no answer at epsilon = {epsilon:.3f}: {error}; "
                f"raise epsilon, or give more samples",
                np.inf,
            ) from None


def _moments(spins, weights):
    """⟨O⟩ (L,) of samples (n, M) under normalised weights (n,)."""
    n_spins = spins.shape[1]
    first, second = np.zeros(n_spins), np.zeros((n_spins, n_spins))
    for rows, block in blocks(spins):
        weighted = weights[rows, None] * block
        first += weighted.sum(0)
        second += block.T @ weighted
    return np.concatenate([first, second[np.triu_indices(n_spins, 1)]])


def tap_parameters(moments, n_spins):
    """The parameters of a distribution with given moments, by mean-field theory with its reaction term.

    With means m_i = ⟨σ_i⟩ and C_ij = ⟨σ_i σ_j⟩ − m_i m_j, where C_ii = 1 − m_i²::

        J_ij = −(C⁻¹)_ij,    h_i = artanh m_i − Σ_j J_ij m_j + m_i [(C⁻¹)_ii − 1/(1 − m_i²)].

    They are −∇S(m, C) of an entropy: that of independent spins, less what their correlations would share
    if they were Gaussian::

        S = Σ_i s(m_i) + ½ log det C − ½ Σ_i log C_ii,    s(m) = −Σ_{σ=±1} ½(1 + σ m) log ½(1 + σ m).

    This is the adaptive TAP theory of Opper and Winther, Phys. Rev. E 64, 056131 (2001); to second order in
    the couplings its reaction term is that of Thouless, Anderson and Palmer, m_i Σ_j J_ij² (1 − m_j²).

    Args:
        moments, n_spins: (L,) of ⟨σ_i⟩, then ⟨σ_i σ_j⟩ for i < j; and M.

    Returns:
        numpy.ndarray: (L,) parameters, in the same order.

    Raises:
        ValueError: C is not positive definite, as where some spin never varies.
    """
    _checks.count("n_spins", n_spins)
    means, products = split_vector(np.asarray(moments, dtype=np.float64), n_spins)
    variances = 1 - means**2
    correlations = products - np.outer(means, means)
    np.fill_diagonal(correlations, variances)
    smallest = np.linalg.eigvalsh(correlations)[0] if np.isfinite(correlations).all() else np.nan
    if not smallest > _SINGULAR:  # no variance is below this eigenvalue: no spin is constant
        raise ValueError(
            f"moments must have positive definite correlations, got an eigenvalue of {smallest:.1e}"
        )
    inverse = np.linalg.inv(correlations)
    couplings = np.diag(np.diag(inverse)) - inverse
    reaction = means * (np.diag(inverse) - 1 / variances)
    fields = np.arctanh(means) - couplings @ means + reaction
    return np.concatenate([fields, couplings[np.triu_indices(n_spins, 1)]])


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


def _solve_anderson(problem, epsilon, start, tolerance, max_iterations, _learning_rate):
    iterations = itertools.count()

    def step(vector):
        return -problem.gradient(vector, epsilon)[1]

    settings = {"alpha": _MIXING, "line_search": None, "f_tol": tolerance, "maxiter": max_iterations}
    try:
        vector = anderson(step, start, callback=lambda *_: next(iterations), **settings)
    except NoConvergence as stopped:
        vector = stopped.args[0]
    return _finish(problem, vector, epsilon, np.abs(step(vector)).max(), next(iterations), tolerance)


def _finish(problem, vector, epsilon, residual, n_iterations, tolerance):
    if not residual <= tolerance:
        raise NotConverged(
            f"the Erasure Machine did not converge at epsilon = {epsilon:.3f}: residual {residual:.2e} after "
            f"{n_iterations} iterations (allowed {tolerance:.0e}, 1e-7 at best); raise max_iterations or, if "
            f"solver is 'published', lower learning_rate",
            residual,
        )
    model = IsingModel.from_vector(vector, problem.n_spins)
    fit = ErasureFit(model, epsilon, problem.mean_energy(vector), float(residual), int(n_iterations))
    return fit, vector


def _search_epsilon(problem, solve, start, settings):
    """Maximise the mean energy over ε by golden sections and parabolas; fits start from the previous one."""
    fits, refused, warm = [], None, start
    low, high = EPSILON_BOUNDS

    def minus_mean_energy(epsilon):
        nonlocal warm, refused
        try:
            fit, warm = solve(problem, float(epsilon), warm, *settings)
        except NotConverged as error:
            if np.isfinite(error.residual):
                raise
            refused = error  # there is no fit at this ε, and the maximum is elsewhere
            return np.inf
        fits.append(fit)
        return -fit.mean_energy

    with np.errstate(invalid="ignore"):  # no parabola goes through infinity: a golden step follows
        options = {"xatol": _EPSILON_STEP}
        minimize_scalar(minus_mean_energy, bounds=EPSILON_BOUNDS, method="bounded", options=options)
    if not fits:
        raise refused
    best = max(fits, key=lambda fit: fit.mean_energy)
    if not low + 2 * _EPSILON_STEP < best.epsilon < high - 2 * _EPSILON_STEP:
        log.warning(
            f"epsilon='auto' ended at {best.epsilon:.2f}, the edge of its search: the mean energy has no "
            f"maximum inside {EPSILON_BOUNDS}, as happens with very few spins; choose epsilon yourself"
        )
    return dataclasses.replace(best, n_fits=len(fits))
