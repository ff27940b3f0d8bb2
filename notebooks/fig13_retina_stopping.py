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
# # Figure 13: when to stop on the retina
#
# **Claim.** *On real data, too, the energy variance of the generated samples falls during training, and the
# point where it meets that of the test samples is where to stop.*
#
# The thesis trains the diffusion model on 8,000 samples of the 40 most active neurons of the
# [recording](fig11_retina_raster.ipynb) and draws what [Figure 7](fig07_early_stopping.ipynb) shows for an
# Ising model {cite}`lim2024thesis`: the variance of the energy of the generated samples under the model
# $(h^\text{obs}, J^\text{obs})$ inferred from the training samples, with a line for 1,000 test samples. The
# rule, {func}`ising_lib.stopping.crossing`, stops where the variance comes down to that line, or to the line of
# the observed samples if it is higher.
#
# In Figure 7 the truth tells whether this point is any good. Here there is none to compare with. So we ask
# three other witnesses, each on test samples that the training has not seen:
#
# - the loss of the diffusion model itself on them ({func}`ising_lib.ddpm.denoising_loss`). It rises when the
#   network overfits;
# - how well the model inferred from the generated samples predicts each neuron from all others, the
#   log-pseudolikelihood ({func}`ising_lib.metrics.log_pseudolikelihood`),
#
# $$
# \mathrm{PL} = \Big\langle \sum_i \log p(\sigma_i \mid \sigma_{j \neq i}) \Big\rangle_\text{test},
# \qquad p(\sigma_i \mid \sigma_{j \neq i}) = \frac{1}{1 + e^{-2 \sigma_i (h_i + \sum_j J_{ij} \sigma_j)}} ;
# $$
#
# - how well it fills in missing neurons, as in [Figure 12](fig12_retina_imputation.ipynb).
#
# None of them needs a new training: the runs keep the parameters inferred at every checkpoint.
#
# ## Parameters
#
# The runs are those of Figures 12 and 14. Each seed is another split of the recording and another training.
# Training goes on beyond the stopping point, to `n_iterations` updates, so that the whole curve is seen. The
# number of updates is ours; the thesis does not state its own for the retina.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_observed = 8_000
n_test = 1_000
n_missing = 14
n_iterations = 8_000
n_checkpoints = 11
n_monitor = 10_000
n_augmented = 100_000
n_sampling_steps = 30
seeds = [0, 1, 2]

# %% [markdown]
# ## The walk

# %% tags=["runs"]
from ising_book import walk, worlds

configs = worlds.from_parameters(worlds.Retina, globals())

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import provenance, style, worlds
from ising_book.runs import find_or_compute
from ising_lib import datasets, imputation, ising, metrics, stopping

runs = find_or_compute(configs)

# %% [markdown]
# Each model inferred at a checkpoint is scored on the test samples; so are, for comparison, the model
# inferred from the observed samples, and independent neurons that fire at their mean rates.

# %%
observed, tests = zip(*[walk.samples(one) for one in configs], strict=True)  # (N, M), (N', M) for each seed
masks = [
    imputation.random_mask(test.shape, n_missing, rng=worlds.stream(seed, "missing"))
    for test, seed in zip(tests, seeds, strict=True)
]
independent = [imputation.independent_model(spins).to_vector() for spins in observed]
rows = [
    np.vstack([run["monitored"], run["observed"], alone])
    for run, alone in zip(runs, independent, strict=True)
]
scores = np.array(
    [metrics.held_out(*three) for three in zip(rows, tests, masks, strict=True)]
)  # (S, 2, K + 2)
predicted, recovered = scores[:, 0], 100 * scores[:, 1]  # (S, K + 2) each

# %% [markdown]
# The test line rests on few samples. How far off may it be? Its standard error tells, and so does the same
# variance over the whole recording. There we also ask what this variance measures: how much of it is explained
# by the number of active neurons alone, and how much comes from the bins with three times the mean number or
# more.

# %%
everything, _ = datasets.most_active_spins(datasets.load_retina(), n_spins)
whole = np.array([stopping.energy_variance(everything, run.model("observed")) for run in runs])  # (S,)
active = (everything > 0).sum(1)
crowded = active >= 3 * active.mean()
every = [ising.energy(run.model("observed"), everything) for run in runs]
levels = [
    np.bincount(active, energy) / np.maximum(np.bincount(active), 1) for energy in every
]  # mean E of each
explained = 100 * np.array(
    [level[active].var() / energy.var() for level, energy in zip(levels, every, strict=True)]
)
deviations = np.array([(energy - energy.mean()) ** 2 for energy in every])  # (S, bins)
crowd_share = 100 * deviations[:, crowded].sum(1) / deviations.sum(1)  # (S,)
energies = [ising.energy(run.model("observed"), test) for run, test in zip(runs, tests, strict=True)]
squares = np.array([(energy - energy.mean()) ** 2 for energy in energies])  # (S, N')
line_error = squares.std(1) / np.sqrt(n_test)  # (S,)

# %% [markdown]
# ## The numbers

# %%
iterations = runs[0]["iterations"]  # (K,)
variance, copies = (np.array([run[name] for run in runs]) for name in ("variance", "distances"))
copies = 100 * copies[:, :, 0]  # (S, K) share of generated samples that equal some observed one
losses = {name: np.array([run[f"{name}_loss"] for run in runs]) for name in ("observed", "test")}  # (S, K)
test_line, observed_line, kept = (
    np.array([run[name] for run in runs]) for name in ("test_line", "observed_line", "stop_index")
)
test_copies = np.array([100 * run["test_distances"][0] for run in runs])
stops = [[run["stop_iteration"]] if run["stop_crossed"] else [] for run in runs]  # one or none per seed
filled = recovered[:, :-1] - recovered[:, -1:]  # (S, K + 1) accuracy minus that of all silent
noise = np.array([(run["observed"] ** 2).sum() for run in runs])  # Var E of random spins: Σ h² + Σ J²
best = {
    "loss": losses["test"].argmin(1),
    "PL": predicted[:, :-2].argmax(1),
    "accuracy": filled[:, :-1].argmax(1),
}
for s, run in enumerate(runs):
    by_rule = f"the rule fires at {run['stop_iteration']:.0f}" if run["stop_crossed"] else "it never fires"
    print(f"seed {run.config['seed']}: Var E {', '.join(f'{v:.0f}' for v in variance[s])}")
    print(
        f"  test line {test_line[s]:.0f} ± {line_error[s]:.0f}, observed line {observed_line[s]:.0f}, ",
        end="",
    )
    print(f"whole recording {whole[s]:.0f}")
    print(f"  {by_rule}; kept {iterations[kept[s]]}; best by ", end="")
    print(", ".join(f"{name}: {iterations[k[s]]}" for name, k in best.items()))

# %%
print("at iterations", ", ".join(str(n) for n in iterations))
for name, values, digits in (
    ("loss on test samples", losses["test"], 4),
    ("loss on observed samples", losses["observed"], 4),
    ("PL", predicted[:, :-2], 1),
    ("accuracy minus that of all silent (points)", filled[:, :-1], 2),
    ("copies of observed samples (%)", copies, 1),
):
    print(f"{name}, mean: {', '.join(f'{value:.{digits}f}' for value in values.mean(0))}")
print("PL of the observed model:", style.spread(predicted[:, -2]))
print("PL of independent neurons:", style.spread(predicted[:, -1]))
print("accuracy of the observed model minus that of all silent (points):", style.spread(filled[:, -1], 2))
print("accuracy of all silent (%):", style.spread(recovered[:, -1], 2))
print("copies among the test samples (%):", style.spread(test_copies, 1))
print("Var E explained by the number of active neurons (%):", style.spread(explained, 0))
print(f"crowded bins: {100 * crowded.mean():.1f} % of the recording, they make of Var E (%): ", end="")
print(style.spread(crowd_share, 0))
print("Var E of random spins / test line:", style.spread(noise / test_line))

# %% tags=["remove-cell"]
glue("fig13_crowded", f"{100 * crowded.mean():.1f}", display=False)
glue("fig13_explained", style.spread(explained, 0), display=False)
glue("fig13_crowd_share", style.spread(crowd_share, 0), display=False)
glue("fig13_crossed", f"{sum(map(len, stops))} of {len(runs)}", display=False)
glue("fig13_first", style.spread(variance[:, 0] / test_line, 2), display=False)
glue("fig13_last", style.spread(variance[:, -1] / test_line, 2), display=False)
glue("fig13_highest", style.spread(variance.max(1) / test_line, 2), display=False)
glue("fig13_line_error", style.spread(100 * line_error / test_line, 0), display=False)
glue("fig13_whole", style.spread(whole / test_line, 2), display=False)
for name, k in best.items():
    glue(f"fig13_best_{name}", ", ".join(str(iterations[n]) for n in k), display=False)
rise = losses["test"][:, -1] / losses["test"].min(1)
glue("fig13_rise", style.spread(100 * (rise - 1), 1), display=False)
for name, values, digits in (("PL", predicted, 1), ("filled", filled, 2), ("copies", copies, 1)):
    curve = values[:, : len(iterations)]
    glue(f"fig13_{name}_last", style.spread(curve[:, -1], digits), display=False)
    glue(f"fig13_{name}_highest", style.spread(curve.max(1), digits), display=False)
glue("fig13_PL_observed", style.spread(predicted[:, -2], 1), display=False)
glue("fig13_PL_independent", style.spread(predicted[:, -1], 1), display=False)
by_score = filled[np.arange(len(runs)), best["PL"]]
glue("fig13_filled_by_PL", style.spread(by_score, 2), display=False)
glue("fig13_filled_observed", style.spread(filled[:, -1], 2), display=False)
glue("fig13_noise", style.spread(noise / test_line, 2), display=False)
glue("fig13_test_copies", style.spread(test_copies, 1), display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels against training iterations. Top: the energy variance of generated samples stays far below the test and the observed line and rises slowly, for one seed and for all. Middle: the loss on test samples falls to the end, together with that on observed samples; the share of generated samples that copy an observed one falls towards that of the test samples, and stays above it. Bottom: the log-pseudolikelihood of the inferred models is highest early and far below that of independent neurons; their accuracy is near that of silence, with one seed falling below it late."}}
style.use_style()
fig, axes = plt.subplots(3, 2, figsize=(8.4, 8.4), sharex=True)
style.curve(axes[0, 0], iterations, variance[0], "augmented")
style.level(axes[0, 0], test_line[0], "test")
style.level(axes[0, 0], observed_line[0], "observed")
style.curve(axes[0, 1], iterations, variance / test_line[:, None], "augmented")
style.level(axes[0, 1], 1.0, "test")
style.level(axes[0, 1], observed_line / test_line, "observed")
style.level(axes[0, 1], whole / test_line, "truth", "whole recording")
style.curve(axes[1, 0], iterations, losses["test"], "test")
style.curve(axes[1, 0], iterations, losses["observed"], "observed")
style.curve(axes[1, 1], iterations, copies, "augmented")
style.level(axes[1, 1], test_copies, "test")
style.curve(axes[2, 0], iterations, predicted[:, :-2], "augmented")
style.level(axes[2, 0], predicted[:, -2], "observed")
style.level(axes[2, 0], predicted[:, -1], "baseline", "independent")
style.curve(axes[2, 1], iterations, filled[:, :-1], "augmented")
style.level(axes[2, 1], filled[:, -1], "observed")
style.level(axes[2, 1], 0.0, "baseline", "all silent")
style.training_axis(axes, [np.concatenate(stops)] * 2)
axes[0, 0].set(title=f"energy variance, seed {seeds[0]}", ylabel="Var E")
axes[0, 1].set(title=f"energy variance, {len(seeds)} seeds", ylabel="Var E / Var E of test")
axes[1, 0].set(title="loss of the diffusion model", ylabel="loss per spin")
axes[1, 1].set(title="copies of observed samples", ylabel="share (%)")
axes[2, 0].set(title="prediction of each neuron", ylabel="PL (nats per sample)")
axes[2, 0].set_xticks(iterations[::2], iterations[::2])
axes[2, 0].minorticks_off()
axes[2, 0].legend(loc="upper right", bbox_to_anchor=(1.0, 0.92))
_ = axes[2, 1].set(title="recovery of missing neurons", ylabel="accuracy − all silent (points)")

# %% [markdown]
# Top: Var E of the samples generated at each checkpoint, with the test and the observed line; left one seed,
# as in the thesis, right all seeds relative to their own test lines, with the line of the whole recording.
# Middle: the loss of the diffusion model on test and on observed samples; and how many generated samples equal
# an observed one, against how many test samples do. Bottom: log-pseudolikelihood and recovery by the models
# inferred from the samples of each checkpoint, with those of the observed model and of independent neurons.
# Except top left, lines are means over seeds and bands run from the smallest to the largest. A vertical
# line would mark a stopping point of the rule.
#
# ## What to see, and whether the claims hold
#
# **The variance does not come from above.** At the first checkpoint it is {glue:text}`fig13_first:s` times the
# test line (mean, smallest and largest), at the last {glue:text}`fig13_last:s` times, and it was never more
# than {glue:text}`fig13_highest:s` times. The rule fires in {glue:text}`fig13_crossed:s` seeds. The line is
# not to blame: its standard error is {glue:text}`fig13_line_error:s` % of it, and the whole recording has
# {glue:text}`fig13_whole:s` times the variance of the test samples. Nor does it start above:
# an untrained network generates random spins, whose variance is $\sum_i h_i^2 + \sum_{i<j} J_{ij}^2$ under
# the model, {glue:text}`fig13_noise:s` times the test line. On an Ising model, too, random spins start below
# the line, but the variance is above it at the first checkpoint ([Figure 7](fig07_early_stopping.ipynb)). Here
# it is not. Whether it was in between, before we first look, we cannot say.
#
# **What it measures.** In the recording, the number of active neurons alone explains
# {glue:text}`fig13_explained:s` % of Var E. So the generated samples have too narrow a spread of that number.
# The {glue:text}`fig13_crowded:s` % most crowded bins, with three times the mean number or more, make
# {glue:text}`fig13_crowd_share:s` % of the variance. They are probably what is missing, because the generated
# samples repeat common samples too often: {glue:text}`fig13_copies_last:s` % equal some observed sample at
# the end, against {glue:text}`fig13_test_copies:s` % of the test samples.
#
# **The witnesses disagree.** The loss on test samples is lowest after {glue:text}`fig13_best_loss:s`
# iterations, seed by seed; at the end it is {glue:text}`fig13_rise:s` % above its lowest value. By this
# measure nothing is overfitted yet, and training should go on. The copies say the same: they are still too
# many, but their number falls. The models inferred from the generated samples
# predict best after {glue:text}`fig13_best_PL:s` iterations, and recover best after
# {glue:text}`fig13_best_accuracy:s`.
#
# **Where to stop matters, but for another reason.** Against all silent, the observed model has
# {glue:text}`fig13_filled_observed:s` points of accuracy. The models inferred at the best checkpoint, chosen
# after the fact on the same test samples, have {glue:text}`fig13_filled_highest:s`; those chosen by their
# log-pseudolikelihood {glue:text}`fig13_filled_by_PL:s`; those at the end {glue:text}`fig13_filled_last:s`. So on
# average a model from the middle of the training beats the observed one, by not being worse than silence.
# These ups and downs are mostly the sign of the field on one neuron ([Figure 12](fig12_retina_imputation.ipynb)). Neither
# the variance nor the loss points there.
#
# **The inference is the weak link.** The best log-pseudolikelihood is {glue:text}`fig13_PL_highest:s`, that of
# the observed model {glue:text}`fig13_PL_observed:s`. Both are far below independent neurons,
# {glue:text}`fig13_PL_independent:s`. Every witness but the loss and the copies speaks through the Erasure
# Machine, which does badly on neurons as silent as these.
#
# So the claim that the crossing marks a good stopping point cannot be confirmed on these data: there is no
# crossing. Two choices of ours may matter: the number of updates, and sampling in 30 steps
# ({func}`ising_lib.ddpm.sample`).

# %% tags=["remove-input"]
Markdown(provenance.table(runs, "fig13_retina_stopping", preset))
