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
# # Data that nobody simulated
#
# **Our claim, beyond the thesis:** *On recordings, too, whoever may choose the method needs no augmentation. The fit
# that comes nearest to one of the whole recording is a direct fit to the observed samples.* {verdict}`19`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
recordings = {
    "annealer": {"n_spins": 62, "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "network_seeds": [0, 1, 2]},
    "neurons": {"n_spins": 15, "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "network_seeds": [0, 1, 2]},
}
n_observed = 4_000
n_test = 4_000
n_iterations = 3_000
n_augmented = 100_000
n_sampling_steps = 30
network = {"n_iterations": 8_000, "n_checkpoints": 6, "n_monitor": 5_000}
longer = {"n_iterations": 12_000}  # of the mean-field denoiser, on the last of the recordings

# %% tags=["runs", "hide-cell"]
from ising_experiments import worlds

direct, thesis = {}, {}
for name, own in recordings.items():
    own = {"recording": name, **own}
    direct[name] = worlds.from_parameters(worlds.Recorded, globals(), **own)
    own |= {"seeds": own["network_seeds"], **network}
    thesis[name] = (
        worlds.from_parameters(worlds.RecordedAugmentation, globals(), **own) if own["seeds"] else []
    )
own = {"recording": name, **recordings[name], "seeds": recordings[name]["seeds"][:3]}
trained = worlds.from_parameters(worlds.Recorded, globals(), **own | longer)
configs = [one for groups in (direct, thesis) for group in groups.values() for one in group]
configs += [*trained, *(group[0].whole() for group in direct.values())]

# %% tags=["hide-cell"]
import itertools

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import claims, style
from ising_experiments import provenance, real_data
from ising_experiments.runs import by_config, source
from ising_lib import exact

found = by_config(configs)
PARTS = {  # {whose samples: {name: (label, role)}}
    "observed samples": {
        "likelihood": ("maximum likelihood", "rival"),
        "pseudolikelihood": ("pseudolikelihood", "rival"),
        "erasure": ("Erasure Machine", "observed"),
        "erasure_tap": ("Erasure Machine, corrected", "corrected"),
    },
    "the thesis's network": {
        "network": ("Erasure Machine", "augmented"),
        "network_pseudolikelihood": ("pseudolikelihood", "augmented"),
    },
    "mean-field denoiser": {
        "augmented": ("Erasure Machine", "structured"),
        "augmented_pseudolikelihood": ("pseudolikelihood", "structured"),
    },
    "discrete diffusion": {
        "augmented_spins": ("Erasure Machine", "discrete"),
        "augmented_spins_pseudolikelihood": ("pseudolikelihood", "discrete"),
    },
}
ROWS = {name: (part, *row) for part, rows in PARTS.items() for name, row in rows.items()}
DIRECT = list(PARTS["observed samples"])
AUGMENTED = [name for name in ROWS if name not in DIRECT]
OF_NETWORK = {"network": "augmented", "network_pseudolikelihood": "augmented_pseudolikelihood"}


def holders(recording, name):
    """The runs that hold an inference, in the order of the seeds, and its name there."""
    group, name = (thesis, OF_NETWORK[name]) if name in OF_NETWORK else (direct, name)
    return [(found[config], name) for config in group[recording]]


def errors_to(fit):
    """MSE against one of the fits to all samples: {recording: {name: (S,)}}."""
    errors = {recording: {} for recording in recordings}
    for recording, name in itertools.product(recordings, ROWS):
        apart = [run[n] - whole[recording][fit] for run, n in holders(recording, name)]
        errors[recording][name] = np.array([one @ one for one in apart]) / recordings[recording]["n_spins"]
    return errors


whole = {recording: found[group[0].whole()] for recording, group in direct.items()}
errors, others = errors_to("truth"), errors_to("likelihood")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels, the annealer and the neurons, with one row for each of ten ways to infer, grouped by whose samples they use, and a dot for each seed, on a logarithmic axis of the error against the fit to the whole recording. In both panels maximum likelihood and pseudolikelihood of the observed samples lie far to the left, and pseudolikelihood of samples of discrete diffusion lies next to them; the Erasure Machine lies to the right of them, whatever samples it is given."}}
style.use_style()
fig, axes = plt.subplots(1, 2, figsize=(8, 4.8), sharey=True)
for ax, recording in zip(axes, recordings, strict=False):
    values, labels, roles = [], [], []
    for part, rows in PARTS.items():
        for name, (label, role) in {part: (part, None), **rows}.items():
            values.append(errors[recording].get(name, ()))
            labels.append(label)
            roles.append(role)
    style.seeds_by_row(ax, values, labels, roles)
    for row, some in enumerate(values):
        text = "not run" if roles[row] and not len(some) else ""
        if refused := np.isnan(some).sum():
            text = f"refused in {refused} of {len(some)}"
        side = "left" if len(some) and np.nanmean(some) > 1 else "right"
        ax.text({"left": 0.11, "right": 19}[side], row, text, ha=side, va="center")
    ax.set(xscale="log", xlim=(0.1, 20), xlabel="MSE, against the fit to all samples")
    ax.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    ax.minorticks_off()
    ax.set_title(f"{recording}, $M$ = {recordings[recording]['n_spins']}", loc="left")
for text in axes[0].get_yticklabels():  # of shared axes; the second panel has none
    text.set_fontweight("bold" if text.get_text() in PARTS else "normal")

# %% [markdown]
# The error of [Eq. (23)](#eq-23), with a fit to *all* samples of the recording in the place of the truth. Each method
# is given {glue:text}`ext09_n_observed:s` of them: a dot for each draw, {glue:text}`ext09_annealer_draws:s` on the annealer
# and {glue:text}`ext09_neurons_draws:s` on the neurons ({glue:text}`ext09_annealer_few:s` and
# {glue:text}`ext09_neurons_few:s` for the thesis's network), a bar at their mean. Headings say whose samples are fitted.
#
# ## What to see
#
# **The thesis** knows the error of its parameters only where it has simulated the data; on its one recording it scores
# filled-in neurons {cite}`lim2024thesis`. Here nobody simulated anything. One recording holds
# {glue:text}`ext09_annealer_all:s` states of {glue:text}`ext09_annealer_size:s` qubits of a D-Wave 2X quantum annealer
# {cite}`lokhov2018optimal`. The other holds {glue:text}`ext09_neurons_all:s` bins of {glue:text}`ext09_neurons_size:s`
# neurons, few enough for the exact likelihood; its source does not say where they were recorded.
#
# **Direct fits come nearest.** On the annealer maximum likelihood has an error of {glue:text}`ext09_annealer_likelihood:s`
# and pseudolikelihood of {glue:text}`ext09_annealer_pseudolikelihood:s`; the Erasure Machine has
# {glue:text}`ext09_annealer_erasure:s`. On the neurons these are {glue:text}`ext09_neurons_likelihood:s`,
# {glue:text}`ext09_neurons_pseudolikelihood:s` and {glue:text}`ext09_neurons_erasure:s`.
#
# **Does augmentation help the Erasure Machine?** With the mean-field
# denoiser and with discrete diffusion it does, on the annealer; with the thesis's network it does not. The error on augmented samples over that on the
# observed ones is {glue:text}`ext09_annealer_helps_augmented:s` with the mean-field denoiser and
# {glue:text}`ext09_annealer_helps_augmented_spins:s` with discrete diffusion (geometric mean and 95% interval, each pair on
# the same samples); with the thesis's network: {glue:text}`ext09_annealer_helps_network:s`. Its samples are not varied enough:
# in part of the trainings a spin never flips in them, which pseudolikelihood refuses. On the neurons it is
# {glue:text}`ext09_neurons_helps_augmented:s`, {glue:text}`ext09_neurons_helps_augmented_spins:s` and
# {glue:text}`ext09_neurons_helps_network:s`. There {glue:text}`ext09_iterations:s` updates are too few for the mean-field
# denoiser: with {glue:text}`ext09_longer:s` the ratio is {glue:text}`ext09_helps_longer:s`.
#
# **Does anything augmented beat the best direct fit?** No. The best of {glue:text}`ext09_ways:s` fits to augmented
# samples is on the annealer {glue:text}`ext09_annealer_best:s`, with {glue:text}`ext09_annealer_beats:s` times the error
# of maximum likelihood. On the neurons it is {glue:text}`ext09_neurons_best:s`, with {glue:text}`ext09_neurons_beats:s`
# times. Over pseudolikelihood of the observed samples these are {glue:text}`ext09_annealer_ties:s` and
# {glue:text}`ext09_neurons_ties:s`.
#
# **Refused, and worse.** Boltzmann learning gives no answer in {glue:text}`ext09_annealer_unlearned:s` draws of the annealer.
# Its chains do not come to the moments there. The [corrected](ext03_erasure_corrected.ipynb) Erasure Machine refuses the annealer's samples in
# {glue:text}`ext09_annealer_refused:s` draws: its equations are not solved. Where it answers it is far off, with errors of
# {glue:text}`ext09_annealer_answered:s`, and of {glue:text}`ext09_neurons_answered:s` on the neurons. It was tried on
# simulated models of moderate couplings. The annealer's go up to $|J| = $ {glue:text}`ext09_annealer_strongest:s`, and
# the neurons' spins have a mean $|m_i|$ of {glue:text}`ext09_neurons_bias:s`.
#
# **A score that needs no truth**, the log-pseudolikelihood of other samples of the recording, stands in the
# table below. On the annealer maximum likelihood is first by it, too, and the Erasure Machine last. On the
# neurons it does not tell the best apart.
#
# ## How good is this truth?
#
# It is a fit itself. The samples are drawn without replacement, {glue:text}`ext09_annealer_share:s` of the annealer's and
# {glue:text}`ext09_neurons_share:s` of the neurons', so that they are close to independent.
#
# *The annealer.* Maximum likelihood and pseudolikelihood of all samples would agree, but for noise, if an Ising model had
# made them. They differ by an MSE of {glue:text}`ext09_annealer_apart:s`. Noise of the samples should be some hundredths
# at most: the errors above, falling as $1/N$, would come to {glue:text}`ext09_annealer_noise:s`. So the annealer is not
# quite an Ising model, and differences well below {glue:text}`ext09_annealer_apart:s` mean nothing. The truth above is
# pseudolikelihood, which needs no Monte Carlo. Against the other fit maximum likelihood has
# {glue:text}`ext09_annealer_other_likelihood:s`, pseudolikelihood {glue:text}`ext09_annealer_other_pseudolikelihood:s`, the Erasure Machine
# {glue:text}`ext09_annealer_other_erasure:s` and the best fit to augmented samples {glue:text}`ext09_annealer_other_best:s`.
#
# *The neurons.* Here both fits agree to {glue:text}`ext09_neurons_apart:s`, and the Fisher information can be enumerated.
# With the prior below it leaves an uncertainty of {glue:text}`ext09_neurons_noise:s`, not much less than the best errors
# in the figure. Some pairs of neurons hardly ever spike together, and this recording does not tell their couplings. A
# prior or a ridge draws these to zero, in the fit to all samples and in those to a few. So the best fits may be nearer
# to this truth than to that of the neurons.
#
# ## How it is computed
#
# The fit to all $N$ samples has a prior $\mathcal{N}(0, 1)$ of each coupling, a ridge of $1/2N$: next to nothing, but for
# pairs that are never seen together. Up to twenty spins the truth is maximum likelihood, exactly. What is chosen here:
# the ridge of both direct fits, by three folds; that of a fit to augmented samples, $M$ over their number;
# {glue:text}`ext09_augmented:s` of these; {glue:text}`ext09_iterations:s` updates of the mean-field denoiser, and at most
# {glue:text}`ext09_network_iterations:s` of the thesis's network, from the checkpoint that the thesis's rule keeps.

# %% tags=["remove-input", "hide-output"]
source(real_data.whole, real_data.recorded, real_data.augmentation)

# %% [markdown]
# ## The numbers
#
# The error, mean over the draws with the smallest and the largest; the log-pseudolikelihood of
# {glue:text}`ext09_n_test:s` other samples, in nats per sample, less that of the fit to all; and seconds of one core,
# with the training (of the thesis's network both fits and all checkpoints together). A method is *undefined* on
# samples that it refused.

# %% tags=["hide-cell"]
EXTRA = {"augmented": ("train_seconds", "sample_seconds"), "augmented_spins": ("redraw_seconds",)}
METHODS = list(real_data.METHODS)


def seconds(run, name):
    """Of the fit, and of all that made its samples."""
    if "seconds" not in run.arrays:
        return run.core_seconds
    before = EXTRA.get(name.removesuffix("_pseudolikelihood"), ())
    return run["seconds"][METHODS.index(name)] + sum(float(run[one]) for one in before)


rows = []
for recording, by_name in errors.items():
    rows.append((f"**{recording}**", "", "", "", ""))
    best = np.array([found[config]["scores"][-1] for config in direct[recording]])
    for name, (part, label, _) in ROWS.items():
        place = (list(OF_NETWORK) if name in OF_NETWORK else METHODS).index(name)
        scores = np.array([run["scores"][place] for run, _ in holders(recording, name)])
        took = [seconds(*holder) for holder in holders(recording, name)]
        both = style.spread(by_name[name], 2), style.spread(scores - best[: len(scores)], 2)
        some = (*both, style.number(np.mean(took), 1)) if took else ("not run", "–", "–")
        rows.append((part, label, *some))
style.table(rows, ["samples", "fit", "MSE", "score", "seconds"])

# %% tags=["remove-cell"]
numbers = {"n_observed": f"{n_observed:,}"}
numbers |= {"n_test": f"{n_test:,}", "augmented": f"{n_augmented:,}", "ways": len(AUGMENTED)}
numbers |= {"iterations": f"{n_iterations:,}", "longer": f"{longer['n_iterations']:,}"}
numbers["network_iterations"] = f"{network['n_iterations']:,}"


def interval(one, other):
    """Errors over others on the same samples, seed by seed: geometric mean and 95% interval."""
    count = min(len(one), len(other))
    effect = claims.effect(one[:count] / other[:count], ratio=True)
    mean, *ends = (style.number(end, 2) for end in (effect.mean, effect.low, effect.high))
    return (
        f"{mean} ({ends[0]} to {ends[1]})" if count > 1 else f"{mean} (one draw)" if count else "not run yet"
    )


def uncertainty(model, n_samples):
    """The mean squared error that the Fisher information leaves, with a prior N(0, 1) of each coupling."""
    states, weights = exact.configurations(model.n_spins).astype(float), exact.probabilities(model)
    first, second = np.triu_indices(model.n_spins, 1)
    features = np.hstack([states, states[:, first] * states[:, second]])  # (2^M, L)
    means = weights @ features
    fisher = features.T @ (weights[:, None] * features) - np.outer(means, means)
    prior = np.diag(np.where(np.arange(len(means)) < model.n_spins, 0.0, 1.0))
    return np.trace(np.linalg.inv(n_samples * fisher + prior)) / model.n_spins


for recording, by_name in errors.items():
    model, n_all = whole[recording].model("truth"), int(whole[recording]["n_samples"])
    best = min(AUGMENTED, key=lambda name, by_name=by_name: np.nanmean(by_name[name]))
    mine = {
        "all": f"{n_all:,}",
        "size": model.n_spins,
        "best": f"{ROWS[best][1]} on those of {ROWS[best][0]}",
    }
    mine |= {"draws": len(by_name["erasure"]), "few": len(by_name["network"])}
    mine["share"] = style.percent(n_observed / n_all, 1)
    mine |= {name: style.spread(by_name[name], 2) for name in DIRECT}
    mine |= {f"other_{name}": style.spread(others[recording][name], 2) for name in DIRECT}
    mine["other_best"] = style.spread(others[recording][best], 2)
    for name in ("network", "augmented", "augmented_spins"):
        mine[f"helps_{name}"] = interval(by_name[name], by_name["erasure"])
    mine["beats"], mine["ties"] = (interval(by_name[best], by_name[name]) for name in DIRECT[:2])
    refused = np.isnan(by_name["erasure_tap"])
    mine["refused"] = f"{refused.sum()} of {refused.size}"
    unlearned = np.isnan(by_name["likelihood"])
    mine["unlearned"] = f"{unlearned.sum()} of {unlearned.size}"
    mine["answered"] = style.spread([*by_name["erasure_tap"][~refused]] or [np.nan], 1)
    mine["strongest"] = style.number(np.abs(model.couplings).max(), 1)
    mine["bias"] = style.number(np.mean([found[config]["bias"] for config in direct[recording]]), 2)
    apart = whole[recording]["likelihood"] - whole[recording]["pseudolikelihood"]
    mine["apart"] = f"{(apart**2).sum() / model.n_spins:.2g}"
    known = model.n_spins <= exact.MAX_SPINS
    noise = uncertainty(model, n_all) if known else by_name["likelihood"].mean() * n_observed / n_all
    mine["noise"] = f"{noise:.2g}"
    numbers |= {f"{recording}_{name}": text for name, text in mine.items()}
of_longer = [np.array([found[config].error(name) for config in trained]) for name in ("augmented", "erasure")]
numbers["helps_longer"] = interval(*of_longer)
for name, text in numbers.items():
    glue(f"ext09_{name}", str(text), display=False)

# %% [markdown]
# ## Try next
#
# Fewer of the neurons' bins: all errors should rise, that of the Erasure Machine least (about three minutes of
# one core):
#
# ```sh
# ising-book run ext09 -p n_observed=1000 \
#   -p 'recordings={"neurons": {"n_spins": 15, "seeds": [0, 1, 2], "network_seeds": []}}'
# ```
#
# A longer training of the mean-field denoiser on the annealer (about four minutes):
#
# ```sh
# ising-book run ext09 -p n_iterations=12000 \
#   -p 'recordings={"annealer": {"n_spins": 62, "seeds": [0], "network_seeds": []}}'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {f"{one}, {ROWS[n][0]}, {ROWS[n][1]}": errors[one][n] for one in recordings for n in ROWS}
style.csv("ext09", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext09_real_data", preset))
