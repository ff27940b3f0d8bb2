# %% [markdown]
# # Figure 6: overfitting
#
# **The thesis claims:** *Trained too long, the diffusion model generates samples that merely mimic the observed ones.*
# {cite}`lim2024thesis` {verdict}`6,7`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 2_000
coupling_scale = 1.0
field_scale = 1.0
n_iterations = 64_000
n_checkpoints = 9
n_monitor = 100_000
n_augmented = 100_000
n_sampling_steps = 16
seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import monitors, provenance, walk
from ising_experiments.runs import find_or_compute, source
from ising_lib import metrics, sampling, stopping

runs = find_or_compute(configs)
observed = [walk.samples(config)[0] for config in configs]


def draw_fresh(config):
    """As many samples as at a checkpoint, from the truth itself."""
    rng = worlds.stream(config.seed, "fresh")
    return sampling.sample(walk.truth(config), n_monitor, rng=rng)


def different(spins):
    """How many samples differ, as a share of n_monitor."""
    return len(np.unique(spins, axis=0)) / n_monitor


fresh = [draw_fresh(config) for config in configs]
iterations, distance = runs[0]["iterations"], np.arange(n_spins + 1)
distances = np.array([run["distances"] for run in runs])  # (S, K, M + 1)
pairs = zip(fresh, observed, strict=True)
fresh_distances = np.array([monitors.distances(*pair) for pair in pairs])
copies, true_copies = distances[..., 0], fresh_distances[:, 0]
far, true_far = distances @ distance, fresh_distances @ distance
distinct = np.array([run["distinct"] for run in runs])
true_distinct = np.array([different(spins) for spins in fresh])
memory = np.array([different(spins) for spins in observed])
seen = np.array([run["observed_loss"] for run in runs])
unseen = np.array([run["test_loss"] for run in runs])
error = np.array([r.error("monitored") / r.error("observed") for r in runs])
variance = np.array([run["variance"] / run["test_line"] for run in runs])
stops = [r["stop_iteration"] for r in runs if r["stop_crossed"]]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels. First: the distribution of the distance to the nearest observed sample at each checkpoint moves towards zero as training goes on, and past that of fresh samples of the true model. Then, against training iterations: the share of copies; the share of different samples; the loss on observed and on held-out samples, which part; the error of the inference; the energy variance."}}
style.use_style()
fig, axes = plt.subplots(3, 2, figsize=(7.6, 5.9))
ax, panels = axes[0, 0], axes.ravel()[1:]
n_lines, colour = len(iterations), style.COLOURS["augmented"]
for k, strength in enumerate(np.linspace(0.25, 1.0, n_lines)):
    label = f"{iterations[k]:,} iterations" if k in (0, n_lines - 1) else None
    look = {"color": colour, "alpha": strength, "linewidth": 0.8 + strength}
    ax.plot(distance, distances[:, k].mean(0), label=label, **look)
style.curve(ax, distance, fresh_distances, "truth", "fresh samples")
reach = np.flatnonzero(distances.max((0, 1)) > 1e-3)[-1] + 1
ax.set(xlabel="distance to nearest observed sample, spins", xlim=(0, reach))
ax.set(ylabel="share of samples", title="how near to the observed")
ax.legend()
for panel, values in zip(panels, (copies, distinct), strict=False):
    style.curve(panel, iterations, values, "augmented", "generated")
    panel.set_ylabel("share of samples")
style.level(panels[0], true_copies, "truth", "fresh samples")
style.level(panels[1], true_distinct, "truth", "fresh samples")
style.curve(panels[2], iterations, unseen, "test", "held-out samples")
style.curve(panels[2], iterations, seen, "observed", "observed samples")
style.curve(panels[3], iterations, error, "augmented", "generated")
style.level(panels[3], 1.0, "observed", "observed samples")
style.curve(panels[4], iterations, variance, "augmented", "generated")
style.level(panels[4], 1.0, "test", "test samples")
line = [run["observed_line"] / run["test_line"] for run in runs]
style.level(panels[4], line, "observed", "observed samples")
panels[0].set(yscale="log", title="copies of observed samples")
panels[1].set(ylim=(0, 1.3), title="different samples")
panels[2].set(ylabel="loss (Eq. 44)", ylim=(0, None), title="denoising loss")
panels[3].set(ylabel="MSE / observed MSE", ylim=(0, 1.5), title="error")
panels[4].set(ylabel="Var E / Var E of test", ylim=(0.7, 2))
panels[4].set_title("energy variance")
for panel in panels:
    panel.set(xscale="log", xlabel="training iterations")
    for stop in stops:  # thin, one for each seed
        panel.axvline(stop, color="black", linewidth=0.9, alpha=0.6)
    panel.legend(fontsize=8)
for panel in (axes[0, 1], axes[1, 0], axes[1, 1]):
    panel.set_xlabel("")
# %% [markdown]
# Top left: distances from generated samples to the nearest observed one, a line for each checkpoint, stronger as
# training goes on. All others: against training iterations. *Fresh* samples are drawn from the true model. The
# thin vertical lines mark where the rule of [Figure 7](fig07_early_stopping.ipynb) stops, one per seed. Lines
# are means over seeds, bands run from the smallest to the largest.
#
# ## What to see
#
# **The thesis** draws a sketch, without numbers: dots of the augmented samples gather on those of the observed ones.
# Here it is measured. Numbers are means over seeds with the smallest and the largest in brackets, or one number per
# seed.
#
# **Trained too long, the model copies.** After {glue:text}`fig06_last:s` iterations a share of
# {glue:text}`fig06_copies:s` of the samples are exact copies of observed ones. A copy proves nothing by itself:
# with strong couplings some configurations are frequent. But of fresh samples only a share of
# {glue:text}`fig06_true_copies:s` are copies, so the model makes {glue:text}`fig06_excess:s` times as many as chance
# explains. The mean distance to the nearest observed sample is {glue:text}`fig06_far:s` spins, against
# {glue:text}`fig06_true_far:s` for fresh samples.
#
# **Even then it does not merely copy.** The share of different samples is {glue:text}`fig06_distinct:s`. It is
# {glue:text}`fig06_true_distinct:s` for fresh samples and would be {glue:text}`fig06_memory:s` for a model that only
# copies. What is not a copy differs from one in a few spins.
#
# **The error falls, then rises,** in {glue:text}`fig06_error_rises:s` seeds. It is lowest after
# {glue:text}`fig06_best:s` iterations; at the end it is {glue:text}`fig06_error_rise:s` times as high. At its lowest,
# copies are {glue:text}`fig06_best_excess:s` times as frequent as among fresh samples (counting alone makes this
# uncertain by about {glue:text}`fig06_uncertain:s`%). A few extra copies do no harm.
#
# **The held-out loss sees it too.** It rises in {glue:text}`fig06_unseen_rises:s` seeds, to
# {glue:text}`fig06_unseen_rise:s` times its lowest value. When does each sign appear?
#
# | sign | iterations, by seed |
# |---|---|
# | lowest error (needs the truth) | {glue:text}`fig06_best:s` |
# | distance to the nearest falls to that of test samples | {glue:text}`fig06_near:s` |
# | lowest held-out loss | {glue:text}`fig06_best_unseen:s` |
# | energy variance falls to that of test samples (the thesis's rule) | {glue:text}`fig06_fires:s` |
#
# The rule agrees with the held-out loss within the spacing of the checkpoints, and avoids the worst of the
# overfitting. Both come a little late: at the lowest held-out loss the error is {glue:text}`fig06_regret_unseen:s`
# times its lowest value. The rule keeps the first checkpoint after the crossing, here after {glue:text}`fig06_kept:s`
# iterations. There the error is {glue:text}`fig06_regret:s` times the lowest, and copies are
# {glue:text}`fig06_kept_excess:s` times as frequent as among fresh samples. Checkpoints a factor of two apart are
# coarse for this rule: where the crossing comes just after one of them, the next is far too late.
#
# ## How it is computed
#
# The runs are those of [Figure 5](fig05_training_length.ipynb). At each checkpoint a run draws `n_monitor` samples
# and measures:
#
# - the *distance* of each to the nearest observed sample, the number of spins that differ
#   ({func}`ising_lib.metrics.nearest_distance`); distance zero is a copy;
# - the share of *different* samples;
# - the *denoising loss* of Eq. (44) on the observed samples, and on as many test samples
#   ({func}`ising_lib.ddpm.denoising_loss`): where the second rises, the network overfits.

# %% tags=["remove-input", "hide-output"]
source(monitors.measure, monitors.distances, metrics.nearest_distance)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | A sketch, without sizes. | The runs of [Figure 5](fig05_training_length.ipynb): $M = 40$, $N = 2{,}000$, three seeds. |
# | The samples "mimic" the observed ones; no measure. | Distance to the nearest observed sample, copies, different samples, held-out loss. |
# | A test set as large as the observed one, for the stopping rule. | The same; and fresh samples drawn on this page, as many as at a checkpoint, since rare copies take many samples to count. |
#
# ## The numbers
#
# For each checkpoint, means over the seeds; the error and the energy variance relative to the lines they are
# compared with.

# %% tags=["hide-cell"]
curves = {"copies": copies, "distance": far, "different": distinct}
curves |= {"seen": seen, "unseen": unseen, "error": error, "Var E": variance}
counts = [f"{iteration:,}" for iteration in iterations]
means = np.char.mod("%.4f", [values.mean(0) for values in curves.values()])
rows = np.vstack([counts, means]).T.tolist()
fresh_row = [f"{v.mean():.4f}" for v in (true_copies, true_far, true_distinct)]
style.table([*rows, ["fresh", *fresh_row, *4 * [""]]], ["iterations", *curves])

# %% tags=["hide-cell"]
best, best_unseen = error.argmin(1), unseen.argmin(1)
test_far = [run["test_distances"] @ np.arange(n_spins + 1) for run in runs]
crossings = []
for curve, level in zip(far, test_far, strict=True):
    crossings.append(stopping.crossing(iterations, curve, level, 0.0))
everyone, kept = np.arange(len(runs)), [run["stop_index"] for run in runs]
excess, late = copies / true_copies[:, None], error[everyone, best_unseen]
summary = {  # name: what, values, digits
    "true_copies": ("copies, fresh", true_copies, 4),
    "uncertain": ("its error, %", 100 * (n_monitor * true_copies) ** -0.5, 0),
    "best_excess": ("copies / fresh, best", excess[everyone, best], 1),
    "kept_excess": ("copies / fresh, kept", excess[everyone, kept], 1),
    "excess": ("copies / fresh, end", excess[:, -1], 0),
    "memory": ("different, copies alone", memory, 3),
    "error_rise": ("error, end / best", error[:, -1] / error.min(1), 3),
    "regret": ("error, kept / best", error[everyone, kept] / error.min(1), 3),
    "regret_unseen": ("error, unseen best / best", late / error.min(1), 3),
    "unseen_rise": ("unseen, end / best", unseen[:, -1] / unseen.min(1), 3),
}
rows = [[what, style.spread(v, digits)] for what, v, digits in summary.values()]
style.table(rows, ["", "mean (range)"])

# %% tags=["remove-cell"]
for name, (_, values, digits) in summary.items():
    glue(f"fig06_{name}", style.spread(values, 2 if digits == 3 else digits), display=False)
for name, values, digits in (
    ("copies", copies[:, -1], 2),
    ("far", far[:, -1], 1),
    ("true_far", true_far, 1),
    ("distinct", distinct[:, -1], 2),
    ("true_distinct", true_distinct, 2),
):
    glue(f"fig06_{name}", style.spread(values, digits), display=False)
for name, ks in (("best", best), ("best_unseen", best_unseen), ("kept", kept)):
    glue(f"fig06_{name}", ", ".join(counts[k] for k in ks), display=False)
near = [(point.iteration, point.crossed) for point in crossings]
fires = [(run["stop_iteration"], run["stop_crossed"]) for run in runs]
for name, points in (("near", near), ("fires", fires)):
    text = ", ".join(f"{at:,.0f}" if crossed else "never" for at, crossed in points)
    glue(f"fig06_{name}", text, display=False)
glue("fig06_last", counts[-1], display=False)
for name, values in (("error", error), ("unseen", unseen)):
    rises = values[:, -1] > values.min(1)
    glue(f"fig06_{name}_rises", f"{rises.sum()} of {len(runs)}", display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig06 -p n_spins=20 -p n_observed=500 -p n_iterations=16000 \
#   -p n_monitor=10000 -p seeds=[0]
# ising-book run fig06 -p n_observed=16000 -p n_iterations=16000 -p seeds=[0]
# ```
#
# Fewer samples: expect copies sooner, in about a quarter of the time of a run above. Eight times the samples:
# expect hardly any extra copies within these iterations.

# %% tags=["remove-input", "nbval-ignore-output"]
drawn = {name: values.mean(0) for name, values in curves.items()}
style.csv("fig06", {"iterations": iterations, **drawn})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig06_overfitting", preset))
