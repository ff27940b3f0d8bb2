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
# # Figure 14: more and more neurons missing
#
# **Claim.** *However many neurons are missing, a model inferred from augmented samples recovers them more
# accurately than one inferred from the observed samples. It does so without fields, too.*
#
# The thesis repeats the recovery of [Figure 12](fig12_retina_imputation.ipynb) with fewer and with more
# missing neurons {cite}`lim2024thesis`: (a) with the full model, (b) with its couplings alone,
#
# $$
# H(\sigma) = -\sum_{i<j} J_{ij} \sigma_i \sigma_j .
# $$
#
# It asks (b) because fields might do all the work: most neurons are silent most of the time, and a field
# says just that. It does not state whether the couplings of (b) were inferred again, without fields, or
# taken over from (a) with the fields dropped. We infer them again, and report the other as well.
#
# What the thesis does not show is what a guess that looks at nothing would score. *All silent* is such a
# guess, and it is also what a model of independent neurons fills in, if every neuron fires in less than half
# of the bins. We draw it in every panel, and add two rows: the balanced accuracy, which is 50 % for such a
# guess, and the difference of the two models on the same missing neurons of the same samples.
#
# ## Parameters
#
# As in Figures 12 and 13, whose runs these are; `missing_counts` is ours. Each seed hides other neurons. What
# is missing among few is also missing among many, so that the curves are paired along their way.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 8_000
n_test = 1_000
n_missing = 14
missing_counts = [2, 5, 8, 11, 14, 17, 20]
n_iterations = 8_000
n_checkpoints = 11
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk

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
from ising_lib import imputation, ising, metrics

runs = find_or_compute(configs)

# %%
names = ("observed", "augmented", "observed_couplings", "augmented_couplings")
observed, tests = zip(*[walk.samples(one) for one in configs], strict=True)  # (N, M), (N', M) for each seed
models = [
    {**{name: run.model(name) for name in names}, "silent": imputation.independent_model(spins)}
    for run, spins in zip(runs, observed, strict=True)
]
masks = [
    [imputation.random_mask(test.shape, n, rng=worlds.stream(seed, "missing")) for n in missing_counts]
    for test, seed in zip(tests, seeds, strict=True)
]  # one stream for all n: the masks are nested
filled = [
    [imputation.recover(some, test, mask) for mask in several]
    for some, test, several in zip(models, tests, masks, strict=True)
]  # S seeds, K numbers of missing neurons


# %% [markdown]
# All missing neurons are scored, and then all but one of them. [Figure 12](fig12_retina_imputation.ipynb)
# found that the most active neuron decides which model looks better.


# %%
def compare(chosen):
    """Scores and differences on the chosen ones (M,) of the missing neurons, for each seed and number."""
    return [[metrics.compare(filled[s][k], tests[s], masks[s][k] & chosen) for k in counts] for s in each]


def score(name, kind):
    """One score of a model in per cent, (S, K)."""
    return 100 * np.array([[getattr(one.scores[name], kind) for one in row] for row in compared])


def gain(pair, some):
    """Accuracy of one model minus that of another in points, with standard error, (S, K, 2)."""
    return 100 * np.array([[one.gains[pair] for one in row] for row in some])


each, counts = range(len(seeds)), range(len(missing_counts))
compared, without = compare(np.full(n_spins, True)), compare(np.arange(n_spins) > 0)

# %% [markdown]
# ## The numbers

# %%
print("every neuron fires in less than half of the bins:", all((some.mean(0) < 0).all() for some in observed))
print("missing neurons:", ", ".join(str(n) for n in missing_counts))
for name in models[0]:
    print(name)
    for kind in ("accuracy", "balanced_accuracy", "recall"):
        print(f"  {kind} (%): {', '.join(f'{value:.2f}' for value in score(name, kind).mean(0))}")

# %% [markdown]
# Differences on the same missing neurons of the same samples, by seed. The standard error is that over test
# samples; another training is not in it.

# %%
pairs = {
    "with fields": ("augmented", "observed"),
    "couplings alone": ("augmented_couplings", "observed_couplings"),
    "with fields, over silent": ("augmented", "silent"),
    "couplings alone, over silent": ("augmented_couplings", "silent"),
    "observed, over silent": ("observed", "silent"),
}
for name, pair in pairs.items():
    print(f"{name}: mean {', '.join(f'{d:+.2f}' for d in gain(pair, compared)[..., 0].mean(0))}")
    for seed, row in zip(seeds, gain(pair, compared), strict=True):
        print(f"  seed {seed}: {', '.join(f'{d:+.2f} ± {e:.2f}' for d, e in row)}")
    print(f"  without neuron 1: {', '.join(f'{d:+.2f}' for d in gain(pair, without)[..., 0].mean(0))}")
    print(f"    largest of all seeds and numbers: {np.abs(gain(pair, without)[..., 0]).max():.2f}")

# %% [markdown]
# The other reading of (b): the couplings of (a), with the fields dropped, at `n_missing` missing neurons.

# %%
without_fields = [
    {name: ising.IsingModel(0 * run.model(name).fields, run.model(name).couplings) for name in names[:2]}
    for run in runs
]
hidden = [
    imputation.random_mask(test.shape, n_missing, rng=worlds.stream(seed, "missing"))
    for test, seed in zip(tests, seeds, strict=True)
]
dropped = [
    metrics.compare(imputation.recover(some, test, mask), test, mask)
    for some, test, mask in zip(without_fields, tests, hidden, strict=True)
]
for name in names[:2]:
    right = [100 * one.scores[name].accuracy for one in dropped]
    print(f"fields dropped, {n_missing} missing, {name} (%): {style.spread(right, 2)}")
dropped_gain = style.spread([100 * one.gains["augmented", "observed"][0] for one in dropped], 2)
print(f"  augmented minus observed (points): {dropped_gain}")

# %% tags=["remove-cell"]
for name, short in (("with fields", "fields"), ("couplings alone", "couplings")):
    values = gain(pairs[name], compared)[..., 0]  # (S, K)
    better, clear = (values > 0).all(0), (values.mean(0) > 0).sum()
    glue(f"fig14_{short}_always", f"{better.sum()} of {better.size}", display=False)
    glue(f"fig14_{short}_mean_better", f"{clear} of {better.size}", display=False)
    glue(f"fig14_{short}_least", style.spread(values[:, 0], 2), display=False)
    glue(f"fig14_{short}_most", style.spread(values[:, -1], 2), display=False)
    glue(f"fig14_{short}_seeds", f"{(values.mean(1) > 0).sum()} of {len(seeds)}", display=False)
    rest = gain(pairs[name], without)[..., 0]
    glue(f"fig14_{short}_rest", f"{rest.min():+.2f} to {rest.max():+.2f}", display=False)
    over = gain(pairs[f"{name}, over silent"], compared)[..., 0].mean(0)
    glue(f"fig14_{short}_over_silent", f"{over.min():+.2f} to {over.max():+.2f}", display=False)
over = gain(pairs["observed, over silent"], compared)[..., 0].mean(0)
glue("fig14_observed_over_silent", f"{over.min():+.2f} to {over.max():+.2f}", display=False)
errors = gain(pairs["with fields"], compared)[..., 1]
glue("fig14_error", f"{errors.min():.2f} to {errors.max():.2f}", display=False)
for name in ("observed", "augmented"):
    recall = score(name, "recall").mean(0)
    glue(f"fig14_recall_{name}", f"{recall[0]:.1f} … {recall[-1]:.1f}", display=False)
    balanced = score(name, "balanced_accuracy").mean(0)
    glue(f"fig14_balanced_{name}", f"{balanced[0]:.1f} … {balanced[-1]:.1f}", display=False)
glue("fig14_dropped", dropped_gain, display=False)
glue("fig14_n_missing", str(n_missing), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eight panels against the number of missing neurons; left models with fields, right with couplings alone. First row: accuracy; all silent lies above the augmented and the observed model, whose bands overlap. Second row: balanced accuracy of both models, a little above that of all silent. Third row: augmented minus observed for each seed; one seed lies far above zero, the others below. Fourth row: the same without the most active neuron, where all lie near zero."}}
style.use_style()
fig, axes = plt.subplots(4, 2, figsize=(8.4, 10.4), sharex=True, sharey="row")
for column, name, kind in zip(axes.T, ("with fields", "couplings alone"), "ab", strict=True):
    for ax, what in zip(column, ("accuracy", "balanced_accuracy"), strict=False):
        for role, model in zip(("augmented", "observed"), pairs[name], strict=True):
            style.curve(ax, missing_counts, score(model, what), role)
        style.curve(ax, missing_counts, score("silent", what), "baseline", "all silent")
    for ax, some in zip(column[2:], (compared, without), strict=True):
        style.by_seed(ax, missing_counts, gain(pairs[name], some), "augmented", seeds)
        style.level(ax, 0.0, "observed")
    column[0].set_title(f"({kind}) {name}")
    column[3].set(xlabel="missing neurons", xticks=missing_counts)
axes[3, 0].set_ylim(axes[2, 0].get_ylim())
axes[0, 0].set_ylabel("accuracy (%)")
axes[1, 0].set_ylabel("balanced accuracy (%)")
axes[2, 0].set_ylabel("augmented − observed\n(points)")
axes[3, 0].set_ylabel("the same without the\nmost active neuron")
axes[1, 0].legend(loc=(0.3, 0.15))
_ = axes[3, 0].legend(loc="upper center", ncols=2)

# %% [markdown]
# (a) Models with fields; (b) couplings alone. First and second row: accuracy and balanced accuracy of the
# filled-in neurons; lines are means over seeds, bands run from the smallest to the largest. Third row:
# accuracy of the augmented model minus that of the observed one, on the same missing neurons, for each seed,
# with its standard error over test samples. Fourth row: the same, on the same scale, when the most active
# neuron is not scored.
#
# ## What to see, and whether the claims hold
#
# **With fields: not at every number, and not in every training.** The augmented model is better on average over
# seeds at {glue:text}`fig14_fields_mean_better:s` numbers of missing neurons, and in all seeds at
# {glue:text}`fig14_fields_always:s`. With the fewest missing it differs from the observed model by
# {glue:text}`fig14_fields_least:s` points (mean, smallest and largest), with the most by
# {glue:text}`fig14_fields_most:s`. It is better in {glue:text}`fig14_fields_seeds:s` seeds. Within a seed the
# standard errors are small, {glue:text}`fig14_error:s` points; it is the next split and the next training
# that turn the sign. This shows no advantage.
#
# **Silence is more accurate than both.** On average over seeds, the augmented model differs from all silent by
# {glue:text}`fig14_fields_over_silent:s` points, depending on the number missing, the observed one by
# {glue:text}`fig14_observed_over_silent:s`. Of the missing spikes, the augmented model finds
# {glue:text}`fig14_recall_augmented:s` % (from the fewest to the most missing), the observed one
# {glue:text}`fig14_recall_observed:s` %. Their balanced accuracies are {glue:text}`fig14_balanced_augmented:s` %
# and {glue:text}`fig14_balanced_observed:s` %, where a guess that looks at nothing has 50 %: little is
# recovered, though more than nothing. By this score the augmented model is mostly a little ahead.
#
# **One neuron makes the difference.** Without the most active neuron, over all seeds and numbers, the models
# differ by {glue:text}`fig14_fields_rest:s` points. With it, what is compared is mostly whether a model fills
# in a spike there when all others are silent ([Figure 12](fig12_retina_imputation.ipynb)).
#
# **Without fields: the same picture.** The augmented couplings are better on average at
# {glue:text}`fig14_couplings_mean_better:s` numbers, in all seeds at {glue:text}`fig14_couplings_always:s`;
# without the most active neuron they differ by {glue:text}`fig14_couplings_rest:s` points. They differ from
# all silent by {glue:text}`fig14_couplings_over_silent:s` points on average. With the fields dropped from the
# fitted model instead, the difference at {glue:text}`fig14_n_missing:s` missing is
# {glue:text}`fig14_dropped:s` points. One thing the thesis says does hold: the fields are not what matters.
# Couplings alone do as well as the full model, because silent neighbours act on a neuron like a field.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig14_imputation_by_missing", preset))
