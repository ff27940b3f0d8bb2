# %% [markdown]
# # Figure 12: filling in missing neurons
#
# **The thesis claims:** *A model inferred from augmented samples of a retina fills in the activity of missing neurons
# more accurately than one inferred from the observed samples.* {cite}`lim2024thesis` {verdict}`8`

# %% tags=["parameters", "hide-cell"]
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

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

configs = worlds.from_parameters(worlds.Retina, globals())

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import provenance, scoring, walk
from ising_experiments.runs import find_or_compute, one_thread, source
from ising_lib import estimators, imputation, metrics

runs = find_or_compute(configs)
observed, tests = zip(*map(walk.samples, configs), strict=True)


def hide_and_fill(run, spins, test):
    """Which neurons are missing, the models, and what each of them fills in."""
    rng = worlds.stream(run.config["seed"], "missing")
    mask = imputation.random_mask(test.shape, n_missing, rng=rng)
    rival = estimators.pseudolikelihood(spins, ridge=0.01)
    models = {
        "observed": run.model("observed"),
        "augmented": run.model("augmented"),
        "pseudolikelihood": rival.model,
        "all silent": imputation.independent_model(spins),
    }
    return mask, models, scoring.recover(models, test, mask)


with one_thread():  # many small products
    trials = list(map(hide_and_fill, runs, observed, tests))
masks, models, filled = zip(*trials, strict=True)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rasters of 30 test samples by 40 neurons, black silent and white spiking: the original, the same with 14 grey missing neurons in each sample, and the samples filled in by the model of the observed and of the augmented samples, with wrong entries ringed; nearly all of these are missed spikes."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.8), sharex=True, sharey=True)
rows = slice(0, 30)
true, hidden = tests[0][rows], masks[0][rows]
style.raster(axes[0, 0], true, title="test samples")
title = f"{n_missing} of {n_spins} missing"
style.raster(axes[0, 1], true, missing=hidden, title=title)
for ax, name in zip(axes[1], ("observed", "augmented"), strict=True):
    found = filled[0][name][rows]
    title = f"filled in by the {name} model"
    style.raster(ax, found, wrong=found != true, title=title)
    ax.set_xlabel("neuron, most active first")
for ax in axes[:, 0]:
    ax.set_ylabel("sample")

# %% [markdown]
# Black is silent, white is a spike, grey is missing. Below, wrong entries are ringed. The first test samples of one
# seed.
#
# ## What to see
#
# **The thesis** reports a higher accuracy of the augmented model, at every number of missing neurons ([Figure
# 14](fig14_imputation_by_missing.ipynb)). It prints no values.
#
# **These runs do not settle which is better.** The augmented model is right for {glue:text}`fig12_augmented:s`% of the
# missing neurons, the observed one for {glue:text}`fig12_observed:s`% (mean over seeds, smallest and largest). On the
# same missing neurons they differ by {glue:text}`fig12_gain_observed:s` points: the sign changes from seed to seed,
# that is, with the split of the recording and the training.
#
# **Accuracy hardly tells these models from a blind guess.** *All silent* is right for
# {glue:text}`fig12_silent:s`%. The augmented model differs from it by {glue:text}`fig12_gain_silent:s` points, the
# observed one by {glue:text}`fig12_observed_over_silent:s`. Most rings are spikes that are not found: the augmented
# model finds {glue:text}`fig12_augmented_recall:s`% of the missing ones, the observed one
# {glue:text}`fig12_observed_recall:s`%.
#
# **The difference is one neuron.** Without the most active one, augmented and observed model differ by
# {glue:text}`fig12_rest_observed:s` points. When all others are silent, that neuron fires in
# {glue:text}`fig12_alone:s` of the bins. But the field that the models put on it then, $h_1 - \sum_j J_{1j}$, is of
# either sign: {glue:text}`fig12_field_observed:s` in the observed models, seed by seed,
# {glue:text}`fig12_field_augmented:s` in the augmented ones. Where it is positive, they fill in a spike that is
# nearly always wrong. So what looks like an effect of augmentation is the sign of one poorly determined field. Over [ten
# splits](firmness.ipynb) and all numbers of missing neurons the gain is {glue:text}`firmness.ipynb::firmness_retina_auto:s` points
# with the automatic ε and {glue:text}`firmness.ipynb::firmness_retina_fixed:s` with ε = 0.9 for both models.
#
# **The inference matters more than the samples.** From the same observed samples, without augmentation,
# pseudolikelihood puts {glue:text}`fig12_field_pseudolikelihood:s` on that neuron, finds
# {glue:text}`fig12_pseudolikelihood_recall:s`% of the missing spikes and is
# {glue:text}`fig12_pseudolikelihood_over_silent:s` points more accurate than silence. The Erasure Machine takes
# $\langle \sigma_i \rangle \approx \epsilon h_i$ ([its derivation](../book/erasure_machine.md)). That is true near 0, and
# these neurons are far from it: on test samples both of its models have a lower log-pseudolikelihood,
# {glue:text}`fig12_observed_predicted:s` and {glue:text}`fig12_augmented_predicted:s` nats, than independent neurons,
# {glue:text}`fig12_silent_predicted:s`.
#
# ## How it is computed
#
# A spin is +1 when its neuron fired in a bin of the [recording](fig11_retina_raster.ipynb). Missing neurons get the
# most probable state given the known ones,
#
# $$
# \hat\sigma_\text{missing}
# = \arg\max_{\sigma_\text{missing}} p(\sigma_\text{missing} \mid \sigma_\text{known}),
# $$
#
# found exactly, among all $2^{14}$ states, by {func}`ising_lib.imputation.impute`. Both models come from the
# [pipeline of Figure 7](fig07_early_stopping.ipynb), begun with the recording:

# %% tags=["remove-input"]
source(walk.retina, walk.samples.dispatch(worlds.Retina), walk.parameters, hide_and_fill)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | The 40 most active neurons; 8,000 training and 1,000 test samples, in random order. | The same; three seeds, each with another order. |
# | 14 of 40 neurons missing, at random. | The same ones for all models. |
# | The most probable state; its accuracy. | The same; and recall (missing spikes that are found), precision (filled-in spikes that are true) and balanced accuracy (mean of the accuracies on spikes and on silence). |
# | Two models: from observed and from augmented samples. | Two more, from the observed samples. *Independent* neurons fire at their mean rates; they fill in silence, as every neuron fires in less than half of the bins. *Pseudolikelihood* is another [inference](../book/inverse_ising.md), with a penalty of strength 0.01. |
# | Stop where the variances meet. Not stated: after how many iterations. | At most 8,000 updates. The rule fired in {glue:text}`fig12_crossed:s` seeds; elsewhere the last checkpoint was kept. [Figure 13](fig13_retina_stopping.ipynb) shows the others. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb). |
#
# What changes under other choices is on the page [How firm is each verdict](firmness.ipynb).
#
# ## The numbers

# %% tags=["hide-cell"]
compared = list(map(scoring.compare, filled, tests, masks))
kinds = ("accuracy", "balanced_accuracy", "recall", "precision")
scores, predicted, rows = {}, {}, []
for name in models[0]:
    found = [one.scores[name] for one in compared]
    each = ([100 * getattr(one, kind) for one in found] for kind in kinds)
    scores[name] = dict(zip(kinds, each, strict=True))
    several = (some[name] for some in models)
    predicted[name] = list(map(metrics.log_pseudolikelihood, several, tests))
    columns = *scores[name].values(), predicted[name]
    rows.append((name, *(style.spread(values, 2) for values in columns)))
headers = ["model", *(f"{kind.replace('_', ' ')} (%)" for kind in kinds)]
style.table(rows, [*headers, "log-pseudolikelihood (nats)"])

# %% [markdown]
# Differences of accuracy on the same missing neurons, in points. The standard error is that over test samples.

# %% tags=["hide-cell"]
rest = [mask & (np.arange(n_spins) > 0) for mask in masks]
without = list(map(scoring.compare, filled, tests, rest))
pairs = [("augmented", "observed"), ("observed", "all silent")]
pairs += [("augmented", "all silent"), ("pseudolikelihood", "all silent")]
gains, rows = {}, []
for pair in pairs:
    for scored, several in (("all", compared), ("all but neuron 1", without)):
        found = 100 * np.array([one.gains[pair] for one in several])  # (S, 2)
        texts = [f"{style.number(d, 2)} ± {error:.2f}" for d, error in found]
        gains[pair, scored] = style.spread(found[:, 0], 2)
        rows.append((" − ".join(pair), scored, gains[pair, scored], *texts))
headers = ["difference", "scored", "mean (smallest to largest)"]
style.table(rows, [*headers, *(f"seed {seed}" for seed in seeds)])

# %% tags=["remove-cell"]
alone = np.mean([(some[(some[:, 1:] < 0).all(1), 0] > 0).mean() for some in observed])
texts = {
    "alone": style.percent(alone, 1),
    "crossed": f"{sum(bool(run['stop_crossed']) for run in runs)} of {len(runs)}",
    "gain_observed": gains[pairs[0], "all"],
    "rest_observed": gains[pairs[0], "all but neuron 1"],
    "gain_silent": gains[pairs[2], "all"],
    "observed_over_silent": gains[pairs[1], "all"],
    "pseudolikelihood_over_silent": gains[pairs[3], "all"],
}
for name in models[0]:
    short = name.removeprefix("all ")
    fields = [some[name].fields[0] - some[name].couplings[0].sum() for some in models]
    texts[f"field_{short}"] = ", ".join(style.number(field, 2) for field in fields)
    texts[f"{short}_predicted"] = style.spread(predicted[name], 1)
    texts[short] = style.spread(scores[name]["accuracy"], 2)
    texts[f"{short}_recall"] = style.spread(scores[name]["recall"], 1)
for name, text in texts.items():
    glue(f"fig12_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig12 -p n_missing=2 --html
# ising-book run fig12 -p n_spins=20 -p n_observed=2000 -p n_missing=7 \
#   -p n_iterations=500 -p n_checkpoints=3 -p n_monitor=1000 -p n_augmented=10000 \
#   -p 'seeds=[0]' --html
# ```
#
# Two missing neurons, filled in by the stored models (about a minute): expect all models to find more of the missing
# spikes, since more is known, and the difference of the two to be of either sign still. Fewer neurons, fewer samples and
# a short training (about a minute of one core): expect them to differ by a tenth of a point or so.

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {"seed": seeds}
columns |= {f"{kind} (%), {name}": v for name, some in scores.items() for kind, v in some.items()}
style.csv("fig12", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig12_retina_imputation", preset))
