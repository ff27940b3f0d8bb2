"""The inverse Ising problem with data augmented by a diffusion model.

Modules in the order in which data walks through them::

    ising → exact, sampling → noise, denoisers → ddpm → erasure → metrics
                  datasets          checkpoints   stopping   estimators, imputation

Submodules load on first use, so ``import ising_lib`` costs nothing and needs neither torch nor numba.
"""

import importlib

__version__ = "0.1.0"

__all__ = [
    "boltzmann",
    "checkpoints",
    "datasets",
    "ddpm",
    "denoisers",
    "discrete",
    "erasure",
    "estimators",
    "exact",
    "imputation",
    "ising",
    "kinetic",
    "metrics",
    "noise",
    "sampling",
    "stopping",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
