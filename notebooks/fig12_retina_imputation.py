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
# # Figure 12: filling in missing neurons
#
# **Claim.** *A model inferred from augmented samples of a retina fills in the activity of missing neurons.*
#
# The recording is real: 160 ganglion cells of a salamander retina that looks at a film of swimming fish,
# in bins of 20 ms {cite}`marre2017data,tkacik2014searching`; see [Figure 11](fig11_retina_raster.ipynb). A
# spin is +1 when its neuron fired in the bin. The thesis keeps the 40 most active neurons, shuffles the bins,
# and takes 8,000 of them for training and 1,000 for testing {cite}`lim2024thesis`. In each test sample 14
# neurons, 35 %, are made missing and filled in again by the most probable state of the missing spins given
# the known ones,
#
# $$
# \hat\sigma_\text{missing}
# = \arg\max_{\sigma_\text{missing}} p(\sigma_\text{missing} \mid \sigma_\text{known}),
# $$
#
# found exactly, among all $2^{14}$ states, by {func}`ising_lib.imputation.impute`.
#
# Two models do it: one inferred by the Erasure Machine from the training samples, the other from samples
# that a diffusion model generated after training on them, up to the stopping point
# ([Figure 13](fig13_retina_stopping.ipynb)).
#
# Neurons are silent most of the time. So a guess that looks at nothing, *all silent*, is right almost
# always, and accuracy alone says little. We therefore also count how many of the missing spikes were found
# (recall), how many of the spikes filled in are true (precision), and the mean of the accuracies on spikes
# and on silence (balanced accuracy; 0.5 for any constant guess).
#
# ## Parameters
#
# The sizes of the data are the thesis's. The training is ours: `n_iterations` updates of the diffusion model,
# watched at `n_checkpoints` checkpoints. The augmented samples are those of the stopping point, or of the
# last checkpoint if the rule never fires.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 8_000
n_test = 1_000
n_missing = 14
n_iterations = 8_000
n_checkpoints = 11
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# Each seed is another split of the recording and another training, and hides other neurons. Two models are
# added for comparison, both from the observed samples. *Independent* neurons fire at their mean rates; they
# fill in silence everywhere, as long as every neuron fires in less than half of the bins. And
# *pseudolikelihood* is another inference than the Erasure Machine
# ({func}`ising_lib.estimators.pseudolikelihood`; the strength of its penalty, 0.01, is our choice).

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(worlds.Retina, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import estimators, imputation, metrics

runs = find_or_compute(configs)

# %%
observed, tests = zip(*[walk.samples(one) for one in configs], strict=True)  # (N, M), (N', M) for each seed
masks = [
    imputation.random_mask(test.shape, n_missing, rng=worlds.stream(seed, "missing"))
    for test, seed in zip(tests, seeds, strict=True)
]
models = [
    {
        "observed": run.model("observed"),
        "augmented": run.model("augmented"),
        "pseudolikelihood": estimators.pseudolikelihood(spins, ridge=0.01).model,
        "all silent": imputation.independent_model(spins),
    }
    for run, spins in zip(runs, observed, strict=True)
]
filled = [imputation.recover(*three) for three in zip(models, tests, masks, strict=True)]
compared = [metrics.compare(*three) for three in zip(filled, tests, masks, strict=True)]

# %% [markdown]
# ## The numbers
#
# Mean over the seeds; with several, in brackets the smallest and the largest.

# %%
print("every neuron fires in less than half of the bins:", all((some.mean(0) < 0).all() for some in observed))
scores = {name: [one.scores[name] for one in compared] for name in models[0]}
for kind in ("accuracy", "balanced_accuracy", "recall", "precision"):
    print(kind)
    for name, values in scores.items():
        if (name, kind) != ("all silent", "precision"):  # it fills in no spike
            print(f"  {name:>16}: {style.spread([getattr(value, kind) for value in values], 4)}")

# %% [markdown]
# All fill in the same missing neurons of the same samples, so their differences are known better than the
# accuracies themselves. By seed, with the standard error over test samples; another split and another
# training are not in it.

# %%
silent = [(name, "all silent") for name in ("observed", "augmented", "pseudolikelihood")]
gains = {}
for pair in (("augmented", "observed"), *silent):
    by_seed = 100 * np.array([one.gains[pair] for one in compared])  # (S, 2)
    gains[pair] = style.spread(by_seed[:, 0], 2)
    print(f"accuracy, {pair[0]} minus {pair[1]}, in points of 100: {gains[pair]}")
    print("  by seed", ", ".join(f"{gain:+.2f} ± {error:.2f}" for gain, error in by_seed))

# %% [markdown]
# Where do these differences come from? Leave out one neuron, the most active one.

# %%
rest = [mask & (np.arange(n_spins) > 0) for mask in masks]
without = [metrics.compare(*three) for three in zip(filled, tests, rest, strict=True)]
gains_rest = {}
for pair in gains:
    by_seed = 100 * np.array([one.gains[pair] for one in without])
    gains_rest[pair] = style.spread(by_seed[:, 0], 2)
    print(f"without it, {pair[0]} minus {pair[1]}: {gains_rest[pair]}")
    print("  by seed", ", ".join(f"{gain:+.2f} ± {error:.2f}" for gain, error in by_seed))
fields = {
    name: [some[name].fields[0] - some[name].couplings[0].sum() for some in models]
    for name in ("observed", "augmented", "pseudolikelihood")
}
for name, values in fields.items():
    print(f"field on it when all others are silent, {name}: {', '.join(f'{v:+.2f}' for v in values)}")
alone = 100 * np.mean([(some[(some[:, 1:] < 0).all(1), 0] > 0).mean() for some in observed])
print(f"it fires in {alone:.1f} % of such bins")

# %% [markdown]
# Two more questions. The most probable joint state does not make the fewest errors: the more probable value
# of each missing spin does, with the other missing spins summed over. And it asks a model only which of two
# states is likelier, not by how much; the log-pseudolikelihood asks that, the mean of
# $\sum_i \log p(\sigma_i \mid \text{others})$ over test samples
# ({func}`ising_lib.metrics.log_pseudolikelihood`).

# %%
two = [{name: some[name] for name in ("observed", "augmented")} for some in models]
by_spin = [
    metrics.compare(imputation.recover(some, test, mask, "marginal"), test, mask)
    for some, test, mask in zip(two, tests, masks, strict=True)
]
for name in two[0]:
    right = [100 * one.scores[name].accuracy for one in by_spin]
    print(f"accuracy spin by spin, {name}: {style.spread(right, 2)} %")
gain_by_spin = style.spread([100 * one.gains["augmented", "observed"][0] for one in by_spin], 2)
print(f"  augmented minus observed: {gain_by_spin}")
predicted = {
    name: [metrics.log_pseudolikelihood(some[name], test) for some, test in zip(models, tests, strict=True)]
    for name in models[0]
}
for name, values in predicted.items():
    print(f"log-pseudolikelihood, {name.replace('all silent', 'independent')}: {style.spread(values, 2)}")

# %%
for run in runs:
    by_rule, k = bool(run["stop_crossed"]), run["stop_index"]
    print(f"seed {run.config['seed']}: kept checkpoint {run['iterations'][k]}, by the rule: {by_rule}")
    print(f"  Var E there {run['variance'][k]:.0f}, test line {run['test_line']:.0f}")

# %% tags=["remove-cell"]
for name, short in zip(models[0], ("observed", "augmented", "rival", "silent"), strict=True):
    for kind, digits in (("accuracy", 2), ("recall", 1), ("balanced_accuracy", 1), ("precision", 0)):
        values = style.spread([100 * getattr(one, kind) for one in scores[name]], digits)
        glue(f"fig12_{short}" if kind == "accuracy" else f"fig12_{short}_{kind}", values, display=False)
    glue(f"fig12_{short}_predicted", style.spread(predicted[name], 1), display=False)
glue("fig12_gain_observed", gains["augmented", "observed"], display=False)
glue("fig12_gain_silent", gains["augmented", "all silent"], display=False)
glue("fig12_observed_over_silent", gains["observed", "all silent"], display=False)
glue("fig12_rival_over_silent", gains["pseudolikelihood", "all silent"], display=False)
glue("fig12_rest_observed", gains_rest["augmented", "observed"], display=False)
glue("fig12_rest_silent", gains_rest["augmented", "all silent"], display=False)
for name, short in zip(fields, ("observed", "augmented", "rival"), strict=True):
    glue(f"fig12_field_{short}", ", ".join(f"{value:+.2f}" for value in fields[name]), display=False)
glue("fig12_alone", f"{alone:.1f}", display=False)
glue("fig12_gain_by_spin", gain_by_spin, display=False)
glue("fig12_crossed", f"{sum(int(run['stop_crossed']) for run in runs)} of {len(runs)}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rasters of 60 test samples by 40 neurons, black silent and white spiking: the original, the same with 14 grey missing neurons in each sample, and the samples filled in by the model of the observed and of the augmented samples, with wrong entries ringed."}}
style.use_style()
fig, axes = plt.subplots(1, 4, figsize=(9, 6), sharex=True, sharey=True)
rows = slice(0, 60)
shown, hidden = tests[0][rows], masks[0][rows]
recovered = {name: spins[rows] for name, spins in filled[0].items()}
style.raster(axes[0], shown, title="test samples")
style.raster(axes[1], shown, missing=hidden, title=f"{n_missing} missing")
for ax, name in zip(axes[2:], ("observed", "augmented"), strict=True):
    style.raster(ax, recovered[name], wrong=recovered[name] != shown, title=f"by {name} model")
axes[0].set_ylabel("sample")
_ = fig.supxlabel("neuron, most active first", fontsize=10)

# %% [markdown]
# Black is silent, white is a spike, grey is missing. In the two panels on the right, wrong entries are
# ringed. The first test samples of one seed.
#
# ## What to see, and whether the claim holds
#
# **It does not, by our measurement.** The augmented model is right for {glue:text}`fig12_augmented:s` % of
# the missing spins, the observed one for {glue:text}`fig12_observed:s` % (mean over seeds, smallest and
# largest). On the same missing neurons they differ by {glue:text}`fig12_gain_observed:s` points: the sign
# changes from seed to seed.
#
# **Silence does better, on average.** All silent is right for {glue:text}`fig12_silent:s` %. The augmented model differs
# from it by {glue:text}`fig12_gain_silent:s` points, the observed one by
# {glue:text}`fig12_observed_over_silent:s`. The rings in the picture say why: they are spikes that were
# missing and are not found. The augmented model finds {glue:text}`fig12_augmented_recall:s` % of them, the
# observed one {glue:text}`fig12_observed_recall:s` %. Of the spikes that they fill in,
# {glue:text}`fig12_augmented_precision:s` % and {glue:text}`fig12_observed_precision:s` % are true.
#
# **The difference is one neuron.** Without the most active neuron, augmented and observed model differ by
# {glue:text}`fig12_rest_observed:s` points, and the augmented model and silence by
# {glue:text}`fig12_rest_silent:s`. When all others are silent, that neuron fires in
# {glue:text}`fig12_alone:s` % of the bins. But the field that the models put on it then,
# $h_1 - \sum_j J_{1j}$, is of either sign: {glue:text}`fig12_field_observed:s` in the observed models, seed by
# seed, {glue:text}`fig12_field_augmented:s` in the augmented ones. Where it is positive, they fill in a spike
# that is nearly always wrong. So what looks like an effect of augmentation is the sign of one
# number that the inference does not know. To fill in spin by spin changes nothing: the difference is then
# {glue:text}`fig12_gain_by_spin:s` points.
#
# **The inference matters more than the samples.** From the same observed samples, without augmentation,
# pseudolikelihood puts {glue:text}`fig12_field_rival:s` on that neuron. It finds
# {glue:text}`fig12_rival_recall:s` % of the missing spikes and is {glue:text}`fig12_rival_over_silent:s` points
# more accurate than silence. Its log-pseudolikelihood on the test samples is
# {glue:text}`fig12_rival_predicted:s`; it was fitted to that very score, though on other samples. Independent
# neurons have {glue:text}`fig12_silent_predicted:s`. The models of the Erasure Machine are far below:
# {glue:text}`fig12_observed_predicted:s` (observed) and {glue:text}`fig12_augmented_predicted:s` (augmented).
# They are much too sure that most neurons are silent. A likely reason: the Erasure Machine takes moments to
# grow in proportion to the parameters, $\langle \sigma_i \rangle \approx \epsilon h_i$
# ([its derivation](../book/erasure_machine.md)). That is true near $\langle \sigma_i \rangle = 0$, and these
# neurons are far from it.
#
# The rule stopped the training in {glue:text}`fig12_crossed:s` seeds; elsewhere the last checkpoint was kept.
# Would another have done better? [Figure 13](fig13_retina_stopping.ipynb) looks. Do fewer or more missing
# neurons change the verdict? [Figure 14](fig14_imputation_by_missing.ipynb).

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig12_retina_imputation", preset))
