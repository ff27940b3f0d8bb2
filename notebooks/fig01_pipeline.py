# %% [markdown]
# # Figure 1: the pipeline
#
# **The thesis claims:** *A diffusion model turns few observed samples into many new ones, and from those the
# Erasure Machine infers better couplings.* {cite}`lim2024thesis` {verdict}`1`

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
n_live_spins = 20  # of the small run on this page
n_live_observed = 500
n_live_iterations = 1_000
n_live_augmented = 4_000

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %% tags=["hide-cell"]
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import provenance, walk
from ising_experiments.runs import find_or_compute, source
from ising_lib import ddpm, denoisers, erasure, ising, metrics, sampling

runs = find_or_compute(configs)
run = runs[0]
observed = [walk.samples(config)[0] for config in configs]
error = {}
for name in ("observed", "augmented"):
    error[name] = np.array([run.error(name) for run in runs])
states = run["trajectory"].astype(float)  # (K, 16, M)
shown = np.array([0, 25, 44]) * (len(states) - 1) // 50  # from noise on
steps = run["trajectory_steps"][shown]
clean = torch.tensor(observed[0][:16], dtype=torch.float32)
noise = worlds.stream(seeds[0], "noise").normal(size=clean.shape)
noise = torch.tensor(noise, dtype=torch.float32)
n_noise_levels = configs[0].training.n_noise_levels
schedule = ddpm.NoiseSchedule.linear(n_noise_levels)
noised = []
for t in torch.tensor(steps[::-1].copy()):
    noised.append(ddpm.add_noise(schedule, clean, t.expand(16), noise))

# %% tags=["hide-input"] mystnb={"image": {"alt": "A diagram filled with data. Top, from left to right: a black and white raster of observed samples, three panels in which grey noise covers it, three panels in which a pattern comes out of grey noise, a finer raster of augmented samples. Below, joined by arrows: couplings inferred from the observed samples on the left, the true couplings in the middle, those inferred from the augmented samples on the right. The errors below the diagonal are paler on the right than on the left."}}
style.use_style()
fig = plt.figure(figsize=(8, 5), layout="none")
paper = mpl.transforms.Affine2D().scale(1 / 9, 1 / 5.6) + fig.transFigure


def place(x, y, width, height, role="baseline", title=None):
    """An Axes on a paper of 9 by 5.6, framed in the colour of the role."""
    ax = fig.add_axes([x / 9, y / 5.6, width / 9, height / 5.6])
    ax.set_title(title, fontsize=9)
    ax.spines[:].set(visible=True, color=style.COLOURS[role], linewidth=2)
    return ax


def arrow(start, end, role, text="", at=(0, 0), **align):
    """An arrow, and words beside it."""
    look = {"arrowstyle": "-|>", "mutation_scale": 16, "linewidth": 2}
    look |= {"color": style.COLOURS[role], "transform": paper}
    fig.add_artist(mpl.patches.FancyArrowPatch(start, end, **look))
    fig.text(*at, text, fontsize=9, transform=paper, **align)


for x, spins, role, n_samples in (
    (0.15, observed[0][:40], "observed", n_observed),
    (7.35, run["augmented_spins"][:96], "augmented", n_augmented),
):
    title = f"{n_samples:,} {role}"
    ax = style.raster(place(x, 3.15, 1.5, 1.75, role), spins)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=9)
    ax.spines[:].set(color=style.COLOURS[role], linewidth=2)
lefts = 1.95 + 0.81 * np.arange(6) + 0.2 * (np.arange(6) > 2)
frames = [place(x, 3.5, 0.74, 1.1) for x in lefts]
titles = [f"$t = {t}$" for t in [*steps[::-1], *steps]]
style.film(frames, [*noised, *states[shown]], titles)
arrow((1.68, 4.05), (1.93, 4.05), "observed")
arrow((7.02, 4.05), (7.33, 4.05), "augmented")
below = {"ha": "center", "va": "top"}
words = "noising:\nthe network learns to undo it"
arrow((1.95, 3.37), (4.31, 3.37), "observed", words, (3.13, 3.27), **below)
words = "denoising:\nthe network draws samples"
arrow((4.58, 3.37), (6.94, 3.37), "augmented", words, (5.76, 3.27), **below)
truth = run.model("truth").couplings
limit = np.abs(truth).max()
for x, role in ((0.15, "observed"), (3.45, "truth"), (6.95, "augmented")):
    ax = place(x, 0.55, 1.9, 1.9, role)
    couplings, words = run.model(role).couplings, "true $J$"
    if role != "truth":
        couplings = np.triu(couplings) + np.tril(couplings - truth)
        words = f"$J$ from {role}, errors below\nMSE {error[role][0]:.3f}"
        ax.axline((0, 0), slope=1, color="0.3", linewidth=0.6)
    image = ax.imshow(couplings, cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(words, fontsize=9)
bar = fig.colorbar(image, cax=place(5.5, 0.55, 0.1, 1.9), label="$J_{ij}$")
bar.outline.set_visible(False)
bar.ax.tick_params(labelsize=8)
words, level = "Erasure\nMachine", {"va": "center"}
arrow((0.9, 3.1), (0.9, 2.5), "observed", words, (1.0, 2.8), **level)
arrow((8.1, 3.1), (8.1, 2.5), "augmented", words, (8.2, 2.8), **level)
arrow((3.4, 2.3), (1.7, 3.05), "truth", "Monte Carlo", (2.95, 2.66), **level)
plt.show()

# %% [markdown]
# One run, left to right. Samples are rows, spins columns: black −1, white +1; noised ones are grey, from −2
# to +2. Of the observed samples 40 are drawn, of the augmented ones 96. In the middle, 16 samples at three of
# the noise levels $t$: on the left observed ones with noise added, on the right others on their way from pure
# noise to spins. Below, coupling matrices on one colour scale: above the diagonal what was inferred, below it
# inferred minus true.
#
# ## What to see
#
# **The thesis** draws this as a diagram, without data. Here every box holds what one run with the thesis's sizes
# computed; the numbers are means over three such runs, with the smallest and the largest in brackets.
#
# **Few become many.** Each observed sample stands for {glue:text}`fig01_times:s` augmented ones. They are no
# copies: {glue:text}`fig01_copies:s`% of them equal an observed sample, and on average
# {glue:text}`fig01_apart:s` of their spins differ from the nearest one. For fresh samples of the true model it is
# {glue:text}`fig01_fresh_copies:s`% and {glue:text}`fig01_fresh_apart:s` spins: the augmented samples keep a little
# closer to what was observed.
#
# **The couplings improve.** Compare the triangles below the diagonals: the right one is paler. The error (Eq. 23) is
# {glue:text}`fig01_augmented:s` with the augmented samples and {glue:text}`fig01_observed:s` with the observed ones,
# a ratio of {glue:text}`fig01_ratio:s`. Augmentation lowers it in {glue:text}`fig01_better:s` seeds.
#
# **No arrow leads back to the truth.** Once the observed samples are drawn, nothing new about the truth comes in. What
# the network adds is an assumption: that the distribution of the spins is smooth, in a way that such a network learns
# easily. [Figure 2](fig02_missing_points.ipynb) shows what that does to a distribution that can be
# written out.
#
# ## How it is computed
#
# The whole pipeline, live, in one cell. It is small enough to run here in seconds: $M = 20$ spins and 500 observed
# samples. One thing differs from the thesis. Its network, {class}`ising_lib.denoisers.ResidualMLP`, would need
# minutes before it gains anything; {class}`ising_lib.denoisers.MeanField`, this book's own, has few parameters and
# learns in seconds. Put the other in its place and nothing else changes.

# %%
torch.set_num_threads(1)  # the same sums, however many cores
rng = np.random.default_rng(0)

# 1. a truth, and few samples of it
truth = ising.gaussian(n_live_spins, coupling_scale, field_scale, rng=rng)
observed_live = sampling.sample(truth, n_live_observed, rng=rng)

# 2. a diffusion model of these samples
schedule = ddpm.NoiseSchedule.linear(1000)
denoiser = denoisers.MeanField(n_live_spins, schedule.n_steps)
training = {"n_iterations": n_live_iterations, "rng": rng}
for _ in ddpm.train(denoiser, schedule, observed_live, **training):
    pass  # it trains the denoiser in place

# 3. many new samples: real numbers, and spins by their sign
analog_bits = ddpm.sample(denoiser, schedule, n_live_augmented, rng=rng)
augmented_live = ddpm.to_spins(analog_bits)

# 4. couplings from both
samples, mse = {"observed": observed_live, "augmented": augmented_live}, {}
for name, spins in samples.items():
    inferred = erasure.fit(spins).model
    mse[name] = metrics.thesis_mse(inferred, truth)
    print(f"{len(spins):6,} {name:9} samples: MSE {mse[name]:.2f}")
print(f"augmented / observed: {mse['augmented'] / mse['observed']:.1f}")

# %% [markdown]
# What this cell prints is live. All other numbers on the page come from stored runs with the thesis's sizes and its
# network, with checkpoints and a stopping rule. Each took {glue:text}`fig01_minutes:s` minutes on one core. These
# functions computed them:

# %% tags=["remove-input", "hide-output"]
source(walk.pipeline, walk.checkpoints, walk.augment)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | The order of the steps: observed samples, diffusion model, augmented samples, Erasure Machine. | The same. |
# | No sizes in the diagram. | Those of [Figure 8](fig08_inference_quality.ipynb), whose runs these are; three truths. |
# | The network of Appendix B. | The same in the stored runs; in the live cell our own mean-field denoiser, for speed. |
# | Little on the training. | The choices listed [with Figure 7](fig07_early_stopping.ipynb). |
#
# ## The numbers
#
# Of the augmented samples a run keeps the first 10,000. Of these: the share of copies of observed samples, and the
# number of spins by which they differ from the nearest observed one.

# %% tags=["hide-cell"]
pairs = zip(runs, observed, strict=True)
near = [metrics.nearest_distance(r["augmented_spins"], o) for r, o in pairs]
fresh = np.array([run["test_distances"] for run in runs])  # (S, M + 1)
numbers = {  # name: what, values, digits in text
    "copies": ("copies, new, %", [100 * (d == 0).mean() for d in near], 1),
    "fresh_copies": ("copies, fresh, %", 100 * fresh[:, 0], 1),
    "apart": ("spins off, new", [d.mean() for d in near], 1),
    "fresh_apart": ("spins off, fresh", fresh @ np.arange(n_spins + 1), 1),
    "observed": ("MSE, observed", error["observed"], 3),
    "augmented": ("MSE, augmented", error["augmented"], 3),
    "minutes": ("minutes", [run.core_seconds / 60 for run in runs], 0),
    "ratio": ("ratio of the two", error["augmented"] / error["observed"], 2),
}
rows = [[what, style.spread(v, max(n, 2))] for what, v, n in numbers.values()]
style.table(rows, ["", "mean (range)"])

# %% tags=["remove-cell"]
for name, (_, values, digits) in numbers.items():
    glue(f"fig01_{name}", style.spread(values, digits), display=False)
better = error["augmented"] < error["observed"]
glue("fig01_times", str(n_augmented // n_observed), display=False)
glue("fig01_better", f"{better.sum()} of {len(runs)}", display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig01 -p n_live_observed=4000
# ising-book run fig01 -p n_live_iterations=50
# ```
#
# Both change the live cell alone and take seconds. With eight times the samples expect smaller errors and no gain.
# After 50 updates the network has hardly learned the couplings: expect augmentation to lose.

# %% tags=["remove-input", "nbval-ignore-output"]
pairs = np.triu_indices(n_spins, 1)
roles = ("truth", "observed", "augmented")
drawn = {role: run.model(role).couplings[pairs].round(4) for role in roles}
style.csv("fig01", {"i": pairs[0] + 1, "j": pairs[1] + 1, **drawn})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig01_pipeline", preset))
