"""The network of Appendix B: its size, its time embedding, its initial weights, every layer written out."""

import math

import numpy as np
import pytest
import torch

from ising_lib import denoisers
from ising_lib.denoisers import ResidualMLP

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


def weights_of(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_parameter_count_of_the_thesis():
    """M = 40 and an embedding of width 100: 4,556,968 numbers."""
    network = ResidualMLP(40, 100, rng=np.random.default_rng(0))
    assert sum(p.numel() for p in network.parameters()) == 4_556_968
    assert "embedding" not in network.state_dict()  # a table, not a parameter


@pytest.mark.parametrize("n_steps", [10, 11])
def test_forward_is_appendix_b_layer_by_layer(n_steps, rng):
    """Different t in every row; odd T gives an embedding one column narrower, as in the listing."""
    network = ResidualMLP(5, n_steps, rng=rng, **TINY)
    x, t = batch(rng, 5, n_steps)
    expected = written_out(network.state_dict(), x, t, n_steps)
    # float32: layers of at most 16 terms of order 1, each rounded to 6e-8
    torch.testing.assert_close(network(x, t), expected, rtol=0, atol=1e-6)


def test_one_step_for_the_whole_batch(rng):
    """t of shape (1,) means the same t in every row."""
    network = ResidualMLP(5, 10, rng=rng, **TINY)
    x, _ = batch(rng, 5, 10)
    for t in (1, 10):
        single, filled = network(x, torch.tensor([t])), network(x, torch.full((len(x),), t))
        torch.testing.assert_close(single, filled, rtol=0, atol=1e-6)
    assert not torch.allclose(network(x, torch.tensor([1])), network(x, torch.tensor([10])), atol=1e-3)


def test_rows_do_not_see_each_other(rng):
    network = ResidualMLP(5, 10, rng=rng, **TINY)
    x, t = batch(rng, 5, 10)
    alone = torch.cat([network(x[k : k + 1], t[k : k + 1]) for k in range(len(x))])
    torch.testing.assert_close(network(x, t), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("width", [4, 100, 101, 1000])
def test_embedding_is_sines_then_cosines_of_falling_frequency(width):
    """sin(t ω_k), then cos(t ω_k), with ω_k = 10,000^{−k/(half − 1)}: from 1 down to 1/10,000."""
    table = denoisers.sinusoidal_embedding(1000, width=width).numpy()
    half = width // 2
    assert table.shape == (1001, 2 * half)
    angles = np.arange(1001)[:, None] * 10_000.0 ** (-np.arange(half) / (half - 1))
    expected = np.hstack([np.sin(angles), np.cos(angles)])
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-7)  # rounded to float32 once, at the end
    np.testing.assert_array_equal(table[0], [0] * half + [1] * half)


def test_equal_streams_make_equal_weights():
    first, second, third = (
        weights_of(ResidualMLP(5, 10, rng=np.random.default_rng(seed), **TINY)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not (first == third).any()  # no layer escapes the stream


def test_the_global_stream_of_torch_is_untouched(rng):
    state = torch.get_rng_state()
    ResidualMLP(5, 10, rng=rng, **TINY)
    assert torch.equal(torch.get_rng_state(), state)


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


def test_config_remakes_the_network(rng):
    network = ResidualMLP(5, 10, rng=rng, **TINY)
    assert network.config == {"n_spins": 5, "n_steps": 10, **TINY}
    again = ResidualMLP(**network.config, rng=rng)
    again.load_state_dict(network.state_dict())
    x, t = batch(rng, 5, 10)
    assert torch.equal(again(x, t), network(x, t))


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"n_spins": 0}, ValueError, "n_spins"),
        ({"n_spins": 4.0}, TypeError, "n_spins"),
        ({"n_steps": 3}, ValueError, "n_steps must be at least 4"),  # two frequencies at least
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
    ],
)
def test_arguments_are_named_when_wrong(arguments, error, named):
    with pytest.raises(error, match=named):
        ResidualMLP(**{"n_spins": 4, "n_steps": 10, "rng": np.random.default_rng(0), **arguments})
