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
# # Missing neurons, scored fairly
#
# **Claim.** *Which model fills in missing neurons best is decided by how it is inferred, not by whether its
# samples were augmented; and accuracy, the one score of the thesis, is the score that shows it least.*
#
# The thesis fills in missing neurons of a retina by two models, one inferred from observed and one from
# augmented samples, and compares their accuracy {cite}`lim2024thesis`.
# [Figure 14](fig14_imputation_by_missing.ipynb) repeats that. Here the same models, of the same runs
# ({class}`ising_lib.worlds.Retina`), meet two rivals that need no diffusion model:
#
# - *independent* neurons, each of which fires at its mean rate, whatever the others do;
# - *pseudolikelihood* ({func}`ising_lib.estimators.pseudolikelihood`): each neuron predicted from all others
#   by logistic regression, with a penalty of strength `ridge` on the couplings, that of
#   [Figure 12](fig12_retina_imputation.ipynb).
#
# All fill in the same missing neurons of the same test samples. Write $\sigma_i = +1$ for a spike of neuron
# $i$ and $\sigma_i = -1$ for silence. Given the known neurons, a model says two things:
#
# - the most probable joint state of all missing neurons, which is the thesis's rule (*argmax*);
# - for each missing neuron $i$ the probability of a spike, $p_i = p(\sigma_i = +1 \mid \text{known})$, with
#   the other missing neurons summed over. Filling in a spike where $p_i \ge 1/2$ is the *marginal* rule. If
#   the model is right, no other rule makes fewer errors.
#
# Both are exact here: up to $2^{20}$ states are enumerated ({func}`ising_lib.imputation.log_odds`).
#
# The scores are these. Take all missing neurons of all test samples together.
#
# | score | share of … | that are … |
# |---|---|---|
# | accuracy | all | filled in rightly |
# | recall | the true spikes | filled in as spikes |
# | precision | the spikes filled in | true |
# | balanced accuracy | mean of the accuracy on true spikes and that on true silence | filled in rightly |
# | ranking | pairs of a true spike and a true silence | put in the right order by $p_i$ |
#
# And the *log-loss*, $-\log p_i$ for a spike and $-\log(1 - p_i)$ for silence, averaged. It judges the
# probability itself, and no forecast does better, on average, than the true one.
#
# ## Parameters
#
# As in Figure 14, whose runs are used again. Tables and the calibration are for `n_missing` missing neurons.

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
ridge = 0.01
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# To enumerate all these states takes a while. So the results are stored as runs of their own
# ({class}`ising_lib.worlds.FairRetina`): for each test sample, how many missing spikes each model found,
# missed and invented by each rule, and its log-loss; never a sample of the recording.

# %% tags=["runs"]
from ising_book import worlds

fair = worlds.from_parameters(worlds.FairRetina, globals())
configs = [*(one.retina() for one in fair), *fair]

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import extensions, provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import metrics

runs = find_or_compute(configs)
fair = runs[len(seeds) :]

# %%
models, at = extensions.FAIR_MODELS, missing_counts.index(n_missing)
counts = np.array([run["counts"] for run in fair])  # (S seeds, K numbers, B models, 2 rules, 4, N')
loss = np.array([run["log_loss"] for run in fair])  # (S, K, B, N'), summed over the missing neurons
odds = np.array([run["odds"] for run in fair])  # (S, K, B, 2, bins)
scores = metrics.rates(*np.moveaxis(counts.sum(-1), -1, 0))  # each (S, K, B, 2)
log_loss = loss.mean(-1) / np.array(missing_counts)[:, None]  # (S, K, B), per missing neuron
ranking = metrics.ranking(odds)  # (S, K, B)
silent, observed, augmented, rival = (
    models.index(name) for name in ("independent", "observed", "augmented", "pseudolikelihood")
)

# %% [markdown]
# Intervals are 95 % intervals over test samples, by the bootstrap ({func}`ising_lib.metrics.interval`): the
# samples are drawn again with replacement, each with all its missing neurons. Differences are taken on the
# same samples. Another split of the recording and another training are not in these intervals: to see those,
# look from seed to seed.


# %%
def rate(kind):
    """One of the scores, in per cent, from the counts of ``metrics.confusion``."""
    return lambda *sums: 100 * metrics.rates(*sums)[kind]


# score of one entry of data (S, …, C, N') minus that of another, low and high: (S, 3)
def gain(score, data, one, other):
    draw = [worlds.stream(seed, "bootstrap") for seed in seeds]
    return metrics.intervals(score, [(some[one], some[other]) for some in data], draw)


def say(gains, digits=2):
    """The differences of all seeds, each with its interval."""
    return ", ".join("{:+.{d}f} ({:+.{d}f} to {:+.{d}f})".format(*row, d=digits) for row in gains)


# %% [markdown]
# ## The numbers
#
# How rare is what is to be found?

# %%
active = 100 * counts[:, :, silent, 0, :2].sum((2, 3)) / (n_test * np.array(missing_counts))  # (S, K)
quiet = ", ".join(f"{run['n_silent']} of {n_spins}" for run in fair)
print("neurons that fire in less than half of the bins, by seed:", quiet)
print("the independent model fills in a spike:", bool(counts[:, :, silent, :, 2].any()))
print(f"of {n_missing} missing neurons, {style.spread(active[:, at] * n_missing / 100, 2)} are active")
print(f"so silence is right for {style.spread(100 - active[:, at], 2)} % of them")

# %% [markdown]
# All scores at `n_missing` missing neurons: mean over seeds and, with several seeds, the smallest and the
# largest in brackets. The independent model fills in nothing but silence, so it stands for *all silent*, too;
# only its log-loss and its ranking are its own.

# %%
for kind, values in scores.items():
    print(f"{kind} (%)")
    for name, row in zip(models, np.moveaxis(100 * values[:, at], 1, 0), strict=True):  # (S, 2)
        if np.isnan(row).any():
            continue  # the precision of a model that fills in no spike
        print(f"  {name:>16}: argmax {style.spread(row[:, 0], 2)}, marginal {style.spread(row[:, 1], 2)}")
for kind, values in (("log-loss per missing neuron", log_loss), ("ranking", ranking)):
    print(kind)
    for name, row in zip(models, values[:, at].T, strict=True):
        print(f"  {name:>16}: {style.spread(row, 3)}")

# %% [markdown]
# Differences at `n_missing` missing neurons, seed by seed, each with its interval. First in points of
# accuracy.

# %%
pairs = {
    "augmented − observed": (augmented, observed),
    "observed − all silent": (observed, silent),
    "augmented − all silent": (augmented, silent),
    "pseudolikelihood − all silent": (rival, silent),
    "pseudolikelihood − augmented": (rival, augmented),
}
gains = {
    kind: {
        name: gain(rate(kind), counts[:, at], (one, 0), (other, 0)) for name, (one, other) in pairs.items()
    }
    for kind in ("accuracy", "balanced_accuracy", "recall")
}
paid = np.stack([loss, np.broadcast_to(np.array(missing_counts)[:, None, None], loss.shape)], -2)
gains["log_loss"] = {name: gain(np.divide, paid[:, at], *pair) for name, pair in pairs.items()}
digits = {kind: 2 for kind in scores} | {"log_loss": 3}
for kind, rows in gains.items():
    print(kind)
    for name, values in rows.items():
        print(f"  {name}: {say(values, digits[kind])}")

# %% [markdown]
# Does the rule matter? Marginal minus argmax, in points of accuracy, by seed.

# %%
by_rule = {name: gain(rate("accuracy"), counts[:, at], (k, 1), (k, 0)) for k, name in enumerate(models)}
for name, values in by_rule.items():
    print(f"{name}: {say(values)}")

# %% [markdown]
# Can the probabilities be believed? Here is what the models call impossible for all practical purposes: a
# spike with a probability below one in ten thousand.

# %%
edges = extensions.ODDS_EDGES
never = odds[:, at][..., edges[1:] < np.log(1e-4)].sum(-1)  # (S, B, 2): silent, active
share_never = 100 * never.sum(-1) / (n_test * n_missing)
share_active = 100 * never[..., 1] / np.maximum(never.sum(-1), 1)
for k, name in enumerate(models):
    print(f"{name}: said of {style.spread(share_never[:, k], 1)} % of the missing neurons;")
    print(f"  of those, active after all: {style.spread(share_active[:, k], 2)} %")

# %% [markdown]
# And all numbers of missing neurons, means over seeds, by the thesis's rule.

# %%
print("missing:", ", ".join(str(n) for n in missing_counts))
for k, name in enumerate(models):
    print(name)
    for kind, values in scores.items():
        means = 100 * values[:, :, k, 0].mean(0)
        print(f"  {kind} (%): {', '.join(f'{value:.2f}' for value in means[~np.isnan(means)]) or 'none'}")
    print(f"  log-loss: {', '.join(f'{value:.3f}' for value in log_loss[:, :, k].mean(0))}")
    print(f"  ranking: {', '.join(f'{value:.3f}' for value in ranking[:, :, k].mean(0))}")
curves = {
    kind: np.stack([gain(score, data[:, k], one, other) for k in range(len(missing_counts))], 1)  # (S, K, 3)
    for kind, score, data, one, other in (
        ("accuracy", rate("accuracy"), counts, (augmented, 0), (observed, 0)),
        ("log_loss", np.divide, paid, augmented, observed),
    )
}


# %% tags=["remove-cell"]
def put(name, value):
    """Glue a text under a name of this notebook."""
    glue(f"ext05_{name}", str(value), display=False)


def count(which):
    """How many of several are so: "2 of 3"."""
    return f"{np.sum(which)} of {np.size(which)}"


put("n_missing", n_missing)
put("ridge", ridge)
put("active", style.spread(active[:, at] * n_missing / 100, 2))
put("silent", style.spread(100 - active[:, at], 1))
for k, name in enumerate(models):
    for kind, values in scores.items():
        put(f"{name}_{kind}", style.spread(100 * values[:, at, k, 0], 1))
        put(f"{name}_{kind}_marginal", style.spread(100 * values[:, at, k, 1], 1))
    put(f"{name}_log_loss", style.spread(log_loss[:, at, k], 3))
    put(f"{name}_ranking", style.spread(ranking[:, at, k], 2))
    put(f"{name}_never", style.spread(share_never[:, k], 0))
    put(f"{name}_never_active", style.spread(share_active[:, k], 1))
    put(f"{name}_by_rule", style.spread(by_rule[name][:, 0], 2))
for kind, rows in gains.items():
    for name, values in rows.items():
        key = f"{kind}_{name.replace('all ', '').replace(' − ', '_')}"
        put(key, style.spread(values[:, 0], digits[kind]))
        put(f"{key}_by_seed", say(values, digits[kind]))
        put(f"{key}_above", count(values[:, 1] > 0))
for kind, values in curves.items():
    put(f"curve_{kind}_above", count(values[..., 1] > 0))
    put(f"curve_{kind}_below", count(values[..., 2] < 0))
others = np.delete(log_loss, rival, 2).min(2), np.delete(ranking, rival, 2).max(2)
put("rival_lowest_loss", count(log_loss[..., rival] < others[0]))
put("rival_best_ranking", count(ranking[..., rival] > others[1]))
times = scores["recall"][:, at, rival, 0] / scores["recall"][:, at, augmented, 0]
put("rival_recall_times", style.spread(times, 1))

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eight panels. (a) to (e) against the number of missing neurons: accuracy, where pseudolikelihood lies at the top, all silent below it, and the broad bands of the observed and the augmented model overlap below both; balanced accuracy and recall, where pseudolikelihood lies far above both of them; precision with broad bands; log-loss, lowest for pseudolikelihood, next all silent, then far above the observed and highest the augmented model. (f) Share of spikes against the probability that was said: pseudolikelihood follows the diagonal, observed and augmented models lie many powers of ten off it. (g) Augmented minus observed in accuracy: one seed above zero, two below. (h) The same in log-loss: all seeds above zero."}}
style.use_style()
fig, axes = plt.subplots(4, 2, figsize=(8.4, 10.8))
drawn = (
    (silent, "baseline", "independent, all silent"),
    (observed, "observed", "observed"),
    (augmented, "augmented", "augmented"),
    (rival, "rival", "pseudolikelihood"),
)
for ax, kind in zip(axes[:2].flat, scores, strict=True):
    for k, role, name in drawn[kind == "precision" :]:  # silence fills in no spike
        style.curve(ax, missing_counts, 100 * scores[kind][:, :, k, 0], role, name)
    ax.set_ylabel(f"{kind.replace('_', ' ')} (%)")
axes[2, 1].plot([1e-15, 0.999], [1e-15, 0.999], color=style.COLOURS["truth"], linewidth=0.8)
for k, role, name in drawn:
    style.curve(axes[2, 0], missing_counts, log_loss[:, :, k], role, name)
    style.calibration(axes[2, 1], *metrics.calibration(odds[:, at, k].sum(0), edges, 20), role, name)
for ax, values in zip(axes[3], curves.values(), strict=True):
    style.by_seed(ax, missing_counts, values, "augmented", seeds)
    style.level(ax, 0.0, "observed")
for ax, letter in zip(axes.flat, "abcdefgh", strict=True):
    ax.set_title(f"({letter})", loc="left")
for ax in np.delete(axes.ravel(), 5):
    ax.set_xticks(missing_counts)
axes[2, 0].set(ylabel="log-loss per missing neuron", ylim=(0, None))
axes[2, 1].set(xlabel="probability of a spike, as said", ylabel="share of spikes")
axes[2, 1].set(xlim=(1e-14, 0.9995), ylim=(2e-3, 0.97))
axes[3, 0].set(xlabel="missing neurons", ylabel="augmented − observed\n(points of accuracy)")
axes[3, 1].set(xlabel="missing neurons", ylabel="augmented − observed\n(log-loss)", ylim=(-0.005, None))
axes[2, 1].legend(loc="upper left")
_ = axes[3, 1].legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 0.06))

# %% [markdown]
# (a) to (d) Scores of what is filled in by the thesis's rule; (e) log-loss of the probabilities, lower is
# better. Lines are means over seeds, bands run from the smallest to the largest. All silent fills in no spike
# and has no precision; in (e) it is the independent model. (f) Spikes counted against the probability that
# was said, at `n_missing` missing neurons, all seeds together; both odds are logarithmic; bars are 95 %
# intervals, as if spins were independent. (g), (h) Augmented minus observed model on the same samples, for
# each seed, with 95 % intervals over test samples.
#
# ## What accuracy hides
#
# **Most of it is silence.** Of {glue:text}`ext05_n_missing:s` missing neurons,
# {glue:text}`ext05_active:s` are active (mean over seeds, smallest and largest). So a guess that looks at
# nothing is right for {glue:text}`ext05_silent:s` % of them. The observed model is right for
# {glue:text}`ext05_observed_accuracy:s` %, the augmented one for {glue:text}`ext05_augmented_accuracy:s` %,
# pseudolikelihood for {glue:text}`ext05_pseudolikelihood_accuracy:s` %. On this scale they look alike.
#
# **The gain from augmentation has no sign.** Averaged over seeds, the augmented model is more accurate than
# the observed one by {glue:text}`ext05_accuracy_augmented_observed:s` points. Seed by seed, with 95 %
# intervals: {glue:text}`ext05_accuracy_augmented_observed_by_seed:s`. Over all seeds and numbers of missing
# neurons, the interval lies above zero in {glue:text}`ext05_curve_accuracy_above:s` cases and below zero in
# {glue:text}`ext05_curve_accuracy_below:s`. Each interval by itself would be a result. Together they say that
# test samples are not what the outcome depends on: it is the split and the training. One test set,
# however large, cannot show that. [Figure 12](fig12_retina_imputation.ipynb) finds the one neuron whose
# field changes sign.
#
# **The spikes are hardly found.** Of the missing spikes the observed model finds
# {glue:text}`ext05_observed_recall:s` %, the augmented one {glue:text}`ext05_augmented_recall:s` %,
# pseudolikelihood {glue:text}`ext05_pseudolikelihood_recall:s` %. Balanced accuracy, 50 % for a guess that
# looks at nothing, is {glue:text}`ext05_observed_balanced_accuracy:s` %,
# {glue:text}`ext05_augmented_balanced_accuracy:s` % and
# {glue:text}`ext05_pseudolikelihood_balanced_accuracy:s` %. Of the spikes that they fill in,
# {glue:text}`ext05_observed_precision:s` %, {glue:text}`ext05_augmented_precision:s` % and
# {glue:text}`ext05_pseudolikelihood_precision:s` % are true.
#
# **The probabilities are wrong by powers of ten.** The log-loss of independent neurons is
# {glue:text}`ext05_independent_log_loss:s`. Pseudolikelihood has
# {glue:text}`ext05_pseudolikelihood_log_loss:s`: it knows something. The observed model has
# {glue:text}`ext05_observed_log_loss:s`, the augmented one {glue:text}`ext05_augmented_log_loss:s`: to believe
# them is worse than to know the mean rates alone. Panel (f) shows why. The observed model gives
# {glue:text}`ext05_observed_never:s` % of the missing neurons a probability of a spike below one in ten
# thousand; {glue:text}`ext05_observed_never_active:s` % of these do fire. For the augmented model it is
# {glue:text}`ext05_augmented_never:s` %, of which {glue:text}`ext05_augmented_never_active:s` % fire. Accuracy
# sees nothing of this: it asks only on which side of one half a probability lies.
#
# **By log-loss, augmentation does harm here.** The augmented model is worse than the observed one, seed by
# seed, by {glue:text}`ext05_log_loss_augmented_observed_by_seed:s`; over all seeds and numbers, the interval
# lies above zero in {glue:text}`ext05_curve_log_loss_above:s` cases. The Erasure Machine is too sure of silence
# from the observed samples, and surer still from the augmented ones.
#
# **It is not a matter of scale.** Could one stretch these probabilities into honest ones, all in the same way?
# That would not change their order, and the order is poor, too. A missing spike is ranked above a missing silence with
# probability {glue:text}`ext05_observed_ranking:s` by the observed model,
# {glue:text}`ext05_augmented_ranking:s` by the augmented one, {glue:text}`ext05_independent_ranking:s` by the
# mean rates alone, and {glue:text}`ext05_pseudolikelihood_ranking:s` by pseudolikelihood.
#
# ## Argmax or marginal?
#
# The marginal rule changes the accuracy of the observed model by {glue:text}`ext05_observed_by_rule:s`
# points, that of the augmented one by {glue:text}`ext05_augmented_by_rule:s`, and that of pseudolikelihood by
# {glue:text}`ext05_pseudolikelihood_by_rule:s`. A model that is sure of everything has one probable state, and
# both rules find it. Where there is doubt, as in pseudolikelihood, the rules differ: its recall rises from
# {glue:text}`ext05_pseudolikelihood_recall:s` % to {glue:text}`ext05_pseudolikelihood_recall_marginal:s` %,
# its precision from {glue:text}`ext05_pseudolikelihood_precision:s` % to
# {glue:text}`ext05_pseudolikelihood_precision_marginal:s` %.
#
# ## Which model for sparse spikes
#
# 1. **Infer by pseudolikelihood**, with a small penalty (here {glue:text}`ext05_ridge:s`). It has the lowest
#    log-loss in {glue:text}`ext05_rival_lowest_loss:s` cases (seeds and numbers of missing neurons), and the
#    best ranking in {glue:text}`ext05_rival_best_ranking:s`. At {glue:text}`ext05_n_missing:s` missing neurons
#    it finds {glue:text}`ext05_rival_recall_times:s` times as many spikes as the augmented model. It
#    needs no diffusion model and seconds of one core.
# 2. **Expect little accuracy from it, too.** Over all silent it gains
#    {glue:text}`ext05_accuracy_pseudolikelihood_silent:s` points by the thesis's rule; the interval lies above
#    zero in {glue:text}`ext05_accuracy_pseudolikelihood_silent_above:s` seeds.
# 3. **Fill in by the marginal rule**, or better, keep the probabilities.
# 4. **Do not use the Erasure Machine's probabilities for sparse spikes**, observed or augmented. Its
#    derivation takes $\langle\sigma_i\rangle$ to be small ([its derivation](../book/erasure_machine.md)), and
#    neurons that are silent in {glue:text}`ext05_silent:s` % of the cases are far from that.
# 5. **Report more than accuracy**: the share of silence, recall and precision, the log-loss, and several
#    splits and trainings.
#
# What this does not show: whether pseudolikelihood would gain from augmented samples, which the runs do not
# keep; whether the Erasure Machine does better with other moments; and how well any pairwise model could do.
# The penalty is that of [Figure 12](fig12_retina_imputation.ipynb), not chosen anew.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "ext05_retina_fairly", preset))
