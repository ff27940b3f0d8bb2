"""Calls that work, and mistakes in them: the table of test_bad_input.py.

In a sentence "…" stands for anything.
"""

import itertools
import re
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.animation
import matplotlib.figure
import numpy as np
import torch

from ising_book import claims, execute, extensions, own_data, own_fit, runs, store, style, worlds
from ising_lib import (
    datasets,
    ddpm,
    denoisers,
    erasure,
    estimators,
    exact,
    imputation,
    ising,
    metrics,
    noise,
    sampling,
    stopping,
)

M, N = 4, 30
RNG = np.random.default_rng(7)
MODEL = ising.gaussian(M, rng=RNG)
WIDE, BIG = (ising.IsingModel(np.zeros(m), np.zeros((m, m))) for m in (14, 21))
SPINS = exact.sample(MODEL, N, rng=RNG)
MISSING = np.zeros((N, M), dtype=bool)
MISSING[:, 1] = True
HIDDEN = np.where(MISSING, 0, SPINS)
CONSTANT = np.where(np.arange(M) == 2, -1, SPINS)
TWINS = SPINS[:, [0, 1, 2, 0]]
LAW = np.full(4, 0.25)
SCHEDULE = ddpm.NoiseSchedule.linear(20)
WIDTHS = {"n_dim": 4, "n_hidden1": 6, "n_hidden2": 8}
NETWORK = denoisers.ResidualMLP(M, 20, rng=RNG, **WIDTHS)
FIELD = denoisers.MeanField(M, 20)
TRAINING = worlds.Training(
    n_iterations=2, n_checkpoints=1, n_monitor=20, n_augmented=20, n_noise_levels=20, n_sampling_steps=3
)
CONFIG = worlds.Augmentation(n_spins=M, n_observed=N, training=TRAINING)


class Case(NamedTuple):
    """A call that works, what is changed in it, and how it is then refused."""

    function: Any
    valid: dict
    change: dict
    error: type
    sentence: str


def of(function, valid, *rows):
    """Rows of one function: (change, error, sentence), or (change, sentence) of a ValueError; or lists."""
    flat = itertools.chain.from_iterable(row if isinstance(row, list) else [row] for row in rows)
    full = [row if len(row) == 3 else (row[0], ValueError, row[1]) for row in flat]
    return [Case(function, valid, *row) for row in full]


def says(sentence):
    """A pattern for the whole of a sentence with holes."""
    return "^" + re.escape(sentence).replace("…", ".*") + "$"


# ---------------------------------------------------------------------------- mistakes that many calls share


def spins_(name="spins", columns=True, missing=False):
    """What is no array of spins: shape, size, kind, values; and the wrong number of columns."""
    what = "-1, 0 (missing) or +1" if missing else "-1 or +1"
    form = f"{name} must be a non-empty array of shape (N samples, M spins), got shape "
    values = {"got 0.5": 0.5, "got 2": 2, "got nan": np.nan, "got -inf": -np.inf}
    values |= {} if missing else {"got 0": 0}
    rows = [
        ({name: SPINS[0]}, f"{form}(4,)"),
        ({name: SPINS[None]}, f"{form}(1, 30, 4)"),
        ({name: SPINS[:0]}, f"{form}(0, 4)"),
        ({name: SPINS[:, :0]}, f"{form}(30, 0)"),
        ({name: None}, f"{form}()"),
        ({name: SPINS.astype(str)}, TypeError, f"{name} must be numeric, got dtype <U4"),
        ({name: SPINS.astype(complex)}, TypeError, f"{name} must be numeric, got dtype complex128"),
        ({name: [[1, -1, 1, 1], [1]]}, f"{name} must be an array, whose rows have one length: …"),
    ]
    for said, value in values.items():
        changed = SPINS.astype(float)
        changed[3, 1] = value
        rows.append(({name: changed}, f"{name} must hold only {what}, {said}… at [3, 1]"))
    if columns:
        rows.append(({name: SPINS[:, :3]}, f"{name} must have 4 columns, one per spin, got 3"))
    return rows


def count_(name, minimum=1, maximum=None, label=None):
    """What is no whole number of a range."""
    label, allowed = label or name, f"from {minimum} to {maximum}" if maximum else f"at least {minimum}"
    rows = [
        ({name: minimum - 1}, f"{label} must be {allowed}, got {minimum - 1}"),
        ({name: -7}, f"{label} must be {allowed}, got -7"),
        ({name: 2.5}, TypeError, f"{label} must be a whole number, got 2.5"),
        ({name: "5"}, TypeError, f"{label} must be a whole number, got '5'"),
        ({name: True}, TypeError, f"{label} must be a whole number, got True"),
    ]
    if maximum:
        rows.append(({name: maximum + 1}, f"{label} must be {allowed}, got {maximum + 1}"))
    return rows


def real_(name, outside, allowed, or_text=False):
    """What is no number of a range; ``allowed`` is the range as the sentence has it."""
    rows = [
        ({name: value}, f"{name} must be finite and in {allowed}, got {value}")
        for value in (*outside, np.nan, np.inf)
    ]
    if or_text:  # some text has a meaning
        return rows
    return [*rows, ({name: "much"}, TypeError, f"{name} must be a number, got 'much'")]


def rng_(optional=False):
    """What is no explicit randomness."""
    sentence = "rng must be a numpy.random.Generator, e.g. numpy.random.default_rng(0), got "
    wrong = [0, np.random.RandomState(0), *[None] * (not optional)]
    return [({"rng": value}, TypeError, f"{sentence}…") for value in wrong]


def model_(name="model"):
    """What is no model, for instance the fit that has one, or the parameters alone."""
    fit = estimators.Estimate(MODEL)
    sentence = f"{name} must be of the kind IsingModel, got "
    wrong = {"Estimate": fit, "ndarray": MODEL.to_vector(), "NoneType": None}
    return [({name: value}, TypeError, sentence + kind) for kind, value in wrong.items()]


def mask_(name="missing"):
    """What marks no spins."""
    sentence = f"{name} must be boolean and of shape (30, 4), got "
    return [
        ({name: MISSING.astype(int)}, f"{sentence}int64, (30, 4)"),
        ({name: MISSING[:, :3]}, f"{sentence}bool, (30, 3)"),
        ({name: None}, f"{sentence}object, ()"),
    ]


def choice_(name, *allowed, kinds=("nonsense", None, 7.5)):
    """What is none of several names."""
    listed = ", ".join(map(repr, allowed))
    return [
        ({name: value}, f"{name} must be one of {listed}, got {value!r}")
        for value in kinds
        if value not in allowed
    ]


def role_(kinds=("nonsense", None)):
    return choice_("role", *style.COLOURS, kinds=kinds)


def device_():
    here = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
    return choice_("device", *here, kinds=("gpu", "cuda", "mps", None))


def network_():
    """What is no network, and no schedule that it was made for."""
    return [
        ({"denoiser": "ResidualMLP"}, TypeError, "denoiser must be of the kind Module, got str"),
        ({"schedule": 20}, TypeError, "schedule must be of the kind NoiseSchedule, got int"),
        (
            {"schedule": ddpm.NoiseSchedule.linear(30)},
            ValueError,
            "schedule must have at most the denoiser's 20 steps, got 30",
        ),
        (
            {"denoiser": FIELD, "schedule": ddpm.NoiseSchedule.cosine(20)},
            ValueError,
            "schedule must be NoiseSchedule.linear(20), which the denoiser was made for, got another one of "
            "20 steps",
        ),
    ]


def array_(name, *, low=None, high=None, shape=None):
    """What is no array of numbers of a range."""
    within = "" if low is None and high is None else f" and in [{low}, {high}]"
    size = shape or (4,)
    rows = [
        ({name: np.full(size, np.inf)}, f"{name} must be finite{within}, got inf"),
        ({name: np.full(size, "x")}, TypeError, f"{name} must hold numbers, got dtype <U1"),
    ]
    if low is not None:
        rows.append(({name: np.full(size, low - 1.5)}, f"{name} must be finite{within}, got …"))
    if shape:
        rows.append(({name: np.ones(9)}, f"{name} must have shape {shape}, got (9,)"))
    return rows


def axes():
    return mpl.figure.Figure().add_subplot()


DRAWN = {"model": MODEL, "n_samples": 10, "rng": RNG, "n_chains": 256, "burn_in": 50, "thin": 50}
TRAIN = {"denoiser": NETWORK, "schedule": SCHEDULE, "spins": SPINS, "n_iterations": 1, "rng": RNG}
TRAIN |= {"precision": "float32", "batch_size": 8}
SCORED = {"denoiser": NETWORK, "schedule": SCHEDULE, "spins": SPINS, "rng": RNG}
SAMPLED = {"denoiser": NETWORK, "schedule": SCHEDULE, "n_samples": 3, "rng": RNG, "n_steps": 3}
SAMPLED |= {"precision": "float32"}
CURVE = {"iterations": [1, 2, 3], "variance": [3.0, 2.0, 1.0], "test_line": 1.5, "observed_line": 0.5}
HISTOGRAM = np.array([[2, 1, 0, 0], [1, 0, 0, 3]])
STATES = np.zeros((3, 2, 4))
CLAIM = {
    "claim": 1,
    "title": "t",
    "thesis": "s",
    "rows": [{"measured": "MSE", "figure": "fig08_x", "rule": "< 1", "reading": {"holds": "yes"}}],
}
RUN = store.Run({"n_spins": M, "seed": 0}, {"test_loss": np.array([2.0, 1.0])}, {})
PLAIN = worlds.describe(CONFIG)

CALLS = [
    # -------------------------------------------------------------------------------------------- ising
    *of(
        ising.IsingModel,
        {"fields": MODEL.fields, "couplings": MODEL.couplings},
        ({"fields": []}, "fields must have shape (M,) with M ≥ 1, got (0,)"),
        ({"fields": np.zeros((2, 2))}, "fields must have shape (M,) with M ≥ 1, got (2, 2)"),
        ({"fields": [0, 0, np.nan, 0]}, "fields must be finite, got nan"),
        ({"fields": list("abcd")}, TypeError, "fields must hold numbers, got dtype <U1"),
        ({"fields": None}, TypeError, "fields must hold numbers, got dtype object"),
        ({"couplings": np.zeros((3, 3))}, "couplings must have shape (4, 4), got (3, 3)"),
        ({"couplings": [[0, 1], [0]]}, "couplings must be an array, whose rows have one length: …"),
        ({"couplings": np.full((4, 4), np.inf)}, "couplings must be finite, got inf"),
        ({"couplings": np.triu(np.ones((4, 4)), 1)}, "couplings must be symmetric: J_ij = J_ji"),
        ({"couplings": np.eye(4)}, "couplings must have a zero diagonal: σ_i² = 1 carries no information"),
    ),
    *of(
        MODEL.at,
        {"inverse_temperature": 0.5},
        ({"inverse_temperature": np.nan}, "inverse_temperature must be finite and in …, got nan"),
        ({"inverse_temperature": "hot"}, TypeError, "inverse_temperature must be a number, got 'hot'"),
    ),
    *of(
        ising.IsingModel.from_vector,
        {"vector": MODEL.to_vector(), "n_spins": M},
        ({"vector": np.zeros(9)}, "vector must have shape (10,) for 4 spins, got (9,)"),
        ({"vector": np.zeros((10, 1))}, "vector must have shape (10,) for 4 spins, got (10, 1)"),
        ({"vector": [np.nan] * 10}, "vector must be finite, got nan"),
        count_("n_spins"),
    ),
    *of(
        ising.gaussian,
        {"n_spins": 3, "coupling_scale": 1.0, "field_scale": 1.0, "rng": RNG},
        count_("n_spins"),
        real_("coupling_scale", [-1.0], "[0.0, inf]"),
        real_("field_scale", [-0.1], "[0.0, inf]"),
        rng_(),
    ),
    *of(ising.energy, {"model": MODEL, "spins": SPINS}, spins_(), model_()),
    # -------------------------------------------------------------------------------------------- exact
    *of(exact.configurations, {"n_spins": 3}, count_("n_spins", maximum=20)),
    *of(
        exact.index,
        {"spins": SPINS},
        spins_(columns=False),
        ({"spins": np.ones((2, 21))}, "number of spins must be from 1 to 20, got 21"),
    ),
    *(
        case
        for function in (exact.log_partition, exact.probabilities, exact.moments)
        for case in of(
            function, {"model": MODEL}, model_(), ({"model": BIG}, "n_spins must be from 1 to 20, got 21")
        )
    ),
    *of(
        exact.sample,
        {"model": MODEL, "n_samples": 5, "rng": RNG},
        model_(),
        ({"model": BIG}, "n_spins must be from 1 to 20, got 21"),
        count_("n_samples"),
        rng_(),
    ),
    # ----------------------------------------------------------------------------------------- sampling
    *of(
        sampling.sample,
        {**DRAWN, "max_overlap": 0.5, "n_temperatures": 2},
        model_(),
        count_("n_samples"),
        count_("n_chains", minimum=256),
        count_("burn_in"),
        count_("thin"),
        count_("n_temperatures"),
        real_("hottest", [0.0, 1.0, -1], "(0.0, 1.0)"),
        real_("max_overlap", [0.0, 1.0], "(0.0, 1.0)"),
        rng_(),
        (
            {
                "model": ising.IsingModel(np.zeros(M), 9 * (1 - np.eye(M))),
                "n_temperatures": 1,
                "max_overlap": 0.05,
            },
            sampling.NotMixed,
            "the chains are not mixed: 50 sweeps after a burn-in of 50 they still hold … (allowed 0.05); …",
        ),
    ),
    *of(
        sampling.resample_pool,
        {"model": MODEL, "n_samples": 5, "pool_factor": 3, "rng": RNG},
        model_(),
        count_("n_samples"),
        count_("pool_factor"),
        rng_(),
    ),
    *of(
        sampling.memory,
        {"before": SPINS, "after": -SPINS},
        spins_("before", columns=False),
        ({"after": SPINS[:5]}, "after must have shape (30, 4), got (5, 4)"),
        ({"after": 2 * SPINS}, "after must be finite and in [-1, 1], got …"),
        ({"before": SPINS[:1], "after": SPINS[:1]}, "number of chains must be at least 2, got 1"),
    ),
    # -------------------------------------------------------------------------------------------- noise
    *of(
        noise.NoiseSchedule,
        {"betas": [0.1, 0.2]},
        *(
            ({"betas": wrong}, "betas must be a vector of numbers strictly between 0 and 1")
            for wrong in ([], [0.0, 0.1], [0.1, 1.0], [[0.1]], [0.1, np.nan], -0.1)
        ),
        ({"betas": "linear"}, TypeError, "betas must hold numbers, got dtype <U6"),
    ),
    *of(
        noise.NoiseSchedule.linear,
        {"n_steps": 5, "last": 0.02},
        count_("n_steps"),
        ({"last": 1.5}, "betas must be a vector of numbers strictly between 0 and 1"),
    ),
    *of(noise.NoiseSchedule.cosine, {"n_steps": 5}, count_("n_steps")),
    *of(SCHEDULE.subsequence, {"n_steps": 5}, count_("n_steps", maximum=20)),
    *of(
        noise.add_noise,
        {
            "schedule": SCHEDULE,
            "clean": torch.ones(2, 3),
            "t": torch.tensor([1, 20]),
            "noise": torch.ones(2, 3),
        },
        ({"t": torch.tensor([0, 5])}, "t must hold steps from 1 to 20, got 0 to 5"),
        ({"t": torch.tensor([3, 21])}, "t must hold steps from 1 to 20, got 3 to 21"),
    ),
    # ---------------------------------------------------------------------------------------- denoisers
    *of(
        denoisers.ResidualMLP,
        {"n_spins": 3, "n_steps": 10, "rng": RNG, **WIDTHS},
        count_("n_spins"),
        count_("n_steps", minimum=4),
        *(count_(name) for name in WIDTHS),
        rng_(),
    ),
    *of(
        denoisers.MeanField,
        {"n_spins": 3, "n_steps": 10, "n_layers": 1},
        count_("n_spins"),
        count_("n_steps", minimum=4),
        count_("n_layers"),
    ),
    *of(
        denoisers.LogitMLP,
        {"n_spins": 3, "n_steps": 10, "n_hidden": 4, "rng": RNG},
        count_("n_spins"),
        count_("n_steps", minimum=4),
        count_("n_hidden"),
        rng_(),
    ),
    *of(
        denoisers.sinusoidal_embedding,
        {"n_steps": 5, "width": 6},
        count_("n_steps"),
        count_("width", minimum=4),
    ),
    *of(denoisers.torch_generator, {"rng": RNG}, rng_()),
    # --------------------------------------------------------------------------------------------- ddpm
    *of(
        ddpm.train,
        TRAIN,
        spins_(),
        network_(),
        count_("n_iterations"),
        count_("batch_size"),
        real_("learning_rate", [0.0, 1.0], "(0.0, 1.0)"),
        real_("average", [-0.1, 1.5], "[0.0, 1.0]"),
        ({"average": 1.0}, "average must be in [0, 1), got 1.0"),
        choice_("precision", "auto", "bfloat16", "float32", kinds=("float16", None)),
        (
            {"denoiser": FIELD, "precision": "bfloat16"},
            "precision must be float32 or auto for a MeanField, got bfloat16",
        ),
        device_(),
        rng_(),
        (
            {"resume": "gone.safetensors"},
            FileNotFoundError,
            "resume must name a checkpoint, got 'gone.safetensors': no such file",
        ),
    ),
    *of(
        ddpm.denoising_loss,
        {**SCORED, "n_draws": 1, "precision": "float32"},
        spins_(),
        network_(),
        count_("n_draws"),
        choice_("precision", "auto", "bfloat16", "float32", kinds=("half",)),
        device_(),
        rng_(),
    ),
    *of(ddpm.own_loss, {**SCORED, "n_draws": 1}, spins_(), network_(), count_("n_draws"), rng_()),
    *of(
        ddpm.sample,
        SAMPLED,
        network_(),
        count_("n_samples"),
        count_("n_steps", maximum=20),
        count_("batch_size"),
        choice_("order", 1, 2, kinds=(0, 3, "second")),
        choice_("precision", "auto", "bfloat16", "float32", kinds=("double",)),
        device_(),
        rng_(),
    ),
    *of(
        ddpm.trajectory,
        SAMPLED,
        network_(),
        count_("n_samples"),
        count_("n_steps", maximum=20),
        choice_("order", 1, 2, kinds=(0, None)),
        device_(),
        rng_(),
    ),
    *of(
        ddpm.to_spins,
        {"x": [[0.3, -2.0]]},
        ({"x": [[0.3, np.nan]]}, "x must hold numbers, got NaN"),
        ({"x": [["up"]]}, "x must hold numbers, got <U2"),
    ),
    *of(
        ddpm.resolve_precision,
        {"precision": "float32"},
        choice_("precision", "auto", "bfloat16", "float32", kinds=("half", None, 16)),
        device_(),
    ),
    # ------------------------------------------------------------------------------------------ erasure
    *of(
        erasure.fit,
        {"spins": SPINS, "epsilon": 0.5, "weights": np.ones(N)},
        spins_(columns=False),
        real_("epsilon", [0.0, 1.0, -0.5], "(0.0, 1.0)", or_text=True),
        choice_("epsilon", "auto", kinds=("best",)),
        ({"epsilon": None}, TypeError, "epsilon must be a number, got None"),
        choice_("moments", "linear", "tap", kinds=("cubic", None)),
        choice_("solver", "convex", "published", kinds=("newton", "anderson")),
        (
            {"moments": "tap", "solver": "convex"},
            "solver must be one of 'anderson', 'published', got 'convex'",
        ),
        real_("tolerance", [0.0], "(0.0, 1.0)"),
        real_("learning_rate", [1.0], "(0.0, 1.0)"),
        count_("max_iterations"),
        array_("weights", low=0.0, high=np.inf, shape=(N,)),
        ({"weights": np.zeros(N)}, "weights must not all be zero"),
        (
            {"max_iterations": 1},
            erasure.NotConverged,
            "the Erasure Machine did not converge at epsilon = 0.500: residual … after 1 iterations (allowed "
            "1e-06); …",
        ),
        (
            {"moments": "tap", "spins": CONSTANT},
            erasure.NotConverged,
            "the Erasure Machine with moments 'tap' has no answer at epsilon = 0.500: moments must have "
            "positive definite correlations, got …",
        ),
    ),
    *of(
        erasure.tap_parameters,
        {"moments": np.zeros(10), "n_spins": M},
        ({"moments": np.zeros(9)}, "vector must have shape (10,) for 4 spins, got (9,)"),
        *(
            ({"moments": wrong}, "moments must have positive definite correlations, got an eigenvalue of …")
            for wrong in (np.ones(10), np.full(10, np.nan))
        ),
        count_("n_spins"),
    ),
    # --------------------------------------------------------------------------------------- estimators
    *of(
        estimators.pseudolikelihood,
        {"spins": SPINS, "ridge": 0.1, "rng": RNG},
        spins_(columns=False),
        real_("ridge", [-0.1], "[0.0, inf]", or_text=True),
        choice_("ridge", "auto", kinds=("best",)),
        ({"ridge": None}, TypeError, "ridge must be a number, got None"),
        ({"ridge": "auto", "rng": 3}, TypeError, "rng must be a numpy.random.Generator, …"),
        ({"spins": SPINS[:1]}, "spins must vary, but spin 0 is … in all 1 samples: …"),
        ({"spins": CONSTANT}, "spins must vary, but spin 2 is -1 in all 30 samples: … leave it out"),
        (
            {"spins": [[1, -1], [-1, 1]], "ridge": "auto"},
            "spins must be at least 3 samples for ridge='auto', got 2",
        ),
        ({"spins": TWINS, "ridge": 0.0}, erasure.NotConverged, "spin 0 is a function of the others …"),
    ),
    *of(
        estimators.log_rise,
        {"spins": SPINS, "ridge": 0.1},
        spins_(columns=False),
        real_("ridge", [-1.0], "[0.0, inf]", or_text=True),
        choice_("ridge", "auto", kinds=("best",)),
        ({"spins": CONSTANT}, "spins must vary, but spin 2 is -1 in all 30 samples: …"),
    ),
    *(
        case
        for function in (estimators.mean_field, estimators.tap)
        for case in of(
            function,
            {"spins": exact.configurations(3)},
            spins_(columns=False),
            ({"spins": CONSTANT}, "spins must vary, but spin 2 is -1 in all 30 samples: …"),
            ({"spins": TWINS}, "spins must have invertible correlations, got 30 samples of 4 spins"),
        )
    ),
    *of(
        estimators.maximum_likelihood,
        {"spins": exact.configurations(3)},
        spins_(columns=False),
        ({"spins": CONSTANT}, "spins must vary, but spin 2 is -1 in all 30 samples: …"),
        ({"spins": np.tile([[1], [-1]], 21)}, "number of spins must be from 1 to 20, got 21"),
    ),
    *of(
        estimators.cramer_rao,
        {"model": MODEL, "n_samples": 9, "n_draws": 300},
        model_(),
        count_("n_samples"),
        rng_(optional=True),
        ({"model": WIDE}, "number of spins (without rng) must be from 1 to 13, got 14"),
        ({"rng": RNG, "n_draws": 10}, "n_draws must be at least 11, got 10"),
    ),
    # ----------------------------------------------------------------------------------------- stopping
    *of(stopping.energy_variance, {"spins": SPINS, "model": MODEL}, spins_(), model_()),
    *of(
        stopping.crossing,
        CURVE,
        *(
            (
                {"iterations": x, "variance": y},
                "iterations and variance must be vectors of one length, got shapes …",
            )
            for x, y in (([1, 2, 3], [1.0, 2.0]), ([], []), ([[1, 2]], [[1.0, 2.0]]))
        ),
        *(
            ({"iterations": wrong}, "iterations must be positive and rising")
            for wrong in ([1, 1, 2], [3, 2, 1], [0, 1, 2], [-2, -1, 1])
        ),
        ({"variance": [3, np.nan, 1]}, "variance must be finite, got nan"),
        ({"variance": list("abc")}, TypeError, "variance must hold numbers, got dtype <U1"),
        real_("test_line", [], "[-inf, inf]"),
        real_("observed_line", [], "[-inf, inf]"),
    ),
    *of(
        stopping.choices,
        {"course": {**CURVE, "test_loss": [2.0, 1.0, 1.5]}, "errors": [3.0, 2.0, 1.0]},
        ({"errors": [1.0]}, "errors must have shape (3,), got (1,)"),
        ({"course": {**CURVE, "test_loss": [np.nan] * 3}}, "test_loss must be finite, got nan"),
        ({"until": 0}, "until must be at least 1, the first checkpoint, got 0"),
    ),
    # --------------------------------------------------------------------------------------- imputation
    *of(
        imputation.impute,
        {"model": MODEL, "spins": HIDDEN},
        model_(),
        spins_(missing=True),
        choice_("rule", "argmax", "marginal", kinds=("mean", None)),
        *(
            (
                {"model": BIG, "spins": np.zeros((1, 21)), "rule": rule},
                "rng is needed because a sample misses 21 spins, more than the 20 that are enumerated; pass "
                "numpy.random.default_rng(seed)",
            )
            for rule in ("argmax", "marginal")
        ),
        ({"model": BIG, "spins": np.zeros((1, 21)), "rng": 5}, TypeError, "rng must be a numpy…"),
    ),
    *(
        case
        for function in (imputation.probability_up, imputation.log_odds)
        for case in of(
            function,
            {"model": MODEL, "spins": HIDDEN},
            model_(),
            spins_(missing=True),
            ({"model": BIG, "spins": np.zeros((1, 21))}, "rng is needed because …"),
        )
    ),
    *of(
        imputation.random_mask,
        {"shape": (3, 5), "n_missing": 2, "rng": RNG},
        count_("n_missing", maximum=5),
        rng_(),
        ({"shape": (0, 5)}, "shape must be at least 1, got 0"),
        ({"shape": (3, 5.0)}, TypeError, "shape must be a whole number, got 5.0"),
    ),
    *of(
        imputation.recover,
        {"models": {"one": MODEL}, "spins": SPINS, "missing": MISSING},
        spins_(columns=False),
        mask_(),
        choice_("rule", "argmax", "marginal", kinds=("mode",)),
        ({"models": {"one": BIG}}, "spins must have 21 columns, one per spin, got 4"),
        ({"models": {"one": 3}}, TypeError, "model must be of the kind IsingModel, got int"),
    ),
    *of(
        imputation.independent_model,
        {"spins": SPINS},
        spins_(columns=False),
        ({"spins": CONSTANT}, "spins must each take both values, spin 2 never changes"),
        ({"spins": SPINS[:1]}, "spins must each take both values, spin 0 never changes"),
    ),
    # ----------------------------------------------------------------------------------------- datasets
    *of(
        datasets.most_active_spins,
        {"recording": np.eye(4)[:, None].repeat(2, 1), "n_neurons": 2},
        ({"recording": np.zeros((3, 4))}, "recording must have shape …, got (3, 4)"),
        ({"recording": np.zeros((0, 4, 3))}, "recording must have shape …, got (0, 4, 3)"),
        ({"recording": np.full((2, 4, 3), 2)}, "recording must hold only 0 and 1, got 2"),
        ({"recording": np.full((2, 4, 3), np.nan)}, "recording must hold only 0 and 1, got nan"),
        count_("n_neurons", maximum=2),
    ),
    *of(
        datasets.split,
        {"spins": SPINS, "n_training": 20, "n_test": 10, "rng": RNG},
        spins_(columns=False),
        count_("n_training", maximum=29),
        count_("n_test", maximum=10),
        rng_(),
    ),
    # ------------------------------------------------------------------------------------------ metrics
    *(
        case
        for function in (metrics.thesis_mse, metrics.parameter_mse)
        for case in of(
            function,
            {"model": MODEL, "truth": MODEL},
            model_(),
            model_("truth"),
            ({"model": BIG}, "model must have 4 spins like truth, got 21"),
        )
    ),
    *of(
        metrics.recovery,
        {"true_spins": SPINS, "filled_spins": SPINS, "missing": MISSING},
        spins_("true_spins", columns=False),
        spins_("filled_spins"),
        mask_(),
        ({"filled_spins": SPINS[:5]}, "filled_spins must have the shape (30, 4) of true_spins, got (5, 4)"),
        ({"missing": np.zeros((N, M), dtype=bool)}, "missing must mark at least one spin"),
    ),
    *of(
        metrics.confusion,
        {"true_spins": SPINS, "filled_spins": SPINS, "missing": MISSING},
        mask_(),
        ({"filled_spins": SPINS[:5]}, "filled_spins must have the shape (30, 4) of true_spins, got (5, 4)"),
    ),
    *of(
        metrics.rates,
        {"found": 1, "missed": 2, "invented": 3, "silent": 4},
        *(array_(name, low=0, high=np.inf) for name in ("found", "missed", "invented", "silent")),
    ),
    *of(
        metrics.nearest_distance,
        {"spins": SPINS, "reference": SPINS},
        spins_(),
        spins_("reference", columns=False),
    ),
    *of(metrics.spread, {"values": [1, np.nan]}, array_("values")),
    *of(
        metrics.agreement,
        {"truth": MODEL.to_vector(), "inferred": 2 * MODEL.to_vector()},
        array_("truth"),
        array_("inferred"),
        (
            {"inferred": np.arange(9.0)},
            "truth and inferred must have shapes (L,) and (…, L), got (10,) and (9,)",
        ),
        ({"truth": np.ones(10)}, "truth must not be all equal: no line goes through one point"),
        ({"inferred": np.ones(10)}, "inferred must not be all equal: no line goes …"),
    ),
    *of(metrics.log_pseudolikelihood, {"model": MODEL, "spins": SPINS}, model_(), spins_()),
    *of(
        metrics.accuracy_gain,
        {"true_spins": SPINS, "filled_spins": SPINS, "other_spins": -SPINS, "missing": MISSING},
        mask_(),
        (
            {"other_spins": SPINS[:, :2]},
            "filled_spins must have the shape (30, 4) of true_spins, got (30, 2)",
        ),
        ({"missing": np.zeros((N, M), dtype=bool)}, "missing must mark spins of at least 2 samples, got 0"),
    ),
    *of(metrics.independent_counts, {"rates": [0.1, 0.9]}, array_("rates", low=0, high=1)),
    *of(
        metrics.held_out,
        {"parameters": MODEL.to_vector()[None], "spins": SPINS, "missing": MISSING},
        mask_(),
        ({"parameters": np.zeros((1, 7))}, "vector must have shape (10,) for 4 spins, got (7,)"),
        ({"parameters": np.full((1, 10), np.nan)}, "vector must be finite, got nan"),
    ),
    *of(
        metrics.compare,
        {"filled": {"a": SPINS, "b": -SPINS}, "spins": SPINS, "scored": MISSING},
        ({"filled": {"a": SPINS, "b": HIDDEN}}, "filled_spins must hold only -1 or +1, got 0 at [0, 1]"),
        ({"scored": MISSING[:, :3]}, "missing must be boolean and of shape (30, 4), got bool, (30, 3)"),
    ),
    *of(
        metrics.frequencies,
        {"spins": SPINS},
        spins_(columns=False),
        ({"spins": np.ones((2, 21))}, "number of spins must be from 1 to 20, got 21"),
    ),
    *of(
        metrics.total_variation,
        {"p": LAW, "q": LAW},
        array_("p", low=0, high=1),
        array_("q", low=0, high=1),
        ({"q": np.full(8, 0.125)}, "q must be a law of (4,) configurations like p, got shape (8,)"),
    ),
    *of(
        metrics.divergence,
        {"p": LAW, "q": LAW},
        array_("p", low=0, high=1),
        array_("q", low=0, high=1, shape=(4,)),
    ),
    *of(
        metrics.standard_scores,
        {"few": np.ones((2, 3)), "many": np.arange(20.0).reshape(2, 10)},
        array_("few"),
        array_("many"),
        *(
            (change, "few and many must have shapes (K, n) and (K, N), got …")
            for change in ({"few": np.ones((3, 3))}, {"few": np.ones(3)}, {"many": np.ones((2, 1))})
        ),
    ),
    *of(metrics.noised_spin, {"kept": [0.0, 0.5, 1.0]}, array_("kept", low=0, high=1)),
    *of(
        metrics.flipped,
        {"law": LAW, "rate": 0.1},
        array_("law", low=0, high=1),
        real_("rate", [-0.1, 1.1], "[0, 1]"),
        ({"law": np.full(5, 0.2)}, "law must have shape (2^M,), got (5,)"),
        ({"law": np.full((2, 2), 0.25)}, "law must have shape (2^M,), got (2, 2)"),
    ),
    *of(
        metrics.smoothed,
        {"spins": SPINS},
        spins_(columns=False),
        ({"spins": SPINS[:1]}, "number of samples must be at least 2, got 1"),
    ),
    *(
        case
        for function, more in ((metrics.log_loss, {}), (metrics.odds_histogram, {"edges": [-1, 0, 1]}))
        for case in of(
            function,
            {"true_spins": SPINS, "log_odds": SPINS * 2.0, "missing": MISSING, **more},
            spins_("true_spins", columns=False)[:3],
            mask_(),
            *(
                (
                    {"log_odds": wrong},
                    "log_odds must have shape (30, 4) and a number for each missing spin, got shape …",
                )
                for wrong in (np.ones((30, 3)), np.full((N, M), np.nan))
            ),
        )
    ),
    *of(
        metrics.ranking,
        {"histogram": HISTOGRAM},
        array_("histogram", low=0, high=np.inf),
        ({"histogram": np.ones((3, 4))}, "histogram must have shape (…, 2, B), got (3, 4)"),
        ({"histogram": np.ones(4)}, "histogram must have shape (…, 2, B), got (4,)"),
    ),
    *of(
        metrics.calibration,
        {"histogram": HISTOGRAM, "edges": [-2, -1, 0, 1, 2], "n_merged": 2},
        array_("histogram", low=0, high=np.inf, shape=(2, 4)),
        count_("n_merged"),
        ({"n_merged": 3}, "n_merged must divide the number of bins, 4, got 3"),
        ({"edges": [-2, -1, 0, 1, np.nan]}, "edges must be finite, got nan"),
    ),
    *of(
        metrics.interval,
        {"score": lambda a, b: a / b, "counts": [[1, 2, 3], [4, 5, 6]], "rng": RNG, "n_resamples": 20},
        rng_(),
        count_("n_resamples"),
        ({"counts": [1, 2, 3]}, "counts must have shape (C, N) with N ≥ 2, got (3,)"),
        ({"counts": [[1], [2]]}, "counts must have shape (C, N) with N ≥ 2, got (2, 1)"),
        ({"others": [[1, 2], [3, 4]]}, "others must have shape (2, 3), got (2, 2)"),
    ),
    *of(
        metrics.intervals,
        {"score": lambda a, b: a / b, "pairs": [([[1, 2, 3], [4, 5, 6]],)], "rngs": [RNG]},
        ({"rngs": []}, "zip() argument 2 is shorter than argument 1"),
        ({"rngs": [3]}, TypeError, "rng must be a numpy.random.Generator, …"),
    ),
    *of(
        metrics.regret,
        {"errors": [1.0, 2.0], "scores": [0.5, np.nan]},
        ({"scores": [0.5]}, "scores must have shape (2,), got (1,)"),
        ({"scores": [np.nan] * 2}, "scores must hold a number in each row: …"),
        ({"errors": [-1.0, 2.0]}, "errors must be finite and in [0, inf], got -1.0"),
    ),
    *of(
        metrics.erasure_errors,
        {"truth": MODEL, "epsilons": [0.5]},
        model_("truth"),
        array_("epsilons", low=0, high=1),
        ({"truth": BIG}, "n_spins must be from 1 to 20, got 21"),
    ),
    # ----------------------------------------------------------------------------------------- plotting
    *(
        case
        for function, valid in (
            (style.curve, {"x": [1, 2], "values": [3, 4]}),
            (style.level, {"values": 3}),
            (style.fan, {"x": [1, 2], "rows": [[3, 4]], "labels": ["a"]}),
            (style.histograms, {"edges": [0, 1], "shares": [[[1.0]]], "labels": ["a"]}),
            (style.by_seed, {"x": [1, 2], "gains": np.ones((1, 2, 2)), "seeds": [0]}),
            (style.calibration, {"said": [0.5], "happened": [0.5], "low": [0.4], "high": [0.6]}),
            (style.law, {"truth": LAW, "found": LAW, "observed": LAW > 0, "floor": 0.01}),
            (
                style.fields_and_couplings,
                {"truth": MODEL.to_vector(), "inferred": 2 * MODEL.to_vector(), "n_spins": M, "limit": 1.0},
            ),
        )
        for case in of(function, {"ax": axes(), "role": "observed", **valid}, role_())
    ),
    *of(
        style.seeds_by_row,
        {"ax": axes(), "values": [[1, 2]], "labels": ["a"], "roles": ["truth"]},
        (
            {"roles": ["nobody"]},
            f"role must be one of {', '.join(map(repr, style.COLOURS))}, got 'nobody'",
        ),
    ),
    *of(
        style.player,
        {
            "animation": matplotlib.animation.FuncAnimation(
                mpl.figure.Figure(figsize=(1, 1)), lambda _: [], frames=1, blit=False
            ),
            "name": "fig99",
        },
        ({"name": "3-d"}, "name must be an identifier like 'fig03_denoising', got '3-d'"),
        ({"name": ""}, "name must be an identifier like 'fig03_denoising', got ''"),
    ),
    # -------------------------------------------------------------------------------------- experiments
    *of(
        worlds.Training,
        {},
        *(
            count_(name)
            for name in (
                "n_iterations",
                "n_checkpoints",
                "n_monitor",
                "n_augmented",
                "n_noise_levels",
                "n_sampling_steps",
                "batch_size",
            )
        ),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, got 'fast'"),
        ({"average": np.nan}, "average must be finite and in …, got nan"),
    ),
    *(
        case
        for kind in (worlds.KnownTruth, worlds.Augmentation)
        for case in of(
            kind,
            {},
            count_("n_spins", minimum=2),
            count_("n_observed", minimum=2),
            count_("seed", minimum=0),
            real_("coupling_scale", [-1.0], "[0.0, inf]"),
            real_("field_scale", [-1.0], "[0.0, inf]"),
        )
    ),
    *of(
        worlds.Retina,
        {},
        count_("n_spins", minimum=2),
        count_("n_observed", minimum=2),
        count_("n_test", minimum=2),
        count_("seed", minimum=0),
    ),
    *of(
        worlds.FairRetina,
        {},
        ({"missing_counts": (2, 21)}, "missing_counts must be from 1 to 20, got 21"),
        ({"missing_counts": [0]}, "missing_counts must be from 1 to 20, got 0"),
        ({"n_spins": 5, "missing_counts": [6]}, "missing_counts must be from 1 to 5, got 6"),
        real_("ridge", [-1.0], "[0.0, inf]"),
    ),
    *of(
        worlds.Rivals,
        {},
        choice_("drawn", "equilibrium", "pool"),
        choice_("denoiser", "MeanField", "LogitMLP"),
        count_("n_iterations", minimum=2),
        count_("n_augmented", minimum=2),
        count_("n_sampling_steps", maximum=1000),
    ),
    *of(
        worlds.Corrected,
        {},
        *(
            ({"epsilons": [value]}, f"epsilons must be finite and in (0.0, 1.0), got {value}")
            for value in (0.0, 1.0, np.nan)
        ),
        ({"epsilons": ["small"]}, TypeError, "epsilons must be a number, got 'small'"),
    ),
    *of(
        worlds.HeldOut,
        {"n_observed": 10},
        real_("held_out", [0.0, 1.0], "(0.0, 1.0)"),
        (
            {"held_out": 0.01},
            "held_out must leave two samples or more on both sides of the split, got 0.01 of n_observed = 10",
        ),
    ),
    *of(extensions.fill_in, {"model": MODEL, "spins": SPINS, "missing": MISSING}, model_(), mask_()),
    *of(worlds.stream, {"seed": 3, "name": "truth"}, count_("seed", minimum=0)),
    *of(
        worlds.from_parameters,
        {"kind": worlds.Augmentation, "parameters": {"seeds": [0]}, "n_spins": 5},
        ({"n_spins": 1}, "n_spins must be at least 2, got 1"),
        ({"seeds": 3}, "seeds must be a list of at least one whole number, got 3"),
    ),
    *of(
        worlds.with_seeds,
        {"config": CONFIG, "seeds": [1]},
        ({"seeds": []}, "seeds must be a list of at least one whole number, got []"),
        ({"seeds": None}, "seeds must be a list of at least one whole number, got None"),
        ({"seeds": [-1]}, "seed must be at least 0, got -1"),
        ({"seeds": ["one"]}, TypeError, "seed must be a whole number, got 'one'"),
    ),
    *(
        case
        for function in (worlds.describe, runs.run)
        for case in of(
            function,
            {"config": CONFIG},
            (
                {"config": PLAIN},
                TypeError,
                "config must be one of an experiment's, e.g. Augmentation(), got …",
            ),
            ({"config": 3}, TypeError, "config must be one of an experiment's, e.g. Augmentation(), got 3"),
        )
    ),
    *of(
        worlds.from_plain,
        {"plain": PLAIN},
        ({"plain": {**PLAIN, "experiment": "magic"}}, "experiment must be one of …, got 'magic'"),
        ({"plain": {}}, "experiment must be one of …, got None"),
        ({"plain": {**PLAIN, "version": 1}}, "version of 'augmentation' must be 2, got 1"),
        ({"plain": {**PLAIN, "n_spin": 3}}, "Augmentation has no field 'n_spin'"),
        ({"plain": {**PLAIN, "training": {"speed": 1}}}, "Training has no field 'speed'"),
        ({"plain": {**PLAIN, "n_spins": 1}}, "n_spins must be at least 2, got 1"),
    ),
    *of(
        runs.find_or_compute,
        {"configs": [CONFIG], "jobs": 1},
        count_("jobs"),
        ({"configs": [PLAIN]}, TypeError, "config must be one of an experiment's, …"),
    ),
    # --------------------------------------------------------------------------------------- own data
    *of(
        own_data.check,
        {"values": SPINS > 0},
        (
            {"values": SPINS[0]},
            own_data.Unusable,
            "DATA must be a table of samples × spins, got 1 dimension …",
        ),
        ({"values": SPINS[:5]}, own_data.Unusable, "DATA must have at least 20 samples, got 5 rows"),
        (
            {"values": SPINS[:, :1]},
            own_data.Unusable,
            "DATA must have from 2 to 500 columns, one per spin, got 1",
        ),
        ({"values": 2 * SPINS}, own_data.Unusable, "DATA must hold only 0 and 1, or only -1 and 1, got …"),
        ({"values": np.ones((N, M))}, own_data.Unusable, "DATA must hold 0 or -1 beside 1, got 1 alone: …"),
        ({"values": SPINS.astype(str)}, own_data.Unusable, "DATA must hold plain numbers, got an array of …"),
    ),
    *of(
        own_fit.Augmentation,
        {"n_iterations": 1, "n_samples": 20},
        count_("n_iterations", label="--iterations"),
        count_("n_samples", minimum=20, label="--samples"),
    ),
    *of(
        own_fit.infer,
        {"data": own_data.OwnData(SPINS, tuple("abcd"), (), "", "data.csv"), "seed": 0},
        count_("seed", minimum=0),
        (
            {"data": own_data.OwnData(np.where(np.eye(N, M)[:1], SPINS, -1), tuple("abcd"), (), "", "")},
            own_data.Unusable,
            "DATA must have at least 2 columns whose rarer value occurs more than once",
        ),
    ),
    *of(own_fit.augment, {"spins": SPINS, "augmentation": own_fit.Augmentation(1, 20), "rng": RNG}, rng_()),
    # ------------------------------------------------------------------------------------------- claims
    *of(
        claims.met,
        {"values": [0.5], "rule": "< 1"},
        ({"rule": "<= 1"}, "rule must be one of '<', '>', got '<='"),
        ({"rule": "small"}, "rule must be one of '<', '>', got 'small'"),
    ),
    *of(
        claims.judge,
        {"values": {"": [0.5]}, "rule": "< 1"},
        ({"rule": "= 1"}, "rule must be one of '<', '>', got '='"),
    ),
    *of(
        claims.measure,
        {"row": {"statistic": "loss_rise"}, "runs": [RUN], "parameters": {}},
        (
            {"row": {"statistic": "loss_ris"}},
            f"statistic must be one of {', '.join(map(repr, claims.STATISTICS))}, got 'loss_ris'",
        ),
    ),
    *of(
        claims.section,
        {"entry": CLAIM, "found": [{"": np.array([0.5])}]},
        (
            {"found": [{"": np.array([1.5])}]},
            "claim 1, 'MSE': the reading lacks 'does not hold', the verdict",
        ),
    ),
    # ---------------------------------------------------------------------------------------- notebooks
    *(
        case
        for function in (execute.source, execute.parameters, execute.plan)
        for case in of(
            function,
            {"name": "fig02_missing_points"},
            choice_("name", *execute.names(), kinds=("fig99", "../fig08", None)),
        )
    ),
    *of(
        execute.claims_on_page,
        {"page": "a\n% written by `ising-book refresh` from here\n\nb\n\n% to here\nc"},
        ({"page": "nothing"}, "the page must hold the lines …, in this order"),
    ),
]
