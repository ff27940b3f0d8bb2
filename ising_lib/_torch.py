"""What torch is asked for in one place: random streams, the precision, the device."""

import functools
import logging

import numpy as np
import torch

from ising_lib import _checks

log = logging.getLogger("ising_lib")
_warn_once = functools.cache(log.warning)


def torch_generator(rng, device="cpu"):
    """A torch Generator seeded by one draw from a numpy Generator: torch's global state stays untouched."""
    _checks.generator("rng", rng)
    return torch.Generator(device).manual_seed(int(rng.integers(np.iinfo(np.int64).max)))


def resolve_precision(precision, device="cpu", denoiser=None):
    """ "bfloat16" or "float32"; "auto" asks the denoiser, then the hardware, and says if it has no units."""
    _checks.choice("precision", precision, ("auto", "bfloat16", "float32"))
    here = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
    kind = _checks.choice("device", str(device).partition(":")[0], here)
    if getattr(denoiser, "needs_float32", False):
        if precision == "bfloat16":
            kind = type(denoiser).__name__
            raise ValueError(f"precision must be float32 or auto for a {kind}, got bfloat16")
        return "float32"
    if precision != "auto":
        return precision
    supported = (kind == "cuda" and torch.cuda.is_bf16_supported()) or (
        kind == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    )
    if not supported:
        _warn_once("no bfloat16 units on this %s: computing in float32, about twice as slow", device)
    return "bfloat16" if supported else "float32"
