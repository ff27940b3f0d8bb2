# %% [markdown]
# # Figure 4: analog bits
#
# **The thesis claims:** *A diffusion model for real numbers generates spins, with no change to the model: its outputs
# lie near −1 and +1, and a threshold at zero makes spins of them.* {cite}`lim2024thesis`
# *No verdict: the thesis measures nothing here, so this is not among the [claims](../book/claims.md).*

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
n_live_spins = 10  # of the small training on this page
n_live_observed = 1_000
n_live_iterations = 1_000
n_live_augmented = 2_000

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import monitors, provenance
from ising_experiments.runs import find_or_compute, source
from ising_lib import ddpm, denoisers, erasure, ising, metrics, sampling

runs = find_or_compute(configs)
edges, iterations = monitors.ANALOG_EDGES, runs[0]["iterations"]
analog = np.array([run["analog"] for run in runs])  # (S, K, 60)
centres = (edges[1:] + edges[:-1]) / 2
doubtful = 100 * analog[:, :, np.abs(centres) < 0.5].sum(2)  # (S, K)
distance = analog @ np.abs(np.abs(centres) - 1)  # (S, K)
error = np.array([r.error("monitored") / r.error("observed") for r in runs])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top: the 40 outputs of one generated sample as bars, most of them near plus or minus one and one near zero, with the spins that the threshold makes of them as black and white squares below. Bottom left: histograms of all outputs early, midway and late in training on a logarithmic axis; one broad hump becomes two sharp peaks at plus and minus one. Bottom right: the share of outputs within one half of zero falls during training from about forty per cent to about one."}}
style.use_style()
rows = [["strip", "strip"], ["spins", "spins"], ["shares", "doubtful"]]
heights = [1.5, 0.28, 3]
fig, axes = plt.subplot_mosaic(rows, figsize=(8, 5.4), height_ratios=heights)
grey = {"color": style.COLOURS["baseline"], "alpha": 0.2, "linewidth": 0}
colour = style.COLOURS["augmented"]

ends = runs[0]["trajectory"][-1].astype(float)  # (16, M)
outputs = ends[np.abs(ends).min(1).argmin()]  # the hardest case among them
place = np.arange(1, n_spins + 1)
ax = axes["strip"]
ax.axhspan(-0.5, 0.5, **grey)
ax.vlines(place, 0, outputs, color=colour, linewidth=2)
ax.plot(place, outputs, "o", color=colour)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xlim=(0.5, n_spins + 0.5), ylim=(-1.5, 1.5), xticks=[], ylabel="output")
ax.set(yticks=[-1, 0, 1], title="one sample before and after the threshold")
ax = axes["spins"]
extent = (0.5, n_spins + 0.5, 0, 1)
look = {"cmap": "gray", "vmin": -1, "vmax": 1, "aspect": "auto"}
ax.imshow(ddpm.to_spins(outputs[None]), extent=extent, **look)
ax.vlines(place[:-1] + 0.5, 0, 1, color="gray", linewidth=0.6)
ax.set(yticks=[], ylabel="spin", xticks=[1, *range(5, n_spins + 1, 5)])
ax.spines[:].set_visible(True)

ax = axes["shares"]
chosen = [0, len(iterations) // 2, len(iterations) - 1]
for n, k in enumerate(chosen):
    look = {"color": colour, "alpha": 0.6 + 0.2 * n, "linewidth": 1.6}
    look["linestyle"] = (":", "--", "-")[n]
    mean, label = analog[:, k].mean(0), f"{iterations[k]:,} iterations"
    ax.stairs(mean, edges, baseline=None, label=label, **look)
ax.axvspan(-0.5, 0.5, **grey)
ax.set(yscale="log", ylim=(1e-4, 3), xlabel="output")
ax.set(ylabel="share per bin of 0.05", title="all outputs")
ax.legend(loc="upper center", fontsize=8)

ax = axes["doubtful"]
style.curve(ax, iterations, doubtful, "augmented")
ax.set(xscale="log", yscale="log", xlabel="training iterations")
ax.set(ylabel="%", title="doubtful outputs, within ±0.5")
ax.minorticks_off()
_ = ax.set_yticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])

# %% [markdown]
# Top: the outputs of one generated sample, and the spins made of them, black −1 and white +1. Of the 16 kept samples
# of the first seed it is the one with the output nearest to zero, the hardest case. Bottom left: all outputs of
# 10,000 samples at three moments of the training; the outermost bins hold everything beyond ±1.5. Bottom right: the
# share of *doubtful* outputs, nearer to zero than to ±1 (grey in the other panels). Means over three seeds; the band
# from the smallest to the largest is narrow.
#
# ## What to see
#
# **The thesis** shows this as a diagram and gives no numbers; the method is that of {cite}`chen2023analog`.
#
# **The outputs become bits.** After {glue:text}`fig04_first_iteration:s` iterations they are real numbers without any
# gap at zero: {glue:text}`fig04_first:s`% are doubtful. After {glue:text}`fig04_last_iteration:s` they form two peaks,
# on average {glue:text}`fig04_distance:s` away from ±1, and {glue:text}`fig04_last:s`% are doubtful (mean over seeds,
# smallest and largest). The share falls at every checkpoint in {glue:text}`fig04_falls:s` seeds. So it is the training
# that makes bits of the numbers, not the threshold alone.
#
# **Some are still undecided.** A sample has 40 outputs, and one doubtful output is enough to make it doubtful: so
# are {glue:text}`fig04_unsure:s` kept samples. This is the network's doing. At the last step the remaining noise has a
# standard deviation of {glue:text}`fig04_level:s`, so that an ideal network would see the sign of nearly every spin.
# The floor between the peaks is flat: where the network has not decided, it prefers no value.
#
# **Sharp bits are not good samples.** The inferred parameters are best after {glue:text}`fig04_best_iterations:s`
# iterations, in the order of the seeds. There {glue:text}`fig04_best:s`% of the outputs are still doubtful. Later the
# bits go on sharpening while the error rises again ([Figure 7](fig07_early_stopping.ipynb)). So the sharpness of the
# bits does not tell when to stop.
#
# ## How it is computed
#
# In training the spins are treated as real numbers that happen to be $\pm 1$. What the sampler ends with are real
# numbers $\sigma_0$, the *analog bits*, and
#
# $$
# \sigma_i = \begin{cases} +1 & \sigma_{0,i} \ge 0 \\ -1 & \sigma_{0,i} < 0 \end{cases}
# $$
#
# ({func}`ising_lib.ddpm.to_spins`). Here it happens live, for $M = 10$ spins and in about ten seconds: the thesis's
# network with narrower layers (32 and 64 wide; the thesis's are 128 to 512), a quarter of the training and all of it.

# %%
torch.set_num_threads(1)  # the same sums, however many cores
rng = np.random.default_rng(0)
truth = ising.gaussian(n_live_spins, coupling_scale, field_scale, rng=rng)
observed = sampling.sample(truth, n_live_observed, rng=rng)

schedule = ddpm.NoiseSchedule.linear(1000)
widths = {"n_dim": 32, "n_hidden1": 64, "n_hidden2": 64}
denoiser = denoisers.ResidualMLP(n_live_spins, 1000, rng=rng, **widths)
options = {"rng": rng, "precision": "float32"}
training = {"learning_rate": 3e-3, "average": 0.99, **options}
training["n_iterations"] = n_live_iterations

bits = {}  # updates: analog bits (N, M)
for step in ddpm.train(denoiser, schedule, observed, **training):
    if step.iteration in (n_live_iterations // 4, n_live_iterations):
        x = ddpm.sample(denoiser, schedule, n_live_augmented, **options)
        bits[step.iteration] = x

# %% tags=["nbval-ignore-output"]
print("three samples:", *bits[n_live_iterations][:3].round(1), sep="\n")
print("after the threshold:", *ddpm.to_spins(x[:3]), sep="\n")

# %% tags=["nbval-ignore-output"]
observed_mse = metrics.thesis_mse(erasure.fit(observed).model, truth)
for n_updates, x in bits.items():
    share = (np.abs(x) < 0.5).mean()
    spins = ddpm.to_spins(x)
    mse = metrics.thesis_mse(erasure.fit(spins).model, truth)
    doubt = f"{n_updates:,} updates: {style.percent(share)} doubtful"
    print(f"{doubt}, MSE {mse:.2f} (observed: {observed_mse:.2f})")

# %%
early, late = ((np.abs(x) < 0.5).mean() for x in bits.values())
print("longer training halves the doubt or better:", bool(late < early / 2))

# %% [markdown]
# So narrow a network, so briefly trained, makes bits but no gain. The numbers of these cells differ a little between
# processors; what the last one prints does not. The figure above is not from this training but from the stored runs of [Figures 7](fig07_early_stopping.ipynb) and
# [8](fig08_inference_quality.ipynb), with the thesis's sizes and its full network. Their histograms of outputs are
# taken at each checkpoint:

# %% tags=["remove-input", "hide-output"]
source(monitors.measure)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | A diagram, without sizes. | The runs of [Figure 8](fig08_inference_quality.ipynb), three seeds. |
# | Spins are real numbers in training; a threshold makes spins of the outputs. Not stated: where it lies. | At zero; an output of exactly zero counts as +1. |
# | No measure of how sharp the outputs are. | The share of *doubtful* ones, within ±0.5, and the distance from ±1. |
#
# ## The numbers

# %% tags=["hide-cell"]
columns = [[f"{iteration:,}" for iteration in iterations]]
for values, digits in ((doubtful, 1), (distance, 2), (error, 2)):
    columns.append([style.spread(value, digits) for value in values.T])
headers = ["iterations", "doubtful, %", "distance from ±1", "MSE / observed"]
style.table(zip(*columns, strict=True), headers)

# %% tags=["hide-cell"]
lowest = error.argmin(1)
best = doubtful[range(len(runs)), lowest]
last = np.concatenate([run["trajectory"][-1] for run in runs]).astype(float)
unsure = (np.abs(last) < 0.5).any(1)
stored = ddpm.NoiseSchedule.linear(configs[0].training.n_noise_levels)
t_last = runs[0]["trajectory_steps"][-2]
level = np.sqrt(1 - stored.alphas_bar[t_last - 1])
print("doubtful where the error is lowest, %:", style.spread(best, 1))
print(f"paths that end with a doubtful output: {unsure.sum()} of {len(unsure)}")
print(f"noise level of the last step, t = {t_last}: {level:.3f}")

# %% tags=["remove-cell"]
falls = (np.diff(doubtful, axis=1) < 0).all(1).sum()
for name, text in {
    "first_iteration": columns[0][0],
    "last_iteration": columns[0][-1],
    "first": style.spread(doubtful[:, 0], 0),
    "last": style.spread(doubtful[:, -1], 1),
    "distance": style.spread(distance[:, -1], 2),
    "best": style.spread(best, 0),
    "best_iterations": ", ".join(columns[0][k] for k in lowest),
    "unsure": f"{unsure.sum()} of {len(unsure)}",
    "level": f"{level:.2f}",
    "falls": f"{falls} of {len(runs)}",
}.items():
    glue(f"fig04_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig04 -p n_live_iterations=4000
# ising-book run fig04 -p n_live_spins=20
# ```
#
# Both change the live cells alone. Four times the updates take about a minute: expect even fewer doubtful bits. For
# twice the spins expect more of them after the same training.

# %% tags=["remove-input", "nbval-ignore-output"]
drawn = {f"share_after_{iterations[k]}": analog[:, k].mean(0) for k in chosen}
drawn |= {"output": centres, "iterations": iterations}
style.csv("fig04", {**drawn, "doubtful_percent": doubtful.mean(0)})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig04_analog_bits", preset))
