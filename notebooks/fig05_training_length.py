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
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# One run draws a truth and samples of it, fits the observed samples, trains, and at each checkpoint
# generates `n_monitor` samples and fits them. Those fits are what is drawn here.

# %% tags=["runs"]
from ising_book import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style
from ising_book.runs import find_or_compute
from ising_lib import metrics

runs = find_or_compute(configs)

# %% [markdown]
# ## The numbers
#
# For each checkpoint, mean over the seeds: the error (Eq. 23) and its ratio to that of the observed samples;
# the slopes of all parameters, of the fields and of the couplings; the correlation; the share of the error that the slope alone explains; and the distance
# $D$ from the parameters inferred from the observed samples,
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
fits = [metrics.agreement(run["truth"], [*run["monitored"], run["observed"]]) for run in runs]
slope, correlation, weakness = (
    np.array([getattr(fit, name) for fit in fits])  # (S, K + 1), the last for the observed samples
    for name in ("slope", "correlation", "weakness")
)
slope_h, slope_j = (
    np.array([metrics.agreement(run["truth"][part], run["monitored"][:, part]).slope for run in runs])
    for part in (slice(n_spins), slice(n_spins, None))
)
print("iterations    MSE  ratio  slope      h      J      r  share      D")
for k, iteration in enumerate(iterations):
    row = (error, error / observed[:, None], slope, slope_h, slope_j, correlation, weakness, distance)
    print(f"{iteration:10}", *(f"{values[:, k].mean():6.3f}" for values in row))

# %%
print("observed: MSE", style.spread(observed), "slope", style.spread(slope[:, -1]))
print("  correlation", style.spread(correlation[:, -1]), "share", style.spread(weakness[:, -1]))
columns = [np.abs(np.log(iterations / wanted)).argmin() for wanted in shown]
best = error.argmin(1)
print("drawn:", iterations[columns], "lowest MSE after:", iterations[best])
print("lowest MSE / observed MSE:", style.spread(error.min(1) / observed))
print("last MSE / lowest MSE:", style.spread(error[:, -1] / error.min(1)))
print("last D / observed MSE:", style.spread(distance[:, -1] / observed))

# %% [markdown]
# The thesis takes the first samples for nearly random ones. Independent fair spins would have the energy
# variance $\sum_i (h_i^\text{obs})^2 + \sum_{i<j} (J_{ij}^\text{obs})^2$ under the model of the observed
# samples, because the $\sigma_i$ and the $\sigma_i \sigma_j$ are then all uncorrelated, with variance 1.

# %%
random_variance = np.array([(run["observed"] ** 2).sum() for run in runs])
first_variance, test_variance = (
    np.array([np.ravel(run[name])[0] for run in runs]) for name in ("variance", "test_line")
)
print("Var E of fair spins:", style.spread(random_variance, 1))
print("of the first checkpoint's samples:", style.spread(first_variance, 1))
print("of test samples:", style.spread(test_variance, 1))

# %% tags=["remove-cell"]
best_correlation = correlation[np.arange(len(runs)), best]
for n, k in enumerate(columns):
    glue(f"fig05_iterations_{n}", f"{iterations[k]:,}", display=False)
    glue(f"fig05_slope_{n}", style.spread(slope[:, k], 2), display=False)
    glue(f"fig05_slope_h_{n}", style.spread(slope_h[:, k], 2), display=False)
    glue(f"fig05_slope_j_{n}", style.spread(slope_j[:, k], 2), display=False)
    glue(f"fig05_correlation_{n}", style.spread(correlation[:, k], 2), display=False)
    glue(f"fig05_weakness_{n}", style.spread(weakness[:, k], 2), display=False)
    glue(f"fig05_ratio_{n}", style.spread(error[:, k] / observed, 2), display=False)
glue("fig05_seeds", str(len(seeds)), display=False)
glue("fig05_first", f"{iterations[0]:,}", display=False)
glue("fig05_first_slope", style.spread(slope[:, 0], 2), display=False)
glue("fig05_first_distance", style.spread(distance[:, 0] / observed, 2), display=False)
glue("fig05_last_distance", style.spread(distance[:, -1] / observed, 2), display=False)
glue("fig05_observed_slope", style.spread(slope[:, -1], 2), display=False)
glue("fig05_observed_correlation", style.spread(correlation[:, -1], 2), display=False)
glue("fig05_best", ", ".join(f"{iterations[k]:,}" for k in best), display=False)
glue("fig05_best_correlation", style.spread(best_correlation, 2), display=False)
glue("fig05_lowest", style.spread(error.min(1) / observed, 2), display=False)
glue("fig05_better", f"{(error.min(1) < observed).sum()} of {len(runs)}", display=False)
glue("fig05_worse", f"{(error[:, -1] > observed).sum()} of {len(runs)}", display=False)
glue("fig05_random_variance", style.spread(random_variance, 0), display=False)
glue("fig05_first_variance", style.spread(first_variance, 0), display=False)
glue("fig05_test_variance", style.spread(test_variance, 0), display=False)
glue("fig05_hours", style.spread([run.core_seconds / 3600 for run in runs], 1), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five panels. Top: inferred against true fields and couplings after three lengths of training, with the diagonal and a fitted line; at first the cloud is too flat, later it follows the diagonal. Bottom left: the same from the observed samples, steeper but thicker. Bottom right: the error against training iterations, with the level of the observed samples, and the distance from the parameters inferred from them."}}
style.use_style()
fig, axes = plt.subplot_mosaic("abc;odd", figsize=(9, 6.3))
run = runs[0]
limit = 1.05 * np.abs(np.vstack([run["truth"], run["observed"], run["monitored"][columns]])).max()
for panel, k in zip("abc", columns, strict=True):
    note = f"slope {slope[0, k]:.2f}\nr {correlation[0, k]:.2f}\nMSE {error[0, k]:.3f}"
    style.fields_and_couplings(
        axes[panel], run["truth"], run["monitored"][k], n_spins, "augmented", limit, note
    )
    axes[panel].set_title(f"augmented, {iterations[k]:,} iterations")
note = f"slope {slope[0, -1]:.2f}\nr {correlation[0, -1]:.2f}\nMSE {observed[0]:.3f}"
style.fields_and_couplings(axes["o"], run["truth"], run["observed"], n_spins, "observed", limit, note)
axes["o"].set_title(f"observed, N = {n_observed:,}")
axes["o"].legend(loc="lower right", markerscale=1.5)
style.curve(axes["d"], iterations, error, "augmented", "augmented to true")
style.level(axes["d"], observed, "observed", "observed to true")
style.curve(axes["d"], iterations, distance, "baseline", "augmented to observed")
style.training_axis(np.array([[axes["d"]]]), [[]])
_ = axes["d"].set(ylabel="squared distance / M", ylim=(0, None), title=f"seeds: {len(seeds)}")

# %% [markdown]
# Top and bottom left: inferred against true parameters of one seed, fields as diamonds, couplings as dots;
# the solid line is the diagonal, the dashed line the fit. Bottom right: the error of Eq. (23), that of the
# observed samples, and the distance $D$ between the two inferences; mean over the seeds, and where there are
# several a band from the smallest to the largest.
#
# Move the slider to see all checkpoints. It needs no running kernel.

# %% tags=["hide-input", "nbval-ignore-output"]
film = style.training_film(run["truth"], run["monitored"], n_spins, iterations, error[0], observed[0])
style.player(film, "fig05_training_length", "inferred against true parameters at each checkpoint")

# %% [markdown]
# ## What to see, and whether the claim holds
#
# Seeds: {glue:text}`fig05_seeds:s`. Numbers are means over them; where there are several, the smallest and
# the largest follow.
#
# **At first the cloud is too flat. This holds.** The slope is {glue:text}`fig05_first_slope:s` after
# {glue:text}`fig05_first:s` iterations and {glue:text}`fig05_slope_0:s` after
# {glue:text}`fig05_iterations_0:s`, where weakness alone makes up {glue:text}`fig05_weakness_0:s` of the
# error. It is the couplings that are too weak. The fields are learned first: their own slope is
# {glue:text}`fig05_slope_h_0:s` by then, against {glue:text}`fig05_slope_j_0:s` for the couplings.
#
# The explanation is only half right, though. The early samples are not nearly random. Random ones would
# give a slope of zero and an energy variance of {glue:text}`fig05_random_variance:s`. The early ones have
# {glue:text}`fig05_first_variance:s`, more than the {glue:text}`fig05_test_variance:s` of test samples. Nor is
# flat the same as bad: after {glue:text}`fig05_iterations_0:s` iterations the error is
# {glue:text}`fig05_ratio_0:s` times that of the observed samples, whose cloud is steeper
# ({glue:text}`fig05_observed_slope:s`) but thicker.
#
# **Then the inference is better than from the observed samples. This holds**, in
# {glue:text}`fig05_better:s` seeds. After {glue:text}`fig05_iterations_1:s` iterations, the second number of
# the thesis, the error is {glue:text}`fig05_ratio_1:s` times that of the observed samples. The best
# checkpoint, after {glue:text}`fig05_best:s`, has {glue:text}`fig05_lowest:s` times.
#
# **Trained too long, it mimics. This holds.** After {glue:text}`fig05_iterations_2:s` iterations the error is
# {glue:text}`fig05_ratio_2:s` times the observed one; all that was gained is lost again or nearly so. And
# the parameters are nearly the same: their distance $D$ from those of the observed samples has gone down from
# {glue:text}`fig05_first_distance:s` to {glue:text}`fig05_last_distance:s` of the observed error. In
# {glue:text}`fig05_worse:s` seeds they have become worse than those. [Figure 6](fig06_overfitting.ipynb) looks
# at the samples themselves.
#
# Slope and correlation tell why there is a best moment. The slope keeps rising, to
# {glue:text}`fig05_slope_2:s`: longer training cures the weakness. But the noise of the observed samples
# creeps in. The correlation is {glue:text}`fig05_best_correlation:s` at the best checkpoint and
# {glue:text}`fig05_correlation_2:s` at the end; for the observed samples it is
# {glue:text}`fig05_observed_correlation:s`.
#
# **Where we stop.** We do not train for the thesis's 1,000,000 iterations. Each run above took
# {glue:text}`fig05_hours:s` hours on one core; a million iterations would take more than ten times as long,
# and the small $D$ says that little is left to see.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig05_training_length", preset))
