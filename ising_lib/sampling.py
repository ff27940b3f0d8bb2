"""Equilibrium samples of an Ising model by heat-bath Monte Carlo over many chains at once.

A heat-bath update draws σ_i given all others, p(σ_i = +1 | rest) = 1 / (1 + exp(−2 f_i)) with the local field
f_i = h_i + Σ_j J_ij σ_j; one sweep updates every spin once, in order  (thesis Sec. 3.1).
"""

import functools
import logging

import numba
import numpy as np

from ising_lib import _checks
from ising_lib.ising import IsingModel, energy

log = logging.getLogger("ising_lib")

_SWEEPS_PER_SWAP = 5  # replica exchange costs about one sweep; every fifth keeps it below a fifth of the time
_LADDER = 10  # temperatures where the plain heat bath does not mix
_BLOCK = 192  # chains handled at once: up to 60 spins of them stay in the first-level cache
_MAX_FIELD = np.float32(9.0)  # tanh(9) is 1 to float32, and the rational form below is only good up to here


class NotMixed(RuntimeError):
    """The chains still remember where they were; ``overlap`` says how much (0: nothing, 1: frozen)."""

    def __init__(self, message, overlap):
        super().__init__(message)
        self.overlap = overlap


def sample(
    model,
    n_samples,
    *,
    rng,
    n_chains=1024,
    burn_in=5000,
    thin=500,
    n_temperatures="auto",
    hottest=0.25,
    max_overlap=0.05,
):
    """Draw N equilibrium configurations of p(σ | h, J), (N, M) int8 of ±1  (thesis Eq. 1, Sec. 3.1).

    ``n_chains`` independent chains start from random spins, forget them during ``burn_in`` sweeps, and give
    one sample each every ``thin`` sweeps.  With ``n_temperatures`` > 1 each chain is a ladder of replicas
    that exchange neighbours (parallel tempering), as strong couplings need, g ≳ 1.5.

    The chains are checked, not trusted: after burn-in, the overlap of each chain with itself one thinning
    interval later may exceed that of independent chains by no more than ``max_overlap``, plus four standard
    errors.  Energies would not do: they look decorrelated while a chain is frozen.

    Args:
        model, n_samples: the distribution to sample, and N.
        rng: stream for the starting spins and for the seeds of the chains' own generators.
        n_chains: independent chains, at least 256 so that the check is sharp; each n_chains rows, in order.
        burn_in, thin: sweeps before the first sample, and between two samples of a chain.
        n_temperatures: replicas per chain; 1 is the plain heat bath. "auto" begins with that; if it does
            not mix, that is logged as a warning, and all is drawn anew with 10.
        hottest, max_overlap: inverse temperature of the hottest replica; largest memory that is accepted.

    Raises:
        NotMixed: the chains remember more than ``max_overlap``; nothing is returned.
    """
    _checks.instance("model", model, IsingModel)
    _checks.count("n_samples", n_samples)
    _checks.generator("rng", rng)
    _checks.count("n_chains", n_chains, minimum=256)
    _checks.count("burn_in", burn_in)
    _checks.count("thin", thin)
    _checks.real("hottest", hottest, 0.0, 1.0, open_interval=True)
    _checks.real("max_overlap", max_overlap, 0.0, 1.0, open_interval=True)
    if n_temperatures == "auto":
        settings = {"rng": rng, "n_chains": n_chains, "burn_in": burn_in, "thin": thin, "hottest": hottest}
        again = functools.partial(sample, model, n_samples, max_overlap=max_overlap, **settings)
        try:
            return again(n_temperatures=1)
        except NotMixed as error:
            log.warning("%s. Drawing anew by parallel tempering with %d temperatures", error, _LADDER)
        return again(n_temperatures=_LADDER)
    _checks.count("n_temperatures", n_temperatures)
    ladder = np.geomspace(1.0, hottest, n_temperatures)  # inverse temperatures, ours first
    replicas = [_Replica(model.at(beta), n_chains, rng) for beta in ladder]
    _advance(replicas, ladder, burn_in, rng)
    before = replicas[0].spins
    samples = np.empty((n_samples, model.n_spins), dtype=np.int8)
    for start in range(0, n_samples, n_chains):
        _advance(replicas, ladder, thin, rng)
        drawn = replicas[0].spins
        if start == 0:
            _require_mixed(before, drawn, max_overlap, burn_in, thin)
        samples[start : start + n_chains] = drawn[: n_samples - start]
    return samples


def memory(before, after):
    """How much of ``before`` the same chains still hold in ``after``: 0 nothing, 1 everything.

    With q the mean overlap (1/M) Σ_i σ_i σ'_i of a chain with its later self, and q₀ that of two
    different chains, this is (q − q₀) / (1 − q₀): what equilibrium itself explains is taken out.  Spins are
    (R, M) of the same R chains, row by row.

    Returns:
        float: for chains without memory its standard error is √(Σ_ij C_ij²) / (√R Σ_i C_ii), with C_ij =
        ⟨σ_i σ_j⟩ − ⟨σ_i⟩⟨σ_j⟩: 1/√(R M) if the spins are independent, more if they are not.
    """
    before = _checks.spins("before", before).astype(np.float64)
    after = _checks.array("after", after, -1, 1, shape=before.shape)
    n_chains, n_spins = before.shape
    _checks.count("number of chains", n_chains, minimum=2)
    own = (before * after).sum() / (n_chains * n_spins)
    everyone = before.sum(0) @ after.sum(0) / (n_chains**2 * n_spins)
    others = (n_chains * everyone - own) / (n_chains - 1)  # the pairs of two different chains alone
    if others == 1.0:  # every spin of every chain is the same: nothing left to forget
        return 0.0
    return float((own - others) / (1.0 - others))


def _require_mixed(before, after, max_overlap, burn_in, thin):
    overlap = memory(before, after)
    own = (before.astype(np.float64) * after).mean(1)  # (R,) overlap of each chain with its later self
    noise = own.std() / np.sqrt(len(own)) / max(1.0 - own.mean(), 1e-12) if overlap < 1 else 0.0
    if overlap > max_overlap + 4 * noise:  # four standard errors: no alarm by chance
        raise NotMixed(
            f"the chains are not mixed: {thin} sweeps after a burn-in of {burn_in} they still hold "
            f"{overlap:.3f} of their state (allowed {max_overlap}); raise thin and burn_in or, for "
            f"strong couplings, n_temperatures: 8–12 mostly do",
            overlap,
        )


class _Replica:
    """All chains at one temperature: spins as float32 (M padded to a multiple of 4, R), chain innermost."""

    def __init__(self, model, n_chains, rng):
        n_spins, padded = model.n_spins, -(-model.n_spins // 4) * 4
        self.couplings = np.zeros((n_spins, padded), dtype=np.float32)
        self.follow(model)
        self.state = np.zeros((padded, n_chains), dtype=np.float32)
        self.state[:n_spins] = 2 * rng.integers(0, 2, (n_spins, n_chains)) - 1
        # one generator of 64 bits for each chain; a zero state would stay zero
        self.seeds = rng.integers(1, 2**32, (2, n_chains), dtype=np.uint32)

    def follow(self, model):
        """Go on with the same spins under other parameters."""
        self.model = model
        self.fields = model.fields.astype(np.float32)
        self.couplings[:, : model.n_spins] = model.couplings

    @property
    def spins(self):
        """(R, M) int8."""
        return np.ascontiguousarray(self.state[: self.model.n_spins].T.astype(np.int8))

    def sweep(self, n_sweeps):
        _sweep_blocks(self.state, self.fields, self.couplings, self.seeds, n_sweeps)


def _advance(replicas, ladder, n_sweeps, rng):
    if len(replicas) == 1:
        replicas[0].sweep(n_sweeps)
        return
    for done in range(0, n_sweeps, _SWEEPS_PER_SWAP):
        for replica in replicas:
            replica.sweep(min(_SWEEPS_PER_SWAP, n_sweeps - done))
        _exchange(replicas, ladder, rng)


def _exchange(replicas, ladder, rng):
    """Metropolis exchange of neighbours: accept with probability min(1, exp((β_a − β_b)(H_a − H_b)))."""
    model = replicas[0].model  # at β = 1
    energies = [energy(model, replica.spins) for replica in replicas]
    for a in range(len(replicas) - 1):
        gain = (ladder[a] - ladder[a + 1]) * (energies[a] - energies[a + 1])
        swap = np.log(rng.random(gain.shape)) < gain  # (R,)
        first, second = replicas[a].state, replicas[a + 1].state
        first[:, swap], second[:, swap] = second[:, swap], first[:, swap]
        energies[a + 1] = np.where(swap, energies[a], energies[a + 1])  # what the next pair compares


def heat_bath_probability(local_field):
    """p(σ_i = +1 | rest) = 1 / (1 + exp(−2 f_i)), evaluated as the kernel does  (float32)."""
    clipped = np.clip(np.asarray(local_field, np.float32), -_MAX_FIELD, _MAX_FIELD)
    numerator, denominator = _tanh_fraction(clipped)
    return 0.5 * (1.0 + numerator / denominator)


@numba.njit(inline="always")
def _tanh_fraction(field):
    """tanh(f) = n/d for |f| ≤ 9 to 2e-7: Lambert's continued fraction at f/2, then the double-angle rule.

    No exponential and no division, so the compiler can treat many chains in one instruction.
    """
    x = field * np.float32(0.5)
    y = x * x
    n = x * (np.float32(135135) + y * (np.float32(17325) + y * (np.float32(378) + y)))
    d = np.float32(135135) + y * (np.float32(62370) + y * (np.float32(3150) + y * np.float32(28)))
    return np.float32(2.0) * n * d, d * d + n * n


@numba.njit(cache=True, nogil=True)
def _sweep_blocks(state, fields, couplings, seeds, n_sweeps):
    """``_sweep`` by blocks of chains, rows on boundaries of 64 bytes: the same bits in less time."""
    n_rows = couplings.shape[1]
    for start in range(0, state.shape[1], _BLOCK):
        n = min(_BLOCK, state.shape[1] - start)
        memory = np.empty((n_rows + 4) * n + 16, np.float32)
        first = (-memory.ctypes.data % 64) // 4
        rows = memory[first : first + (n_rows + 4) * n].reshape(n_rows + 4, n)
        block, work, bits = rows[:n_rows], rows[n_rows : n_rows + 2], rows[n_rows + 2 :].view(np.uint32)
        block[:], bits[:] = state[:, start : start + n], seeds[:, start : start + n]
        _sweep(block, fields, couplings, bits, n_sweeps, work[0], work[1])
        state[:, start : start + n], seeds[:, start : start + n] = block, bits


@numba.njit(cache=True, fastmath=True, nogil=True)
def _sweep(state, fields, couplings, seeds, n_sweeps, local, uniform):
    """Sweeps of all chains.  p(+1) = (1 + tanh f)/2, so σ = +1 where u < tanh f with u uniform in (−1, 1)."""
    n_spins, n_chains = couplings.shape[0], state.shape[1]
    first, second = seeds[0], seeds[1]
    for _ in range(n_sweeps):
        for i in range(n_spins):
            local[:] = fields[i]
            for j in range(0, couplings.shape[1], 4):  # four at a time: fewer trips to memory
                c0, c1 = couplings[i, j], couplings[i, j + 1]
                c2, c3 = couplings[i, j + 2], couplings[i, j + 3]
                s0, s1, s2, s3 = state[j], state[j + 1], state[j + 2], state[j + 3]
                for c in range(n_chains):
                    local[c] += c0 * s0[c] + c1 * s1[c] + c2 * s2[c] + c3 * s3[c]
            _uniform(first, second, uniform)
            spin = state[i]
            for c in range(n_chains):
                f = min(max(local[c], -_MAX_FIELD), _MAX_FIELD)
                n, d = _tanh_fraction(f)
                spin[c] = np.float32(1.0) if uniform[c] * d < n else np.float32(-1.0)


@numba.njit(inline="always")
def _uniform(first, second, out):
    """xoroshiro64* (Blackman and Vigna 2018), one generator a chain: uniform in (−1, 1), 2^24 values."""
    for c in range(out.size):
        a, b = first[c], second[c]
        bits = np.uint32(a * np.uint32(0x9E3779BB))
        centred = np.float32(np.int32(bits >> np.uint32(8)) - 8388608)
        out[c] = centred * np.float32(2.0**-23) + np.float32(2.0**-24)
        b = np.uint32(b ^ a)
        a = np.uint32(np.uint32(a << np.uint32(26)) | (a >> np.uint32(6)))
        first[c] = np.uint32(a ^ b ^ np.uint32(b << np.uint32(9)))
        second[c] = np.uint32(np.uint32(b << np.uint32(13)) | (b >> np.uint32(19)))
