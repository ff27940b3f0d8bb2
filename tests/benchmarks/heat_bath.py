"""The heat bath, against the same updates chain by chain, against a peer, and against its own products."""

import numba
import numpy as np
import torch
from scipy import stats

from ising_lib import exact, ising, sampling
from tests.benchmarks.measure import Line, Row, largest_z, product_rate, side_by_side

try:
    from dwave.samplers import SimulatedAnnealingSampler
except ImportError:  # a peer is compared with where it is installed
    SimulatedAnnealingSampler = None


@numba.njit(cache=True)
def plain_sweeps(spins, fields, couplings, n_sweeps, rng):
    """The plain way: one chain after another, one spin after another, 1/(1 + exp(−2 f)) as it is written."""
    for c in range(spins.shape[0]):
        chain = spins[c]
        for _ in range(n_sweeps):
            for i in range(fields.size):
                local = fields[i]
                for j in range(fields.size):
                    local += couplings[i, j] * chain[j]
                chain[i] = 1.0 if rng.random() < 1 / (1 + np.exp(-2 * local)) else -1.0


def plain_sample(model, n_samples, rng, n_sweeps):
    """One sample (N, M) from each of N chains, by ``plain_sweeps`` from random spins."""
    spins = 2.0 * rng.integers(0, 2, (n_samples, model.n_spins)) - 1
    plain_sweeps(spins, model.fields, model.couplings, n_sweeps, rng)
    return spins


@numba.njit(cache=True, fastmath=True)
def _products(state, fields, couplings, local, n_sweeps):
    """The local fields of the package's kernel, in its order, and nothing else."""
    for _ in range(n_sweeps):
        for i in range(couplings.shape[0]):
            local[:] = fields[i]
            for j in range(0, couplings.shape[1], 4):
                c0, c1, c2, c3 = (
                    couplings[i, j],
                    couplings[i, j + 1],
                    couplings[i, j + 2],
                    couplings[i, j + 3],
                )
                s0, s1, s2, s3 = state[j], state[j + 1], state[j + 2], state[j + 3]
                for c in range(local.size):
                    local[c] += c0 * s0[c] + c1 * s1[c] + c2 * s2[c] + c3 * s3[c]


@numba.njit(cache=True, fastmath=True)
def _random_numbers(seeds, out, n_times):
    """The random numbers of the package's kernel, and nothing else."""
    for _ in range(n_times):
        sampling._uniform(seeds[0], seeds[1], out)


def moments_z(model, spins):
    """The largest |z| among all ⟨σ_i⟩ and ⟨σ_i σ_j⟩ of samples against enumeration."""
    spins = np.asarray(spins, dtype=np.float64)
    upper = np.triu_indices(model.n_spins, 1)
    first, second = exact.moments(model)
    expected = np.concatenate([first, second[upper]])
    found = np.concatenate([spins.mean(0), (spins.T @ spins / len(spins))[upper]])
    return largest_z(found, expected, np.sqrt((1 - expected**2) / len(spins)))  # a product of ±1 is ±1


def allowed_z(n_numbers, chance=1e-3):
    """|z| that the largest of so many exceeds with this chance at most."""
    return float(stats.norm.isf(chance / (2 * n_numbers)))


def row(n_spins=40, n_chains=1024, n_sweeps=4000, n_plain_chains=64, n_samples=40_000, repeats=5):
    """Spin updates a second of one core."""
    rng = np.random.default_rng(0)
    model = ising.gaussian(n_spins, rng=rng)

    def ours(sweeps=n_sweeps):
        sampling.sample(model, n_chains, rng=rng, n_chains=n_chains, burn_in=sweeps, thin=500)

    def plain(sweeps=n_sweeps):
        plain_sample(model, n_plain_chains, rng, sweeps)

    def peer(sweeps=n_sweeps):
        SimulatedAnnealingSampler().sample_ising(
            dict(enumerate(-model.fields)),
            {(i, j): -model.couplings[i, j] for i in range(n_spins) for j in range(i)},
            num_reads=n_plain_chains,
            beta_schedule_type="custom",
            beta_schedule=[1.0],
            num_sweeps_per_beta=sweeps,
            seed=1,
        )

    replica = sampling._Replica(model, n_chains, rng)
    local = np.empty(n_chains, np.float32)

    def products(sweeps=n_sweeps):
        _products(replica.state, replica.fields, replica.couplings, local, sweeps)

    def random_numbers(sweeps=n_sweeps):
        _random_numbers(replica.seeds, local, sweeps * n_spins)

    functions = [ours, plain, products, random_numbers, *([peer] if SimulatedAnnealingSampler else [])]
    for function in functions:  # compiled before the clock runs
        function(2)
    seconds = side_by_side(repeats, *functions)
    updates = n_spins * n_sweeps
    done = [
        n_spins * (n_sweeps + 500) * n_chains,
        *(updates * n for n in (n_plain_chains, n_chains, n_chains)),
    ]
    done += [updates * n_plain_chains]
    rates = [number / s for number, s in zip(done, seconds, strict=False)]
    ours_rate, plain_rate, products_rate, random_rate, *peer_rate = rates
    limit = product_rate((n_spins, n_spins, n_chains), torch.float32) / (2 * n_spins)
    small = ising.gaussian(12, rng=rng)
    z = [
        moments_z(small, sampling.sample(small, n_samples, rng=rng)),
        moments_z(small, plain_sample(small, n_samples, rng, 500)),
    ]
    allowed = f"≤ {allowed_z(12 + 66):.2f}"
    unit = "updates/s"
    lines = [
        Line(f"ours, {n_chains:,} chains", ours_rate, unit, "≥ 3e8"),
        Line("plain: chain by chain, numba", plain_rate, unit),
        *(Line("peer: dwave-samplers, Metropolis", rate, unit) for rate in peer_rate),
        Line("ours / plain", ours_rate / plain_rate, "", "≥ 5"),
        Line("limit: the products J σ alone, as fast as a matrix product goes", limit, unit),
        Line("the products J σ alone, in the order of our kernel", products_rate, unit),
        Line("the random numbers alone", random_rate, unit),
        Line("share of our time in the products", ours_rate / products_rate),
        Line("share of our time in the random numbers", ours_rate / random_rate),
        Line("M = 12, exact moments: largest \\|z\\|, ours", z[0], "", allowed),
        Line("M = 12, exact moments: largest \\|z\\|, plain", z[1], "", allowed),
    ]
    return Row(f"Heat bath, all spins coupled, M = {n_spins}", lines)
