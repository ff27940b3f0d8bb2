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
# # Stopping without a test set
#
# **Question.** *The thesis's stopping rule consumes as many test samples as there are observed ones. Who has
# few samples does not have these. Is a part of the few enough, and does the rule earn what it costs?*
#
# The thesis stops the training where the variance of the energy of the generated samples comes down to that of
# a test set as large as the observed one {cite}`lim2024thesis`; [Figure 7](fig07_early_stopping.ipynb) follows
# it. But $N$ test samples are $N$ samples. They could have been observed samples. So the rule is compared with
# what one can do with $N$ samples in all:
#
# - *hold a part out*: train on the rest, and let the part play the test set, in the thesis's rule;
# - *watch the loss*: hold the same part out and keep the checkpoint at which the denoising loss
#   [Eq. (44)](#eq-44) on it is lowest, as one does with any network;
# - *use it all again*: take the number of iterations that a held-out part has chosen, and train once more, with
#   all $N$ samples, for as long. It costs a second training, and no data;
# - *do not stop*: go on to the end.
#
# Two things frame them. An *oracle* knows the truth and keeps the checkpoint of lowest error, which no rule
# can beat. And somebody who does own a second data set can skip the diffusion model and give all $2N$ samples
# to the Erasure Machine.
#
# The *regret* of a rule is the error at the checkpoint that it keeps over the oracle's in the same training.
# It says how well the rule chooses. Holding samples out costs something else besides: the network learns from
# fewer. So all errors are given over one and the same number, too, that of the Erasure Machine on all $N$
# observed samples.
#
# ## How well can a part judge?
#
# The rule meets a line that is itself measured, with the relative standard error $\sqrt{2/n}$ from $n$ samples
# ([Eq. (S.8)](#eq-s-8)). A fifth of the samples makes it $\sqrt 5$ times that of a test set of $N$. By
# [Eq. (S.9)](#eq-s-9) an error of the line moves the stopping point, and the more so the flatter the curve is.
#
# ## Parameters
#
# Two numbers of samples: the thesis's, and one with which a network soon overfits. Truths and samples are those
# of Figure 7, with fields of $g_h = 0.2$. With the thesis's number, its own rule takes the very runs of Figure
# 7, up to the same number of iterations as here; they hold the same truth and observed samples, seed by seed.
# Trainings are shorter than there, to keep all new runs together within an hour of one core. Errors at
# checkpoints come from `n_monitor` generated samples; more of them would lower all of these errors.

# %% tags=["parameters"]
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

# %% [markdown]
# ## The walk
#
# A run of {class}`ising_lib.worlds.HeldOut` is one of {class}`ising_lib.worlds.Augmentation` in which
# the part held out stands where the test samples stood. {func}`ising_lib.stopping.choices` says which
# checkpoint each rule keeps.

# %% tags=["runs"]
import itertools

from ising_book import worlds

counts = [n_observed_few, n_observed]
tested = [
    worlds.from_parameters(worlds.Augmentation, globals(), n_observed=n_observed_few),
    worlds.from_parameters(worlds.Augmentation, globals(), **longer),
]
split = [worlds.from_parameters(worlds.HeldOut, globals(), n_observed=count) for count in counts]
configs = [*itertools.chain(*tested, *split)]

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style
from ising_book.runs import by_config
from ising_lib import metrics, stopping

found = by_config(configs)

# %% [markdown]
# ## The numbers
#
# "N + N" marks rules that use a test set, "part" those that hold a part of the N samples out and train on the
# rest, "again" a second training with all N, for as long as the part has chosen.

# %%
WAYS = {  # label, the training that is judged, the one in which the rule chooses, the rule, the role
    "oracle": ("oracle", tested, tested, "oracle", "truth"),
    "test": ("N + N: thesis's rule", tested, tested, "variance", "augmented"),
    "test_loss": ("N + N: lowest loss", tested, tested, "loss", "augmented"),
    "last": ("N: no stopping", tested, tested, "last", "augmented"),
    "again": ("again: thesis's rule", tested, split, "variance", "augmented"),
    "again_loss": ("again: lowest loss", tested, split, "loss", "augmented"),
    "part_oracle": ("part: oracle", split, split, "oracle", "truth"),
    "part": ("part: thesis's rule", split, split, "variance", "test"),
    "part_loss": ("part: lowest loss", split, split, "loss", "test"),
    "part_last": ("part: no stopping", split, split, "last", "test"),
}
chosen = {c: stopping.choices(run, run.error("monitored"), n_iterations) for c, run in found.items()}


def stops(k, group, rule):
    return np.array([found[c]["iterations"][chosen[c][rule]] for c in group[k]])


def error_at(run, stop):
    return run.error("monitored")[np.abs(run["iterations"] - stop).argmin()]


def errors(k, group, by, rule):
    pairs = zip(group[k], stops(k, by, rule), strict=True)
    return np.array([error_at(found[c], stop) for c, stop in pairs])


# %%
whole, both = (
    [np.array([found[c].error(name) for c in group]) for group in split] for name in ("whole", "both")
)
error, regret = ({name: [] for name in WAYS} for _ in range(2))
for k, count in enumerate(counts):
    print(f"N = {count:,}: MSE over that of the Erasure Machine on all N; regret; iterations")
    for name, (label, group, by, rule, _) in WAYS.items():
        error[name].append(errors(k, group, by, rule) / whole[k])
        regret[name].append(errors(k, group, by, rule) / errors(k, group, group, "oracle"))
        row = style.spread(error[name][k], 2), style.spread(regret[name][k], 2), stops(k, by, rule)
        print(f"  {label:21} {row[0]:22} {row[1]:22} {', '.join(map(str, row[2]))}")
    print(f"  {'Erasure Machine on 2N':21} {style.spread(both[k] / whole[k], 2)}")

# %% [markdown]
# Does the variance come down to the line at all? And is the checkpoint kept earlier than the best one?

# %%
fires = {
    name: [
        sum(found[c]["stop_iteration"] <= n_iterations and found[c]["stop_crossed"] for c in g) for g in group
    ]
    for name, group in (("test", tested), ("part", split))
}
early = {
    name: [(stops(k, by, rule) < stops(k, group, "oracle")).sum() for k in range(2)]
    for name, (_, group, by, rule, _) in WAYS.items()
}
for k, count in enumerate(counts):
    print(
        f"N = {count:,}: fires in {fires['test'][k]} (N + N) and {fires['part'][k]} (part) of {len(seeds)} seeds;"
    )
    print(f"  stops before the best checkpoint in {early['test'][k]} (N + N) and {early['part'][k]} (part)")

# %% tags=["remove-cell"]
WITHIN = ("last", "again", "again_loss", "part", "part_loss", "part_last")  # with N samples in all
for k, size in enumerate(("few", "many")):
    for name in WAYS:
        glue(f"ext04_{size}_{name}", style.spread(error[name][k], 2), display=False)
        glue(f"ext04_{size}_{name}_regret", style.spread(regret[name][k], 2), display=False)
        moments = stops(k, WAYS[name][2], WAYS[name][3])
        glue(f"ext04_{size}_{name}_at", ", ".join(f"{stop:,}" for stop in moments), display=False)
        glue(f"ext04_{size}_{name}_early", f"{early[name][k]} of {len(seeds)}", display=False)
    glue(f"ext04_{size}_n", f"{counts[k]:,}", display=False)
    glue(f"ext04_{size}_both", style.spread(both[k] / whole[k], 2), display=False)
    cost = error["part_oracle"][k] / error["oracle"][k]
    glue(f"ext04_{size}_split", style.spread(cost, 2), display=False)
    means = {name: error[name][k].mean() for name in WITHIN}
    glue(f"ext04_{size}_best", WAYS[min(means, key=means.get)][0], display=False)
    glue(f"ext04_{size}_best_mean", f"{min(means.values()):.2f}", display=False)
    for name in ("test", "part"):
        glue(f"ext04_{size}_{name}_fires", f"{fires[name][k]} of {len(seeds)}", display=False)
    for name, share in (("test", 1), ("part", held_out)):
        glue(f"ext04_{size}_{name}_line", f"{100 * np.sqrt(2 / (share * counts[k])):.0f}", display=False)
glue("ext04_share", f"{100 * held_out:.0f}", display=False)
glue("ext04_iterations", f"{n_iterations:,}", display=False)
glue("ext04_monitor", f"{n_monitor:,}", display=False)
finals = [found[c].error("augmented") / found[c].error("observed") for c in tested[1]]
glue("ext04_longer", style.spread(finals, 2), display=False)
glue("ext04_longer_augmented", f"{longer['n_augmented']:,}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top: for few and for many samples, one row for each way to stop, with a dot per seed at its error over that of the Erasure Machine on all observed samples. Middle: that ratio against training iterations, for trainings on all samples and on the part that is left when a fifth is held out. Bottom, for few samples: the variance of the energy over its line, with a band for the uncertainty of a line from the part held out; and the denoising loss over its lowest value."}}
style.use_style()
fig, axes = plt.subplots(3, 2, figsize=(9, 9.6), height_ratios=[1.35, 1, 1])
labels, _, _, _, roles = zip(*WAYS.values(), strict=True)
for k, ax in enumerate(axes[0]):
    rows = [*(error[name][k] for name in WAYS), both[k] / whole[k]]
    style.seeds_by_row(ax, rows, [*labels, "Erasure Machine on 2N"], [*roles, "observed"])
    ax.axvline(1, color=style.COLOURS["baseline"], linewidth=0.9)
    ax.set(xlabel="MSE / MSE of all N observed", title=f"N = {counts[k]:,}")
    ax.set_xlim(0, 1.06 * max(1, np.max([values.max() for values in rows])))  # the grey line in sight
axes[0, 1].tick_params(labelleft=False)
iterations = found[split[0][0]]["iterations"]
KINDS = (("N", tested, "augmented"), ("part", split, "test"))


def courses(k, group, make):
    return np.array([make(found[c])[: len(iterations)] for c in group[k]])


for label, group, role in KINDS:
    for k, ax in enumerate(axes[1]):
        ratio = courses(k, group, lambda run: run.error("monitored")) / whole[k][:, None]
        style.curve(ax, iterations, ratio, role, f"trained on {label}")
    lines = courses(0, group, lambda run: run["variance"] / max(run["test_line"], run["observed_line"]))
    style.curve(axes[2, 0], iterations, lines, role, f"trained on {label}")
    losses = courses(0, group, lambda run: run["test_loss"] / run["test_loss"].min())
    style.curve(axes[2, 1], iterations, losses, role, f"trained on {label}")
for k, ax in enumerate(axes[1]):
    style.level(ax, 1.0, "baseline", "Erasure Machine on N")
    style.level(ax, both[k] / whole[k], "observed", "Erasure Machine on 2N")
    ax.set(ylabel="MSE / MSE of all N observed", title=f"N = {counts[k]:,}")
blur = np.sqrt(2 / (held_out * counts[0]))
style.level(axes[2, 0], [1 - blur, 1 + blur], "baseline", "line ± its standard error, part")
axes[2, 0].set(ylabel="Var E / line", title=f"N = {counts[0]:,}")
axes[2, 1].set(ylabel="denoising loss / lowest", title=f"N = {counts[0]:,}")
style.training_axis(axes[1:], [[], []])
axes[1, 0].get_legend().remove()  # the same as beside it, and in the way of the lines
for ax in axes[1:].flat:
    ax.set_xticks(iterations[::2], [f"{n:,}" for n in iterations[::2]])
    ax.minorticks_off()

# %% [markdown]
# Top: the error (Eq. 23) at the checkpoint that each rule keeps, over that of the Erasure Machine on all $N$
# observed samples (grey line); a dot for each seed, a bar at their mean. Orange is trained on all $N$ samples, light blue
# on those left when {glue:text}`ext04_share:s` % are held out, black is the oracle. Middle: the same error
# along the training. Bottom: what the rules look at, for few samples. Lines are means over the seeds, bands from
# the smallest to the largest; the grey band is the standard error of a line from the part held out.
#
# ## What to see
#
# **The rules, with {glue:text}`ext04_few_n:s` samples.** The thesis's rule with a test set of its own fired in
# {glue:text}`ext04_few_test_fires:s` seeds. What it keeps has {glue:text}`ext04_few_test_regret:s` times the
# oracle's error (mean, smallest and largest). With a part held out it fired in
# {glue:text}`ext04_few_part_fires:s`, before the best checkpoint in {glue:text}`ext04_few_part_early:s`, with a
# regret of {glue:text}`ext04_few_part_regret:s`. The lowest loss on the same part has
# {glue:text}`ext04_few_part_loss_regret:s`, going on to the end {glue:text}`ext04_few_part_last_regret:s`. From
# the part held out the line is known to {glue:text}`ext04_few_part_line:s` %, from a test set to
# {glue:text}`ext04_few_test_line:s` %.
#
# **The loss asks another question.** To take away noise well is not yet to place the samples well. The
# loss on the part is lowest after {glue:text}`ext04_few_part_loss_at:s` iterations (seed by seed), the error
# after {glue:text}`ext04_few_part_oracle_at:s`. With a whole test set it is
# {glue:text}`ext04_few_test_loss_at:s` against {glue:text}`ext04_few_oracle_at:s`.
#
# **The price of the split.** The oracle itself does {glue:text}`ext04_few_split:s` times as badly where the
# part is missing from the training. Training again with all $N$, for as long as the part has chosen, gives
# {glue:text}`ext04_few_again:s` by the thesis's rule and {glue:text}`ext04_few_again_loss:s` by the loss, in
# units of the Erasure Machine's error on the observed samples; without the second training it is
# {glue:text}`ext04_few_part:s` and {glue:text}`ext04_few_part_loss:s`. The thesis's rule with $N$ more samples
# reaches {glue:text}`ext04_few_test:s`.
#
# **With {glue:text}`ext04_many_n:s` samples** little is decided within {glue:text}`ext04_iterations:s`
# iterations. The thesis's rule fires in {glue:text}`ext04_many_test_fires:s` seeds with a test set and in
# {glue:text}`ext04_many_part_fires:s` with a part. Going on to the end costs
# {glue:text}`ext04_many_last_regret:s` times the oracle's error, the thesis's rule
# {glue:text}`ext04_many_test_regret:s` with a test set and {glue:text}`ext04_many_part_regret:s` with a part, and
# the lowest loss on the part {glue:text}`ext04_many_part_loss_regret:s`. The split costs the oracle
# {glue:text}`ext04_many_split:s`.
#
# **What the second data set would have bought.** Given to the Erasure Machine, without a diffusion model, it
# brings the error to {glue:text}`ext04_few_both:s` of that on $N$ samples, with
# {glue:text}`ext04_many_n:s` samples to {glue:text}`ext04_many_both:s`. Compare these with the rows "N + N" above, which
# use the same data. More generated samples would help those rows: the runs of Figure 7 with all their
# {glue:text}`ext04_longer_augmented:s` instead of {glue:text}`ext04_monitor:s` are at
# {glue:text}`ext04_longer:s`.
#
# ## What to do
#
# With $N$ samples in all, the way with the lowest mean error here is "{glue:text}`ext04_few_best:s`" for few
# samples ({glue:text}`ext04_few_best_mean:s`) and "{glue:text}`ext04_many_best:s`" for many
# ({glue:text}`ext04_many_best_mean:s`). A [denoiser with few parameters](ext02_structured_denoiser.ipynb) needs
# none of this: it does not overfit, and nothing has to be held out.

# %% tags=["remove-input"]
Markdown(provenance.table(list(found.values()), "ext04_stopping_without_a_test_set", preset))
