"""Fits of the Erasure Machine: by every solver, in batches; its refusals.  Its theory: tests/equations."""

import tracemalloc

import numpy as np
import pytest

from ising_lib import erasure, exact, ising, metrics, sampling
from tests import oracles


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


@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("epsilon", [0.3, 0.9])
@pytest.mark.parametrize(
    ("solver", "moments"),
    [("convex", "linear"), ("published", "linear"), ("anderson", "tap"), ("published", "tap")],
)
def test_a_fit_solves_its_equations(solver, moments, epsilon, fields, observed):
    """Eq. 15 and 16 at rest, ⟨O⟩_{f_ε} = ε w, or −(C⁻¹)_ij = ε J_ij and the like, summed term by term."""
    fit = erasure.fit(observed, epsilon, moments=moments, solver=solver, fields=fields)
    weights = np.exp((1 - epsilon) * ising.energy(fit.model, observed))
    found = weights / weights.sum() @ oracles.features(observed)
    if not fields:
        assert (fit.model.fields == 0).all()
        found[:6] = 0
    parameters = erasure.tap_parameters(found, 6) if moments == "tap" else found
    residual = np.abs(parameters - epsilon * fit.model.to_vector()).max()
    assert residual <= 1e-6  # the default tolerance
    assert fit.residual == pytest.approx(residual, abs=1e-11)
    assert fit.epsilon == epsilon
    assert fit.mean_energy == pytest.approx(ising.energy(fit.model, observed).mean(), abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.3, 0.6, 0.9])
def test_both_solvers_find_the_same_parameters(epsilon, observed):
    convex = erasure.fit(observed, epsilon, tolerance=1e-7)
    published = erasure.fit(observed, epsilon, solver="published", tolerance=1e-7)
    assert_same_fit(convex, published)
    distance = np.abs(convex.model.to_vector() - published.model.to_vector()).max()
    assert distance < 1e-5  # what the book states; the bound above is sharper


def test_weights_count_repeated_rows_in_any_order(observed, rng):
    """A weight of k is a row given k times; a weight of zero is a row left out."""
    repeats = rng.integers(0, 4, len(observed))
    weighted = erasure.fit(observed, 0.5, weights=repeats, tolerance=1e-7)
    shuffled = rng.permutation(np.repeat(observed, repeats, axis=0))
    repeated = erasure.fit(shuffled, 0.5, tolerance=1e-7)
    assert_same_fit(weighted, repeated)
    assert weighted.mean_energy == pytest.approx(repeated.mean_energy, abs=1e-6)


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


def test_error_of_tap_on_infinite_data_falls_as_epsilon_cubed(rng):
    """w − w₀ is the error of ŵ at the distribution of u = w₀ − (1−ε) w = ε w₀ + O(ε³).

    By Eq. C.5 it is ⅔ (ε J_ij)³ for the couplings and O(ε⁴) for the fields.
    """
    truth, epsilons = ising.gaussian(6, 0.8, 0.8, rng=rng), np.array([0.2, 0.1, 0.05])
    leading = 2 / 3 * truth.to_vector() ** 3
    leading[:6] = 0
    states, weights = exact.configurations(6), exact.probabilities(truth)
    settings = {"moments": "tap", "tolerance": 1e-9, "max_iterations": 5000, "weights": weights}
    fits = [erasure.fit(states, epsilon, **settings).model.to_vector() for epsilon in epsilons]
    remainder = np.abs((fits - truth.to_vector()) / epsilons[:, None] ** 3 - leading).max(1)
    assert (remainder < 10 * epsilons * np.abs(leading).max()).all()
    assert remainder[2] < 0.7 * remainder[1]  # half of ε, half of what is left


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
    frozen, equal = observed.copy(), observed.copy()
    frozen[:, 0], equal[:, 0] = 1, equal[:, 1]
    for spins in (observed[:6], frozen, equal):
        for epsilon in (0.9, "auto"):
            with pytest.raises(erasure.NotConverged, match=r"no answer at epsilon.*eigenvalue") as refused:
                erasure.fit(spins, epsilon, moments="tap")
            assert refused.value.residual == np.inf


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
