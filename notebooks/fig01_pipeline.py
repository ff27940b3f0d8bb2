# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 1: the pipeline
#
# **Claim.** *A diffusion model turns few observed samples into many new ones, and the Erasure Machine infers
# the couplings from those.*
#
# The thesis draws this walk as a diagram {cite}`lim2024thesis`. Here every box is filled with what was
# really computed in one run: samples, noised samples, generated samples, couplings. The diagram has no sizes
# of its own. We take the run of [Figures 7](fig07_early_stopping.ipynb) and
# [8](fig08_inference_quality.ipynb), which has those of the thesis: $M = 40$ spins, $N = 4{,}000$ observed
# samples, 100,000 augmented ones.
#
# ## Parameters

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 0.2
n_iterations = 16_000
n_checkpoints = 13
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# The run holds the augmented samples, and the way of 16 further samples from pure noise to spins. The
# observed samples are drawn again from the truth: the same stream gives the same samples. To them we add
# the noise of [Figure 3](fig03_noising_and_denoising.ipynb).

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import ddpm, metrics

runs = find_or_compute(configs)
observed = [walk.samples(config)[0] for config in configs]

# %% [markdown]
# ## The numbers
#
# How many of the augmented samples (the run keeps the first 10,000) are copies of observed ones, and how many
# spins differ from the nearest observed sample, against fresh samples of the truth. Then what the new samples
# are worth: the error (Eq. 23) of the parameters inferred from the observed and from all augmented samples.

# %%
nearest = [metrics.nearest_distance(r["augmented_spins"], o) for r, o in zip(runs, observed, strict=True)]
copies = 100 * np.array([(distance == 0).mean() for distance in nearest])
apart = np.array([distance.mean() for distance in nearest])
fresh_copies = 100 * np.array([run["test_distances"][0] for run in runs])
fresh_apart = np.array([run["test_distances"] @ np.arange(n_spins + 1) for run in runs])
error = {name: np.array([run.error(name) for run in runs]) for name in ("observed", "augmented")}
ratio = error["augmented"] / error["observed"]
print("augmented samples for each observed one:", n_augmented // n_observed)
print("copies of an observed sample, per cent:")
print("  augmented", style.spread(copies, 2), "fresh", style.spread(fresh_copies, 2))
print("spins that differ from the nearest observed sample, mean:")
print("  augmented", style.spread(apart, 2), "fresh", style.spread(fresh_apart, 2))
print("MSE observed:", style.spread(error["observed"]), "augmented:", style.spread(error["augmented"]))
print("MSE augmented / observed:", style.spread(ratio))

# %% tags=["remove-cell"]
glue("fig01_times", str(n_augmented // n_observed), display=False)
glue("fig01_copies", style.spread(copies, 1), display=False)
glue("fig01_apart", style.spread(apart, 1), display=False)
glue("fig01_fresh_copies", style.spread(fresh_copies, 1), display=False)
glue("fig01_fresh_apart", style.spread(fresh_apart, 1), display=False)
glue("fig01_observed", style.spread(error["observed"], 3), display=False)
glue("fig01_augmented", style.spread(error["augmented"], 3), display=False)
glue("fig01_ratio", style.spread(ratio, 2), display=False)
glue("fig01_better", f"{(ratio < 1).sum()} of {len(runs)}", display=False)

# %% [markdown]
# ## The figure

# %%
run, states = runs[0], runs[0]["trajectory"].astype(float)  # (K, 16, M)
shown = np.array([0, 25, 44]) * (len(states) - 1) // 50  # pure noise, half way, nearly there
steps = run["trajectory_steps"][shown]
clean, noise = (
    torch.as_tensor(x, dtype=torch.float32)
    for x in (observed[0][:16], worlds.stream(seeds[0], "noise").normal(size=(16, n_spins)))
)
schedule = ddpm.NoiseSchedule.linear(configs[0].training.n_noise_levels)
noised = [ddpm.add_noise(schedule, clean, torch.full((16,), int(t)), noise).numpy() for t in steps[::-1]]

# %% tags=["hide-input"] mystnb={"image": {"alt": "A diagram filled with data. Top, from left to right: a black and white raster of observed samples, three panels in which grey noise covers it, three panels in which a pattern comes out of grey noise, a finer raster of augmented samples. Below, joined by arrows: couplings inferred from the observed samples on the left, the true couplings in the middle, those inferred from the augmented samples on the right. The errors below the diagonal are paler on the right than on the left."}}
style.use_style()
names = ("observed", "truth", "augmented")
fig = style.pipeline(
    observed[0][:40],
    noised,
    states[shown],
    [f"$t = {t}$" for t in [*steps[::-1], *steps]],
    run["augmented_spins"][:96],
    [run.model(name).couplings for name in names],
    [
        f"{n_observed:,} observed",
        f"{n_augmented:,} augmented",
        f"$J$ from observed, errors below\nMSE {error['observed'][0]:.3f}",
        "true $J$",
        f"$J$ from augmented, errors below\nMSE {error['augmented'][0]:.3f}",
    ],
)
plt.show()

# %% [markdown]
# One run, left to right. Samples are rows, spins columns: black −1, white +1; noised ones are grey, from −2
# to +2. Of the observed samples 40 are drawn, of the augmented ones 96. In the middle, 16 samples each, at
# three of the 1,000 noise levels: on the left the first 16 observed ones with noise added, on the right 16
# others on their way from pure noise to spins. Below, coupling matrices: what was inferred stands above the
# diagonal, inferred minus true below it; all three share one colour scale, orange for negative, purple for
# positive.
#
# ## What to see, and whether the claim holds
#
# **Few become many.** Each observed sample stands for {glue:text}`fig01_times:s` augmented ones. They are
# no copies: {glue:text}`fig01_copies:s` per cent of them are equal to an observed sample, and on average
# {glue:text}`fig01_apart:s` of the spins differ from the nearest one (mean over seeds, smallest and largest).
# For fresh samples of the truth it is {glue:text}`fig01_fresh_copies:s` per cent and
# {glue:text}`fig01_fresh_apart:s` spins: the augmented ones keep a little closer to what was observed.
#
# **The couplings become better.** Compare the triangles below the diagonals: the right one is paler. The
# error (Eq. 23) is {glue:text}`fig01_augmented:s` with the augmented samples and
# {glue:text}`fig01_observed:s` with the observed ones, a ratio of {glue:text}`fig01_ratio:s`. Augmentation
# lowers it in {glue:text}`fig01_better:s` seeds.
#
# **No arrow leads back to the truth.** Once the observed samples are drawn, nothing new about the truth
# enters. What the network adds is an assumption: the law of the spins is smooth in the way a network of
# this kind finds easy to learn. [Figure 2](fig02_missing_points.ipynb) looks at what that does to a law that
# can be written out.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig01_pipeline", preset))
