# %% [markdown]
# # Figure 9: weak and strong couplings
#
# **The thesis claims:** *Augmented samples give better parameters than observed ones, however strong the couplings.*
# {cite}`lim2024thesis` {verdict}`2`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scales = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
shown = [1.0, 0.6]
n_iterations = 2_000
n_checkpoints = 7
stop = True
n_monitor = 5_000
n_augmented = 100_000
n_sampling_steps = 12
seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

configs = []
for g in coupling_scales:
    scales = {"coupling_scale": g, "field_scale": g}
    configs += worlds.from_parameters(worlds.Augmentation, globals(), **scales)

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import provenance, scoring, walk
from ising_experiments.runs import find_or_compute, source

runs = find_or_compute(configs)


def by_strength(values):
    """One value for each run: (G strengths, S seeds)."""
    return np.array(values).reshape(len(coupling_scales), len(seeds))


observed = by_strength([run.error("observed") for run in runs])
augmented = by_strength([run.error("augmented") for run in runs])
ratio = augmented / observed

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: four square panels of inferred against true parameters, for the strongest and the weakest of two strengths of the couplings, from observed and from augmented samples; the augmented dots lie closer to the diagonal when couplings are strong, and too flat when they are weak. Right: the error against the strength of the couplings for both, rising over almost two decades, and their ratio below, above one for weak and below one for strong couplings."}}
style.use_style()
size = {"figsize": (8, 5.2), "width_ratios": [1, 1, 1.3]}
fig, axes = plt.subplot_mosaic("ABE;CDF", **size)
chosen = [np.abs(np.subtract(coupling_scales, g)).argmin() for g in shown]
drawn = [runs[k * len(seeds)] for k in chosen]
names = ("observed", "augmented")
largest = (np.abs(run[n]).max() for run in drawn for n in ("truth", *names))
limit = 1.05 * max(largest)
for panels, k, run in zip(("AB", "CD"), chosen, drawn, strict=True):
    for panel, name in zip(panels, names, strict=True):
        ax, both = axes[panel], (run["truth"], run[name])
        style.fields_and_couplings(ax, *both, n_spins, name, limit)
        ax.set_title(f"{name}, $g$ = {coupling_scales[k]}")
axes["A"].legend(loc="lower right", fontsize=8, handlelength=1.2)
style.curve(axes["E"], coupling_scales, observed.T, "observed")
style.curve(axes["E"], coupling_scales, augmented.T, "augmented")
axes["E"].set(yscale="log", ylabel="MSE", title="error")
axes["E"].legend()
style.curve(axes["F"], coupling_scales, ratio.T, "augmented")
style.level(axes["F"], 1.0, "observed")
axes["F"].set_ylabel("MSE / observed MSE")
axes["F"].set_title("augmentation gains below 1")
for panel in "EF":
    axes[panel].set(xlabel="$g$", xticks=coupling_scales)

# %% [markdown]
# Left: inferred against true parameters of one seed, fields and couplings, all four panels on one scale; on the
# solid line they agree, the dashed line is a fit. Right: the error against $g$, and the ratio of the two errors.
# Lines are means over the seeds, bands reach from the smallest to the largest.
#
# ## What to see
#
# **The thesis** finds a lower error from augmented samples at every $g$, for weak couplings ($g = 0.6$) and strong ones
# ($g = 1$) alike. It prints no values.
#
# **Here augmentation helps at strong coupling and hurts at weak coupling.** It lowered the error in
# {glue:text}`fig09_better:s` runs: in every seed at $g =$ {glue:text}`fig09_won:s`, and not in every seed at $g =$
# {glue:text}`fig09_lost:s`. The ratio of the errors is smallest with {glue:text}`fig09_best:s`, and largest with
# {glue:text}`fig09_worst:s`.
#
# **Strong couplings are where the Erasure Machine needs help.** From the weakest to the strongest $g$ its error on
# the observed samples grows {glue:text}`fig09_observed_growth:s`-fold, while the squares of the parameters grow
# {glue:text}`fig09_squares:s`-fold: what it neglects in $p_\epsilon$ ([Eq. (14)](#eq-14)) is of second order in
# $\epsilon g$.
#
# **At weak coupling training ends before the couplings are learned.** Where the ratio is largest, the parameters
# inferred from augmented samples have a slope of {glue:text}`fig09_slope_worst:s` against the true ones; from the
# observed samples it is {glue:text}`fig09_slope_worst_observed:s`. Training ended there after
# {glue:text}`fig09_stop_worst:s` updates on average, and in {glue:text}`fig09_falling:s` losing runs the held-out
# denoising loss was still falling.
#
# **Noise decides when it ends.** Nearly independent spins have nearly the energy variance of test samples from the
# start. Where the rule fired, in {glue:text}`fig09_fired:s` runs, Var $E$ was below its line by
# {glue:text}`fig09_under:s`; the noise of the line is about {glue:text}`fig09_line_noise:s`, that of a checkpoint
# {glue:text}`fig09_look_noise:s`. So the losing runs show that the
# network *and its rule* fail together, not that augmentation must. [Trained longer](firmness.ipynb) at $g = 0.4$, without the
# rule, the ratio falls: {glue:text}`firmness.ipynb::firmness_weak_half:s` after 8,000 updates and
# {glue:text}`firmness.ipynb::firmness_weak_all:s` after 16,000. A denoiser that
# [knows Bayes' rule](ext02_structured_denoiser.ipynb) needs no rule.
#
# ## How it is computed
#
# Fields and couplings are drawn from $\mathcal N(0, g^2/M)$. At small $g$ the spins are nearly independent; at
# $g = 1$ an infinite system without fields would begin to freeze into a spin glass. Each run is the [pipeline of
# Figure 7](fig07_early_stopping.ipynb), begun with this truth, and it ends where the rule fires:

# %% tags=["remove-input"]
source(walk.augmentation, walk.truth, walk.draw)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | $M = 40$, $N = 4{,}000$, 100,000 augmented samples. | The same, three seeds. |
# | $g = 0.6$ and $g = 1$ in the scatter plots; other $g$ in a curve, not named in its text. | Six values. The truth of a seed is one matrix, rescaled by $g$: six strengths are not six independent trials. |
# | One $g$ for fields and couplings. | The same. |
# | Stop where the variances meet. | The same, and after 2,000 updates at the latest. |
# | Samples by the steps of a DDPM. | 12 of the 1,000 steps. On the one network where this was [measured](../book/benchmarks.md), at $M = 40$, $N = 4{,}000$ and $g = 1$, the error came out a little larger than with 30. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb). |
#
# What changes under other choices is on the page [How firm is each verdict](firmness.ipynb).
#
# ## The numbers

# %% tags=["hide-cell"]
fired = by_strength([run["stop_crossed"] for run in runs])
stops = by_strength([run["stop_iteration"] for run in runs])
slopes = {}
for name in names:
    fits = [scoring.agreement(run["truth"], run[name]) for run in runs]
    slopes[name] = by_strength([slope for slope, _, _ in fits])
rows = []
for k, g in enumerate(coupling_scales):
    mse = style.spread(observed[k], 4), style.spread(augmented[k], 4)
    end = f"{fired[k].sum()} of {len(seeds)}", style.number(stops[k].mean())
    fits = (style.number(slope[k].mean(), 2) for slope in slopes.values())
    rows.append((g, *mse, style.spread(ratio[k], 2), *end, *fits))
headers = ["g", "MSE observed", "MSE augmented", "ratio", "rule fired"]
headers += ["ended after", "slope observed", "slope augmented"]
style.table(rows, headers)

# %% tags=["remove-cell"]
best, worst = ratio.mean(1).argmin(), ratio.mean(1).argmax()
strengths = [str(g) for g in coupling_scales]
losing = [run for run, loss in zip(runs, (ratio >= 1).flat, strict=True) if loss]
falling = [run["test_loss"].argmin() == len(run["test_loss"]) - 1 for run in losing]
under = [
    1 - run["variance"][-1] / max(run["test_line"], run["observed_line"])
    for run in runs
    if run["stop_crossed"] and stop
]
for name, text in {
    "better": f"{(ratio < 1).sum()} of {ratio.size}",
    "best": f"{style.spread(ratio[best], 2)} at g = {strengths[best]}",
    "worst": f"{style.spread(ratio[worst], 2)} at g = {strengths[worst]}",
    "won": ", ".join(np.array(strengths)[(ratio < 1).all(1)]) or "none",
    "lost": ", ".join(np.array(strengths)[(ratio >= 1).any(1)]) or "none",
    "slope_worst": style.number(slopes["augmented"][worst].mean(), 2),
    "slope_worst_observed": style.number(slopes["observed"][worst].mean(), 2),
    "stop_worst": style.number(stops[worst].mean()),
    "observed_growth": style.number(observed[-1].mean() / observed[0].mean()),
    "squares": style.number((coupling_scales[-1] / coupling_scales[0]) ** 2),
    "fired": f"{fired.sum()} of {fired.size}",
    "falling": f"{sum(falling)} of {len(losing)}",
    "under": f"{min(under, default=0):.1%} to {max(under, default=0):.1%}",
    "line_noise": style.percent(np.sqrt(2 / n_observed), 1),
    "look_noise": style.percent(np.sqrt(2 / n_monitor), 1),
}.items():
    glue(f"fig09_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig09 -p n_spins=12 -p n_observed=500 -p 'coupling_scales=[0.4]' \
#   -p stop=False -p n_iterations=1000 -p n_checkpoints=4 -p n_monitor=1000 \
#   -p n_augmented=10000 -p 'seeds=[0]' --html
# ising-book run fig09 -p n_spins=12 -p n_observed=500 -p 'coupling_scales=[0.4]' \
#   -p stop=False -p n_iterations=4000 -p n_checkpoints=4 -p n_monitor=1000 \
#   -p n_augmented=10000 -p 'seeds=[0]' --html
# ```
#
# A weak coupling and few spins, without the rule: expect the two errors to be about equal (about 1 minute of one core).
# Four times the updates: expect little change (about 3 minutes).

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {"g": np.repeat(coupling_scales, len(seeds)), "seed": seeds * len(coupling_scales)}
style.csv("fig09", columns | {"MSE observed": observed, "MSE augmented": augmented})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig09_coupling_strength", preset))
