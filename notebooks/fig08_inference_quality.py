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
# # Figure 8: quality of the inference
#
# **Claim.** *Parameters inferred from augmented samples alone lie closer to the truth than those inferred
# from the observed samples they were made from.*
#
# The thesis shows it as pictures of matrices {cite}`lim2024thesis`: the true fields $h$ and couplings $J$, and
# what is left of them when the inferred ones are subtracted. It takes $M = 40$ spins, $N = 4{,}000$
# observed samples and 100,000 augmented ones, with
#
# $$
# h_i^\text{true} \sim \mathcal N(0, g_h^2/M),\quad g_h = 0.2, \qquad
# J_{ij}^\text{true} \sim \mathcal N(0, g^2/M),\quad g = 1 .
# $$
#
# ## Parameters
#
# As in [Figure 7](fig07_early_stopping.ipynb), whose runs these are. The augmented samples are those of the
# stopping point of the rule, or of the last checkpoint if it never fires. Each seed is another truth.

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

# %% tags=["runs"]
from ising_book import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import metrics

runs = find_or_compute(configs)

# %% [markdown]
# {func}`ising_lib.worlds.from_parameters` takes the parameters above by their names. Behind `run_all` stands {func}`ising_lib.experiments.watch`. Spelled out, without its checkpoints, it is
# the thesis's pipeline:
#
# ```python
# truth = ising.gaussian(40, coupling_scale=1.0, field_scale=0.2, rng=rng)
# observed = sampling.sample(truth, 4000, rng=rng)
# schedule = ddpm.NoiseSchedule.linear(1000)
# denoiser = denoisers.ResidualMLP(40, 1000, rng=rng)
# for step in ddpm.train(denoiser, schedule, observed, n_iterations=n, rng=rng):
#     pass  # look at step.denoiser here, and stop in time
# augmented = ddpm.to_spins(ddpm.sample(step.denoiser, schedule, 100_000, rng=rng))
# model = erasure.fit(augmented).model
# ```
#
# ## The numbers

# %%
observed = np.array([run.error("observed") for run in runs])
augmented = np.array([run.error("augmented") for run in runs])
for run, obs, aug in zip(runs, observed, augmented, strict=True):
    print(f"seed {run.config['seed']}: MSE observed {obs:.4f}, augmented {aug:.4f}, ratio {aug / obs:.3f}")
    print(
        f"  kept checkpoint {run['iterations'][run['stop_index']]}, by the rule: {bool(run['stop_crossed'])}"
    )
    print(f"  epsilon: observed {run['observed_epsilon']:.2f}, augmented {run['augmented_epsilon']:.2f}")
print("MSE augmented / observed:", style.spread(augmented / observed))

# %%
shares = {
    kind: np.array([run.share("augmented", kind) / run.share("observed", kind) for run in runs])
    for kind in ("fields", "couplings")
}
print("squared error of the fields, augmented / observed:", style.spread(shares["fields"]))
print("squared error of the couplings, augmented / observed:", style.spread(shares["couplings"]))

# %% tags=["remove-cell"]
glue("fig08_ratio", style.spread(augmented / observed, 2), display=False)
glue("fig08_observed", style.spread(observed, 3), display=False)
glue("fig08_augmented", style.spread(augmented, 3), display=False)
glue("fig08_better", f"{(augmented < observed).sum()} of {len(runs)}", display=False)
glue("fig08_fields", style.spread(shares["fields"], 2), display=False)
glue("fig08_couplings", style.spread(shares["couplings"], 2), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three rows of colour matrices, each with a narrow column of 40 fields and a 40 by 40 matrix of couplings. Top: the true parameters. Middle: true minus inferred from observed samples. Bottom: true minus inferred from augmented samples, paler than the middle row."}}
style.use_style()
fig, axes = plt.subplots(3, 2, figsize=(5.2, 11.2), width_ratios=[1, 9], sharey=True)
truth, shown = runs[0].model("truth"), [runs[0].model(name) for name in ("observed", "augmented")]
error_limit = np.abs(truth.couplings - shown[0].couplings).max()
style.parameters(axes[0], truth.fields, truth.couplings, np.abs(truth.couplings).max(), "true")
for row, model, name in zip(axes[1:], shown, ("observed", "augmented"), strict=True):
    difference = truth.fields - model.fields, truth.couplings - model.couplings
    style.parameters(row, *difference, error_limit, f"true − {name}")

# %% [markdown]
# Fields $h_i$ (narrow column) and couplings $J_{ij}$ of one seed. Top: the truth. Middle and bottom: truth
# minus inferred, both on one colour scale. Paler is better.
#
# ## Whether the claim holds
#
# It does, in {glue:text}`fig08_better:s` seeds. The error of the parameters inferred from the augmented
# samples is {glue:text}`fig08_ratio:s` times that of the observed ones: {glue:text}`fig08_augmented:s`
# against {glue:text}`fig08_observed:s` (Eq. 23; mean over seeds, smallest and largest). The gain is in the
# couplings, with a ratio of {glue:text}`fig08_couplings:s`; for the few and weak fields it is
# {glue:text}`fig08_fields:s`.
#
# This compares the Erasure Machine with itself. The diffusion model adds no information about the truth to
# that in the observed samples; it presents it in a form that this method uses better. Whether another
# method does as well on the observed samples alone is a question that this figure cannot answer.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig08_inference_quality", preset))
