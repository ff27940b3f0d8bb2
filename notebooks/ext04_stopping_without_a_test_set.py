# %% [markdown]
# # Stopping without a test set
#
# **Our claim, beyond the thesis:** *The thesis's stopping rule uses as many test samples as there are observed ones.
# Whoever has few samples can hold a fifth of them out instead, train on the rest, and stop nearly as well.*
# {verdict}`14`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
n_observed_few = 800
coupling_scale = 1.0
field_scale = 0.2
held_out = 0.2
n_iterations = 4_000
n_checkpoints = 9
n_monitor = 10_000
n_augmented = 10_000
n_sampling_steps = 16
longer = {
    "n_iterations": 16_000,
    "n_checkpoints": 13,
    "n_augmented": 100_000,
    "n_sampling_steps": 30,
}
seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
import itertools

from ising_experiments import worlds

counts = [n_observed_few, n_observed]
tested = [
    worlds.from_parameters(worlds.Augmentation, globals(), n_observed=n_observed_few),
    worlds.from_parameters(worlds.Augmentation, globals(), **longer),
]
split = [worlds.from_parameters(worlds.HeldOut, globals(), n_observed=count) for count in counts]
configs = [*itertools.chain(*tested, *split)]

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import extensions, provenance, scoring
from ising_experiments.runs import by_config, source

found = by_config(configs)
PARTS = {  # heading: {key: (label, training judged, training that chooses, rule, role)}
    "2N samples: N to train, N to test": {
        "test": ("thesis's rule", tested, tested, "variance", "augmented"),
        "test_loss": ("lowest test loss", tested, tested, "loss", "augmented"),
    },
    "N samples, a fifth held out": {
        "part": ("thesis's rule", split, split, "variance", "test"),
        "part_loss": ("lowest held-out loss", split, split, "loss", "test"),
        "part_last": ("no stopping", split, split, "last", "test"),
    },
    "then trained again on all N, as long": {
        "again": ("thesis's rule", tested, split, "variance", "augmented"),
        "again_loss": ("lowest held-out loss", tested, split, "loss", "augmented"),
    },
    "N samples, all to train": {
        "last": ("no stopping", tested, tested, "last", "augmented"),
    },
    "oracle that knows the truth": {
        "oracle": ("trained on all N", tested, tested, "oracle", "truth"),
        "part_oracle": ("trained on four fifths", split, split, "oracle", "truth"),
    },
    "no diffusion model": {
        "both": ("Erasure Machine on 2N", None, None, None, "observed"),
    },
}
WAYS = {key: way for part in PARTS.values() for key, way in part.items()}
chosen = {config: scoring.kept(run, run.error("monitored"), n_iterations) for config, run in found.items()}


def stops(k, group, rule):
    """At which iteration a rule stops each training."""
    return np.array([found[c]["iterations"][chosen[c][rule]] for c in group[k]])


def errors(k, group, by, rule):
    """The error of each training where a rule stops that of another."""
    at = []
    for config, stop in zip(group[k], stops(k, by, rule), strict=True):
        nearest = np.abs(found[config]["iterations"] - stop).argmin()
        at.append(found[config].error("monitored")[nearest])
    return np.array(at)


whole, both = (
    [np.array([found[c].error(name) for c in group]) for group in split] for name in ("whole", "both")
)
error, regret = {"both": [both[k] / whole[k] for k in range(2)]}, {}
for name, (_, group, by, rule, _) in WAYS.items():
    if group:
        error[name], regret[name] = [], []
        for k in range(2):
            kept = errors(k, group, by, rule)
            error[name].append(kept / whole[k])
            regret[name].append(kept / errors(k, group, group, "oracle"))

# %% tags=["hide-input"] mystnb={"image": {"alt": "For few and for many samples, one row for each way to stop, with a dot per seed at its error over that of the Erasure Machine on all observed samples. With few samples the rules with a part held out lie right of those with a test set of their own, and a second training on all samples brings them back; with many samples all rows lie close together."}}
style.use_style()
fig, axes = plt.subplots(1, 2, figsize=(8, 5.2), sharey=True)
for k, ax in enumerate(axes):
    rows, labels, roles = [], [], []
    for heading, part in PARTS.items():
        for name, way in {heading: (heading, None), **part}.items():
            rows.append(error[name][k] if name in error else ())
            labels.append(way[0])
            roles.append(way[-1])
    style.seeds_by_row(ax, rows, labels, roles)
    ax.axvline(1, color=style.COLOURS["baseline"], linewidth=0.9)
    ax.set(xlabel="MSE / Erasure Machine on N", title=f"$N$ = {counts[k]:,}")
    ax.set_xlim(0, 1.06 * max(1, *(max(row) for row in rows if len(row))))

# %% [markdown]
# The error of [Eq. (23)](#eq-23) at the checkpoint that each rule keeps, over that of the Erasure Machine on all $N$
# observed samples (grey line); a dot for each seed, a bar at their mean. Orange is trained on all $N$ samples, light
# blue on those left when {glue:text}`ext04_share:s` are held out.
#
# ## What to see
#
# **The thesis** stops where the variance of the energy of the generated samples comes down to that of a test set as
# large as the observed one {cite}`lim2024thesis` ([Figure 7](fig07_early_stopping.ipynb)). But these $N$ test samples could
# have been observed samples. So we ask what can be done with $N$ samples in all. The *regret* of a rule is the error at
# the checkpoint it keeps over the lowest error of the same training.
#
# **With {glue:text}`ext04_few_n:s` samples** the thesis's rule with its test set fired in
# {glue:text}`ext04_few_test_fires:s` seeds, with a regret of {glue:text}`ext04_few_test_regret:s` (mean, smallest and
# largest). With a part held out it fired in {glue:text}`ext04_few_part_fires:s`, before the best checkpoint in
# {glue:text}`ext04_few_part_early:s`, with a regret of {glue:text}`ext04_few_part_regret:s`. The lowest loss on the
# same part has a regret of {glue:text}`ext04_few_part_loss_regret:s`, not stopping at all one of
# {glue:text}`ext04_few_part_last_regret:s`.
#
# **The price of the split.** A network that does not see the part held out learns from fewer samples: the error of
# the oracle, which always keeps the best checkpoint, is {glue:text}`ext04_few_split:s` times as large. A second
# training on all $N$, for as long as the part has chosen, costs no data. Its error is {glue:text}`ext04_few_again:s`
# by the thesis's rule and {glue:text}`ext04_few_again_loss:s` by the loss, in units of the Erasure Machine's error on
# the observed samples; without the second training, {glue:text}`ext04_few_part:s` and
# {glue:text}`ext04_few_part_loss:s`. The thesis's rule with $N$ more samples reaches {glue:text}`ext04_few_test:s`.
#
# **With {glue:text}`ext04_many_n:s` samples** little is decided within {glue:text}`ext04_iterations:s` iterations. The
# rule fires in {glue:text}`ext04_many_test_fires:s` seeds with a test set and in {glue:text}`ext04_many_part_fires:s`
# with a part. Its regret is {glue:text}`ext04_many_test_regret:s` and {glue:text}`ext04_many_part_regret:s`, that of the
# loss {glue:text}`ext04_many_part_loss_regret:s`, that of not stopping {glue:text}`ext04_many_last_regret:s`. The split
# costs the oracle {glue:text}`ext04_many_split:s`.
#
# **What the second data set would have bought.** Given to the Erasure Machine, without a diffusion model, it brings the
# error to {glue:text}`ext04_few_both:s` and, for many samples, {glue:text}`ext04_many_both:s`. More generated samples
# would help the other rows: the runs of Figure 7 with all their {glue:text}`ext04_longer_augmented:s` instead of
# {glue:text}`ext04_monitor:s` are at {glue:text}`ext04_longer:s`.
#
# **What to do.** With $N$ samples in all, the lowest mean error here is that of "{glue:text}`ext04_few_best:s`" for few
# samples ({glue:text}`ext04_few_best_mean:s`) and of "{glue:text}`ext04_many_best:s`" for many
# ({glue:text}`ext04_many_best_mean:s`). A [denoiser with few parameters](ext02_structured_denoiser.ipynb) needs none of
# this: it does not overfit, and nothing has to be held out.
#
# The rules decide by these curves:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against training iterations, for trainings on all samples and on the part that is left when a fifth is held out. Top: the error over that of the Erasure Machine on all observed samples, for few and for many samples; with few samples it falls, then rises. Bottom, for few samples: the variance of the energy over its line, with a band for the uncertainty of a line from the part held out; and the denoising loss over its lowest value."}}
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6))
iterations = found[split[0][0]]["iterations"]
columns = {"iterations": iterations}
SEEN = {  # what is drawn where
    axes[0, 0]: (0, "MSE / on N", lambda run: run.error("monitored")),
    axes[0, 1]: (1, "MSE / on N", lambda run: run.error("monitored")),
    axes[1, 0]: (
        0,
        "Var E / line",
        lambda run: run["variance"] / max(run["test_line"], run["observed_line"]),
    ),
    axes[1, 1]: (
        0,
        "denoising loss / lowest",
        lambda run: run["test_loss"] / run["test_loss"].min(),
    ),
}
for ax, (k, name, make) in SEEN.items():
    for label, group, role in (("all N", tested, "augmented"), ("a part", split, "test")):
        drawn = [make(found[c])[: len(iterations)] for c in group[k]]
        drawn = np.array(drawn) / (whole[k][:, None] if "MSE" in name else 1)
        style.curve(ax, iterations, drawn, role, f"trained on {label}")
        for seed, row in zip(seeds, drawn, strict=True):
            columns[f"{name}, N = {counts[k]}, {label}, seed {seed}"] = row
    ax.set(ylabel=name, title=f"$N$ = {counts[k]:,}")
for k, ax in enumerate(axes[0]):
    style.level(ax, 1.0, "baseline", "Erasure Machine on N")
    style.level(ax, error["both"][k], "observed", "Erasure Machine on 2N")
blur = np.sqrt(2 / (held_out * counts[0]))
style.level(axes[1, 0], [1 - blur, 1 + blur], "baseline")
for ax in axes.flat:
    ax.set_xscale("log")
    ax.set_xticks(iterations[::2], [f"{n:,}" for n in iterations[::2]])
    ax.minorticks_off()
for ax in axes[-1]:
    ax.set_xlabel("training iterations")
handles, texts = axes[0, 0].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=2)

# %% [markdown]
# Lines are means over the seeds, bands run from the smallest to the largest. The grey band in the panel of Var $E$ is
# the standard error of a line from the part held out.
#
# **How well can a part judge?** The rule meets a line that is itself measured, with the relative standard error
# $\sqrt{2/n}$ from $n$ samples ([Eq. (S.8)](#eq-s-8)): {glue:text}`ext04_few_part_line:s` from the part held out of few
# samples, {glue:text}`ext04_few_test_line:s` from a test set. By [Eq. (S.9)](#eq-s-9) such an error moves the stopping
# point, the more the flatter the curve is.
#
# **The loss asks another question.** A network that removes noise well need not yet generate good samples. Seed by seed, the
# loss on the part is lowest after {glue:text}`ext04_few_part_loss_at:s` iterations, the error after
# {glue:text}`ext04_few_part_oracle_at:s`. With a whole test set it is {glue:text}`ext04_few_test_loss_at:s` against
# {glue:text}`ext04_few_oracle_at:s`.
#
# ## How it is computed
#
# A run with a part held out is one of the [thesis's pipeline](fig07_early_stopping.ipynb) in which that part stands
# where the test samples stood; the rules choose among its checkpoints:

# %% tags=["remove-input"]
source(extensions.held_out, scoring.kept)

# %% [markdown]
# Truths and samples are those of Figure 7, with fields of $g_h = 0.2$; with the thesis's number of samples its own rule
# takes the very runs of Figure 7, up to the same number of iterations as here. We chose shorter trainings, and errors at
# checkpoints come from {glue:text}`ext04_monitor:s` generated samples; more of them would lower all of these errors.
#
# ## The numbers
#
# Does the variance come down to the line at all, and is the checkpoint kept before the best one?

# %% tags=["hide-cell"]
rows = []
for k, count in enumerate(counts):
    rows.append((f"**N = {count:,}**", "", "", ""))
    for heading, part in PARTS.items():
        for name, (label, _, by, rule, _) in part.items():
            judged = style.spread(error[name][k], 2)
            cost = style.spread(regret[name][k], 2) if by else ""
            when = ", ".join(f"{n:,}" for n in stops(k, by, rule)) if by else ""
            rows.append((f"{heading}: {label}", judged, cost, when))
style.table(rows, ["", "MSE / Erasure Machine on N", "regret", "stops at"])

# %% tags=["hide-cell"]
fires, early, rows = {}, {}, []
for k, count in enumerate(counts):
    for name in ("test", "part"):
        _, group, by, rule, _ = WAYS[name]
        runs = [found[config] for config in group[k]]
        fired = [r["stop_crossed"] and r["stop_iteration"] <= n_iterations for r in runs]
        before = stops(k, by, rule) < stops(k, group, "oracle")
        fires[k, name], early[k, name] = (f"{sum(x)} of {len(seeds)}" for x in (fired, before))
        label = {"test": "a test set", "part": "a part"}[name]
        rows.append((f"N = {count:,}, {label}", fires[k, name], early[k, name]))
style.table(rows, ["the thesis's rule", "fires", "before the best checkpoint"])

# %% tags=["remove-cell"]
WITHIN = ("last", "again", "again_loss", "part", "part_loss", "part_last")  # with N samples in all
HEADINGS = {key: heading for heading, part in PARTS.items() for key in part}
numbers = {"share": style.percent(held_out), "iterations": f"{n_iterations:,}", "monitor": f"{n_monitor:,}"}
for k, size in enumerate(("few", "many")):
    for name, (_, group, by, rule, _) in WAYS.items():
        numbers[f"{size}_{name}"] = style.spread(error[name][k], 2)
        if group:
            numbers[f"{size}_{name}_regret"] = style.spread(regret[name][k], 2)
            numbers[f"{size}_{name}_at"] = ", ".join(f"{stop:,}" for stop in stops(k, by, rule))
    cost = error["part_oracle"][k] / error["oracle"][k]
    numbers |= {f"{size}_n": f"{counts[k]:,}", f"{size}_split": style.spread(cost, 2)}
    means = {name: error[name][k].mean() for name in WITHIN}
    best = min(means, key=means.get)
    numbers[f"{size}_best"] = f"{HEADINGS[best]}: {WAYS[best][0]}"
    numbers[f"{size}_best_mean"] = f"{means[best]:.2f}"
    for name, share in (("test", 1), ("part", held_out)):
        numbers |= {f"{size}_{name}_fires": fires[k, name], f"{size}_{name}_early": early[k, name]}
        numbers[f"{size}_{name}_line"] = style.percent(np.sqrt(2 / (share * counts[k])))
finals = [found[c].error("augmented") / found[c].error("observed") for c in tested[1]]
numbers |= {"longer": style.spread(finals, 2), "longer_augmented": f"{longer['n_augmented']:,}"}
for name, text in numbers.items():
    glue(f"ext04_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# A tenth held out instead of a fifth: expect a less certain line, and a cheaper split (six new trainings, about half an
# hour of one core).
#
# ```sh
# ising-book run ext04 -p held_out=0.1
# ```
#
# Still fewer samples: expect overfitting to come sooner, and stopping to decide more (two new trainings, about 10
# minutes):
#
# ```sh
# ising-book run ext04 -p n_observed_few=400 -p 'seeds=[0]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
style.csv("ext04", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext04_stopping_without_a_test_set", preset))
