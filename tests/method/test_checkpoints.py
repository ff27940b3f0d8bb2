"""Checkpoints: what is written comes back bit by bit; nothing else is taken for one."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ising_lib import checkpoints, ddpm, denoisers

SMALL = {"n_dim": 16, "n_hidden1": 32, "n_hidden2": 32}
MAKE = {
    "ResidualMLP": lambda rng: denoisers.ResidualMLP(4, 20, rng=rng, **SMALL),
    "MeanField": lambda rng: denoisers.MeanField(4, 20, n_layers=2),
    "LogitMLP": lambda rng: denoisers.LogitMLP(4, 20, rng=rng, n_hidden=8),
}
SCHEDULE = ddpm.NoiseSchedule.linear(20)


def network(kind="ResidualMLP", seed=0):
    """One whose numbers are none that it could start with."""
    made = MAKE[kind](np.random.default_rng(seed))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1)
    return made


@pytest.mark.parametrize("kind", MAKE)
def test_a_checkpoint_comes_back_bit_by_bit(kind, tmp_path, rng):
    mine, path = network(kind), tmp_path / "a.safetensors"
    schedule = SCHEDULE if kind != "ResidualMLP" else ddpm.NoiseSchedule.cosine(20)
    checkpoints.save(path, mine, schedule)
    loaded, its_schedule = checkpoints.load(path)
    assert type(loaded).__name__ == kind
    assert loaded.config == mine.config
    np.testing.assert_array_equal(its_schedule.betas, schedule.betas)
    x, t = torch.tensor(rng.normal(size=(30, 4)), dtype=torch.float32), torch.arange(30) % 20 + 1
    assert torch.equal(loaded(x, t), mine(x, t))
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]  # nothing is left beside it


def test_a_checkpoint_is_json_and_numbers(tmp_path):
    """The file is a length, a JSON header and raw arrays: there is no room for code."""
    checkpoints.save(tmp_path / "a.safetensors", network(), SCHEDULE)
    content = (tmp_path / "a.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header.pop("__metadata__")["denoiser"] == "ResidualMLP"
    assert {entry["dtype"] for entry in header.values()} == {"F32", "F64"}
    assert len(content) == 8 + length + max(entry["data_offsets"][1] for entry in header.values())


def test_something_else_is_neither_written_nor_read(tmp_path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(TypeError, match=r"denoiser must be of a class of ising_lib\.denoisers, got Linear"):
        checkpoints.save(path, torch.nn.Linear(4, 4), SCHEDULE)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"path must name .*other\.safetensors.*other content \(unknown\)"):
        checkpoints.load(path)
