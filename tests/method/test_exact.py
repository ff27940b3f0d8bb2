"""Enumeration against closed forms: two spins by hand, trees, rings by the transfer matrix."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import exact, ising
from tests import oracles

ROUNDING = 1e-12  # sums of at most 2^10 positive terms in double precision, with a wide margin


def ring(fields, bonds):
    """Spins in a ring: bonds[i] couples spin i to spin i + 1, the last to the first."""
    n_spins = len(fields)
    couplings = np.zeros((n_spins, n_spins))
    for i, bond in enumerate(bonds):
        couplings[i, (i + 1) % n_spins] = couplings[(i + 1) % n_spins, i] = bond
    return ising.IsingModel(fields, couplings)


def transfer_trace(fields, bonds, inserted=()):
    """Tr Π_i S_i T_i with T_i(s, s') = exp(h_i s + J_i s s'); S_i = diag(+1, −1) at the inserted spins."""
    s = np.array([1.0, -1.0])
    product = np.eye(2)
    for i, (field, bond) in enumerate(zip(fields, bonds, strict=True)):
        if i in inserted:
            product = product @ np.diag(s)
        product = product @ np.exp(field * s[:, None] + bond * np.outer(s, s))
    return np.trace(product)


@pytest.mark.parametrize("n_spins", [1, 4, 10])
def test_probabilities_are_normalised_boltzmann_weights(n_spins, rng):
    """Σ p = 1, and the ratio of two probabilities is exp(−ΔH): Eq. 1."""
    model = ising.gaussian(n_spins, 2.0, rng=rng)
    probabilities = exact.probabilities(model)
    assert abs(probabilities.sum() - 1) < ROUNDING
    energies = ising.energy(model, exact.configurations(n_spins))
    log_ratios = np.log(probabilities / probabilities[0])
    np.testing.assert_allclose(log_ratios, energies[0] - energies, rtol=0, atol=ROUNDING)


def test_two_spins_by_hand():
    """Z = e^{h₁+h₂+J} + e^{−h₁−h₂+J} + e^{h₁−h₂−J} + e^{−h₁+h₂−J}."""
    h1, h2, j = 0.3, -0.7, 0.9
    up, down = np.exp(h1 + h2 + j), np.exp(-h1 - h2 + j)
    left, right = np.exp(h1 - h2 - j), np.exp(-h1 + h2 - j)
    z = up + down + left + right
    model = ising.IsingModel([h1, h2], [[0, j], [j, 0]])
    first, second = exact.moments(model)
    assert exact.log_partition(model) == pytest.approx(np.log(z), abs=ROUNDING)
    means = [(up - down + left - right) / z, (up - down - left + right) / z]
    np.testing.assert_allclose(first, means, rtol=0, atol=ROUNDING)
    pair = (up + down - left - right) / z
    np.testing.assert_allclose(second, [[1, pair], [pair, 1]], rtol=0, atol=ROUNDING)


def test_ring_in_fields_by_the_transfer_matrix(rng):
    """Every field and bond of the ring is different."""
    n_spins = 8
    fields, bonds = rng.normal(size=n_spins), rng.normal(size=n_spins)
    model = ring(fields, bonds)
    z = transfer_trace(fields, bonds)
    first, second = exact.moments(model)
    assert exact.log_partition(model) == pytest.approx(np.log(z), abs=ROUNDING)
    for i in range(n_spins):
        assert first[i] == pytest.approx(transfer_trace(fields, bonds, {i}) / z, abs=ROUNDING)
        for j in range(i):
            expected = transfer_trace(fields, bonds, {i, j}) / z
            assert second[i, j] == pytest.approx(expected, abs=ROUNDING)


def test_open_chain_without_fields():
    """Z = 2^M Π cosh J, and ⟨σ_i σ_j⟩ is the product of tanh J over the bonds between i and j."""
    bonds = np.array([0.5, -1.2, 0.8, 2.0])
    model = ring(np.zeros(5), np.append(bonds, 0.0))
    log_z = 5 * np.log(2) + np.log(np.cosh(bonds)).sum()
    assert exact.log_partition(model) == pytest.approx(log_z, abs=ROUNDING)
    first, second = exact.moments(model)
    np.testing.assert_allclose(first, 0, rtol=0, atol=ROUNDING)
    for i in range(5):
        for j in range(i, 5):
            assert second[i, j] == pytest.approx(np.tanh(bonds[i:j]).prod(), abs=ROUNDING)


def test_moments_are_derivatives_of_the_log_partition_function(rng):
    """∂ log Z/∂h_i = ⟨σ_i⟩ and ∂ log Z/∂J_ij = ⟨σ_i σ_j⟩: the model's side of Eq. 4 and 5."""
    n_spins, step = 6, 1e-4
    model = ising.gaussian(n_spins, rng=rng)
    vector = model.to_vector()

    def log_z(at):
        return exact.log_partition(ising.IsingModel.from_vector(at, n_spins))

    first, second = exact.moments(model)
    moments = np.concatenate([first, second[np.triu_indices(n_spins, 1)]])
    # step² κ₃/6 < 4e-9 with third cumulants |κ₃| ≤ 2, rounding 1e-15/step = 1e-11
    np.testing.assert_allclose(oracles.differences(log_z, vector, step), moments, rtol=0, atol=1e-8)


def test_large_energies_do_not_overflow():
    """At J = 1,000 only the two aligned states are left: log Z = 1,000 · 3 + log 2."""
    model = ising.IsingModel(np.zeros(3), 1000 * (1 - np.eye(3)))
    assert exact.log_partition(model) == pytest.approx(3000 + np.log(2), rel=1e-15)
    # the exponent 3,000 itself is rounded to 5e-13
    np.testing.assert_allclose(exact.probabilities(model)[[0, 7]], 0.5, rtol=0, atol=1e-12)


def test_configurations_are_all_different_and_in_the_order_of_index():
    states = exact.configurations(7)
    assert states.shape == (128, 7)
    assert states.dtype == np.int8
    assert set(np.unique(states)) == {-1, 1}
    np.testing.assert_array_equal(exact.index(states), np.arange(128))


def test_samples_follow_the_enumerated_law(rng):
    """χ² of all 16 states of four spins."""
    model, n_samples = ising.gaussian(4, 0.5, 0.5, rng=rng), 20_000
    spins = exact.sample(model, n_samples, rng=rng)
    assert spins.shape == (n_samples, 4)
    assert spins.dtype == np.int8
    counts = np.bincount(exact.index(spins), minlength=16)
    expected = n_samples * exact.probabilities(model)
    assert expected.min() > 10  # χ² is a good approximation above some 5 counts a cell
    assert stats.chisquare(counts, expected).pvalue > 1e-4  # one false alarm in 10,000 seeds


def test_frequencies_by_counting():
    """Spin i is bit i of the number: (−, −) is 0, (+, −) is 1, (−, +) is 2."""
    spins = np.array([[-1, -1], [1, -1], [1, -1], [-1, 1]])
    np.testing.assert_array_equal(exact.frequencies(spins), [1 / 4, 1 / 2, 1 / 4, 0])
    np.testing.assert_array_equal(exact.frequencies(exact.configurations(5)), np.full(32, 1 / 32))


def test_total_variation_is_the_largest_difference_of_a_probability(rng):
    """max over sets A of p(A) − q(A), here by trying all 2^6 of them: another definition of the same."""
    p, q = rng.dirichlet(np.ones(6), 2)
    sets = (exact.configurations(6) > 0).astype(float)
    assert exact.total_variation(p, q) == pytest.approx((sets @ (p - q)).max(), rel=ROUNDING)
    assert exact.total_variation(p, p) == 0
    assert exact.total_variation([1, 0], [0, 1]) == 1
    np.testing.assert_allclose(
        exact.total_variation(p, [q, p]), [exact.total_variation(p, q), 0], rtol=ROUNDING
    )


def test_divergence_of_ising_models_by_their_moments(rng):
    """log p/q = Δw · O + log Z_q − log Z_p, so that D = Δw · ⟨O⟩_p + log Z_q − log Z_p."""
    p, q = ising.gaussian(6, rng=rng), ising.gaussian(6, rng=rng)
    means, pairs = exact.moments(p)
    difference = ising.IsingModel(p.fields - q.fields, p.couplings - q.couplings)
    average = difference.fields @ means + 0.5 * (difference.couplings * pairs).sum()
    expected = average + exact.log_partition(q) - exact.log_partition(p)
    found = exact.divergence(exact.probabilities(p), exact.probabilities(q))
    assert found == pytest.approx(expected, rel=1e-10)  # a difference of logarithms near 5


def test_divergence_where_a_law_has_holes():
    assert exact.divergence([0.5, 0.5, 0], [0.25, 0.25, 0.5]) == pytest.approx(np.log(2), rel=ROUNDING)
    assert exact.divergence([0.25, 0.25, 0.5], [0.5, 0.5, 0]) == np.inf
    assert exact.divergence([1, 0], [1, 0]) == 0
