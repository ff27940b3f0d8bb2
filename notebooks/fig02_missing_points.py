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
# # Figure 2: the missing points
#
# **Claim.** *Observed samples miss most of the configurations that are possible. A diffusion model trained on
# them infers the law behind them, and its samples fill in the missing points.*
#
# The thesis draws this with three clouds of points {cite}`lim2024thesis`: the true law and the samples
# observed from it, the law of the diffusion model, its samples. Here the law is real and can be written out.
# With $M = 10$ spins there are $2^{10} = 1024$ configurations, each with a known probability
# $p(\sigma)$ ({func}`ising_lib.exact.probabilities`). Of $N = 200$ observed samples, all frequencies
# $f(\sigma)$ can be counted; so can those of the augmented samples; and the laws of the models that the
# Erasure Machine infers from both can be written out, too. How far a law $q$ is from the truth, we measure by
# the *total variation distance*
#
# $$
# D(p, q) = \tfrac12 \sum_\sigma \lvert p(\sigma) - q(\sigma) \rvert ,
# $$
#
# the share of the probability that lies on wrong configurations: 0 for equal laws, 1 for laws that have
# nothing in common.
#
# ## Parameters
#
# All sizes here are our choice. Couplings are drawn with $g = 1$ and fields with $g_h = 0.2$, as in
# [Figure 8](fig08_inference_quality.ipynb). Training ends by the rule of the thesis, or after 2,000 iterations;
# see [Figure 7](fig07_early_stopping.ipynb). Each seed is another truth.

# %% tags=["parameters"]
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

# %% [markdown]
# ## The walk
#
# A run keeps the first 10,000 augmented samples. From these we count; the model is inferred from all. Three
# references put the numbers in their place.
#
# - *Fresh samples* are 10,000 drawn from the truth itself. Their distance is what counting alone costs.
# - *Smoothed* are the observed frequencies after each spin of each sample has flipped with a small
#   probability, the one that makes each sample most likely given the others
#   ({func}`ising_lib.metrics.smoothed`). It is the simplest way to fill in missing points.
# - *Likelihood* is the Ising model that makes the observed samples most likely, by enumeration
#   ({func}`ising_lib.estimators.maximum_likelihood`). No network takes part, and beyond some 20 spins it cannot
#   be had.

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(
    worlds.Augmentation, globals(), n_spins=n_spins_enumerated, n_observed=n_observed_few
)

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import erasure, estimators, exact, metrics

runs = find_or_compute(configs)

# %%
observed = [walk.samples(config)[0] for config in configs]
truth = np.array([exact.probabilities(run.model("truth")) for run in runs])  # (S, 2^M)
smoothed, rates = zip(*(metrics.smoothed(spins) for spins in observed), strict=True)
n_kept = len(runs[0]["augmented_spins"])
fresh = [
    exact.sample(run.model("truth"), n_kept, rng=worlds.stream(seed, "fresh"))
    for seed, run in zip(seeds, runs, strict=True)
]
laws = {
    "observed": np.array([metrics.frequencies(spins) for spins in observed]),
    "smoothed": np.array(smoothed),
    "augmented": np.array([metrics.frequencies(run["augmented_spins"]) for run in runs]),
    "likelihood": np.array(
        [exact.probabilities(estimators.maximum_likelihood(spins).model) for spins in observed]
    ),
    "model of observed": np.array([exact.probabilities(run.model("observed")) for run in runs]),
    "model of augmented": np.array([exact.probabilities(run.model("augmented")) for run in runs]),
    "fresh": np.array([metrics.frequencies(spins) for spins in fresh]),
}  # each (S, 2^M)
seen = laws["observed"] > 0

# %% [markdown]
# ## The numbers
#
# For each law: its probability on configurations that were never observed, the *missing points*; its distance
# from the truth; and the part of this distance that stems from the missing points.

# %%
n_seen = seen.sum(1)
missing = {name: (law * ~seen).sum(1) for name, law in {"truth": truth, **laws}.items()}  # (S,)
distance = {name: metrics.total_variation(truth, law) for name, law in laws.items()}
part = {name: metrics.total_variation(truth * ~seen, law * ~seen) for name, law in laws.items()}
print(f"configurations observed, of {seen.shape[1]}:", style.spread(n_seen, 0))
print("probability of the missing points, truth:", style.spread(missing["truth"]))
print("                    on missing points    distance             its part from there")
for name in laws:
    print(f"{name:18}", *(f"{style.spread(values[name]):20}" for values in (missing, distance, part)))

# %%
kl = {
    name: np.array([metrics.divergence(p, q) for p, q in zip(truth, laws[name], strict=True)])
    for name in ("smoothed", "likelihood", "model of observed", "model of augmented")
}
for name, values in kl.items():
    print(f"Kullback-Leibler divergence of the truth from {name}:", style.spread(values))
filled, fresh_filled = (
    100 * ((laws[name] > 0) & ~seen).sum(1) / (~seen).sum(1) for name in ("augmented", "fresh")
)
error = {name: np.array([run.error(name) for run in runs]) for name in ("observed", "augmented")}
print("missing points with an augmented sample, per cent:", style.spread(filled, 0))
print("               with a fresh sample, per cent:", style.spread(fresh_filled, 0))
print(
    "MSE (Eq. 23) observed:",
    style.spread(error["observed"]),
    "augmented:",
    style.spread(error["augmented"]),
)
for run, rate in zip(runs, rates, strict=True):
    print(f"seed {run.config['seed']}: stopped by the rule: {bool(run['stop_crossed'])},")
    print(f"  kept checkpoint {run['iterations'][run['stop_index']]}; flips when smoothing {rate:.3f}")
    print(f"  epsilon: observed {run['observed_epsilon']:.2f}, augmented {run['augmented_epsilon']:.2f}")

# %% tags=["remove-cell"]
for name in laws:
    short = name.replace("model of ", "em_")
    glue(f"fig02_{short}_distance", style.spread(distance[name], 2), display=False)
    glue(f"fig02_{short}_missing", style.spread(100 * missing[name], 0), display=False)
    glue(
        f"fig02_{short}_wins",
        f"{(distance['augmented'] < distance[name]).sum()} of {len(runs)}",
        display=False,
    )
    glue(
        f"fig02_inferred_{short}_wins",
        f"{(distance['model of augmented'] < distance[name]).sum()} of {len(runs)}",
        display=False,
    )
for name, values in kl.items():
    glue(f"fig02_{name.replace('model of ', 'em_')}_kl", style.spread(values, 2), display=False)
glue("fig02_seen", style.spread(n_seen, 0), display=False)
glue("fig02_truth_missing", style.spread(100 * missing["truth"], 0), display=False)
glue("fig02_filled", style.spread(filled, 0), display=False)
glue("fig02_fresh_filled", style.spread(fresh_filled, 0), display=False)
share = 100 * missing["augmented"] / missing["truth"]
glue("fig02_share", style.spread(share, 0), display=False)
glue("fig02_shares", ", ".join(f"{value:.0f}" for value in share), display=False)
glue("fig02_crossed", f"{sum(bool(run['stop_crossed']) for run in runs)} of {len(runs)}", display=False)
glue("fig02_epsilons", ", ".join(f"{run['augmented_epsilon']:.2f}" for run in runs), display=False)
glue("fig02_epsilon_edge", f"{erasure.EPSILON_BOUNDS[0]:.2f}", display=False)
glue("fig02_kept", ", ".join(f"{run['iterations'][run['stop_index']]:,}" for run in runs), display=False)
glue("fig02_mse_observed", style.spread(error["observed"], 3), display=False)
glue("fig02_mse_augmented", style.spread(error["augmented"], 3), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: three panels with the probabilities of all 1,024 configurations on a logarithmic axis, ordered by their true energy, with the true law as a falling black line. Observed frequencies are a few steps above it and leave most configurations at zero. Augmented frequencies follow the line, and many configurations that were never observed have some. The laws of the inferred models follow it, too, the one from augmented samples more closely. Right: dots for each seed of the probability on missing points and of the distance from the truth, by law."}}
style.use_style()
roles = dict(
    zip(
        laws, ("observed", "baseline", "augmented", "baseline", "observed", "augmented", "truth"), strict=True
    )
)
rows = [
    ["observed", "missing"],
    ["augmented", "missing"],
    ["model of observed", "distance"],
    ["model of augmented", "distance"],
]
fig, axes = plt.subplot_mosaic(rows, figsize=(9, 7.6), width_ratios=[1.25, 1])
for name, title in (
    ("observed", f"{n_observed_few} observed samples"),
    ("augmented", f"{n_kept:,} augmented samples"),
    ("model of observed", "Erasure Machine on observed samples"),
    ("model of augmented", "Erasure Machine on augmented samples"),
):
    style.law(axes[name], truth[0], laws[name][0], seen[0], roles[name], 0.3 / n_kept)
    axes[name].set(title=title, ylabel="probability")
axes["augmented"].legend(loc="upper right", markerscale=2)
axes["model of augmented"].set_xlabel("configurations, the lowest true energy first")
labels = [name.replace("model of ", "Erasure Machine,\n") for name in laws]
values = [missing["truth"], *(missing[name] for name in laws)]
style.seeds_by_row(axes["missing"], values, ["truth", *labels], ["truth", *roles.values()])
style.seeds_by_row(axes["distance"], list(distance.values()), labels, list(roles.values()))
axes["missing"].set_xlabel("probability on missing points")
_ = axes["distance"].set_xlabel("total variation distance from the truth")

# %% [markdown]
# Left: one seed. Each dot is a configuration; filled ones are among the observed samples, open ones are
# missing points. Dots on the lower edge have no sample, or a probability below 0.3 of one in 10,000. Black:
# the true law. Right: all seeds, a dot each, and a bar at their mean. Blue is counted or inferred from
# observed samples, orange from augmented ones.
#
# ## What to see, and whether the claim holds
#
# **Most points are missing.** The observed samples hit {glue:text}`fig02_seen:s` of the configurations. The
# others carry {glue:text}`fig02_truth_missing:s` per cent of the true probability (mean over seeds, smallest
# and largest).
#
# **They are filled in, but too little.** Of the augmented samples {glue:text}`fig02_augmented_missing:s` per
# cent lie there, which is {glue:text}`fig02_share:s` per cent of what is due. They hit
# {glue:text}`fig02_filled:s` per cent of the missing points; as many fresh samples of the truth hit
# {glue:text}`fig02_fresh_filled:s`. The other augmented samples repeat what was observed, and they are more
# than the truth would give. How many differs from seed to seed, and so does the end of the training: after
# {glue:text}`fig02_kept:s` iterations, in the order of the seeds, the missing points get
# {glue:text}`fig02_shares:s` per cent of what is due. The rule ended the training in
# {glue:text}`fig02_crossed:s` seeds; otherwise the last checkpoint was kept.
#
# **The law comes nearer to the truth.** The distance falls from {glue:text}`fig02_observed_distance:s` for the
# observed frequencies to {glue:text}`fig02_augmented_distance:s` for the augmented ones, in
# {glue:text}`fig02_observed_wins:s` seeds. The network does more than blur: smoothing gives
# {glue:text}`fig02_smoothed_missing:s` per cent of the probability to the missing points, about what is
# due, but often to the wrong ones, and ends at {glue:text}`fig02_smoothed_distance:s`. The augmented samples are
# nearer to the truth in {glue:text}`fig02_smoothed_wins:s` seeds. Still they are not fresh samples, which
# would be at {glue:text}`fig02_fresh_distance:s`.
#
# **The inferred model comes nearer, too.** The model that the Erasure Machine infers from so few observed
# samples is at {glue:text}`fig02_em_observed_distance:s`, hardly better than counting them: it gives too much
# to the lowest energies. From augmented samples it is at {glue:text}`fig02_em_augmented_distance:s`, nearer in
# {glue:text}`fig02_inferred_em_observed_wins:s` seeds. The Kullback–Leibler divergence of the truth from it
# falls from {glue:text}`fig02_em_observed_kl:s` to {glue:text}`fig02_em_augmented_kl:s` nats, the error of
# Eq. (23) only from {glue:text}`fig02_mse_observed:s` to {glue:text}`fig02_mse_augmented:s`. A caution: for so few
# spins its rule for $\epsilon$ is shaky. From the augmented samples it chose {glue:text}`fig02_epsilons:s`,
# and the search ends at {glue:text}`fig02_epsilon_edge:s`.
#
# **But the observed samples held more than that.** Maximum likelihood, from the same samples and without a
# network, comes to {glue:text}`fig02_likelihood_distance:s` and {glue:text}`fig02_likelihood_kl:s` nats. The
# Erasure Machine on augmented samples is better in {glue:text}`fig02_inferred_likelihood_wins:s` seeds.
# Likelihood knows that the law is an Ising model, and the network does not; but the Erasure Machine knows it
# as well. So the claim holds against the samples and against the method that it is made for. It does not
# hold against the best use of the same samples, which can be computed for so small a system.

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig02_missing_points", preset))
