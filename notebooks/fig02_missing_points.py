# %% [markdown]
# # Figure 2: the missing points
#
# **The thesis claims:** *Observed samples miss most of the configurations that are possible. A diffusion model trained
# on them infers the distribution behind them, and its samples fill in the missing points.* {cite}`lim2024thesis` It
# measures nothing here; our small system is a check on {verdict}`3,4,5`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins_enumerated = 10
n_observed_few = 200
coupling_scale = 1.0
field_scale = 0.2
n_iterations = 2_000
n_checkpoints = 7
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
stop = True
seeds = [0, 1, 2]
n_live_spins = 8  # of the small training on this page
n_live_observed = 100
n_live_iterations = 500
n_live_augmented = 4_000

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

sizes = {"n_spins": n_spins_enumerated, "n_observed": n_observed_few}
configs = worlds.from_parameters(worlds.Augmentation, globals(), **sizes)

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown
from myst_nb import glue
from scipy import optimize

from ising_book import style
from ising_experiments import provenance, walk
from ising_experiments.runs import find_or_compute, source
from ising_lib import ddpm, denoisers, erasure, exact, ising, sampling
from ising_lib.estimators import maximum_likelihood

runs = find_or_compute(configs)
observed = [walk.samples(config)[0] for config in configs]
n_kept = len(runs[0]["augmented_spins"])


def flipped(distribution, rate):
    """Each spin flips with this probability; (2^M,) to (2^M,)."""
    for bit in range(n_spins_enumerated):  # along the middle axis
        halves = distribution.reshape(-1, 2, 2**bit)
        distribution = ((1 - rate) * halves + rate * halves[:, ::-1]).ravel()
    return distribution


def smoothed(spins):
    """Frequencies after flips at the rate that leave-one-out prefers."""
    f = exact.frequencies(spins)

    def minus_likelihood(rate):
        itself = (1 - rate) ** n_spins_enumerated / len(spins)
        return -(f[f > 0] * np.log(flipped(f, rate)[f > 0] - itself)).sum()

    bounds = {"bounds": (1e-3, 0.5), "method": "bounded"}
    best = optimize.minimize_scalar(minus_likelihood, **bounds)
    return flipped(f, best.x)


def fresh(run):
    """Frequencies of as many samples of the truth itself."""
    rng = worlds.stream(run.config["seed"], "fresh")
    return exact.frequencies(exact.sample(run.model("truth"), n_kept, rng=rng))


likeliest = [maximum_likelihood(spins) for spins in observed]
truth = np.array([exact.probabilities(run.model("truth")) for run in runs])
found = {  # name: one distribution for each seed
    "observed": [exact.frequencies(spins) for spins in observed],
    "smoothed": [smoothed(spins) for spins in observed],
    "augmented": [exact.frequencies(run["augmented_spins"]) for run in runs],
    "likelihood": [exact.probabilities(fit.model) for fit in likeliest],
    "EM, observed": [exact.probabilities(r.model("observed")) for r in runs],
    "EM, augmented": [exact.probabilities(r.model("augmented")) for r in runs],
    "fresh": [fresh(run) for run in runs],
}
found = {name: np.array(values) for name, values in found.items()}  # (S, 2^M)
seen = found["observed"] > 0
distance = {name: exact.total_variation(truth, q) for name, q in found.items()}
missing = {"truth": (truth * ~seen).sum(1)}
missing |= {name: (q * ~seen).sum(1) for name, q in found.items()}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top: two panels with the probabilities of all 1,024 configurations on a logarithmic axis, ordered by their true energy, with the true distribution as a falling black line. Observed frequencies are a few steps above it and leave most configurations at zero. Augmented frequencies follow the line, and many configurations that were never observed have some. Bottom: dots for each seed of the probability on missing points and of the distance from the truth, for each distribution."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.8))
floor, order = 0.3 / n_kept, np.argsort(-truth[0])
rank = np.arange(1, len(order) + 1)
titles = {"observed": f"{n_observed_few} observed samples"}
titles["augmented"] = f"{n_kept:,} augmented samples"
for ax, name in zip(axes[0], titles, strict=True):
    heights = np.maximum(found[name][0], floor)[order]
    look = {"markersize": 2.6, "color": style.COLOURS[name]}
    look |= {"linestyle": "", "rasterized": True}
    for old, fill in ((seen[0][order], "full"), (~seen[0][order], "none")):
        label = "among the observed" if fill == "full" else "never observed"
        ax.plot(rank[old], heights[old], "o", fillstyle=fill, label=label, **look)
    ax.plot(rank, truth[0][order], color="black", linewidth=1.2, label="truth")
    ax.set(yscale="log", ylim=(floor / 1.5, 1), ylabel="probability")
    ax.set(xlabel="configurations, most probable first", title=titles[name])
    ax.legend(markerscale=2, fontsize=8)
roles = {"fresh": "truth", "likelihood": "rival", "smoothed": "baseline"}
for ax, values in zip(axes[1], (missing, distance), strict=True):
    colours = [roles.get(n, n.removeprefix("EM, ")) for n in values]
    style.seeds_by_row(ax, list(values.values()), list(values), colours)
axes[1, 0].set(xlabel="probability on missing points")
_ = axes[1, 1].set(xlabel="distance $D$ from the truth")

# %% [markdown]
# Top: one seed. Each dot is a configuration; filled ones are among the observed samples, open ones are *missing points*.
# Dots on the lower edge have no sample. Bottom: all seeds, a dot each, and a bar at their mean. *EM* is the model that
# the Erasure Machine infers from the samples named. Three references: *fresh* samples, as many as augmented ones, from
# the truth itself; the observed frequencies *smoothed*, the simplest way to fill gaps; and the Ising model of maximum
# *likelihood*, which cannot be had beyond some 20 spins.
#
# ## What to see
#
# **The thesis** draws three clouds of points, without numbers. Here the distribution is real: $M = 10$ spins have
# $2^{10} = 1024$ configurations, each with a known probability. The numbers are means over three truths, with the
# smallest and the largest in brackets.
#
# **Most points are missing.** The observed samples hit {glue:text}`fig02_seen:s` of the configurations. The others carry
# {glue:text}`fig02_missing_truth:s`% of the true probability.
#
# **They are filled in, but too little.** Of the augmented samples {glue:text}`fig02_missing_augmented:s`% lie there,
# which is {glue:text}`fig02_share:s`% of what there should be. The amount differs from seed to seed, and so does the
# length of the training: {glue:text}`fig02_kept:s` iterations, in the order of the seeds. The stopping rule fired in
# {glue:text}`fig02_crossed:s`.
#
# **The distribution comes nearer to the truth.** The distance $D$ falls from {glue:text}`fig02_distance_observed:s` to
# {glue:text}`fig02_distance_augmented:s`. The network does more than blur: smoothing puts about the right probability on
# missing points, but often on the wrong ones, and ends at {glue:text}`fig02_distance_smoothed:s`. Fresh samples would be
# at {glue:text}`fig02_distance_fresh:s`.
#
# **So does the inferred model.** From the few observed samples the Erasure Machine is at
# {glue:text}`fig02_distance_EM_observed:s`, hardly better than counting; from augmented ones at
# {glue:text}`fig02_distance_EM_augmented:s`. The Kullback–Leibler divergence falls from
# {glue:text}`fig02_kl_EM_observed:s` to {glue:text}`fig02_kl_EM_augmented:s` nats, the error of Eq. (23) only from
# {glue:text}`fig02_mse_observed:s` to {glue:text}`fig02_mse_augmented:s`. A caution: for so few spins the rule for
# $\epsilon$ is shaky; from the augmented samples it chose {glue:text}`fig02_epsilons:s`.
#
# **But the observed samples held more than that.** Maximum likelihood, from the same samples and without a network,
# reaches {glue:text}`fig02_distance_likelihood:s` and {glue:text}`fig02_kl_likelihood:s` nats; the Erasure Machine on
# augmented samples beats it in {glue:text}`fig02_wins:s` seeds. So augmentation improves on the Erasure Machine, not on
# the best use of the same samples.
#
# ## How it is computed
#
# The distance is $D(p, q) = \tfrac12 \sum_\sigma \lvert p(\sigma) - q(\sigma) \rvert$, the share of the probability that
# lies on wrong configurations ({func}`ising_lib.exact.total_variation`). Live, for $M = 8$ spins and 100 samples, with
# the network {class}`ising_lib.denoisers.MeanField` of this book, which learns in seconds what takes the thesis's minutes:

# %%
torch.set_num_threads(1)  # the same sums, however many cores
rng = np.random.default_rng(1)
model = ising.gaussian(n_live_spins, coupling_scale, field_scale, rng=rng)
few = sampling.sample(model, n_live_observed, rng=rng)

schedule = ddpm.NoiseSchedule.linear(1000)
denoiser = denoisers.MeanField(n_live_spins, schedule.n_steps)
training = {"n_iterations": n_live_iterations, "rng": rng}
for _ in ddpm.train(denoiser, schedule, few, **training):
    pass  # it trains the denoiser in place
bits = ddpm.sample(denoiser, schedule, n_live_augmented, rng=rng)
many = ddpm.to_spins(bits)

p = exact.probabilities(model)  # (2^M,), known because M is small
never = exact.frequencies(few) == 0
print(f"{never.sum()} missing points, true probability {p[never].sum():.1f}")
for name, spins in (("observed", few), ("augmented", many)):
    q = exact.frequencies(spins)
    fit = exact.probabilities(erasure.fit(spins, epsilon=0.5).model)
    print(f"{name:9}: on missing points {q[never].sum():.1f},", end=" ")
    print(f"distance {exact.total_variation(p, q):.1f},", end=" ")
    print(f"inferred model {exact.total_variation(p, fit):.1f}")

# %% [markdown]
# What this cell prints is live. All other numbers come from stored runs with the thesis's network and stopping rule. We
# count among the first 10,000 augmented samples, which a run keeps; the models are inferred from all 100,000.

# %% tags=["remove-input", "hide-output"]
source(walk.pipeline)

# %% [markdown]
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | A diagram: the true distribution, the network's, and samples of it. No sizes. | $M = 10$ spins, so that all probabilities are known; 200 observed samples; three truths. |
# | The network of Appendix B, and the stopping rule of its Sec. 3.2. | The same, with at most 2,000 updates; the rest as [with Figure 7](fig07_early_stopping.ipynb). |
# | No comparison. | Fresh samples, smoothed frequencies and maximum likelihood beside it. |
#
# ## The numbers

# %% tags=["hide-cell"]
share, rows = 100 * missing["augmented"] / missing["truth"], []
for name, q in found.items():
    part = exact.total_variation(truth * ~seen, q * ~seen)
    values = missing[name], distance[name], part
    rows.append([name, *(style.spread(value) for value in values)])
style.table(rows, ["", "on missing points", "distance", "its part from there"])

# %% tags=["hide-cell"]
numbers = {  # name: what, values, digits
    "seen": ("configurations observed", seen.sum(1), 0),
    "share": ("augmented, share of what is due, %", share, 0),
}
for name in ("observed", "augmented"):
    error = [run.error(name) for run in runs]
    numbers[f"mse_{name}"] = f"MSE, {name}", error, 3
for name in ("likelihood", "EM, observed", "EM, augmented"):
    kl = list(map(exact.divergence, truth, found[name]))
    numbers[f"kl_{name}"] = f"Kullback–Leibler divergence, {name}", kl, 2
rows = [[what, style.spread(v, max(n, 1))] for what, v, n in numbers.values()]
style.table(rows, ["", "mean (range)"])

# %% tags=["remove-cell"]
numbers |= {f"distance_{name}": ("", v, 2) for name, v in distance.items()}
numbers |= {f"missing_{name}": ("", 100 * v, 0) for name, v in missing.items()}
for name, (_, values, digits) in numbers.items():
    glue(f"fig02_{name.replace(', ', '_')}", style.spread(values, digits), display=False)
for name, text in {
    "crossed": f"{sum(bool(run['stop_crossed']) for run in runs)} of {len(runs)}",
    "kept": ", ".join(f"{run['iterations'][run['stop_index']]:,}" for run in runs),
    "epsilons": ", ".join(f"{run['augmented_epsilon']:.2f}" for run in runs),
    "wins": f"{(distance['EM, augmented'] < distance['likelihood']).sum()} of {len(runs)}",
}.items():
    glue(f"fig02_{name}", text, display=False)

# %% [markdown]
# ## Try next
#
# ```bash
# ising-book run fig02 -p n_live_iterations=50
# ising-book run fig02 -p n_live_observed=2000
# ```
#
# Both change the live cell alone and take seconds. After 50 updates expect too much on the missing points: the samples
# are nearly random. With twenty times the samples expect hardly any missing points, and no gain.

# %% tags=["remove-input", "nbval-ignore-output"]
found["truth"] = truth
style.csv("fig02", {name: q[0].round(6) for name, q in found.items()})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(runs, "fig02_missing_points", preset))
