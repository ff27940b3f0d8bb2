"""The Monte Carlo sampler: detailed balance as a matrix, its samples against enumeration, its refusals."""

import numpy as np
import pytest
from scipy import stats

from ising_lib import exact, ising, sampling

FALSE_ALARM = 1e-4  # probability that a perfect sampler fails one test, over all comparisons in it
FLOAT32 = 5e-7  # a probability near 1 evaluated in float32: a few spacings of 1.2e-7

# At M = 10, g = 0.8 a chain forgets its state in some 20 sweeps (its memory after 50 is below 0.01 in 99 of
# 100 instances), so that samples 50 sweeps apart count as independent in the standard errors below.
INDEPENDENT = {"burn_in": 200, "thin": 50}


def z_scores(spins, model):
    """Deviation of every ⟨σ_i⟩ and ⟨σ_i σ_j⟩ from enumeration, in standard errors √((1 − ⟨·⟩²)/N)."""
    pairs = np.triu_indices(model.n_spins, 1)
    first, second = exact.moments(model)
    expected = np.concatenate([first, second[pairs]])
    sigma = spins.astype(np.float64)
    found = np.concatenate([sigma.mean(0), (sigma.T @ sigma / len(sigma))[pairs]])
    return (found - expected) / np.sqrt((1 - expected**2) / len(sigma))


def moments_agree(spins, model):
    """All L moments within the limit that L correct ones pass together with 1 − FALSE_ALARM (Bonferroni)."""
    z = z_scores(spins, model)
    return np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / z.size)  # 4.8 for the 55 of M = 10


def update_matrix(model, i):
    """T_ab of one heat-bath update of spin i, over all 2^M configurations."""
    states = exact.configurations(model.n_spins)
    up = sampling.heat_bath_probability(model.fields[i] + states @ model.couplings[i])
    matrix = np.zeros((len(states), len(states)))
    for value, probability in ((1, up), (-1, 1 - up)):
        after = states.copy()
        after[:, i] = value
        matrix[np.arange(len(states)), exact.index(after)] += probability
    return matrix


def ferromagnet(n_spins, coupling):
    return ising.IsingModel(np.zeros(n_spins), coupling * (1 - np.eye(n_spins)))


def test_heat_bath_probability_is_a_logistic_function():
    """1/(1 + exp(−2f)), also where the rational form is cut off at |f| = 9."""
    field = np.concatenate([np.linspace(-9, 9, 100_001), np.linspace(-40, 40, 1001)])
    expected = 1 / (1 + np.exp(-2 * field))
    np.testing.assert_allclose(sampling.heat_bath_probability(field), expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("spin", range(4))
def test_every_update_is_in_detailed_balance(spin, rng):
    """π_a T_ab = π_b T_ba with π enumerated, hence π T = π: Eq. 1 is the law the updates keep."""
    model = ising.gaussian(4, 1.5, rng=rng)
    law, matrix = exact.probabilities(model), update_matrix(model, spin)
    flow = law[:, None] * matrix
    np.testing.assert_allclose(matrix.sum(1), 1, rtol=0, atol=FLOAT32)
    np.testing.assert_allclose(flow, flow.T, rtol=0, atol=FLOAT32)  # π ≤ 1 can only lower the error of T
    np.testing.assert_allclose(law @ matrix, law, rtol=0, atol=2 * FLOAT32)  # two states flow into each


def test_half_the_field_would_break_detailed_balance(rng):
    """Dropping the 2 of exp(−2f) moves far more than rounding does."""
    model = ising.gaussian(4, 1.5, rng=rng)
    flow = exact.probabilities(model)[:, None] * update_matrix(model.at(0.5), 0)
    assert np.abs(flow - flow.T).max() > 1e4 * FLOAT32


def test_lone_spins_have_mean_tanh_of_their_field(rng):
    """Without couplings the compiled kernel alone decides: ⟨σ_i⟩ = tanh h_i from −3 to 3."""
    fields = np.linspace(-3, 3, 13)
    model = ising.IsingModel(fields, np.zeros((13, 13)))
    n_samples = 200_000
    spins = sampling.sample(model, n_samples, rng=rng, burn_in=1, thin=1)  # one sweep redraws every spin
    z = (spins.mean(0) - np.tanh(fields)) / np.sqrt(1 - np.tanh(fields) ** 2) * np.sqrt(n_samples)
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / z.size)


@pytest.mark.parametrize("n_temperatures", [1, 6])
def test_moments_agree_with_enumeration(n_temperatures, rng):
    """All 55 moments of ten spins, to the standard error of 100,000 samples: 0.003."""
    model = ising.gaussian(10, 0.8, 0.8, rng=rng)
    spins = sampling.sample(model, 100_000, rng=rng, n_temperatures=n_temperatures, **INDEPENDENT)
    assert moments_agree(spins, model)


@pytest.mark.parametrize("n_temperatures", [1, 6])
def test_all_configurations_have_their_probability(n_temperatures, rng):
    """χ² of the whole law of six spins, 64 states."""
    model, n_samples = ising.gaussian(6, 0.5, 0.5, rng=rng), 100_000
    spins = sampling.sample(model, n_samples, rng=rng, n_temperatures=n_temperatures, **INDEPENDENT)
    counts = np.bincount(exact.index(spins), minlength=64)
    expected = n_samples * exact.probabilities(model)
    assert expected.min() > 10  # χ² is a good approximation above some 5 counts a cell
    assert stats.chisquare(counts, expected).pvalue > FALSE_ALARM


def test_a_sampler_without_the_factor_two_is_found_out(rng):
    """p(+1) = 1/(1 + exp(−f)) is the heat bath of the model at half its parameters."""
    model = ising.gaussian(10, 0.8, 0.8, rng=rng)
    spins = sampling.sample(model.at(0.5), 100_000, rng=rng, **INDEPENDENT)
    assert moments_agree(spins, model.at(0.5))
    assert not moments_agree(spins, model)


def test_a_sampler_off_by_five_percent_is_found_out(rng):
    """The limit is sharp: couplings 5 % too weak move some moment by eight standard errors or more."""
    model = ising.gaussian(10, 0.8, 0.8, rng=rng)
    weaker = ising.IsingModel(model.fields, 0.95 * model.couplings)
    assert not moments_agree(sampling.sample(weaker, 100_000, rng=rng, **INDEPENDENT), model)


def test_parallel_tempering_mixes_where_the_plain_heat_bath_is_stuck(caplog):
    """g = 3: deep valleys.  The ladder crosses between them and still keeps the law at β = 1."""
    model = ising.gaussian(12, 3.0, 0.5, rng=np.random.default_rng(1))
    settings = {"burn_in": 500, "thin": 100}
    with pytest.raises(sampling.NotMixed, match="n_temperatures") as stuck:
        sampling.sample(model, 1000, rng=np.random.default_rng(4), n_temperatures=1, **settings)
    assert 0.5 < stuck.value.overlap <= 1
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


def test_exchange_keeps_the_law_of_every_temperature(rng):
    """Replicas drawn exactly from p^β stay so under exchanges alone, with no sweep to repair a wrong one."""
    model, n_chains = ising.gaussian(6, 2.0, rng=rng), 50_000
    ladder = np.geomspace(1.0, 0.25, 4)
    replicas = [sampling._Replica(model.at(beta), n_chains, rng) for beta in ladder]
    for replica in replicas:
        replica.state[:6] = exact.sample(replica.model, n_chains, rng=rng).T
    before = replicas[0].spins
    for _ in range(10):
        sampling._exchange(replicas, ladder, rng)
    assert sampling.memory(before, replicas[0].spins) < 0.5  # they did move
    for replica in replicas:
        assert moments_agree(replica.spins, replica.model)


def test_a_frozen_ferromagnet_is_refused(rng):
    """Twenty spins, every J = 1: a chain that has chosen its sign never changes it (barrier of 200)."""
    with pytest.raises(sampling.NotMixed) as frozen:
        sampling.sample(ferromagnet(20, 1.0), 1000, rng=rng, burn_in=100, thin=20, n_temperatures=1)
    assert frozen.value.overlap > 0.99
    assert "20 sweeps after a burn-in of 100" in str(frozen.value)


@pytest.mark.parametrize(("field", "coupling"), [(1.0, 0.2), (5.0, 0.3)])
def test_a_magnet_held_by_its_field_counts_as_mixed(field, coupling, rng):
    """All chains point along the field: agreeing with oneself is then no memory."""
    model = ising.IsingModel(np.full(8, field), ferromagnet(8, coupling).couplings)
    spins = sampling.sample(model, 4096, rng=rng, n_chains=4096, burn_in=200, thin=20)
    assert spins.mean() > 0.95


def test_memory_is_one_for_a_copy_and_zero_for_strangers(rng):
    """Limits are five standard errors, 5/√(C M) = 0.025."""
    before, after = rng.choice([-1, 1], (2, 2000, 20)).astype(np.int8)
    assert sampling.memory(before, before) == pytest.approx(1, abs=1e-12)
    assert abs(sampling.memory(before, after)) < 0.025
    assert sampling.memory(before, -before) == pytest.approx(-1, abs=0.025)


def test_memory_errs_by_its_standard_error(rng):
    """√(Σ_ij C_ij²)/(M √C) for four blocks of five equal spins, Σ C_ij² = 4·25, from 400 repeats."""
    found = []
    for _ in range(400):
        before, after = np.repeat(rng.choice([-1, 1], (2, 100, 4)), 5, axis=2).astype(np.int8)
        found.append(sampling.memory(before, after))
    assert np.std(found) == pytest.approx(np.sqrt(100) / (20 * np.sqrt(100)), rel=4 * 0.035)


def test_memory_takes_out_the_common_magnetisation(rng):
    """Chains of strongly polarised spins overlap by chance; only the excess counts."""
    means = np.tanh(rng.normal(1.0, 0.5, 20))
    before, after = np.where(rng.random((2, 2000, 20)) < (1 + means) / 2, 1, -1).astype(np.int8)
    assert abs(sampling.memory(before, after)) < 0.025  # five standard errors, as above
    stay = rng.random((2000, 20)) < 0.3  # three spins in ten keep their value, the rest are redrawn
    kept = np.where(stay, before, after)
    assert sampling.memory(before, kept) == pytest.approx(0.3, abs=0.05)  # twice: `stay` fluctuates as well
    assert sampling.memory(np.ones((10, 3)), np.ones((10, 3))) == 0


def test_equal_streams_draw_equal_spins(rng):
    model = ising.gaussian(6, 0.5, 0.5, rng=rng)
    for n_temperatures in (1, 3):
        settings = {"burn_in": 50, "thin": 20, "n_temperatures": n_temperatures}
        first, second, third = (
            sampling.sample(model, 600, rng=np.random.default_rng(seed), **settings) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, third)


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
