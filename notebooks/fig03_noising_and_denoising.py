# %% [markdown]
# # Figure 3: noising and denoising
#
# **The thesis claims:** *Noise added step by step turns spins into a normal distribution; a network that has learned to
# remove it goes the same way back, from pure noise to spins.* {cite}`lim2024thesis`
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
from ising_experiments import provenance, walk
from ising_experiments.runs import find_or_compute, source
from ising_lib import ddpm, denoisers, erasure, ising, metrics, sampling


def noised(schedule, spins, steps, rng):
    """Spins (N, M) at all steps, (K, N, M); one noise serves all of them."""
    clean = torch.as_tensor(spins, dtype=torch.float32)
    noise = torch.as_tensor(rng.normal(size=clean.shape), dtype=torch.float32)
    at = [torch.full((len(clean),), t) for t in steps[:-1].tolist()]
    states = [ddpm.add_noise(schedule, clean, t, noise) for t in at]
    return torch.stack([*states, clean]).numpy()


runs = find_or_compute(configs)
schedule = ddpm.NoiseSchedule.linear(configs[0].training.n_noise_levels)
steps = runs[0]["trajectory_steps"]  # (K,), from T down to 0
kept = np.append(schedule.alphas_bar[steps[:-1] - 1], 1.0)
angle = np.degrees(np.arccos(np.sqrt(kept)))
reverse = [run["trajectory"].astype(np.float32) for run in runs]  # (K, 16, M)
forward = []  # each (K, N, M)
for config in configs:
    spins, rng = walk.samples(config)[0], worlds.stream(config.seed, "noise")
    forward.append(noised(schedule, spins, steps, rng))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of five panels, each with 16 samples of 40 spins in grey. Top, left to right: black and white observed samples disappear in noise. Bottom, right to left: from noise black and white samples emerge. Panels in one column have the same noise level."}}
style.use_style()
columns = np.array([50, 38, 26, 14, 0]) * (len(steps) - 1) // 50
fig, axes = plt.subplots(2, len(columns), figsize=(7.2, 3.7))
titles = [f"$t = {steps[k]}$, {angle[k]:.0f}°" for k in columns]
style.film(axes[0], forward[0][columns, :16], titles)
style.film(axes[1], reverse[0][columns], [""] * len(columns))
words = {"observed": "noising →", "augmented": "← denoising"}
for row, role in zip(axes, words, strict=True):
    look = {"color": style.COLOURS[role], "weight": "bold"}
    row[0].set_ylabel(role, **look)
    row[2].set_xlabel(words[role], **look)

# %% [markdown]
# Top, from left to right: 16 observed samples lose their signs to the noise. Bottom, from right to left: 16 samples of
# pure noise become spins. One column, one noise level. Rows are samples, columns spins; black is −2, grey zero, white
# +2. Below, the same as a film, first forward, then in reverse, beside the signs alone: watch how long they flicker.

# %% tags=["hide-input", "nbval-ignore-output"]
there = np.arange(len(steps) - 1, -1, -2)
frames = np.concatenate([forward[0][there, :16], reverse[0][there[::-1]]])
captions = [f"noising, t = {steps[k]}" for k in there]
captions += [f"denoising, t = {steps[k]}" for k in there[::-1]]
gap = np.full((len(frames), len(frames[0]), 3), np.nan)
frames = np.concatenate([frames, gap, 2 * np.sign(frames)], axis=2)
fig, ax = plt.subplots(figsize=(6.4, 2.2))
style.film([ax], frames[:1], [""])
ax.images[0].set_interpolation("none")  # small files
ax.spines[:].set_visible(False)
alt = "Observed spins dissolve in noise, then other spins emerge from noise."


def draw(k):
    """Frame k."""
    ax.images[0].set_data(frames[k])


style.player(fig, draw, captions, "fig03_denoising", alt, seconds=0.15)

# %% [markdown]
# "The same way back" can be tested: at every $t$ the states of the two directions should follow one distribution. We
# measure the *size*, the mean of $\lvert \sigma_t \rvert$; the *energy* per spin of the signs under the true model; and
# the share of *settled* signs, those that a sample still has (forward) or already has (reverse) at $t = 0$.


# %% tags=["hide-cell"]
measures = {  # of states (K, N, M) and the energies of their signs (K, N)
    "size": lambda x, energies: np.abs(x).mean(2),
    "energy": lambda x, energies: energies / n_spins,
    "settled": lambda x, energies: (np.sign(x) == np.sign(x[-1])).mean(2),
}
back, forth, z = ({name: [] for name in measures} for _ in range(3))
for run, *ways in zip(runs, reverse, forward, strict=True):
    for way, states in zip((back, forth), ways, strict=True):
        flat = ddpm.to_spins(states.reshape(-1, n_spins))
        energies = ising.energy(run.model("truth"), flat)
        for name, measure in measures.items():
            way[name].append(measure(states, energies.reshape(len(states), -1)))
for name in measures:  # each (S, K, samples); z in standard errors
    few, many = np.array(back[name]), np.array(forth[name])
    squares = many.var(2, ddof=1) * (1 / few.shape[2] + 1 / many.shape[2])
    z[name] = (few.mean(2) - many.mean(2))[:, :-1] / np.sqrt(squares[:, :-1])
    back[name], forth[name] = few, many

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels against the angle from 0 degrees, spins, to 90 degrees, pure noise. Size, energy and share of settled signs in the two directions lie nearly on top of each other; near 0 degrees the size is a little smaller in reverse."}}
fig, axes = plt.subplots(1, 3, figsize=(8, 2.9))
for ax, name in zip(axes, measures, strict=True):
    style.curve(ax, angle, forth[name].mean(2), "observed", "forward")
    style.curve(ax, angle, back[name].mean(2), "augmented", "reverse")
    ax.set(xlabel="angle: spins 0°, noise 90°", xticks=range(0, 91, 30))
axes[0].set(title="size", ylabel=r"$\langle|\sigma_t|\rangle$")
axes[1].set(title="energy of the signs", ylabel="energy / M")
axes[2].set(title="settled signs", ylabel="share")
_ = [ax.legend() for ax in axes]

# %% [markdown]
# Forward: all observed samples, noised. Reverse: 16 paths of each run. Means over seeds; bands: smallest to largest.
#
# ## What to see
#
# **The thesis** shows the two directions as a diagram, without numbers. Ours are means over seeds, with the smallest and
# the largest in brackets.
#
# **In reverse, the signs come back the same way.** The energies of the two directions differ by
# {glue:text}`fig03_energy_early:s` standard errors between 90° and 30° and by {glue:text}`fig03_energy_late:s` below
# (root mean square; chance alone gives about 1). At the end the energy per spin is {glue:text}`fig03_last_energy:s`;
# that of the observed samples is {glue:text}`fig03_observed_energy:s`.
#
# **The sizes do not quite.** They differ by {glue:text}`fig03_size_early:s` standard errors above 30°, a little more than
# chance, and by {glue:text}`fig03_size_late:s` below. There the states are too small; they end at
# {glue:text}`fig03_end_size:s`, where spins have exactly 1. Some values stay near zero to the end
# ([Figure 4](fig04_analog_bits.ipynb)). The threshold repairs that, and the energies do not notice.
#
# **When are the spins decided?** Half-way, at 45° ($t =$ {glue:text}`fig03_half_way:s`), {glue:text}`fig03_settled:s`% of
# the signs are those of the end; forward, {glue:text}`fig03_unchanged:s`% are still those of the start. Most steps of
# $t$ lie before that, in nearly pure noise. This is why our sampler's steps are even in the angle and not in $t$.
#
# ## How it is computed
#
# Forward, each observed sample $\sigma_0$ becomes ({func}`ising_lib.noise.add_noise`)
#
# $$
# \sigma_t = \sqrt{\bar\alpha_t}\, \sigma_0 + \sqrt{1 - \bar\alpha_t}\, \bar\epsilon, \qquad t = 1, \dots, T
# \tag{17}
# $$
#
# In reverse the sampler starts from normal noise at $t = T$ ({func}`ising_lib.ddpm.trajectory`). Signal
# $m = \sqrt{\bar\alpha_t}$ and noise $s = \sqrt{1 - \bar\alpha_t}$ are the cosine and the sine of the angle.
#
# Live, in about ten seconds, for $M = 10$ spins and the thesis's network made narrow (32 to 64 wide, not 128 to 512):

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
for _ in ddpm.train(denoiser, schedule, observed, **training):
    pass  # it trains the denoiser in place

live_steps, paths = ddpm.trajectory(denoiser, schedule, 500, **options)
bits = ddpm.sample(denoiser, schedule, n_live_augmented, **options)
inferred = erasure.fit(ddpm.to_spins(bits)).model

ahead = np.abs(noised(schedule, observed, live_steps, rng)).mean((1, 2))
behind = np.abs(paths).mean((1, 2))  # sizes, (K,)
apart = np.abs(ahead - behind).max()
print("sizes agree within 0.1 at every step:", bool(apart < 0.1))
print(f"MSE inferred: {metrics.thesis_mse(inferred, truth):.1f}")

# %% [markdown]
# What this cell prints is live. All other numbers on the page are those of the stored runs of
# [Figure 8](fig08_inference_quality.ipynb), with the thesis's sizes and its full network, computed by these functions:

# %% tags=["remove-input", "hide-output"]
source(walk.checkpoints, walk.augment)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | A diagram, without sizes. | The runs of [Figure 8](fig08_inference_quality.ipynb), three seeds. |
# | Noise is added until the distribution is normal. Not stated: the number of levels, the schedule. | 1,000 levels on the linear schedule of Ho et al. {cite}`ho2020ddpm`. |
# | The way back, one step per level. | 50 of the levels, evenly spaced in the angle ([why](../book/analog_bits.md)). |
# | Nothing measured. | Size, energy and settled signs at each level, in both directions. |
#
# ## The numbers

# %% tags=["hide-cell"]
early, half_way = angle[:-1] >= 30, np.abs(angle - 45).argmin()
same = [100 * way["settled"][:, half_way].mean(1) for way in (back, forth)]
numbers = {  # name: what, values, digits
    "settled": ("signs settled at 45°, reverse, %", same[0], 0),
    "unchanged": ("signs unchanged at 45°, forward, %", same[1], 0),
    "end_size": ("size at t = 0, reverse", back["size"][:, -1].mean(1), 3),
    "last_energy": ("energy, reverse", back["energy"][:, -1].mean(1), 2),
    "observed_energy": ("energy, observed", forth["energy"][:, -1].mean(1), 2),
}
for name in ("size", "energy"):
    for part, steps_of in (("early", early), ("late", ~early)):
        value = np.sqrt((z[name][:, steps_of] ** 2).mean(1))
        numbers[f"{name}_{part}"] = f"z of the {name}, {part} steps", value, 1
rows = [[what, style.spread(v, n + 1)] for what, v, n in numbers.values()]
style.table(rows, ["", "mean (range)"])

# %% tags=["remove-cell"]
for name, (_, values, digits) in numbers.items():
    glue(f"fig03_{name}", style.spread(values, digits), display=False)
glue("fig03_half_way", str(steps[half_way]), display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig03 -p n_live_iterations=100
# ising-book run fig03 -p n_live_iterations=4000
# ```
#
# Both change the live cells alone. After 100 updates expect the two directions to part; 4,000 take about a minute, and
# the two agree more closely.

# %% tags=["remove-input", "nbval-ignore-output"]
drawn = {"t": steps, "angle": angle}
drawn |= {f"{name}_forward": forth[name].mean((0, 2)) for name in measures}
drawn |= {f"{name}_reverse": back[name].mean((0, 2)) for name in measures}
style.csv("fig03", drawn)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig03_noising_and_denoising", preset))
