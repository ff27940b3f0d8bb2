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
# # A denoiser that knows physics
#
# **Claim.** *A denoiser built on Bayes' rule for spins in Gaussian noise makes better augmented samples than
# the thesis's network, with less than a thousandth of its parameters, in a fraction of the time.*
#
# The thesis ends with the hope for a better architecture {cite}`lim2024thesis`. Here is one. It follows from
# two facts that need no learning.
#
# ## First fact: an Ising model seen through noise is an Ising model
#
# Noise turns $\sigma_0$ into $x = \sqrt{\bar\alpha_t}\, \sigma_0 + \sqrt{1 - \bar\alpha_t}\, \bar\epsilon$
# ([Eq. (28)](#eq-28)), so that
#
# (eq-b-1)=
# $$
# p(x \mid \sigma_0) \propto \exp\!\left(-\frac{|x - \sqrt{\bar\alpha_t}\, \sigma_0|^2}{2 (1 - \bar\alpha_t)}\right)
# \propto \exp\!\left(\frac{\sqrt{\bar\alpha_t}}{1 - \bar\alpha_t}\, x \cdot \sigma_0\right). \tag{B.1}
# $$
#
# The second step drops what does not depend on $\sigma_0$: $|x|^2$, and also $|\sigma_0|^2 = M$, because spins
# are $\pm 1$. By Bayes' rule,
#
# (eq-b-2)=
# $$
# p(\sigma_0 \mid x) \propto \exp\Big(\sum_i (h_i + a_t x_i)\, \sigma_{0,i} + \sum_{i<j} J_{ij}\, \sigma_{0,i} \sigma_{0,j}\Big),
# \qquad a_t = \frac{\sqrt{\bar\alpha_t}}{1 - \bar\alpha_t}: \tag{B.2}
# $$
#
# the same couplings in fields $h + a_t x$. The best guess of $\sigma_0$, which is all that a denoiser has to
# know ([Eq. (18)](#eq-18) to [(21)](#eq-21)), is the magnetisation of this model. Write it as
# $\hat\sigma_{0,i} = \tanh \lambda_i$. A large part of the field $\lambda_i$ is $a_t x_i$, which is known.
# Only the rest must be learned. From the guess follows the noise,
# $\hat\epsilon = (x - \sqrt{\bar\alpha_t}\, \hat\sigma_0) / \sqrt{1 - \bar\alpha_t}$.
#
# {class}`ising_lib.denoisers.MeanField` takes for the rest the equations of Thouless, Anderson and Palmer,
# iterated a few times, with one learned $(h, J)$ and two numbers $c_k$, $d_k$ for each iteration:
#
# (eq-b-3)=
# $$
# m^{k+1}_i = \tanh\Big(a_t x_i + h_i + c_k \sum_j J_{ij} m^k_j - d_k\, m^k_i \sum_j J_{ij}^2 \big(1 - (m^k_j)^2\big)\Big).
# \tag{B.3}
# $$
#
# {class}`ising_lib.denoisers.LogitMLP` knows Bayes' rule but no Ising model: a small perceptron gives the
# rest. It tells what the first fact alone is worth.

# %% [markdown]
# ```{literalinclude} ../ising_lib/denoisers.py
# :language: python
# :pyobject: MeanField.rest
# :dedent: 4
# ```

# %% [markdown]
# ## Second fact: the right weights turn denoising into maximum likelihood
#
# Write $r = \bar\alpha_t / (1 - \bar\alpha_t)$ for the ratio of signal to noise. Guo, Shamai and Verdú found
# that the mutual information of a signal and its noised copy grows with $r$ at half the rate of the smallest
# mean squared error {cite}`guo2005mutual`. From no noise to no signal, for spins of law $p$ and the best
# guess,
#
# (eq-b-4)=
# $$
# \frac12 \int_0^\infty \big\langle |\sigma_0 - \hat\sigma_0|^2 \big\rangle\, dr = -\langle \log p(\sigma_0) \rangle . \tag{B.4}
# $$
#
# Both sides can be checked where there is one spin without a field. On the right stands $\log 2$. On the left
# $\hat\sigma_0 = \tanh(r + \sqrt r\, z)$, and a numerical integral agrees. If the guess is that of another law
# $q$, the integral is $-\langle \log q \rangle_p$, larger by the divergence of $q$ from $p$
# {cite}`verdu2010mismatched`. So the integral is the negative log-likelihood of the model behind the guess.
# Its minimum over $(h, J)$ is the estimate of *maximum likelihood*, the most efficient there is for large $N$.
#
# The thesis's loss [Eq. (44)](#eq-44) is such an integral too: $|\bar\epsilon - \hat\epsilon|^2 = r\,
# |\sigma_0 - \hat\sigma_0|^2$, with $t$ drawn evenly. It weighs the ratios by $r\, dt$ instead of $dr$.
# Training here draws $t$ evenly in $\log r$ and weighs by $dr / d\log r = r$:

# %% [markdown]
# ```{literalinclude} ../ising_lib/denoisers.py
# :language: python
# :pyobject: FieldDenoiser.loss
# :dedent: 4
# ```
#
# A test enumerates both sides for a right and a wrong model:
# {download}`✓ tested <../tests/method/test_denoisers.py>` `test_the_loss_is_the_log_likelihood`.
#
# ## Parameters
#
# The samples are those of [Figure 9](fig09_coupling_strength.ipynb) and of
# [the page of rivals](ext01_rivals.ipynb), seed by seed. The thesis's network is trained and sampled as
# there, the others at their own learning rates; all by {func}`ising_lib.ddpm.train` and
# {func}`ising_lib.ddpm.sample`. It takes fewer steps than the others, which is a little
# [to its disadvantage](../book/benchmarks.md).

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scales = [0.4, 0.6, 0.8, 1.0, 1.2]
coupling_scale = 1.0
field_scale = 1.0
observed_counts = [500, 1_000, 4_000, 16_000]
system_sizes = [20, 40, 60]
n_iterations = 6_000
n_augmented = 100_000
n_sampling_steps = 50
network = {
    "n_iterations": 2_000,
    "n_checkpoints": 7,
    "n_monitor": 5_000,
    "n_sampling_steps": 12,
    "stop": True,
}
seeds = [0, 1, 2]
more_seeds = [3, 4]

# %% [markdown]
# ## The walk

# %% tags=["runs"]
import functools
import itertools

from ising_book import worlds

with_changes = functools.partial(worlds.from_parameters, worlds.Rivals, globals())
centre = with_changes(seeds=seeds + more_seeds)
perceptron = with_changes(denoiser="LogitMLP")
strengths = [{"coupling_scale": g, "field_scale": g} for g in coupling_scales]
by_strength = [with_changes(**drawn) for drawn in strengths]
thesis = [worlds.from_parameters(worlds.Augmentation, globals(), **network, **drawn) for drawn in strengths]
by_count = [with_changes(n_observed=count) for count in observed_counts]
by_size = [with_changes(n_spins=size) for size in system_sizes]
configs = [*itertools.chain(centre, perceptron, *by_strength, *thesis, *by_count, *by_size)]

# %%
import itertools

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
# In the setting in the middle: the error of the Erasure Machine on the augmented samples, over that on the
# observed samples.


# %%
def ratios(group, name="augmented"):
    return np.array([found[config].error(name) / found[config].error("erasure") for config in group])


middle = coupling_scales.index(coupling_scale)
plain = np.array([found[c].error("augmented") / found[c].error("observed") for c in thesis[middle]])
shown = {
    "the thesis's network": plain,
    "perceptron for the rest": ratios(perceptron),
    "mean field for the rest": ratios(centre),
    "the same, corrected fit": ratios(centre, "augmented_tap"),
    "read off the mean field": ratios(centre, "denoiser"),
    "ridge pseudolikelihood": ratios(centre, "pseudolikelihood"),
}
for name, values in shown.items():
    print(f"{name:26} MSE / observed {style.spread(values, 3)}, {len(values)} seeds")

# %% [markdown]
# What it costs and what it learns. Seconds are of one core. The loss is $-\langle \log p \rangle$ per spin, in
# nats, of [Eq. (B.4)](#eq-b-4); `gap` is how much larger it is on test samples than on the observed ones it was
# trained with: overfitting. Var E is the variance of the energy ([Figure 7](fig07_early_stopping.ipynb)).


# %%
def mean(group, name):
    return np.mean([found[config][name] for config in group])


for label, group in (("perceptron", perceptron), ("mean field", centre)):
    print(f"{label}: {mean(group, 'n_weights'):,.0f} numbers to learn")
    loss, gap = mean(group, "test_loss"), mean(group, "test_loss") - mean(group, "observed_loss")
    print(f"  loss on test samples {loss:.4f}, gap {gap:.4f}")
    lines = [mean(group, name) for name in ("variance", "test_line", "observed_line")]
    print("  Var E: augmented {:.1f}, test {:.1f}, observed {:.1f}".format(*lines))

# %% tags=["remove-cell"]
glue("ext02_thesis", style.spread(plain, 2), display=False)
for name, values in zip(
    ("perceptron", "mean_field", "tap", "read", "pseudo"), list(shown.values())[1:], strict=True
):
    glue(f"ext02_{name}", style.spread(values, 2), display=False)
glue("ext02_seeds", len(centre), display=False)
glue("ext02_weights", f"{mean(centre, 'n_weights'):,.0f}", display=False)
glue("ext02_train_seconds", f"{mean(centre, 'train_seconds'):.0f}", display=False)
glue("ext02_sample_seconds", f"{mean(centre, 'sample_seconds'):.0f}", display=False)
longest = max(found[c]["train_seconds"] + found[c]["sample_seconds"] for c in centre)
glue("ext02_longest_seconds", f"{longest:.0f}", display=False)
costs = [found[c].core_seconds for c in thesis[middle]]
glue("ext02_thesis_seconds", f"{np.mean(costs):.0f}", display=False)
gaps = {
    name: mean(group, "test_loss") - mean(group, "observed_loss")
    for name, group in (("mean_field", centre), ("perceptron", perceptron))
}
for name, gap in gaps.items():
    glue(f"ext02_gap_{name}", f"{gap:.4f}", display=False)
glue("ext02_gap_akaike", f"{(n_spins + 1) / 2 / n_observed:.4f}", display=False)
every = list(dict.fromkeys(itertools.chain(centre, *by_strength, *by_count, *by_size)))
glue("ext02_better", f"{(ratios(every) < 1).sum()} of {len(every)}", display=False)
lost = [c for c in every if ratios([c])[0] >= 1]
names = [f"M = {c.n_spins}, N = {c.n_observed:,}, g = {c.coupling_scale}, seed {c.seed}" for c in lost]
glue("ext02_lost", "; ".join(names) or "none", display=False)
bound = np.array([found[c].over_bound("denoiser") for c in centre])
glue("ext02_read_bound", style.spread(bound, 2), display=False)
bound = np.array([found[c].over_bound("augmented_tap") for c in centre])
glue("ext02_tap_bound", style.spread(bound, 2), display=False)
for size, group in zip(system_sizes, by_size, strict=True):
    glue(f"ext02_size_{size}", style.spread(ratios(group), 2), display=False)
    true = np.array([found[c].error("erasure_true") / found[c].error("erasure") for c in group])
    glue(f"ext02_true_{size}", style.spread(true, 2), display=False)
for count, group in zip(observed_counts, by_count, strict=True):
    glue(f"ext02_count_{count}", style.spread(ratios(group), 2), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels of the error over that of the observed samples; a grey line at one means no gain. Top left: one row for each denoiser with a dot per seed; the mean-field denoiser lies left of the thesis's network, its corrected fit further left, near pseudolikelihood. Others: the ratio against the strength of the couplings, the number of observed samples and the number of spins."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(9, 6.2))
roles = ["augmented", "structured", "structured", "corrected", "denoiser", "rival"]
style.seeds_by_row(axes[0, 0], list(shown.values()), list(shown), roles)
axes[0, 0].set(xlabel="MSE / MSE of the observed samples", title="one setting")
sweeps = [
    (axes[0, 1], coupling_scales, by_strength, "linear", "coupling strength $g$"),
    (axes[1, 0], observed_counts, by_count, "log", "observed samples $N$"),
    (axes[1, 1], system_sizes, by_size, "linear", "spins $M$"),
]
lines = [
    ("augmented", "structured", "mean field"),
    ("augmented_tap", "corrected", "mean field, corrected fit"),
    ("pseudolikelihood", "rival", "pseudolikelihood"),
]
for ax, x, parts, scale, label in sweeps:
    for name, role, text in lines:
        style.curve(ax, x, np.array([ratios(part, name) for part in parts]).T, role, text)
    style.level(ax, 1.0, "baseline", "no gain")
    ax.set(xscale=scale, xlabel=label, ylabel="MSE / observed")
    style.plain_decades(ax)
network_ratio = [[found[c].error("augmented") / found[c].error("observed") for c in part] for part in thesis]
style.curve(axes[0, 1], coupling_scales, np.array(network_ratio).T, "augmented", "thesis's network")
handles, texts = axes[0, 1].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=5, fontsize=8)

# %% [markdown]
# The error of Eq. 23 of the Erasure Machine on augmented samples over that on observed ones. Top left: a dot for
# each seed, a bar at their mean. Elsewhere: lines are means over the seeds, bands from the smallest to the
# largest.
#
# ## Whether the claim holds
#
# It does. In the setting in the middle the mean-field denoiser has {glue:text}`ext02_weights:s` numbers to
# learn. The error falls to {glue:text}`ext02_mean_field:s` times that of the observed samples, over
# {glue:text}`ext02_seeds:s` seeds; with the thesis's network it is {glue:text}`ext02_thesis:s`. Training takes
# {glue:text}`ext02_train_seconds:s` seconds of one core and the augmented samples
# {glue:text}`ext02_sample_seconds:s`; the longest took {glue:text}`ext02_longest_seconds:s` together. A run with
# the thesis's network, its checkpoints included, takes {glue:text}`ext02_thesis_seconds:s`. The perceptron, which knows
# Bayes' rule but no Ising model, gives {glue:text}`ext02_perceptron:s`.
#
# **No overfitting.** The gap between test and observed samples is {glue:text}`ext02_gap_mean_field:s` nats per
# spin for the mean field and {glue:text}`ext02_gap_perceptron:s` for the perceptron. A fit of $L$ parameters by
# maximum likelihood has a gap of $L/(NM)$ on average (Akaike), here {glue:text}`ext02_gap_akaike:s`: the mean
# field remembers what its parameters must, and no more. It needs no stopping rule.
#
# **Everywhere?** The augmented samples gave the smaller error in {glue:text}`ext02_better:s` runs of this page.
# They did not in: {glue:text}`ext02_lost:s`. The ratio depends little on the number of spins. At $M = 20$ it is
# {glue:text}`ext02_size_20:s`, and with 100,000 samples of the *truth* in their place it would be
# {glue:text}`ext02_true_20:s`; at $M = 60$ it is {glue:text}`ext02_size_60:s` and {glue:text}`ext02_true_60:s`.
#
# **How far it goes.** After augmentation it is the Erasure Machine's own approximation that limits. With its
# [correction](ext03_erasure_corrected.ipynb) the error falls to {glue:text}`ext02_tap:s` of the observed one, which
# is {glue:text}`ext02_tap_bound:s` times the Cramér–Rao bound. And the couplings need no samples at all: read off
# the trained denoiser they reach {glue:text}`ext02_read:s`, or {glue:text}`ext02_read_bound:s` times the bound. Ridge
# pseudolikelihood, without any diffusion, is at {glue:text}`ext02_pseudo:s`. See
# [the page after next](ext06_reading_couplings.ipynb).

# %% tags=["remove-input"]
Markdown(provenance.table(list(found.values()), "ext02_structured_denoiser", preset))
