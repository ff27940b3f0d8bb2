"""What the tests compare with: written out the long way, and sharing no code with what is tested.

``exact`` enumerates, and is itself tested against closed forms; where an oracle uses it, its name says so.
"""

import numpy as np

from ising_lib import exact


def features(spins):
    """O(σ) = (σ_i, σ_i σ_j for i < j), the dense (N, L) matrix that the package never builds."""
    i, j = np.triu_indices(np.shape(spins)[1], 1)
    sigma = np.asarray(spins, dtype=np.float64)
    return np.hstack([sigma, sigma[:, i] * sigma[:, j]])


def energies(model, spins):
    """H(σ) of each sample (N,), Eq. 2 read letter by letter: a double loop over pairs i < j."""
    found = np.zeros(len(spins))
    for k, sigma in enumerate(spins):
        for i in range(model.n_spins):
            found[k] -= model.fields[i] * sigma[i]
            for j in range(i + 1, model.n_spins):
                found[k] -= model.couplings[i, j] * sigma[i] * sigma[j]
    return found


def moments(spins):
    """⟨O⟩ (L,) of samples, without the matrix of all features."""
    sigma = np.asarray(spins, dtype=np.float64)
    second = sigma.T @ sigma / len(sigma)
    return np.concatenate([sigma.mean(0), second[np.triu_indices(len(second), 1)]])


def z_scores(spins, expected, n_samples=None):
    """Deviation of every moment (L,) from what is expected, in standard errors √((1 − ⟨O⟩²)/N)."""
    return (moments(spins) - expected) / np.sqrt((1 - expected**2) / (n_samples or len(spins)))


def enumerated_moments(model):
    """⟨O⟩ (L,) in the order of the parameters."""
    return exact.probabilities(model) @ features(exact.configurations(model.n_spins))


def enumerated_conditional(model, spins):
    """p(σ | known spins) of all 2^M states, (N, 2^M), for samples with zeros where a spin is missing."""
    states = exact.configurations(model.n_spins)
    agrees = ((spins[:, None, :] == 0) | (spins[:, None, :] == states[None])).all(2)
    weights = exact.probabilities(model) * agrees
    return weights / weights.sum(1, keepdims=True)


def differences(function, at, step):
    """The slopes of a function of a vector (L,) by central differences."""
    shifts = step * np.eye(len(at))
    return np.array([(function(at + shift) - function(at - shift)) / (2 * step) for shift in shifts])
