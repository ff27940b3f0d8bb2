# %% [markdown]
# # Missing neurons, scored fairly
#
# **Our claim, beyond the thesis:** *Which model fills in missing neurons best is decided by how it is inferred, not by
# whether its samples were augmented; and accuracy, the one score of the thesis, shows it least.* {verdict}`15`

# %% tags=["parameters", "hide-cell"]
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
denoised_splits = 10
denoised_iterations = 6_000
denoised_steps = 50
denoised_counts = [2, 8, 14, 20]

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

fair = worlds.from_parameters(worlds.FairRetina, globals())
denoised = worlds.RetinaDenoised(
    n_spins=n_spins,
    n_observed=n_observed,
    n_test=n_test,
    n_iterations=denoised_iterations,
    n_augmented=n_augmented,
    n_sampling_steps=denoised_steps,
    missing_counts=denoised_counts,
)
denoised = worlds.with_seeds(denoised, range(denoised_splits))
configs = [*(one.retina() for one in fair), *fair, *denoised]

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue
from scipy import special, stats

from ising_book import claims, style
from ising_experiments import choices, extensions, provenance
from ising_experiments.runs import find_or_compute, source
from ising_lib import metrics

runs = find_or_compute(configs)
fair, denoised = runs[len(seeds) : 2 * len(seeds)], runs[2 * len(seeds) :]
models, at = extensions.FAIR_MODELS, missing_counts.index(n_missing)
silent, observed, augmented, rival = range(4)  # places in FAIR_MODELS
n_each = np.array(missing_counts)[:, None]  # (K numbers, 1)
# (S seeds, K, B models, 2 rules, 4, N'), (S, K, B, N'), (S, K, B, 2, bins)
counts, loss, odds = (np.array([run[name] for run in fair]) for name in ("counts", "log_loss", "odds"))
scores = metrics.rates(*np.moveaxis(counts.sum(-1), -1, 0))  # each (S, K, B, 2)
log_loss = loss.mean(-1) / n_each  # (S, K, B), per missing neuron
paid = np.stack([loss, np.broadcast_to(n_each[..., None], loss.shape)], -2)


def gain(score, data, one, other):
    """Score of one entry of data (S, …, C, N') minus another's, 95% interval: (S, 3)."""

    def difference(*drawn, axis=-1):
        sums = [some.sum(axis) for some in drawn]
        half = len(sums) // 2
        return score(*sums[:half]) - score(*sums[half:])

    rows = []
    for seed, some in zip(seeds, data, strict=True):
        drawn = (*some[one], *some[other])
        found = stats.bootstrap(
            drawn,
            difference,
            paired=True,  # a test sample is drawn with all its missing neurons
            vectorized=True,
            n_resamples=1000,
            batch=100,
            method="percentile",
            rng=worlds.stream(seed, "bootstrap"),
        )
        rows.append((difference(*drawn), *found.confidence_interval))
    return np.array(rows)


def rate(kind):
    """One of the scores in points, from the counts of ``metrics.confusion``."""
    return lambda *sums: 100 * metrics.rates(*sums)[kind]


def calibration(histogram, n_merged=20):
    """Of each group of bins: mean probability said, share of spikes, Wilson's interval: (4, B)."""
    edges = extensions.ODDS_EDGES
    said = histogram.sum(0) * special.expit((edges[1:] + edges[:-1]) / 2)
    parts = histogram[1], histogram.sum(0), said
    ups, totals, said = (part.reshape(-1, n_merged).sum(1) for part in parts)
    rows = []
    for up, total, probability in zip(ups, totals, said, strict=True):
        if total:
            share = stats.binomtest(int(up), int(total))
            ends = share.proportion_ci(method="wilson")
            rows.append((probability / total, share.statistic, ends.low, ends.high))
    return np.array(rows).T


def lines(ax, values, label, *, without=()):
    """Mean over seeds as a thick line, each seed as a thin one; values (S, K, B)."""
    for k, (name, role) in LOOKS.items():
        if k not in without:
            thin = {"color": style.COLOURS[role], "linewidth": 0.7, "alpha": 0.6}
            ax.plot(missing_counts, values[:, :, k].T, **thin)
            style.curve(ax, missing_counts, values[:, :, k].mean(0), role, name)
    ax.set(xlabel="missing neurons", ylabel=label, xticks=missing_counts)


LOOKS = {
    silent: ("independent", "baseline"),
    observed: ("observed", "observed"),
    augmented: ("augmented", "augmented"),
    rival: ("pseudolikelihood", "rival"),
}
above = 100 * (scores["accuracy"][..., 0] - scores["accuracy"][:, :, [silent], 0])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels. Accuracy above that of all silent, against the number of missing neurons: pseudolikelihood lies less than a point above zero, the seeds of the observed and augmented models scatter around and below it. Recall: pseudolikelihood finds most spikes. Log-loss: lowest for pseudolikelihood, next independent neurons, then far above the observed and highest the augmented model. Calibration: the share of spikes against the probability that was said; pseudolikelihood follows the diagonal, observed and augmented models lie many powers of ten off it."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.8))
lines(axes[0, 0], above, "points", without=(silent,))
axes[0, 0].axhline(0, color=style.COLOURS["baseline"], linestyle=":")
axes[0, 0].set_title("accuracy above all silent")
lines(axes[0, 1], 100 * scores["recall"][..., 0], "%", without=(silent,))
axes[0, 1].set(title="recall: spikes found", ylim=(0, None))
lines(axes[1, 0], log_loss, "nats per missing neuron")
axes[1, 0].set(title="log-loss", ylim=(0, None))
ax = axes[1, 1]
ax.plot([1e-15, 0.999], [1e-15, 0.999], color=style.COLOURS["truth"], linewidth=0.8)
for k, (name, role) in LOOKS.items():
    said, happened, low, high = calibration(odds[:, at, k].sum(0))
    style.curve(ax, said, happened, role, name)
    ax.vlines(said, low, high, color=style.COLOURS[role], linewidth=1.0)
ax.set(xscale="logit", yscale="logit", xlim=(1e-14, 0.9995), ylim=(2e-3, 0.97))
ax.set_xticks([1e-12, 1e-8, 1e-4, 0.5, 0.99], ["$10^{-12}$", "$10^{-8}$", "$10^{-4}$", "½", "0.99"])
ax.set_yticks([0.01, 0.1, 0.5, 0.9], ["1%", "10%", "50%", "90%"])
ax.minorticks_off()
ax.set(xlabel="probability of a spike, as said", ylabel="share of spikes")
ax.set_title(f"calibration, {n_missing} missing")
handles, texts = axes[1, 0].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=4)

# %% [markdown]
# The most probable state is filled in, as in the thesis. Thick lines are means over seeds, thin ones are the seeds.
# Independent neurons fill in nothing but silence. Calibration: all seeds together; the odds on both axes are
# logarithmic; bars are 95% intervals, as if spins were independent.
#
# ## What to see
#
# **The thesis** compares the accuracy of two models, one inferred from observed and one from augmented samples, and
# finds the second better at every number of missing neurons {cite}`lim2024thesis`
# ([Figure 14](fig14_imputation_by_missing.ipynb)). Here the same models meet two rivals without a diffusion model,
# *independent* neurons that fire at their mean rates, and ridge *pseudolikelihood*, by more scores.
#
# **Most of it is silence.** Of {glue:text}`ext05_n_missing:s` missing neurons {glue:text}`ext05_active:s` are active
# (mean over seeds, smallest and largest). The blind guess, all silent, is right for {glue:text}`ext05_silent:s`% of
# them. The observed model is right for {glue:text}`ext05_observed_accuracy:s`%, the augmented one for
# {glue:text}`ext05_augmented_accuracy:s`%, pseudolikelihood for {glue:text}`ext05_pseudolikelihood_accuracy:s`%. So
# accuracy cannot tell these models apart. Of the missing spikes the observed model finds
# {glue:text}`ext05_observed_recall:s`%, the augmented one {glue:text}`ext05_augmented_recall:s`%, pseudolikelihood
# {glue:text}`ext05_pseudolikelihood_recall:s`%.
#
# **The gain from augmentation has no sign.** Averaged over seeds, the augmented model is more accurate than the observed
# one by {glue:text}`ext05_accuracy_augmented_observed:s` points; seed by seed, with 95% intervals,
# {glue:text}`ext05_accuracy_augmented_observed_by_seed:s`. Over all seeds and numbers of missing neurons the interval
# lies above zero in {glue:text}`ext05_curve_accuracy_above:s` cases and below it in
# {glue:text}`ext05_curve_accuracy_below:s`. Each interval by itself would be a result. Together they say that the
# outcome depends on the split and the training, which no single test set can show.
# [Figure 12](fig12_retina_imputation.ipynb) finds the one neuron whose field changes sign.
#
# **The probabilities are wrong by powers of ten.** The log-loss of independent neurons is
# {glue:text}`ext05_independent_log_loss:s`, that of pseudolikelihood {glue:text}`ext05_pseudolikelihood_log_loss:s`: it
# knows something. The observed model has {glue:text}`ext05_observed_log_loss:s`, the augmented one
# {glue:text}`ext05_augmented_log_loss:s`: believing them is worse than knowing nothing but the mean rates. The observed model
# gives {glue:text}`ext05_observed_never:s`% of the missing neurons a probability of a spike below one in ten thousand;
# {glue:text}`ext05_observed_never_active:s`% of these do fire. For the augmented model it is
# {glue:text}`ext05_augmented_never:s`%, of which {glue:text}`ext05_augmented_never_active:s`% fire.
#
# **It is not a matter of scale.** Rescaling the probabilities would not change their order, and the order is poor, too.
# A missing spike is ranked above a missing silence with probability {glue:text}`ext05_observed_ranking:s` by the
# observed model, {glue:text}`ext05_augmented_ranking:s` by the augmented one, {glue:text}`ext05_independent_ranking:s`
# by the mean rates, and {glue:text}`ext05_pseudolikelihood_ranking:s` by pseudolikelihood.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against the number of missing neurons. Balanced accuracy: pseudolikelihood lies far above the observed and augmented models, independent neurons at 50%. Precision: scattered seeds. Augmented minus observed in accuracy, by seed with intervals: one seed above zero, two below. The same in log-loss: all seeds above zero."}}
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6))
lines(axes[0, 0], 100 * scores["balanced_accuracy"][..., 0], "%")
axes[0, 0].set_title("balanced accuracy")
lines(axes[0, 1], 100 * scores["precision"][..., 0], "%", without=(silent,))
axes[0, 1].set_title("precision: spikes filled in that are true")
pair = augmented, observed
curves = {"accuracy": [], "log_loss": []}
for k in range(len(missing_counts)):
    both = ((one, 0) for one in pair)
    curves["accuracy"].append(gain(rate("accuracy"), counts[:, k], *both))
    curves["log_loss"].append(gain(np.divide, paid[:, k], *pair))
curves = {name: np.stack(values, 1) for name, values in curves.items()}  # (S, K, 3)
for ax, (name, values) in zip(axes[1], curves.items(), strict=True):
    style.by_seed(ax, missing_counts, values, "augmented", seeds)
    style.level(ax, 0.0, "observed")
    ax.set(xlabel="missing neurons", xticks=missing_counts)
    ax.set_title(f"{name.replace('_', '-')}, augmented − observed")
axes[1, 0].set_ylabel("points")
axes[1, 1].set(ylabel="nats per missing neuron", ylim=(-0.005, None))
axes[0, 0].legend(loc="upper right")
_ = axes[1, 1].legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 0.06))

# %% [markdown]
# **By log-loss, augmentation does harm here** (bottom right). The augmented model is worse than the observed one, seed
# by seed, by {glue:text}`ext05_log_loss_augmented_observed_by_seed:s`; over all seeds and numbers the interval lies above
# zero in {glue:text}`ext05_curve_log_loss_above:s` cases. The Erasure Machine is too sure of silence from the observed
# samples, and surer still from the augmented ones. Balanced accuracy, 50% for a guess that looks at nothing, is
# {glue:text}`ext05_observed_balanced_accuracy:s`%, {glue:text}`ext05_augmented_balanced_accuracy:s`% and, for
# pseudolikelihood, {glue:text}`ext05_pseudolikelihood_balanced_accuracy:s`%; of the spikes that they fill in,
# {glue:text}`ext05_observed_precision:s`%, {glue:text}`ext05_augmented_precision:s`% and
# {glue:text}`ext05_pseudolikelihood_precision:s`% are true.
#
# **Argmax or marginal?** The thesis fills in the most probable joint state (*argmax*). To fill in a spike where its own
# probability is at least ½ is the *marginal* rule. It changes the accuracy of the observed model by
# {glue:text}`ext05_observed_by_rule:s` points, of the augmented one by {glue:text}`ext05_augmented_by_rule:s`, of
# pseudolikelihood by {glue:text}`ext05_pseudolikelihood_by_rule:s`. A model that is sure of everything has one probable
# state, and both rules find it. Where there is doubt they differ: the recall of pseudolikelihood rises from
# {glue:text}`ext05_pseudolikelihood_recall:s`% to {glue:text}`ext05_pseudolikelihood_recall_marginal:s`%, its precision
# from {glue:text}`ext05_pseudolikelihood_precision:s`% to {glue:text}`ext05_pseudolikelihood_precision_marginal:s`%.
#
# **Which model for sparse spikes?**
#
# 1. Infer by pseudolikelihood with a small penalty (here {glue:text}`ext05_ridge:s`). It has the lowest log-loss in
#    {glue:text}`ext05_rival_lowest_loss:s` cases and the best ranking in {glue:text}`ext05_rival_best_ranking:s`, and at
#    {glue:text}`ext05_n_missing:s` missing neurons it finds {glue:text}`ext05_rival_recall_times:s` times as many spikes
#    as the augmented model, in seconds.
# 2. Expect little accuracy from it, too: over all silent it gains
#    {glue:text}`ext05_accuracy_pseudolikelihood_silent:s` points, with an interval above zero in
#    {glue:text}`ext05_accuracy_pseudolikelihood_silent_above:s` seeds.
# 3. Fill in by the marginal rule or, better, keep the probabilities.
# 4. Do not use the Erasure Machine's probabilities for sparse spikes. [Its derivation](../book/erasure_machine.md) takes
#    $\langle\sigma_i\rangle$ to be small, and these neurons are silent most of the time.
# 5. Report more than accuracy: the share of silence, recall and precision, the log-loss, several splits and trainings.
#
# What this does not show: how well any pairwise model could do.
#
# ## Where augmentation pays, and why
#
# Pseudolikelihood does gain from augmentation here. A [mean-field denoiser](ext02_structured_denoiser.ipynb) is trained
# on the observed samples, and pseudolikelihood fitted to what it generates. Below is the log-loss of all missing neurons
# together in nats per test sample: in the first line its mean, then the difference from the first line, with its 95%
# interval over {glue:text}`ext05_splits:s` splits of the recording; a negative difference is a gain.

# %% tags=["hide-input"]
names = {
    "pseudolikelihood": "pseudolikelihood, observed samples",
    "augmented_pseudolikelihood": "pseudolikelihood, augmented samples",
    "likelihood": "maximum likelihood, observed samples",
    "augmented_likelihood": "maximum likelihood, augmented samples",
    "denoiser": "the denoiser's own couplings",
    "independent": "mean rates alone",
}
by_split = np.array([run["log_loss"] for run in denoised])  # (splits, models, numbers)
by_name = dict(zip(choices.DENOISED_MODELS, by_split.swapaxes(0, 1), strict=True))


def difference(one, other, digits=3):
    """Log-loss by one model minus another's, for each number of missing neurons, with intervals."""
    effects = [claims.effect(some) for some in (by_name[one] - by_name[other]).T]
    numbers = ([style.number(x, digits) for x in (e.mean, e.low, e.high)] for e in effects)
    return ["{} ({} to {})".format(*three) for three in numbers]


first, *rest = names
rows = [(names[first], *(style.number(mean, 3) for mean in by_name[first].mean(0)))]
rows += [(names[name], *difference(name, first)) for name in rest]
glue("ext05_splits", str(denoised_splits), display=False)
likely = difference("augmented_pseudolikelihood", "likelihood")
glue("ext05_denoised_most", str(denoised_counts[-1]), display=False)
glue("ext05_denoised_likely", likely[-1], display=False)
style.table(rows, ["model", *(f"{n} missing" for n in denoised_counts)])

# %% [markdown]
# The control is the third line. Pseudolikelihood fits each neuron given *all* others; with many missing, their joint
# distribution counts, and that is what [maximum likelihood](../book/inverse_ising.md) fits. On the observed samples
# alone it gains as much or more: with {glue:text}`ext05_denoised_most:s` missing, pseudolikelihood on augmented samples
# lies {glue:text}`ext05_denoised_likely:s` nats from it. So the denoiser does not bring new information. Learning to
# denoise configurations as a whole, it finds a model of their joint distribution, and its samples hand this on to a
# method that by itself would not look for it.
#
# ## How it is computed
#
# All models fill in the same missing neurons of the same test samples. Given the known neurons, the probabilities are
# exact: up to $2^{20}$ states are enumerated ({func}`ising_lib.imputation.log_odds`). With $\sigma_i = +1$ for a spike
# and $p_i$ its probability given the known neurons, the scores over all missing neurons of all test samples are:
#
# | score | share of … | that are … |
# |---|---|---|
# | accuracy | all | filled in rightly |
# | recall | the true spikes | filled in as spikes |
# | precision | the spikes filled in | true |
# | balanced accuracy | mean of the accuracy on true spikes and on true silence | filled in rightly |
# | ranking | pairs of a true spike and a true silence | put in the right order by $p_i$ |
#
# The *log-loss*, $-\log p_i$ for a spike and $-\log(1 - p_i)$ for silence, judges the probability itself: no forecast
# does better, on average, than the true one. Intervals are over test samples, by the bootstrap (SciPy's): samples are
# drawn again with replacement, and differences are taken on the same samples. Another split and another training are
# not in them; to see those, compare the seeds. The trainings are those of Figure 14, scored anew; stored are counts,
# never a sample of the recording:

# %% tags=["remove-input"]
source(extensions.fair_retina, extensions.fill_in, choices.retina_denoised)

# %% [markdown]
# The thesis states the neurons and the numbers of samples. The penalty is that of
# [Figure 12](fig12_retina_imputation.ipynb), not chosen anew.
#
# ## The numbers

# %% tags=["hide-cell"]
active = counts[:, :, silent, 0, :2].sum((2, 3)) / (n_test * n_each[:, 0])  # (S, K)
down, up = np.moveaxis(odds, -2, 0)  # (S, K, B, bins); ties count half below
below = (up * (down.cumsum(-1) - down / 2)).sum(-1)
with np.errstate(invalid="ignore"):
    ranking = below / (up.sum(-1) * down.sum(-1))
unlikely = extensions.ODDS_EDGES[1:] < np.log(1e-4)
never = odds[:, at][..., unlikely].sum(-1)  # (S, B, 2): silent, active
share_never = 100 * never.sum(-1) / (n_test * n_missing)
share_active = 100 * never[..., 1] / np.maximum(never.sum(-1), 1)
rows = [
    ("log-loss per missing neuron", log_loss[:, at], 3),
    ("ranking", ranking[:, at], 3),
    ("said to be below 1 in 10,000 (%)", share_never, 1),
    ("of those, active (%)", share_active, 2),
]
for kind, values in scores.items():
    for k, rule in enumerate(extensions.RULES):
        name = kind.replace("_", " ")
        rows.append((f"{name}, {rule} (%)", 100 * values[:, at, :, k], 2))
rows = [(n, *(style.spread(v, digits) for v in values.T)) for n, values, digits in rows]
rows.append((f"active of {n_missing}", style.spread(active[:, at] * n_missing, 2), *[""] * 3))
rows.append(("rarely firing neurons", ", ".join(str(r["n_silent"]) for r in fair), *[""] * 3))
style.table(rows, [f"{n_missing} missing", *models])

# %% [markdown]
# Differences at the same number of missing neurons, seed by seed, each with its interval: of the thesis's rule, and
# marginal minus argmax.


# %% tags=["hide-cell"]
def say(gains, digits=2):
    """The differences of all seeds, each with its interval."""
    text = "{:+.{d}f} ({:+.{d}f} to {:+.{d}f})"
    rows = [text.format(*row, d=digits) for row in gains]
    return ", ".join(rows).replace("-", "−")


pairs = {
    "augmented − observed": (augmented, observed),
    "observed − all silent": (observed, silent),
    "augmented − all silent": (augmented, silent),
    "pseudolikelihood − all silent": (rival, silent),
    "pseudolikelihood − augmented": (rival, augmented),
}
gains = {}
for name, pair in pairs.items():
    for kind in ("accuracy", "balanced_accuracy", "recall"):
        both = ((one, 0) for one in pair)
        gains[kind, name] = gain(rate(kind), counts[:, at], *both)
    gains["log_loss", name] = gain(np.divide, paid[:, at], *pair)
by_rule = {name: gain(rate("accuracy"), counts[:, at], (k, 1), (k, 0)) for k, name in enumerate(models)}
digits = {"log_loss": 3}
rows = [(*key, say(values, digits.get(key[0], 2))) for key, values in gains.items()]
for name, values in by_rule.items():
    rows.append(("accuracy", f"{name}, marginal − argmax", say(values)))
style.table(rows, ["score", "", "by seed"])


# %% tags=["remove-cell"]
def count(which):
    """How many of several are so: "2 of 3"."""
    return f"{np.sum(which)} of {np.size(which)}"


numbers = {"n_missing": str(n_missing), "ridge": str(ridge)}
numbers["active"] = style.spread(active[:, at] * n_missing, 2)
numbers["silent"] = style.spread(100 - 100 * active[:, at], 1)
for k, name in enumerate(models):
    for kind, values in scores.items():
        numbers[f"{name}_{kind}"] = style.spread(100 * values[:, at, k, 0], 1)
        numbers[f"{name}_{kind}_marginal"] = style.spread(100 * values[:, at, k, 1], 1)
    numbers[f"{name}_log_loss"] = style.spread(log_loss[:, at, k], 3)
    numbers[f"{name}_ranking"] = style.spread(ranking[:, at, k], 2)
    numbers[f"{name}_never"] = style.spread(share_never[:, k], 0)
    numbers[f"{name}_never_active"] = style.spread(share_active[:, k], 1)
    numbers[f"{name}_by_rule"] = style.spread(by_rule[name][:, 0], 2)
for (kind, name), values in gains.items():
    key = f"{kind}_{name.replace('all ', '').replace(' − ', '_')}"
    numbers[key] = style.spread(values[:, 0], digits.get(kind, 2))
    numbers |= {f"{key}_by_seed": say(values, digits.get(kind, 2)), f"{key}_above": count(values[:, 1] > 0)}
for kind, values in curves.items():
    numbers |= {
        f"curve_{kind}_above": count(values[..., 1] > 0),
        f"curve_{kind}_below": count(values[..., 2] < 0),
    }
others = np.delete(log_loss, rival, 2).min(2), np.delete(ranking, rival, 2).max(2)
numbers["rival_lowest_loss"] = count(log_loss[..., rival] < others[0])
numbers["rival_best_ranking"] = count(ranking[..., rival] > others[1])
times = scores["recall"][:, at, rival, 0] / scores["recall"][:, at, augmented, 0]
numbers["rival_recall_times"] = style.spread(times, 1)
for name, text in numbers.items():
    glue(f"ext05_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# Both use the stored trainings and need the recording (about 2 minutes each). Expect a ten times larger penalty to make
# pseudolikelihood more like independent neurons, and a ten times smaller one to change it little.
#
# ```sh
# ising-book run ext05 -p 'missing_counts=[2, 14]' -p ridge=0.1 -p 'seeds=[0]'
# ising-book run ext05 -p 'missing_counts=[2, 14]' -p ridge=0.001 -p 'seeds=[0]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
everything = {f"{kind} (%)": 100 * values[..., 0] for kind, values in scores.items()}
everything |= {"log-loss": log_loss, "ranking": ranking}
columns = {"missing": missing_counts}
for kind, values in everything.items():
    for k, name in enumerate(models):
        columns |= {f"{kind}, {name}, seed {s}": row for s, row in zip(seeds, values[:, :, k], strict=True)}
style.csv("ext05", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "ext05_retina_fairly", preset))
