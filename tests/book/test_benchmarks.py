"""The benchmarks compare equals, at sizes of a second; ``make benchmark`` measures at full size."""

import itertools
import math

import numpy as np
import pytest
from matplotlib import pyplot as plt

from ising_experiments import runs
from ising_lib import ddpm, denoisers, erasure, exact, imputation, ising
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import growth, heat_bath, inference, measure, network, page, whole

SMALL = {
    "heat_bath": {
        "n_spins": 8,
        "n_chains": 256,
        "n_sweeps": 20,
        "n_plain_chains": 4,
        "n_samples": 1000,
        "repeats": 1,
    },
    "erasure_machine": {"n_spins": 6, "n_samples": 2000, "n_few": 500, "repeats": 1},
    "training_step": {"n_spins": 6, "n_observed": 300, "n_steps": 20, "n_turns": 2, "turn": 2},
    "augmented_samples": {
        "n_spins": 6,
        "n_observed": 300,
        "n_steps": 20,
        "n_iterations": 3,
        "n_early": 2,
        "n_samples": 200,
        "n_fast": 5,
        "n_coarse": 3,
        "n_plain": 20,
        "n_reference": 50,
    },
    "pseudolikelihood": {"n_spins": 6, "n_samples": 1000, "repeats": 1},
    "imputation": {"n_spins": 8, "n_samples": 20, "n_missing": 4, "n_plain": 5, "repeats": 1},
    "boltzmann_learning": {"n_spins": 6, "n_samples": 1000, "n_small": 5, "targets": (0.5,), "repeats": 1},
    "discrete_diffusion": {"n_spins": 6, "n_samples": 500, "n_drawn": 2000, "n_plain": 50, "repeats": 1},
    "kinetic": {"n_spins": 6, "n_pairs": 500, "repeats": 1},
    "figure_8": {},
    "tried": {"n_spins": 6, "n_steps": 20, "n_updates": 2, "n_samples": 500, "compiled": False, "repeats": 1},
    "growth_samples": {"n_spins": 6, "sizes": (100, 200, 400)},
    "growth_spins": {"sizes": (4, 6, 8), "n_samples": 500, "n_chains": 256, "n_sweeps": 2},
    "growth_streamed": {"n_spins": 6, "sizes": (100, 200, 400), "batch": 64},
    "growth_drawing": {"n_spins": 6, "sizes": (4, 8, 16), "n_steps": 3, "n_many": 20, "n_rounds": 2},
}


def generator():
    """The same stream of torch's at every call."""
    return denoisers.torch_generator(np.random.default_rng(0))


@pytest.fixture
def small_network(rng):
    """A network of 5 spins and 8 steps, its schedule, and samples."""
    schedule = ddpm.NoiseSchedule.linear(8, first=0.02, last=0.4)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (50, 5))
    return denoisers.ResidualMLP(5, 8, rng=rng), schedule, spins


def test_plain_training_has_the_losses_of_ours(small_network):
    """Same batches, steps and noise; float32 on both sides: sums in another order differ by 1e-6."""
    denoiser, schedule, spins = small_network
    settings = {"n_iterations": 5, "batch_size": 16, "precision": "float32", "rng": np.random.default_rng(0)}
    start = network.plain_network(denoiser)  # ours trains in place
    ours = [step.loss for step in ddpm.train(denoiser, schedule, spins, **settings)]
    plain = network.plain_training(start, schedule, spins, generator(), 16)
    np.testing.assert_allclose(list(itertools.islice(plain, 5)), ours, rtol=1e-4)


def test_plain_sampling_draws_what_ours_draws_with_every_step(small_network):
    denoiser, schedule, _ = small_network
    plain = network.plain_sampling(denoiser, schedule, 7, generator())
    settings = {"n_steps": 8, "order": 1, "precision": "float32", "rng": np.random.default_rng(0)}
    np.testing.assert_allclose(plain, ddpm.sample(denoiser, schedule, 7, **settings), atol=1e-4)


def test_published_updates_end_in_our_fit(rng):
    spins = exact.sample(ising.gaussian(6, rng=rng), 300, rng=rng)
    fit = erasure.fit(spins, 0.6)
    plain = inference.published(spins, 0.6)
    # (1 − 0.1 · 0.6)^1000 is 1e-27: converged; ours is within √21 · 1e-6 / 0.6
    np.testing.assert_allclose(plain, fit.model.to_vector(), atol=1e-5)
    residual = inference.published_residual(inference.features(spins), fit.model.to_vector(), 0.6)
    assert np.abs(residual).max() == pytest.approx(fit.residual, abs=1e-12)


def test_plain_imputation_fills_in_what_ours_fills_in(rng):
    model = ising.gaussian(9, rng=rng)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (20, 9))
    spins[imputation.random_mask(spins.shape, 4, rng=rng)] = 0
    filled, up = inference.plain_imputation(model, spins)
    np.testing.assert_array_equal(filled, imputation.impute(model, spins))
    ours = imputation.probability_up(model, spins)
    np.testing.assert_allclose(up[spins == 0], ours[spins == 0], atol=1e-12)


def test_moments_tell_a_wrong_sampler(rng):
    """The plain chains pass the test of the moments; those of a model with other fields do not."""
    model = ising.gaussian(5, rng=rng)
    other = ising.IsingModel(model.fields + 0.2, model.couplings)
    spins = heat_bath.plain_sample(model, 4000, rng, 50)
    allowed = heat_bath.allowed_z(15)
    assert heat_bath.moments_z(model, spins) < allowed < heat_bath.moments_z(other, spins)
    # Bonferroni: 15 numbers, two tails each
    assert math.erfc(allowed / math.sqrt(2)) * 15 == pytest.approx(1e-3)


def test_t_tells_a_reference_that_is_off(rng):
    """Of independent equal sets t is of order one; half a spread of a set's mean is 14 errors of ours."""
    sets = rng.normal(size=(20, 3))
    assert np.abs(network._against(sets, rng.normal(size=3))).max() < 5
    assert np.abs(network._against(sets, np.full(3, 8.0))).min() > 5


def test_runs_take_the_core_that_is_free_first():
    """Two cores: 3 | 5, then 4 after the 3 ends at 7; three runs of 6 end at 12, not at 9."""
    assert whole.by_the_clock([3, 5, 4], 2) == 7
    assert whole.by_the_clock([6, 6, 6], 2) == 12


def test_exponent_is_the_power():
    assert measure.exponent((1, 10, 100, 1000), [5.0, 20.0, 2000.0, 200_000.0]) == pytest.approx(2)


def test_streamed_samples_are_those_of_the_file(tmp_path, rng):
    path, model = tmp_path / "samples.bits", ising.gaussian(11, 0.5, rng=rng)
    growth._packed_file(path, model, 500, rng, 200)
    one, many = (np.concatenate(list(growth._batches(path, 11, 500, n))) for n in (500, 64))
    np.testing.assert_array_equal(one, many)
    assert one.shape == (500, 11)
    assert set(np.unique(one)) == {-1, 1}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.slow
def test_every_row_runs_and_renders(name, monkeypatch):
    monkeypatch.setattr(network, "_SQUARE", (64, 64, 64))
    with runs.one_thread():
        measured = benchmarks.entry(benchmarks.ROWS[name](**SMALL[name]), 1.0)
    assert len(measured["lines"]) >= 3
    assert all(math.isfinite(line["value"]) for line in measured["lines"])
    table = page.markdown(measured).splitlines()
    assert len(table) == len(measured["lines"]) + 2
    assert {row.replace("\\|", "").count("|") for row in table} == {5}


def test_a_target_is_met_or_not():
    lines = [measure.Line("a", 3.0, "s", target) for target in ("≥ 3e0", "≤ 2.9", "≥ 3.1", "")]
    assert [line.met for line in lines] == [True, False, False, None]
    entry = {"title": "Row", "lines": [vars(line) for line in lines]}
    assert page.summary({"row": entry}).startswith(
        "**1 of 3 targets are met.** Not met:\n\n- Row: a: 3.00 s,"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((0.0, "0"), (12.345, "12.3"), (1234.5, "1,234"), (0.125, "0.125")),
        *((6.54e8, "6.5 · 10⁸"), (4.4e-7, "4.4 · 10⁻⁷")),
    ],
)
def test_numbers_are_short(value, shown):
    assert page.number(value) == shown


def test_all_rows_are_stored_and_shown():
    """The committed results are complete, and the page holds what they say."""
    results = page.read()
    assert list(results) == list(benchmarks.ROWS)
    shown = page.PAGE.read_text()
    assert page.filled(shown, results) == shown
    assert {found["name"] for found in page._BLOCK.finditer(shown)} == set(page.blocks(results))
    for name, entry in results.items():
        assert set(entry) == {"title", "machine", "date", "commit", "versions", "seconds", "lines", "curves"}
        assert len(entry["lines"]) >= 2, name


def test_picture_shows_every_curve():
    figure = page.draw(page.read())
    assert [len(ax.lines) for ax in figure.axes] == [1, 4, 1]
    plt.close(figure)


def test_unknown_rows_are_refused():
    with pytest.raises(ValueError, match=r"row must be one of 'heat_bath'.*got 'nonsense'"):
        benchmarks.main(["nonsense"])
