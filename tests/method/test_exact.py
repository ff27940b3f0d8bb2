"""Enumeration against a ring by the transfer matrix; by sums and derivatives in tests/equations."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import exact, ising

ROUNDING = 1e-12  # sums of at most 2^10 positive terms in double precision, with a wide margin


def transfer_trace(fields, bonds, inserted=()):
    """Tr Π_i S_i T_i with T_i(s, s') = exp(h_i s + J_i s s'); S_i = diag(+1, −1) at the inserted spins."""
    s = np.array([1.0, -1.0])
    product = np.eye(2)
    for i, (field, bond) in enumerate(zip(fields, bonds, strict=True)):
        if i in inserted:
            product = product @ np.diag(s)
        product = product @ np.exp(field * s[:, None] + bond * np.outer(s, s))
    return np.trace(product)


def test_ring_in_fields_by_the_transfer_matrix(rng):
    """Every field and bond of the ring is different; bonds[i] is between spins i and i + 1."""
    n_spins = 8
    fields, bonds = rng.normal(size=n_spins), rng.normal(size=n_spins)
    one_way = np.roll(np.diag(bonds), 1, axis=1)
    model, z = ising.IsingModel(fields, one_way + one_way.T), transfer_trace(fields, bonds)
    first, second = exact.moments(model)
    assert exact.log_partition(model) == pytest.approx(np.log(z), abs=ROUNDING)
    for i in range(n_spins):
        assert first[i] == pytest.approx(transfer_trace(fields, bonds, {i}) / z, abs=ROUNDING)
        for j in range(i):
            expected = transfer_trace(fields, bonds, {i, j}) / z
            assert second[i, j] == pytest.approx(expected, abs=ROUNDING)


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
    counts = np.bincount(exact.index(exact.sample(model, n_samples, rng=rng)), minlength=16)
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
