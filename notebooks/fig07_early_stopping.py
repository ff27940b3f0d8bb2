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
# # Figure 7: when to stop training
#
# **Claim.** *Trained too long, the diffusion model overfits: the error of the inferred parameters falls,
# then rises. The variance of the energy tells when to stop, without knowing the truth.*
#
# The thesis trains on $N = 4{,}000$ samples of $M = 40$ spins and looks at two numbers as training goes on
# {cite}`lim2024thesis`. The first is the error of the parameters that the Erasure Machine infers from
# augmented samples,
#
# (eq-23)=
# $$
# \mathrm{MSE} = \frac{1}{M}\Big[\sum_i (h_i^\text{true} - h_i)^2 + \sum_{i<j} (J_{ij}^\text{true} - J_{ij})^2\Big],
# \tag{23}
# $$
#
# computed by {func}`ising_lib.metrics.thesis_mse`. It needs the truth. The second does not:
#
# $$
# \operatorname{Var} E = \langle E^2 \rangle - \langle E \rangle^2, \qquad
# E(\sigma) = -\sum_i h_i^\text{obs} \sigma_i - \sum_{i<j} J_{ij}^\text{obs} \sigma_i \sigma_j ,
# $$
#
# the variance of the energy of the augmented samples under the model $(h^\text{obs}, J^\text{obs})$ inferred
# from the observed ones. Training stops where it comes down to the variance of a fresh test set of the
# same size, or to that of the observed samples if that is higher
# ({func}`ising_lib.stopping.crossing`). See [the chapter on the Erasure Machine](../book/erasure_machine.md)
# for the inference itself.
#
# ## Parameters
#
# The cell below holds the thesis's sizes. What the thesis does not state was chosen: fields are drawn with
# $g_h = 0.2$ and couplings with $g = 1$, as in [Figure 8](fig08_inference_quality.ipynb), whose runs these
# are; the diffusion model has 1,000 noise levels (linear schedule, $\beta$ from $10^{-4}$ to $0.02$), is
# trained by Adam in batches of 256, its weights are averaged over the last tenth of the training, at most
# about 1,000 updates, and it is sampled in 30 of the 1,000 steps, to second order
# ({func}`ising_lib.ddpm.sample`). Each seed is another truth, other samples and another training. An
# iteration is one update of the weights. Training goes on beyond the stopping point, so that the whole
# curve is seen; what is reported "at the stopping point" was drawn there, or at the end if the rule never
# fires.

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
# One run draws a truth and samples of it, fits the observed samples, trains, and at each checkpoint
# generates `n_monitor` samples, fits them and takes their energy variance. At the stopping point it
# generates `n_augmented` samples and fits those. Stored runs are read; other parameters are computed here.

# %% tags=["runs"]
from ising_book import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style
from ising_book.runs import find_or_compute
from ising_lib import metrics

runs = find_or_compute(configs)

# %% [markdown]
# ## The numbers

# %%
iterations = runs[0]["iterations"]
monitored = np.array([run.error("monitored") for run in runs])  # (S, K)
variance = np.array([run["variance"] / run["test_line"] for run in runs])  # (S, K)
observed, augmented = (np.array([run.error(name) for run in runs]) for name in ("observed", "augmented"))
floor = np.array([run["observed_line"] / run["test_line"] for run in runs])  # (S,)
kept = [run["stop_index"] for run in runs]
stops = [[run["stop_iteration"]] if run["stop_crossed"] else [] for run in runs]  # one or none per seed
for run, curve, k in zip(runs, monitored, kept, strict=True):
    by_rule = f"the rule fires at {run['stop_iteration']:.0f}" if run["stop_crossed"] else "it never fires"
    print(f"seed {run.config['seed']}: MSE of the observed samples {run.error('observed'):.4f}")
    print(f"  lowest MSE {curve.min():.4f} at {iterations[curve.argmin()]} iterations, last {curve[-1]:.4f}")
    print(f"  {by_rule}; MSE at the checkpoint kept, {iterations[k]}: {curve[k]:.4f}")
    print(f"  Var E at the last look {run['variance'][-1]:.1f}, test line {run['test_line']:.1f}")

# %%
rise = monitored[:, -1] / monitored.min(1)
regret = monitored[np.arange(len(runs)), kept] / monitored.min(1)
print("lowest MSE / observed MSE:", style.spread(monitored.min(1) / observed))
print("MSE at the last look / lowest MSE:", style.spread(rise))
print("MSE at the checkpoint kept / lowest MSE:", style.spread(regret))
print(f"{n_augmented:,} samples from there, MSE / observed MSE:", style.spread(augmented / observed))
print("Var E at the last look / test line:", style.spread(variance[:, -1]))
held_out = np.array([run["test_loss"] for run in runs])  # (S, K)
still = (held_out.argmin(1) == len(iterations) - 1).sum()
print(f"held-out denoising loss lowest at the last look: {still} of {len(runs)} seeds")

# %% tags=["remove-cell"]
glue("fig07_ratio", style.spread(augmented / observed, 2), display=False)
glue("fig07_lowest", style.spread(monitored.min(1) / observed, 2), display=False)
glue("fig07_rise", style.spread(rise, 2), display=False)
glue("fig07_rises", f"{(rise > 1).sum()} of {len(runs)}", display=False)
glue("fig07_regret", style.spread(regret, 2), display=False)
glue("fig07_variance", style.spread(variance[:, -1], 2), display=False)
glue("fig07_crossed", f"{sum(map(len, stops))} of {len(runs)}", display=False)
glue("fig07_best", ", ".join(str(iterations[k]) for k in monitored.argmin(1)), display=False)
glue("fig07_still", f"{still} of {len(runs)}", display=False)
glue("fig07_monitor", f"{n_monitor:,}", display=False)
glue("fig07_augmented", f"{n_augmented:,}", display=False)
glue("fig07_kept", ", ".join(str(iterations[k]) for k in kept), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against training iterations. Top left: the error of the parameters inferred from augmented samples falls below that of the observed samples, then rises a little. Bottom left: the energy variance of augmented samples falls towards the test line and the observed line. Right: the same two quantities for all seeds, relative to the observed error and to the test line."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharex=True)
shown = runs[0]
style.curve(axes[0, 0], iterations, monitored[0], "augmented")
style.level(axes[0, 0], observed[0], "observed")
style.curve(axes[1, 0], iterations, shown["variance"], "augmented")
style.level(axes[1, 0], shown["test_line"], "test")
style.level(axes[1, 0], shown["observed_line"], "observed")
style.curve(axes[0, 1], iterations, monitored / observed[:, None], "augmented")
style.level(axes[0, 1], 1.0, "observed")
style.curve(axes[1, 1], iterations, variance, "augmented")
style.level(axes[1, 1], 1.0, "test")
style.level(axes[1, 1], floor, "observed")
style.training_axis(axes, [stops[0], np.concatenate(stops)])
axes[0, 0].set(title=f"seed {seeds[0]}", ylabel="MSE")
axes[1, 0].set_ylabel("Var E")
axes[0, 1].set(title=f"all seeds: {len(seeds)}, mean and range", ylabel="MSE / observed MSE")
_ = axes[1, 1].set_ylabel("Var E / Var E of test")

# %% [markdown]
# Top: the error (Eq. 23) of parameters inferred from samples generated at each checkpoint, against that of
# the observed samples. Bottom: the energy variance of the same samples, with the test and the observed
# line. Left: one seed, as in the thesis. Right: all seeds, each relative to its own observed error and its
# own test line; the line is the mean, the band runs from the smallest to the largest. Vertical lines mark
# where the rule stops, if it does.
#
# ## What to see, and whether the claims hold
#
# **The error falls, then rises.** At best, {glue:text}`fig07_monitor:s` samples from the diffusion model give
# {glue:text}`fig07_lowest:s` times the observed error (mean, smallest and largest), after
# {glue:text}`fig07_best:s` iterations. At the end the error is {glue:text}`fig07_rise:s` times its lowest
# value; it has risen in {glue:text}`fig07_rises:s` seeds. This claim holds. But the rise is mild: within
# this training the generated samples never become as bad as those observed. And more of them help: with
# {glue:text}`fig07_augmented:s` samples at the end instead of {glue:text}`fig07_monitor:s`, the ratio is
# {glue:text}`fig07_ratio:s`.
#
# Is the rise overfitting in the usual sense, a network that does worse on samples it has not seen? Not
# within this training: the held-out denoising loss is lowest at the last look in
# {glue:text}`fig07_still:s` seeds. [Figure 6](fig06_overfitting.ipynb) follows a smaller data set further.
#
# **The variance marks a stopping point.** It does come down, as the thesis says. At the last look it is
# {glue:text}`fig07_variance:s` times the test line. The rule fired in {glue:text}`fig07_crossed:s` seeds.
# Where it does not, the last checkpoint is kept, and what we report "at the stopping point" is there. The
# error at the checkpoint kept is {glue:text}`fig07_regret:s` times the lowest. With our choices the rule
# asks for longer training than the error does, if few samples are generated.
#
# Two of our choices matter here. A coarse sampler leaves the variance too high, and the rule fires later or
# never; we use enough steps that more of them did not change it in our trials. And the thesis does not say
# whether it averages the weights: an average that remembers the initial ones makes the variance start low
# and rise first.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig07_early_stopping", preset))
