# %% [markdown]
# # Figure 5: how long to train
#
# **The thesis claims:** *Trained too briefly, the diffusion model makes nearly random samples, and the couplings
# inferred from them are too weak. Later they are better than those inferred from the observed samples.
# Trained too long, the model only mimics what was observed.* {cite}`lim2024thesis` {verdict}`6`

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
shown = [1_000, 16_000, 64_000]
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
from ising_experiments import provenance, scoring, walk
from ising_experiments.runs import find_or_compute, source

runs = find_or_compute(configs)
iterations = runs[0]["iterations"]  # (K,)
observed = np.array([run.error("observed") for run in runs])  # (S,)
error = np.array([run.error("monitored") for run in runs])  # (S, K)
inferred = np.array([[*run["monitored"], run["observed"]] for run in runs])
distance = ((inferred[:, :-1] - inferred[:, -1:]) ** 2).sum(2) / n_spins


def fit(part):
    """Slope, correlation, weakness: each (S, K + 1), the last of observed."""
    pairs = zip(runs, inferred, strict=True)
    fits = [scoring.agreement(r["truth"][part], x[:, part]) for r, x in pairs]
    return np.moveaxis(fits, 1, 0)


slope, correlation, weakness = fit(slice(None))
slope_h, slope_j = fit(slice(n_spins))[0], fit(slice(n_spins, None))[0]
columns = [np.abs(np.log(iterations / wanted)).argmin() for wanted in shown]
best = error.argmin(1)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five panels. Top: inferred against true fields and couplings after three lengths of training, with the diagonal and a fitted line; at first the cloud is too flat, later it follows the diagonal. Bottom left: the same from the observed samples, steeper but thicker. Bottom right: the error against training iterations, with the level of the observed samples, and the distance from the parameters inferred from them."}}
style.use_style()
fig, axes = plt.subplot_mosaic("abc;odd", figsize=(8, 5.6))
truth, clouds = runs[0]["truth"], inferred[0]  # (L,), (K + 1, L)
errors = [*error[0], observed[0]]
titles = [f"{iteration:,} iterations" for iteration in iterations]


def cloud(ax, k, limit):
    """Inferred against true parameters of checkpoint k; −1: observed."""
    role = "observed" if k == -1 else "augmented"
    note = f"slope {slope[0, k]:.2f}\nr {correlation[0, k]:.2f}\n"
    note += f"MSE {errors[k]:.3f}"
    style.fields_and_couplings(ax, truth, clouds[k], n_spins, role, limit, note)
    ax.lines[1].set_rasterized(True)  # 780 dots
    ax.set_title([*titles, f"{n_observed:,} observed"][k])


limit = 1.05 * np.abs([truth, *clouds[[*columns, -1]]]).max()
for panel, k in zip("abco", [*columns, -1], strict=True):
    cloud(axes[panel], k, limit)
    if panel in "bc":
        axes[panel].set_ylabel("")
axes["o"].legend(loc="lower right", markerscale=1.5, fontsize=8)
ax = axes["d"]
style.curve(ax, iterations, error, "augmented", "augmented to true")
style.level(ax, observed, "observed", "observed to true")
style.curve(ax, iterations, distance, "baseline", "augmented to observed")
ax.set(xscale="log", xlabel="training iterations", ylim=(0, 1.5 * error.max()))
ax.set(ylabel="squared distance / M", title=f"{len(seeds)} seeds")
_ = ax.legend(ncols=2, loc="upper center")

# %% [markdown]
# Top and bottom left: inferred against true parameters of one seed; diamonds are fields, dots couplings. The
# solid line is the diagonal, where both agree; the dashed line is fitted. Bottom right: the error (Eq. 23)
# from augmented and from observed samples, and the distance between the two inferences; lines are means over
# seeds, bands run from the smallest to the largest.
#
# **Move the slider** to see every checkpoint. It works without a running kernel.

# %% tags=["hide-input", "nbval-ignore-output"]
fig, (left, right) = plt.subplots(1, 2, figsize=(5.8, 3.1))
style.curve(right, iterations, error[0], "augmented")
style.level(right, observed[0], "observed")
right.set(xscale="log", xlabel="training iterations", ylabel="MSE (Eq. 23)")
right.set_ylim(0, 1.3 * error[0].max())
right.legend(ncols=2, loc="upper center", fontsize=8)
[here] = right.plot([], [], "ko", markersize=12, fillstyle="none")
limit = 1.05 * np.abs([truth, *clouds]).max()


def draw(k):
    """Checkpoint k: its cloud, and its place on the curve."""
    left.clear()
    cloud(left, k, limit)
    left.legend(loc="lower right", markerscale=1.5, fontsize=8)
    here.set_data([iterations[k]], [error[0, k]])


alt = "Inferred against true parameters at each checkpoint, and the error"
film = style.player(fig, draw, titles, "fig05_training_length", alt)
glue("fig05_film", film)  # also for the book's first page

# %% [markdown]
# ## What to see
#
# **The thesis** draws the same plot after 1,000, 16,000 and 1,000,000 iterations: first a cloud that is too flat,
# then one better than from the observed samples, then one that mimics them. It prints no values. Ours are means over
# the seeds, with the smallest and the largest in brackets.
#
# **Too short: the couplings are too weak,** as in the thesis. After {glue:text}`fig05_iterations_0:s` iterations the
# slope is {glue:text}`fig05_slope_0:s`, and the slope alone makes up {glue:text}`fig05_share_0:s` of the error. The
# fields are learned first: their own slope is {glue:text}`fig05_h_0:s`, that of the couplings
# {glue:text}`fig05_J_0:s`. But the early samples are not nearly random, as the thesis says. Random spins
# would have an energy variance of {glue:text}`fig05_random_variance:s`; at the first
# checkpoint it is {glue:text}`fig05_first_variance:s`, more than the {glue:text}`fig05_test_variance:s` of test
# samples. And a shallow slope need not mean a large error: after {glue:text}`fig05_iterations_0:s` iterations
# the error is already {glue:text}`fig05_ratio_0:s` times that of the observed samples, whose cloud is steeper
# ({glue:text}`fig05_observed_slope:s`) but thicker.
#
# **In time: better than observed,** in {glue:text}`fig05_better:s` seeds. The lowest error, after
# {glue:text}`fig05_best:s` iterations (in the order of the seeds), is {glue:text}`fig05_lowest:s` times that of
# the observed samples. After {glue:text}`fig05_iterations_1:s` iterations, the middle panel of the thesis, it is
# {glue:text}`fig05_ratio_1:s` times.
#
# **Too long: it mimics.** After {glue:text}`fig05_iterations_2:s` iterations the ratio is
# {glue:text}`fig05_ratio_2:s`: nearly all of the gain is lost. The inferred parameters are nearly those of the
# observed samples; their distance $D$ has fallen from {glue:text}`fig05_first_distance:s` to
# {glue:text}`fig05_last_distance:s` of the observed error. [Figure 6](fig06_overfitting.ipynb) looks at the
# samples themselves.
#
# **Why there is a best moment.** The slope keeps rising, to {glue:text}`fig05_slope_2:s`: longer training cures
# the weakness. But the noise of the observed samples creeps in. The correlation is
# {glue:text}`fig05_best_correlation:s` at the best checkpoint and {glue:text}`fig05_r_2:s` at the
# end; for the observed samples it is {glue:text}`fig05_observed_correlation:s`.
#
# ## How it is computed
#
# The *slope* $b$ and the *correlation* are those of the least-squares line
# $\theta^\text{inferred} = a + b\, \theta^\text{true} + \text{noise}$ through the cloud
# ({func}`ising_experiments.scoring.agreement`). A slope below 1 says that the parameters are too weak; noise lowers the
# correlation. Both raise the error of [Eq. (23)](#eq-23). The distance between the two inferences is
#
# $$
# D = \frac{1}{M} \Big[ \sum_i (h_i^\text{aug} - h_i^\text{obs})^2
# + \sum_{i<j} (J_{ij}^\text{aug} - J_{ij}^\text{obs})^2 \Big] ,
# $$
#
# in the units of the error; it goes to zero for a model that only mimics. Independent fair spins would have the
# energy variance $\sum_i (h_i^\text{obs})^2 + \sum_{i<j} (J_{ij}^\text{obs})^2$ under the model of the observed
# samples, because all $\sigma_i$ and $\sigma_i \sigma_j$ are then uncorrelated, with variance 1.
#
# One run does all of it: it fits the observed samples, trains, and at each checkpoint draws `n_monitor` samples
# and fits those.

# %% tags=["remove-input", "hide-output"]
source(walk.pipeline)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | $M = 40$, $N = 2{,}000$, 100,000 augmented samples. | The same; three seeds, each with its own truth. |
# | 1,000, 16,000 and 1,000,000 iterations. | Nine checkpoints, each at twice the iterations of the one before, up to 64,000. |
# | For parameters of variance $g^2/M$ no value of $g$. | $g = 1$ for fields and couplings alike. |
# | Samples by the steps of a DDPM. | 16 of the 1,000 noise levels when sampling. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb). |
#
# Why not a million iterations? Each run took {glue:text}`fig05_hours:s` hours on one core. A million would take more
# than ten times as long, and the small $D$ says that little is left to see.
#
# ## The numbers
#
# For each checkpoint, means over the seeds: the error and its ratio to that of the observed samples; the slopes
# of all parameters, of the fields, of the couplings; the correlation; the share of the error that the slope
# alone explains; and $D$.

# %% tags=["hide-cell"]
ratio = error / observed[:, None]
curves = {"MSE": error, "ratio": ratio, "slope": slope, "h": slope_h}
curves |= {"J": slope_j, "r": correlation, "share": weakness, "D": distance}
means = [v[:, : len(titles)].mean(0) for v in curves.values()]  # each (K,)
counts = [title.removesuffix(" iterations") for title in titles]
rows = np.vstack([counts, np.char.mod("%.3f", means)]).T
style.table(rows, ["iterations", *curves])

# %% tags=["hide-cell"]
summary = {  # name: what, values, digits
    "observed": ("observed: MSE", observed, 2),
    "observed_slope": ("observed: slope", slope[:, -1], 2),
    "observed_correlation": ("observed: r", correlation[:, -1], 2),
    "observed_share": ("observed: share", weakness[:, -1], 2),
    "lowest": ("lowest MSE / observed MSE", error.min(1) / observed, 2),
    "rise": ("last MSE / lowest MSE", error[:, -1] / error.min(1), 2),
    "best_correlation": ("r, best", correlation[range(len(runs)), best], 2),
    "first_distance": ("first D / observed MSE", distance[:, 0] / observed, 2),
    "last_distance": ("last D / observed MSE", distance[:, -1] / observed, 2),
    "hours": ("hours on one core", [r.core_seconds / 3600 for r in runs], 1),
    "random_variance": ("Var E, fair spins", (inferred[:, -1] ** 2).sum(1), 0),
    "first_variance": ("Var E, first", [r["variance"][0] for r in runs], 0),
    "test_variance": ("Var E, test", [float(r["test_line"]) for r in runs], 0),
}
rows = [[t, style.spread(v, d + 1)] for t, v, d in summary.values()]
style.table(rows, ["", "mean (range)"])

# %% tags=["remove-cell"]
for name, (_, values, digits) in summary.items():
    glue(f"fig05_{name}", style.spread(values, digits), display=False)
for n, k in enumerate(columns):
    glue(f"fig05_iterations_{n}", f"{iterations[k]:,}", display=False)
    for name, values in curves.items():
        glue(f"fig05_{name}_{n}", style.spread(values[:, k], 2), display=False)
glue("fig05_better", f"{(error.min(1) < observed).sum()} of {len(runs)}", display=False)
glue("fig05_best", ", ".join(f"{n:,}" for n in iterations[best]), display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig05 -p n_observed=8000 -p n_iterations=16000 -p seeds=[0]
# ising-book run fig05 -p n_spins=20 -p n_observed=500 -p n_iterations=8000 \
#   -p n_monitor=10000 -p seeds=[0]
# ```
#
# Four times the samples: expect a smaller gain and a later rise; about a quarter of the time above. A small
# system: expect the same fall and rise within 8,000 iterations, in about a tenth of the time.

# %% tags=["remove-input", "nbval-ignore-output"]
drawn = {f"after_{iterations[k]}": clouds[k].round(4) for k in columns}
drawn |= {"true": truth.round(4), "observed": clouds[-1].round(4)}
drawn |= {"iterations": iterations, "mse": error.mean(0), "D": distance.mean(0)}
style.csv("fig05", drawn)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig05_training_length", preset))
