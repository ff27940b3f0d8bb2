# %% [markdown]
# # Figure 7: when to stop training
#
# **The thesis claims:** *Trained too long, the diffusion model overfits: the error of the inferred parameters falls,
# then rises. The variance of the energy tells when to stop, without knowing the truth.* {cite}`lim2024thesis` {verdict}`6,7`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 0.2
n_iterations = 16_000
n_checkpoints = 13
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
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
from ising_experiments import provenance, walk
from ising_experiments.runs import find_or_compute, source

runs = find_or_compute(configs)
iterations = runs[0]["iterations"]  # (K,)
monitored = np.array([run.error("monitored") for run in runs])  # (S, K)
variance = np.array([run["variance"] / run["test_line"] for run in runs])
observed = np.array([run.error("observed") for run in runs])
augmented = np.array([run.error("augmented") for run in runs])
floor = np.array([run["observed_line"] / run["test_line"] for run in runs])
kept = np.array([run["stop_index"] for run in runs])
stops = [run["stop_iteration"] for run in runs if run["stop_crossed"]]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against training iterations. Top left, one seed: the error of the parameters inferred from 10,000 augmented samples falls below that of the observed samples, then rises a little; a star far below it marks 100,000 samples at the end. Bottom left: the energy variance of augmented samples falls towards the test line and stays just above it. Right: the same for all seeds, relative to the observed error and to the test line."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharex=True)
few, many = (f"augmented, {n:,} samples" for n in (n_monitor, n_augmented))
star = {"color": style.COLOURS["augmented"], "markersize": 11, "mew": 0}
for ax, curve, level, ends in (
    (axes[0, 0], monitored[0], observed[0], augmented[:1]),
    (axes[0, 1], monitored / observed[:, None], 1.0, augmented / observed),
):
    style.curve(ax, iterations, curve, "augmented", few)
    ax.plot(iterations[kept[: ends.size]], ends, "*", label=many, **star)
    style.level(ax, level, "observed")
    ax.set_ylim(0, None)
first = (runs[0][name] for name in ("variance", "test_line", "observed_line"))
panels = zip(axes[1], (first, (variance, 1.0, floor)), strict=True)
for ax, (curve, test, low) in panels:
    style.curve(ax, iterations, curve, "augmented")
    style.level(ax, test, "test", "test samples")
    style.level(ax, low, "observed")
fires = f"the rule stops in {len(stops)} of {len(runs)} seeds"
axes[0, 0].set(title=f"error, seed {seeds[0]}", ylabel="MSE")
axes[0, 1].set(title=f"error, {len(seeds)} seeds", ylabel="MSE / observed MSE")
axes[1, 0].set(title=f"energy variance, seed {seeds[0]}", ylabel="Var $E$")
axes[1, 1].set(title=f"energy variance: {fires}", ylabel="Var $E$ / test line")
axes[0, 0].set_xscale("log")
for ax in axes[1]:
    ax.set_xlabel("training iterations")
    ax.set_xticks(iterations[::4], [f"{n:,}" for n in iterations[::4]])
    ax.minorticks_off()
for stop in stops:
    axes[1, 1].axvline(stop, color="black", linewidth=0.9, alpha=0.6)
top, below = (ax.get_legend_handles_labels() for ax in axes[:, 0])
entries = ([*one, two[1]] for one, two in zip(top, below, strict=True))
_ = fig.legend(*entries, loc="outside upper center", ncols=4)

# %% [markdown]
# Top: the error (Eq. 23) of the parameters inferred from samples generated at each checkpoint. Bottom: the energy
# variance of the same samples. Left: one seed, as in the thesis. Right: all seeds, each relative to its own observed
# error and test line; lines are means, bands run from the smallest to the largest.
#
# ## What to see
#
# **The thesis** reports that the error falls, then rises, and that the variance falls and meets the test line at a
# good point to stop. It prints no values.
#
# **The error falls, then rises a little, as far as {glue:text}`fig07_monitor:s` samples a checkpoint can show.** At
# best they give {glue:text}`fig07_lowest:s` times the observed error (mean, smallest and largest), after
# {glue:text}`fig07_best:s` iterations, seed by seed. At the end the error is {glue:text}`fig07_rise:s` times its
# lowest value. Two draws from one network differ by up to {glue:text}`fig07_redrawn:s`.
#
# **The number of samples matters more than the checkpoint.** Only at the checkpoint that is kept were
# {glue:text}`fig07_augmented:s` samples drawn. They give {glue:text}`fig07_ratio:s` times the observed error, well below
# the whole curve; [Figure 8](fig08_inference_quality.ipynb) is about these. [Ten more truths](firmness.ipynb), trained
# to 8,000 updates, were drawn from twice: chosen by one draw and measured by the other, the last error is
# {glue:text}`firmness.ipynb::firmness_turn:s` times the lowest. The held-out denoising loss is lowest at the last checkpoint in {glue:text}`fig07_still:s`
# seeds: the network itself is not overfitted yet. In [Figure 6](fig06_overfitting.ipynb) it is.
#
# **The variance falls, and the rule stops in {glue:text}`fig07_crossed:s` seeds.** At the last checkpoint it is
# {glue:text}`fig07_variance:s` times the test line. That is not far, against the noise of a variance, about
# $\sqrt{2/N}$: {glue:text}`fig07_line_noise:s` for the line, {glue:text}`fig07_look_noise:s` for a checkpoint. Where
# the rule does not fire, the last checkpoint is kept, and what we report "at the stopping point" was drawn there. Of the
# ten more truths it fires in a share of {glue:text}`firmness.ipynb::firmness_fires:s`; who trains to the end
# keeps {glue:text}`firmness.ipynb::firmness_kept:s` of the gain.
#
# ## How it is computed
#
# The error of the inferred parameters ({func}`ising_lib.metrics.thesis_mse`) needs the truth:
#
# (eq-23)=
# $$
# \mathrm{MSE} = \frac{1}{M}\Big[\sum_i (h_i^\text{true} - h_i)^2 + \sum_{i<j} (J_{ij}^\text{true} - J_{ij})^2\Big].
# \tag{23}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# The variance of the energy of the augmented samples under the model inferred from the observed ones
# ({func}`ising_lib.stopping.energy_variance`) does not:
#
# $$
# \operatorname{Var} E = \langle E^2 \rangle - \langle E \rangle^2, \qquad
# E(\sigma) = -\sum_i h_i^\text{obs} \sigma_i - \sum_{i<j} J_{ij}^\text{obs} \sigma_i \sigma_j .
# $$
#
# Training stops where it comes down to the variance of as many fresh test samples, or to that of the observed samples
# if that is higher ({func}`ising_lib.stopping.crossing`). Each run executes this:

# %% tags=["remove-input"]
source(walk.pipeline, walk.checkpoints)

# %% [markdown]
# [Figure 8](fig08_inference_quality.ipynb) shows the rest, `augment`.
#
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | $M = 40$, $N = 4{,}000$. | The same; three seeds, each with its own truth and samples. |
# | For parameters of variance $g^2/M$ no value of $g$. | $g = 1$ for couplings and $g_h = 0.2$ for fields, as for Figure 8, whose runs these are. |
# | Samples of $p(\sigma)$. Not stated: how they are drawn. | Drawn in equilibrium ({func}`ising_lib.sampling.sample`). |
# | A test set as large as the observed one. | The same. |
# | The network of Appendix B, trained as a DDPM. No schedule, optimiser, batch or rate. | 1,000 noise levels on a linear schedule; Adam, batches of 256, a rate of $5 \times 10^{-4}$; weights averaged over the last tenth of the training, at most about 1,000 updates. |
# | Samples by the steps of a DDPM. | 30 of the 1,000 steps, to second order; what fewer cost is [measured](../book/benchmarks.md). |
# | $\alpha = 0.1$ for the Erasure Machine; neither $\epsilon$ nor the number of its updates. | $\epsilon$ by [Eq. (E.12)](#eq-e-12); the exact minimum. |
# | Not stated: how many samples are behind a point of the curve. | 10,000 at each checkpoint, 100,000 at the one that is kept. |
# | Stop where the variances meet. | Train on, so that the whole curve is seen. An iteration is one update of the weights. |
#
# What changes under other choices is on the page [How firm is each verdict](firmness.ipynb).
#
# ## The numbers

# %% tags=["hide-cell"]
rows = []
for run, curve, last in zip(runs, monitored, variance[:, -1], strict=True):
    best, obs = curve.argmin(), run.error("observed")
    errors = obs, curve[best], curve[-1], run.error("augmented")
    stop = f"{run['stop_iteration']:,.0f}" if run["stop_crossed"] else "never"
    texts = [style.number(error, 4) for error in errors]
    texts[1] += f" at {iterations[best]:,}"
    rows.append((run.config["seed"], *texts, style.number(last, 3), stop))
headers = ["seed", "MSE observed", f"lowest, {n_monitor:,} samples", "last"]
headers += [f"kept, {n_augmented:,}", "last Var E / test line", "rule stops at"]
style.table(rows, headers)

# %% tags=["remove-cell"]
rise = monitored[:, -1] / monitored.min(1)
held_out = np.array([run["test_loss"] for run in runs])  # (S, K)
still = (held_out.argmin(1) == len(iterations) - 1).sum()
again = [
    abs(curve[k] / run.error("by_size")[run["sizes"] == n_monitor][0] - 1)
    for run, curve, k in zip(runs, monitored, kept, strict=True)
    if n_monitor in run["sizes"]
]
for name, text in {
    "ratio": style.spread(augmented / observed, 2),
    "lowest": style.spread(monitored.min(1) / observed, 2),
    "rise": style.spread(rise, 2),
    "redrawn": style.percent(max(again, default=np.nan)),
    "variance": style.spread(variance[:, -1], 2),
    "crossed": f"{len(stops)} of {len(runs)}",
    "best": ", ".join(f"{iterations[k]:,}" for k in monitored.argmin(1)),
    "still": f"{still} of {len(runs)}",
    "monitor": f"{n_monitor:,}",
    "augmented": f"{n_augmented:,}",
    "line_noise": style.percent(np.sqrt(2 / n_observed), 1),
    "look_noise": style.percent(np.sqrt(2 / n_monitor), 1),
}.items():
    glue(f"fig07_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig07 -p n_spins=12 -p n_observed=500 -p n_iterations=4000 \
#   -p n_monitor=4000 -p n_augmented=20000 -p 'seeds=[0]' --html
# ising-book run fig07 -p n_spins=12 -p n_observed=500 -p n_iterations=4000 \
#   -p n_monitor=4000 -p n_augmented=20000 -p 'seeds=[0]' -p coupling_scale=0.4 --html
# ```
#
# Fewer spins and samples: expect the rule to stop the training, and the error to rise a good deal afterwards. Weak
# couplings: expect an energy variance near its line from the start, as in [Figure 9](fig09_coupling_strength.ipynb).
# Each takes about 3 minutes of one core.

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {"iterations": iterations}
for run, curve, ratio in zip(runs, monitored, variance, strict=True):
    seed = run.config["seed"]
    columns[f"MSE, seed {seed}"] = curve
    columns[f"Var E / test line, seed {seed}"] = ratio
style.csv("fig07", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig07_early_stopping", preset))
