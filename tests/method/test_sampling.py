"""The Monte Carlo sampler: samples against enumeration, and refusals.  Updates: tests/equations."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import ising, sampling
from tests import oracles

FALSE_ALARM = 1e-4  # probability that a perfect sampler fails one test, over all comparisons in it
FLOAT32 = 5e-7  # a probability near 1 evaluated in float32: a few spacings of 1.2e-7

# At M = 10, g = 0.8 a chain forgets its state in some 20 sweeps (its memory after 50 is below 0.01 in 99 of
# 100 instances), so that samples 50 sweeps apart count as independent in the standard errors below.
INDEPENDENT = {"burn_in": 200, "thin": 50}


def moments_agree(spins, model):
    """All L moments within the limit that L correct ones pass together with 1 − FALSE_ALARM (Bonferroni)."""
    z = oracles.z_scores(spins, oracles.enumerated_moments(model))
    return np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / z.size)  # 4.8 for the 55 of M = 10


def test_heat_bath_probability_is_a_logistic_function():
    """1/(1 + exp(−2f)), also where the rational form is cut off at |f| = 9."""
    field = np.concatenate([np.linspace(-9, 9, 100_001), np.linspace(-40, 40, 1001)])
    expected = 1 / (1 + np.exp(-2 * field))
    np.testing.assert_allclose(sampling.heat_bath_probability(field), expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("n_temperatures", [1, 6])
def test_moments_agree_with_enumeration(n_temperatures, rng):
    """All 55 moments of ten spins, to the standard error of 100,000 samples: 0.003."""
    model = ising.gaussian(10, 0.8, 0.8, rng=rng)
    spins = sampling.sample(model, 100_000, rng=rng, n_temperatures=n_temperatures, **INDEPENDENT)
    assert moments_agree(spins, model)


def test_a_sampler_off_by_five_percent_is_found_out(rng):
    """The limit is sharp: couplings 5 % too weak move some moment by eight standard errors or more."""
    model = ising.gaussian(10, 0.8, 0.8, rng=rng)
    weaker = ising.IsingModel(model.fields, 0.95 * model.couplings)
    assert not moments_agree(sampling.sample(weaker, 100_000, rng=rng, **INDEPENDENT), model)


@pytest.mark.slow
def test_parallel_tempering_mixes_where_the_plain_heat_bath_is_stuck(caplog):
    """g = 3: deep valleys.  The ladder crosses between them and still keeps the law at β = 1."""
    model = ising.gaussian(12, 3.0, 0.5, rng=np.random.default_rng(1))
    settings = {"burn_in": 500, "thin": 100}
    with pytest.raises(sampling.NotMixed, match="n_temperatures") as stuck:
        sampling.sample(model, 1000, rng=np.random.default_rng(4), n_temperatures=1, **settings)
    assert 0.5 < stuck.value.overlap <= 1
    assert "100 sweeps after a burn-in of 500" in str(stuck.value)
    assert not caplog.records
    for n_temperatures in (8, "auto"):
        spins = sampling.sample(
            model, 10_000, rng=np.random.default_rng(4), n_temperatures=n_temperatures, **settings
        )
        assert moments_agree(spins, model)
    [warning] = caplog.records
    assert "Drawing anew by parallel tempering with 10 temperatures" in warning.getMessage()


def test_chains_that_mix_are_the_plain_heat_bath(rng, caplog):
    model = ising.gaussian(6, 0.5, 0.5, rng=rng)
    plain, auto = (
        sampling.sample(model, 600, rng=np.random.default_rng(1), n_temperatures=n, **INDEPENDENT)
        for n in (1, "auto")
    )
    np.testing.assert_array_equal(plain, auto)
    assert not caplog.records


def test_blocks_of_chains_are_the_same_chains(rng):
    """The kernel on all chains at once, and in blocks: the same spins and generators, bit for bit."""
    model = ising.gaussian(10, rng=rng)
    whole, blocks = (sampling._Replica(model, 500, np.random.default_rng(1)) for _ in range(2))
    work = np.empty((2, 500), np.float32)
    sampling._sweep(whole.state, whole.fields, whole.couplings, whole.seeds, 30, *work)
    blocks.sweep(30)
    np.testing.assert_array_equal(whole.state, blocks.state)
    np.testing.assert_array_equal(whole.seeds, blocks.seeds)


@pytest.mark.parametrize(("field", "coupling"), [(1.0, 0.2), (5.0, 0.3)])
def test_a_magnet_held_by_its_field_counts_as_mixed(field, coupling, rng):
    """All chains point along the field: agreeing with oneself is then no memory."""
    model = ising.IsingModel(np.full(8, field), coupling * (1 - np.eye(8)))
    spins = sampling.sample(model, 4096, rng=rng, n_chains=4096, burn_in=200, thin=20)
    assert spins.mean() > 0.95


@pytest.mark.parametrize("n_spins", [1, 2, 5, 7])
@pytest.mark.parametrize("n_samples", [1, 255, 256, 700])
def test_samples_are_spins_of_the_shape_asked_for(n_spins, n_samples, rng):
    """Also where N is no multiple of the chains, and M none of the kernel's four columns."""
    model = ising.gaussian(n_spins, 0.5, rng=rng)
    spins = sampling.sample(model, n_samples, rng=rng, n_chains=256, burn_in=50, thin=50, max_overlap=0.5)
    assert spins.shape == (n_samples, n_spins)
    assert spins.dtype == np.int8
    assert set(np.unique(spins)) <= {-1, 1}


def test_fewer_samples_are_the_first_of_more(rng):
    """Rows come in blocks, one row a chain; a short last block is cut, not reordered."""
    model = ising.gaussian(6, 0.5, 0.5, rng=rng)
    few, many = (
        sampling.sample(model, n, rng=np.random.default_rng(5), n_chains=1024, **INDEPENDENT)
        for n in (1500, 2048)
    )
    np.testing.assert_array_equal(few, many[:1500])
