"""The equations of book/score.md: autodiff of enumerated laws against means and sums of the library."""

import numpy as np
import pytest
import torch

from ising_lib import ddpm, exact, ising
from tests.equations import helpers
from tests.equations.helpers import best_network, gradient, log_noised, log_normal, posterior, score

ROUNDING = 1e-11  # sums of 2^4 exponentials, divided by 1 − ᾱ ≥ 0.1, once or twice
M = 4
STATES = exact.configurations(M).astype(np.float64)
LEVELS = pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])  # ᾱ_t


@pytest.fixture
def model(rng):
    return ising.gaussian(M, 1.5, rng=rng)


def tilted(model, x, kept):
    """The Ising model of Eq. T.8: extra fields √ᾱ/(1−ᾱ) σ_t."""
    return helpers.tilted(model, np.sqrt(kept) / (1 - kept) * x)


def noised(model, kept, rng):
    """One σ_t of the model, by the library's Eq. 28."""
    schedule = ddpm.NoiseSchedule([1 - kept])
    clean = torch.tensor(exact.sample(model, 1, rng=rng).astype(float))
    noise = torch.tensor(rng.normal(size=clean.shape))
    return ddpm.add_noise(schedule, clean, torch.tensor([1]), noise).numpy()[0]


# ---- the printed score


def energy_between(model, x, extra=0.0):
    """H of Eq. 2 for real numbers, plus extra (σ_i² − 1), which vanishes on spins."""
    h, j = torch.tensor(model.fields), torch.tensor(model.couplings)
    return -(h @ x) - x @ j @ x / 2 + extra * (x**2 - 1).sum()


def test_eq_t1_energies_that_agree_on_spins_have_other_gradients(model):
    """Equal on all 2^M configurations; their gradients differ by 2cσ."""
    for sigma in STATES:
        for extra in (0.0, 0.7):
            energy = energy_between(model, torch.tensor(sigma), extra).item()
            assert energy == pytest.approx(ising.energy(model, sigma[None])[0], abs=ROUNDING)
        plain, other = (gradient(lambda x, c=c: energy_between(model, x, c), sigma) for c in (0.0, 0.7))
        np.testing.assert_allclose(other - plain, 2 * 0.7 * sigma, rtol=0, atol=ROUNDING)


def test_eq_08_18_cancel_the_partition_function(model, rng):
    """∇ log(exp(−H)/Z) = −∇H = h + Jσ, whatever number Z is; for real σ, by autodiff."""
    x, log_z = rng.normal(size=M), exact.log_partition(model)
    found = gradient(lambda x: -energy_between(model, x) - log_z, x)
    np.testing.assert_allclose(found, model.fields + model.couplings @ x, rtol=0, atol=ROUNDING)


def test_eq_t2_printed_density_cannot_be_normalised(rng):
    """J has trace zero, so a positive eigenvalue λ; along its vector v, −H = s v·h + λ s²/2 grows on."""
    for _ in range(20):
        model = ising.gaussian(M, rng=rng)
        values, vectors = np.linalg.eigh(model.couplings)
        assert values.sum() == pytest.approx(0, abs=ROUNDING)
        assert values[-1] > 0
        far = -energy_between(model, torch.tensor(100 * vectors[:, -1])).item()
        expected = 100 * vectors[:, -1] @ model.fields + values[-1] * 100**2 / 2
        assert far == pytest.approx(expected, rel=1e-9)


# ---- the noised law


def test_eq_t3_noised_distribution_is_a_density():
    """Two spins on a grid: its sum is 1, and its second moments are those of Eq. D.3."""
    model = ising.gaussian(2, 1.5, rng=np.random.default_rng(3))
    states, shares, kept = exact.configurations(2).astype(float), exact.probabilities(model), 0.6
    axis, step = np.linspace(-7, 7, 57, retstep=True)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp([log_noised(torch.tensor(x), states, shares, kept).item() for x in points])
    weights = density * step**2
    assert weights.sum() == pytest.approx(1, abs=1e-10)
    second = points.T @ (weights[:, None] * points)
    expected = kept * exact.moments(model)[1] + (1 - kept) * np.eye(2)
    np.testing.assert_allclose(second, expected, rtol=0, atol=1e-10)


def test_eq_19_tweedie(rng):
    """Any prior of μ: here 30 random points and weights in three dimensions; E[μ|x] by Bayes."""
    points, shares, kept = rng.normal(size=(30, 3)), rng.dirichlet(np.ones(30)), 0.6
    x = rng.normal(size=3)  # its mean is μ = √ᾱ times a point
    mean = np.sqrt(kept) * posterior(x, points, shares, kept) @ points
    found = x + (1 - kept) * score(x, points, shares, kept)
    np.testing.assert_allclose(found, mean, rtol=0, atol=ROUNDING)


@LEVELS
def test_eq_20_21_for_one_known_start(kept, rng):
    """∇ log q(σ_t|σ_0) by autodiff gives back √ᾱ σ_0 (Eq. 20) and the very noise that was added (Eq. 21)."""
    clean, noise = rng.choice([-1.0, 1.0], (1, M)), rng.normal(size=(1, M))
    schedule = ddpm.NoiseSchedule([1 - kept])
    x = ddpm.add_noise(schedule, torch.tensor(clean), torch.tensor([1]), torch.tensor(noise)).numpy()[0]
    conditional = score(x, clean, np.ones(1), kept)  # the law of one point
    np.testing.assert_allclose(x + (1 - kept) * conditional, np.sqrt(kept) * clean[0], atol=ROUNDING)
    np.testing.assert_allclose(-np.sqrt(1 - kept) * conditional, noise[0], rtol=0, atol=ROUNDING)


@LEVELS
def test_eq_t4_t5_t6_on_average_over_the_starts(kept, model, rng):
    """Eq. 20 and 21 averaged over p(σ_0|σ_t) hold with the score of q_t, which is the mean of the scores."""
    x, shares = noised(model, kept, rng), exact.probabilities(model)
    p, found = posterior(x, STATES, shares, kept), score(x, STATES, shares, kept)
    scores = -(x - np.sqrt(kept) * STATES) / (1 - kept)  # ∇ log q(σ_t|σ_0) of each start
    noises = (x - np.sqrt(kept) * STATES) / np.sqrt(1 - kept)
    np.testing.assert_allclose(p @ scores, found, rtol=0, atol=ROUNDING)  # T.4
    np.testing.assert_allclose(x + (1 - kept) * found, np.sqrt(kept) * p @ STATES, atol=ROUNDING)  # T.5
    np.testing.assert_allclose(-np.sqrt(1 - kept) * found, p @ noises, rtol=0, atol=ROUNDING)  # T.6


def test_eq_t7_matching_noise_matches_the_score(rng):
    """(1−ᾱ) E‖ŝ − s_t‖² is what ``denoising_loss`` says beyond that of the best network; one spin."""
    kept, shares, states = 0.4, np.array([0.3, 0.7]), np.array([[-1.0], [1.0]])
    x, step = np.linspace(-9, 9, 721, retstep=True)
    joint = shares[:, None] * np.exp(log_normal(x, np.sqrt(kept) * states, 1 - kept)) * step  # (2, n)
    conditional = -(x - np.sqrt(kept) * states) / (1 - kept)
    marginal = (joint * conditional).sum(0) / joint.sum(0)
    schedule, spins = ddpm.NoiseSchedule([1 - kept]), np.where(rng.random((40_000, 1)) < 0.7, 1, -1)
    seed = rng.integers(2**32)

    def loss(network):
        settings = {"rng": np.random.default_rng(seed), "precision": "float32"}  # equal noise for all
        return ddpm.denoising_loss(network, schedule, spins, **settings)

    best = loss(best_network(states, shares, schedule))
    for other in (lambda x, _: 0.5 * x, lambda x, _: torch.tanh(x)):
        found = loss(helpers.Network(other, 1)) - best
        estimate = -other(torch.tensor(x), None).numpy() / np.sqrt(1 - kept)
        gap = (joint * (estimate - marginal) ** 2).sum()
        # 160,000 differences of squares with a standard deviation below one
        assert found == pytest.approx((1 - kept) * gap, abs=4.5 / np.sqrt(160_000))


# ---- the score of an Ising model


@LEVELS
def test_eq_08_t8_t9_t10_t11_the_noised_law_is_an_ising_model_in_a_field(kept, model, rng):
    """Bayes' rule and autodiff of the mixture of 2^M normal laws against one model of the library."""
    x, shares = noised(model, kept, rng), exact.probabilities(model)
    ising_like, bayes = tilted(model, x, kept), posterior(x, STATES, shares, kept)
    np.testing.assert_allclose(exact.probabilities(ising_like), bayes, rtol=0, atol=ROUNDING)  # T.8
    magnetisation = exact.moments(ising_like)[0]
    expected = (np.sqrt(kept) * magnetisation - x) / (1 - kept)
    np.testing.assert_allclose(score(x, STATES, shares, kept), expected, rtol=0, atol=ROUNDING)  # T.9
    printed = model.fields + model.couplings @ x  # −∇H of Eq. 2 at real numbers
    assert np.abs(expected - printed).max() > 0.1
    noises = (x - np.sqrt(kept) * STATES) / np.sqrt(1 - kept)
    best = (x - np.sqrt(kept) * magnetisation) / np.sqrt(1 - kept)
    np.testing.assert_allclose(bayes @ noises, best, rtol=0, atol=ROUNDING)  # T.10
    z = exact.log_partition(ising_like) - exact.log_partition(model)
    by_z = z - (x @ x + kept * M) / (2 * (1 - kept)) - M / 2 * np.log(2 * np.pi * (1 - kept))
    mixture = log_noised(torch.tensor(x), STATES, shares, kept).item()
    assert by_z == pytest.approx(mixture, abs=ROUNDING)  # T.11


def test_eq_t12_much_noise_shows_means_and_covariances(model, rng):
    """E[σ_0|σ_t] = ⟨σ⟩ + √ᾱ Cov σ_t + O(ᾱ): half of √ᾱ, a quarter of the error."""
    x = rng.normal(size=M)
    first, second = exact.moments(model)
    covariance = second - np.outer(first, first)

    def error(root):
        exact_mean = exact.moments(tilted(model, x, root**2))[0]
        return np.abs(exact_mean - first - root * covariance @ x).max()

    # the next order changes the ratio by a share of order √ᾱ |x| = 0.02
    assert error(0.01) / error(0.005) == pytest.approx(4, rel=0.1)


def test_eq_t13_best_denoiser_of_the_samples_gives_them_back(rng):
    """Its guess has weights e^{√ᾱ/(1−ᾱ) σ^k·σ_t}; sampling with it finds none but these of 2^12 samples."""
    spins, x, schedule = rng.choice([-1.0, 1.0], (20, 12)), rng.normal(size=12), ddpm.NoiseSchedule.linear()
    network, kept = best_network(spins, np.full(20, 1 / 20), schedule), schedule.alphas_bar[299]
    weights = np.exp(np.sqrt(kept) / (1 - kept) * spins @ x)
    guess = weights @ spins / weights.sum()
    noise = network(torch.tensor(x)[None], torch.tensor([300]))[0].numpy()
    np.testing.assert_allclose((x - np.sqrt(1 - kept) * noise) / np.sqrt(kept), guess, rtol=0, atol=1e-9)
    by_score = x + (1 - kept) * score(x, spins, np.full(20, 1 / 20), kept)
    np.testing.assert_allclose(np.sqrt(kept) * guess, by_score, rtol=0, atol=1e-9)
    settings = {"n_steps": 50, "precision": "float32", "rng": rng}
    drawn = ddpm.to_spins(ddpm.sample(network, schedule, 200, **settings))
    assert (drawn[:, None] == spins).all(-1).any(1).all()  # by chance: (20/4096)^200
    assert len(np.unique(drawn, axis=0)) > 10  # 200 draws of 20: all but surely not one of them only
