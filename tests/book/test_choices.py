"""The runs under other choices: everything in them again, from the samples, by other functions."""

import numpy as np
import pytest

from ising_experiments import choices, walk, worlds
from ising_lib import erasure, estimators, imputation, metrics, stopping
from tests.book.small import TRAINING, Bar, cache, changed, small_network, small_recording  # noqa: F401

pytestmark = pytest.mark.slow


def test_checkpoints_are_the_halves_of_the_training():
    assert choices.halvings(worlds.Training(n_iterations=8000)) == [250, 500, 1000, 2000, 4000, 8000]
    assert choices.halvings(worlds.Training(n_iterations=8000), 25)[:3] == [31, 62, 125]
    assert choices.halvings(TRAINING) == [24]


def test_firmness_draws_twice_from_one_network(monkeypatch):
    monkeypatch.setattr(choices.halvings, "__defaults__", (6,))
    world = changed(worlds.Firmness(6, 200, seed=1, training=TRAINING, epsilons=(0.8,)))
    arrays = choices.firmness(world, Bar())
    observed, test = walk.samples(world)
    fits = [erasure.fit(observed, epsilon).model for epsilon in ("auto", 0.8)]
    np.testing.assert_array_equal(arrays["observed"], [model.to_vector() for model in fits])
    assert arrays["observed_line"] == stopping.energy_variance(observed, fits[0])
    assert arrays["test_line"] == stopping.energy_variance(test, fits[0])
    assert arrays["iterations"].tolist() == [6, 12, 24]
    assert (arrays["variance"].shape, arrays["many"].shape) == ((3, 2), (2, 2, 2, 21))
    for name in ("few", "many"):  # the draws differ, and so do the checkpoints
        assert (arrays[name][:, 0] != arrays[name][:, 1]).any(-1).all()
        assert (arrays[name][0] != arrays[name][-1]).any(-1).all()
    # what is told apart by the name alone is drawn otherwise, on the same truth
    pool = worlds.Firmness(6, 200, seed=1, training=TRAINING, drawn="pool")
    np.testing.assert_array_equal(walk.truth(pool).to_vector(), arrays["truth"])
    assert (walk.samples(pool)[0] != observed).any()


@pytest.mark.parametrize("split_by", ["bins", "repeats", "frames"])
def test_training_and_test_samples_share_no_bin_repeat_or_frame(monkeypatch, split_by):
    """Each bin of a stand-in recording spells its own repeat and frame in binary."""
    n_repeats, n_frames = 8, 16
    repeat, frame = np.meshgrid(np.arange(n_repeats), np.arange(n_frames), indexing="ij")
    bits = [(repeat >> k) & 1 for k in range(3)] + [(frame >> k) & 1 for k in range(4)]
    monkeypatch.setattr(walk.datasets, "load_retina", lambda: np.stack(bits, 1).astype(np.uint8))
    monkeypatch.setattr(walk.datasets, "most_active_spins", lambda r, n: (_flat(r), None))
    world = worlds.RetinaFirmness(7, 40, 20, seed=3, split_by=split_by, missing_counts=(2,))
    parts = [(spins == 1) @ (1 << np.arange(7)) for spins in walk.samples(world)]
    assert [len(part) for part in parts] == [40, 20]
    shared = {"repeats": 7, "frames": 120}.get(split_by, 127)  # mask of the bits that tell
    assert not set(parts[0] & shared) & set(parts[1] & shared)
    assert all(len(set(part)) == len(part) for part in parts)


def _flat(recording):
    return (2 * recording.transpose(0, 2, 1).reshape(-1, recording.shape[1]) - 1).astype(np.int8)


def test_retina_firmness_counts_what_was_filled_in_rightly(small_recording):  # noqa: F811
    world = worlds.RetinaFirmness(
        5, 150, 70, 1, TRAINING, first_checkpoint=3, n_draws=2, missing_counts=[2, 4]
    )
    arrays = {name: np.asarray(array) for name, array in choices.retina_firmness(world, Bar()).items()}
    assert arrays["iterations"].tolist() == [3, 6, 12, 24]
    assert arrays["scored"].tolist() == [6, 24]
    assert arrays["right_augmented"].shape == (2, 2, 5, 2, 5)
    assert not {150, 70} & {size for array in arrays.values() for size in array.shape}  # no samples of it
    observed, test = walk.samples(world)
    assert arrays["observed_activity"] == (observed.sum(1) + 5).mean() / 2
    models = {0: erasure.fit(observed), 1: erasure.fit(observed, 0.9)}
    models |= {2: erasure.fit(observed, 0.9, moments="tap"), 4: erasure.fit(observed, 0.9, fields=False)}
    for k, n in enumerate((2, 4)):
        mask = imputation.random_mask(test.shape, n, rng=worlds.stream(1, "missing"))
        hidden = np.where(mask, 0, test)
        np.testing.assert_array_equal(arrays["n_hidden"][k], mask.sum(0))
        assert arrays["right_silent"][k].sum() == (test[mask] == -1).sum()
        for f, fit in models.items():
            expected = metrics.recovery(test, imputation.impute(fit.model, hidden), mask).accuracy
            assert arrays["right_observed"][f, k].sum() / mask.sum() == pytest.approx(expected)
    assert (arrays["right_augmented"] <= arrays["n_hidden"]).all()
    assert arrays["copies"].shape == (4, 2)


def test_retina_denoised_scores_models_of_the_recording_and_of_samples(small_recording):  # noqa: F811
    world = worlds.RetinaDenoised(5, 150, 70, 1, 20, 400, 10, missing_counts=[2, 4])
    arrays = choices.retina_denoised(world, Bar())
    observed, test = walk.samples(worlds.Retina(5, 150, 70, 1))
    rival = estimators.pseudolikelihood(observed)
    models = {"independent": imputation.independent_model(observed), "pseudolikelihood": rival.model}
    assert arrays["ridges"][0] == rival.ridge
    for name, model in models.items():
        row = choices.DENOISED_MODELS.index(name)
        assert arrays["pseudolikelihood"][row] == metrics.log_pseudolikelihood(model, test)
        for k, n in enumerate((2, 4)):
            mask = imputation.random_mask(test.shape, n, rng=worlds.stream(1, "missing"))
            odds = imputation.log_odds(model, np.where(mask, 0, test))
            assert arrays["log_loss"][row, k] == pytest.approx(metrics.log_loss(test, odds, mask).mean())
    assert len({row.tobytes() for row in arrays["log_loss"]}) == len(choices.DENOISED_MODELS)
