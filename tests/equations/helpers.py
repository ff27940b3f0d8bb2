"""What the tests of several chapters share: features, normal densities, networks made of a formula."""

import numpy as np
import torch
from torch import nn

from ising_lib import exact, ising
from ising_lib.denoisers import FieldDenoiser, MeanField
from tests.oracles import features as features


def vector(first, second):
    """Moments ⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ (M, M) as one vector (L,)."""
    return np.concatenate([first, second[np.triu_indices(len(first), 1)]])


def gradient(function, point):
    """The gradient of a torch function at a numpy vector, by autodiff."""
    leaf = torch.tensor(point, requires_grad=True)
    function(leaf).backward()
    return leaf.grad.numpy()


def covariance(table, weights):
    """Cov(O) of weighted rows (N, L)."""
    centred = table - weights @ table
    return centred.T @ (weights[:, None] * centred)


def energy_variance(model, ruler=None):
    """Var H under the model, by enumeration; H of another model where a ruler is given."""
    p = exact.probabilities(model)
    energies = ising.energy(ruler or model, exact.configurations(model.n_spins))
    return p @ energies**2 - (p @ energies) ** 2


def mean_energy(model, temperature):
    """⟨H⟩ at a temperature, by enumeration."""
    energies = ising.energy(model, exact.configurations(model.n_spins))
    return exact.probabilities(model.at(1 / temperature)) @ energies


def log_normal(x, mean, variance):
    """log N(x; mean, variance), number by number."""
    return -((x - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2


def tilted(model, y):
    """The model with the extra fields y."""
    return ising.IsingModel(model.fields + y, model.couplings)


def log_noised(x, states, shares, kept):
    """log q_t(x), Eq. T.3, with its normalisation, as a torch graph; σ_0 has these shares on these states."""
    squares = ((x - kept**0.5 * torch.as_tensor(states)) ** 2).sum(1)
    normalisation = len(x) / 2 * np.log(2 * np.pi * (1 - kept))
    log_shares = torch.as_tensor(np.log(shares))
    return torch.logsumexp(log_shares - squares / (2 * (1 - kept)), 0) - normalisation


def score(x, states, shares, kept):
    """∇ log q_t(x) by autodiff."""
    return gradient(lambda leaf: log_noised(leaf, states, shares, kept), x)


def posterior(x, states, shares, kept):
    """p(σ_0 | σ_t) by Bayes' rule from Eq. 29, squares and all."""
    exponents = np.log(shares) - ((x - np.sqrt(kept) * states) ** 2).sum(1) / (2 * (1 - kept))
    weights = np.exp(exponents - exponents.max())
    return weights / weights.sum()


class Network(nn.Module):
    """ε̂(x, t) from a function."""

    def __init__(self, function, n_spins):
        super().__init__()
        self.function, self.config = function, {"n_spins": n_spins}

    def forward(self, x, t):
        return self.function(x, t).to(x.dtype)


def best_network(states, shares, schedule):
    """The best network, Eq. T.10, for σ_0 with these shares on these states (K, M)."""
    states, log_p = torch.tensor(states, dtype=torch.float64), torch.tensor(np.log(shares))
    bar = torch.tensor(schedule.alphas_bar)

    def noise(x, t):
        kept = bar[t - 1][:, None]
        mean = torch.softmax(log_p + kept.sqrt() / (1 - kept) * x.double() @ states.T, dim=1) @ states
        return (x - kept.sqrt() * mean) / (1 - kept).sqrt()

    return Network(noise, states.shape[1])


class ExactField(FieldDenoiser):
    """The best denoiser of a small model under the library's own loss: its posterior means by enumeration."""

    def __init__(self, model, n_steps=1000):
        super().__init__(n_steps)
        self.config = {"n_spins": model.n_spins, "n_steps": n_steps}
        self.states = torch.tensor(exact.configurations(model.n_spins), dtype=torch.float64)
        self.log_p = torch.tensor(exact.probabilities(model)).log()

    def rest(self, x, t):
        known = self.known(x, t).double()
        mean = torch.softmax(self.log_p + known @ self.states.T, dim=1) @ self.states
        return (torch.atanh(mean.clamp(-1 + 1e-12, 1 - 1e-12)) - known).float()


def mean_field(model, n_layers=4):
    """The mean-field denoiser with the parameters of a model, and its numbers c and d as they start."""
    denoiser = MeanField(model.n_spins, n_layers=n_layers)
    with torch.no_grad():
        denoiser.fields.copy_(torch.tensor(model.fields))
        denoiser.weights.copy_(torch.tensor(model.couplings))
    return denoiser


def best_of_model(model, schedule):
    """The best network for the samples of a small Ising model."""
    states = exact.configurations(model.n_spins)
    return best_network(states, exact.probabilities(model), schedule)
