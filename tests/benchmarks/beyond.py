"""What goes beyond the thesis: Boltzmann learning, discrete diffusion, kinetic fits; and the plain ways."""

import functools

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from ising_lib import boltzmann, discrete, estimators, ising, kinetic, sampling
from tests.benchmarks import heat_bath
from tests.benchmarks.measure import Line, Row, side_by_side

try:
    from adabmDCA import sampling as peer_sampling
    from adabmDCA import stats as peer_stats
    from adabmDCA import training as peer_training
    from adabmDCA import utils as peer_utils
except ImportError:  # a peer is compared with where it is installed
    peer_training = None


def root_mean_square(differences, bound):
    """Of differences of parameters, over the Cramér–Rao error."""
    return float(np.sqrt((differences**2).mean() / bound.mean()))


def plain_learning(spins, wanted, near, rng, n_chains=1024, n_sweeps=10, rate=0.05, max_updates=5000):
    """The plain way: w ← w + α (⟨O⟩_data − ⟨O⟩_chains), chains that go on from step to step, from w = 0.

    It is told the answer, ``wanted`` (L,), and ends as soon as ``near`` says that it is close: no test of its
    own could end it earlier.

    Returns:
        tuple: the parameters (L,), and how many updates it took.
    """
    n_spins = spins.shape[1]
    upper = np.triu_indices(n_spins, 1)
    data = boltzmann._features(spins).mean(0, dtype=np.float64)
    chains = 2.0 * rng.integers(0, 2, (n_chains, n_spins)) - 1
    vector = np.zeros(wanted.size)
    for n_updates in range(1, max_updates + 1):  # noqa: B007 - returned
        model = ising.IsingModel.from_vector(vector, n_spins)
        heat_bath.plain_sweeps(chains, model.fields, model.couplings, n_sweeps, rng)
        products = chains.T @ chains / n_chains
        vector += rate * (data - np.concatenate([chains.mean(0), products[upper]]))
        if near(vector - wanted):
            break
    return vector, n_updates


def peer_learning(spins, target, n_chains=10_000):
    """The peer's answer (L,) at its default settings, ended by its own test, Pearson's r of correlations."""
    data = torch.nn.functional.one_hot(torch.from_numpy(spins > 0).long(), 2).float()
    size = 1 / len(spins)
    single = peer_stats.get_freq_single_point(data, pseudo_count=size)
    double = peer_stats.get_freq_two_points(data, pseudo_count=size)
    torch.manual_seed(0)
    n_spins = spins.shape[1]
    mask = torch.ones(n_spins, 2, n_spins, 2)
    mask[range(n_spins), :, range(n_spins)] = 0
    chains = peer_utils.init_chains(n_chains, n_spins, 2, device=torch.device("cpu"), fi=single)
    start = peer_utils.init_parameters(single)
    where = peer_sampling.get_sampler("metropolis"), chains, mask, single, double, start
    _, found, *_ = peer_training.train_graph(
        *where, nsweeps=10, lr=0.01, max_epochs=50_000, target_pearson=target
    )
    couplings, bias = found["coupling_matrix"].double().numpy(), found["bias"].double().numpy()
    # ± for the second and the first state: the Ising model's own gauge
    signed = couplings[:, 1, :, :] - couplings[:, 0, :, :]  # (M, M, 2)
    fields = (bias[:, 1] - bias[:, 0]) / 2 + (signed.sum(-1)).sum(1) / 4
    model = ising.IsingModel(fields, (signed[..., 1] - signed[..., 0]) / 4)
    return model.to_vector()


def learning(n_spins=40, n_samples=4_000, n_small=12, near=0.3, targets=(0.95,), repeats=3):
    """Maximum likelihood by Monte Carlo, no ridge."""
    rng = np.random.default_rng(0)
    truth = ising.gaussian(n_spins, rng=rng)
    spins = sampling.sample(truth, n_samples, rng=rng)
    bound = estimators.cramer_rao(truth, n_samples, rng=rng, n_draws=20_000)
    found = estimators.maximum_likelihood(spins, rng=np.random.default_rng(1))
    answer = found.model.to_vector()
    ended = {}

    def plain():
        close = lambda differences: root_mean_square(differences, bound) <= near  # noqa: E731
        ended["plain"] = plain_learning(spins, answer, close, np.random.default_rng(2))

    def peer(target):
        ended[target] = peer_learning(spins, target)

    ours = functools.partial(estimators.maximum_likelihood, spins, rng=np.random.default_rng(1))
    seconds, plain_seconds = side_by_side(repeats, ours, plain)
    theirs = side_by_side(1, *(functools.partial(peer, t) for t in targets)) if peer_training else []
    small = ising.gaussian(n_small, rng=rng)
    few = sampling.sample(small, n_samples, rng=rng)
    exact = estimators.maximum_likelihood(few).model.to_vector()
    ours_small = boltzmann.fit(few, small, rng=rng).model.to_vector()
    apart = root_mean_square(ours_small - exact, estimators.cramer_rao(small, n_samples))
    of_truth = root_mean_square(answer - truth.to_vector(), bound)
    unit = "of the Cramér–Rao error"
    lines = [
        Line(f"ours, {found.n_iterations} steps", seconds, "s", "≤ 60"),
        Line(f"plain: gradient steps, chain by chain, {ended['plain'][1]:,} of them", plain_seconds, "s"),
        Line("plain / ours", plain_seconds / seconds),
        Line("ours: distance to the truth", of_truth, unit),
        Line("plain: distance to ours, at which it is told to end", near, unit),
    ]
    for target, time in zip(targets, theirs, strict=False):
        lines += [
            Line(f"peer: adabmDCA to r = {target:g}", time, "s"),
            Line("the same / ours", time / seconds),
            Line("the same: distance to ours", root_mean_square(ended[target] - answer, bound), unit),
        ]
    lines.append(Line(f"M = {n_small}: ours against enumeration", apart, unit, "≤ 0.1"))
    return Row(f"Boltzmann learning, M = {n_spins}, N = {n_samples:,}", lines)


def plain_regressions(features, targets, used, ridge):
    """The plain way: scikit-learn's logistic regression, spin by spin; the fields (K,) and weights (K, P)."""
    fields, weights = np.zeros(len(used)), np.zeros(used.shape)
    strength = 2 / (ridge * len(features))  # its C, of 2 W
    for k, mask in enumerate(used):
        if not mask.any():  # a spin alone
            fields[k] = np.arctanh(targets[:, k].mean())
            continue
        peer = LogisticRegression(C=strength, tol=1e-6, max_iter=1000)
        peer.fit(features[:, mask], targets[:, k])
        fields[k], weights[k, mask] = peer.intercept_[0] / 2, peer.coef_[0] / 2
    return fields, weights


def plain_redrawing(fields, weights, n_samples, rng):
    """The plain way to undo one cycle: one sample after another, one spin after another."""
    samples = np.empty((n_samples, fields.size), np.int8)
    for spins in samples:
        spins[:] = rng.choice([-1, 1], fields.size)
        for i in reversed(range(fields.size)):
            spins[i] = 1 if rng.uniform(-1, 1) < np.tanh(fields[i] + weights[i] @ spins) else -1
    return samples


def redrawing(n_spins=40, n_samples=4_000, n_drawn=100_000, n_plain=500, ridge=0.01, repeats=3):
    """Discrete diffusion of one cycle and of four: fitted, and sampled."""
    rng = np.random.default_rng(0)
    spins = sampling.sample(ising.gaussian(n_spins, rng=rng), n_samples, rng=rng)
    later = np.triu(np.ones((n_spins, n_spins), bool), 1)
    fit = functools.partial(discrete.fit, spins, rng=rng)
    model, four = fit(1, ridge=ridge), fit(4, ridge=ridge)
    one, more, chosen, plain, draw, draw_more, plain_draw = side_by_side(
        repeats,
        lambda: fit(1, ridge=ridge),
        lambda: fit(4, ridge=ridge),
        lambda: fit(4),
        lambda: plain_regressions(spins, spins, later, ridge),
        lambda: discrete.sample(model, n_drawn, rng),
        lambda: discrete.sample(four, n_drawn, rng),
        lambda: plain_redrawing(model.fields[0], model.weights[0], n_plain, rng),
    )
    plain_draw *= n_drawn / n_plain
    weights = plain_regressions(spins, spins, later, ridge)[1]
    logs = [
        discrete.log_likelihood(model, drawn)
        for drawn in (
            discrete.sample(model, n_drawn, rng),
            plain_redrawing(model.fields[0], model.weights[0], n_plain, rng),
        )
    ]
    error = np.sqrt(sum(log.var() / len(log) for log in logs))
    apart = abs(logs[0].mean() - logs[1].mean()) / error
    lines = [
        Line(f"ours, fit of one cycle, ridge {ridge}", one, "s"),
        Line("plain: the same regressions by scikit-learn", plain, "s"),
        Line("plain / ours, fit", plain / one),
        Line("ours, fit of four cycles", more, "s"),
        Line("ours, fit of four cycles, ridge chosen", chosen, "s"),
        Line(f"ours, {n_drawn:,} samples, one cycle", draw, "s"),
        Line("ours, the same, four cycles", draw_more, "s"),
        Line(f"plain: one sample after another ({n_plain} timed, scaled), one cycle", plain_draw, "s"),
        Line("plain / ours, samples", plain_draw / draw),
        Line("largest difference of a weight", np.abs(weights - model.weights[0]).max(), "", "≤ 1e-4"),
        Line("\\|t\\| of the mean log-likelihood of both sets of samples", apart, "", "≤ 3.3"),
    ]
    return Row(f"Discrete diffusion, M = {n_spins}, N = {n_samples:,}", lines)


def in_time(n_spins=20, n_pairs=4_000, ridge=0.01, repeats=5):
    """The kinetic Ising model: its direct fit."""
    rng = np.random.default_rng(0)
    series = kinetic.simulate(kinetic.gaussian(n_spins, rng=rng), n_pairs, rng=rng)
    before, after = series[:-1], series[1:]
    everything = np.ones((n_spins, n_spins), bool)
    ours, chosen, plain = side_by_side(
        repeats,
        lambda: kinetic.fit(before, after, ridge),
        lambda: kinetic.fit(before, after, "auto"),
        lambda: plain_regressions(before, after, everything, ridge),
    )
    weights = plain_regressions(before, after, everything, ridge)[1]
    apart = np.abs(weights - kinetic.fit(before, after, ridge).weights).max()
    lines = [
        Line(f"ours, ridge {ridge}", ours, "s"),
        Line("plain: the same regressions by scikit-learn", plain, "s"),
        Line("plain / ours", plain / ours),
        Line("ours, ridge chosen: 13 strengths in 3 folds", chosen, "s"),
        Line("largest difference of a weight", apart, "", "≤ 1e-4"),
    ]
    return Row(f"Kinetic Ising model, M = {n_spins}, N = {n_pairs:,} pairs", lines)
