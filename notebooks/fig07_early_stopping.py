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
# The cell below holds the thesis's sizes. What the thesis does not state was chosen: the diffusion model
# has 1,000 noise levels (linear schedule, $\beta$ from $10^{-4}$ to $0.02$), is trained by Adam in batches
# of 256, and its weights are averaged over about the last 1,000 updates. Each seed is another truth, other
# samples and another training.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 1.0
n_iterations = 16_000
n_checkpoints = 12
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 50
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk
#
# One run draws a truth and samples of it, fits the observed samples, trains, and at each checkpoint
# generates `n_monitor` samples, fits them and takes their energy variance. At the stopping point it
# generates `n_augmented` samples and fits those. Stored runs are read; other parameters are computed here.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_lib import experiments, metrics, plotting, provenance

training = experiments.Training(
    n_iterations=n_iterations,
    n_checkpoints=n_checkpoints,
    n_monitor=n_monitor,
    n_augmented=n_augmented,
    n_sampling_steps=n_sampling_steps,
)
config = experiments.Augmentation(
    n_spins=n_spins,
    n_observed=n_observed,
    coupling_scale=coupling_scale,
    field_scale=field_scale,
    training=training,
)
runs = experiments.run_all(experiments.with_seeds(config, seeds))

# %% [markdown]
# ## The numbers

# %%
iterations = runs[0]["iterations"]
observed = np.array([run.error("observed") for run in runs])  # (S,)
augmented = np.array([run.error("augmented") for run in runs])  # (S,)
monitored = np.array([run.error("monitored") for run in runs])  # (S, K)
variance = np.array([run["variance"] / run["test_line"] for run in runs])  # (S, K)
floor = np.array([run["observed_line"] / run["test_line"] for run in runs])  # (S,)
stops = np.array([run["stop_iteration"] for run in runs])
best = monitored.argmin(1)
for run, obs, aug, curve, k in zip(runs, observed, augmented, monitored, best, strict=True):
    print(f"seed {run.config['seed']}: MSE observed {obs:.4f}, augmented at the stopping point {aug:.4f}")
    print(f"  rule stops at {run['stop_iteration']:.0f} iterations (crossed: {bool(run['stop_crossed'])})")
    print(f"  lowest MSE of {n_monitor:,} samples: {curve[k]:.4f} at {iterations[k]}; last: {curve[-1]:.4f}")

# %%
print("MSE augmented / observed at the stopping point:", metrics.spread(augmented / observed))
print(
    "MSE at the stop / lowest MSE, monitored samples:",
    metrics.spread(
        [curve[run["stop_index"]] / curve.min() for run, curve in zip(runs, monitored, strict=True)]
    ),
)
print("MSE at the end / lowest MSE, monitored samples:", metrics.spread(monitored[:, -1] / monitored.min(1)))
glue("fig07_ratio", metrics.spread(augmented / observed, 2), display=False)

# %% [markdown]
# ## The figure

# %% mystnb={"image": {"alt": "Four panels against training iterations. Top left: the error of the parameters inferred from augmented samples falls below that of the observed samples, then rises. Bottom left: the energy variance of augmented samples rises, then falls through the test line towards the observed line. Right: the same two quantities for all seeds, relative to the observed error and to the test line."}}
plotting.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharex=True)
shown = runs[0]
plotting.curve(axes[0, 0], iterations, monitored[0], "augmented")
plotting.level(axes[0, 0], observed[0], "observed")
plotting.curve(axes[1, 0], iterations, shown["variance"], "augmented")
plotting.level(axes[1, 0], shown["test_line"], "test")
plotting.level(axes[1, 0], shown["observed_line"], "observed")
plotting.curve(axes[0, 1], iterations, monitored / observed[:, None], "augmented")
plotting.level(axes[0, 1], 1.0, "observed")
plotting.curve(axes[1, 1], iterations, variance, "augmented")
plotting.level(axes[1, 1], 1.0, "test")
plotting.level(axes[1, 1], floor, "observed")
plotting.training_axis(axes, [stops[:1], stops])
axes[0, 0].set(title=f"seed {seeds[0]}", ylabel="MSE")
axes[1, 0].set_ylabel("Var E")
axes[0, 1].set(title=f"all seeds: {len(seeds)}, mean and range", ylabel="MSE / observed MSE")
axes[1, 1].set_ylabel("Var E / Var E of test")

# %% [markdown]
# Top: the error (Eq. 23) of parameters inferred from samples generated at each checkpoint, against that of
# the observed samples. Bottom: the energy variance of the same samples, with the test and the observed
# line. Left: one seed, as in the thesis. Right: all seeds, each relative to its own observed error and its
# own test line; the line is the mean, the band runs from the smallest to the largest. Vertical lines mark
# where the rule stops.

# %%
Markdown(provenance.table(runs, "fig07_early_stopping"))
