"""The network of Appendix B, layer by layer; denoisers that know Bayes' rule, and what they learn."""

import math
from collections import deque

import numpy as np
import pytest
import torch

from ising_lib import ddpm, denoisers, estimators, exact, ising
from ising_lib.denoisers import ResidualMLP
from tests.equations.helpers import ExactField, mean_field

TINY = {"n_dim": 4, "n_hidden1": 6, "n_hidden2": 8}


def gelu(x):
    """x Φ(x), the exact one, not the tanh approximation."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def written_out(weights, x, t, width):
    """Appendix B line by line, on a dictionary of weights."""

    def linear(name, value):
        return value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def block(name, value, time):
        h = linear(f"{name}.first", gelu(value)) + linear(f"{name}.time", gelu(time))
        h = linear(f"{name}.second", gelu(h))
        changes_width = f"{name}.shortcut.weight" in weights
        return h + (linear(f"{name}.shortcut", value) if changes_width else value)

    half = width // 2
    angles = t[:, None] * torch.exp(-math.log(10_000) * torch.arange(half) / (half - 1))
    time = linear("time.2", gelu(linear("time.0", torch.cat([angles.sin(), angles.cos()], 1))))
    r = linear("input", x)
    down0 = block("downs.0", r, time)
    down1 = block("downs.1", down0, time)
    down2 = block("downs.2", down1, time)
    middle = block("middle", down2, time)
    up0 = block("ups.0", torch.cat([middle, down2], 1), time)
    up1 = block("ups.1", torch.cat([up0, down1], 1), time)
    up2 = block("ups.2", torch.cat([up1, down0], 1), time)
    return linear("output", torch.cat([up2, r], 1))


def batch(rng, n_spins, n_steps, size=17):
    x = torch.tensor(rng.normal(size=(size, n_spins)), dtype=torch.float32)
    return x, torch.tensor(rng.integers(1, n_steps + 1, size))


@pytest.mark.parametrize("n_steps", [10, 11])
def test_forward_is_appendix_b_layer_by_layer(n_steps, rng):
    """Different t in every row; odd T gives an embedding one column narrower, as in the listing."""
    network = ResidualMLP(5, n_steps, rng=rng, **TINY)
    x, t = batch(rng, 5, n_steps)
    expected = written_out(network.state_dict(), x, t, n_steps)
    # float32: layers of at most 16 terms of order 1, each rounded to 6e-8
    torch.testing.assert_close(network(x, t), expected, rtol=0, atol=1e-6)


def test_rows_do_not_see_each_other_and_may_share_one_step(rng):
    """t of shape (1,) means the same t in every row."""
    network = ResidualMLP(5, 10, rng=rng, **TINY)
    x, t = batch(rng, 5, 10)
    alone = torch.cat([network(x[k : k + 1], t[k : k + 1]) for k in range(len(x))])
    torch.testing.assert_close(network(x, t), alone, rtol=0, atol=1e-6)
    single = [network(x, torch.tensor([t])) for t in (1, 10)]
    for found, t in zip(single, (1, 10), strict=True):
        torch.testing.assert_close(found, network(x, torch.full((len(x),), t)), rtol=0, atol=1e-6)
    assert not torch.allclose(*single, atol=1e-3)


def test_initial_weights_are_uniform_within_one_over_root_inputs():
    """PyTorch's own law of a linear layer, ±1/√inputs, for weights and biases alike."""
    network = ResidualMLP(40, 100, rng=np.random.default_rng(5))
    layers = {n: m for n, m in network.named_modules() if isinstance(m, torch.nn.Linear)}
    assert len(layers) == 2 + 1 + 7 * 3 + 5 + 1  # time, input, blocks, shortcuts where widths differ, output
    for layer in layers.values():
        bound = 1 / math.sqrt(layer.in_features)
        for values in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
            assert np.abs(values).max() <= bound
            # x² of a uniform number has mean bound²/3 and standard deviation bound² √(4/45); five errors
            limit = 5 * bound**2 * math.sqrt(4 / 45 / values.size)
            assert abs((values.astype(np.float64) ** 2).mean() - bound**2 / 3) < limit


# Denoisers that know Bayes' rule --------------------------------------------------------------------------


def small_model(scale=0.8, n_spins=4, seed=3):
    return ising.gaussian(n_spins, scale, scale, rng=np.random.default_rng(seed))


def noised(spins, network, rng):
    """Steps drawn from the network's law, and configurations noised that far."""
    law = network.step_law.double().numpy()
    t = torch.tensor(rng.choice(len(law), len(spins), p=law / law.sum()))
    clean = torch.tensor(spins, dtype=torch.float32)
    noise = torch.tensor(rng.normal(size=clean.shape), dtype=torch.float32)
    return clean, ddpm.add_noise(ddpm.NoiseSchedule.linear(1000), clean, t, noise), t


@pytest.mark.parametrize("seed", [3, 4], ids=["right model", "wrong model"])
def test_the_loss_is_the_log_likelihood(seed):
    """½ ∫ dr E(σ − ⟨σ⟩)² = −⟨log q⟩ in nats (Guo, Shamai, Verdú), for the law of the data and for another.

    The part below r = 0.02 is left out of training.  There the guess is nearly the mean of q, so that it is
    0.02 ⟨(σ − ⟨σ⟩_q)²⟩ / 2 up to a term in 0.02².
    """
    truth, q = small_model(), small_model(seed=seed)
    rng = np.random.default_rng(0)
    network = ExactField(q)
    states, p = exact.configurations(truth.n_spins), exact.probabilities(truth)
    spins = states[rng.choice(len(p), 200_000, p=p)]
    with torch.no_grad():
        clean, x, t = noised(spins, network, rng)
        each = (network.weight[t, None] * (clean - network.guess(x, t)) ** 2).mean(1).double()
        assert network.loss(clean, x, t).item() == pytest.approx(each.mean().item(), rel=1e-5)
    r = network.RATIOS[0]
    means = exact.moments(q)[0]
    start = r / 2 * (p @ (states - means) ** 2).mean()
    entropy = -(p @ np.log(exact.probabilities(q))) / truth.n_spins
    error = each.std().item() / np.sqrt(len(each))
    # 5 standard errors; r²/2 bounds the neglected term, as no derivative of the square error exceeds 1 here
    assert each.mean().item() + start == pytest.approx(entropy, abs=5 * error + r**2 / 2)
    assert entropy > 20 * error  # else the test would have no teeth


@pytest.mark.parametrize(
    "network", [denoisers.MeanField(6), ExactField(small_model(n_spins=6))], ids=["mean field", "exact"]
)
def test_noise_and_guess_are_two_names_of_one_thing(network):
    x, t = batch(np.random.default_rng(0), 6, 1000)
    kept = torch.tensor(ddpm.NoiseSchedule.linear(1000).alphas_bar)[t - 1, None]
    with torch.no_grad():
        clean = (x - (1 - kept).sqrt() * network(x, t)) / kept.sqrt()
        wide = t < 900  # nothing is left of the signal beyond, and the division loses all digits
        torch.testing.assert_close(clean[wide].float(), network.guess(x, t)[wide], atol=2e-4, rtol=0)


def test_mean_field_with_the_true_parameters_solves_the_tap_equations():
    """TAP neglects terms of third order in J: halving J divides the error by eight; six are asked for.

    Without Onsager's term it would be of second order, and the ratio four.
    """
    errors = []
    for scale in (0.4, 0.2):
        base = small_model(1.0, n_spins=6)
        model = ising.IsingModel(base.fields, scale * base.couplings)
        network, best = mean_field(model, 30), ExactField(model)
        t = torch.tensor([200, 300, 400] * 200)
        x = torch.tensor(np.random.default_rng(1).normal(size=(600, 6)), dtype=torch.float32)
        with torch.no_grad():
            errors.append((network.guess(x, t) - best.guess(x, t)).pow(2).mean().sqrt().item())
    assert errors[0] / errors[1] > 6
    assert errors[1] > 1e-6  # above the rounding of float32


@pytest.mark.slow
def test_training_the_mean_field_finds_the_maximum_of_the_likelihood():
    """It lies nearer to the exact estimate from the same samples than that does to the truth."""
    truth = ising.gaussian(8, 0.5, 0.5, rng=np.random.default_rng(1))
    spins = exact.sample(truth, 4000, rng=np.random.default_rng(2))
    schedule = ddpm.NoiseSchedule.linear(1000)
    network, rng = denoisers.MeanField(8), np.random.default_rng(3)
    deque(ddpm.train(network, schedule, spins, n_iterations=2000, rng=rng), maxlen=0)
    found = network.model().to_vector()
    best = estimators.maximum_likelihood(spins).model.to_vector()
    statistical = np.sqrt(np.mean((best - truth.to_vector()) ** 2))
    assert np.sqrt(np.mean((found - best) ** 2)) < statistical  # 0.7 of it: the noise of the updates
    assert 0.01 < statistical < 0.03  # about 1/√N
    # neither too weak nor too strong; the slope's own standard error is 0.01
    assert np.polyfit(best, found, 1)[0] == pytest.approx(1, abs=0.04)


@pytest.mark.slow
def test_a_small_perceptron_learns_couplings_too():
    """Its loss falls below that of the best independent spins, by most of what couplings can give."""
    truth = small_model(1.5, n_spins=6)
    spins = exact.sample(truth, 8000, rng=np.random.default_rng(2))
    schedule = ddpm.NoiseSchedule.linear(1000)
    mine = denoisers.LogitMLP(6, rng=np.random.default_rng(0), n_hidden=64)
    deque(ddpm.train(mine, schedule, spins, n_iterations=1500, rng=np.random.default_rng(3)), maxlen=0)
    fresh = exact.sample(truth, 40_000, rng=np.random.default_rng(4))
    alone = ising.IsingModel(np.arctanh(fresh.mean(0)), np.zeros((6, 6)))
    with torch.no_grad():
        clean, x, t = noised(fresh, mine, np.random.default_rng(5))
        rivals = mine, ExactField(alone), ExactField(truth)
        learned, independent, best = (network.loss(clean, x, t).item() for network in rivals)
    assert best < learned < best + 0.25 * (independent - best)


def test_field_denoisers_by_the_numbers():
    """1,648 numbers for 40 spins, and for the schedule they were made for."""
    network, rng = denoisers.MeanField(40), np.random.default_rng(0)
    assert sum(p.numel() for p in network.parameters()) == 1648
    assert network.couplings().diagonal().abs().max() == 0
    assert network.step_law.sum().item() == pytest.approx(1, abs=1e-5)
    below = 1 - network.step_law.cumsum(0)[1:].numpy()  # p(r_t < r): linear in log r between the ratios used
    kept = ddpm.NoiseSchedule.linear(1000).alphas_bar
    ratio, (low, high) = kept / (1 - kept), network.RATIOS
    line = np.log(ratio / low) / np.log(high / low)
    np.testing.assert_allclose(below, line.clip(0, 1), atol=0.01)  # a step is up to 0.5 % of the whole
    for other in (ddpm.NoiseSchedule.cosine(1000), ddpm.NoiseSchedule.linear(500)):
        with pytest.raises(ValueError, match=r"schedule must be NoiseSchedule.linear\(1000\)"):
            ddpm.sample(network, other, 3, rng=rng)
