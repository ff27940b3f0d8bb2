"""The thesis's pipeline, from the truth to the inferred model, top to bottom.

``augmentation`` and ``retina`` begin, with a world and a tqdm bar; ``pipeline`` walks, and each stage below
it fits on a screen.  The figures' pages show these functions as they are executed.
"""

import functools

import numpy as np

from ising_experiments import monitors, worlds
from ising_experiments.worlds import stream
from ising_lib import datasets, ddpm, denoisers, erasure, ising, sampling, stopping

TRAJECTORY_STEPS = 50
KEPT_SPINS = 10_000  # augmented samples that a run keeps
SHARES = np.array([1 / 300, 1 / 100, 1 / 30, 1 / 10, 1 / 3, 1])  # of the augmented


def augmentation(world, progress):
    """Thesis Sec. 3: a truth, samples of it, a diffusion model, two inferences.

    Returns:
        dict: ``truth`` (L,), and all that ``pipeline`` returns.
    """
    observed, test = samples(world)
    found = pipeline(observed, test, world.training, world.seed, progress)
    return {"truth": truth(world).to_vector(), **found}


def retina(world, progress):
    """Thesis Sec. 3.4: the same on the recording, with two fits without fields.

    Returns:
        dict: as of ``pipeline``, without samples: an overfitted network's are
        those of the recording.
    """
    observed, test = samples(world)
    where = observed, test, world.training, world.seed, progress
    found = pipeline(*where, couplings_only=True)
    del found["augmented_spins"]
    return found


def truth(world):
    """The true model of a KnownTruth: the same at every call."""
    scales = world.coupling_scale, world.field_scale
    rng = stream(world.seed, "truth")
    return ising.gaussian(world.n_spins, *scales, rng=rng)


@functools.singledispatch
def draw(world, name):
    """Samples of the truth, "observed" or "test": the same at every call."""
    rng = stream(world.seed, name)
    return sampling.sample(truth(world), world.n_observed, rng=rng)


@draw.register(worlds.Rivals)
@draw.register(worlds.Firmness)
def _(world, name):
    if world.drawn == "equilibrium":
        return draw.dispatch(worlds.KnownTruth)(world, name)
    rng, n_samples = stream(world.seed, f"pool {name}"), world.n_observed
    shape = 30 * n_samples, world.n_spins
    pool = rng.choice(np.array([-1, 1], dtype=np.int8), shape)
    exponents = -ising.energy(truth(world), pool)
    weights = np.exp(exponents - exponents.max())
    return pool[rng.choice(len(pool), n_samples, p=weights / weights.sum())]


@functools.singledispatch
def samples(world):
    """Observed and test samples of a world: the same at every call."""
    return [draw(world, "observed"), draw(world, "test")]


@samples.register
def _(world: worlds.HeldOut):
    """The observed samples in two parts, to train with and held out."""
    return np.split(draw(world, "observed"), [world.n_trained])


@samples.register
def _(world: worlds.RetinaFirmness):
    """Training and test samples that share no bin, no repeat or no frame."""
    recording = datasets.load_retina()
    spins, _ = datasets.most_active_spins(recording, world.n_spins)
    rng = stream(world.seed, "split")
    if world.split_by == "bins":
        return datasets.split(spins, world.n_observed, world.n_test, rng=rng)
    n_repeats, _, n_frames = recording.shape
    spins = spins.reshape(n_repeats, n_frames, world.n_spins)
    if world.split_by == "repeats":
        pools = np.array_split(spins[rng.permutation(n_repeats)], 2)
    else:  # two halves of the film, in one of the two orders
        pools = np.array_split(spins, 2, axis=1)[:: rng.choice((1, -1))]
    sizes = world.n_observed, world.n_test
    pools = [pool.reshape(-1, world.n_spins) for pool in pools]
    return [rng.permutation(pool)[:size] for pool, size in zip(pools, sizes, strict=True)]


@samples.register
def _(world: worlds.Retina):
    spins, _ = datasets.most_active_spins(datasets.load_retina(), world.n_spins)
    rng = stream(world.seed, "split")
    return datasets.split(spins, world.n_observed, world.n_test, rng=rng)


def pipeline(observed, test, training, seed, progress, *, couplings_only=False):
    """Train on the observed samples, stop by Var E, augment, infer.

    Args:
        observed, test: (N, M) and (N', M) of ±1.
        training: worlds.Training.
        seed: of the named streams.
        progress: a tqdm bar, advanced by one per update.
        couplings_only: fit without fields, too.

    Returns:
        dict: ``observed`` (L,) parameters fitted to the observed samples,
        ``observed_epsilon``; ``observed_line`` and ``test_line`` (Var E under
        them); ``test_distances`` (M + 1,).

        For each of K checkpoints: ``iterations``; ``loss`` (mean since the last
        one), ``observed_loss`` and ``test_loss`` (of the averaged network); and
        from n_monitor samples ``variance`` (Var E), ``monitored`` (K, L)
        parameters fitted to them, ``monitored_epsilon``, ``analog`` (K, 60)
        shares of their values before the threshold between
        ``monitors.ANALOG_EDGES``, ``distances`` (K, M + 1) shares at each
        distance to the nearest observed sample, ``distinct`` (share of
        different ones).

        ``stop_index``, ``stop_iteration``, ``stop_crossed``; and all that
        ``augment`` returns.
    """
    # 1. infer from what was observed: the ruler of the energies
    fit = erasure.fit(observed)
    lines = [stopping.energy_variance(x, fit.model) for x in (test, observed)]

    # 2. train; at each checkpoint generate, and measure
    schedule = ddpm.NoiseSchedule.linear(training.n_noise_levels)
    known = schedule, training, observed, test, seed
    seen, augmented = [], None
    for step, loss in checkpoints(observed, schedule, training, seed, progress):
        rng = stream(seed, f"look {step.iteration}")
        x = generate(step.denoiser, schedule, training, training.n_monitor, rng)
        seen.append(
            {
                "iterations": step.iteration,
                "loss": loss,
                **monitors.losses(step.denoiser, *known),
                **monitors.measure(x, observed, fit.model),
            }
        )

        # 3. stop where Var E comes down to the line, or at the end
        iterations = [one["iterations"] for one in seen]
        variance = [one["variance"] for one in seen]
        point = stopping.crossing(iterations, variance, *lines)
        last = step.iteration == training.n_iterations

        # 4. generate many samples there, and infer from them
        if augmented is None and (point.crossed or last):
            where = step.denoiser, schedule, training, observed, seed
            augmented = augment(*where, couplings_only)
        if point.crossed and training.stop:
            break
    return {
        **parameters("observed", observed, fit, couplings_only),
        "test_line": lines[0],
        "observed_line": lines[1],
        "test_distances": monitors.distances(test, observed),
        **{name: np.array([one[name] for one in seen]) for name in seen[0]},
        "stop_index": point.index,
        "stop_iteration": point.iteration,
        "stop_crossed": point.crossed,
        **augmented,
    }


def checkpoints(observed, schedule, training, seed, progress, wanted=None):
    """Train the thesis's network; yield at each checkpoint.

    Args:
        observed, training, seed, progress: as of ``pipeline``.
        schedule: ddpm.NoiseSchedule.
        wanted: iterations of the checkpoints; by default those of ``monitors``.

    Yields:
        tuple: ddpm.TrainingStep, and the mean loss since the last checkpoint.
    """
    progress.reset(training.n_iterations)
    rng = stream(seed, "initial weights")
    n_spins, n_steps = observed.shape[1], schedule.n_steps
    denoiser = denoisers.ResidualMLP(n_spins, n_steps, rng=rng)
    wanted, losses = wanted or monitors.checkpoints(training).tolist(), []
    for step in ddpm.train(
        denoiser,
        schedule,
        observed,
        n_iterations=training.n_iterations,
        rng=stream(seed, "training"),
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        average=training.average,
        precision=training.precision,
        device=training.device,
    ):
        progress.update()
        losses.append(step.loss)
        if step.iteration in wanted:
            yield step, np.mean(losses)
            losses = []


def generate(denoiser, schedule, training, n_samples, rng):
    """Draw analog bits (N, M), before the threshold, from the model."""
    return ddpm.sample(
        denoiser,
        schedule,
        n_samples,
        rng=rng,
        n_steps=training.n_sampling_steps,
        precision=training.precision,
        device=training.device,
    )


def augment(denoiser, schedule, training, observed, seed, couplings_only):
    """Draw the augmented samples, and infer from them and from fewer of them.

    Returns:
        dict: ``augmented`` (L,) and ``augmented_epsilon``; the same from the
        first ``sizes`` (K',) samples alone, ``by_size`` (K', L), and together
        with the observed ones, ``by_size_with_observed`` (K', L); the first of
        them, ``augmented_spins``; and the way of a few from pure noise,
        ``trajectory`` (K'', 16, M) at the steps ``trajectory_steps``.
    """
    n_samples, rng = training.n_augmented, stream(seed, "augmented")
    x = generate(denoiser, schedule, training, n_samples, rng)
    spins = ddpm.to_spins(x)
    sizes = np.maximum(n_samples * SHARES, min(10, n_samples))
    sizes = np.unique(sizes.round().astype(int))
    alone = [erasure.fit(spins[:size]) for size in sizes]
    joined = [erasure.fit(np.concatenate([observed, spins[:n]])) for n in sizes]
    steps, states = ddpm.trajectory(
        denoiser,
        schedule,
        16,
        rng=stream(seed, "trajectory"),
        n_steps=min(TRAJECTORY_STEPS, schedule.n_steps),
        precision=training.precision,
        device=training.device,
    )
    return {
        **parameters("augmented", spins, alone[-1], couplings_only),
        "sizes": sizes,
        "by_size": np.array([fit.model.to_vector() for fit in alone]),
        "by_size_with_observed": np.array(
            [fit.model.to_vector() for fit in joined],
        ),
        "augmented_spins": spins[:KEPT_SPINS],
        "trajectory_steps": steps,
        "trajectory": states.astype(np.float16),
    }


def parameters(name, spins, fit, couplings_only):
    """The parameters fitted to some samples; without fields, too, if asked."""
    arrays = {name: fit.model.to_vector(), f"{name}_epsilon": fit.epsilon}
    if couplings_only:  # thesis Fig. 14b
        fit = erasure.fit(spins, fields=False)
        arrays |= {f"{name}_couplings": fit.model.to_vector()}
        arrays |= {f"{name}_couplings_epsilon": fit.epsilon}
    return arrays
