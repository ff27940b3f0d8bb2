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
# # Figure 10: how many samples, observed and augmented
#
# **Claims.** *Augmented samples help at every number of observed ones, for 20, 40 and 60 spins. The more of
# them the better. Adding the observed samples to them helps.*
#
# Top row: the error against the number $N$ of observed samples, with 300,000 augmented ones
# {cite}`lim2024thesis`. Bottom row: the error against the number of augmented samples, alone and together
# with the observed ones, after training on $N = 4{,}000$ samples of 20 or 40 spins and on $N = 8{,}000$ of
# 60. Fields and couplings are drawn with $g = 1$.
#
# ## Parameters
#
# The thesis's sizes, and five values of $N$. Each seed is another truth, with other samples and another
# training. Training ends where the rule of [Figure 7](fig07_early_stopping.ipynb) says, or after
# `n_iterations`. That limit and the small number of sampling steps are our choices. Where there is least to
# gain, for the fewest spins and the most observed samples, the same trainings go on to the `longer` limit, too.
# What so few sampling steps cost is [measured](../book/benchmarks.md): at $M = 40$, $N = 4{,}000$, $g = 1$
# the error after augmentation comes out a little too large. That works against the claim, not for it.

# %% tags=["parameters"]
preset = "thesis"
system_sizes = [20, 40, 60]
observed_counts = [500, 1_000, 4_000, 8_000, 16_000]
detailed_counts = [4_000, 4_000, 8_000]
coupling_scale = 1.0
field_scale = 1.0
n_iterations = 2_000
n_checkpoints = 7
stop = True
n_monitor = 5_000
n_augmented = 300_000
n_sampling_steps = 12
longer = {"n_iterations": 8_000, "n_checkpoints": 11}
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk

# %% tags=["runs"]
import itertools

from ising_book import worlds

configs = []
for size, count in itertools.product(system_sizes, observed_counts):
    configs += worlds.from_parameters(worlds.Augmentation, globals(), n_spins=size, n_observed=count)
least = {"n_spins": min(system_sizes), "n_observed": max(observed_counts)}
further = worlds.from_parameters(worlds.Augmentation, globals(), **least, **longer)
configs = [*itertools.chain(configs, further)]

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style
from ising_book.runs import by_config
from ising_lib import metrics

found = by_config(configs)
runs = [found[config] for config in configs]

# %% [markdown]
# ## The numbers
#
# Top row: the mean squared error of [Eq. (23)](#eq-23), from observed and from augmented samples.

# %%
shape = len(system_sizes), len(observed_counts), len(seeds)
observed = np.array([run.error("observed") for run in runs]).reshape(shape)
augmented = np.array([run.error("augmented") for run in runs]).reshape(shape)
fired = np.array([run["stop_crossed"] for run in runs]).reshape(shape)
ratio = augmented / observed
for size, *rows in zip(system_sizes, observed, augmented, ratio, fired.sum(2), strict=True):
    print(f"M = {size}")
    for count, obs, aug, both, stops in zip(observed_counts, *rows, strict=True):
        print(f"  N = {count:>6,}: observed {style.spread(obs)}, augmented {style.spread(aug)}")
        print(f"              ratio {style.spread(both, 2)}; the rule fired in {stops} of {len(seeds)}")

# %% [markdown]
# Trained further, with the fewest spins and the most observed samples:

# %%
on = [found[config] for config in further]
gain = np.array([run.error("augmented") / run.error("observed") for run in on])
ends = [run["iterations"][run["stop_index"]] for run in on]
print(f"M = {least['n_spins']}, N = {least['n_observed']:,}: ratio {style.spread(gain, 2)}")
print("  by seed", *(f"{value:.2f} after {end:,};" for value, end in zip(gain, ends, strict=True)))

# %% [markdown]
# Bottom row: one number of observed samples for each size, and growing parts of the augmented ones.

# %%
grid = np.array(runs, dtype=object).reshape(shape)
detailed = [row[observed_counts.index(n)] for row, n in zip(grid, detailed_counts, strict=True)]
sizes = runs[0]["sizes"]
alone = np.array([[run.error("by_size") for run in row] for row in detailed])  # (systems, seeds, sizes)
joined = np.array([[run.error("by_size_with_observed") for run in row] for row in detailed])
print("augmented samples:", ", ".join(f"{size:,}" for size in sizes))
for size, count, one, two in zip(system_sizes, detailed_counts, alone.mean(1), joined.mean(1), strict=True):
    print(f"M = {size}, N = {count:,}: alone", " ".join(f"{value:.3f}" for value in one))
    print("     and the observed ones", " ".join(f"{value:.3f}" for value in two))

# %% tags=["remove-cell"]
glue("fig10_spins", f"{min(system_sizes)} to {max(system_sizes)}", display=False)
glue("fig10_samples", f"{min(observed_counts):,} to {max(observed_counts):,}", display=False)
glue("fig10_better", f"{(ratio < 1).sum()} of {ratio.size}", display=False)
lost = [
    f"M = {size}, N = {count:,} ({style.spread(both, 2)})"
    for size, row in zip(system_sizes, ratio, strict=True)
    for count, both in zip(observed_counts, row, strict=True)
    if (both >= 1).any()
]
glue("fig10_lost", "; ".join(lost) or "none", display=False)
for size, row in zip(system_sizes, ratio, strict=True):
    glue(f"fig10_ratio_{size}", f"{row.mean(1).min():.2f} to {row.mean(1).max():.2f}", display=False)
glue("fig10_further", style.spread(gain, 2), display=False)
glue("fig10_further_better", f"{(gain < 1).sum()} of {gain.size}", display=False)
glue("fig10_further_at", ", ".join(f"{end:,}" for end in ends), display=False)
short = ratio[system_sizes.index(least["n_spins"]), observed_counts.index(least["n_observed"])]
glue("fig10_short", style.spread(short, 2), display=False)
glue("fig10_fired", f"{fired.sum()} of {fired.size}", display=False)
rises = np.diff(alone, axis=2) > 0
glue("fig10_rises", f"{rises.sum()} of {rises.size}", display=False)
late = alone[:, :, -1] / alone[:, :, len(sizes) // 2]
glue("fig10_late", style.spread(late, 2), display=False)
glue("fig10_middle", f"{sizes[len(sizes) // 2]:,}", display=False)
glue("fig10_most", f"{sizes[-1]:,}", display=False)
first, last = joined[:, :, 0] / alone[:, :, 0], joined[:, :, -1] / alone[:, :, -1]
glue("fig10_joined_first", style.spread(first, 2), display=False)
glue("fig10_joined_last", style.spread(last, 3), display=False)
glue("fig10_joined_helps", f"{(joined < alone).sum()} of {alone.size}", display=False)
glue("fig10_joined_helps_last", f"{(last < 1).sum()} of {last.size}", display=False)
glue("fig10_least", f"{sizes[0]:,}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels, one column for each of three numbers of spins. Top: the error against the number of observed samples on logarithmic axes, for parameters inferred from observed and from augmented samples. Bottom: the error against the number of augmented samples, alone and together with the observed samples, with the level of the observed samples alone."}}
style.use_style()
fig, axes = plt.subplots(2, len(system_sizes), figsize=(9, 6), squeeze=False)
for column, size, count, *rows in zip(
    axes.T, system_sizes, detailed_counts, observed, augmented, alone, joined, strict=True
):
    obs, aug, one, two = rows
    style.curve(column[0], observed_counts, obs.T, "observed")
    style.curve(column[0], observed_counts, aug.T, "augmented")
    column[0].set(xscale="log", xlabel="observed samples $N$", title=f"$M = {size}$")
    style.curve(column[1], sizes, one, "augmented", "augmented alone")
    style.curve(column[1], sizes, two, "joined", "with the observed")
    style.level(column[1], obs[observed_counts.index(count)], "observed", "observed alone")
    column[1].set(xscale="log", xlabel="augmented samples", title=f"$M = {size}$, $N$ = {count:,}")
    for ax in column:
        style.plain_decades(ax)
for row in axes:
    row[0].set_ylabel("MSE")
    row[-1].legend(fontsize=8)

# %% [markdown]
# Top: error against the number of observed samples. Bottom: error against the number of augmented samples,
# alone and together with the observed ones; the dashed level is that of the observed samples alone. Lines
# are means over the seeds; with more than one, bands reach from the smallest to the largest.
#
# ## Whether the claims hold
#
# **At every $N$ and $M$.** The augmented samples gave the smaller error in {glue:text}`fig10_better:s` runs.
# The ratio of the errors, a mean over seeds for each $N$, runs from {glue:text}`fig10_ratio_20:s` for
# 20 spins, {glue:text}`fig10_ratio_40:s` for 40 and {glue:text}`fig10_ratio_60:s` for 60. Where at least one
# seed lost by augmentation: {glue:text}`fig10_lost:s`. The rule fired in {glue:text}`fig10_fired:s` runs; in
# the others training ended at its limit.
#
# **Is the limit to blame?** The gain is smallest where the observed samples are many for few spins, and there
# the rule does not fire within our limit. Trained on, to {glue:text}`fig10_further_at:s` iterations seed by
# seed, the ratio at that corner goes from {glue:text}`fig10_short:s` to {glue:text}`fig10_further:s`, below one
# in {glue:text}`fig10_further_better:s`.
#
# **The more augmented samples the better.** Among the steps from one size to the next the error rose in
# {glue:text}`fig10_rises:s`. From {glue:text}`fig10_middle:s` samples to {glue:text}`fig10_most:s` it changed
# by a factor of {glue:text}`fig10_late:s`. What remains is what more samples cannot remove: the network's
# own error and the Erasure Machine's.
#
# **Adding the observed samples.** It lowered the error in {glue:text}`fig10_joined_helps:s` cases. Beside
# {glue:text}`fig10_least:s` augmented samples they change it by a factor of
# {glue:text}`fig10_joined_first:s`: there the observed ones are the larger part. Beside
# {glue:text}`fig10_most:s` the factor is {glue:text}`fig10_joined_last:s`, below one in
# {glue:text}`fig10_joined_helps_last:s`.

# %% tags=["remove-input"]
Markdown(provenance.table(list(found.values()), "fig10_sample_sizes", preset))
