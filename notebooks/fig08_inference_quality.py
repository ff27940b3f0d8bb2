# %% [markdown]
# # Figure 8: quality of the inference
#
# **The thesis claims:** *Parameters inferred from augmented samples alone lie closer to the truth than those inferred
# from the observed samples they were made from.* {cite}`lim2024thesis` {verdict}`1`

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
observed = np.array([run.error("observed") for run in runs])
augmented = np.array([run.error("augmented") for run in runs])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three pairs of a narrow column of 40 fields and a 40 by 40 matrix of couplings in colours. Left: the true parameters. Middle: true minus inferred from observed samples. Right: true minus inferred from augmented samples, on the same colour scale as the middle and paler."}}
style.use_style()
truth, obs, aug = (runs[0].model(n) for n in ("truth", "observed", "augmented"))
h, J = truth.fields, truth.couplings
shown = {
    "true": (h, J),
    "true − observed": (h - obs.fields, J - obs.couplings),
    "true − augmented": (h - aug.fields, J - aug.couplings),
}
largest = [max(np.abs(part).max() for part in pair) for pair in shown.values()]
limits = largest[0], max(largest[1:]), max(largest[1:])
fig, axes = plt.subplots(1, 6, figsize=(8, 3.4), width_ratios=[1, 12] * 3)
for column, (name, (fields, couplings)) in enumerate(shown.items()):
    pair, limit = axes[2 * column : 2 * column + 2], limits[column]
    parts = zip(pair, (fields[:, None], couplings), "hJ", strict=True)
    for ax, part, letter in parts:
        image = ax.imshow(part, "PuOr", vmin=-limit, vmax=limit, aspect="auto")
        ax.set(xticks=[], yticks=[], xlabel=f"${letter}$")
        ax.spines[:].set_visible(False)
    pair[1].set_title(name)
    if column == 0:
        where, label = pair, "parameter"
    elif column == 2:
        where, label = axes[2:], "true − inferred"
    if column != 1:
        look = {"location": "bottom", "aspect": 30, "shrink": 0.8}
        bar = fig.colorbar(image, ax=where, **look)
        bar.set_label(label)
        bar.outline.set_visible(False)
_ = axes[0].set_ylabel("spin")

# %% [markdown]
# Fields $h_i$ (narrow column) and couplings $J_{ij}$ (matrix) of one seed. Left: the truth. Middle and right: truth
# minus inferred, both on one colour scale, which is finer than that of the truth. Paler is better.
#
# ## What to see
#
# **The thesis** shows such matrices for one truth, those of the augmented samples closer to it, and prints no values.
#
# **Augmentation lowers the error in {glue:text}`fig08_better:s` seeds.** The MSE of the parameters inferred from
# {glue:text}`fig08_n_augmented:s` augmented samples is {glue:text}`fig08_ratio:s` times that of the
# {glue:text}`fig08_n_observed:s` observed ones: {glue:text}`fig08_augmented:s` against {glue:text}`fig08_observed:s`
# (mean, smallest and largest). The gain is in the couplings, with a ratio of {glue:text}`fig08_couplings:s`; for the
# fields, which are few and weak, it is {glue:text}`fig08_fields:s`. [Figure 7](fig07_early_stopping.ipynb) shows the same runs
# during training, with {glue:text}`fig08_n_monitor:s` samples a checkpoint: its errors are larger for that reason.
#
# **This compares the Erasure Machine with itself.** A diffusion model cannot know more about the truth than the
# observed samples say. It presents them in a form of which this method makes better use. Pseudolikelihood does better still on
# the observed samples alone, at these sizes ([rivals](ext01_rivals.ipynb)). The observed samples are in equilibrium
# here. The thesis does not say how it draws its own. The published code of the Erasure Machine draws them in another
# way, and then the methods rank differently (same page).
#
# ## How it is computed
#
# True parameters are drawn from
#
# $$
# h_i^\text{true} \sim \mathcal N(0, g_h^2/M),\quad g_h = 0.2, \qquad
# J_{ij}^\text{true} \sim \mathcal N(0, g^2/M),\quad g = 1 .
# $$
#
# Then each run executes this, from the truth to the two inferences:

# %% tags=["remove-input"]
source(walk.augmentation, walk.samples, walk.pipeline, walk.augment)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | $M = 40$, $N = 4{,}000$, 100,000 augmented samples. | The same. |
# | $g_h = 0.2$ for fields, $g = 1$ for couplings. | The same. |
# | One truth, shown as matrices. | Three seeds, each with its own truth; the error of [Eq. (23)](#eq-23). |
# | Not stated: after how many iterations the samples are drawn. | At the stopping point of the rule, or at the last checkpoint if it never fires. |
# | Little on the training. | The rest as [with Figure 7](fig07_early_stopping.ipynb), whose runs these are. |
#
# What changes under other choices is on the page [How firm is each verdict](firmness.ipynb).
#
# ## The numbers


# %% tags=["hide-cell"]
def gain(run, kind):
    """Squared error of the fields or the couplings, augmented over observed."""
    return run.share("augmented", kind) / run.share("observed", kind)


kinds = ("fields", "couplings")
shares = {kind: [gain(run, kind) for run in runs] for kind in kinds}
rows = []
for run, one, two in zip(runs, observed, augmented, strict=True):
    errors = [style.number(one, 4), style.number(two, 4)]
    ratios = two / one, *(gain(run, kind) for kind in kinds)
    errors += [style.number(ratio, 3) for ratio in ratios]
    end = f"{run['iterations'][run['stop_index']]:,}"
    rule = "the rule" if run["stop_crossed"] else "the end"
    used = [f"{run[f'{n}_epsilon']:.2f}" for n in ("observed", "augmented")]
    rows.append((run.config["seed"], *errors, f"{end}, {rule}", *used))
headers = ["seed", "MSE observed", "MSE augmented", "ratio", *shares]
style.table(rows, [*headers, "kept, by", "ε observed", "ε augmented"])

# %% tags=["remove-cell"]
for name, text in {
    "ratio": style.spread(augmented / observed, 2),
    "observed": style.spread(observed, 3),
    "augmented": style.spread(augmented, 3),
    "better": f"{(augmented < observed).sum()} of {len(runs)}",
    "fields": style.spread(shares["fields"], 2),
    "couplings": style.spread(shares["couplings"], 2),
    "n_observed": f"{n_observed:,}",
    "n_augmented": f"{n_augmented:,}",
    "n_monitor": f"{n_monitor:,}",
}.items():
    glue(f"fig08_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig08 -p n_spins=12 -p n_observed=500 -p n_iterations=1000 \
#   -p n_checkpoints=5 -p n_monitor=1000 -p n_augmented=10000 -p 'seeds=[0]' --html
# ising-book run fig08 -p n_spins=12 -p n_observed=500 -p n_iterations=1000 \
#   -p n_checkpoints=5 -p n_monitor=1000 -p n_augmented=10000 -p 'seeds=[0]' \
#   -p coupling_scale=0.3 --html
# ```
#
# Fewer spins and samples: expect much the same gain. Weak couplings: expect hardly any. Each takes about 1 minute of
# one core.

# %% tags=["remove-input", "nbval-ignore-output"]
names = ("truth", "observed", "augmented")
style.csv("fig08", {f"{name}, seed {seeds[0]}": runs[0][name] for name in names})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig08_inference_quality", preset))
