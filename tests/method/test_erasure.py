"""The Erasure Machine: its equations, its objective, its convergence order, its choice of ε."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import logsumexp

from ising_lib import erasure, exact, ising, metrics, sampling
from tests import oracles


def objective(vector, spins, weights, epsilon):
    """F(w) = log Σ_k f_k exp(−(1−ε) w·O_k) / (1−ε) + ε |w|²/2."""
    exponents = -(1 - epsilon) * oracles.features(spins) @ vector
    return logsumexp(exponents, b=weights) / (1 - epsilon) + epsilon * vector @ vector / 2


def residuals(fit, spins, weights):
    """⟨O⟩_{f_ε} − ε w with f_ε ∝ f p^{ε−1}, term by term."""
    vector, dense = fit.model.to_vector(), oracles.features(spins)
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


def sampled(g, n_samples, rng):
    """A truth of 20 spins, and Monte Carlo samples of it."""
    truth = ising.gaussian(20, g, g, rng=rng)
    return truth, sampling.sample(truth, n_samples, rng=rng, burn_in=500, thin=200)


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
    slopes = oracles.differences(lambda at: objective(at, observed, weights, epsilon), vector, step)
    # third derivatives of order 1: step²/6 = 2e-11; rounding 1e-15/step = 1e-10
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-8)


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
    distance = np.abs(convex.model.to_vector() - published.model.to_vector()).max()
    assert distance < 1e-5  # what the book states; the bound above is sharper


def test_the_first_published_step_is_the_learning_rate_times_the_data(observed):
    """From zero, where p is uniform: w = α ⟨O⟩_f."""
    fit = erasure.fit(observed, 0.5, solver="published", learning_rate=0.2, max_iterations=1, tolerance=0.99)
    assert fit.n_iterations == 0  # at a tolerance this loose the start is accepted
    with pytest.raises(erasure.NotConverged) as early:
        erasure.fit(observed, 0.5, solver="published", learning_rate=0.2, max_iterations=1)
    vector = 0.2 * oracles.features(observed).mean(0)
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


def test_weights_count_repeated_rows_in_any_order(observed, rng):
    """A weight of k is a row given k times; a weight of zero is a row left out."""
    repeats = rng.integers(0, 4, len(observed))
    weighted = erasure.fit(observed, 0.5, weights=repeats, tolerance=1e-7)
    shuffled = rng.permutation(np.repeat(observed, repeats, axis=0))
    repeated = erasure.fit(shuffled, 0.5, tolerance=1e-7)
    assert_same_fit(weighted, repeated)
    assert weighted.mean_energy == pytest.approx(repeated.mean_energy, abs=1e-6)


def test_one_spin_in_closed_form():
    """⟨σ⟩_{f_ε} = tanh(h₀ − (1−ε) h), so h₀ = artanh(ε h) + (1−ε) h."""
    h, epsilon = 0.7, 0.4
    true_field = np.arctanh(epsilon * h) + (1 - epsilon) * h
    law = exact.probabilities(ising.IsingModel([true_field], [[0.0]]))
    fit = erasure.fit(exact.configurations(1), epsilon, weights=law, tolerance=1e-7)
    assert fit.model.fields[0] == pytest.approx(h, abs=distance_allowed(fit) + 1e-12)


def error_on_infinite_data(truth, epsilons, order, leading, **settings):
    """The power of ε with which it falls, and what the last halving of ε leaves of its next order."""
    epsilons = np.array(epsilons)
    settings |= {"weights": exact.probabilities(truth)}
    fits = [erasure.fit(exact.configurations(truth.n_spins), epsilon, **settings) for epsilon in epsilons]
    errors = np.array([fit.model.to_vector() - truth.to_vector() for fit in fits])
    remainder = np.abs(errors / epsilons[:, None] ** order - leading).max(1)
    assert (remainder < 10 * epsilons * np.abs(leading).max()).all()
    slope = np.polyfit(np.log(epsilons), np.log(np.abs(errors).max(1)), 1)[0]
    return slope, remainder[-1] / remainder[-2]


@pytest.mark.parametrize("n_spins", [6, 8])
def test_error_on_infinite_data_falls_as_epsilon_squared(n_spins, rng):
    """With f = p of the truth w₀, f_ε is the Ising law of u = w₀ − (1−ε) w, and the fit solves ⟨O⟩_u = ε w.

    Expanding the moments in u, ⟨O_a⟩_u = u_a + ½ Σ κ_abc u_b u_c + O(u³), gives w − w₀ = ½ Σ κ_abc u_b u_c
    with u = ε w + O(ε²).  The third cumulants κ of spins at infinite temperature are 1 for σ_i, σ_j, σ_iσ_j
    and for a triangle of pairs, else 0.  So the error is

        h:  ε² Σ_j J_ij h_j,        J:  ε² (h_i h_j + Σ_k J_ik J_kj),        up to O(ε³).
    """
    truth = ising.gaussian(n_spins, 0.5, 0.5, rng=rng)
    h, j = truth.fields, truth.couplings
    leading = np.concatenate([j @ h, (np.outer(h, h) + j @ j)[np.triu_indices(n_spins, 1)]])
    settings = {"solver": "published", "learning_rate": 0.5, "tolerance": 1e-10}
    slope, left = error_on_infinite_data(truth, [0.1, 0.05, 0.025, 0.0125], 2, leading, **settings)
    assert slope == pytest.approx(2, abs=0.15)  # the next order bends the line by some ε ≈ 0.05
    assert left < 0.6  # half of ε, half of what is left


def test_automatic_epsilon_has_the_highest_mean_energy(rng):
    """No ε of a grid lies higher, and the parameters are typically as good as at the grid's best ε."""
    excess = []
    for _ in range(5):
        truth, spins = sampled(0.9, 1000, rng)
        grid = [erasure.fit(spins, epsilon) for epsilon in np.arange(0.3, 0.96, 0.05)]
        auto = erasure.fit(spins)
        highest = max(fit.mean_energy for fit in grid)
        assert auto.mean_energy >= highest - 1e-6 * abs(highest)
        errors = [metrics.thesis_mse(fit.model, truth) for fit in [auto, *grid]]
        excess.append(errors[0] / min(errors[1:]))
    # over 40 instances of this size: median 1.01, nine in ten below 1.08, the worst 1.3
    assert np.median(excess) < 1.1


def test_a_search_ends_where_a_cold_start_does(observed):
    """Each fit starts from the last one; with one minimum, that changes nothing, nor does the solver."""
    auto, published = erasure.fit(observed), erasure.fit(observed, solver="published")
    assert auto.n_fits == published.n_fits > 3
    assert_same_fit(auto, erasure.fit(observed, auto.epsilon))
    assert auto.epsilon == pytest.approx(published.epsilon, abs=0.01)  # the step of the search


@pytest.mark.parametrize(
    ("solver", "moments"),
    [("convex", "linear"), ("published", "linear"), ("anderson", "tap"), ("published", "tap")],
)
def test_a_fit_cut_short_is_refused(solver, moments, observed):
    with pytest.raises(erasure.NotConverged, match=r"epsilon = 0\.500: residual") as early:
        erasure.fit(observed, 0.5, solver=solver, moments=moments, max_iterations=2)
    assert 1e-6 < early.value.residual < 1


# ------------------------------------------------------------------ moments="tap"


def entropy(moments, n_spins):
    """S(m, C) as it stands in the docstring of ``tap_parameters``."""
    means, products = ising.split_vector(moments, n_spins)
    correlations = products - np.outer(means, means) + np.eye(n_spins)  # ⟨σ_i²⟩ = 1
    halves = (1 + np.outer([-1, 1], means)) / 2
    determinant = np.linalg.slogdet(correlations)[1]
    return -(halves * np.log(halves)).sum() + determinant / 2 - np.log(1 - means**2).sum() / 2


def test_tap_parameters_are_the_slopes_of_an_entropy(rng):
    """w = −∇S by central differences, at the moments of a strongly coupled truth."""
    moments = oracles.enumerated_moments(ising.gaussian(6, 1.0, 1.0, rng=rng))
    step = 1e-5  # step² times third derivatives of order 10, and rounding of some 1e-15/step
    slopes = oracles.differences(lambda at: -entropy(at, 6), moments, step)
    np.testing.assert_allclose(erasure.tap_parameters(moments, 6), slopes, rtol=0, atol=1e-7)


def test_independent_spins_are_exact(rng):
    """Without correlations h = artanh m at any strength, and the fit is the truth at any ε."""
    truth = ising.gaussian(5, 0.0, 3.0, rng=rng)
    found = erasure.tap_parameters(oracles.enumerated_moments(truth), 5)
    np.testing.assert_allclose(found, truth.to_vector(), rtol=0, atol=1e-12)
    states, law = exact.configurations(5), exact.probabilities(truth)
    for epsilon in (0.2, 0.8):
        fit = erasure.fit(states, epsilon, moments="tap", weights=law, tolerance=1e-9)
        np.testing.assert_allclose(fit.model.to_vector(), truth.to_vector(), rtol=0, atol=1e-8)


def test_tap_parameters_of_hot_moments_are_right_to_third_order(rng):
    """The moments of p_ε give ε w back, up to ⅔ (ε J_ij)³ in the couplings and O(ε⁴) in the fields.

    All that goes through other spins is right to this order.  A pair alone is not: with m = 0 it has
    C_12 = tanh J, so that −(C⁻¹)_12 = tanh J / (1 − tanh² J) = J + ⅔ J³ + O(J⁵).
    """
    truth = ising.gaussian(6, 1.0, 1.0, rng=rng)
    vector, leading = truth.to_vector(), 2 / 3 * truth.to_vector() ** 3
    leading[:6] = 0
    epsilons = np.array([0.1, 0.05, 0.025])
    errors = np.array(
        [erasure.tap_parameters(oracles.enumerated_moments(truth.at(e)), 6) - e * vector for e in epsilons]
    )
    remainder = np.abs(errors / epsilons[:, None] ** 3 - leading).max(1)
    assert (remainder < 10 * epsilons).all()  # parameters are of order 1, so are their products
    np.testing.assert_allclose(remainder[1:] / remainder[:-1], 0.5, rtol=0, atol=0.1)  # first order in ε
    linear = [np.abs(oracles.enumerated_moments(truth.at(e)) - e * vector).max() for e in epsilons]
    slopes = [np.polyfit(np.log(epsilons), np.log(some), 1)[0] for some in (linear, np.abs(errors).max(1))]
    assert slopes == pytest.approx([2, 3], abs=0.15)  # the next order bends the lines by some ε ≈ 0.05


def test_error_of_tap_on_infinite_data_falls_as_epsilon_cubed(rng):
    """As for the linear moments: w − w₀ is the error of ŵ at the law of u = w₀ − (1−ε) w = ε w₀ + O(ε³).

    By the test above it is ⅔ (ε J_ij)³ for the couplings and O(ε⁴) for the fields.
    """
    truth = ising.gaussian(6, 0.8, 0.8, rng=rng)
    leading = 2 / 3 * truth.to_vector() ** 3
    leading[:6] = 0
    settings = {"moments": "tap", "tolerance": 1e-9, "max_iterations": 5000}
    slope, left = error_on_infinite_data(truth, [0.2, 0.1, 0.05], 3, leading, **settings)
    assert slope == pytest.approx(3, abs=0.25)  # the next order bends the line by some ε ≈ 0.1
    assert left < 0.7


@pytest.mark.parametrize("solver", ["anderson", "published"])
@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("epsilon", [0.3, 0.9])
def test_a_tap_fit_solves_its_equations(solver, fields, epsilon, observed):
    """−(C⁻¹)_ij = ε J_ij and the like, with the moments of f_ε summed term by term."""
    fit = erasure.fit(observed, epsilon, moments="tap", solver=solver, fields=fields)
    weights = np.exp((1 - epsilon) * ising.energy(fit.model, observed))
    moments = weights / weights.sum() @ oracles.features(observed)
    if not fields:
        assert (fit.model.fields == 0).all()
        moments[:6] = 0
    found = np.abs(erasure.tap_parameters(moments, 6) - epsilon * fit.model.to_vector()).max()
    assert found <= 1e-6  # the default tolerance
    assert fit.residual == pytest.approx(found, abs=1e-11)
    assert fit.mean_energy == pytest.approx(ising.energy(fit.model, observed).mean(), abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.3, 0.6, 0.9])
def test_tap_fits_do_not_depend_on_the_way(epsilon, observed, rng):
    """Both solvers; rows in another order; a row given twice or with weight two: one answer."""
    settings = {"epsilon": epsilon, "moments": "tap", "tolerance": 1e-8}
    repeats = rng.integers(1, 3, len(observed))
    repeated = rng.permutation(np.repeat(observed, repeats, axis=0))
    fits = [
        erasure.fit(observed, weights=repeats, **settings),
        erasure.fit(repeated, solver="published", **settings),
    ]
    first, second = (fit.model.to_vector() for fit in fits)
    # near the answer the equations fall as w − w*, so residual and distance are of one size: 100 to spare
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_tap_moments_lower_the_error(rng):
    """4,000 samples of 20 spins, each at its own ε."""
    ratios = []
    for _ in range(3):
        truth, spins = sampled(0.8, 4000, rng)
        fits = [erasure.fit(spins, moments=moments) for moments in ("linear", "tap")]
        errors = [metrics.thesis_mse(fit.model, truth) for fit in fits]
        ratios.append(errors[1] / errors[0])
    assert np.mean(ratios) < 0.7


def test_automatic_epsilon_of_tap_has_the_highest_mean_energy(rng):
    _, spins = sampled(0.9, 1000, rng)
    auto = erasure.fit(spins, moments="tap")
    grid = [erasure.fit(spins, epsilon, moments="tap").mean_energy for epsilon in np.arange(0.5, 0.96, 0.05)]
    assert auto.mean_energy >= max(grid) - 1e-3 * abs(max(grid))  # ε is found to 0.01 at a flat top
    assert 0.5 < auto.epsilon < 0.98


def test_tap_is_refused_where_correlations_have_no_inverse(observed):
    """Fewer samples than spins; a spin that never varies; two that never differ."""
    frozen = observed.copy()
    frozen[:, 0] = 1
    equal = observed.copy()
    equal[:, 0] = equal[:, 1]
    for spins in (observed[:6], frozen, equal):
        with pytest.raises(
            erasure.NotConverged, match=r"no answer at epsilon = 0\.900.*eigenvalue"
        ) as refused:
            erasure.fit(spins, 0.9, moments="tap")
        assert refused.value.residual == np.inf
        with pytest.raises(erasure.NotConverged, match="no answer at epsilon"):
            erasure.fit(spins, moments="tap")


def test_automatic_epsilon_passes_over_what_is_refused():
    """Of these 80 samples too few keep their weight at small ε: refused there, but not at large ε."""
    rng = np.random.default_rng(0)
    spins = exact.sample(ising.gaussian(12, 1.2, 1.2, rng=rng), 80, rng=rng)
    with pytest.raises(erasure.NotConverged, match="no answer"):
        erasure.fit(spins, 0.41, moments="tap")  # where the search begins
    auto = erasure.fit(spins, moments="tap")
    assert auto.epsilon > 0.5
    assert auto.mean_energy > erasure.fit(spins, 0.6, moments="tap").mean_energy


def in_batches(spins, sizes):
    """A function that yields the samples in batches, as ``erasure.fit`` takes them."""
    return lambda: iter(np.split(spins, np.cumsum(sizes)[:-1]))


@pytest.mark.parametrize("moments", ["linear", "tap"])
@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("epsilon", [0.6, "auto"])
def test_samples_in_batches_give_the_same_fit(moments, fields, epsilon, rng):
    """Rising energies, the worst order: every batch holds a larger exponent than all before."""
    model = ising.gaussian(6, 0.5, 0.5, rng=rng)
    spins = exact.sample(model, 1500, rng=rng)
    spins = spins[np.argsort(ising.energy(model, spins))]
    settings = {"moments": moments, "fields": fields, "tolerance": 1e-7}
    held = erasure.fit(spins, epsilon, **settings)
    streamed = erasure.fit(in_batches(spins, (1, 700, 99, 700)), epsilon, **settings)
    assert streamed.n_fits == held.n_fits
    # both are within √21 · 1e-7 / ε of the answer (``distance_allowed``), and the search for ε, which
    # compares mean energies, carries that on
    assert streamed.epsilon == pytest.approx(held.epsilon, abs=1e-5)
    assert streamed.mean_energy == pytest.approx(held.mean_energy, abs=1e-5)
    np.testing.assert_allclose(streamed.model.to_vector(), held.model.to_vector(), rtol=0, atol=1e-5)


def test_batches_add_up_whatever_the_energies(rng):
    """Exponents that rise by hundreds from batch to batch: their exponentials have no common scale."""
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (300, 5))
    vector = 60 * rng.normal(size=15)
    spins = spins[np.argsort(ising.energy(ising.IsingModel.from_vector(vector, 5), spins))]
    held = erasure._Problem(spins, np.full(300, 1 / 300), True)
    for order in (spins, spins[::-1]):
        streamed = erasure._Problem(in_batches(order, (100, 100, 100)))
        value, gradient = streamed.gradient(vector, 0.2)
        assert value == pytest.approx(held.gradient(vector, 0.2)[0], rel=1e-13)
        np.testing.assert_allclose(gradient, held.gradient(vector, 0.2)[1], rtol=1e-11)


def test_memory_of_batches_does_not_grow_with_their_number(observed):
    def peak(n_batches):
        batches = lambda: (np.tile(observed, (5, 1)) for _ in range(n_batches))  # noqa: E731
        tracemalloc.start()
        erasure.fit(batches, 0.6)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # the first call of all fills caches
    # 39 batches more would be 39 × 2,000 × 6 bytes of spins, or three times as much of energies
    assert peak(40) - peak(1) < 2_000 * 6


def test_batches_that_change_are_refused(observed):
    once = iter([observed])
    with pytest.raises(ValueError, match="the same samples at every call, got 400, then 0"):
        erasure.fit(lambda: once, 0.5)
    with pytest.raises(ValueError, match="at least one batch"):
        erasure.fit(lambda: iter(()), 0.5)
    with pytest.raises(ValueError, match="must have 6 columns"):
        erasure.fit(lambda: iter((observed, observed[:, :5])), 0.5)
    with pytest.raises(ValueError, match="weights must be None where spins come in batches"):
        erasure.fit(in_batches(observed, (400,)), 0.5, weights=np.ones(400))
