"""The runs beyond the thesis: everything in them again, from the samples, by other functions."""

import dataclasses

import numpy as np
import pytest

from ising_experiments import extensions, limits, runs, store, walk, worlds
from ising_lib import (
    datasets,
    ddpm,
    denoisers,
    discrete,
    erasure,
    estimators,
    imputation,
    kinetic,
    metrics,
    stopping,
)
from tests.book.small import TRAINING, Bar, L, cache, small_network, small_recording  # noqa: F401

pytestmark = pytest.mark.slow

# ------------------------------------------------------------------------------------------------ held out

HELD_OUT = worlds.HeldOut(n_spins=6, n_observed=201, seed=2, held_out=0.25, training=TRAINING)


def test_held_out_trains_without_a_part_of_the_observed_samples(monkeypatch):
    """All N are those of the Augmentation; what judges is the rest of them, in the place of test samples."""
    twin = worlds.Augmentation(n_spins=6, n_observed=201, seed=2)
    observed, test = walk.samples(twin)
    trained, kept = walk.samples(HELD_OUT)
    assert (len(trained), len(kept)) == (151, 50)
    np.testing.assert_array_equal(np.concatenate([trained, kept]), observed)
    seen, train = [], ddpm.train
    monkeypatch.setattr(
        ddpm, "train", lambda *args, **options: seen.append(args[2]) or train(*args, **options)
    )
    arrays = extensions.held_out(HELD_OUT, Bar())
    [given] = seen
    np.testing.assert_array_equal(given, trained)
    fits = {name: erasure.fit(spins) for name, spins in (("observed", trained), ("whole", observed))}
    fits["both"] = erasure.fit(np.concatenate([observed, test]))
    for name, fit in fits.items():
        np.testing.assert_array_equal(arrays[name], fit.model.to_vector())
    for name, spins in (("test_line", kept), ("observed_line", trained)):
        assert arrays[name] == stopping.energy_variance(spins, fits["observed"].model)
    np.testing.assert_array_equal(arrays["truth"], walk.truth(twin).to_vector())


# ------------------------------------------------------------------------------------------- the recording

FAIR = worlds.FairRetina(
    n_spins=5, n_observed=150, n_test=70, seed=1, training=TRAINING, missing_counts=[2, 4]
)


def test_fair_retina_scores_the_models_of_the_retina_run(small_recording):  # noqa: F811
    """Each count and sum again, from the models and the samples; and it holds nothing as wide as spins."""
    run = runs.run(FAIR)
    fitted = store.find(worlds.describe(FAIR.retina()))
    assert fitted is not None, "it trains nothing of its own"
    n_bins = len(extensions.ODDS_EDGES) - 1
    shapes = {"counts": (2, 4, 2, 4, 70), "log_loss": (2, 4, 70), "odds": (2, 4, 2, n_bins), "n_silent": ()}
    assert {name: array.shape for name, array in run.arrays.items()} == shapes
    observed, test = walk.samples(FAIR.retina())
    rival = estimators.pseudolikelihood(observed, FAIR.ridge).model
    others = {"independent": imputation.independent_model(observed), "pseudolikelihood": rival}
    assert run["n_silent"] == (observed.mean(0) < 0).sum()
    for k, n in enumerate((2, 4)):
        mask = imputation.random_mask(test.shape, n, rng=worlds.stream(1, "missing"))
        hidden = np.where(mask, 0, test)
        for b, name in enumerate(extensions.FAIR_MODELS):
            model = others.get(name) or fitted.model(name)
            for r, rule in enumerate(extensions.RULES):
                expected = metrics.recovery(test, imputation.impute(model, hidden, rule), mask)
                found = metrics.rates(*run["counts"][k, b, r].sum(-1))
                assert found["accuracy"] == pytest.approx(expected.accuracy)
                assert found["recall"] == pytest.approx(expected.recall)
            up = imputation.probability_up(model, hidden)
            cost = -np.log(np.where(test > 0, up, 1 - up)).sum(1)
            np.testing.assert_allclose(run["log_loss"][k, b], cost, rtol=1e-5, atol=1e-5)  # kept as float32
            both = [(test[mask] < 0).sum(), (test[mask] > 0).sum()]
            np.testing.assert_array_equal(run["odds"][k, b].sum(-1), both)


# ---------------------------------------------------------------------------------- the corrected machine

CORRECTED = worlds.Corrected(n_spins=6, n_observed=300, seed=2, epsilons=[0.05, 0.8])


def test_corrected_fits_the_samples_of_the_augmentation():
    arrays = extensions.corrected(CORRECTED, Bar())
    twin = worlds.Augmentation(n_spins=6, n_observed=300, seed=2)
    truth, spins = walk.truth(twin), walk.samples(twin)[0]
    np.testing.assert_array_equal(arrays["truth"], truth.to_vector())
    for moments in ("linear", "tap"):
        auto = erasure.fit(spins, moments=moments)
        np.testing.assert_allclose(arrays[moments], auto.model.to_vector(), rtol=0, atol=1e-9)
        fit = erasure.fit(spins, 0.8, moments=moments)
        likelihood = metrics.log_pseudolikelihood(fit.model, spins)
        expected = metrics.thesis_mse(fit.model, truth), fit.mean_energy, likelihood
        np.testing.assert_allclose(arrays[f"{moments}_curve"][:, 1], expected, rtol=1e-9)
    rival = estimators.pseudolikelihood(spins, ridge=6 / 300)
    np.testing.assert_allclose(arrays["pseudolikelihood"], rival.model.to_vector(), rtol=0, atol=1e-9)
    # 20,000 draws: a variance is found to some 1 %, an inverse of 21 of them not much worse
    assert arrays["bound"] == pytest.approx(estimators.cramer_rao(truth, 300).sum() / 6, rel=0.05)


def test_corrected_says_nan_where_a_fit_is_refused():
    """Ten samples of six strongly coupled spins at ε = 0.05: no inverse of their correlations."""
    arrays = extensions.corrected(dataclasses.replace(CORRECTED, n_observed=10, coupling_scale=1.5), Bar())
    assert np.isnan(arrays["tap_curve"][:, 0]).all()
    assert np.isfinite(arrays["linear_curve"]).all()


# ------------------------------------------------------------------------------------------------- discrete

DISCRETE = worlds.Discrete(n_spins=6, n_observed=300, seed=2, cycles=[1, 3], n_augmented=2000)


def test_discrete_diffusion_sees_the_samples_of_the_augmentation_and_keeps_its_own_apart():
    """Fits and the likelihood again; the noise of one number of cycles changes nothing of another's."""
    arrays = extensions.discrete_diffusion(DISCRETE, Bar())
    twin = worlds.Augmentation(n_spins=6, n_observed=300, seed=2)
    observed, test = walk.samples(twin)
    np.testing.assert_array_equal(arrays["erasure"], erasure.fit(observed).model.to_vector())
    np.testing.assert_array_equal(arrays["truth"], walk.truth(twin).to_vector())
    assert arrays["bound"] == pytest.approx(estimators.cramer_rao(walk.truth(twin), 300).sum() / 6, rel=0.05)
    model = discrete.fit(observed, 1, worlds.stream(2, "fit 1"))
    spins = discrete.sample(model, 2000, worlds.stream(2, "augmented 1"))
    np.testing.assert_array_equal(arrays["augmented"][0], erasure.fit(spins).model.to_vector())
    known = {tuple(row) for row in observed.tolist()}
    assert arrays["copies"][0] == np.mean([tuple(row) in known for row in spins.tolist()])
    for likelihood, some in zip(arrays["likelihood"], (observed, test), strict=True):
        assert likelihood == discrete.log_likelihood(model, some).mean()
    up = (1 + observed.mean(0)) / 2
    lone = np.log(np.where(test > 0, up, 1 - up)).sum(1).mean()
    assert arrays["likelihood_independent"] == pytest.approx(lone)
    alone = extensions.discrete_diffusion(dataclasses.replace(DISCRETE, cycles=(3,)), Bar())
    for name in ("augmented", "augmented_pseudolikelihood", "variance", "copies"):
        assert alone[name].shape == (1, *arrays[name].shape[1:])
        np.testing.assert_array_equal(alone[name][0], arrays[name][1])
        assert (arrays[name][0] != arrays[name][1]).any()


# ------------------------------------------------------------------------------------------------ the rivals

RIVALS = worlds.Rivals(
    n_spins=6, n_observed=300, n_iterations=20, n_augmented=500, n_sampling_steps=5, seed=2
)


@pytest.fixture(scope="module")
def rivals():
    return extensions.rivals(RIVALS, Bar())


def test_rivals_see_the_samples_of_the_augmentation_with_the_same_numbers(rivals):
    same = worlds.Augmentation(n_spins=6, n_observed=300, seed=2)
    observed, test = walk.samples(same)
    np.testing.assert_array_equal(rivals["truth"], walk.truth(same).to_vector())
    for name, spins in (("erasure", observed), ("erasure_both", np.concatenate([observed, test]))):
        np.testing.assert_array_equal(rivals[name], erasure.fit(spins).model.to_vector())
    expected = estimators.pseudolikelihood(observed).model.to_vector()
    np.testing.assert_array_equal(rivals["pseudolikelihood"], expected)
    assert rivals["n_distinct"] == len(np.unique(observed, axis=0))
    # 200,000 draws make F, and its inverse, good to a few parts in a thousand
    exact_bound = estimators.cramer_rao(walk.truth(RIVALS), 300).sum() / 6
    assert rivals["bound"] == pytest.approx(exact_bound, rel=0.02)


def test_every_method_of_rivals_answers_once(rivals):
    answers = np.array([rivals[name] for name in (*extensions.METHODS, "denoiser")])
    assert answers.shape == (16, L)
    assert np.isfinite(answers).all()
    assert len(np.unique(answers.round(12), axis=0)) == 16  # no two of them are the same by mistake
    assert rivals["seconds"].shape == (15,)


def test_a_method_that_refuses_is_named_and_leaves_nothing_nor_what_is_drawn_from_it(monkeypatch, caplog):
    """From a pool, with a perceptron, which holds no couplings to read."""

    def refuse(spins):
        raise ValueError("a spin never changes")

    world = dataclasses.replace(RIVALS, drawn="pool", denoiser="LogitMLP")
    assert (walk.samples(world)[0] != walk.samples(RIVALS)[0]).any()
    monkeypatch.setitem(extensions.METHODS, "pseudolikelihood", (refuse, "observed"))
    arrays = extensions.rivals(world, Bar())
    for name in ("pseudolikelihood", "erasure_pseudo", "denoiser"):
        assert np.isnan(arrays[name]).all()
    assert np.isfinite(arrays["log_rise"]).all()
    assert "pseudolikelihood refused the samples: a spin never changes" in caplog.text
    network = denoisers.LogitMLP(6, rng=np.random.default_rng(0))
    assert arrays["n_weights"] == sum(weights.numel() for weights in network.parameters())


# ---------------------------------------------------------------------------------------------------- time


def test_kinetic_fits_pairs_of_one_trajectory_and_of_the_denoiser():
    world = worlds.Kinetic(n_spins=4, n_observed=400, n_iterations=20, n_augmented=500, n_sampling_steps=5)
    arrays = extensions.kinetic_ising(world, Bar())
    truth = kinetic.KineticModel(arrays["truth"][:4], arrays["truth"][4:].reshape(4, 4))
    before, after = extensions._pairs(world, truth, 400, "observed")
    np.testing.assert_array_equal(before[1:], after[:-1])
    direct, bounds = kinetic.fit(before, after), kinetic.cramer_rao(truth, before)
    np.testing.assert_array_equal(arrays["direct"], [*direct.fields, *direct.weights.ravel()])
    assert arrays["bound"] == pytest.approx(sum(one.sum() for one in bounds) / 4)
    answers = np.array([arrays[name] for name in extensions.MOVING_METHODS])
    assert len(np.unique(answers.round(9), axis=0)) == len(answers) == 6
    assert ((arrays["prior"][4:]) ** 2).sum() < ((arrays["direct"][4:]) ** 2).sum()  # a ridge shrinks
    likelihood = dict(zip(extensions.MOVING_METHODS, arrays["test_likelihood"], strict=False))
    # 20 parameters cost 10 nats on 400 pairs on average, half a χ² of 20, whose spread is 0.008 a pair
    assert arrays["test_likelihood"][-1] - likelihood["direct"] == pytest.approx(0.025, abs=0.03)


def test_a_neuron_that_repeats_itself_is_predicted_from_its_own_last_bin_only(monkeypatch, rng):
    """Each neuron keeps its state with probability 0.9; the last bin of others says nothing."""
    flips = np.where(rng.random((40, 3, 300)) < 0.1, -1, 1)
    monkeypatch.setattr(datasets, "load_retina", lambda: (flips.cumprod(axis=2) > 0).astype(np.uint8))
    arrays = extensions.retina_in_time(worlds.RetinaInTime(n_spins=3, n_repeats=20), Bar())
    entropy = -(0.1 * np.log(0.1) + 0.9 * np.log(0.9))
    # 17,940 spins of spread 0.66 nats: standard error 0.005 a neuron, 0.015 for three; three times that
    np.testing.assert_allclose(arrays["test_likelihood"][-1], -3 * entropy, atol=0.045)
    np.testing.assert_allclose(arrays["test_likelihood"][:-1], -3 * np.log(2), atol=0.045)
    assert set(arrays) == {"test_likelihood", "spike_rate"}


# ------------------------------------------------------------------ the limit with a prior


def test_limits_share_their_samples_with_the_rivals_and_keep_the_bounds_in_order():
    """van Trees knows the prior, so that its bound lies below; with 20 samples M/g² makes much of the sum."""
    world = worlds.Limits(
        n_spins=6, n_observed=20, seed=2, n_cycles=2, n_augmented=400, n_iterations=20, n_sampling_steps=5
    )
    twin = worlds.Rivals(n_spins=6, n_observed=20, seed=2)
    np.testing.assert_array_equal(walk.draw(world, "observed"), walk.draw(twin, "observed"))
    arrays = limits.limits(world, Bar())
    assert 0 < arrays["prior_bound"] < 0.9 * arrays["bound"]
    assert arrays["seconds"].shape == (len(limits.METHODS),)
    own = 6 / (2 * 20)  # λ of N(0, 1/6)
    fit = estimators.maximum_likelihood(walk.draw(world, "observed"), own)
    np.testing.assert_allclose(arrays["likelihood_prior"], fit.model.to_vector())
