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

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_lib import experiments, imputation, ising, metrics, plotting, provenance

training = experiments.Training(
    n_iterations=n_iterations,
    n_checkpoints=n_checkpoints,
    n_monitor=n_monitor,
    n_augmented=n_augmented,
    n_sampling_steps=n_sampling_steps,
)
config = experiments.Retina(n_spins=n_spins, n_observed=n_observed, n_test=n_test, training=training)
configs = experiments.with_seeds(config, seeds)
runs = experiments.run_all(configs)

# %%
names = ("observed", "augmented", "observed_couplings", "augmented_couplings")
observed, tests = zip(*[one.samples() for one in configs], strict=True)  # (N, M), (N', M) for each seed
models = [
    {**{name: run.model(name) for name in names}, "silent": imputation.independent_model(spins)}
    for run, spins in zip(runs, observed, strict=True)
]
masks = [
    [imputation.random_mask(test.shape, n, rng=experiments.stream(seed, "missing")) for n in missing_counts]
    for test, seed in zip(tests, seeds, strict=True)
]  # one stream for all n: the masks are nested
compared = [
    [metrics.compare(some, test, mask) for mask in several]
    for some, test, several in zip(models, tests, masks, strict=True)
]  # S seeds, K numbers of missing neurons


# %%
def score(name, kind):
    """One score of a model in per cent, (S, K)."""
    return 100 * np.array([[getattr(one.scores[name], kind) for one in row] for row in compared])


def gain(one, other):
    """Accuracy of one model minus that of another in points, with standard error, (S, K, 2)."""
    return 100 * np.array([[both.gains[one, other] for both in row] for row in compared])


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
# Differences on the same missing neurons of the same samples, with the standard error over test samples.

# %%
pairs = {
    "with fields": ("augmented", "observed"),
    "couplings alone": ("augmented_couplings", "observed_couplings"),
    "observed over silent": ("observed", "silent"),
    "augmented over silent": ("augmented", "silent"),
    "observed couplings over silent": ("observed_couplings", "silent"),
    "augmented couplings over silent": ("augmented_couplings", "silent"),
}
gains = {pair: metrics.pooled(gain(*both)) for pair, both in pairs.items()}  # (K,), (K,) each
for pair, (mean, error) in gains.items():
    print(f"{pair}: {', '.join(f'{d:+.2f} ± {e:.2f}' for d, e in zip(mean, error, strict=True))}")

# %% [markdown]
# The other reading of (b): the couplings of (a), with the fields dropped, at `n_missing` missing neurons.

# %%
without = [
    {name: ising.IsingModel(0 * run.model(name).fields, run.model(name).couplings) for name in names[:2]}
    for run in runs
]
hidden = [
    imputation.random_mask(test.shape, n_missing, rng=experiments.stream(seed, "missing"))
    for test, seed in zip(tests, seeds, strict=True)
]
dropped = [metrics.compare(*three) for three in zip(without, tests, hidden, strict=True)]
for name in names[:2]:
    right = [100 * one.scores[name].accuracy for one in dropped]
    print(f"fields dropped, {n_missing} missing, {name} (%): {metrics.spread(right, 2)}")
mean, error = metrics.pooled([one.gains["augmented", "observed"] for one in dropped])
dropped_gain = f"{100 * mean:+.2f} ± {100 * error:.2f}"
print(f"  augmented minus observed (points): {dropped_gain}")

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "ALT"}}
plotting.use_style()
fig, axes = plt.subplots(3, 2, figsize=(8.4, 8.4), sharex=True, sharey="row")
for column, name, kind in zip(axes.T, ("with fields", "couplings alone"), "ab", strict=True):
    for ax, what in zip(column, ("accuracy", "balanced_accuracy"), strict=False):
        for role, model in zip(("augmented", "observed"), pairs[name], strict=True):
            plotting.curve(ax, missing_counts, score(model, what), role)
        plotting.curve(ax, missing_counts, score("silent", what), "baseline", "all silent")
    plotting.curve(column[2], missing_counts, gain(*pairs[name])[..., 0], "augmented")
    bars = {"color": plotting.COLOURS["augmented"], "capsize": 3, "linestyle": "none"}
    column[2].errorbar(missing_counts, *gains[name], **bars)
    plotting.level(column[2], 0.0, "observed")
    column[0].set_title(f"({kind}) {name}")
    column[2].set(xlabel="missing neurons", xticks=missing_counts)
axes[0, 0].set_ylabel("accuracy (%)")
axes[1, 0].set_ylabel("balanced accuracy (%)")
axes[2, 0].set_ylabel("augmented − observed (points)")
_ = axes[0, 0].legend()

# %% [markdown]
# CAPTION

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig14_imputation_by_missing", preset))
