"""The model itself: its energy, its vector of parameters, its random instances."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import ising
from tests import oracles

FALSE_ALARM = 1e-6  # probability that a correct law fails one of the statistical tests


def test_energy_is_minus_fields_minus_pairs(rng):
    model = ising.gaussian(5, rng=rng)
    spins = rng.choice([-1, 1], (1100, 5))  # more rows than two of the blocks they are handled in
    expected = oracles.energies(model, spins)
    # 15 terms of order 1 in double precision: rounding stays below 15 · 2e-16 · a few
    np.testing.assert_allclose(ising.energy(model, spins), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("coupling_scale", "field_scale"), [(0.5, 0.25), (0.25, 2.0)])
def test_parameters_scatter_with_variance_g_squared_over_m(coupling_scale, field_scale, rng):
    """Σ x² / (g²/M) of n normal numbers follows χ² with n degrees of freedom; no g here is 1."""
    n_spins = 400
    model = ising.gaussian(n_spins, coupling_scale, field_scale, rng=rng)
    couplings = model.couplings[np.triu_indices(n_spins, 1)]
    for values, scale in ((couplings, coupling_scale), (model.fields, field_scale)):
        low, high = stats.chi2.interval(1 - FALSE_ALARM, values.size)
        # relative width √(2/n)·4.9: ±2.5 % for 79,800 couplings, ±35 % for 400 fields; a variance
        # of g/M instead would be off by 1/g, a factor of 2 and more
        assert low < (values**2).sum() * n_spins / scale**2 < high
        limit = stats.norm.isf(FALSE_ALARM / 2) * scale / np.sqrt(n_spins * values.size)
        assert abs(values.mean()) < limit


def test_vector_holds_fields_then_couplings_row_by_row():
    model = ising.IsingModel([1, 2, 3], [[0, 4, 5], [4, 0, 6], [5, 6, 0]])
    np.testing.assert_array_equal(model.to_vector(), [1, 2, 3, 4, 5, 6])


def test_temperature_scales_every_parameter(rng):
    """β H of a model is H of the model at β."""
    model = ising.gaussian(6, rng=rng)
    spins = rng.choice([-1, 1], (20, 6))
    expected = 0.3 * ising.energy(model, spins)
    np.testing.assert_allclose(ising.energy(model.at(0.3), spins), expected, rtol=0, atol=1e-13)


def test_a_model_cannot_be_altered(rng):
    """Neither through its own arrays nor through those it was made from."""
    fields = np.zeros(3)
    model = ising.IsingModel(fields, np.zeros((3, 3)))
    fields[0] = 1.0
    assert model.fields[0] == 0.0
    for array in (model.fields, model.couplings):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
