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
# # Reading the couplings off the denoiser
#
# **Claim.** *A trained denoiser knows the couplings. Reading them off gives better parameters than generating
# samples and inferring from these.*
#
# The thesis takes the long way {cite}`lim2024thesis`: train, generate 100,000 samples, infer. But what the
# samples contain was in the network before. Where is it?
#
# ## Nearly clean spins: the denoiser is a pseudolikelihood
#
# Hide one spin of a configuration and show all others with little noise. By [Eq. (B.2)](#eq-b-2), with
# $a_t \to 0$ for the hidden spin and $x_j \approx \sigma_j$, $a_t \to \infty$ for the others,
#
# (eq-b-5)=
# $$
# \langle \sigma_i \rangle = \tanh \lambda_i, \qquad
# \lambda_i \to h_i + \sum_{j \ne i} J_{ij} \sigma_j . \tag{B.5}
# $$
#
# This is the law of one spin given all others, the same that *pseudolikelihood* maximises
# ({func}`ising_lib.estimators.pseudolikelihood`). So a good denoiser holds $h_i$ and $J_{ij}$ in the part of the
# field that it adds to the known $a_t x_i$, whatever it is made of. In the denoiser of the
# [mean field](ext02_structured_denoiser.ipynb) it stands there openly: where all $m_j = \pm 1$, the last
# iteration of [Eq. (B.3)](#eq-b-3) reads $\lambda_i = a_t x_i + h_i + c_K \sum_j J_{ij} \sigma_j$. So the
# parameters are $h$ and $c_K J$ ({meth}`ising_lib.denoisers.MeanField.model`).
#
# It is not a pseudolikelihood, though. Training uses all ratios of signal to noise, and by
# [Eq. (B.4)](#eq-b-4) their sum is the full likelihood.
#
# ## Parameters
#
# The runs of the [structured denoiser](ext02_structured_denoiser.ipynb).

# %% tags=["parameters"]
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

# %% [markdown]
# ## The walk

# %% tags=["runs"]
import functools
import itertools

from ising_book import worlds

with_changes = functools.partial(worlds.from_parameters, worlds.Rivals, globals())
by_strength = [with_changes(coupling_scale=g, field_scale=g) for g in coupling_scales]
by_count = [with_changes(n_observed=count) for count in observed_counts]
configs = [*itertools.chain(with_changes(), *by_strength, *by_count)]

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style
from ising_book.runs import by_config
from ising_lib import metrics

found = by_config(configs)

# %% [markdown]
# ## The numbers
#
# Mean squared errors over the Cramér–Rao bound ([Eq. (R.2)](#eq-r-2)), in the setting in the middle.


# %%
def over_bound(name, group):
    return np.array([found[config].over_bound(name) for config in group])


WAYS = {
    "denoiser": "read off the denoiser",
    "augmented": "samples, then the Erasure Machine",
    "augmented_tap": "samples, then the corrected Erasure Machine",
    "augmented_pseudolikelihood": "samples, then pseudolikelihood",
    "pseudolikelihood": "no diffusion: pseudolikelihood, ridge",
    "pseudolikelihood_bare": "no diffusion: pseudolikelihood, no ridge",
}
for name, label in WAYS.items():
    print(f"{label:44} {style.spread(over_bound(name, with_changes()), 2)}")

# %% [markdown]
# Do two estimates make the same errors? The correlation of (estimate − truth) over all parameters:

# %%
first = found[with_changes()[0]]
errors = {name: first[name] - first["truth"] for name in WAYS}
for name in ("pseudolikelihood", "pseudolikelihood_bare", "augmented_pseudolikelihood", "augmented"):
    correlation = np.corrcoef(errors["denoiser"], errors[name])[0, 1]
    print(f"read off the denoiser, and {WAYS[name]}: {correlation:.2f}")

# %% tags=["remove-cell"]
for name in WAYS:
    glue(f"ext06_{name}", style.spread(over_bound(name, with_changes()), 2), display=False)
for name in ("pseudolikelihood", "pseudolikelihood_bare", "augmented_pseudolikelihood", "augmented"):
    glue(f"ext06_same_{name}", f"{np.corrcoef(errors['denoiser'], errors[name])[0, 1]:.2f}", display=False)
lower = over_bound("denoiser", found) < over_bound("augmented", found)
glue("ext06_beats_samples", f"{lower.sum()} of {lower.size}", display=False)
lower = over_bound("denoiser", found) < over_bound("pseudolikelihood", found)
glue("ext06_beats_pseudo", f"{lower.sum()} of {lower.size}", display=False)
lower = over_bound("denoiser", found) < over_bound("pseudolikelihood_bare", found)
glue("ext06_beats_bare", f"{lower.sum()} of {lower.size}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels. Top: inferred against true parameters, read off the denoiser and by pseudolikelihood; both hug the diagonal. Bottom: the error over the Cramér–Rao bound against the strength of the couplings and against the number of observed samples; the couplings read off the denoiser stay near the line of pseudolikelihood, the Erasure Machine on samples above."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(9, 7.4))
limit = 1.05 * np.abs(first["truth"]).max()
for ax, name, role in zip(axes[0], ("denoiser", "pseudolikelihood"), ("denoiser", "rival"), strict=True):
    style.fields_and_couplings(ax, first["truth"], first[name], n_spins, role, limit)
    ax.set_title(WAYS[name])
axes[0, 0].legend(loc="upper left", fontsize=8)
lines = [("augmented", "structured"), ("denoiser", "denoiser"), ("pseudolikelihood", "rival")]
sweeps = [
    (coupling_scales, by_strength, "linear", "coupling strength $g$"),
    (observed_counts, by_count, "log", "observed samples $N$"),
]
for ax, (x, groups, scale, label) in zip(axes[1], sweeps, strict=True):
    for name, role in lines:
        style.curve(ax, x, np.array([over_bound(name, group) for group in groups]).T, role, WAYS[name])
    ax.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    ax.set(xscale=scale, xlabel=label, ylabel="MSE / bound")
    style.plain_decades(ax)
axes[1, 0].legend(fontsize=8)

# %% [markdown]
# Top: inferred against true parameters of one seed. Bottom: the error over the Cramér–Rao bound (black line);
# lines are means over the seeds, bands from the smallest to the largest.
#
# ## Whether the claim holds
#
# Yes. The parameters read off the denoiser have an error of {glue:text}`ext06_denoiser:s` times the bound. The
# Erasure Machine on 100,000 samples of the same denoiser is at {glue:text}`ext06_augmented:s`, with its correction
# at {glue:text}`ext06_augmented_tap:s`. Reading was better than sampling in {glue:text}`ext06_beats_samples:s` runs.
#
# The detour does not lose much in the samples themselves: pseudolikelihood finds
# {glue:text}`ext06_augmented_pseudolikelihood:s` from them. It loses in the inference.
#
# And it is no new information. Pseudolikelihood on the observed samples, a matter of seconds, is at
# {glue:text}`ext06_pseudolikelihood:s` with and at {glue:text}`ext06_pseudolikelihood_bare:s` without a ridge. The
# denoiser beats the first in {glue:text}`ext06_beats_pseudo:s` runs and the second in
# {glue:text}`ext06_beats_bare:s`. Its errors are correlated with those of the two by
# {glue:text}`ext06_same_pseudolikelihood:s` and {glue:text}`ext06_same_pseudolikelihood_bare:s`: both are near the
# limit, and near the limit all good estimates from the same samples err alike.

# %% tags=["remove-input"]
Markdown(provenance.table(list(found.values()), "ext06_reading_couplings", preset))
