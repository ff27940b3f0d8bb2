"""Numbers of one run, which the claims are judged by.

A statistic is a function of a run, by name in ``STATISTICS``.  The rows of ``book/claims.yaml`` and
``book/firmness.yaml`` name it with its options.  Nothing is trained here.
"""

import dataclasses
import functools

import numpy as np
from scipy import stats

from ising_experiments import choices, extensions, runs, scoring, store, walk, worlds
from ising_lib import imputation, metrics, stopping
from ising_lib.ising import IsingModel

STATISTICS = {  # {name: function of a run}
    "over_bound": lambda run, name: run.over_bound(name),  # MSE of an inference over the Cramér–Rao bound
    # the held-out denoising loss at the end over its lowest: 1 where it falls to the end
    "loss_rise": lambda run: run["test_loss"][-1] / run["test_loss"].min(),
    # Var E of the generated samples at the last checkpoint over that at the first
    "variance_fall": lambda run: run["variance"][-1] / run["variance"][0],
    # seconds of one core for training the denoiser and drawing from it, in a run of Rivals
    "denoiser_seconds": lambda run: run["train_seconds"] + run["sample_seconds"],
}
_SERIES = {  # {errors of which a run holds several: what numbers them, and how that is said}
    "monitored": ("iterations", "{:,} updates"),
    "by_size": ("sizes", "{:,} drawn"),
    "by_size_with_observed": ("sizes", "{:,} augmented"),
    "augmented": ("cycles", "C = {}"),  # of discrete diffusion
    "augmented_pseudolikelihood": ("cycles", "C = {}"),
}
_DRAWS = {"first": [0], "second": [1], "both": [0, 1]}  # of the samples, in a run of Firmness


def statistic(function):
    """Register a statistic: of a run, a number, or {setting: number} where it has several."""
    STATISTICS[function.__name__] = function
    return function


# ------------------------------------------------------------------ errors of parameters


@statistic
def error_ratio(run, part=None, one="augmented", other="observed", twin=None, network=None):
    """MSE (Eq. 23) of one inference over that of another; each of several where the run holds a series.

    Args:
        run: in which ``one`` is found.
        part: "fields" or "couplings" alone.
        one, other: names of inferences.
        twin: where the other is found, else NaN: in the same run, or on the same samples in that of "rivals"
            or of the "network" of the thesis, which was trained as ``network`` says.
    """
    if part:
        return run.share(one, part) / run.share(other, part)
    holder = run
    if twin:
        truth = {field.name: run.config[field.name] for field in dataclasses.fields(worlds.KnownTruth)}
        world = worlds.Rivals(**truth)
        if twin == "network":
            world = worlds.Augmentation(**truth, training=worlds.Training(**network))
        holder = store.find(worlds.describe(world))
    ratios = run.error(one) / (holder.error(other) if holder else np.nan)
    if np.ndim(ratios) == 0:
        return ratios
    numbered, said = _SERIES[one]
    numbers = run.config["cycles"] if numbered == "cycles" else run[numbered]
    return {said.format(number): ratio for number, ratio in zip(numbers, ratios, strict=True)}


@statistic
def more_samples(run):
    """MSE from the next larger number of augmented samples over that from the smaller, for each step up."""
    errors, sizes = run.error("by_size"), run["sizes"]
    steps = zip(sizes[:-1], sizes[1:], errors[1:] / errors[:-1], strict=True)
    return {f"{few:,} → {many:,}": ratio for few, many, ratio in steps}


@statistic
def at_epsilon(run, epsilon):
    """MSE of the Erasure Machine at a fixed ε over that of pseudolikelihood, in a run of Corrected."""
    at = list(run.config["epsilons"]).index(epsilon)
    return run["linear_curve"][0, at] / run.error("pseudolikelihood")


# ------------------------------------------------------------------ the course of a training


def _errors(run, half, draw):
    """Errors along a training by the samples that choose a checkpoint, and by those that measure it.

    They are the same, but in a run of Firmness, which has drawn twice: there one draw chooses and the other
    measures, up to half of the updates or to the end.
    """
    if "few" not in run.arrays:
        return [run.error("monitored")] * 2
    errors, [at] = run.error("few")[: -1 if half else None], _DRAWS[draw]
    return errors[:, at], errors[:, 1 - at]


def _stop(run, half, draw):
    """The checkpoint at which the thesis's rule stops, by the samples that choose; and has it crossed?"""
    if "few" not in run.arrays:
        return run["stop_index"], run["stop_crossed"]
    until, [at] = -1 if half else None, _DRAWS[draw]
    lines = run["test_line"].item(), run["observed_line"].item()
    point = stopping.crossing(run["iterations"][:until], run["variance"][:until, at], *lines)
    return point.index, point.crossed


@statistic
def turn(run, half=False, draw="first"):
    """The smaller of the first and the last MSE over the lowest: above 1 only if it falls, then rises."""
    chosen, scored = _errors(run, half, draw)
    return min(scored[0], scored[-1]) / scored[chosen.argmin()]


@statistic
def fires(run, half=False, draw="first"):
    """1 where Var E came down to the line of the thesis's rule; 0 where it never did."""
    return _stop(run, half, draw)[1]


@statistic
def gain_kept(run, half=False, draw="first"):
    """What is left of the gain, (observed − kept)/(observed − lowest), in MSE; 0 where there is no gain.

    Kept is the checkpoint of the thesis's rule, or the last where it never stops.
    """
    chosen, scored = _errors(run, half, draw)
    observed = np.ravel(run.error("observed"))[0]  # a run of Firmness has more, for other ε
    gain = observed - scored[chosen.argmin()]
    return (observed - scored[_stop(run, half, draw)[0]]) / gain if gain > 0 else 0.0


@statistic
def redrawn(run):
    """Relative difference of two MSEs, each from n_monitor samples drawn anew from one network: the noise."""
    [same] = np.flatnonzero(run["sizes"] == run.config["training"]["n_monitor"])
    return abs(run.error("monitored")[run["stop_index"]] / run.error("by_size")[same] - 1)


@statistic
def closeness(run):
    """Mean distance to the nearest observed sample: generated at the end over test samples."""
    distance = np.arange(run.config["n_spins"] + 1)
    return (run["distances"][-1] @ distance) / (run["test_distances"] @ distance)


@statistic
def kept_over(run, rule, other="oracle", n_iterations=np.inf):
    """MSE at the checkpoint that a rule of ``scoring.kept`` keeps over that of another.

    Args:
        rule, other: of ``scoring.kept``; the other may be an inference in the same run, too.
        n_iterations: forget the checkpoints after this number of updates.
    """
    errors = run.error("monitored")
    kept = scoring.kept(run, errors, n_iterations)
    return errors[kept[rule]] / (errors[kept[other]] if other in kept else run.error(other))


@statistic
def comes_down(run):
    """1 where Var E comes from above the test line to below it, in a run of RetinaFirmness."""
    above = run["variance"][:, 0] > run["test_line"]
    return float((above[:-1] & ~above[1:]).any())


# ------------------------------------------------------------------ samples drawn twice from one network


@statistic
def drawn(run, half=False, draw="both", epsilon=None):
    """MSE from n_augmented samples over that from the observed ones, both at one ε, in a run of Firmness.

    Args:
        run: of Firmness.
        half: after half of the updates.
        draw: "first", "second", or "both": the geometric mean of the two.
        epsilon: None for the automatic one.
    """
    at = 0 if epsilon is None else 1 + list(run.config["epsilons"]).index(epsilon)
    errors = run.error("many")[-2 if half else -1, _DRAWS[draw], at]
    return stats.gmean(errors) / run.error("observed")[at]


@statistic
def more_drawn(run, half=False, draw="both"):
    """MSE from n_augmented samples over that from n_monitor of them, in a run of Firmness."""
    at = -2 if half else -1, _DRAWS[draw]
    return stats.gmean(run.error("many")[(*at, 0)] / run.error("few")[at])


# ------------------------------------------------------------------ missing neurons


@statistic
def recovery_gain(run, one, other, missing_counts, score="accuracy", without_first=False):
    """A score of the recovery by one model minus that by another, on the same missing neurons, in points.

    Args:
        run: of a Retina.
        one, other: arrays of parameters of the run, or "silent": no spike, whatever the others do.
        missing_counts: numbers of missing neurons of each test sample, as in Figure 14.
        score: field of metrics.Recovery.
        without_first: do not score the most active neuron.
    """
    gains, world = {}, worlds.from_plain(run.config)
    vectors = [None if name == "silent" else tuple(run[name].tolist()) for name in (one, other)]
    for n_missing in missing_counts:
        test, mask = _hidden(world, n_missing)
        scored = mask & (np.arange(test.shape[1]) >= without_first)
        filled = [_filled(world, vector, n_missing) for vector in vectors]
        found = [getattr(metrics.recovery(test, some, scored), score) for some in filled]
        gains[f"{n_missing} missing"] = 100 * (found[0] - found[1])
    return gains


@statistic
def score_difference(run, one, other, score):
    """A score of the missing neurons by one model minus that by another, from the counts of a run.

    Args:
        run: of a FairRetina.
        one, other: names among ``extensions.FAIR_MODELS``.
        score: "log_loss", in nats per missing neuron; or one of ``metrics.rates``, in points of 100, of what
            the thesis's rule fills in.
    """
    models = [extensions.FAIR_MODELS.index(name) for name in (one, other)]
    counts = run.config["missing_counts"]
    if score == "log_loss":
        values = run["log_loss"].mean(-1) / np.array(counts)[:, None]  # (K, B)
    else:
        values = 100 * metrics.rates(*np.moveaxis(run["counts"][:, :, 0].sum(-1), -1, 0))[score]
    differences = values[:, models[0]] - values[:, models[1]]
    return {f"{n} missing": gain for n, gain in zip(counts, differences, strict=True)}


@statistic
def filled(run, model="auto", other="observed", early=False, without_first=False, draw=None):
    """Accuracy of the recovery from augmented samples minus that from others, in points.

    The mean over all draws and all numbers of missing neurons: these share one model and are no trials of
    their own.

    Args:
        run: of RetinaFirmness.
        model: one of ``choices.RETINA_MODELS``, fitted to both.
        other: "observed", or "silent": no spike, whatever the others do.
        early: after a fourth of the updates.
        without_first: do not score the most active neuron.
        draw: number of one draw of the samples; None for all.
    """
    at, first = choices.RETINA_MODELS.index(model), int(without_first)
    rights = {"observed": run["right_observed"][at], "silent": run["right_silent"]}
    gain = run["right_augmented"][0 if early else 1, :, at] - rights[other]
    shares = gain[..., first:].sum(-1) / run["n_hidden"][:, first:].sum(-1)
    return 100 * shares[slice(None) if draw is None else draw].mean()


@functools.cache
def _test_samples(world):
    return walk.samples(world)[1]


def _hidden(world, n_missing):
    """Test samples and which of their spins are missing: those of Figures 12 to 14."""
    test = _test_samples(world)
    return test, imputation.random_mask(test.shape, n_missing, rng=worlds.stream(world.seed, "missing"))


@functools.cache  # several rows look at the same model
def _filled(world, vector, n_missing):
    test, mask = _hidden(world, n_missing)
    if vector is None:
        return np.where(mask, np.int8(-1), test)
    model = IsingModel.from_vector(np.array(vector), world.n_spins)
    with runs.one_thread():  # many small products: threads would wait for each other
        return scoring.recover({"it": model}, test, mask)["it"]


# ------------------------------------------------------------------ other methods


@statistic
def error_over_rivals(run, rivals):
    """MSE of the Erasure Machine over that of others, as below, all on the observed samples of a run."""
    config = worlds.from_plain(run.config)
    [observed, _], truth = walk.samples(config), walk.truth(config)
    with runs.one_thread():
        fits = {label: extensions.METHODS[name][0](observed) for name, label in rivals.items()}
    return {
        label: run.error("observed") / metrics.thesis_mse(fit.model, truth) for label, fit in fits.items()
    }


@statistic
def time_over_rivals(run, rivals):
    """Processor time of the Erasure Machine over that of others, {name in ``extensions.METHODS``: label}."""
    took = dict(zip(extensions.METHODS, run["seconds"], strict=True))
    return {label: took["erasure"] / took[name] for name, label in rivals.items()}
