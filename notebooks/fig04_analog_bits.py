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
# # Figure 4: analog bits
#
# **Claim.** *A diffusion model for real numbers generates spins, with no change to the model: its outputs
# lie near −1 and +1, and a threshold at zero makes spins of them.*
#
# The thesis shows this as a diagram {cite}`lim2024thesis`; the method is from {cite}`chen2023analog`. In
# training the spins are treated as real numbers that happen to be $\pm 1$. What the sampler ends with are
# real numbers $\sigma_0$, the *analog bits*, and
#
# $$
# \sigma_i = \begin{cases} +1 & \sigma_{0,i} \ge 0 \\ -1 & \sigma_{0,i} < 0 \end{cases}
# $$
#
# ({func}`ising_lib.ddpm.to_spins`). We make it real and ask what the diagram leaves open. How near to
# $\pm 1$ do the outputs lie? How often does the threshold have to decide a doubtful case? And does that get
# better as training goes on?
#
# ## Parameters
#
# The diagram has no sizes. We take the runs of [Figures 7](fig07_early_stopping.ipynb) and
# [8](fig08_inference_quality.ipynb).

# %% tags=["parameters"]
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

# %% [markdown]
# ## The walk
#
# At each checkpoint the run generates `n_monitor` samples and keeps a histogram of their outputs before the
# threshold: `analog` of {func}`ising_lib.experiments.watch`, 60 bins from −1.5 to 1.5. Values beyond the ends are counted in the outermost bins.

# %% tags=["runs"]
from ising_book import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import monitors, provenance, style
from ising_book.runs import find_or_compute
from ising_lib import ddpm, metrics

runs = find_or_compute(configs)

# %% [markdown]
# ## The numbers
#
# The share of *doubtful* outputs, those nearer to zero than to ±1; the mean distance of an output from the
# nearer of ±1, to within half a bin; and the error (Eq. 23) of the parameters inferred from the same samples.
# Then the last states of the 16 kept paths, by sample. The last step of the sampler starts at a noise
# level $\sqrt{1 - \bar\alpha_t}$, the standard deviation of what is left of the noise there.

# %%
edges, iterations = monitors.ANALOG_EDGES, runs[0]["iterations"]
analog = np.array([run["analog"] for run in runs])  # (S, K, 60)
centres = (edges[1:] + edges[:-1]) / 2
doubtful = 100 * analog[:, :, np.abs(centres) < 0.5].sum(2)  # (S, K)
distance = analog @ np.abs(np.abs(centres) - 1)  # (S, K)
error = np.array([run.error("monitored") / run.error("observed") for run in runs])  # (S, K)
print("iterations  doubtful, per cent        distance from ±1        MSE / observed MSE")
for row in zip(iterations, doubtful.T, distance.T, error.T, strict=True):
    print(
        f"{row[0]:10}  {style.spread(row[1], 1):24}  {style.spread(row[2], 2):22}",
        style.spread(row[3], 2),
    )

# %%
best = np.array([curve[k] for curve, k in zip(doubtful, error.argmin(1), strict=True)])
last = np.concatenate([run["trajectory"][-1] for run in runs]).astype(float)  # (16 S, M)
unsure = (np.abs(last) < 0.5).any(1)
kept = ddpm.NoiseSchedule.linear(configs[0].training.n_noise_levels)
t_last = runs[0]["trajectory_steps"][-2]
level = np.sqrt(1 - kept.alphas_bar[t_last - 1])
print("doubtful where the error is lowest, per cent:", style.spread(best, 1))
print(f"paths that end with a doubtful output: {unsure.sum()} of {len(unsure)}")
print(f"noise level of the last step, t = {t_last}: {level:.3f}")

# %% tags=["remove-cell"]
glue("fig04_first_iteration", f"{iterations[0]:,}", display=False)
glue("fig04_last_iteration", f"{iterations[-1]:,}", display=False)
glue("fig04_first", style.spread(doubtful[:, 0], 0), display=False)
glue("fig04_last", style.spread(doubtful[:, -1], 1), display=False)
glue("fig04_distance", style.spread(distance[:, -1], 2), display=False)
glue("fig04_best", style.spread(best, 0), display=False)
glue("fig04_best_iterations", ", ".join(f"{iterations[k]:,}" for k in error.argmin(1)), display=False)
glue("fig04_unsure", f"{unsure.sum()} of {len(unsure)}", display=False)
glue("fig04_level", f"{level:.2f}", display=False)
glue("fig04_falls", f"{(np.diff(doubtful, axis=1) < 0).all(1).sum()} of {len(runs)}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top: the 40 outputs of one generated sample as bars, most of them near plus or minus one and one near zero, with the spins that the threshold makes of them as black and white squares below. Bottom left: histograms of all outputs early, midway and late in training on a logarithmic axis; one broad hump becomes two sharp peaks at plus and minus one. Bottom right: the share of outputs within one half of zero falls during training from about forty per cent to about one."}}
style.use_style()
rows = [["strip", "strip"], ["spins", "spins"], ["shares", "doubtful"]]
fig, axes = plt.subplot_mosaic(rows, figsize=(8.4, 5.4), height_ratios=[1.5, 0.28, 3])
ends = runs[0]["trajectory"][-1].astype(float)  # (16, M)
style.analog_bits((axes["strip"], axes["spins"]), ends[np.abs(ends).min(1).argmin()])
axes["strip"].set(
    ylabel="output",
    xlim=axes["spins"].get_xlim(),
    xticks=[],
    title="one sample before and after the threshold",
)
axes["spins"].set(ylabel="spin", xticks=[1, *range(5, n_spins + 1, 5)])
chosen = [0, len(iterations) // 2, len(iterations) - 1]
labels = [f"{iterations[k]:,} iterations" for k in chosen]
style.histograms(axes["shares"], edges, analog[:, chosen], labels)
axes["shares"].set(yscale="log", ylim=(1e-4, 1), xlabel="output", ylabel="share per bin of 0.05")
axes["shares"].axvspan(-0.5, 0.5, color=style.COLOURS["baseline"], alpha=0.15, linewidth=0)
axes["shares"].legend(loc="upper center", ncols=1)
style.curve(axes["doubtful"], iterations, doubtful, "augmented", "outputs within ±0.5")
style.training_axis(np.array([[axes["doubtful"]]]), [[]])
axes["doubtful"].set(yscale="log", ylabel="per cent")
axes["doubtful"].minorticks_off()
_ = axes["doubtful"].set_yticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])

# %% [markdown]
# Top: the outputs of one generated sample and the spins made of them, black −1 and white +1. Of the 16 kept
# samples of the first seed it is the one with the output nearest to zero, the hardest case. Bottom left: all
# outputs of 10,000 samples at three moments of the training, on a logarithmic axis. Bottom right: the share
# of doubtful ones. Lines are means over three seeds, bands run from the smallest to the largest; they are
# narrow. Grey marks the doubtful outputs. The outermost bins hold everything beyond ±1.5.
#
# ## What to see, and whether the claim holds
#
# **The outputs become bits.** After {glue:text}`fig04_first_iteration:s` iterations they are real numbers
# without any gap at zero: {glue:text}`fig04_first:s` per cent are doubtful. After
# {glue:text}`fig04_last_iteration:s` they stand in two peaks, on average {glue:text}`fig04_distance:s` away
# from ±1, and {glue:text}`fig04_last:s` per cent are doubtful (mean over seeds, smallest and largest). The
# share falls at every look in {glue:text}`fig04_falls:s` seeds. The claim holds, but only for a network
# that is trained long enough. The threshold alone does not make the numbers bits.
#
# **Some are still undecided.** A sample has 40 outputs, and one doubtful one is enough to make the sample
# doubtful: that is so for {glue:text}`fig04_unsure:s` kept samples. This is the network's doing. At the last
# step the remaining noise has a standard deviation of {glue:text}`fig04_level:s`, so that an ideal network
# would see the sign of nearly every spin. The floor between the peaks is flat: where the network has not
# decided, it has no preference for a value.
#
# **Sharp bits are not good samples.** The inferred parameters are best after
# {glue:text}`fig04_best_iterations:s` iterations, in the order of the seeds. There
# {glue:text}`fig04_best:s` per cent of the outputs are still doubtful. Later the bits go on sharpening while
# the error rises again ([Figure 7](fig07_early_stopping.ipynb)). The sharpness of the bits therefore does
# not tell when to stop.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig04_analog_bits", preset))
