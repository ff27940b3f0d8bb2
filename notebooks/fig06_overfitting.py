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
# # Figure 6: overfitting
#
# **Claim.** *Trained too long, the diffusion model generates samples that merely mimic the observed ones.*
#
# In the thesis this figure is a sketch: dots of the augmented samples gather on those of the observed ones
# {cite}`lim2024thesis`. Here it is measured, on the run of [Figure 5](fig05_training_length.ipynb). Four
# questions are asked at each checkpoint.
#
# - *How far is a generated sample from the nearest observed one?* The distance is the number of spins that
#   differ ({func}`ising_lib.metrics.nearest_distance`). At distance zero the sample is a copy.
# - *How many of the generated samples differ from each other?*
# - *How well does the network remove noise from samples it has not seen?* The loss of Eq. (44) on
#   observed samples goes on falling. On held-out ones, the test samples of the stopping rule, it turns up
#   where the network overfits ({func}`ising_lib.ddpm.denoising_loss`).
# - *Do the error and the energy variance of [Figure 7](fig07_early_stopping.ipynb) notice?*
#
# A copy proves nothing by itself. With strong couplings some configurations are frequent, and fresh samples
# of the true model hit observed ones by chance. So we draw as many samples from the true model, and compare
# with them. A perfect augmentation could not be told from these.
#
# ## Parameters
#
# As in [Figure 5](fig05_training_length.ipynb), whose run this is.

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
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# Each run compares the `n_monitor` samples of a checkpoint with the observed ones. The same number of fresh
# samples of the true model is drawn and compared here; a run itself holds this for as many test samples as
# were observed, too few to count rare copies.

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import metrics, sampling, stopping

runs = find_or_compute(configs)

# %%
observed = [walk.samples(one)[0] for one in configs]
fresh = [sampling.sample(walk.truth(one), n_monitor, rng=worlds.stream(one.seed, "fresh")) for one in configs]
nearest = [metrics.nearest_distance(new, old) for new, old in zip(fresh, observed, strict=True)]

# %% [markdown]
# ## The numbers
#
# For each checkpoint, mean over the seeds: the share of copies, the mean distance to the nearest observed
# sample, the share of different samples, both losses, the error and the energy variance, the last two
# relative to the lines that they are compared with.

# %%
iterations = runs[0]["iterations"]
distances = np.array([run["distances"] for run in runs])  # (S, K, M + 1)
true_distances = np.array([np.bincount(d, minlength=n_spins + 1) / n_monitor for d in nearest])  # (S, M + 1)
copies, true_copies = distances[..., 0], true_distances[:, 0]
far, true_far = (shares @ np.arange(n_spins + 1) for shares in (distances, true_distances))
distinct = np.array([run["distinct"] for run in runs])
true_distinct = np.array([len(np.unique(spins, axis=0)) / n_monitor for spins in fresh])
seen, unseen = (np.array([run[name] for run in runs]) for name in ("observed_loss", "test_loss"))
error = np.array([run.error("monitored") / run.error("observed") for run in runs])
variance = np.array([run["variance"] / run["test_line"] for run in runs])
print("iterations  copies     far  differ    seen  unseen   error   Var E")
for k, iteration in enumerate(iterations):
    row = (copies, far, distinct, seen, unseen, error, variance)
    print(f"{iteration:10}", *(f"{values[:, k].mean():7.4f}" for values in row))
print("true model", *(f"{values.mean():7.4f}" for values in (true_copies, true_far, true_distinct)))

# %% [markdown]
# When does each sign appear? The distance is asked as the energy variance is: when does it come down to
# that of the test samples, the `n_observed` that the run itself has drawn?

# %%
best, best_unseen = error.argmin(1), unseen.argmin(1)
stops = [[run["stop_iteration"]] if run["stop_crossed"] else [] for run in runs]  # one or none per seed
test_far = [run["test_distances"] @ np.arange(n_spins + 1) for run in runs]
near = [stopping.crossing(iterations, *lines, 0.0) for lines in zip(far, test_far, strict=True)]
near = [f"{point.iteration:,.0f}" if point.crossed else "never" for point in near]
fires = [f"{stop[0]:,.0f}" if stop else "never" for stop in stops]
for row in zip(seeds, iterations[best], near, iterations[best_unseen], fires, strict=True):
    print("seed {}: lowest error after {}, distance of test samples {}".format(*row[:3]))
    print("  lowest held-out loss {}, energy variance of test samples {}".format(*row[3:]))

# %%
everyone = np.arange(len(runs))
kept = [run["stop_index"] for run in runs]
error_rise, unseen_rise, regret, regret_unseen = (
    values[everyone, k] / values.min(1)
    for values, k in ((error, -1), (unseen, -1), (error, kept), (error, best_unseen))
)
excess = copies / true_copies[:, None]
memory = [len(np.unique(spins, axis=0)) / n_monitor for spins in observed]
print("copies, true model:", style.spread(true_copies, 4))
print("  its relative standard error:", style.spread((n_monitor * true_copies) ** -0.5, 2))
print("  times that where the error is lowest:", style.spread(excess[everyone, best], 1))
print("  at the checkpoint kept:", style.spread(excess[everyone, kept], 1))
print("  at the end:", style.spread(excess[:, -1], 0))
print("different, if nothing but copies were made:", style.spread(memory))
print("error at the end / lowest:", style.spread(error_rise))
print("  at the checkpoint kept:", style.spread(regret))
print("  at the lowest held-out loss:", style.spread(regret_unseen))
print("held-out loss at the end / lowest:", style.spread(unseen_rise))

# %% tags=["remove-cell"]
glue("fig06_seeds", str(len(seeds)), display=False)
glue("fig06_last", f"{iterations[-1]:,}", display=False)
glue("fig06_copies", style.spread(copies[:, -1], 2), display=False)
glue("fig06_true_copies", style.spread(true_copies, 4), display=False)
glue("fig06_uncertain", style.spread(100 * (n_monitor * true_copies) ** -0.5, 0), display=False)
glue("fig06_best_excess", style.spread(excess[everyone, best], 1), display=False)
glue("fig06_kept_excess", style.spread(excess[everyone, kept], 0), display=False)
glue("fig06_excess", style.spread(excess[:, -1], 0), display=False)
glue("fig06_far", style.spread(far[:, -1], 1), display=False)
glue("fig06_true_far", style.spread(true_far, 1), display=False)
glue("fig06_distinct", style.spread(distinct[:, -1], 2), display=False)
glue("fig06_true_distinct", style.spread(true_distinct, 2), display=False)
glue("fig06_memory", style.spread(memory, 2), display=False)
glue("fig06_error_rise", style.spread(error_rise, 2), display=False)
glue("fig06_unseen_rise", style.spread(unseen_rise, 2), display=False)
glue("fig06_regret", style.spread(regret, 2), display=False)
glue("fig06_regret_unseen", style.spread(regret_unseen, 2), display=False)
glue("fig06_error_rises", f"{(error_rise > 1).sum()} of {len(runs)}", display=False)
glue("fig06_unseen_rises", f"{(unseen_rise > 1).sum()} of {len(runs)}", display=False)
glue("fig06_best", ", ".join(f"{iterations[k]:,}" for k in best), display=False)
glue("fig06_best_unseen", ", ".join(f"{iterations[k]:,}" for k in best_unseen), display=False)
glue("fig06_kept", ", ".join(f"{iterations[k]:,}" for k in kept), display=False)
glue("fig06_near", ", ".join(near), display=False)
glue("fig06_fires", ", ".join(fires), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels. First: the distribution of the distance to the nearest observed sample at each checkpoint moves towards zero as training goes on, and past that of fresh samples of the true model. Then, against training iterations: the share of copies; the share of different samples; the loss on observed and on held-out samples, which part; the error of the inference; the energy variance."}}
style.use_style()
fig, axes = plt.subplots(2, 3, figsize=(9, 5.6))
fig.get_layout_engine().set(w_pad=0.08)
reach = np.flatnonzero(distances.max((0, 1)) > 1e-3)[-1] + 1
ends = [f"{iterations[0]:,} it.", *[None] * (len(iterations) - 2), f"{iterations[-1]:,} it."]
style.fan(axes[0, 0], np.arange(n_spins + 1), distances.mean(0), ends)
style.curve(axes[0, 0], np.arange(n_spins + 1), true_distances, "test", "true model")
for ax, values, line, name in (
    (axes[0, 1], copies, true_copies, "share of copies"),
    (axes[0, 2], distinct, true_distinct, "share of different samples"),
):
    style.curve(ax, iterations, values, "augmented")
    style.level(ax, line, "test", "true model")
    ax.set_ylabel(name)
style.curve(axes[1, 0], iterations, seen, "observed")
style.curve(axes[1, 0], iterations, unseen, "test", "held out")
style.curve(axes[1, 1], iterations, error, "augmented")
style.level(axes[1, 1], 1.0, "observed")
style.curve(axes[1, 2], iterations, variance, "augmented")
style.level(axes[1, 2], 1.0, "test")
style.level(axes[1, 2], [run["observed_line"] / run["test_line"] for run in runs], "observed")
style.training_axis(axes.ravel()[None, 1:], [np.concatenate(stops)] * 5)
axes[0, 0].set(xlabel="distance to nearest observed", ylabel="share of samples", xlim=(0, reach))
axes[0, 0].legend()
axes[0, 1].set_yscale("log")
axes[1, 0].set_ylabel("denoising loss")
axes[1, 1].set_ylabel("MSE / observed MSE")
_ = axes[1, 2].set_ylabel("Var E / Var E of test")

# %% [markdown]
# Top left: distances from generated samples to the nearest observed one, a line for each checkpoint, darker
# as training goes on, mean over the seeds; dash-dotted the same for fresh samples of the true model. Then,
# against training iterations: the share of copies, on a logarithmic scale; the number of different samples
# as a share of all; the denoising loss on the observed and on as many held-out samples; the error relative to
# that of the observed samples; the energy variance relative to that of the test samples. Mean over the
# seeds, and where there are several a band from the smallest to the largest. Vertical: where the rule of
# [Figure 7](fig07_early_stopping.ipynb) stops.
#
# ## What to see, and whether the claim holds
#
# Seeds: {glue:text}`fig06_seeds:s`. Numbers are means over them; where there are several, the smallest and
# the largest follow, or one number per seed.
#
# **Trained too long, the model copies. This holds.** After {glue:text}`fig06_last:s` iterations
# {glue:text}`fig06_copies:s` of the samples are exact copies of observed ones. Of fresh samples of the true
# model {glue:text}`fig06_true_copies:s` are, so that this is {glue:text}`fig06_excess:s` times what chance
# explains. The mean distance to the nearest observed sample has gone down to {glue:text}`fig06_far:s` spins; in
# the true model it is {glue:text}`fig06_true_far:s`.
#
# **It does not merely copy, even then.** The share of different samples is {glue:text}`fig06_distinct:s`. The
# true model has {glue:text}`fig06_true_distinct:s`, and a machine that only copies
# {glue:text}`fig06_memory:s`. What is not a copy differs from one in a few spins.
#
# **The error falls, then rises. This holds**, in {glue:text}`fig06_error_rises:s` seeds. It is lowest after
# {glue:text}`fig06_best:s` iterations and at the end {glue:text}`fig06_error_rise:s` times as high. At its
# lowest, copies are {glue:text}`fig06_best_excess:s` times as frequent as in the true model, which counting
# alone makes uncertain by some {glue:text}`fig06_uncertain:s` per cent. So a few extra copies do no harm.
#
# **The held-out loss sees it too.** It rises in {glue:text}`fig06_unseen_rises:s` seeds, to
# {glue:text}`fig06_unseen_rise:s` times its lowest value.
#
# **When does each sign appear?**
#
# | sign | iterations |
# |---|---|
# | lowest error (needs the truth) | {glue:text}`fig06_best:s` |
# | distance comes down to that of test samples | {glue:text}`fig06_near:s` |
# | lowest held-out loss | {glue:text}`fig06_best_unseen:s` |
# | energy variance comes down to that of test samples (the rule of the thesis) | {glue:text}`fig06_fires:s` |
#
# The rule agrees with the held-out loss within the spacing of the checkpoints, and spares the training its worst
# part. For the inference both come a little late: at the lowest held-out loss the error is
# {glue:text}`fig06_regret_unseen:s` times its lowest value. What the rule keeps is the first checkpoint after
# the crossing. Here that is the one after {glue:text}`fig06_kept:s` iterations, where the error is
# {glue:text}`fig06_regret:s` times the lowest and copies are {glue:text}`fig06_kept_excess:s` times as frequent as
# in the true model. Checkpoints a factor of two apart are coarse for this rule: where the crossing comes just
# after one of them, the next is far too late.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig06_overfitting", preset))
