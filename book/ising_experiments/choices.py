"""The thesis's pipeline under other choices of what it leaves open: trained longer, drawn more than once."""

import numpy as np

from ising_experiments import extensions, monitors, walk, worlds
from ising_experiments.worlds import stream
from ising_lib import boltzmann, ddpm, denoisers, erasure, estimators, imputation, metrics, stopping

DENOISED_MODELS = (
    *("independent", "pseudolikelihood", "likelihood", "denoiser"),
    *("augmented_pseudolikelihood", "augmented_likelihood"),
)  # of ``retina_denoised``
RETINA_MODELS = ("auto", "fixed", "tap", "couplings_auto", "couplings_fixed")  # fits of ``retina_models``


def firmness(world, progress):
    """The thesis's pipeline with two draws at each checkpoint, and no stop.

    Args:
        world: worlds.Firmness.
        progress: a tqdm bar.

    Returns:
        dict: ``truth`` (L,), ``observed`` (1 + E, L) fitted at the automatic ε
        and at the E ``epsilons``; ``observed_line`` and ``test_line``, Var E.
        For each of K checkpoints ``iterations``, ``loss``, ``observed_loss``,
        ``test_loss``; for each draw of n_monitor samples ``variance`` (K, 2)
        and the parameters fitted to them, ``few`` (K, 2, L).  At the last
        checkpoint and at the one of half its updates, from n_augmented
        samples, ``many`` (2, 2, 1 + E, L).
    """
    observed, test = walk.samples(world)
    training, epsilons = world.training, ("auto", *world.epsilons)
    schedule = ddpm.NoiseSchedule.linear(training.n_noise_levels)
    own = [erasure.fit(observed, epsilon).model for epsilon in epsilons]
    lines = [stopping.energy_variance(spins, own[0]) for spins in (observed, test)]
    seen, many = [], []
    known = schedule, training, observed, test, world.seed
    looks = halvings(training)
    for step, loss in walk.checkpoints(observed, schedule, training, world.seed, progress, looks):
        found = {"iterations": step.iteration, "loss": loss, "variance": [], "few": []}
        found |= monitors.losses(step.denoiser, *known)
        decisive = 2 * step.iteration >= training.n_iterations
        fits = []
        for number in range(2):
            n_samples = training.n_augmented if decisive else training.n_monitor
            rng = stream(world.seed, f"look {step.iteration} draw {number}")
            spins = ddpm.to_spins(walk.generate(step.denoiser, schedule, training, n_samples, rng))
            some = spins[: training.n_monitor]
            found["variance"].append(stopping.energy_variance(some, own[0]))
            found["few"].append(erasure.fit(some).model.to_vector())
            if decisive:
                fits.append([erasure.fit(spins, epsilon).model.to_vector() for epsilon in epsilons])
        seen.append(found)
        many += [fits] if decisive else []
    return {
        "truth": walk.truth(world).to_vector(),
        "observed": np.array([model.to_vector() for model in own]),
        "observed_line": lines[0],
        "test_line": lines[1],
        **{name: np.array([one[name] for one in seen]) for name in seen[0]},
        "many": np.array(many),
    }


def halvings(training, first=monitors.FIRST_CHECKPOINT):
    """The iterations of checkpoints: the last, half of it, and so on down to ``first``."""
    count = int(np.log2(max(1, training.n_iterations / first)))
    return sorted({training.n_iterations // 2**k for k in range(count + 1)})


def retina_firmness(world, progress):
    """The recording, looked at from the beginning of a training, and filled in from several draws.

    Args:
        world: worlds.RetinaFirmness.
        progress: a tqdm bar.

    Returns:
        dict: ``observed_line``, ``test_line``, Var E under the automatic fit to the observed samples;
        ``observed_activity``, ``test_activity``, spikes per bin; ``observed_copies`` and so on.  For each of
        K checkpoints ``iterations``, ``loss``, ``observed_loss``, ``test_loss``; of two draws of n_monitor
        samples ``variance`` (K, 2), ``activity`` (K, 2), ``copies`` (K, 2), the share that repeats an
        observed sample.  ``test_copies``: of the test samples.

        Test samples with hidden neurons, filled in by the most probable state: how often neuron i was
        filled in rightly, for each number of missing neurons, ``right_silent`` (C, M) by silence,
        ``right_observed`` (F, C, M) by the models of ``retina_models`` fitted to the observed samples, and
        ``right_augmented`` (2, D, F, C, M) by those fitted to n_augmented samples, at the checkpoints
        ``scored`` (2,), in each of D draws; ``n_hidden`` (C, M), how often it was hidden.  Counts only.
    """
    observed, test = walk.samples(world)
    training = world.training
    schedule = ddpm.NoiseSchedule.linear(training.n_noise_levels)
    ruler = erasure.fit(observed).model
    masks = [
        imputation.random_mask(test.shape, n, rng=stream(world.seed, "missing")) for n in world.missing_counts
    ]
    scored = [max(1, training.n_iterations // 4), training.n_iterations]
    looks = sorted({world.first_checkpoint, *halvings(training, world.first_checkpoint), *scored})
    seen, right = [], []
    known = schedule, training, observed, test, world.seed
    for step, loss in walk.checkpoints(observed, schedule, training, world.seed, progress, looks):
        found = {"iterations": step.iteration, "loss": loss}
        found |= monitors.losses(step.denoiser, *known)
        draws = []
        for number in range(world.n_draws if step.iteration in scored else 2):
            n_samples = training.n_augmented if step.iteration in scored else training.n_monitor
            rng = stream(world.seed, f"look {step.iteration} draw {number}")
            spins = ddpm.to_spins(walk.generate(step.denoiser, schedule, training, n_samples, rng))
            draws.append(_course(spins[: training.n_monitor], observed, ruler))
            if step.iteration in scored:
                right.append(_right(retina_models(spins, world.epsilon), test, masks))
        found |= {name: np.array([one[name] for one in draws[:2]]) for name in draws[0]}
        seen.append(found)
    parts = {"observed": observed, "test": test}
    lines = {name: _course(spins, observed, ruler) for name, spins in parts.items()}
    counts = len(world.missing_counts), test.shape[1]
    return {
        **{name: np.array([one[name] for one in seen]) for name in seen[0]},
        **{f"{name}_line": one["variance"] for name, one in lines.items()},
        **{f"{name}_activity": one["activity"] for name, one in lines.items()},
        "test_copies": lines["test"]["copies"],
        "scored": np.array(scored),
        "n_hidden": np.array([mask.sum(0) for mask in masks]),
        "right_silent": np.array([((test == -1) & mask).sum(0) for mask in masks]),
        "right_observed": np.array(_right(retina_models(observed, world.epsilon), test, masks)),
        "right_augmented": np.array(right).reshape(2, world.n_draws, len(RETINA_MODELS), *counts),
    }


def retina_models(spins, epsilon):
    """The Erasure Machine five times: ε automatic and fixed, TAP's moments, and without fields."""
    return [
        erasure.fit(spins).model,
        erasure.fit(spins, epsilon).model,
        erasure.fit(spins, epsilon, moments="tap").model,
        erasure.fit(spins, fields=False).model,
        erasure.fit(spins, epsilon, fields=False).model,
    ]


def _course(spins, observed, ruler):
    return {
        "variance": stopping.energy_variance(spins, ruler),
        "activity": (spins == 1).sum(1).mean(),
        "copies": monitors.distances(spins, observed)[0],
    }


def _right(models, test, masks):
    """How often each neuron was filled in rightly, (F, C, M)."""
    return [
        [
            ((imputation.impute(model, np.where(mask, np.int8(0), test)) == test) & mask).sum(0)
            for mask in masks
        ]
        for model in models
    ]


def retina_denoised(world, progress):
    """Models from the recording and from a mean-field denoiser's samples, scored by their probabilities.

    Args:
        world: worlds.RetinaDenoised.
        progress: a tqdm bar.

    Returns:
        dict: for the models of ``DENOISED_MODELS``, in nats per test sample: ``log_loss`` (B, C) of the
        neurons missing, at each number of them, and ``pseudolikelihood`` (B,), of each neuron given all
        others; ``scale`` (B,), the root of the mean square of the couplings; ``ridges`` (2,) of the
        pseudolikelihood on observed and on augmented samples; ``train_seconds`` and ``sample_seconds``.
    """
    observed, test = walk.samples(worlds.Retina(world.n_spins, world.n_observed, world.n_test, world.seed))
    schedule = ddpm.NoiseSchedule.linear(worlds.N_NOISE_LEVELS)
    denoiser = denoisers.MeanField(world.n_spins, schedule.n_steps, rng=stream(world.seed, "weights"))
    augmented, seconds = extensions._train_and_sample(world, denoiser, schedule, observed, progress)
    rivals = [estimators.pseudolikelihood(spins) for spins in (observed, augmented)]
    likely = [
        boltzmann.fit(spins, rival.model, ridge=rival.ridge, rng=stream(world.seed, "chains")).model
        for spins, rival in zip((observed, augmented), rivals, strict=True)
    ]
    own = denoiser.model()
    models = [imputation.independent_model(observed), rivals[0].model, likely[0], own]
    models += [rivals[1].model, likely[1]]
    masks = [
        imputation.random_mask(test.shape, n, rng=stream(world.seed, "missing")) for n in world.missing_counts
    ]
    pairs = np.triu_indices(world.n_spins, 1)
    return {
        "log_loss": np.array([[_log_loss(model, test, mask) for mask in masks] for model in models]),
        "pseudolikelihood": np.array([metrics.log_pseudolikelihood(model, test) for model in models]),
        "scale": np.array([np.sqrt((model.couplings[pairs] ** 2).mean()) for model in models]),
        "ridges": np.array([rival.ridge for rival in rivals]),
        **seconds,
    }


def _log_loss(model, test, mask):
    odds = imputation.log_odds(model, np.where(mask, np.int8(0), test))
    return metrics.log_loss(test, odds, mask).mean()
