"""One row per public function and argument: which check guards it, and a value that it must refuse.

The tables of test_bad_input.py.  In a sentence "{}" is the argument's name, and "…" stands for anything.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import torch

from ising_book import style
from ising_experiments import worlds
from ising_lib import denoisers, discrete, erasure, exact, ising, kinetic, noise

M, N = 4, 30
RNG = np.random.default_rng(7)
MODEL = ising.gaussian(M, rng=RNG)
BIG = ising.IsingModel(np.zeros(21), np.zeros((21, 21)))
SPINS = exact.sample(MODEL, N, rng=RNG)
MISSING = np.tile([False, True, False, False], (N, 1))
HIDDEN = np.where(MISSING, 0, SPINS)
CONSTANT = np.where(np.arange(M) == 2, -1, SPINS)
TWINS = SPINS[:, [0, 1, 2, 0]]
P = np.full(4, 0.25)
SCHEDULE = noise.NoiseSchedule.linear(20)
WIDTHS = {"n_dim": 4, "n_hidden1": 6, "n_hidden2": 8}
NETWORK = denoisers.ResidualMLP(M, 20, rng=RNG, **WIDTHS)
FIELD = denoisers.MeanField(M, 20)
TRAINING = worlds.Training(2, 1, 20, 20, n_noise_levels=20, n_sampling_steps=3)
WORLD = worlds.Augmentation(n_spins=M, n_observed=N, training=TRAINING)
PLAIN = worlds.describe(WORLD)


def says(sentence):
    """A pattern for the whole of a sentence with holes."""
    return "^" + re.escape(sentence).replace("…", ".*") + "$"


def is_sentence(text):
    return len(text.splitlines()) == 1 and 10 < len(text) < 700


class Guard(NamedTuple):
    """A value that is refused, and how."""

    bad: Any
    said: str
    error: type = ValueError


class Row(NamedTuple):
    """A function by its name, a call that works, the guards of its arguments, and those that have none."""

    function: str
    valid: dict
    guards: dict
    free: tuple


ROWS, ALSO = [], []  # the second: more mistakes, {argument: value}, that concern several arguments at once


def of(function, valid, free="", **guards):
    """A row for each of some functions with the same arguments."""
    ROWS.extend(Row(name, valid, guards, tuple(free.split())) for name in function.split())


def also(function, said, error=ValueError, **change):
    """Another mistake in the same call."""
    ALSO.append((function, change, Guard(None, said, error)))


# ------------------------------------------------------------------------------------------------ the guards


def count(low=1, high=None):
    if high is None:
        return Guard(low - 1, f"{{}} must be at least {low}, got {low - 1}")
    return Guard(high + 1, f"{{}} must be from {low} to {high}, got {high + 1}")


def real(bad, allowed):
    return Guard(bad, f"{{}} must be finite and in {allowed}, got {bad}")


def choice(*allowed, bad="nonsense"):
    return Guard(bad, f"{{}} must be one of {', '.join(map(repr, allowed))}, got {bad!r}")


def array(bad, allowed=""):
    return Guard(np.full(4, bad), f"{{}} must be finite{allowed}, got {bad:.1f}")


def vector(bad, said):
    return Guard(bad, said)


RATE = real(1.0, "(0.0, 1.0)")
UP = real(-0.1, "[0.0, inf]")
SHARE = array(1.5, " and in [0, 1]")
COUNTS = array(-1, " and in [0, inf]")
NUMBERS = array(np.inf)
GENERATOR = Guard(
    0, "{} must be a numpy.random.Generator, e.g. numpy.random.default_rng(0), got 0", TypeError
)
A_MODEL = Guard(MODEL.to_vector(), "{} must be of the kind IsingModel, got ndarray", TypeError)
SMALL = Guard(BIG, "n_spins must be from 1 to 20, got 21")
A_MASK = Guard(MISSING[:, :3], "{} must be boolean and of shape (30, 4), got bool, (30, 3)")
SAMPLES = Guard(2 * SPINS, "{} must hold only -1 or +1, got … at [0, 0]")
COLUMNS = Guard(SPINS[:, :3], "{} must have 4 columns, one per spin, got 3")
PARTLY = Guard(2 * SPINS, "{} must hold only -1, 0 (missing) or +1, got … at [0, 0]")
VARYING = Guard(CONSTANT, "{} must vary, but spin 2 is -1 in all 30 samples: … leave it out")
A_NETWORK = Guard("ResidualMLP", "{} must be of the kind Module, got str", TypeError)
A_SCHEDULE = Guard(noise.NoiseSchedule.linear(30), "{} must have at most the denoiser's 20 steps, got 30")
HERE = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
DEVICE = choice(*HERE, bad="gpu")
PRECISION = choice("auto", "bfloat16", "float32", bad="half")
A_ROLE = choice(*style.COLOURS, bad="nobody")
BETAS = "betas must be a vector of numbers strictly between 0 and 1"

# -------------------------------------------------------------------------------------------------- ising_lib
# fmt: off
of("ising.IsingModel", {"fields": MODEL.fields, "couplings": MODEL.couplings}, fields=NUMBERS._replace(bad=[0,
    0, np.inf, 0]), couplings=Guard(np.triu(np.ones((4, 4)), 1), "{} must be symmetric: J_ij = J_ji"))
also("ising.IsingModel", "fields must have shape (M,) with M ≥ 1, got (0,)", fields=[])
also("ising.IsingModel", "couplings must have shape (4, 4), got (3, 3)", couplings=np.zeros((3, 3)))
also("ising.IsingModel", "couplings must have a zero diagonal: …", couplings=np.eye(4))
of("ising.IsingModel.at", {"self": MODEL, "inverse_temperature": 0.5}, inverse_temperature=real(np.nan, "…"))
of("ising.IsingModel.from_vector", {"vector": MODEL.to_vector(), "n_spins": M}, vector=Guard(np.zeros(9),
    "{} must have shape (10,) for 4 spins, got (9,)"), n_spins=count())
of("ising.gaussian", {"n_spins": 3, "rng": RNG}, n_spins=count(), coupling_scale=UP, field_scale=UP,
    rng=GENERATOR)
of("ising.energy", {"model": MODEL, "spins": SPINS}, model=A_MODEL, spins=COLUMNS)
of("exact.configurations", {"n_spins": 3}, n_spins=count(1, 20))
of("exact.index exact.frequencies", {"spins": SPINS}, spins=SAMPLES)
also("exact.index", "number of spins must be from 1 to 20, got 21", spins=np.ones((2, 21)))
also("exact.frequencies", "number of spins must be from 1 to 20, got 21", spins=np.ones((2, 21)))
of("exact.log_partition exact.probabilities exact.moments", {"model": MODEL}, model=SMALL)
of("exact.sample", {"model": MODEL, "n_samples": 5, "rng": RNG}, model=SMALL, n_samples=count(),
    rng=GENERATOR)
of("exact.total_variation exact.divergence", {"p": P, "q": P}, p=SHARE, q=SHARE)
also("exact.divergence", "q must have shape (4,), got (8,)", q=np.full(8, 0.125))
of("sampling.sample", {"model": MODEL, "n_samples": 9, "rng": RNG, "n_chains": 256, "burn_in": 50, "thin": 50,
    "max_overlap": 0.5}, model=A_MODEL, n_samples=count(), rng=GENERATOR, n_chains=count(256),
    burn_in=count(), thin=count(), n_temperatures=count(), hottest=RATE, max_overlap=RATE)
of("sampling.memory", {"before": SPINS, "after": -SPINS}, before=SAMPLES, after=Guard(SPINS[:5],
    "{} must have shape (30, 4), got (5, 4)"))
also("sampling.memory", "number of chains must be at least 2, got 1", before=SPINS[:1], after=SPINS[:1])
of("noise.NoiseSchedule", {"betas": [0.1, 0.2]}, betas=Guard([0.1, 1.0], BETAS))
also("noise.NoiseSchedule", BETAS, betas=[])
also("noise.NoiseSchedule", BETAS, betas=[0.1, np.nan])
of("noise.NoiseSchedule.linear", {}, n_steps=count(), first=Guard(0.0, BETAS), last=Guard(1.5, BETAS))
of("noise.NoiseSchedule.cosine", {}, "offset", n_steps=count())
of("noise.NoiseSchedule.subsequence", {"self": SCHEDULE, "n_steps": 5}, n_steps=count(1, 20))
of("noise.add_noise", {"schedule": SCHEDULE, "clean": torch.ones(2, 3), "t": torch.tensor([1, 20]), "noise":
    torch.ones(2, 3)}, "schedule clean noise", t=Guard(torch.tensor([0, 5]),
    "{} must hold steps from 1 to 20, got 0 to 5"))
also("noise.add_noise", "t must hold steps from 1 to 20, got 3 to 21", t=torch.tensor([3, 21]))
STEPS = {"n_spins": count(), "n_steps": count(4)}
of("denoisers.ResidualMLP", {"n_spins": 3, "n_steps": 10, "rng": RNG}, **STEPS, rng=GENERATOR,
    **dict.fromkeys(WIDTHS, count()))
of("denoisers.MeanField", {"n_spins": 3}, "rng", **STEPS, n_layers=count())
of("denoisers.LogitMLP", {"n_spins": 3, "rng": RNG}, **STEPS, n_hidden=count(), rng=GENERATOR)
of("denoisers.sinusoidal_embedding", {"n_steps": 5, "width": 6}, n_steps=count(), width=count(4))
NETS = {"denoiser": NETWORK, "schedule": SCHEDULE}
GUARDED_NETS = {"denoiser": A_NETWORK, "schedule": A_SCHEDULE}
of("denoisers.checked_config", NETS, **GUARDED_NETS)
ANOTHER = "schedule must be NoiseSchedule.linear(20), which the denoiser was made for, got another one of …"
also("denoisers.checked_config", ANOTHER, denoiser=FIELD, schedule=noise.NoiseSchedule.cosine(20))
also("denoisers.checked_config", "schedule must be of the kind NoiseSchedule, got int", TypeError,
    schedule=20)
TRAIN = {**NETS, "spins": SPINS, "n_iterations": 1, "rng": RNG, "precision": "float32", "batch_size": 8}
of("ddpm.train", TRAIN, **GUARDED_NETS, spins=COLUMNS, n_iterations=count(), rng=GENERATOR,
    batch_size=count(), learning_rate=RATE, average=real(-0.1, "[0.0, 1.0]"), precision=PRECISION,
    device=DEVICE, resume=Guard("gone.st", "{} must name a checkpoint, got 'gone.st': no such file",
    FileNotFoundError))
also("ddpm.train", "average must be in [0, 1), got 1.0", average=1.0)
FLOAT32 = "precision must be float32 or auto for a MeanField, got bfloat16"
also("ddpm.train", FLOAT32, denoiser=FIELD, precision="bfloat16")
SCORED = {**NETS, "spins": SPINS, "rng": RNG}
GUARDED_SCORES = {**GUARDED_NETS, "spins": COLUMNS, "rng": GENERATOR, "n_draws": count()}
of("ddpm.denoising_loss", SCORED, **GUARDED_SCORES, precision=PRECISION, device=DEVICE)
of("ddpm.own_loss", SCORED, **GUARDED_SCORES)
DRAWN = {**NETS, "n_samples": 3, "rng": RNG, "n_steps": 3, "precision": "float32"}
GUARDED_DRAWS = {**GUARDED_NETS, "n_samples": count(), "rng": GENERATOR, "n_steps": count(1, 20)}
GUARDED_DRAWS |= {"order": choice(1, 2, bad=3), "precision": PRECISION, "device": DEVICE}
of("ddpm.sample", DRAWN, **GUARDED_DRAWS, batch_size=count())
of("ddpm.trajectory", DRAWN, **GUARDED_DRAWS)
of("ddpm.to_spins", {"x": [[0.3, -2.0]]}, x=Guard([[0.3, np.nan]], "{} must hold numbers, got NaN"))
of("checkpoints.save", {"path": "a"} | NETS, "path", **GUARDED_NETS)
of("checkpoints.load", {}, path=Guard("gone", "{} must name a checkpoint, got 'gone': no such file",
    FileNotFoundError))
of("erasure.fit", {"spins": SPINS, "epsilon": 0.5}, "fields", spins=SAMPLES, epsilon=RATE,
    moments=choice("linear", "tap"), solver=choice("convex", "published", bad="anderson"),
    weights=Guard(np.ones(9), "{} must have shape (30,), got (9,)"), tolerance=RATE, max_iterations=count(),
    learning_rate=RATE)
also("erasure.fit", "epsilon must be one of 'auto', got 'best'", epsilon="best")
also("erasure.fit", "solver must be one of 'anderson', 'published', got 'convex'", moments="tap",
    solver="convex")
also("erasure.fit", "weights must not all be zero", weights=np.zeros(N))
FAR = "the Erasure Machine did not converge at epsilon = 0.500: residual … after 1 iterations (allowed …"
also("erasure.fit", FAR, erasure.NotConverged, max_iterations=1)
NONE = "the Erasure Machine with moments 'tap' has no answer at epsilon = 0.500: moments must have positive …"
also("erasure.fit", NONE, erasure.NotConverged, moments="tap", spins=CONSTANT)
of("erasure.tap_parameters", {"moments": np.zeros(10), "n_spins": M}, moments=Guard(np.ones(10),
    "{} must have positive definite correlations, got an eigenvalue of …"), n_spins=count())
of("estimators.pseudolikelihood", {"spins": SPINS, "ridge": 0.1}, "rng", spins=VARYING, ridge=UP)
also("estimators.pseudolikelihood", "rng must be a numpy.random.Generator, …", TypeError, ridge="auto", rng=3)
also("estimators.pseudolikelihood", "ridge must be one of 'auto', got 'best'", ridge="best")
FEW = "spins must be at least 3 samples for ridge='auto', got 2"
also("estimators.pseudolikelihood", FEW, spins=[[1, -1], [-1, 1]], ridge="auto")
ALONE = "spin 0 is a function of the others …"
also("estimators.pseudolikelihood", ALONE, erasure.NotConverged, spins=TWINS, ridge=0.0)
of("estimators.log_rise", {"spins": SPINS, "ridge": 0.1}, spins=VARYING, ridge=UP)
of("estimators.mean_field estimators.tap", {"spins": exact.configurations(3)}, spins=VARYING)
also("estimators.tap", "spins must have invertible correlations, got 30 samples of 4 spins", spins=TWINS)
of("estimators.maximum_likelihood", {"spins": exact.configurations(3)}, "rng", spins=VARYING, ridge=UP)
also("estimators.maximum_likelihood", "rng is needed because 21 spins are more than the 20 that …",
    spins=np.tile([[1], [-1]], 21))
of("estimators.cramer_rao", {"model": MODEL, "n_samples": 9, "rng": RNG, "n_draws": 300}, model=A_MODEL,
    n_samples=count(), rng=GENERATOR, n_draws=count(11))
also("estimators.cramer_rao", "number of spins (without rng) must be from 1 to 13, got 21", model=BIG,
    rng=None)
of("estimators.van_trees", {"models": [MODEL], "n_samples": 9}, "rng n_draws", models=Guard([MODEL.fields],
    "model must be of the kind IsingModel, got ndarray", TypeError), n_samples=count(),
    coupling_scale=real(0.0, "(0.0, inf)"), field_scale=real(0.0, "(0.0, inf)"))
of("boltzmann.fit", {"spins": SPINS, "start": MODEL, "rng": RNG, "ridge": 0.1}, spins=COLUMNS, start=A_MODEL,
    rng=GENERATOR, ridge=UP, n_chains=count(256), n_rounds=count(), thin=count(), n_averaged=count(),
    max_iterations=count(8))
of("boltzmann.log_partition", {"model": MODEL, "rng": RNG}, model=A_MODEL, rng=GENERATOR, n_chains=count(2),
    n_steps=count())
of("discrete.fit", {"spins": SPINS, "n_cycles": 1, "rng": RNG}, spins=SAMPLES, n_cycles=count(),
    rng=GENERATOR, ridge=UP, loss=choice("logistic", "screening"))
REDRAWS = discrete.DiscreteDiffusion(np.zeros((1, M)), np.zeros((1, M, M)), 0.0)
A_REDRAWING = Guard(MODEL, "{} must be of the kind DiscreteDiffusion, got IsingModel", TypeError)
of("discrete.sample", {"model": REDRAWS, "n_samples": 5, "rng": RNG}, model=A_REDRAWING, n_samples=count(),
    rng=GENERATOR)
of("discrete.log_likelihood", {"model": REDRAWS, "spins": SPINS}, model=A_REDRAWING, spins=COLUMNS)
TWICE = discrete.DiscreteDiffusion(np.zeros((2, M)), np.zeros((2, M, M)), 0.0)
also("discrete.log_likelihood", "number of cycles must be from 1 to 1, got 2", model=TWICE)
also("discrete.fit", ALONE, erasure.NotConverged, spins=TWINS, ridge=0.0)
MOVES = kinetic.KineticModel(np.zeros(M), np.zeros((M, M)))
MOVING = Guard(MODEL, "{} must be of the kind KineticModel, got IsingModel", TypeError)
of("kinetic.KineticModel", {"fields": np.zeros(M), "weights": np.zeros((M, M))}, fields=NUMBERS,
    weights=Guard(np.zeros((M, 3)), "{} must have shape (4, 4), got (4, 3)"))
of("kinetic.gaussian", {"n_spins": 3, "rng": RNG}, n_spins=count(), coupling_scale=UP, field_scale=UP,
    rng=GENERATOR)
of("kinetic.simulate", {"model": MOVES, "n_steps": 5, "rng": RNG}, model=MOVING, n_steps=count(),
    rng=GENERATOR, start=Guard(SPINS[0, :3], "{} must have 4 columns, one per spin, got 3"))
AFTER = Guard(SPINS[:5], "{} must have shape (30, 4), got (5, 4)")
of("kinetic.fit", {"before": SPINS, "after": SPINS, "ridge": 0.1}, "rng", before=SAMPLES, after=AFTER,
    ridge=UP)
also("kinetic.fit", ALONE, erasure.NotConverged, ridge=0.0)
of("kinetic.log_likelihood", {"model": MOVES, "before": SPINS, "after": SPINS}, model=MOVING, before=COLUMNS,
    after=AFTER)
of("kinetic.cramer_rao", {"model": MOVES, "before": SPINS}, model=MOVING, before=COLUMNS)
of("stopping.energy_variance", {"spins": SPINS, "model": MODEL}, spins=COLUMNS, model=A_MODEL)
CURVE = {"iterations": [1, 2, 3], "variance": [3.0, 2.0, 1.0], "test_line": 1.5, "observed_line": 0.5}
of("stopping.crossing", CURVE, iterations=Guard([1, 1, 2], "{} must be positive and rising"),
    variance=Guard([3, np.nan, 1], "{} must be finite, got nan"), test_line=real(np.nan, "[-inf, inf]"),
    observed_line=real(np.inf, "[-inf, inf]"))
also("stopping.crossing", "iterations must have shape (2,), got (3,)", variance=[1.0, 2.0])
also("stopping.crossing", "iterations must be positive and rising", iterations=[0, 1, 2])
FILLED = {"model": MODEL, "spins": HIDDEN}
of("imputation.impute", FILLED, "rng", model=A_MODEL, spins=PARTLY, rule=choice("argmax", "marginal"))
of("imputation.probability_up imputation.log_odds", FILLED, "rng", model=A_MODEL, spins=COLUMNS)
for rule in ("argmax", "marginal"):
    many = {"model": BIG, "spins": np.zeros((1, 21)), "rule": rule}
    also(
        "imputation.impute", "rng is needed because a sample misses 21 spins, more than the 20 that …", **many
    )
    also("imputation.impute", "rng must be a numpy.random.Generator, …", TypeError, **many, rng=5)
of("imputation.random_mask", {"shape": (3, 5), "n_missing": 2, "rng": RNG}, shape=Guard((0, 5),
    "{} must be at least 1, got 0"), n_missing=count(1, 5), rng=GENERATOR)
of("imputation.independent_model", {"spins": SPINS}, spins=Guard(CONSTANT,
    "{} must each take both values, spin 2 never changes"))
of("datasets.most_active_spins", {"recording": np.eye(4)[:, None].repeat(2, 1), "n_neurons": 2},
    recording=Guard(np.full((2, 4, 3), 2), "{} must hold only 0 and 1, got 2"), n_neurons=count(1, 2))
also("datasets.most_active_spins", "recording must have shape …, got (3, 4)", recording=np.zeros((3, 4)))
of("datasets.split", {"spins": SPINS, "n_training": 20, "n_test": 10, "rng": RNG}, spins=SAMPLES,
    n_training=count(1, 29), n_test=count(1, 10), rng=GENERATOR)
TWO = {"model": MODEL, "truth": MODEL}
of("metrics.thesis_mse", TWO, model=A_MODEL, truth=A_MODEL)
also("metrics.thesis_mse", "model must have 4 spins like truth, got 21", model=BIG)
SCORES = {"true_spins": SPINS, "filled_spins": SPINS, "missing": MISSING}
SHAPED = Guard(SPINS[:5], "filled_spins must have the shape (30, 4) of true_spins, got (5, 4)")
of("metrics.recovery", SCORES, true_spins=SAMPLES, filled_spins=COLUMNS, missing=A_MASK)
also("metrics.recovery", "missing must mark at least one spin", missing=np.zeros((N, M), dtype=bool))
of("metrics.confusion", SCORES, "true_spins", filled_spins=SHAPED, missing=A_MASK)
KINDS = ("found", "missed", "invented", "silent")
of("metrics.rates", dict.fromkeys(KINDS, 2), **dict.fromkeys(KINDS, COUNTS))
of("metrics.nearest_distance", {"spins": SPINS, "reference": SPINS}, spins=COLUMNS, reference=SAMPLES)
of("metrics.log_pseudolikelihood", FILLED | {"spins": SPINS}, model=A_MODEL, spins=COLUMNS)
ODD = Guard(np.ones((30, 3)), "{} must have shape (30, 4) and a number for each missing spin, got shape …")
ODDS = {"true_spins": SPINS, "log_odds": SPINS * 2.0, "missing": MISSING}
of("metrics.log_loss", ODDS, true_spins=SAMPLES, log_odds=ODD, missing=A_MASK)

# ------------------------------------------------------------------------------------------------- ising_book

of("worlds.Training", {}, "precision device stop", **dict.fromkeys(("n_iterations", "n_checkpoints",
    "n_monitor", "n_augmented"), count()), **dict.fromkeys(("n_noise_levels", "n_sampling_steps",
    "batch_size"), count()), learning_rate=Guard("fast", "{} must be a number, got 'fast'", TypeError),
    average=real(np.nan, "[-inf, inf]"))
KNOWN = {"n_spins": count(2), "n_observed": count(2), "seed": count(0), "coupling_scale": UP, "field_scale":
    UP}
HALVES = Guard([1.0], "{} must be finite and in (0.0, 1.0), got 1.0")
of("worlds.KnownTruth", {}, **KNOWN)
of("worlds.Augmentation", {}, "training", **KNOWN)
of("worlds.Firmness", {}, "training", **KNOWN, drawn=choice("equilibrium", "pool"), epsilons=HALVES)
of("worlds.HeldOut", {"n_observed": 10}, "training", **KNOWN, held_out=RATE)
SPLIT = "held_out must leave two samples or more on both sides of the split, got 0.01 of n_observed = 10"
also("worlds.HeldOut", SPLIT, held_out=0.01)
RECORDED = {"n_spins": count(2), "n_observed": count(2), "n_test": count(2), "seed": count(0)}
of("worlds.Retina", {}, "training", **RECORDED)
HIDE = Guard((2, 21), "{} must be from 1 to 20, got 21")
of("worlds.FairRetina", {}, "training", **RECORDED, missing_counts=HIDE, ridge=UP)
also("worlds.FairRetina", "missing_counts must be from 1 to 5, got 6", n_spins=5, missing_counts=[6])
of("worlds.RetinaFirmness", {}, "training", **RECORDED, split_by=choice("bins", "repeats", "frames"),
    first_checkpoint=count(), n_draws=count(2), epsilon=RATE, missing_counts=HIDE)
of("worlds.Rivals", {}, **KNOWN, drawn=choice("equilibrium", "pool"), denoiser=choice("MeanField",
    "LogitMLP"), n_iterations=count(2), n_augmented=count(2), n_sampling_steps=count(1, 1000))
of("worlds.Corrected", {}, **KNOWN, epsilons=HALVES)
of("worlds.Discrete", {}, **KNOWN, cycles=Guard((0,), "{} must be at least 1, got 0"), n_augmented=count(2))
of("worlds.Limits", {}, **KNOWN, n_cycles=count(), n_augmented=count(2), n_iterations=count(2),
    n_sampling_steps=count(1, 1000))
of("worlds.Kinetic", {}, **KNOWN, n_iterations=count(2), n_augmented=count(2),
    n_sampling_steps=count(1, 1000))
of("worlds.RetinaDenoised", {}, **RECORDED, n_iterations=count(2), n_augmented=count(2),
    n_sampling_steps=count(1, 1000), missing_counts=HIDE)
of("worlds.RetinaInTime", {}, n_spins=count(2), n_repeats=count(2), seed=count(0))
FROM = choice("annealer", "neurons")
of("worlds.WholeRecording", {}, recording=FROM, n_spins=count(2), seed=count(0))
of("worlds.Recorded", {}, **RECORDED, recording=FROM, n_iterations=count(2), n_augmented=count(2),
    n_sampling_steps=count(1, 1000))
of("worlds.RecordedAugmentation", {}, "training", **RECORDED, recording=FROM)
of("worlds.stream", {"seed": 3, "name": "truth"}, "name", seed=count(0))
SEEDS = Guard({"seeds": 3}, "seeds must be a list of at least one whole number, got 3; …")
of("worlds.from_parameters", {"kind": worlds.Augmentation, "parameters": {"seeds": [0]}}, "kind changes",
    parameters=SEEDS)
also("worlds.from_parameters", "n_spins must be at least 2, got 1", n_spins=1)
of("worlds.with_seeds", {"world": WORLD, "seeds": [1]}, "world", seeds=SEEDS._replace(bad=3))
also("worlds.with_seeds", "seed must be a whole number, got 'one'", TypeError, seeds=["one"])
NO_WORLD = "config must be one of the worlds, e.g. Augmentation(), got …"
of("worlds.describe", {"world": WORLD}, world=Guard(PLAIN, NO_WORLD, TypeError))
OLDER = Guard({**PLAIN, "version": 1}, "version of 'augmentation' must be 2, got 1")
of("worlds.from_plain", {"plain": PLAIN}, plain=OLDER)
also("worlds.from_plain", "experiment must be one of …, got None", plain={})
also("worlds.from_plain", "Augmentation has no field 'n_spin'", plain={**PLAIN, "n_spin": 3})
also("worlds.from_plain", "Training has no field 'speed'", plain={**PLAIN, "training": {"speed": 1}})
of("runs.run", {"config": WORLD}, "position", config=Guard(3, NO_WORLD, TypeError))
of("runs.find_or_compute", {"configs": [], "jobs": 1}, configs=Guard([3], NO_WORLD, TypeError), jobs=count())
RULE = Guard("<= 1", "{} must be one of '<', '>', got '<='")
of("claims.judge", {"values": {"": [0.5]}, "rule": "< 1"}, "values", rule=RULE)
UNKNOWN = Guard({"statistic": "loss_ris"}, "statistic must be one of …, got 'loss_ris'")
of("claims.measure", {"row": {"statistic": "fires"}, "runs": [], "parameters": {}}, "runs parameters",
    row=UNKNOWN)
NAME = Guard("../fig08", "{} must be one of …, got '../fig08'")
of("execute.source execute.parameters", {"name": "fig02_missing_points"}, name=NAME)
of("execute.plan", {"name": "fig02_missing_points"}, "values", name=NAME)
of("execute.refresh", {}, name=NAME)
MARKED = "a\n% written by `ising-book refresh` from here\n\nb\n\n% to here\nc"
of("execute.claims_on_page", {"page": MARKED}, page=Guard("no marks",
    "the page must hold the lines …, in this order"))
LINE = {"x": [1, 2], "values": [3, 4], "role": "observed"}
of("style.curve", LINE, "ax x values label", role=A_ROLE)
of("style.level", {"values": 3, "role": "observed"}, "ax values label", role=A_ROLE)
PLAYED = {"fig": None, "draw": None, "captions": ["one"], "alt": "a dot"}
of("style.player", PLAYED, "fig draw captions alt seconds",
    name=Guard("3-d", "{} must be an identifier like 'fig03_denoising', got '3-d'"))
# fmt: on
