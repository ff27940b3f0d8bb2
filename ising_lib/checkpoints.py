"""Files of networks and of trainings: numbers and JSON in one .safetensors file, no pickle.

Each is written aside and then renamed, so that no reader ever sees half of it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as serialise

from ising_lib import _files, denoisers
from ising_lib.noise import NoiseSchedule

_NETWORK, _TRAINING = "ising_lib-ddpm-1", "ising_lib-training-1"  # what a file says it is


def save(path, denoiser, schedule):
    """Write a network of a class of ``denoisers``, the arguments it was made with, and its noise schedule."""
    config = denoisers.checked_config(denoiser, schedule)
    if vars(denoisers).get(type(denoiser).__name__) is not type(denoiser):
        raise TypeError(f"denoiser must be of a class of ising_lib.denoisers, got {type(denoiser).__name__}")
    tensors = _under("denoiser", denoiser.state_dict())
    tensors["schedule.betas"] = torch.from_numpy(schedule.betas.copy())
    _write(path, tensors, format=_NETWORK, denoiser=type(denoiser).__name__, config=json.dumps(config))


def load(path):
    """Read what ``save`` wrote: (denoiser, schedule).

    Raises:
        FileNotFoundError, ValueError: no such file; it is damaged, or no checkpoint of this package.
    """
    header, tensors = _read("path", path, _NETWORK)
    make = vars(denoisers).get(header.get("denoiser"))
    if not (isinstance(make, type) and issubclass(make, torch.nn.Module)):
        raise _refused("path", path, f"other content ({header.get('denoiser')})")
    try:
        denoiser = make(**json.loads(header["config"]), rng=np.random.default_rng(0))  # weights come next
        denoiser.load_state_dict(_below("denoiser", tensors))
        return denoiser, NoiseSchedule(tensors["schedule.betas"].numpy())
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise _refused("path", path, f"damaged ({error})") from error


@dataclass(frozen=True, eq=False)
class Training:
    """All that changes in a training, and what must not: ``ddpm.train`` saves it and goes on from it."""

    live: torch.nn.Module  #: the network that Adam moves
    averaged: torch.nn.Module  #: the same with the running average of the weights
    optimiser: torch.optim.Optimizer
    random: torch.Generator  #: stream of the batches, of t and of the noise
    settings: dict  #: {name: value} that a resumed training has to share

    def save(self, iteration, path):
        """Write it, as it is after so many updates."""
        tensors = {"random": self.random.get_state()}
        tensors |= _under("denoiser", self.live.state_dict()) | _under("averaged", self.averaged.state_dict())
        for number, adam in self.optimiser.state_dict()["state"].items():
            tensors |= _under(f"adam.{number}", adam)
        _write(path, tensors, format=_TRAINING, iteration=iteration, **self.settings)

    def load(self, path):
        """Take over what was saved, and return the number of updates made."""
        header, tensors = _read("resume", path, _TRAINING)
        for name, value in self.settings.items():
            if header.get(name) != str(value):
                raise ValueError(
                    f"resume must be saved from the same training, got {str(path)!r} with other {name}: "
                    f"{header.get(name)}, here {value}"
                )
        try:
            adam = {}
            for name, value in _below("adam", tensors).items():
                number, key = name.split(".")
                adam.setdefault(int(number), {})[key] = value
            self.live.load_state_dict(_below("denoiser", tensors))
            self.averaged.load_state_dict(_below("averaged", tensors))
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": adam})
            self.random.set_state(tensors["random"])
            return int(header["iteration"])
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise _refused("resume", path, f"damaged ({error})") from error


def digest(array):
    """Sixteen characters that tell one array from another."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def _under(name, tensors):
    return {f"{name}.{key}": value for key, value in tensors.items()}


def _below(name, tensors):
    """The tensors whose names begin with ``name``, without that."""
    return {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}


def _write(path, tensors, **header):
    tensors = {name: value.contiguous().cpu() for name, value in tensors.items()}
    _files.write(path, serialise(tensors, metadata={name: str(value) for name, value in header.items()}))


def _read(argument, path, kind):
    """The header and the tensors of a file of this package; one sentence for any other."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{argument} must name a checkpoint, got {str(path)!r}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header, names = file.metadata() or {}, file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except Exception as error:  # safetensors raises its own kinds, none of them documented
        raise _refused(argument, path, f"damaged ({error})") from error
    if header.get("format") != kind:
        raise _refused(argument, path, f"other content ({header.get('format', 'unknown')})")
    return header, tensors


def _refused(argument, path, why):
    return ValueError(f"{argument} must name a checkpoint, got {str(path)!r}: {why}")
