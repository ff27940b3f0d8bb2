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
# # Figure 11: what the retina says
#
# **Claim.** *Retinal neurons are silent most of the time, but they fall silent together and fire together:
# there is something for couplings to describe.*
#
# The thesis shows a raster of the recording that it uses in its last part {cite}`lim2024thesis`: 160
# ganglion cells of a salamander retina, the cells whose axons form the optic nerve, recorded while the
# retina saw a film of swimming fish again and again {cite}`marre2017data,tkacik2014searching`. Time is cut
# into bins of 20 ms. A bin of a neuron holds a 1 if the neuron fired in it, once or more often, and a 0 if
# it was silent. In [Figure 12](fig12_retina_imputation.ipynb) and after, these become spins, $+1$ and $-1$.
#
# The raster is a picture of the data, not a result. We add three questions to it. How active are the
# neurons? How many of them fire in the same bin? And how many would, if they did not know of each other?
#
# For neurons that fire independently, neuron $i$ with probability $p_i$ in each bin, the number
# $K = \sum_i x_i$ of active neurons follows a law that is built up neuron by neuron,
#
# $$
# P_{i}(K) = (1 - p_i)\, P_{i-1}(K) + p_i\, P_{i-1}(K - 1), \qquad P_0(K) = \delta_{K0},
# $$
#
# in {func}`ising_lib.metrics.independent_counts`. There is a finer comparison, because every neuron saw the
# same film. Let $p_i(t)$ be the share of repeats in which neuron $i$ fired in bin $t$ of the film. Neurons
# that follow the film and nothing else have the law above in each bin $t$, and its mean over $t$ in the
# whole. What is left between it and the recording is not made by the film.
#
# ## Parameters
#
# `n_spins` neurons are marked: the most active ones, which the thesis keeps for Figures 12 to 14. The figure
# shows the first `n_bins` bins of `n_repeats` repeats. The choice of repeats and bins to show is ours.

# %% tags=["parameters"]
preset = "thesis"
n_spins = 40
n_repeats = 3
n_bins = 400

# %% [markdown]
# ## The walk

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_lib import datasets, metrics

recording = datasets.load_retina()  # (R repeats, 160 neurons, T bins)
_, order = datasets.most_active_spins(recording, recording.shape[1])
recording = recording[:, order]  # most active first
rates = recording.mean((0, 2))  # p_i (160,)
film = recording.mean(0).T  # p_i(t) (T, 160)
laws = {}
for m in (recording.shape[1], n_spins):
    counts = recording[:, :m].sum(1).ravel()  # (R × T,) active neurons
    measured = np.bincount(counts, minlength=m + 1) / counts.size
    by_film = metrics.independent_counts(film[:, :m]).mean(0)
    laws[m] = {"recording": measured, "film": by_film, "independent": metrics.independent_counts(rates[:m])}

# %% [markdown]
# ## The numbers

# %%
seconds = 0.020
n_all, chosen = recording.shape[1], np.arange(recording.shape[1]) < n_spins
print(
    f"{recording.shape[0]} repeats of {recording.shape[2]} bins, {counts.size:,} bins in all; {n_all} neurons"
)
print(f"a neuron fires in {100 * rates.mean():.2f} % of the bins, {rates.mean() / seconds:.2f} bins a second")
print(f"  the most active one in {100 * rates[0]:.2f} %, the least active one in {100 * rates[-1]:.2f} %")
share = rates[chosen].sum() / rates.sum()
print(f"the {n_spins} most active: {100 * rates[chosen].mean():.2f} %, from {100 * rates[0]:.2f} % down to")
print(f"  {100 * rates[n_spins - 1]:.2f} %; they carry {100 * share:.1f} % of the spikes")
busy = {m: round(3 * rates[:m].sum()) for m in laws}  # "many at once": three times the mean number
variance = {}
for m, by_name in laws.items():
    print(f"{m} neurons: how many fire in a bin")
    for name, law in by_name.items():
        mean, many = law @ np.arange(m + 1), law[busy[m] :].sum()
        variance[m, name] = law @ (np.arange(m + 1) - mean) ** 2
        print(f"  {name:>11}: none {100 * law[0]:5.2f} %, {busy[m]} or more {100 * many:.4f} %")
        print(f"  {'':>11}  mean {mean:.2f}, variance {variance[m, name]:.2f}")
spread = recording.mean((1, 2))
print(f"silent share per repeat: {style.spread(100 * (1 - spread), 2)} %")

# %% tags=["remove-cell"]
glue("fig11_bins", f"{counts.size:,}", display=False)
glue("fig11_repeats", str(recording.shape[0]), display=False)
glue("fig11_rate", f"{100 * rates.mean():.2f}", display=False)
glue("fig11_silent", f"{100 * (1 - rates.mean()):.1f}", display=False)
glue("fig11_rate_chosen", f"{100 * rates[chosen].mean():.2f}", display=False)
glue("fig11_silent_chosen", f"{100 * (1 - rates[chosen].mean()):.1f}", display=False)
glue("fig11_highest", f"{100 * rates[0]:.1f}", display=False)
glue("fig11_lowest_chosen", f"{100 * rates[n_spins - 1]:.1f}", display=False)
glue("fig11_lowest", f"{100 * rates[-1]:.2f}", display=False)
glue("fig11_share", f"{100 * share:.0f}", display=False)
glue("fig11_busy", str(busy[n_all]), display=False)
glue("fig11_most", str(np.flatnonzero(laws[n_all]["recording"]).max()), display=False)
for name in ("recording", "film", "independent"):
    glue(f"fig11_none_{name}", f"{100 * laws[n_all][name][0]:.1f}", display=False)
    glue(f"fig11_many_{name}", f"{100 * laws[n_all][name][busy[n_all] :].sum():.2g}", display=False)
    glue(f"fig11_variance_{name}", f"{variance[n_all, name]:.1f}", display=False)

# %% [markdown]
# ## The figure

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top: three rasters of 160 neurons against time, the 40 most active ones in blue on top; spikes line up in columns at the same times in all repeats of the film. Bottom: rates of the neurons by rank, falling from 16 per cent to a tenth of a per cent; and the distribution of the number of neurons active in a bin, much wider in the recording than for independent neurons."}}
style.use_style()
fig = plt.figure(figsize=(9, 9.2))
top, bottom = fig.subfigures(2, 1, height_ratios=[2.3, 1])
rasters = top.subplots(n_repeats, 1, sharex=True, squeeze=False)[:, 0]
for number, ax in enumerate(rasters):
    style.spikes(ax, recording[number, :, :n_bins], chosen, seconds)
    ax.set_title(f"repeat {number + 1}", loc="left")
    ax.set(ylabel="neuron", yticks=[1, n_spins, n_all])
rasters[-1].set_xlabel("time in the film (s)")
left, *panels = bottom.subplots(1, 3)
left.semilogy(np.arange(1, n_all + 1)[chosen], 100 * rates[chosen], ".", color=style.COLOURS["observed"])
left.semilogy(np.arange(1, n_all + 1)[~chosen], 100 * rates[~chosen], ".", color=style.COLOURS["truth"])
left.set(xlabel="neuron, most active first", ylabel="active bins (%)")
for ax, (m, by_name) in zip(panels, laws.items(), strict=True):
    most = np.flatnonzero(by_name["recording"]).max()
    ax.semilogy(by_name["recording"], "o", color=style.COLOURS["observed"], label="recording")
    ax.semilogy(by_name["film"], color=style.COLOURS["truth"], label="each follows the film")
    ax.semilogy(by_name["independent"], ":", color=style.COLOURS["baseline"], label="independent")
    ax.set(xlim=(-1, most + 1), ylim=(1e-6, 1), title=f"{m} neurons", xlabel="active in a bin")
panels[0].set_ylabel("share of the bins")
_ = bottom.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)

# %% [markdown]
# Top: each tick is a bin of 20 ms in which a neuron fired; one row per neuron, the most active on top, those
# used in Figures 12 to 14 in blue above the line. Bottom left: in how many bins each neuron fires. Bottom
# right: how many neurons fire in the same bin, for all of them and for the most active ones; black if each
# followed the film by itself, grey if each fired at its mean rate, as in Figure 13.
#
# ## What to see
#
# **The film is seen.** Columns of spikes stand at the same times in every repeat. Between them the retina is
# quiet.
#
# **Silence is the rule.** Over {glue:text}`fig11_bins:s` bins in {glue:text}`fig11_repeats:s` repeats, a neuron
# fires in {glue:text}`fig11_rate:s` % of the bins, so {glue:text}`fig11_silent:s` % of all entries are silent.
# The rates differ by two orders of magnitude, from {glue:text}`fig11_highest:s` % down to
# {glue:text}`fig11_lowest:s` %. The 40 most active neurons carry {glue:text}`fig11_share:s` % of the spikes.
# Even they fire in only {glue:text}`fig11_rate_chosen:s` % of the bins, the last of them in
# {glue:text}`fig11_lowest_chosen:s` %. Keep a number in mind for the next figures: whoever says "silent" to
# everything is right in {glue:text}`fig11_silent_chosen:s` % of the cases.
#
# **Neurons go together.** Nobody fires in {glue:text}`fig11_none_recording:s` % of the bins; independent
# neurons would all be silent in {glue:text}`fig11_none_independent:s` %. {glue:text}`fig11_busy:s` or more
# of the 160, three times the mean, fire in {glue:text}`fig11_many_recording:s` % of the bins, against
# {glue:text}`fig11_many_independent:s` % if they were independent; the record is {glue:text}`fig11_most:s`
# at once. The claim holds. Couplings can say this; fields alone cannot.
#
# **Nearly all of it is the film.** Neurons that follow the film, each by itself, would be silent together in
# {glue:text}`fig11_none_film:s` % of the bins, and {glue:text}`fig11_busy:s` or more would fire in
# {glue:text}`fig11_many_film:s` %. The number of active neurons has variance
# {glue:text}`fig11_variance_recording:s` in the recording, {glue:text}`fig11_variance_film:s` by the film
# alone, {glue:text}`fig11_variance_independent:s` for independent neurons. Only the rarest and largest
# crowds, at the right end of the panels, are more frequent than the film explains. The couplings of a model
# that is fitted to single bins, as in the thesis, describe both at once: what neurons see in common, and what
# they tell each other. They are no wiring diagram. And training and test samples drawn at random from all
# bins, as in Figures 12 to 14, come from the same moments of the same film.

# %% tags=["remove-input"]
Markdown(
    f"**Where these numbers come from.** Notebook `fig11_retina_raster`, preset `{preset}`; no runs are needed. "
    f"Recording: [{datasets.FILE_NAME}]({datasets.RECORD}), sha256 `{datasets.SHA256[:16]}…`."
)
