"""The equations of book/monte_carlo.md: transition matrices over all configurations, and the kernel."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ising_lib import exact, ising, sampling

FALSE_ALARM = 1e-4  # probability that a perfect sampler fails one test, over all comparisons in it
FLOAT32 = 5e-7  # a probability near 1 evaluated in float32: a few spacings of 1.2e-7
ROUNDING = 1e-12
M = 4
STATES = exact.configurations(M)


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.5, rng=rng)


def heat_bath(model, i):
    """T_i (2^M, 2^M) of the library's update of spin i: row σ, column σ'."""
    up = sampling.heat_bath_probability(model.fields[i] + STATES @ model.couplings[i]).astype(float)
    matrix = np.zeros((len(STATES), len(STATES)))
    for value, chance in ((1, up), (-1, 1 - up)):
        after = STATES.copy()
        after[:, i] = value
        matrix[np.arange(len(STATES)), exact.index(after)] += chance
    return matrix


def sweep(model):
    """T = T_1 T_2 … T_M."""
    return np.linalg.multi_dot([heat_bath(model, i) for i in range(model.n_spins)])


@pytest.mark.parametrize("spin", range(M))
def test_eq_m1_conditional_distribution_of_one_spin(spin, model):
    """p(σ_i = +1 | rest) as a ratio of enumerated probabilities: Bayes, not the formula."""
    p = exact.probabilities(model)
    flipped = STATES.copy()
    flipped[:, spin] *= -1
    conditional = p / (p + p[exact.index(flipped)])  # p(σ_i | rest) for the value that σ_i has
    up = np.where(STATES[:, spin] == 1, conditional, 1 - conditional)
    field = model.fields[spin] + STATES @ model.couplings[spin]
    np.testing.assert_allclose(up, 1 / (1 + np.exp(-2 * field)), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(sampling.heat_bath_probability(field), up, rtol=0, atol=FLOAT32)


def test_eq_m2_threshold_of_a_uniform_number(rng):
    """σ_i = +1 where u < tanh f: the compiled kernel, one sweep of lone spins."""
    fields = np.linspace(-2, 2, 9)
    model, n_samples = ising.IsingModel(fields, np.zeros((9, 9))), 100_000
    spins = sampling.sample(model, n_samples, rng=rng, burn_in=1, thin=1)
    chance = (1 + np.tanh(fields)) / 2
    z = ((spins == 1).mean(0) - chance) / np.sqrt(chance * (1 - chance) / n_samples)
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / z.size)


@pytest.mark.parametrize("spin", range(M))
def test_eq_m3_detailed_balance(spin, model):
    """p(σ) T_i(σ→σ') is a symmetric matrix; at half the field, it is far from that."""
    p = exact.probabilities(model)[:, None]
    flow, wrong = p * heat_bath(model, spin), p * heat_bath(model.at(0.5), spin)
    np.testing.assert_allclose(flow, flow.T, rtol=0, atol=FLOAT32)
    assert np.abs(wrong - wrong.T).max() > 1e-3


def test_eq_m4_a_sweep_keeps_the_distribution_without_detailed_balance(model):
    """p T = p, although p(σ) T(σ→σ') is not symmetric: the order of the spins has a direction."""
    p, matrix = exact.probabilities(model), sweep(model)
    np.testing.assert_allclose(p @ matrix, p, rtol=0, atol=M * FLOAT32)
    flow = p[:, None] * matrix
    assert np.abs(flow - flow.T).max() > 1e-4


def test_eq_m5_the_start_is_forgotten_geometrically(model):
    """‖μ Tⁿ − p‖ ≤ (1 − δ)ⁿ from every start, and δ ≥ Π_i (1 − tanh F_i)."""
    p, matrix = exact.probabilities(model), sweep(model)
    delta = matrix.min(0).sum()
    reach = np.abs(model.fields) + np.abs(model.couplings).sum(1)  # largest local field
    assert 0 < np.prod(1 - np.tanh(reach)) <= delta <= 1
    after = np.eye(len(p))  # each row a start
    for n in range(1, 30):
        after = after @ matrix
        distance = 0.5 * np.abs(after - p).sum(1).max()
        assert distance <= (1 - delta) ** n + M * FLOAT32 * n


def test_eq_m6_exchange_is_in_detailed_balance(rng):
    """All pairs of states of two replicas of three spins: p^{β_a} p^{β_b} times the chance to exchange."""
    energies = ising.energy(ising.gaussian(3, 1.5, rng=rng), exact.configurations(3))
    joint = np.exp(-1.0 * energies[:, None] - 0.4 * energies)  # (σ_a, σ_b), but for Z
    gain = (1.0 - 0.4) * (energies[:, None] - energies)
    flow = joint * np.minimum(1, np.exp(gain))
    np.testing.assert_allclose(flow, flow.T, rtol=1e-12)
    wrong = joint * np.minimum(1, np.exp(-gain))  # the other sign
    assert np.abs(wrong - wrong.T).max() > 1e-3 * joint.sum()


def test_eq_m6_the_library_accepts_as_often(rng):
    """100,000 pairs of fixed states: the share exchanged is min(1, exp((β_a − β_b)(H_a − H_b)))."""
    model, n_chains = ising.gaussian(3, 1.5, rng=rng), 100_000
    states = exact.configurations(3)
    energies = ising.energy(model, states)
    low, high = energies.argmin(), energies.argmax()
    for a, b in ((low, high), (high, low)):
        replicas = [sampling._Replica(model.at(beta), n_chains, rng) for beta in (1.0, 0.4)]
        replicas[0].state[:3], replicas[1].state[:3] = states[a][:, None], states[b][:, None]
        sampling._exchange(replicas, np.array([1.0, 0.4]), rng)
        share = (replicas[0].spins == states[b]).all(1).mean()
        expected = min(1, np.exp((1.0 - 0.4) * (energies[a] - energies[b])))
        # binomial standard error, five of them; 1 must be 1
        assert abs(share - expected) <= 5 * np.sqrt(expected * (1 - expected) / n_chains)


def test_eq_m7_memory_by_double_loop(rng):
    """(q − q₀)/(1 − q₀), with q₀ over all pairs of two different chains."""
    before, after = rng.choice([-1, 1], (2, 12, 5), p=[0.3, 0.7]).astype(np.int8)
    own = np.mean([before[c] @ after[c] / 5 for c in range(12)])
    others = np.mean([before[c] @ after[d] / 5 for c, d in itertools.permutations(range(12), 2)])
    assert sampling.memory(before, after) == pytest.approx((own - others) / (1 - others), abs=ROUNDING)
    assert sampling.memory(np.ones((10, 3)), np.ones((10, 3))) == 0  # held by a field, not by memory


@pytest.mark.parametrize(("scale", "field_scale"), [(0.0, 0.0), (2.0, 0.0), (2.0, 1.5)])
def test_eq_m7_standard_error_of_the_memory(scale, field_scale):
    """√(Σ_ij C_ij²)/(√R Σ_i C_ii) for strangers, free or coupled, with fields or without.

    1/√(RM) is right for free spins alone: ten of strong coupling count for a quarter as many.
    """
    rng, n_chains = np.random.default_rng(3), 256
    model = ising.gaussian(10, scale, field_scale, rng=rng)
    drawn = exact.sample(model, (1000 * 2 * n_chains), rng=rng).reshape(1000, 2, n_chains, 10)
    found = np.std([sampling.memory(*pair) for pair in drawn])
    first, second = exact.moments(model)
    covariance = second - np.outer(first, first)
    expected = np.sqrt((covariance**2).sum() / n_chains) / np.trace(covariance)
    # a standard deviation from 1,000 draws is known to 1/√2000 = 2.2 %: five of those
    assert found == pytest.approx(expected, rel=5 / np.sqrt(2000))
    if scale and not field_scale:
        assert 1.5 < found * np.sqrt(n_chains * 10) < 3


def autocorrelation(model, observable, n_lags):
    """ρ_k of an observable after k sweeps in equilibrium, exactly."""
    p, matrix = exact.probabilities(model), sweep(model)
    centred = observable - p @ observable
    later, values = centred, []
    for _ in range(n_lags + 1):
        values.append((p * centred) @ later)
        later = matrix @ later
    return np.array(values) / values[0], values[0]


def test_eq_m8_correlated_samples_count_less(model, rng):
    """Variance of the mean of K = 8 successive sweeps: the formula, against 40,000 chains of the kernel."""
    n_chains, K = 40_000, 8
    rho, variance = autocorrelation(model, STATES[:, 0].astype(float), K)
    weights = 1 - np.arange(1, K) / K
    expected = variance / K * (1 + 2 * weights @ rho[1:K])
    assert expected > 1.5 * variance / K  # the correlation matters here
    replica = sampling._Replica(model, n_chains, rng)
    replica.sweep(300)  # equilibrium
    total = np.zeros(n_chains)
    for _ in range(K):
        replica.sweep(1)
        total += replica.spins[:, 0]
    # a variance from 40,000 means has the relative standard error √(2/40,000) = 0.7 %, or less; five of those
    assert np.var(total / K) == pytest.approx(expected, rel=5 * np.sqrt(2 / n_chains))


def test_eq_m9_share_of_a_resampled_pool_that_counts(rng):
    """(Σu)²/Σu² of K uniform configurations with Boltzmann weights, over K, is Z₁²/(2^M Z₂)."""
    model, size = ising.gaussian(10, 0.5, 0.5, rng=rng), 400_000
    pool = rng.choice(np.array([-1, 1], np.int8), (size, 10))
    u = np.exp(-ising.energy(model, pool))
    share = u.sum() ** 2 / (u**2).sum() / size
    log_share = 2 * exact.log_partition(model) - exact.log_partition(model.at(2)) - 10 * np.log(2)
    # relative standard errors of Σu² and of Σu, the latter squared: their sum is an upper limit; five of it
    spread = sum(n * np.std(u**k) / np.mean(u**k) / np.sqrt(size) for k, n in ((2, 1), (1, 2)))
    assert 5 * spread < 0.1
    assert np.exp(log_share) < 0.6
    assert share == pytest.approx(np.exp(log_share), rel=5 * spread)
