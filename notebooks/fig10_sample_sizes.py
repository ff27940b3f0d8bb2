# %% [markdown]
# # Figure 10: how many samples, observed and augmented
#
# **The thesis claims:** *Augmented samples help at every number of observed ones, for 20, 40 and 60 spins. The more
# of them the better. Adding the observed samples to them helps.* {cite}`lim2024thesis` {verdict}`3,4,5`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
system_sizes = [20, 40, 60]
observed_counts = [500, 1_000, 4_000, 8_000, 16_000]
coupling_scale = 1.0
field_scale = 1.0
n_iterations = 2_000
n_checkpoints = 7
stop = True
n_monitor = 5_000
n_augmented = 300_000
n_sampling_steps = 12
seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
import itertools

from ising_experiments import worlds

configs = []
for size, count in itertools.product(system_sizes, observed_counts):
    sizes = {"n_spins": size, "n_observed": count}
    configs += worlds.from_parameters(worlds.Augmentation, globals(), **sizes)
# the corner of least gain once more, with four times the training
least = {"n_spins": min(system_sizes), "n_observed": max(observed_counts)}
longer = {"n_iterations": 4 * n_iterations, "n_checkpoints": n_checkpoints + 4}
corner = least | longer
further = worlds.from_parameters(worlds.Augmentation, globals(), **corner)
configs += further

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.ticker import FuncFormatter
from myst_nb import glue

from ising_book import style
from ising_experiments import provenance, walk
from ising_experiments.runs import by_config, source

found = by_config(configs)
grid = np.empty((len(system_sizes), len(observed_counts), len(seeds)), object)
grid.flat = [found[config] for config in configs[: grid.size]]


def errors(runs, name):
    """The MSE (Eq. 23) of each run, in the shape of ``runs``."""
    found = np.array([run.error(name) for run in np.ravel(runs)])
    return found.reshape(*np.shape(runs), *found.shape[1:])


observed, augmented = errors(grid, "observed"), errors(grid, "augmented")
ratio = augmented / observed
# bottom row: for each system the first N of at least 100 M
enough = [[n for n in observed_counts if n >= 100 * m] for m in system_sizes]
ns = [min(counts, default=max(observed_counts)) for counts in enough]
columns = [observed_counts.index(n) for n in ns]
detailed = grid[range(len(system_sizes)), columns]  # (systems, seeds)
alone = errors(detailed, "by_size")  # (systems, seeds, sizes)
joined = errors(detailed, "by_size_with_observed")
sizes = grid.flat[0]["sizes"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels, one column for each of three numbers of spins, all on one logarithmic scale of the error. Top: the error against the number of observed samples, for parameters inferred from observed and from augmented samples. Bottom: the error against the number of augmented samples, alone and together with the observed samples, with the level of the observed samples alone."}}
style.use_style()
size = {"figsize": (8, 5.4), "sharey": True, "squeeze": False}
fig, axes = plt.subplots(2, len(system_sizes), **size)
for k, (size, count) in enumerate(zip(system_sizes, ns, strict=True)):
    top, bottom = axes[:, k]
    style.curve(top, observed_counts, observed[k].T, "observed")
    style.curve(top, observed_counts, augmented[k].T, "augmented")
    top.set(xscale="log", xlabel="observed samples $N$", title=f"$M$ = {size}")
    style.curve(bottom, sizes, alone[k], "augmented")
    style.curve(bottom, sizes, joined[k], "joined", "augmented and observed")
    style.level(bottom, observed[k, columns[k]], "observed")
    bottom.set(xscale="log", xlabel="augmented samples")
    bottom.set_title(f"$M$ = {size}, $N$ = {count:,}")
    for ax in (top, bottom):
        style.plain_decades(ax)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        ax.xaxis.set_minor_formatter("")
        ax.tick_params(axis="x", labelsize=8)
for ax in axes[:, 0]:
    ax.set_ylabel("MSE")
handles = axes[1, 0].get_legend_handles_labels()
_ = fig.legend(*handles, loc="outside upper center", ncols=3)

# %% [markdown]
# Top: error against the number $N$ of observed samples. Bottom: error against the number of augmented samples, alone
# and together with the observed ones. All panels have one scale. Lines are means over the seeds, bands reach from the
# smallest to the largest.
#
# ## What to see
#
# **The thesis** reports three trends and prints no values: augmented samples are better at every $N$; the inference
# improves with their number; adding the observed samples improves it overall.
#
# **At every $N$ and $M$.** The augmented samples gave the smaller error in {glue:text}`fig10_better:s` runs. The
# ratio of the errors, a mean over seeds for each $N$, runs from {glue:text}`fig10_ratios:s`. At least one seed lost
# by augmentation at: {glue:text}`fig10_lost:s`. The rule fired in {glue:text}`fig10_fired:s` runs; in the others
# training ended at its limit.
#
# **Where the gain is least, our limit of the training is to blame**: for the fewest spins and the most observed
# samples. There a longer training, of {glue:text}`fig10_further_at:s` iterations seed by seed, takes the ratio from
# {glue:text}`fig10_short:s` to {glue:text}`fig10_further:s`, below one in {glue:text}`fig10_further_better:s` seeds.
#
# **The more augmented samples the better.** Of the steps from one size to the next, the error rose in
# {glue:text}`fig10_rises:s`. From {glue:text}`fig10_middle:s` samples to {glue:text}`fig10_most:s` it changed by a
# factor of {glue:text}`fig10_late:s`: little is left to gain. What remains is the error of the network and that of the
# Erasure Machine.
#
# **Adding the observed samples** lowered the error in {glue:text}`fig10_joined_helps:s` cases. Added to
# {glue:text}`fig10_least:s` augmented samples they change it by a factor of {glue:text}`fig10_joined_first:s`, added to
# {glue:text}`fig10_most:s` by one of {glue:text}`fig10_joined_last:s`, still below one in
# {glue:text}`fig10_joined_helps_last:s`.
#
# ## How it is computed
#
# Each run is the [pipeline of Figure 7](fig07_early_stopping.ipynb) and ends where the rule fires. Then it executes
# this:

# %% tags=["remove-input"]
source(walk.augment)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | $M = 20$, 40 and 60; $g = 1$. | The same, three seeds. |
# | Top: 300,000 augmented samples; the $N$ are not named in its text. | 300,000; five values of $N$. In a seed the smaller sets are the first samples of the larger, so that all $N$ have one truth. |
# | Bottom: $N = 4{,}000$, 4,000 and 8,000; the numbers of augmented samples are not named in its text. | The same $N$; six numbers, from 1,000 to 300,000. |
# | Stop where the variances meet. | The same, and after 2,000 updates at the latest; four times as many where the gain is least. |
# | Samples by the steps of a DDPM. | 12 of the 1,000 steps. On the one network where this was [measured](../book/benchmarks.md), at $M = 40$, $N = 4{,}000$ and $g = 1$, the error came out a little larger than with 30. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb). |
#
# ## The numbers

# %% tags=["hide-cell"]
fired = np.array([run["stop_crossed"] for run in grid.flat]).reshape(grid.shape)
rows = []
for k, j in np.ndindex(grid.shape[:2]):
    mse = style.spread(observed[k, j]), style.spread(augmented[k, j])
    fires = f"{fired[k, j].sum()} of {len(seeds)}"
    where = system_sizes[k], f"{observed_counts[j]:,}"
    rows.append((*where, *mse, style.spread(ratio[k, j], 2), fires))
on = [found[config] for config in further]
gain = errors(on, "augmented") / errors(on, "observed")
ends = [f"{run['iterations'][run['stop_index']]:,}" for run in on]
corner = least["n_spins"], f"{least['n_observed']:,}, trained further", "", ""
rows.append((*corner, style.spread(gain, 2), ""))
headers = ["M", "N", "MSE, observed", "MSE, augmented", "ratio", "rule fired"]
style.table(rows, headers)

# %% tags=["hide-cell"]
rows = []
for k, (size, count) in enumerate(zip(system_sizes, ns, strict=True)):
    for name, values in (("augmented", alone), ("and observed", joined)):
        means = (f"{mse:.3f}" for mse in values[k].mean(0))
        rows.append((f"M = {size}, N = {count:,}: {name}", *means))
style.table(rows, ["MSE, mean over seeds", *(f"{size:,}" for size in sizes)])

# %% tags=["remove-cell"]
lost = [
    f"M = {system_sizes[k]}, N = {observed_counts[j]:,} ({style.spread(ratio[k, j], 2)})"
    for k, j in np.argwhere((ratio >= 1).any(2))
]
ranges = [f"{row.mean(1).min():.2f} to {row.mean(1).max():.2f}" for row in ratio]
pairs = zip(ranges, system_sizes, strict=True)
middle = len(sizes) // 2
first, last = (joined[..., n] / alone[..., n] for n in (0, -1))
rises = np.diff(alone, axis=2) > 0
short = ratio[system_sizes.index(least["n_spins"]), observed_counts.index(least["n_observed"])]
for name, text in {
    "better": f"{(ratio < 1).sum()} of {ratio.size}",
    "ratios": ", ".join(f"{text} for {size} spins" for text, size in pairs),
    "lost": "; ".join(lost) or "none",
    "short": style.spread(short, 2),
    "further": style.spread(gain, 2),
    "further_better": f"{(gain < 1).sum()} of {gain.size}",
    "further_at": ", ".join(ends),
    "fired": f"{fired.sum()} of {fired.size}",
    "rises": f"{rises.sum()} of {rises.size}",
    "late": style.spread(alone[..., -1] / alone[..., middle], 2),
    "least": f"{sizes[0]:,}",
    "middle": f"{sizes[middle]:,}",
    "most": f"{sizes[-1]:,}",
    "joined_first": style.spread(first, 2),
    "joined_last": style.spread(last, 3),
    "joined_helps": f"{(joined < alone).sum()} of {alone.size}",
    "joined_helps_last": f"{(last < 1).sum()} of {last.size}",
}.items():
    glue(f"fig10_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig10 -p 'system_sizes=[20]' -p 'seeds=[1]' --html
# ising-book run fig10 -p 'system_sizes=[8, 12]' -p 'observed_counts=[200, 800]' \
#   -p n_iterations=200 -p n_checkpoints=3 -p n_monitor=500 -p n_augmented=3000 \
#   -p 'seeds=[0]' --html
# ```
#
# One seed of the smallest system, from the stored runs (half a minute): expect a loss at the most observed samples, and a
# gain there after four times the training. Two small systems, trained briefly (about 1 minute of one core; the longer
# training takes four times `n_iterations` here, too): expect augmentation to lose.

# %% tags=["remove-input", "nbval-ignore-output"]
names = {"M": "n_spins", "N": "n_observed", "seed": "seed"}
columns = {short: [run.config[name] for run in grid.flat] for short, name in names.items()}
style.csv("fig10", columns | {"MSE observed": observed, "MSE augmented": augmented})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "fig10_sample_sizes", preset))
