"""The Erasure Machine: its equations, its objective, its convergence order, its choice of ε."""

import numpy as np
import pytest
from scipy.special import logsumexp

from ising_lib import erasure, exact, ising, sampling


def features(spins):
    """O(σ_k) = (σ_i, σ_i σ_j for i < j) as the dense N × L matrix that the package never builds."""
    i, j = np.triu_indices(spins.shape[1], 1)
    sigma = spins.astype(np.float64)
    return np.hstack([sigma, sigma[:, i] * sigma[:, j]])


def objective(vector, spins, weights, epsilon):
    """F(w) = log Σ_k f_k exp(−(1−ε) w·O_k) / (1−ε) + ε |w|²/2."""
    exponents = -(1 - epsilon) * features(spins) @ vector
    return logsumexp(exponents, b=weights) / (1 - epsilon) + epsilon * vector @ vector / 2


def residuals(fit, spins, weights):
    """⟨O⟩_{f_ε} − ε w with f_ε ∝ f p^{ε−1}, term by term."""
    vector, dense = fit.model.to_vector(), features(spins)
    reweighted = weights * np.exp((fit.epsilon - 1) * dense @ vector)
    return (reweighted / reweighted.sum()) @ dense - fit.epsilon * vector


def distance_allowed(fit):
    """Largest distance of a fit from the minimum.

    F is ε-strongly convex, so |w − w*| ≤ |∇F|/ε, and |∇F| ≤ √L · residual.
    """
    return np.sqrt(fit.model.to_vector().size) * fit.residual / fit.epsilon


def assert_same_fit(first, second):
    assert first.epsilon == second.epsilon
    distance = np.linalg.norm(first.model.to_vector() - second.model.to_vector())
    # 1e-12: in the end the two gradients are themselves only known to rounding
    assert distance <= distance_allowed(first) + distance_allowed(second) + 1e-12


@pytest.fixture
def observed(rng):
    """400 independent samples of six spins."""
    return exact.sample(ising.gaussian(6, rng=rng), 400, rng=rng)


@pytest.mark.parametrize("solver", ["convex", "published"])
@pytest.mark.parametrize("epsilon", [0.2, 0.5, 0.9])
def test_a_fit_solves_its_equations(solver, epsilon, observed):
    """Eq. 15 and 16 at rest: ⟨σ_i⟩_{f_ε} = ε h_i and ⟨σ_i σ_j⟩_{f_ε} = ε J_ij."""
    fit = erasure.fit(observed, epsilon, solver=solver)
    found = np.abs(residuals(fit, observed, np.full(400, 1 / 400))).max()
    assert found <= 1e-6  # the default tolerance
    assert fit.residual == pytest.approx(found, abs=1e-12)
    assert fit.epsilon == epsilon
    assert fit.mean_energy == pytest.approx(ising.energy(fit.model, observed).mean(), abs=1e-12)


def test_gradient_is_that_of_the_objective(observed, rng):
    """Central differences of F written out densely, at a point far from the minimum."""
    weights = rng.dirichlet(np.ones(400))
    vector, step, epsilon = rng.normal(size=21), 1e-5, 0.3
    value, gradient = erasure._Problem(observed, weights, True).gradient(vector, epsilon)
    assert value == pytest.approx(objective(vector, observed, weights, epsilon), abs=1e-11)
    slopes = [
        objective(vector + shift, observed, weights, epsilon)
        - objective(vector - shift, observed, weights, epsilon)
        for shift in step * np.eye(21)
    ]
    # third derivatives of order 1: step²/6 = 2e-11; rounding 1e-15/step = 1e-10
    np.testing.assert_allclose(gradient, np.array(slopes) / (2 * step), rtol=0, atol=1e-8)


def test_no_neighbour_lies_lower(observed, rng):
    """The fit is the minimum of F, not any other stationary point."""
    weights, fit = np.full(400, 1 / 400), erasure.fit(observed, 0.5)
    lowest = objective(fit.model.to_vector(), observed, weights, 0.5)
    for size in (1e-2, 1.0):
        for _ in range(20):
            direction = rng.normal(size=21)
            other = fit.model.to_vector() + size * direction / np.linalg.norm(direction)
            # strong convexity: F rises by at least ε size²/2, less residual · √L · size
            rise = objective(other, observed, weights, 0.5) - lowest
            assert rise >= 0.25 * size**2 - 1e-6 * np.sqrt(21) * size


@pytest.mark.parametrize("epsilon", [0.3, 0.6, 0.9])
def test_both_solvers_find_the_same_parameters(epsilon, observed):
    convex = erasure.fit(observed, epsilon, tolerance=1e-7)
    published = erasure.fit(observed, epsilon, solver="published", tolerance=1e-7)
    assert_same_fit(convex, published)
    np.testing.assert_allclose(
        convex.model.to_vector(), published.model.to_vector(), rtol=0, atol=1e-5
    )  # what the book states; the bound above is sharper


def test_the_first_published_step_is_the_learning_rate_times_the_data(observed):
    """From zero, where p is uniform: w = α ⟨O⟩_f."""
    fit = erasure.fit(observed, 0.5, solver="published", learning_rate=0.2, max_iterations=1, tolerance=0.99)
    assert fit.n_iterations == 0  # at a tolerance this loose the start is accepted
    with pytest.raises(erasure.NotConverged) as early:
        erasure.fit(observed, 0.5, solver="published", learning_rate=0.2, max_iterations=1)
    vector = 0.2 * features(observed).mean(0)
    model = ising.IsingModel.from_vector(vector, 6)
    at_one = erasure.ErasureFit(model, 0.5, 0.0, 0.0, 1)
    expected = np.abs(residuals(at_one, observed, np.full(400, 1 / 400))).max()
    assert early.value.residual == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("solver", ["convex", "published"])
def test_couplings_alone_solve_the_equations_of_the_couplings(solver, observed):
    """h = 0 exactly, and ε J_ij = ⟨σ_i σ_j⟩_{f_ε} with weights f_ε from the couplings alone."""
    fit = erasure.fit(observed, 0.6, solver=solver, fields=False)
    assert (fit.model.fields == 0).all()
    weights = np.exp((1 - 0.6) * ising.energy(fit.model, observed))
    moments = (observed * (weights / weights.sum())[:, None]).T @ observed
    upper = np.triu_indices(observed.shape[1], 1)
    np.testing.assert_allclose(moments[upper], 0.6 * fit.model.couplings[upper], atol=1e-6)  # its tolerance
    assert np.abs(erasure.fit(observed, 0.6).model.couplings - fit.model.couplings).max() > 1e-3


def test_order_of_samples_does_not_matter(observed, rng):
    shuffled = rng.permutation(observed)
    assert_same_fit(erasure.fit(observed, 0.5, tolerance=1e-7), erasure.fit(shuffled, 0.5, tolerance=1e-7))


def test_weights_count_repeated_rows(observed, rng):
    """A weight of k is a row given k times; a weight of zero is a row left out."""
    repeats = rng.integers(0, 4, len(observed))
    weighted = erasure.fit(observed, 0.5, weights=repeats, tolerance=1e-7)
    repeated = erasure.fit(np.repeat(observed, repeats, axis=0), 0.5, tolerance=1e-7)
    assert_same_fit(weighted, repeated)
    assert weighted.mean_energy == pytest.approx(repeated.mean_energy, abs=1e-6)


def test_one_spin_in_closed_form():
    """⟨σ⟩_{f_ε} = tanh(h₀ − (1−ε) h), so h₀ = artanh(ε h) + (1−ε) h."""
    h, epsilon = 0.7, 0.4
    true_field = np.arctanh(epsilon * h) + (1 - epsilon) * h
    law = exact.probabilities(ising.IsingModel([true_field], [[0.0]]))
    fit = erasure.fit(exact.configurations(1), epsilon, weights=law, tolerance=1e-7)
    assert fit.model.fields[0] == pytest.approx(h, abs=distance_allowed(fit) + 1e-12)


@pytest.mark.parametrize("n_spins", [6, 8])
def test_error_on_infinite_data_falls_as_epsilon_squared(n_spins, rng):
    """With f = p of the truth w₀, f_ε is the Ising law of u = w₀ − (1−ε) w, and the fit solves ⟨O⟩_u = ε w.

    Expanding the moments in u, ⟨O_a⟩_u = u_a + ½ Σ κ_abc u_b u_c + O(u³), gives w − w₀ = ½ Σ κ_abc u_b u_c
    with u = ε w + O(ε²).  The third cumulants κ of spins at infinite temperature are 1 for σ_i, σ_j, σ_iσ_j
    and for a triangle of pairs, else 0.  So the error is

        h:  ε² Σ_j J_ij h_j,        J:  ε² (h_i h_j + Σ_k J_ik J_kj),        up to O(ε³).
    """
    truth = ising.gaussian(n_spins, 0.5, 0.5, rng=rng)
    states, law = exact.configurations(n_spins), exact.probabilities(truth)
    h, j = truth.fields, truth.couplings
    leading = np.concatenate([j @ h, (np.outer(h, h) + j @ j)[np.triu_indices(n_spins, 1)]])
    epsilons = np.array([0.1, 0.05, 0.025, 0.0125])
    settings = {"weights": law, "solver": "published", "learning_rate": 0.5, "tolerance": 1e-10}
    fits = [erasure.fit(states, epsilon, **settings) for epsilon in epsilons]
    errors = np.array([fit.model.to_vector() - truth.to_vector() for fit in fits])
    slope = np.polyfit(np.log(epsilons), np.log(np.abs(errors).max(1)), 1)[0]
    assert slope == pytest.approx(2, abs=0.15)  # the next order bends the line by some ε ≈ 0.05
    remainder = np.abs(errors / epsilons[:, None] ** 2 - leading).max(1)
    assert (remainder < 10 * epsilons * np.abs(leading).max()).all()
    assert remainder[-1] < 0.6 * remainder[-2]  # half of ε, half of what is left


def test_automatic_epsilon_has_the_highest_mean_energy(rng):
    """No ε of a grid lies higher, and the parameters are typically as good as at the grid's best ε."""
    excess = []
    for _ in range(5):
        truth = ising.gaussian(20, 0.9, 0.9, rng=rng)
        spins = sampling.sample(truth, 1000, rng=rng, burn_in=500, thin=200)
        grid = [erasure.fit(spins, epsilon) for epsilon in np.arange(0.3, 0.96, 0.05)]
        auto = erasure.fit(spins)
        highest = max(fit.mean_energy for fit in grid)
        assert auto.mean_energy >= highest - 1e-6 * abs(highest)
        errors = [((fit.model.to_vector() - truth.to_vector()) ** 2).mean() for fit in [auto, *grid]]
        excess.append(errors[0] / min(errors[1:]))
    # over 40 instances of this size: median 1.01, nine in ten below 1.08, the worst 1.3
    assert np.median(excess) < 1.1


def test_a_search_ends_where_a_cold_start_does(observed):
    """Each fit of the search starts from the last one; there is one minimum, so that changes nothing."""
    auto = erasure.fit(observed)
    assert auto.n_fits > 3
    assert_same_fit(auto, erasure.fit(observed, auto.epsilon))


def test_both_solvers_choose_the_same_epsilon(observed):
    """The search evaluates the same function, so it takes the same path."""
    convex, published = erasure.fit(observed), erasure.fit(observed, solver="published")
    assert convex.epsilon == pytest.approx(published.epsilon, abs=0.01)  # the step of the search
    assert convex.n_fits == published.n_fits


@pytest.mark.parametrize("solver", ["convex", "published"])
def test_a_fit_cut_short_is_refused(solver, observed):
    with pytest.raises(erasure.NotConverged, match=r"epsilon = 0\.500: residual") as early:
        erasure.fit(observed, 0.5, solver=solver, max_iterations=2)
    assert 1e-6 < early.value.residual < 1


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"epsilon": 0.0}, ValueError, "epsilon"),
        ({"epsilon": 1.0}, ValueError, "epsilon"),
        ({"epsilon": -0.5}, ValueError, "epsilon"),
        ({"epsilon": np.nan}, ValueError, "epsilon"),
        ({"epsilon": "best"}, ValueError, "epsilon must be one of 'auto'"),
        ({"epsilon": None}, TypeError, "epsilon"),
        ({"epsilon": True}, TypeError, "epsilon"),
        ({"solver": "newton"}, ValueError, "solver must be one of 'convex', 'published'"),
        ({"tolerance": 0.0}, ValueError, "tolerance"),
        ({"learning_rate": 1.0}, ValueError, "learning_rate"),
        ({"max_iterations": 0}, ValueError, "max_iterations"),
        ({"weights": np.ones(3)}, ValueError, r"weights must have shape \(4,\)"),
        ({"weights": [1, 1, 1, -1]}, ValueError, "weights"),
        ({"weights": np.zeros(4)}, ValueError, "weights"),
        ({"weights": [1, 1, 1, np.inf]}, ValueError, "weights"),
        ({"spins": np.zeros((4, 3))}, ValueError, "spins"),
        ({"spins": np.ones(4)}, ValueError, "spins"),
    ],
)
def test_arguments_of_fit_are_named_when_wrong(arguments, error, named):
    with pytest.raises(error, match=named):
        erasure.fit(**{"spins": np.ones((4, 3)), "epsilon": 0.5, **arguments})
