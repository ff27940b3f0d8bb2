"""The equations of book/inverse_ising.md, each against an oracle of another kind than the code."""

import itertools
import math

import numpy as np
import pytest
import torch

from ising_lib import erasure, estimators, exact, ising
from tests.equations.helpers import covariance, features, gradient, vector

# Sums of 2^M ≤ 256 terms in float64, all of order one: rounding stays below 256 · 2.2e-16 ≈ 6e-14.
ROUNDING = 1e-12


def by_loops(model):
    """{σ: H(σ)} by Eq. 2 read letter by letter: sums over i and over i < j."""
    energies = {}
    for sigma in itertools.product((-1, 1), repeat=model.n_spins):
        energy = -sum(h * s for h, s in zip(model.fields, sigma, strict=True))
        for i, j in itertools.combinations(range(model.n_spins), 2):
            energy -= model.couplings[i, j] * sigma[i] * sigma[j]
        energies[sigma] = energy
    return energies


def log_likelihood(vector, states, data):
    """𝓛_D(w) = Σ f log p as a torch graph over the enumerated states: what autodiff differentiates."""
    log_z = torch.logsumexp(torch.from_numpy(features(states)) @ vector, 0)
    return (torch.from_numpy(features(data)) @ vector).mean() - log_z


def autodiff_gradient(vector, states, data):
    return gradient(lambda leaf: log_likelihood(leaf, states, data), vector)


@pytest.fixture
def model(rng):
    """Five spins, 15 parameters of order one."""
    return ising.gaussian(5, 1.5, 1.5, rng=rng)


@pytest.fixture
def data(rng):
    """200 samples of another law, so that no gradient is small by chance."""
    return exact.sample(ising.gaussian(5, rng=rng), 200, rng=rng)


@pytest.fixture
def states():
    return exact.configurations(5)


def test_eq_01_02_boltzmann_distribution(model, states):
    """Each pair once in H(σ); p(σ) = exp(−H)/Z summed term by term by the standard library.

    Not H(σ_i), as printed: at one value of a spin there are as many energies as states of the others.
    """
    energies = by_loops(model)
    spins = np.array(list(energies), dtype=np.int8)
    np.testing.assert_allclose(ising.energy(model, spins), list(energies.values()), rtol=0, atol=ROUNDING)
    assert len(set(energies.values())) == 2**5
    z = math.fsum(math.exp(-energy) for energy in energies.values())
    expected = [math.exp(-energies[tuple(sigma)]) / z for sigma in states.tolist()]
    np.testing.assert_allclose(exact.probabilities(model), expected, rtol=ROUNDING)
    assert exact.log_partition(model) == pytest.approx(math.log(z), abs=ROUNDING)


def test_eq_i1_energy_is_linear_in_the_parameters(model, states):
    """−H(σ) = w · O(σ), in the order of to_vector."""
    linear = features(states) @ model.to_vector()
    np.testing.assert_allclose(-ising.energy(model, states), linear, rtol=0, atol=ROUNDING)


def test_eq_03_i2_divergence_is_minus_likelihood_minus_entropy(model, data, states):
    """D_KL(f‖p) by its definition; the likelihood sample by sample, and from the moments."""
    share, p = exact.frequencies(data), exact.probabilities(model)  # f(σ)
    likelihood = np.log(p[exact.index(data)]).mean()
    seen = share > 0
    negative_entropy = (share[seen] * np.log(share[seen])).sum()
    expected = math.fsum(x * math.log(x / y) for x, y in zip(share, p, strict=True) if x > 0)
    assert exact.divergence(share, p) == pytest.approx(expected, abs=ROUNDING)
    assert expected == pytest.approx(-likelihood + negative_entropy, abs=ROUNDING)
    assert expected > 0  # Gibbs: f is not p here
    by_moments = model.to_vector() @ features(data).mean(0) - exact.log_partition(model)
    assert by_moments == pytest.approx(likelihood, abs=ROUNDING)


def test_eq_i3_derivative_of_log_partition_function(model, states):
    """∂ log Z/∂w_a = ⟨O_a⟩_p: autodiff through the sum of 2^M terms against the moments."""
    table = torch.from_numpy(features(states))
    slope = gradient(lambda w: torch.logsumexp(table @ w, 0), model.to_vector())
    np.testing.assert_allclose(slope, vector(*exact.moments(model)), rtol=0, atol=ROUNDING)


def test_eq_04_05_are_the_gradient(model, data, states):
    """⟨O⟩_f − ⟨O⟩_p against autodiff; both vanish where the library says that the likelihood is highest."""
    expected, observed = autodiff_gradient(model.to_vector(), states, data), features(data).mean(0)
    difference = observed - vector(*exact.moments(model))
    np.testing.assert_allclose(difference, expected, rtol=0, atol=ROUNDING)
    assert min(np.abs(expected[:5]).max(), np.abs(expected[5:]).max()) > 0.01  # something to get wrong
    top = estimators.maximum_likelihood(data).model
    np.testing.assert_allclose(observed - vector(*exact.moments(top)), 0, atol=2e-6)


def ascend(vector, data, states, learning_rate, n_steps):
    """Eq. 6 and 7, and the likelihood before each step."""
    moments, table, likelihoods = features(data).mean(0), features(states), []
    for _ in range(n_steps):
        exponents = table @ vector
        log_z = np.logaddexp.reduce(exponents)
        likelihoods.append(vector @ moments - log_z)
        vector = vector + learning_rate * (moments - np.exp(exponents - log_z) @ table)
    return vector, np.array(likelihoods)


def test_eq_06_07_end_at_the_maximum_from_anywhere(data, states, rng):
    """A step is w + α ∇𝓛_D.  α = 0.1 < 2/L = 0.13: 𝓛_D never falls, and five far starts end at one point."""
    ends = []
    for start in rng.normal(0, 2, (5, 15)):
        one = start + 0.1 * autodiff_gradient(start, states, data)
        np.testing.assert_allclose(ascend(start, data, states, 0.1, 1)[0], one, rtol=0, atol=ROUNDING)
        end, likelihoods = ascend(start, data, states, 0.1, 6000)
        assert (np.diff(likelihoods) > -ROUNDING).all()
        ends.append(end)
    # the slowest mode shrinks by 1 − α λ_min a step; λ_min of the covariance is above 0.03 here, and
    # (1 − 0.003)^6000 ≈ 1e-8.  The library stops where no moment is off by more than 1e-6: 1e-6/λ_min
    assert np.ptp(ends, axis=0).max() < 1e-6
    found = estimators.maximum_likelihood(data).model.to_vector()
    np.testing.assert_allclose(found, ends[0], rtol=0, atol=1e-4)


def test_eq_i4_hessian_is_minus_the_covariance(model, data, states):
    """Second derivatives by autodiff against Cov_p(O) by enumeration, and none of its eigenvalues is 0."""
    hessian = torch.autograd.functional.hessian(
        lambda vector: log_likelihood(vector, states, data), torch.tensor(model.to_vector())
    )
    found = covariance(features(states), exact.probabilities(model))
    np.testing.assert_allclose(hessian.numpy(), -found, rtol=0, atol=ROUNDING)
    assert np.linalg.eigvalsh(found).min() > 1e-4


def test_eq_i5_features_are_orthonormal_under_the_uniform_distribution(states):
    """2^{-M} Σ_σ O_a O_b = δ_ab and 2^{-M} Σ_σ O_a = 0: exact in integers."""
    table = features(states).astype(np.int64)
    np.testing.assert_array_equal(table.T @ table, 32 * np.eye(15, dtype=np.int64))
    np.testing.assert_array_equal(table.sum(0), 0)


def same_moments(p, states, rng, size):
    """A law with the moments of p: p plus a direction orthogonal to 1 and to all features."""
    constraints = np.column_stack([np.ones(len(states)), features(states)])
    direction = rng.normal(size=len(states))
    direction -= constraints @ np.linalg.lstsq(constraints, direction, rcond=None)[0]
    return p + size * p.min() / np.abs(direction).max() * direction


def test_eq_i6_no_law_of_equal_moments_has_more_entropy(model, states, rng):
    """S(p) − S(q) = D_KL(q‖p), for laws q with the moments of p."""
    p = exact.probabilities(model)
    for _ in range(5):
        q = same_moments(p, states, rng, 0.9)
        assert q.min() > 0
        gap = (q * np.log(q)).sum() - (p * np.log(p)).sum()
        assert gap == pytest.approx((q * np.log(q / p)).sum(), abs=ROUNDING)
        assert gap > 0


def test_eq_i2_moments_suffice_for_the_likelihood_but_not_for_the_erasure_machine(states, rng):
    """Two laws of equal moments: 𝓛_D agrees at every w, the Erasure Machine tells them apart."""
    p = exact.probabilities(ising.gaussian(5, 0.5, 0.5, rng=rng))
    q = same_moments(p, states, rng, 0.9)
    for w in rng.normal(0, 1, (3, 15)):
        log_p = features(states) @ w  # up to log Z, the same for both
        assert p @ log_p == pytest.approx(q @ log_p, abs=ROUNDING)
    first, second = (erasure.fit(states, 0.5, weights=law).model.to_vector() for law in (p, q))
    # each fit is within √L · 1e-6/ε = 8e-6 of its minimum
    assert np.abs(first - second).max() > 1e-3


def test_eq_i7_too_long_a_step_moves_away(data, states, rng):
    """The iteration is stable at its maximum for α < 2/λ_max(Cov) and unstable above."""
    top = ascend(np.zeros(15), data, states, 0.1, 6000)[0]
    weights = exact.probabilities(ising.IsingModel.from_vector(top, 5))
    largest = np.linalg.eigvalsh(covariance(features(states), weights)).max()
    start = top + 1e-4 * rng.normal(size=15)
    distance = np.linalg.norm(start - top)
    for factor, grows in ((0.9, False), (1.1, True)):
        # 40 steps change the leading mode by (1 − 2·0.9)^40 ≈ 1e-4 or by (1 − 2·1.1)^40 ≈ 1500
        after = ascend(start, data, states, factor * 2 / largest, 40)[0]
        assert (np.linalg.norm(after - top) > 2 * distance) == grows


def test_eq_i8_errors_of_maximum_likelihood_have_the_inverse_covariance(rng):
    """Two spins, 20,000 data sets of 2,000: N Cov(ŵ) = Cov_p(O)⁻¹.

    Two spins have L = 3 = 2² − 1 parameters: the model can copy any law, and by the orthogonality of Eq. I.5
    ŵ = 2^{-M} Σ_σ O(σ) log f(σ) in closed form.
    """
    truth, n_samples, n_sets = ising.gaussian(2, 0.8, 0.8, rng=rng), 2000, 20_000
    states = exact.configurations(2)
    p, table = exact.probabilities(truth), features(states)
    counts = rng.multinomial(n_samples, p, size=n_sets)
    assert counts.min() > 0  # no maximum at infinity
    estimates = np.log(counts / n_samples) @ table / 4
    one = estimators.maximum_likelihood(np.repeat(states, counts[0], axis=0)).model.to_vector()
    np.testing.assert_allclose(one, estimates[0], rtol=0, atol=1e-4)  # the library stops at 1e-6/λ_min

    inverse = np.linalg.inv(covariance(table, p))
    found = n_samples * (estimates - truth.to_vector()).T @ (estimates - truth.to_vector()) / n_sets
    # a variance from 20,000 draws has the relative standard error √(2/20,000) = 1 %: five of them, and as
    # much for the next order in 1/N, which is about 1/(N p_min)
    assert n_samples * p.min() > 50
    np.testing.assert_allclose(found, inverse, rtol=0, atol=0.1 * np.diag(inverse).max())
    np.testing.assert_allclose(
        estimators.cramer_rao(truth, n_samples), np.diag(inverse) / n_samples, rtol=1e-9
    )
