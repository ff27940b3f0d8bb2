"""Checks of arguments: each raises one sentence with the argument, its value and what is allowed."""

import numbers

import numpy as np


def count(name, value, minimum=1, maximum=None):
    """Return ``value`` as an int in [minimum, maximum]; raise TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < minimum or (maximum is not None and value > maximum):
        allowed = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be {allowed}, got {value}")
    return int(value)


def real(name, value, low=-np.inf, high=np.inf, *, open_interval=False):
    """Return ``value`` as a finite float in [low, high], or in (low, high) when open_interval."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    inside = low < value < high if open_interval else low <= value <= high
    if not (np.isfinite(value) and inside):
        left, right = "()" if open_interval else "[]"
        raise ValueError(f"{name} must be finite and in {left}{low}, {high}{right}, got {value}")
    return float(value)


def choice(name, value, allowed):
    """Return ``value`` when it is one of ``allowed``."""
    if isinstance(value, np.ndarray) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def generator(name, value):
    """Return ``value`` when it is a numpy Generator: randomness is explicit everywhere."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.Generator, e.g. numpy.random.default_rng(0), got {value!r}"
        )
    return value


def instance(name, value, kind):
    """Return ``value`` when it is of a class: a fit is not its model, a number of steps no schedule."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of the kind {kind.__name__}, got {type(value).__name__}")
    return value


def _array(name, value):
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array, whose rows have one length: {error}") from None


def array(name, value, low=-np.inf, high=np.inf, *, shape=None, allow_nan=False):
    """Return ``value`` as a float64 array of finite numbers in [low, high], of any shape if none is given."""
    found = _array(name, value)
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got dtype {found.dtype}")
    if shape is not None and found.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {found.shape}")
    found = found.astype(np.float64)
    bad = ~((np.isfinite(found) & (found >= low) & (found <= high)) | (allow_nan & np.isnan(found)))
    if bad.any():
        within = "" if (low, high) == (-np.inf, np.inf) else f" and in [{low}, {high}]"
        raise ValueError(f"{name} must be finite{within}, got {found[bad][0]}")
    return found


def mask(name, value, shape):
    """Return ``value`` when it is a boolean array of this shape."""
    found = _array(name, value)
    if found.dtype != bool or found.shape != shape:
        raise ValueError(f"{name} must be boolean and of shape {shape}, got {found.dtype}, {found.shape}")
    return found


def spins(name, value, n_spins=None, *, allow_missing=False):
    """Return ``value`` as a C-contiguous int8 array (N, M) of ±1 (and 0 when allow_missing)."""
    array = _array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        wanted = "a non-empty array of shape (N samples, M spins)"
        raise ValueError(f"{name} must be {wanted}, got shape {array.shape}")
    if n_spins is not None and array.shape[1] != n_spins:
        raise ValueError(f"{name} must have {n_spins} columns, one per spin, got {array.shape[1]}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numeric, got dtype {array.dtype}")
    allowed = array == 1
    allowed |= array == -1
    if allow_missing:
        allowed |= array == 0
    if not allowed.all():
        row, column = np.argwhere(~allowed)[0]
        what = "-1, 0 (missing) or +1" if allow_missing else "-1 or +1"
        raise ValueError(f"{name} must hold only {what}, got {array[row, column]} at [{row}, {column}]")
    return np.ascontiguousarray(array, dtype=np.int8)
