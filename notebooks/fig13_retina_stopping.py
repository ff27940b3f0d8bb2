# %% [markdown]
# # Figure 13: when to stop on the retina
#
# **The thesis claims:** *On real data, too, the energy variance of the generated samples falls during training, and
# the point where it meets that of the test samples is where to stop.* {cite}`lim2024thesis` {verdict}`7`

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
from ising_experiments import monitors, provenance, scoring, walk
from ising_experiments.runs import find_or_compute, one_thread, source
from ising_lib import datasets, imputation, ising, metrics, stopping

runs = find_or_compute(configs)
iterations = runs[0]["iterations"]  # (K,)


names = ("variance", "test_line", "observed_line", "test_loss", "observed_loss")
measured = (np.array([run[name] for run in runs]) for name in names)
variance, test_line, observed_line, *losses = measured
stops = [run["stop_iteration"] for run in runs if run["stop_crossed"]]


def training_axis(axes):
    """Logarithmic, with ticks at every other checkpoint."""
    ticks = iterations[::2]
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlabel("training iterations")
        ax.set_xticks(ticks, [f"{n:,}" for n in ticks], fontsize=8)
        ax.minorticks_off()


# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels against training iterations from 250 on: the energy variance of generated samples, for one seed and for all relative to the test line. It stays at about half the test and the observed line and rises slowly."}}
style.use_style()
fig, axes = plt.subplots(1, 2, figsize=(8, 3.4))
for ax, curve, test, observed in (
    (axes[0], variance[0], test_line[0], observed_line[0]),
    (axes[1], variance / test_line[:, None], 1.0, observed_line / test_line),
):
    style.curve(ax, iterations, curve, "augmented")
    style.level(ax, observed, "observed")
    style.level(ax, test, "test", "test samples")
    ax.set_ylim(0, None)
axes[0].set(title=f"seed {seeds[0]}", ylabel="Var $E$")
title = f"{len(seeds)} seeds; the rule stops in {len(stops)}"
axes[1].set(title=title, ylabel="Var $E$ / test line")
axes[1].vlines(stops, 0, 1, color="black", linewidth=0.9)
training_axis(axes)
entries = ax.get_legend_handles_labels()
_ = fig.legend(*entries, loc="outside upper center", ncols=3)

# %% [markdown]
# Energy variance of the samples generated at each checkpoint. Left one seed; right all, mean and range.
#
# ## What to see
#
# **The thesis** reports that here, too, the variance falls during training and meets the test line. It prints no values.
#
# **After {glue:text}`fig13_start:s`, where we first measure, the variance is below the line.** At that checkpoint
# it is {glue:text}`fig13_first:s` times the test line (mean, smallest and largest), at the last
# {glue:text}`fig13_last:s` times. The rule fires in {glue:text}`fig13_crossed:s` seeds. The line is not to blame: its
# standard error is {glue:text}`fig13_line_error:s`, and the whole recording has {glue:text}`fig13_whole:s` times the
# variance of the test samples.
#
# **What happens before, these runs do not say.** An untrained network generates random spins, whose variance
# $\sum_i h_i^2 + \sum_{i<j} J_{ij}^2$ is only {glue:text}`fig13_noise:s` times the test line. [Measured from update 25 on](firmness.ipynb), the
# curve rises above the line and falls through it within the first hundred updates, in a share of
# {glue:text}`firmness.ipynb::firmness_comes_down:s` of the splits. There the samples are worth nothing yet. So the thesis's reading,
# *starts high, falls, meets the line*, holds only for a first checkpoint earlier than ours.
#
# Four other signs, on test samples that the training has not seen:

# %% tags=["hide-cell"]
samples, tests = zip(*map(walk.samples, configs), strict=True)


def scores_of(run, spins, test):
    """PL and accuracy, (2, K + 2): checkpoints, observed model, independent."""
    rng = worlds.stream(run.config["seed"], "missing")
    mask = imputation.random_mask(test.shape, n_missing, rng=rng)
    independent = imputation.independent_model(spins).to_vector()
    rows = np.vstack([run["monitored"], run["observed"], independent])
    make = ising.IsingModel.from_vector
    models = {k: make(row, n_spins) for k, row in enumerate(rows)}
    filled = scoring.recover(models, test, mask).values()
    return [
        [metrics.log_pseudolikelihood(one, test) for one in models.values()],
        [metrics.recovery(test, some, mask).accuracy for some in filled],
    ]


with one_thread():  # many small products
    scores = np.array(list(map(scores_of, runs, samples, tests)))
predicted, recovered = scores[:, 0], 100 * scores[:, 1]
filled = recovered[:, :-1] - recovered[:, -1:]  # points above all silent
copies = np.array([100 * run["distances"][:, 0] for run in runs])
test_copies = [100 * run["test_distances"][0] for run in runs]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against training iterations. The loss on test samples falls to the end, together with that on observed samples. The share of generated samples that copy an observed one falls towards that of the test samples, and stays above it. The log-pseudolikelihood of the inferred models is highest early and far below that of independent neurons. Their accuracy is near that of silence, with one seed falling below it late."}}
fig, axes = plt.subplots(2, 2, figsize=(8, 5.4))
for name, values in zip(("test", "observed"), losses, strict=True):
    style.curve(axes[0, 0], iterations, values, name)
curves = copies, predicted[:, :-2], filled[:, :-1]
for ax, curve in zip(axes.flat[1:], curves, strict=True):
    style.curve(ax, iterations, curve, "augmented")
style.level(axes[0, 1], test_copies, "test")
style.level(axes[1, 0], predicted[:, -2], "observed")
style.level(axes[1, 0], predicted[:, -1], "baseline", "independent")
style.level(axes[1, 1], filled[:, -1], "observed")
style.level(axes[1, 1], 0.0, "baseline")
axes[0, 0].set(title="loss of the diffusion model", ylabel="loss per spin")
axes[0, 1].set(title="copies of observed samples", ylabel="share (%)")
axes[1, 0].set(title="prediction of each neuron", ylabel="PL (nats per sample)")
axes[1, 1].set(title="recovery, all silent at 0", ylabel="accuracy (points)")
training_axis(axes.flat)
_ = axes[0, 0].legend(), axes[1, 0].legend(loc=(0.6, 0.62))

# %% [markdown]
# **The signs disagree.** The loss on test samples is lowest after {glue:text}`fig13_best_loss:s` iterations, seed
# by seed: training should go on. So say the copies: at the end {glue:text}`fig13_copies_last:s`% of the generated
# samples equal some observed one, against {glue:text}`fig13_test_copies:s`% of the test samples. The inferred models
# predict best after {glue:text}`fig13_best_PL:s` iterations, and recover best after {glue:text}`fig13_best_accuracy:s`.
#
# **Whether augmentation helps the recovery depends on the checkpoint.** In most seeds these models beat the observed
# one after {glue:text}`fig13_better_at:s` iterations, and not at the other checkpoints; the end of our training,
# used in [Figure 14](fig14_imputation_by_missing.ipynb), {glue:text}`fig13_end_is:s`. The ups and downs are
# mostly the sign of the field on [one neuron](fig12_retina_imputation.ipynb).
#
# **The inference is the weak link.** The log-pseudolikelihood of all models is far below that of independent neurons,
# {glue:text}`fig13_PL_independent:s`. The Erasure Machine does badly on neurons as silent as these.
#
# ## How it is computed
#
# The rule and the runs are as in [Figure 7](fig07_early_stopping.ipynb). At each checkpoint a run keeps what
# `measure` returns, and it is scored afterwards. PL is the log-pseudolikelihood
#
# $$
# \mathrm{PL} = \Big\langle \sum_i \log p(\sigma_i \mid \sigma_{j \neq i}) \Big\rangle_\text{test},
# \qquad p(\sigma_i \mid \sigma_{j \neq i}) = \frac{1}{1 + e^{-2 \sigma_i (h_i + \sum_j J_{ij} \sigma_j)}} .
# $$

# %% tags=["remove-input"]
source(monitors.checkpoints, monitors.measure, scores_of)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | 8,000 training and 1,000 test samples of the 40 most active neurons. | The same, three seeds. |
# | Stop where the variance of the generated samples meets that of the test samples. | The same, if it comes down from above. |
# | A curve against iterations; its text names none of them. | Eleven checkpoints, from 250 to 8,000 updates. |
# | No other sign. | Held-out loss, copies, log-pseudolikelihood and recovery at each checkpoint. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb). |
#
# What changes under other choices is on the page [How firm is each verdict](firmness.ipynb).
#
# ## The numbers

# %% tags=["hide-cell"]
means = [*losses, predicted, filled, copies]
rows = []
for k, n in enumerate(iterations):
    texts = [style.number(v) for v in variance[:, k]]
    texts += map(style.number, (v[:, k].mean() for v in means), (4, 4, 1, 2, 1))
    rows.append((f"{n:,}", *texts))
for name, line in (("test line", test_line), ("observed line", observed_line)):
    rows.append((name, *map(style.number, line)))
headers = ["iterations", *(f"Var E, seed {s}" for s in seeds), "test loss"]
headers += ["observed loss", "PL", "accuracy − silent (points)", "copies (%)"]
style.table(rows, headers)

# %% tags=["remove-cell"]
spins, _ = datasets.most_active_spins(datasets.load_retina(), n_spins)
whole = [stopping.energy_variance(spins, run.model("observed")) for run in runs]
energies = [ising.energy(run.model("observed"), test) for run, test in zip(runs, tests, strict=True)]
line_error = [((e - e.mean()) ** 2).std() / np.sqrt(n_test) for e in energies]
noise = [(run["observed"] ** 2).sum() for run in runs]  # Var E of random spins
scaled = variance / test_line[:, None]
better = (filled[:, :-1] > filled[:, -1:]).mean(0) > 0.5  # in most seeds
ranked = {"loss": -losses[0], "PL": predicted[:, :-2], "accuracy": filled[:, :-1]}
best = {name: iterations[values.argmax(1)] for name, values in ranked.items()}
for name, text in {
    "start": f"{iterations[0]:,} updates",
    "crossed": f"{len(stops)} of {len(runs)}",
    "first": style.spread(scaled[:, 0], 2),
    "last": style.spread(scaled[:, -1], 2),
    "line_error": style.percent(np.mean(line_error / test_line)),
    "whole": style.spread(whole / test_line, 2),
    "noise": style.spread(noise / test_line, 2),
    "copies_last": style.spread(copies[:, -1], 1),
    "test_copies": style.spread(test_copies, 1),
    "better_at": ", ".join(f"{n:,}" for n in iterations[better]) or "no",
    "end_is": "is among them" if better[-1] else "is not among them",
    "PL_independent": style.spread(predicted[:, -1], 1),
    **{f"best_{name}": ", ".join(f"{n:,}" for n in ns) for name, ns in best.items()},
}.items():
    glue(f"fig13_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig13 -p n_iterations=400 -p n_checkpoints=7 -p n_monitor=2000 \
#   -p n_augmented=2000 -p 'seeds=[0]' --html
# ising-book run fig13 -p n_missing=2 --html
# ```
#
# Earlier checkpoints, the first after 50 updates (about 1 minute of one core): expect the variance far above the line there,
# and the rule to fire soon after, long before the network has learned the data. Two missing neurons, filled in by the
# stored models (about a minute): expect the same variances, and an accuracy at most a few tenths of a point above silence.

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {f"Var E, seed {run.config['seed']}": run["variance"] for run in runs}
style.csv("fig13", {"iterations": iterations} | columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig13_retina_stopping", preset))
