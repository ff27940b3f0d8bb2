# %% [markdown]
# # Reading the couplings off the denoiser
#
# **Our claim, beyond the thesis:** *A trained denoiser already holds the couplings. Reading them off gives
# better parameters than drawing samples and inferring from these.* {verdict}`16`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 1.0
coupling_scales = [0.4, 0.6, 0.8, 1.0, 1.2]
observed_counts = [500, 1_000, 4_000, 16_000]
n_iterations = 6_000
n_augmented = 100_000
n_sampling_steps = 50
seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
import functools
import itertools

from ising_experiments import worlds

changed = functools.partial(worlds.from_parameters, worlds.Rivals, globals())
centre = changed()
strengths = [{"coupling_scale": g, "field_scale": g} for g in coupling_scales]
by_strength = [changed(**scales) for scales in strengths]
by_count = [changed(n_observed=count) for count in observed_counts]
configs = [*itertools.chain(centre, *by_strength, *by_count)]

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import extensions, provenance
from ising_experiments.runs import by_config, source
from ising_lib import denoisers

found = by_config(configs)
WAYS = {
    "denoiser": "read off the denoiser",
    "augmented": "its samples, Erasure Machine",
    "augmented_tap": "its samples, corrected Erasure Machine",
    "augmented_pseudolikelihood": "its samples, pseudolikelihood",
    "pseudolikelihood": "observed samples, ridge pseudolikelihood",
    "pseudolikelihood_bare": "observed samples, pseudolikelihood",
}


def over_bound(name, group):
    """MSE over the Cramér–Rao bound of each run."""
    return np.array([found[config].over_bound(name) for config in group])


# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels. Top: inferred against true parameters of one seed, read off the denoiser and by pseudolikelihood; both hug the diagonal. Bottom: the error over the Cramér–Rao bound against the strength of the couplings and against the number of observed samples; the couplings read off the denoiser stay near the line of pseudolikelihood, the Erasure Machine on samples of the denoiser lies above, except at 500 observed samples."}}
style.use_style()
shape = {"figsize": (8, 5.9), "height_ratios": [1.25, 1], "sharey": "row"}
fig, axes = plt.subplots(2, 2, **shape)
lines = {
    "augmented": "structured",
    "denoiser": "denoiser",
    "pseudolikelihood": "rival",
}
first = found[centre[0]]
limit = 1.05 * np.abs(first["truth"]).max()
for ax, name in zip(axes[0], ("denoiser", "pseudolikelihood"), strict=True):
    pair = first["truth"], first[name]
    style.fields_and_couplings(ax, *pair, n_spins, lines[name], limit)
    ax.set_title(WAYS[name])
axes[0, 0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
sweeps = [
    (coupling_scales, by_strength, "linear", "coupling strength $g$"),
    (observed_counts, by_count, "log", "observed samples $N$"),
]
for ax, (x, groups, scale, label) in zip(axes[1], sweeps, strict=True):
    for name, role in lines.items():
        values = np.array([over_bound(name, group) for group in groups])
        style.curve(ax, x, values.T, role, WAYS[name])
    ax.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    ax.set(xscale=scale, xlabel=label)
    style.plain_decades(ax)
axes[1, 0].set(title=f"$N$ = {n_observed:,}", xticks=coupling_scales)
axes[1, 1].set_title(f"$g$ = {coupling_scale:g}")
axes[1, 1].set_xticks(observed_counts, [f"{n:,}" for n in observed_counts])
axes[1, 1].minorticks_off()
axes[1, 0].set_ylabel("MSE / Cramér–Rao bound")
handles, texts = axes[1, 0].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=2)

# %% [markdown]
# Top: inferred against true parameters, one seed. Bottom: the error of [Eq. (23)](#eq-23) over the Cramér–Rao
# bound (black line); lines are means over the seeds, bands run from the smallest to the largest.
#
# ## What to see
#
# **The thesis takes the long way**: train, generate 100,000 samples, infer from these {cite}`lim2024thesis`. The
# weights, it says, are inside the network and cannot be known directly. For a denoiser built on Bayes' rule
# they can.
#
# **Reading against sampling.** At $g = 1$ and $N = 4{,}000$ the parameters read off the denoiser have an error of
# {glue:text}`ext06_denoiser:s` times the bound. The Erasure Machine on {glue:text}`ext06_n_augmented:s` samples of
# the same denoiser is at {glue:text}`ext06_augmented:s`, with its correction at
# {glue:text}`ext06_augmented_tap:s`. Reading was better than sampling in {glue:text}`ext06_beats_samples:s` runs of
# this page; the others have the fewest observed samples.
#
# **Where the detour loses.** Not in the samples: pseudolikelihood on the very same samples reaches
# {glue:text}`ext06_augmented_pseudolikelihood:s`. What is lost is lost by the Erasure Machine's approximation.
#
# **No new information.** Pseudolikelihood on the observed samples takes seconds and is at
# {glue:text}`ext06_pseudolikelihood:s` with a ridge and at {glue:text}`ext06_pseudolikelihood_bare:s` without. The
# denoiser beats the first in {glue:text}`ext06_beats_pseudo:s` runs and the second in
# {glue:text}`ext06_beats_bare:s`. In one seed its errors are correlated with those of the two by
# {glue:text}`ext06_same_pseudolikelihood:s` and {glue:text}`ext06_same_pseudolikelihood_bare:s`. All three are near
# the limit, and near the limit all good estimates from the same samples make the same errors.
#
# ## How it is computed
#
# Where in the network are the couplings? Hide one spin of a configuration and show all others with little
# noise. In [Eq. (B.2)](#eq-b-2) this means $y_i \to 0$ for the hidden spin and $y_j \to \sigma_j \infty$ for
# the others. Then
#
# (eq-b-5)=
# $$
# \langle \sigma_i \rangle = \tanh f_i, \qquad
# f_i \to h_i + \sum_{j \ne i} J_{ij} \sigma_j . \tag{B.5}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
#
# This is the conditional distribution of one spin given all others, the one that *pseudolikelihood* maximises
# ({func}`ising_lib.estimators.pseudolikelihood`). So a good denoiser holds $h_i$ and $J_{ij}$ in the part of the
# field that it adds to the known $y_i$, whatever it is made of. In the
# [mean-field denoiser](ext02_structured_denoiser.ipynb) they stand in plain sight. Where all $m_j = \pm 1$, the
# last iteration of [Eq. (B.3)](#eq-b-3) reads $f_i = y_i + h_i + c_K \sum_j J_{ij} \sigma_j$, so that
# the parameters are $h$ and $c_K J$:

# %% tags=["remove-input"]
source(denoisers.MeanField.model)

# %% [markdown]
# The training is not pseudolikelihood, though: it uses all ratios of signal to noise, most of which hide every
# spin in part. By [Eq. (B.4)](#eq-b-4) the sum over all ratios would be the full likelihood, if the guess were
# the exact posterior mean of a model and no ratio were left out. Neither is so
# ([how far off](ext02_structured_denoiser.ipynb)). So this is an approximation to maximum likelihood, good while
# the mean-field equations are, and with many samples the approximation is what limits it: at
# $N = $ {glue:text}`ext06_most:s` the error is {glue:text}`ext06_most_bound:s` times the bound.
#
# The runs are those of the [mean-field denoiser](ext02_structured_denoiser.ipynb): true models and equilibrium
# samples as in [Figure 9](fig09_coupling_strength.ipynb), a training of {glue:text}`ext06_n_iterations:s` updates.
# The bound is [Eq. (R.2)](#eq-r-2). One run gives the same samples to every method:

# %% tags=["remove-input", "hide-output"]
source(extensions.rivals, extensions._diffuse, extensions._train_and_sample)

# %% [markdown]
# ## The numbers
#
# Errors over the Cramér–Rao bound at $g = 1$ and $N = 4{,}000$, and the correlation of the errors
# (estimate − truth) over all parameters with those of the parameters read off, in one seed.

# %% tags=["hide-cell"]
errors = {name: first[name] - first["truth"] for name in WAYS}
pairs = {name: (errors["denoiser"], errors[name]) for name in WAYS}
same = {
    name: style.number(np.corrcoef(*pair)[0, 1], 2)  # off the diagonal
    for name, pair in pairs.items()
}
middle = {name: style.spread(over_bound(name, centre), 2) for name in WAYS}
rows = [(label, middle[name], same[name]) for name, label in WAYS.items()]
style.table(rows, ["", "MSE / bound", "correlation of errors"])

# %% tags=["remove-cell"]
numbers = {**middle, **{f"same_{name}": text for name, text in same.items()}}
for key, name in (
    ("samples", "augmented"),
    ("pseudo", "pseudolikelihood"),
    ("bare", "pseudolikelihood_bare"),
):
    lower = over_bound("denoiser", found) < over_bound(name, found)
    numbers[f"beats_{key}"] = f"{lower.sum()} of {lower.size}"
numbers |= {
    "most": f"{observed_counts[-1]:,}",
    "most_bound": style.spread(over_bound("denoiser", by_count[-1]), 2),
    "n_augmented": f"{n_augmented:,}",
    "n_iterations": f"{n_iterations:,}",
}
for name, text in numbers.items():
    glue(f"ext06_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# Twenty spins, one seed: expect the parameters read off to stay near the bound (about 5 minutes).
#
# ```sh
# ising-book run ext06 -p n_spins=20 -p 'seeds=[0]' \
#   -p 'coupling_scales=[0.4, 1.0]' -p 'observed_counts=[1000, 4000]'
# ```
#
# The same with a training of 500 updates: expect them far above the bound, since the couplings are learned late
# (about 2 minutes).
#
# ```sh
# ising-book run ext06 -p n_spins=20 -p 'seeds=[0]' -p n_iterations=500 \
#   -p 'coupling_scales=[1.0]' -p 'observed_counts=[4000]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {"g": coupling_scales, "N": observed_counts}
for name in lines:
    for seed in range(len(seeds)):
        for key, groups in (("g", by_strength), ("N", by_count)):
            values = [over_bound(name, group)[seed] for group in groups]
            columns[f"{WAYS[name]}, by {key}, seed {seeds[seed]}"] = values
style.csv("ext06", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext06_reading_couplings", preset))
