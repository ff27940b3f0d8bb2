"""Randomness comes from the generator that is passed, and from nowhere else."""

import numpy as np
import pytest
import torch

from ising_lib import ddpm, denoisers, discrete, exact, imputation, ising, kinetic, noise, sampling

SCHEDULE = noise.NoiseSchedule.linear(20, 0.005, 0.5)
SPINS = exact.configurations(4)
MODEL = ising.gaussian(4, 0.5, rng=np.random.default_rng(0))
MOVES = kinetic.gaussian(4, rng=np.random.default_rng(0))


def network(seed=0):
    widths = {"n_dim": 8, "n_hidden1": 8, "n_hidden2": 8}
    return denoisers.ResidualMLP(4, 20, rng=np.random.default_rng(seed), **widths)


def chains(rng, n_temperatures):
    settings = {"burn_in": 50, "thin": 50, "n_temperatures": n_temperatures}
    return sampling.sample(MODEL, 600, rng=rng, **settings)


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()]).numpy().copy()


def trained(rng):
    settings = {"n_iterations": 5, "batch_size": 32, "precision": "float32"}
    *_, last = ddpm.train(network(), SCHEDULE, SPINS, rng=rng, **settings)
    return [*weights(last.denoiser), last.loss]


DRAWS = {
    "ising.gaussian": lambda rng: ising.gaussian(6, rng=rng).to_vector(),
    "exact.sample": lambda rng: exact.sample(MODEL, 50, rng=rng),
    "heat bath": lambda rng: chains(rng, 1),
    "parallel tempering": lambda rng: chains(rng, 3),
    "imputation.random_mask": lambda rng: imputation.random_mask((20, 6), 2, rng=rng),
    "discrete": lambda rng: discrete.sample(discrete.fit(SPINS, 2, rng, ridge=0.1), 50, rng),
    "kinetic.simulate": lambda rng: kinetic.simulate(MOVES, 20, rng=rng),
    "ResidualMLP": lambda rng: weights(denoisers.ResidualMLP(4, 20, rng=rng)),
    "ddpm.train": trained,
    "ddpm.sample": lambda rng: ddpm.sample(network(), SCHEDULE, 50, n_steps=5, rng=rng),
    "ddpm.denoising_loss": lambda rng: ddpm.denoising_loss(
        network(), SCHEDULE, SPINS, rng=rng, precision="float32"
    ),
}


@pytest.mark.parametrize("name", DRAWS)
def test_equal_streams_give_equal_draws(name):
    """And others others; torch's own stream and numpy's global one stay as they were."""
    state, globally = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, third = (np.asarray(DRAWS[name](np.random.default_rng(seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], globally)  # noqa: NPY002
