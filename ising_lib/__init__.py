"""The inverse Ising problem with data augmented by a diffusion model.

Modules in the order in which data walks through them::

    ising → exact, sampling → noise, denoisers → ddpm → erasure → metrics
                  datasets          checkpoints   stopping   estimators, imputation

Submodules load on first use, so ``import ising_lib`` costs nothing and needs neither torch nor numba.
"""

import importlib
import pkgutil

__version__ = "0.1.0"

__all__ = [module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
