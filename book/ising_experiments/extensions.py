"""The runs beyond the thesis: held-out samples, the recording scored fairly, the rivals, and others.

Each is computed by a function of its world and a tqdm bar, ``progress``, and returns arrays by their names.
"""

import functools
import logging
import time

import numpy as np

from ising_experiments import monitors, walk, worlds
from ising_experiments.worlds import stream
from ising_lib import (
    _checks,
    datasets,
    ddpm,
    denoisers,
    discrete,
    erasure,
    estimators,
    imputation,
    kinetic,
    metrics,
    sampling,
    stopping,
)
from ising_lib.ising import IsingModel

log = logging.getLogger("ising_lib")

FAIR_MODELS = ("independent", "observed", "augmented", "pseudolikelihood")
RULES = ("argmax", "marginal")
ODDS_EDGES = np.linspace(-40, 40, 801)  # of the histogram of log-odds
_N_BOUND_DRAWS = 20_000


# ------------------------------------------------------------------ stopping without a test set


def held_out(world, progress):
    """The thesis's pipeline where a part of the observed samples judges the training.

    Returns:
        dict: as of ``walk.augmentation``, with "observed" for the part trained
        with and "test" for the part held out; and the parameters fitted to all
        N observed samples, ``whole`` (L,), and to these and the N test samples
        that nobody has, ``both`` (L,).
    """
    observed, test = walk.draw(world, "observed"), walk.draw(world, "test")
    everything = np.concatenate([observed, test])
    return {
        **walk.augmentation(world, progress),
        "whole": erasure.fit(observed).model.to_vector(),
        "both": erasure.fit(everything).model.to_vector(),
    }


# ------------------------------------------------------------------ the recording, scored fairly


def fair_retina(world, progress, fitted):
    """Fill in missing neurons by four models and two rules, on the same masks.
        fitted: the store.Run of ``world.retina()``.

    Returns:
        dict: what ``fill_in`` gives for each number of missing neurons:
        ``counts`` (K, B models, 2 rules, 4, N'), ``log_loss`` (K, B, N') and
        ``odds`` (K, B, 2, …) with the models in the order of ``FAIR_MODELS``;
        ``n_silent``, of the M neurons how many fire in less than half of the
        observed bins.  Counts and sums only, never samples of the recording.
    """
    observed, test = walk.samples(world)
    rival = estimators.pseudolikelihood(observed, world.ridge)
    models = {
        "independent": imputation.independent_model(observed),
        "observed": fitted.model("observed"),
        "augmented": fitted.model("augmented"),
        "pseudolikelihood": rival.model,
    }
    progress.reset(len(world.missing_counts))
    scores = []
    for n in world.missing_counts:
        rng = stream(world.seed, "missing")
        mask = imputation.random_mask(test.shape, n, rng=rng)
        scores.append([fill_in(models[name], test, mask) for name in FAIR_MODELS])
        progress.update()
    arrays = {
        name: np.array([[one[name] for one in several] for several in scores])
        for name in ("counts", "log_loss", "odds")
    }
    return {**arrays, "n_silent": (observed.mean(0) < 0).sum()}


def fill_in(model, spins, missing):
    """Hide spins, fill them in by both rules, count: no samples are kept.

    Args:
        model: IsingModel.
        spins: (N, M) of ±1.
        missing: (N, M) bool.

    Returns:
        dict: ``counts`` (2 rules, 4, N), the ``metrics.confusion`` of each rule;
        ``log_loss`` (N,) of the posterior; ``odds`` (2, …), its
        log-odds where the spin is −1 and where it is +1, counted between
        ``ODDS_EDGES``; what lies outside, in the outermost bins.
    """
    missing = _checks.mask("missing", missing, np.shape(spins))
    hidden = np.where(missing, np.int8(0), spins)
    odds = imputation.log_odds(model, hidden)
    argmax, marginal = imputation.impute(model, hidden), np.where(odds >= 0, 1, -1)
    counts = [metrics.confusion(spins, some, missing) for some in (argmax, marginal)]
    inner = np.clip(odds, ODDS_EDGES[0], ODDS_EDGES[-1])
    kinds = [inner[missing & (spins == value)] for value in (-1, 1)]
    return {
        "counts": np.array(counts, dtype=np.uint8),
        "log_loss": metrics.log_loss(spins, odds, missing).astype(np.float32),
        "odds": np.array([np.histogram(some, ODDS_EDGES)[0] for some in kinds]),
    }


# ------------------------------------------------------------------ the rivals


_tap_erasure = functools.partial(erasure.fit, moments="tap")
_bare = functools.partial(estimators.pseudolikelihood, ridge=0.0)

METHODS = {  # how to infer, from which samples; a method stands for samples of the model that it has found
    "erasure": (erasure.fit, "observed"),
    "erasure_tap": (_tap_erasure, "observed"),
    "pseudolikelihood": (estimators.pseudolikelihood, "observed"),
    "pseudolikelihood_bare": (_bare, "observed"),
    "log_rise": (estimators.log_rise, "observed"),
    "mean_field": (estimators.mean_field, "observed"),
    "tap": (estimators.tap, "observed"),
    "augmented": (erasure.fit, "augmented"),
    "augmented_tap": (_tap_erasure, "augmented"),
    "augmented_pseudolikelihood": (_bare, "augmented"),
    "erasure_both": (erasure.fit, "both"),
    "erasure_pseudo": (erasure.fit, "pseudolikelihood"),
    "erasure_tap_pseudo": (_tap_erasure, "pseudolikelihood"),
    "erasure_true": (erasure.fit, "true"),
    "erasure_tap_true": (_tap_erasure, "true"),
}
REFUSALS = erasure.NotConverged, sampling.NotMixed, ValueError


def rivals(world, progress):
    """The same samples given to every method.

    Returns:
        dict: ``truth`` (L,); for each name in ``METHODS`` the parameters found
        (L,), all NaN where the method refused the samples, and ``seconds``
        (methods,) of one core; ``denoiser`` (L,), what is read off the network
        itself; ``bound``, the Cramér–Rao bound on the error of Eq. 23;
        ``train_seconds``, ``sample_seconds``, ``n_weights`` of the denoiser; its
        own loss on observed and test samples, ``observed_loss`` and
        ``test_loss``; ``variance`` of the augmented samples' energies under the
        observed fit with its ``test_line`` and ``observed_line``;
        ``n_distinct``, of the observed samples how many differ.
    """
    truth, (observed, test) = walk.truth(world), walk.samples(world)
    nothing = np.full_like(truth.to_vector(), np.nan)
    augmented, diffusion = _diffuse(world, observed, test, progress)
    rng = stream(world.seed, "oracle")
    samples = {
        "observed": observed,
        "augmented": augmented,
        "both": np.concatenate([observed, test]),
        "true": sampling.sample(truth, world.n_augmented, rng=rng),
    }
    found, seconds = {}, []
    for name, (fit, source) in METHODS.items():
        clock = time.process_time()
        try:
            if source not in samples:
                model = IsingModel.from_vector(found[source], world.n_spins)
                rng = stream(world.seed, source)
                drawn = sampling.sample(model, world.n_augmented, rng=rng)
                samples[source] = drawn
            vector = fit(samples[source]).model.to_vector()
        except REFUSALS as error:
            log.warning("%s refused the samples: %s", name, error)
            vector = nothing
        found[name] = vector
        seconds.append(time.process_time() - clock)
    rng = stream(world.seed, "bound")
    variances = estimators.cramer_rao(truth, world.n_observed, rng=rng)
    ruler = IsingModel.from_vector(found["erasure"], world.n_spins)
    energies = {  # Var E
        "variance": stopping.energy_variance(augmented, ruler),
        "test_line": stopping.energy_variance(test, ruler),
        "observed_line": stopping.energy_variance(observed, ruler),
    }
    return {
        "truth": truth.to_vector(),
        "denoiser": nothing,  # unless it has couplings to read
        **found,
        "seconds": np.array(seconds),
        "bound": variances.sum() / world.n_spins,
        **diffusion,
        **energies,
        "n_distinct": len(np.unique(observed, axis=0)),
    }


def _diffuse(world, observed, test, progress):
    """Train the denoiser and sample from it: the samples, its cost and losses."""
    schedule = ddpm.NoiseSchedule.linear(worlds.N_NOISE_LEVELS)
    make = getattr(denoisers, world.denoiser)
    rng = stream(world.seed, "weights")
    denoiser = make(world.n_spins, schedule.n_steps, rng=rng)
    spins, seconds = _train_and_sample(world, denoiser, schedule, observed, progress)
    n_weights = sum(p.numel() for p in denoiser.parameters())
    learned = {**seconds, "n_weights": n_weights}
    for name, some in (("observed", observed), ("test", test)):
        rng = stream(world.seed, "loss")
        loss = ddpm.own_loss(denoiser, schedule, some, rng=rng)
        learned[f"{name}_loss"] = loss
    if world.denoiser == "MeanField":
        learned["denoiser"] = denoiser.model().to_vector()
    return spins, learned


def _train_and_sample(world, denoiser, schedule, spins, progress):
    """Train in place on spins (N, M), sample: (N', M), and seconds of a core."""
    progress.reset(world.n_iterations)
    start = time.process_time()
    for _ in ddpm.train(
        denoiser,
        schedule,
        spins,
        n_iterations=world.n_iterations,
        rng=stream(world.seed, "training"),
    ):
        progress.update()
    trained = time.process_time()
    x = ddpm.sample(
        denoiser,
        schedule,
        world.n_augmented,
        n_steps=world.n_sampling_steps,
        rng=stream(world.seed, "augmented"),
    )
    seconds = {
        "train_seconds": trained - start,
        "sample_seconds": time.process_time() - trained,
    }
    return ddpm.to_spins(x), seconds


# ------------------------------------------------------------------ the corrected Erasure Machine


def corrected(world, progress):
    """Fit with moments to first order and of TAP, at each ε; NaN where refused.

    Returns:
        dict: ``truth`` (L,); for "linear" and "tap" the parameters at the
        automatic ε, e.g. ``tap`` (L,), with ``tap_epsilon``, and at each of the
        ``epsilons`` the error of Eq. 23, the mean energy and the
        pseudolikelihood of the observed samples, ``tap_curve`` (3, K);
        ``pseudolikelihood`` (L,) with a ridge of M/N; ``bound``, the Cramér–Rao
        bound on the error of Eq. 23.
    """
    progress.reset(2 * (len(world.epsilons) + 1))
    truth, observed = walk.truth(world), walk.draw(world, "observed")
    arrays = {"truth": truth.to_vector()}
    for moments in ("linear", "tap"):
        fits = []
        for epsilon in ("auto", *world.epsilons):
            try:
                fits.append(erasure.fit(observed, epsilon, moments=moments))
            except erasure.NotConverged:
                fits.append(None)
            progress.update()
        auto, *others = fits
        nothing = np.full_like(arrays["truth"], np.nan)
        arrays[moments] = auto.model.to_vector() if auto else nothing
        arrays[f"{moments}_epsilon"] = auto.epsilon if auto else np.nan
        curve = np.full((3, len(others)), np.nan)
        for k, fit in enumerate(others):
            if fit:
                error = metrics.thesis_mse(fit.model, truth)
                likelihood = metrics.log_pseudolikelihood(fit.model, observed)
                curve[:, k] = error, fit.mean_energy, likelihood
        arrays[f"{moments}_curve"] = curve
    rival = estimators.pseudolikelihood(observed, world.n_spins / world.n_observed)
    return {
        **arrays,
        "pseudolikelihood": rival.model.to_vector(),
        "bound": _bound(world, truth),
    }


def _bound(world, truth):
    """The Cramér–Rao bound on the error of Eq. 23, from fewer draws."""
    rng, n_draws = stream(world.seed, "bound"), _N_BOUND_DRAWS
    variances = estimators.cramer_rao(truth, world.n_observed, rng=rng, n_draws=n_draws)
    too_high = n_draws / (n_draws - variances.size)  # see cramer_rao
    return variances.sum() / world.n_spins / too_high


# ------------------------------------------------------------------ diffusion that stays on spins


def discrete_diffusion(world, progress):
    """Learn to undo noise that redraws spins, generate, infer.

    Returns:
        dict: ``truth`` (L,); fitted to the observed samples ``erasure`` and
        ``pseudolikelihood`` (L,), the latter with an automatic ridge; ``bound``,
        the Cramér–Rao bound on the error of Eq. 23; of the test samples
        ``test_line``, Var E, and ``test_copies``, the share that is among the
        observed ones; ``likelihood`` (2,), nats per observed and per test
        sample, exact, of one cycle, and ``likelihood_independent`` of
        independent spins.

        For each of the K numbers of cycles: ``augmented`` and
        ``augmented_pseudolikelihood`` (K, L) fitted to its samples, the latter
        with a ridge of M/N; ``variance``, Var E, and ``copies`` of its samples;
        ``ridge``, ``fit_seconds`` and ``sample_seconds`` of one core.
    """
    progress.reset(len(world.cycles))
    truth, (observed, test) = walk.truth(world), walk.samples(world)
    ruler = erasure.fit(observed).model
    seen, models, seed = [], {}, world.seed
    for n_cycles in world.cycles:
        clock = time.process_time()
        model = discrete.fit(observed, n_cycles, stream(seed, f"fit {n_cycles}"))
        models[n_cycles] = model
        fitted = time.process_time()
        rng = stream(seed, f"augmented {n_cycles}")
        spins = discrete.sample(model, world.n_augmented, rng)
        drawn = time.process_time()
        rival = estimators.pseudolikelihood(spins, world.n_spins / len(spins))
        seen.append(
            {
                "augmented": erasure.fit(spins).model.to_vector(),
                "augmented_pseudolikelihood": rival.model.to_vector(),
                "variance": stopping.energy_variance(spins, ruler),
                "copies": _copies(spins, observed),
                "ridge": model.ridge,
                "fit_seconds": fitted - clock,
                "sample_seconds": drawn - fitted,
            }
        )
        progress.update()
    one = models.get(1) or discrete.fit(observed, 1, stream(seed, "fit 1"))
    lone = imputation.independent_model(observed).fields
    rival = estimators.pseudolikelihood(observed)
    return {
        "truth": truth.to_vector(),
        "erasure": ruler.to_vector(),
        "pseudolikelihood": rival.model.to_vector(),
        "bound": _bound(world, truth),
        "test_line": stopping.energy_variance(test, ruler),
        "test_copies": _copies(test, observed),
        "likelihood": np.array(
            [discrete.log_likelihood(one, some).mean() for some in (observed, test)],
        ),
        "likelihood_independent": -np.logaddexp(0, -2 * test * lone).sum(1).mean(),
        **{name: np.array([some[name] for some in seen]) for name in seen[0]},
    }


def _copies(spins, observed):
    """The share of (at most KEPT_SPINS) samples that are among the observed."""
    return monitors.distances(spins[: walk.KEPT_SPINS], observed)[0]


# ------------------------------------------------------------------ spins in time

MOVING_METHODS = ("direct", "ridge", "prior", "augmented", "augmented_known", "denoiser")
N_BURN_IN, N_TEST_PAIRS = 200, 4000


def kinetic_ising(world, progress):
    """Direct fits to pairs (σ(t), σ(t+1)), and fits to augmented pairs.

    Returns:
        dict: h and W of all M spins as one vector (M + M²,): the ``truth`` and,
        all NaN where the fit has no finite answer, those found by

        * ``direct``, maximum likelihood; ``ridge``, with an automatic ridge;
          ``prior``, with the ridge that the truth's own distribution asks for;
        * ``augmented``, maximum likelihood on pairs of a mean-field denoiser
          of 2M spins; ``augmented_known``, on pairs that follow the dynamics
          found by ``ridge``; ``denoiser``, read off the denoiser.

        ``bound``, the Cramér–Rao bound on the sum of squared errors over M;
        ``test_likelihood`` (methods + 1,) per pair of another trajectory, the
        truth's last; ``train_seconds`` and ``sample_seconds``.
    """
    scales = world.coupling_scale, world.field_scale
    rng = stream(world.seed, "truth")
    truth = kinetic.gaussian(world.n_spins, *scales, rng=rng)
    observed = _pairs(world, truth, world.n_observed, "observed")
    bounds = kinetic.cramer_rao(truth, observed[0])
    pairs = np.concatenate(observed, axis=1)  # (N, 2M)
    schedule = ddpm.NoiseSchedule.linear(worlds.N_NOISE_LEVELS)
    denoiser = denoisers.MeanField(pairs.shape[1], schedule.n_steps)
    augmented, seconds = _train_and_sample(world, denoiser, schedule, pairs, progress)
    rng = stream(world.seed, "folds")
    ridge = kinetic.fit(*observed, "auto", rng=rng)
    again = _pairs(world, ridge, world.n_augmented, "augmented_known")
    # of W_ij ~ N(0, g²/M): λ Σ W² = M Σ W² / (2 g² N)
    own = world.n_spins / (2 * world.coupling_scale**2 * world.n_observed)
    m, learned = world.n_spins, denoiser.model()
    read = learned.fields[m:], learned.couplings[m:, :m]
    found = {
        "direct": _most_likely(observed),
        "ridge": ridge,
        "prior": kinetic.fit(*observed, own),
        "augmented": _most_likely(np.split(augmented, 2, axis=1)),
        "augmented_known": _most_likely(again),
        "denoiser": kinetic.KineticModel(*read),
        "truth": truth,
    }
    test = _pairs(world, truth, N_TEST_PAIRS, "test")
    return {
        **{name: _vector(model, m) for name, model in found.items()},
        "bound": sum(one.sum() for one in bounds) / m,
        "test_likelihood": np.array([_score(x, test) for x in found.values()]),
        **seconds,
    }


def _pairs(world, model, n_pairs, name):
    """σ(t) and σ(t+1), (N, M) each, along one trajectory."""
    n_steps, rng = N_BURN_IN + n_pairs, stream(world.seed, name)
    series = kinetic.simulate(model, n_steps, rng=rng)[N_BURN_IN:]
    return series[:-1], series[1:]


def _most_likely(pairs):
    try:
        return kinetic.fit(*pairs)
    except erasure.NotConverged as error:
        log.warning("maximum likelihood has no finite answer: %s", error)
        return None


def _vector(model, n_spins):
    if model is None:
        return np.full(n_spins + n_spins**2, np.nan)
    return np.concatenate([model.fields, model.weights.ravel()])


def _score(model, pairs):
    if model is None:
        return np.nan
    return kinetic.log_likelihood(model, *pairs).mean()


PREDICTORS = ("independent", "shuffled", "another_repeat", "kinetic")
RETINA_RIDGE = 1e-4


def retina_in_time(world, progress):
    """Predict the next bin of the recording from the last, and from controls.

    Returns:
        dict: ``test_likelihood`` (4,), the log-likelihood of a bin of all
        neurons in repeats not fitted to, in nats: by the neurons' rates alone;
        from the last bin of any other time, of another repeat, of the same
        repeat, each fitted and scored on pairs of its own kind.  And
        ``spike_rate``, spikes per neuron and bin.  Numbers only, never samples.
    """
    recording, n = datasets.load_retina(), world.n_repeats
    spins, _ = datasets.most_active_spins(recording, world.n_spins)
    spins = spins.reshape(len(recording), -1, world.n_spins)
    rng = stream(world.seed, "split")
    chosen = rng.permutation(len(spins))[: 2 * n]
    parts = spins[chosen[:n]], spins[chosen[n:]]
    fitted, scored = (_by_predictor(part, rng) for part in parts)
    rates = imputation.independent_model(fitted["kinetic"][1])
    nothing = np.zeros((world.n_spins, world.n_spins))
    models = [kinetic.KineticModel(rates.fields, nothing)]
    progress.reset(len(PREDICTORS) - 1)
    for name in PREDICTORS[1:]:
        models.append(kinetic.fit(*fitted[name], RETINA_RIDGE))
        progress.update()
    scores = [_score(model, scored[name]) for name, model in zip(PREDICTORS, models, strict=True)]
    spike_rate = (spins > 0).mean()
    return {"test_likelihood": np.array(scores), "spike_rate": spike_rate}


def _by_predictor(repeats, rng):
    """{predictor: pairs} of repeats (R, T, M); no pair joins two repeats."""
    before, after = repeats[:, :-1], repeats[:, 1:]
    others = {
        "independent": before,
        "shuffled": rng.permutation(before.reshape(-1, before.shape[2])),
        "another_repeat": np.roll(before, 1, axis=0),
        "kinetic": before,
    }
    return {
        name: (states.reshape(-1, after.shape[2]), after.reshape(-1, after.shape[2]))
        for name, states in others.items()
    }
