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
# # Rivals, and the limit of them all
#
# **Question.** *Does augmentation beat other methods that see the same observed samples, and how far is each
# of them from what any method can reach?*
#
# The thesis compares the Erasure Machine on augmented samples with the Erasure Machine on observed ones
# {cite}`lim2024thesis`. Here the same observed samples go to every method of
# {mod}`ising_lib.estimators` as well, and three controls ask where a gain comes from.
#
# ## The limit
#
# With $O(\sigma)$ the $L = M(M+1)/2$ features $\sigma_i$, $\sigma_i \sigma_j$ and $w = (h, J)$, the law is
# $p(\sigma) \propto e^{w \cdot O(\sigma)}$. Its Fisher information is
#
# (eq-r-1)=
# $$
# F = -\left\langle \frac{\partial^2 \log p}{\partial w\, \partial w^\top} \right\rangle
#   = \langle O O^\top \rangle - \langle O \rangle \langle O \rangle^\top, \tag{R.1}
# $$
#
# because $\log p = w \cdot O - \log Z$, and the second derivative of $\log Z$ is the covariance of $O$.
# Cramér and Rao: no unbiased estimate from $N$ independent samples has a covariance below $F^{-1}/N$. Summed
# as in [Eq. (23)](#eq-23), the error of an unbiased method is on average at least
#
# (eq-r-2)=
# $$
# \mathrm{MSE}_\text{CR} = \frac{1}{M} \frac{\operatorname{tr} F^{-1}}{N}. \tag{R.2}
# $$
#
# In code: {func}`ising_lib.estimators.cramer_rao`, with $F$ from Monte Carlo samples of the truth. All errors
# below are given in units of it. A *biased* method may lie below one: a penalty pulls the parameters towards
# zero, and pays where they are small against their own uncertainty.
#
# ## Parameters
#
# One setting in the middle, and from there $g$, $N$ and $M$ are changed one by one. Augmented samples are
# those of the small denoiser of [the next page](ext02_structured_denoiser.ipynb), which are better than the
# thesis's and cost a minute.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 1.0
coupling_scales = [0.4, 0.6, 0.8, 1.0, 1.2]
observed_counts = [500, 1_000, 4_000, 16_000]
system_sizes = [20, 40, 60]
n_iterations = 6_000
n_augmented = 100_000
n_sampling_steps = 50
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# A run of {class}`ising_lib.worlds.Rivals` gives the same samples to every method.

# %% tags=["runs"]
import functools
import itertools

from ising_book import worlds

with_changes = functools.partial(worlds.from_parameters, worlds.Rivals, globals())
centre, pool = with_changes(), with_changes(drawn="pool")
by_strength = [with_changes(coupling_scale=g, field_scale=g) for g in coupling_scales]
by_count = [with_changes(n_observed=count) for count in observed_counts]
by_size = [with_changes(n_spins=size) for size in system_sizes]
configs = [*itertools.chain(centre, pool, *by_strength, *by_count, *by_size)]

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import extensions, provenance, style
from ising_book.runs import by_config
from ising_lib import metrics

found = by_config(configs)

# %% [markdown]
# ## The numbers
#
# Mean squared errors over the Cramér–Rao bound: mean over the seeds, the smallest and the largest; and the
# seconds that a method took on one core. A method is *undefined* on samples that it refused.

# %%
NAMES = {
    "erasure": ("Erasure Machine (the thesis's method)", "observed"),
    "augmented": ("Erasure Machine on augmented samples", "structured"),
    "erasure_tap": ("corrected Erasure Machine", "corrected"),
    "augmented_tap": ("corrected, on augmented samples", "corrected"),
    "denoiser": ("couplings read off the denoiser", "denoiser"),
    "pseudolikelihood": ("pseudolikelihood, ridge", "rival"),
    "pseudolikelihood_bare": ("pseudolikelihood, no ridge", "rival"),
    "log_rise": ("log-RISE", "rival"),
    "tap": ("TAP", "rival"),
    "mean_field": ("naive mean field", "rival"),
}
CONTROLS = {
    "erasure_pseudo": ("pseudolikelihood → samples → Erasure Machine", "rival"),
    "erasure_tap_pseudo": ("the same, corrected", "rival"),
    "erasure_both": ("Erasure Machine, 2N observed samples", "test"),
    "erasure_true": ("Erasure Machine, 100,000 true samples", "truth"),
    "erasure_tap_true": ("the same, corrected", "truth"),
}


def over_bound(name, group):
    return np.array([found[config].over_bound(name) for config in group])


seconds = np.mean([found[config]["seconds"] for config in centre], axis=0)
took = dict(zip(extensions.METHODS, seconds, strict=True))
for name, (label, _) in {**NAMES, **CONTROLS}.items():
    time = f"{took[name]:.1f} s" if name in took else "in training"
    print(f"{label:46} {style.spread(over_bound(name, centre), 2):45} {time}")
bounds = np.array([found[config]["bound"] for config in centre])
print("the bound itself:", style.spread(bounds, 4))

# %% [markdown]
# The same where the samples are drawn with Boltzmann weights from a pool of uniform configurations, as in the
# published code of the Erasure Machine ({func}`ising_lib.sampling.resample_pool`):

# %%
for name in ("erasure", "augmented", "pseudolikelihood", "pseudolikelihood_bare"):
    errors = np.array([found[config].error(name) for config in pool])
    print(f"{NAMES[name][0]:46} MSE {style.spread(errors, 3)}")
distinct = {name: [found[c]["n_distinct"] for c in group] for name, group in (("MC", centre), ("pool", pool))}
for name, counts in distinct.items():
    print(f"different configurations among the {n_observed:,} samples, {name}: {np.mean(counts):,.0f}")

# %% tags=["remove-cell"]
for name in {**NAMES, **CONTROLS}:
    glue(f"ext01_{name}", style.spread(over_bound(name, centre), 2), display=False)
everywhere = [config for config in found if config not in pool]
lower = over_bound("augmented", everywhere) < over_bound("pseudolikelihood", everywhere)
glue("ext01_beats_pseudo", f"{lower.sum()} of {lower.size}", display=False)
lower = over_bound("augmented_tap", everywhere) < over_bound("pseudolikelihood", everywhere)
glue("ext01_tap_beats_pseudo", f"{lower.sum()} of {lower.size}", display=False)
lower = over_bound("augmented", everywhere) < over_bound("erasure", everywhere)
glue("ext01_gains", f"{lower.sum()} of {lower.size}", display=False)
gain = over_bound("augmented", centre) / over_bound("erasure", centre)
glue("ext01_gain", style.spread(gain, 2), display=False)
gain = over_bound("erasure_both", centre) / over_bound("erasure", centre)
glue("ext01_gain_both", style.spread(gain, 2), display=False)
gain = over_bound("erasure_pseudo", centre) / over_bound("erasure", centre)
glue("ext01_gain_pseudo", style.spread(gain, 2), display=False)
pooled = {name: np.array([found[c].error(name) for c in pool]) for name in NAMES}
better = pooled["erasure"] < pooled["pseudolikelihood"]
glue("ext01_pool_flips", f"{better.sum()} of {better.size}", display=False)
for name in ("erasure", "pseudolikelihood", "augmented"):
    glue(f"ext01_pool_{name}", style.spread(pooled[name], 3), display=False)
    glue(f"ext01_mse_{name}", style.spread([found[c].error(name) for c in centre], 3), display=False)
for name, counts in distinct.items():
    glue(f"ext01_distinct_{name}", f"{np.mean(counts):,.0f}", display=False)
for name in ("pseudolikelihood", "erasure"):
    glue(f"ext01_seconds_{name}", f"{took[name]:.1f}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: one row for each of fifteen methods, with a dot for each seed, on a logarithmic axis of the error over the Cramér–Rao bound; pseudolikelihood lies at the bound, the Erasure Machine far to the right, its version for augmented samples between them. Right: three panels of the same quantity against the strength of the couplings, the number of observed samples and the number of spins, for four methods."}}
style.use_style()
fig, axes = plt.subplot_mosaic("AB;AC;AD", figsize=(9, 7.6), width_ratios=[1.15, 1])
rows = {**NAMES, **CONTROLS}
values = [over_bound(name, centre) for name in rows]
labels, roles = zip(*rows.values(), strict=True)
style.seeds_by_row(axes["A"], values, labels, roles)
axes["A"].set(
    xscale="log", xlim=(0.12, 30), xlabel="MSE / Cramér–Rao bound", title="one setting, all methods"
)
axes["A"].axvline(1, color=style.COLOURS["truth"], linewidth=0.9)
lines = [
    ("erasure", "observed", "Erasure Machine"),
    ("augmented", "structured", "augmented"),
    ("pseudolikelihood", "rival", "pseudolikelihood"),
    ("augmented_tap", "corrected", "augmented, corrected"),
]
sweeps = [
    ("B", coupling_scales, by_strength, "linear", "coupling strength $g$"),
    ("C", observed_counts, by_count, "log", "observed samples $N$"),
    ("D", system_sizes, by_size, "linear", "spins $M$"),
]
for panel, x, groups, scale, label in sweeps:
    for name, role, text in lines:
        shown = np.array([over_bound(name, group) for group in groups])
        style.curve(axes[panel], x, shown.T, role, text)
    axes[panel].axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    axes[panel].set(xscale=scale, xlabel=label, ylabel="MSE / bound")
    style.plain_decades(axes[panel])
handles, texts = axes["B"].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower right", ncols=2)

# %% [markdown]
# The error of Eq. 23 over the Cramér–Rao bound (black line). Left: the setting in the middle, a dot for each
# seed, a bar at their mean; green methods use the observed samples alone, light blue and black rows are
# controls that see more than those. Right: the setting is changed in one respect; lines are means over the
# seeds, bands from the smallest to the largest.
#
# ## What to see
#
# **The ranking.** Pseudolikelihood with a ridge, which sees the observed samples only and takes
# {glue:text}`ext01_seconds_pseudolikelihood:s` seconds, comes to {glue:text}`ext01_pseudolikelihood:s` times
# the limit. The Erasure Machine of the thesis is at {glue:text}`ext01_erasure:s` on observed and at
# {glue:text}`ext01_augmented:s` on augmented samples. So augmentation does help the Erasure Machine: the
# error falls to {glue:text}`ext01_gain:s` times what it was, and it fell in {glue:text}`ext01_gains:s` runs of
# this page. It beats pseudolikelihood in {glue:text}`ext01_beats_pseudo:s`.
#
# **Where the gain comes from.** Samples drawn by Monte Carlo from the *pseudolikelihood* estimate do the same
# for the Erasure Machine, a factor of {glue:text}`ext01_gain_pseudo:s`. As many samples of the *truth* leave
# it at {glue:text}`ext01_erasure_true:s` times the limit of $N$ samples. What the Erasure Machine lacks is
# not information about the truth but samples, of any good model: its own approximation needs many. The
# stopping rule of the thesis consumes a test set of $N$ more samples; to give these to the Erasure Machine
# instead is worth a factor of {glue:text}`ext01_gain_both:s`.
#
# **The approximation can be mended instead.** With the correction of
# [a later page](ext03_erasure_corrected.ipynb) the Erasure Machine comes to
# {glue:text}`ext01_erasure_tap:s` on the observed samples and to {glue:text}`ext01_augmented_tap:s` on
# augmented ones. That beats ridge pseudolikelihood in {glue:text}`ext01_tap_beats_pseudo:s` runs.
#
# **The ranking depends on how the data are made.** Drawn from a pool of uniform configurations, as in the
# published code of the Erasure Machine, {glue:text}`ext01_distinct_pool:s` of the samples differ on average,
# against {glue:text}`ext01_distinct_MC:s` in equilibrium. These are not samples of the model any more. There
# the Erasure Machine has an error of {glue:text}`ext01_pool_erasure:s`, pseudolikelihood of
# {glue:text}`ext01_pool_pseudolikelihood:s`; the first is better in {glue:text}`ext01_pool_flips:s` seeds. A
# comparison on such data says little about data from nature.
#
# **For whom augmentation pays.** For someone who is bound to the Erasure Machine as published. Who is free to
# choose takes pseudolikelihood.

# %% tags=["remove-input"]
Markdown(provenance.table(list(found.values()), "ext01_rivals", preset))
