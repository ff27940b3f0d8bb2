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
# # Figure 5: how long to train
#
# **Claim.** *Trained too briefly, the diffusion model makes nearly random samples, and the couplings
# inferred from them are too weak; then they become better than those inferred from the observed samples;
# trained too long, the model only mimics the observed samples.*
#
# The thesis draws inferred against true parameters after 1,000, 16,000 and 1,000,000 training iterations,
# for $M = 40$ spins, $N = 2{,}000$ observed samples and 100,000 augmented ones {cite}`lim2024thesis`. We
# draw them after 1,000, 16,000 and 64,000, and look at nine moments in all.
#
# Parameters that agree lie on the diagonal. Two things can take them away from it. Let
#
# $$
# \theta^\text{inferred} = a + b\, \theta^\text{true} + \text{noise}
# $$
#
# be the straight line of least squares through the dots ({func}`ising_lib.metrics.agreement`). A slope
# $b < 1$ says that the inferred parameters are too weak: the cloud is too flat. Noise makes the cloud thick
# and lowers the correlation. Both count in the squared error of [Eq. (23)](#eq-23).
#
# ## Parameters
#
# The sizes are the thesis's, but for the last number of iterations. Fields and couplings are both drawn
# with $g = 1$. The noise levels, the optimiser and the average of the weights are those of
# [Figure 7](fig07_early_stopping.ipynb); samples are drawn in 16 of the 1,000 noise levels. At each of nine
# checkpoints, each at twice the iterations of the one before, 100,000 samples are generated.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 2_000
coupling_scale = 1.0
field_scale = 1.0
n_iterations = 64_000
n_checkpoints = 9
n_monitor = 100_000
n_augmented = 100_000
n_sampling_steps = 16
shown = [1_000, 16_000, 64_000]
seeds = [0]

# %% [markdown]
# ## The walk
#
# One run draws a truth and samples of it, fits the observed samples, trains, and at each checkpoint
# generates `n_monitor` samples and fits them. Those fits are what is drawn here.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_lib import experiments, metrics, plotting, provenance

training = experiments.Training(
    n_iterations=n_iterations,
    n_checkpoints=n_checkpoints,
    n_monitor=n_monitor,
    n_augmented=n_augmented,
    n_sampling_steps=n_sampling_steps,
)
config = experiments.Augmentation(
    n_spins=n_spins,
    n_observed=n_observed,
    coupling_scale=coupling_scale,
    field_scale=field_scale,
    training=training,
)
runs = experiments.run_all(experiments.with_seeds(config, seeds))

# %% [markdown]
# ## The numbers
#
# For each checkpoint, mean over the seeds: the error (Eq. 23) and its ratio to that of the observed samples;
# the slope and the correlation; the share of the error that the slope alone explains; and the distance
# from the parameters inferred from the observed samples,
#
# $$
# D = \frac{1}{M} \Big[ \sum_i (h_i^\text{aug} - h_i^\text{obs})^2
# + \sum_{i<j} (J_{ij}^\text{aug} - J_{ij}^\text{obs})^2 \Big],
# $$
#
# in the same units as the error. If the model only mimicked what it has seen, $D$ would go to zero.

# %%
iterations = runs[0]["iterations"]
observed = np.array([run.error("observed") for run in runs])  # (S,)
error = np.array([run.error("monitored") for run in runs])  # (S, K)
distance = np.array([((run["monitored"] - run["observed"]) ** 2).sum(1) / n_spins for run in runs])
fits = [metrics.agreement(run["truth"], run["monitored"]) for run in runs]
slope, correlation, weakness = (
    np.array([getattr(fit, name) for fit in fits]) for name in ("slope", "correlation", "weakness")
)
print("iterations    MSE  ratio  slope      r  share of the slope  distance")
for k, iteration in enumerate(iterations):
    row = (error, error / observed[:, None], slope, correlation, weakness, distance)
    print(f"{iteration:10}", *(f"{values[:, k].mean():6.3f}" for values in row))

# %%
of_observed = [metrics.agreement(run["truth"], run["observed"]) for run in runs]
observed_slope, observed_correlation, observed_weakness = (
    np.array([getattr(fit, name) for fit in of_observed]) for name in ("slope", "correlation", "weakness")
)
print("observed: MSE", metrics.spread(observed), "slope", metrics.spread(observed_slope))
print("  correlation", metrics.spread(observed_correlation), "share", metrics.spread(observed_weakness))
columns = [np.abs(np.log(iterations / wanted)).argmin() for wanted in shown]
best = error.argmin(1)
print("drawn:", iterations[columns], "lowest MSE after:", iterations[best])
print("lowest MSE / observed MSE:", metrics.spread(error.min(1) / observed))
print("last MSE / lowest MSE:", metrics.spread(error[:, -1] / error.min(1)))

# %%
plotting.use_style()
fig, axes = plt.subplots(2, 3, figsize=(9, 6.4))
run = runs[0]
limit = 1.05 * np.abs(np.concatenate([run["truth"], run["observed"], run["monitored"].ravel()])).max()
for ax, k in zip(axes[0], columns, strict=True):
    note = f"slope {slope[0, k]:.2f}\nr {correlation[0, k]:.2f}\nMSE {error[0, k]:.3f}"
    plotting.fields_and_couplings(ax, run["truth"], run["monitored"][k], n_spins, "augmented", limit, note)
    ax.set_title(f"augmented, {iterations[k]:,} iterations")
note = f"slope {observed_slope[0]:.2f}\nr {observed_correlation[0]:.2f}\nMSE {observed[0]:.3f}"
plotting.fields_and_couplings(axes[1, 0], run["truth"], run["observed"], n_spins, "observed", limit, note)
axes[1, 0].set_title(f"observed, N = {n_observed:,}")
axes[1, 0].legend(loc="lower right", markerscale=1.5)
