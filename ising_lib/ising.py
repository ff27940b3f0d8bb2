"""The Ising model: its parameters, its energy, random instances of it.

Notation of the whole package: M spins σ_i = ±1, N samples, L = M + M(M−1)/2 parameters.
"""

from dataclasses import dataclass

import numpy as np

from ising_lib import _checks

_BLOCK = 512  # rows handled at once: their float64 temporaries stay in the second-level cache


@dataclass(frozen=True, eq=False)
class IsingModel:
    """p(σ) = exp(−H(σ)) / Z with H(σ) = −Σ_i h_i σ_i − Σ_{i<j} J_ij σ_i σ_j  (thesis Eq. 1 and 2).

    The temperature is 1; other temperatures are models with scaled parameters (``at``).
    """

    fields: np.ndarray  #: h (M,), in units of the temperature
    couplings: np.ndarray  #: J (M, M), symmetric with zero diagonal, in units of the temperature

    def __post_init__(self):
        fields = _checks.array("fields", self.fields)  # copies: nobody else can alter the model
        if fields.ndim != 1 or fields.size == 0:
            raise ValueError(f"fields must have shape (M,) with M ≥ 1, got {fields.shape}")
        couplings = _checks.array("couplings", self.couplings, shape=(fields.size, fields.size))
        if not np.allclose(couplings, couplings.T, rtol=0, atol=1e-12):
            raise ValueError("couplings must be symmetric: J_ij = J_ji")
        if np.diagonal(couplings).any():
            raise ValueError("couplings must have a zero diagonal: σ_i² = 1 carries no information")
        for name, array in (("fields", fields), ("couplings", couplings)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def n_spins(self):
        """M."""
        return self.fields.size

    def at(self, inverse_temperature):
        """The model whose distribution is p^β: every parameter times β."""
        _checks.real("inverse_temperature", inverse_temperature)
        return IsingModel(inverse_temperature * self.fields, inverse_temperature * self.couplings)

    def to_vector(self):
        """The L parameters as one vector: h_1 … h_M, then J_ij for i < j, row by row."""
        return np.concatenate([self.fields, self.couplings[np.triu_indices(self.n_spins, 1)]])

    @classmethod
    def from_vector(cls, vector, n_spins):
        """The inverse of ``to_vector``: (L,) numbers for M = n_spins."""
        _checks.count("n_spins", n_spins)
        fields, couplings = split_vector(_checks.array("vector", vector), n_spins)
        return cls(fields, couplings)


def split_vector(vector, n_spins):
    """Split (L,) into h (M,) and the symmetric J (M, M), without the checks of ``IsingModel``."""
    n_parameters = n_spins + n_spins * (n_spins - 1) // 2
    if vector.shape != (n_parameters,):
        raise ValueError(f"vector must have shape ({n_parameters},) for {n_spins} spins, got {vector.shape}")
    couplings = np.zeros((n_spins, n_spins))
    couplings[np.triu_indices(n_spins, 1)] = vector[n_spins:]
    return vector[:n_spins], couplings + couplings.T


def gaussian(n_spins, coupling_scale=1.0, field_scale=1.0, *, rng):
    """A random IsingModel: J_ij ~ N(0, g²/M) for i < j and h_i ~ N(0, g_h²/M)  (thesis Sec. 3.1).

    With g = 1 this is a Sherrington–Kirkpatrick model near its spin-glass transition.

    Args:
        n_spins, rng: M, and the stream that draws the couplings first, then the fields.
        coupling_scale, field_scale: g and g_h; the thesis uses one for both unless it says otherwise.
    """
    _checks.count("n_spins", n_spins)
    _checks.real("coupling_scale", coupling_scale, low=0.0)
    _checks.real("field_scale", field_scale, low=0.0)
    _checks.generator("rng", rng)
    couplings = np.triu(rng.normal(0.0, coupling_scale / np.sqrt(n_spins), (n_spins, n_spins)), 1)
    fields = rng.normal(0.0, field_scale / np.sqrt(n_spins), n_spins)
    return IsingModel(fields, couplings + couplings.T)


def energy(model, spins):
    """H(σ) = −Σ_i h_i σ_i − Σ_{i<j} J_ij σ_i σ_j, (N,), of samples (N, M) of ±1  (thesis Eq. 2)."""
    _checks.instance("model", model, IsingModel)
    spins = _checks.spins("spins", spins, model.n_spins)
    return energies(spins, model.fields, model.couplings)


def energies(spins, fields, couplings):
    """The same without the checks, block by block."""
    return np.concatenate([block_energy(block, fields, couplings) for _, block in blocks(spins)])


def blocks(spins):
    """Rows of int8 samples (N, M), a slice, and these as float64 (≤ 512, M)."""
    for start in range(0, len(spins), _BLOCK):
        rows = slice(start, start + _BLOCK)
        yield rows, spins[rows].astype(np.float64)


def block_energy(block, fields, couplings):
    """Energies (n,) of float spins (n, M): two products with matrices, never the N × L features."""
    return -(block @ fields) - 0.5 * np.einsum("ni,ni->n", block @ couplings, block)
