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
# # Figure 3: noising and denoising
#
# **Claim.** *Noise added step by step turns spins into a normal law; a network that has learned to remove it
# walks the same way back, from pure noise to spins.*
#
# The thesis shows the two directions as a diagram {cite}`lim2024thesis`. Here both are real. Forward, each
# observed sample $\sigma_0$ becomes
#
# $$
# \sigma_t = \sqrt{\bar\alpha_t}\, \sigma_0 + \sqrt{1 - \bar\alpha_t}\, \bar\epsilon, \qquad t = 1, \dots, T
# \tag{17}
# $$
#
# ({func}`ising_lib.noise.add_noise`). In reverse, the sampler starts from normal noise at $t = T$ and
# comes to spins at $t = 0$ ({func}`ising_lib.ddpm.trajectory`). "The same way back" has a meaning that
# can be tested. At every $t$ the states of the two directions should follow one law.
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
# Each run holds the paths of 16 samples through 51 states, from $t = 1000$ to $t = 0$. The steps are not
# even in $t$. Signal and noise, $\sqrt{\bar\alpha_t}$ and $\sqrt{1 - \bar\alpha_t}$, are the cosine and the sine
# of an angle, and the steps are even in this angle: 90° is pure noise, 0° is spins. We noise all
# observed samples to the same steps. For each sample one $\bar\epsilon$ serves all $t$, so that the film runs
# smoothly; the law at each $t$ is that of Eq. (17) all the same.

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(worlds.Augmentation, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import ddpm, ising, metrics

runs = find_or_compute(configs)

# %%
schedule = ddpm.NoiseSchedule.linear(configs[0].training.n_noise_levels)
steps = runs[0]["trajectory_steps"]  # (K,), from T down to 0
angle = np.degrees(np.arccos(np.sqrt(np.append(schedule.alphas_bar[steps[:-1] - 1], 1.0))))
reverse = [run["trajectory"].astype(np.float32) for run in runs]  # each (K, 16, M)
forward = []
for seed, config in zip(seeds, configs, strict=True):
    clean = torch.as_tensor(walk.samples(config)[0], dtype=torch.float32)  # (N, M)
    noise = torch.as_tensor(worlds.stream(seed, "noise").normal(size=clean.shape), dtype=torch.float32)
    noised = [
        ddpm.add_noise(schedule, clean, torch.full((len(clean),), t), noise) for t in steps[:-1].tolist()
    ]
    forward.append(torch.stack([*noised, clean]).numpy())  # (K, N, M)

# %% [markdown]
# ## The numbers
#
# Of each state, three numbers: the *size*, the mean of $\lvert \sigma_t \rvert$ over its spins; the *energy*
# per spin of its signs under the true model; and the share of signs *settled*, those it still has at
# $t = 0$. Forward, the first and the last are known in closed form
# ({func}`ising_lib.metrics.noised_spin`), which tests the noising itself. The energy of the signs has no such
# formula. There the forward samples are the reference.
#
# A run has 16 paths, so that its means are uncertain. We measure the difference of the two
# directions in standard errors: the score $z$ ({func}`ising_lib.metrics.standard_scores`). If both follow one
# law, it is about standard normal. Neighbouring steps of one path are nearly equal, so their scores are, too.

# %%
measures = {
    "size": lambda states, truth: np.abs(states).mean(2),
    "energy": lambda states, truth: (
        np.array([ising.energy(truth, ddpm.to_spins(x)) for x in states]) / n_spins
    ),
    "settled": lambda states, truth: (ddpm.to_spins(states) == ddpm.to_spins(states[-1])).mean(2),
}
truths = [run.model("truth") for run in runs]
back, forth = (
    {
        name: [measure(x, truth) for x, truth in zip(states, truths, strict=True)]
        for name, measure in measures.items()
    }
    for states in (reverse, forward)
)  # for each quantity and seed (K, samples)
z = {
    name: np.array(
        [
            metrics.standard_scores(few[:-1], many[:-1])
            for few, many in zip(back[name], forth[name], strict=True)
        ]
    )
    for name in ("size", "energy")
}  # (S, K − 1), all but t = 0
size, unchanged = metrics.noised_spin(np.cos(np.radians(angle)) ** 2)
wrong = max(np.abs(many.mean(1) - size).max() for many in forth["size"])
print(f"forward: size against the formula, largest difference {wrong:.4f}")
early, late = angle[:-1] >= 30, angle[:-1] < 30
for name, scores in z.items():
    print(
        f"{name}: root mean square of z from 90° to 30°",
        style.spread(np.sqrt((scores[:, early] ** 2).mean(1)), 2),
    )
    print(
        f"{name}: root mean square of z below 30°", style.spread(np.sqrt((scores[:, late] ** 2).mean(1)), 2)
    )

# %%
small = [np.flatnonzero(angle < 10)[0], -1]  # the first step below 10°, and t = 0
for k in small:
    sizes = [np.array([values[k].mean() for values in half["size"]]) for half in (back, forth)]
    print(f"t = {steps[k]}: size in reverse", style.spread(sizes[0]), "forward", style.spread(sizes[1]))
half_way = np.abs(angle - 45).argmin()
settled = 100 * np.array([values[half_way].mean() for values in back["settled"]])
last_energy = np.array([values[-1].mean() for values in back["energy"]])
observed_energy = np.array([values[-1].mean() for values in forth["energy"]])
print(
    "signs settled at 45° in reverse, per cent:",
    style.spread(settled, 0),
    f"forward {100 * unchanged[half_way]:.0f}",
)
print(
    "energy per spin at t = 0: reverse",
    style.spread(last_energy),
    "observed",
    style.spread(observed_energy),
)

# %% tags=["remove-cell"]
for name, scores in z.items():
    glue(f"fig03_{name}_early", style.spread(np.sqrt((scores[:, early] ** 2).mean(1)), 1), display=False)
    glue(f"fig03_{name}_late", style.spread(np.sqrt((scores[:, late] ** 2).mean(1)), 1), display=False)
glue("fig03_wrong", f"{wrong:.3f}", display=False)
glue("fig03_end_size", style.spread([values[-1].mean() for values in back["size"]], 3), display=False)
glue("fig03_settled", style.spread(settled, 0), display=False)
glue("fig03_unchanged", f"{100 * unchanged[half_way]:.0f}", display=False)
variance = np.array([run["variance"][-1] / run["test_line"] for run in runs])
glue("fig03_variance", style.spread(variance, 2), display=False)
glue("fig03_half_way", str(steps[half_way]), display=False)
glue("fig03_last_energy", style.spread(last_energy, 2), display=False)
glue("fig03_observed_energy", style.spread(observed_energy, 2), display=False)

# %% [markdown]
# ## The figures

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels against the angle from 0 degrees, spins, to 90 degrees, pure noise. Size, energy and share of settled signs in the two directions lie nearly on top of each other. The scores of the energy stay within two standard errors; those of the size fall far below minus two near 0 degrees."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8.2, 5.2), sharex=True)
for ax, name in zip(axes.flat, measures, strict=False):
    for half, role, label in ((forth, "observed", "forward"), (back, "augmented", "reverse")):
        style.curve(ax, angle, [values.mean(1) for values in half[name]], role, label)
axes[0, 0].plot(angle, size, color=style.COLOURS["truth"], linewidth=0.9, label="formula")
axes[1, 0].plot(angle, unchanged, color=style.COLOURS["truth"], linewidth=0.9, label="formula")
axes[1, 1].axhspan(-2, 2, color=style.COLOURS["baseline"], alpha=0.2, linewidth=0)
style.curve(axes[1, 1], angle[:-1], z["energy"], "test", "energy")
style.curve(axes[1, 1], angle[:-1], z["size"], "error", "size")
axes[0, 0].set(ylabel=r"size $\langle|\sigma_t|\rangle$")
axes[0, 1].set(ylabel="energy of the signs, per spin")
axes[1, 0].set(ylabel="share of signs settled", xlabel="angle: spins 0°, noise 90°", xticks=range(0, 91, 15))
axes[1, 1].set(ylabel="$z$ of reverse − forward", xlabel="angle: spins 0°, noise 90°", ylim=(-8, 4))
legends = [ax.legend() for ax in axes.flat]

# %% [markdown]
# Forward: all observed samples, noised. Reverse: the 16 kept paths. Lines are means over three seeds, bands run
# from the smallest to the largest; black lines are the closed forms. Bottom right: the difference of the two
# in standard errors. The grey band holds 95 per cent of the scores if both directions follow one law.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of seven panels, each with 16 samples of 40 spins in grey. Top, left to right: black and white observed samples disappear in noise. Bottom, right to left: from noise black and white samples emerge. Panels in one column have the same noise level."}}
columns = np.array([50, 42, 34, 26, 18, 9, 0]) * (len(steps) - 1) // 50
fig, axes = plt.subplots(2, len(columns), figsize=(9, 3.6))
titles = [f"$t = {steps[k]}$\n{angle[k]:.0f}°" for k in columns]
style.film(axes[0], forward[0][columns, :16], titles)
style.film(axes[1], reverse[0][columns], [""] * len(columns))
axes[0, 0].set_ylabel("observed", color=style.COLOURS["observed"], weight="bold")
axes[1, 0].set_ylabel("generated", color=style.COLOURS["augmented"], weight="bold")
axes[0, 3].set_xlabel("noising →", color=style.COLOURS["observed"], weight="bold")
_ = axes[1, 3].set_xlabel("← denoising", color=style.COLOURS["augmented"], weight="bold")

# %% [markdown]
# Top, read from left to right: 16 observed samples lose their signs to the noise. Bottom, read from right to
# left: 16 samples of pure noise become spins. One column, one noise level. Rows are samples, columns
# spins; black is −2, grey zero, white +2.
#
# The same as a film: first forward, then in reverse. On the right are the signs alone. Watch how long they
# flicker, and how some settle late.

# %% tags=["hide-input", "nbval-ignore-output"]
there = np.arange(len(steps) - 1, -1, -2)
frames = np.concatenate([forward[0][there, :16], reverse[0][there[::-1]]])
titles = [
    f"{way}, t = {steps[k]:4}" for way, ks in (("noising", there), ("denoising", there[::-1])) for k in ks
]
animation = style.denoising_film(frames, titles)
alt = "Grey pictures of 16 samples: observed spins dissolve in noise, then other spins emerge from noise."
style.player(animation, "fig03_denoising", alt)

# %% [markdown]
# ## What to see, and whether the claim holds
#
# **The forward way is the formula.** The mean size of the noised values agrees with it to
# {glue:text}`fig03_wrong:s` at every $t$.
#
# **In reverse, the signs come back by the same way.** The energy of the signs differs between the two
# directions by {glue:text}`fig03_energy_early:s` standard errors between 90° and 30°, and by
# {glue:text}`fig03_energy_late:s` below (root mean square; mean over seeds, smallest and largest; chance
# alone gives about 1). At the end the energy per spin is {glue:text}`fig03_last_energy:s`, that of the
# observed samples {glue:text}`fig03_observed_energy:s`.
#
# **The sizes do not quite.** They differ by {glue:text}`fig03_size_early:s` standard errors between 90° and
# 30°, a little more than chance gives, and by {glue:text}`fig03_size_late:s` below. There the states are too
# small, and they end at {glue:text}`fig03_end_size:s`, where spins have exactly 1. Some values stay near
# zero to the end, as [Figure 4](fig04_analog_bits.ipynb) shows. The threshold repairs that, and the energies
# do not notice.
#
# **When are the spins decided?** Half-way, at 45° ($t =$ {glue:text}`fig03_half_way:s`),
# {glue:text}`fig03_settled:s` per cent of the signs are already those of the end; in the forward direction
# {glue:text}`fig03_unchanged:s` per cent are still those of the start. Most of the steps of $t$ lie before
# that, in nearly pure noise. This is why the sampler's steps are even in the angle and not in $t$.
#
# So the claim holds for the signs, within what few paths can tell, and not for the sizes, which the
# threshold removes. Many samples tell more: the energy variance of `n_monitor` samples at the end of training
# is {glue:text}`fig03_variance:s` times that of test samples
# ([Figure 7](fig07_early_stopping.ipynb)). The way back ends near the true law, but not quite there.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig03_noising_and_denoising", preset))
