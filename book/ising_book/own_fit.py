"""From a reader's own spins to parameters, and checks of them.

Two inferences always, ridge pseudolikelihood and the Erasure Machine; a third, the Erasure Machine on samples
of a diffusion model, where it is asked for.  Each is fitted twice: to all samples, for the parameters and the
fit of the moments, and to four fifths of them, for the checks on the fifth that it has not seen.
"""

import contextlib
import logging
import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ising_book import own_data
from ising_book.runs import one_thread
from ising_book.worlds import stream
from ising_lib import _checks, ddpm, denoisers, erasure, estimators, exact, imputation, metrics, sampling

TITLES = {
    "ridge_plm": "ridge PLM",
    "erasure_machine": "Erasure Machine",
    "augmented": "Erasure Machine, augmented",
}
BASELINE = "independent spins"
_HELD_OUT = 5  # one sample in so many, and
_MOST_HELD_OUT = 2000  # at most so many
_MOST_HIDDEN = 10  # spins hidden in each: all their states are enumerated
_N_DRAWN = 20_480  # from each model by Monte Carlo
_CHAINS = ({"burn_in": 1000, "thin": 100}, {"burn_in": 2000, "thin": 200, "n_temperatures": 10})
_RESAMPLES = 20


@dataclass(frozen=True)
class Augmentation:
    """How to augment: updates of the denoiser, samples drawn from it."""

    n_iterations: int = 6000
    n_samples: int = 100_000

    def __post_init__(self):
        _checks.count("--iterations", self.n_iterations)
        _checks.count("--samples", self.n_samples, minimum=own_data.MIN_SAMPLES)


@dataclass(frozen=True, eq=False)
class Inference:
    """All that the page shows.

    Attributes:
        data: own_data.OwnData.
        fits: {method: Estimate or ErasureFit} to all samples.
        errors: (L,) standard errors of ridge PLM; NaN where they could not be had.
        drawn: {method: (N', M) spins drawn from the model, or None where the chains did not mix}.
        predicted: {method or baseline: log-pseudolikelihood per spin on held-out samples}.
        recovered: metrics.Comparison of their hidden spins filled in.
        n_held_out, n_hidden: held-out samples, and spins hidden in each.
        notes: sentences, beside the data's findings.
    """

    data: own_data.OwnData
    fits: dict
    errors: np.ndarray
    drawn: dict
    predicted: dict
    recovered: metrics.Comparison
    n_held_out: int
    n_hidden: int
    notes: tuple


def infer(data, *, seed=0, augmentation=None):
    """Fit, check on unseen samples, and draw from the models; on a terminal, bars where it takes long.

    Args:
        data: own_data.OwnData.
        seed: of everything random.
        augmentation: Augmentation; None fits to the observed samples only.

    Returns:
        Inference: equal for equal seeds.

    Raises:
        Unusable: the spins vary too rarely to hold out a part of the samples.
        NotConverged: as the estimators.
    """
    _checks.count("seed", seed, minimum=0)
    notes = []
    with _Stages(2 * (3 if augmentation else 2) + 3) as stages, warnings_to(notes), one_thread():
        training, test = _hold_out(data.spins, stream(seed, "held out"), notes)
        fits = _fit_all(data.spins, seed, augmentation, stages)
        stages.begin("standard errors of ridge PLM")
        errors = _standard_errors(data.spins, fits["ridge_plm"].ridge, stream(seed, "bootstrap"))
        checked = _fit_all(training, seed, augmentation, stages, "to check: ")
        stages.begin("hidden spins filled in")
        models = {method: fit.model for method, fit in checked.items()}
        models[BASELINE] = imputation.independent_model(training)
        n_hidden = min(max(1, test.shape[1] // 4), _MOST_HIDDEN)
        hidden = imputation.random_mask(test.shape, n_hidden, rng=stream(seed, "hidden"))
        recovered = metrics.compare(imputation.recover(models, test, hidden), test, hidden)
        stages.begin("samples of the models")
        drawn = {
            name: _draw(name, fit.model, stream(seed, f"draw {name}"), notes) for name, fit in fits.items()
        }
    predicted = {name: metrics.log_pseudolikelihood(m, test) / test.shape[1] for name, m in models.items()}
    notes = tuple(dict.fromkeys(notes))
    return Inference(data, fits, errors, drawn, predicted, recovered, len(test), n_hidden, notes)


class _Stages:
    """A bar over the parts of the work, with the time left; silent off a terminal."""

    def __init__(self, total):
        self.bar = tqdm(total=total, unit="step", disable=None, leave=False)
        self.begun = False

    def __enter__(self):
        return self

    def begin(self, name):
        """The part before is done, this one begins."""
        self.bar.update(self.begun)
        self.begun = True
        self.bar.set_description(name)

    def __exit__(self, *_):
        self.bar.close()


@contextlib.contextmanager
def warnings_to(notes):
    """Warnings of the package become sentences in the list ``notes`` instead of lines on the screen."""
    log = logging.getLogger("ising_lib")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: notes.append(f"{record.getMessage()}.")
    log.addHandler(handler)
    propagate, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate


def _hold_out(spins, rng, notes):
    """A training and a test part, without the spins that never change in the first."""
    rows = rng.permutation(len(spins))
    n_test = min(len(spins) // _HELD_OUT, _MOST_HELD_OUT)
    training, test = spins[rows[n_test:]], spins[rows[:n_test]]
    varies = (training != training[0]).any(0)
    if varies.sum() < 2:
        raise own_data.Unusable("DATA must have at least 2 columns whose rarer value occurs more than once")
    if not varies.all():
        notes.append(
            f"Columns that vary too rarely for the held-out checks and are not in them: {(~varies).sum()}."
        )
    return np.ascontiguousarray(training[:, varies]), np.ascontiguousarray(test[:, varies])


def _fit_all(spins, seed, augmentation, stages, prefix=""):
    """{method: fit}; equal streams for equal seeds, whatever is fitted besides."""
    stages.begin(prefix + TITLES["ridge_plm"])
    fits = {"ridge_plm": estimators.pseudolikelihood(spins, rng=stream(seed, "folds"))}
    stages.begin(prefix + TITLES["erasure_machine"])
    fits["erasure_machine"] = erasure.fit(spins)
    if augmentation:
        stages.begin(prefix + TITLES["augmented"])
        fits["augmented"] = erasure.fit(augment(spins, augmentation, rng=stream(seed, "augmentation")))
    return fits


def augment(spins, augmentation, *, rng):
    """Samples of a diffusion model that was trained on ``spins``: the unrolled mean-field denoiser.

    Args:
        spins: (N, M) of ±1.
        augmentation: Augmentation.
        rng: stream of weights, training and sampling, in this order.

    Returns:
        numpy.ndarray: (augmentation.n_samples, M) int8 of ±1.
    """
    schedule = ddpm.NoiseSchedule.linear()
    denoiser = denoisers.MeanField(spins.shape[1], schedule.n_steps, rng=rng)
    updates = ddpm.train(denoiser, schedule, spins, n_iterations=augmentation.n_iterations, rng=rng)
    bar = {"total": augmentation.n_iterations, "disable": None, "leave": False}
    for step in tqdm(updates, desc="training", unit="update", **bar):
        trained = step.denoiser
    samples = ddpm.sample(trained, schedule, augmentation.n_samples, rng=rng, progress=sys.stderr.isatty())
    return ddpm.to_spins(samples)


def precision(augment):
    """In what ``infer`` computes: the diffusion model may use bfloat16, the fits never do."""
    with warnings_to([]):
        return ddpm.resolve_precision("auto") if augment else "float64"


def _standard_errors(spins, ridge, rng):
    """Of ridge PLM's parameters (L,): their spread over fits to samples drawn with replacement."""
    found = []
    for _ in range(2 * _RESAMPLES):
        drawn = spins[rng.integers(len(spins), size=len(spins))]
        if (drawn != drawn[0]).any(0).all():  # a rare spin may be missing from it
            found.append(estimators.pseudolikelihood(drawn, ridge).model.to_vector())
        if len(found) == _RESAMPLES:
            return np.std(found, axis=0, ddof=1)
    return np.full(spins.shape[1] * (spins.shape[1] + 1) // 2, np.nan)


def _draw(name, model, rng, notes):
    for settings in _CHAINS:
        with contextlib.suppress(sampling.NotMixed):
            return sampling.sample(model, _N_DRAWN, rng=rng, **settings)
    notes.append(f"Monte Carlo chains of the model by {TITLES[name]} do not mix: it is not in the pictures.")
    return None


def activity(spins):
    """Law of the number of simultaneously active spins, K = Σ_i (σ_i + 1)/2: shares (M + 1,)."""
    return np.bincount((np.asarray(spins) > 0).sum(1), minlength=spins.shape[1] + 1) / len(spins)


def misfits(spins, drawn):
    """How far a model's moments lie from the data's, in standard errors: the root of the mean square, twice.

    Args:
        spins: (N, M) the data.
        drawn: (N', M) from the model.

    Returns:
        tuple: for ⟨σ_i⟩ and for ⟨σ_i σ_j⟩, i < j; about 1 for the true model, at most that for a good fit.
    """
    scores = []
    upper = np.triu_indices(spins.shape[1], 1)
    for data, model in zip(moments(spins), moments(drawn), strict=True):
        variance = np.maximum(1 - model**2, 1 / len(drawn)) * (1 / len(spins) + 1 / len(drawn))
        score = (data - model) / np.sqrt(variance)
        scores.append(score if score.ndim == 1 else score[upper])
    return tuple(float(np.sqrt((score**2).mean())) for score in scores)


def moments(spins):
    """⟨σ_i⟩ (M,) and ⟨σ_i σ_j⟩ (M, M) of samples (N, M)."""
    spins = spins.astype(np.float64)
    return spins.mean(0), spins.T @ spins / len(spins)


def _setting(fit):
    return f"λ = {fit.ridge:.2g}" if isinstance(fit, estimators.Estimate) else f"ε = {fit.epsilon:.2f}"


def summary(inference):
    """The checks as plain numbers, one dict per method and one for the baseline."""
    law = activity(inference.data.spins)
    rows = {}
    for name in (*inference.fits, BASELINE):
        score = inference.recovered.scores[name]
        row = {
            "held_out_log_pseudolikelihood": inference.predicted[name],
            "accuracy": score.accuracy,
            "balanced_accuracy": score.balanced_accuracy,
            "recall": score.recall,
            "precision": score.precision,
        }
        if name != BASELINE:
            row["setting"] = _setting(inference.fits[name])
            row["gain"], row["gain_error"] = inference.recovered.gains[name, BASELINE]
        if inference.drawn.get(name) is not None:
            row["misfit_means"], row["misfit_pairs"] = misfits(inference.data.spins, inference.drawn[name])
            row["activity_distance"] = exact.total_variation(law, activity(inference.drawn[name]))
        rows[name] = {key: value if isinstance(value, str) else _plain(value) for key, value in row.items()}
    rates = (inference.data.spins > 0).mean(0)
    rows[BASELINE]["activity_distance"] = float(exact.total_variation(law, metrics.independent_counts(rates)))
    return rows


def _plain(value):
    """A number for JSON, which knows no NaN."""
    return float(value) if np.isfinite(value) else None
