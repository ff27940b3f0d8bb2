# %% [markdown]
# # Figure 11: what the retina says
#
# **The thesis shows** *a recording of 160 neurons of a salamander retina, whose activity it then describes by an Ising
# model.* {cite}`lim2024thesis` We ask whether there is something for couplings to describe.
# *No verdict: the thesis measures nothing here, so this is not among the [claims](../book/claims.md).*

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_repeats = 3
n_bins = 400

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import style
from ising_experiments import scoring
from ising_lib import datasets

seconds = 0.020  # of a bin
recording = datasets.load_retina()  # (R repeats, 160 neurons, T bins)
n_all = recording.shape[1]
_, order = datasets.most_active_spins(recording, n_all)
recording = recording[:, order]  # most active first
chosen = np.arange(n_all) < n_spins
colours = {"the most active": style.COLOURS["observed"], "others": "black"}


def spikes(ax, repeat):
    """One tick for each spike, time to the right, the first neuron on top."""
    for rows, color in zip((chosen, ~chosen), colours.values(), strict=True):
        neurons, bins = np.nonzero(repeat & rows[:, None])
        ends = np.array([neurons + 0.4, neurons + 1.6, neurons * np.nan])
        times = np.repeat((bins + 0.5) * seconds, 3)
        ax.plot(times, ends.T.ravel(), color=color, linewidth=0.8)
    ax.axhline(n_spins + 0.5, color=style.COLOURS["baseline"], linewidth=0.6)
    ax.set(xlim=(0, repeat.shape[1] * seconds), ylim=(n_all + 1, 0))
    ax.set(ylabel="neuron", yticks=[1, n_spins, n_all])


# %% tags=["hide-input"] mystnb={"image": {"alt": "Three rasters of 160 neurons against time, the 40 most active ones in blue on top; spikes line up in columns at the same times in all repeats of the film."}}
style.use_style()
size = {"figsize": (8, 5.7), "sharex": True, "squeeze": False}
fig, axes = plt.subplots(n_repeats, 1, **size)
for number, ax in enumerate(axes[:, 0], start=1):
    spikes(ax, recording[number - 1, :, :n_bins].astype(bool))
    ax.set_title(f"repeat {number} of the film", loc="left")
_ = ax.set_xlabel("time in the film (s)")

# %% [markdown]
# Each tick is a bin of 20 ms in which a neuron fired; one row per neuron, the most active on top, those used in
# Figures 12 to 14 in blue.
#
# ## What to see
#
# **The thesis** shows the raster alone, without numbers.
#
# **The retina follows the film.** Columns of spikes stand at the same times in every repeat. Between them it is quiet.
#
# **Silence is the rule.** Over {glue:text}`fig11_bins:s` bins in {glue:text}`fig11_repeats:s` repeats, a neuron fires
# in {glue:text}`fig11_rate:s` of the bins, from {glue:text}`fig11_highest:s` for the most active one to
# {glue:text}`fig11_lowest:s` for the least. The {glue:text}`fig11_n_spins:s` most active neurons carry
# {glue:text}`fig11_share:s` of the spikes. Even they fire in only {glue:text}`fig11_rate_chosen:s` of the bins. Keep
# a number in mind for the next figures: whoever always guesses "silent" for these neurons is right in
# {glue:text}`fig11_silent_chosen:s` of the cases.

# %% tags=["hide-cell"]
rates = recording.mean((0, 2))  # p_i (160,)
film = recording.mean(0).T  # p_i(t) (T, 160)
counted = {}  # distributions of the number of active neurons
for m in (n_all, n_spins):
    counts = recording[:, :m].sum(1).ravel()  # (R × T,)
    counted[m] = {
        "recording": np.bincount(counts, minlength=m + 1) / counts.size,
        "film": scoring.independent_counts(film[:, :m]).mean(0),
        "independent": scoring.independent_counts(rates[:m]),
    }

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: rates of the neurons by rank, falling from 16% to a tenth of a per cent. Middle and right: the distribution of the number of neurons active in a bin, for all and for the 40 most active ones, much wider in the recording than for independent neurons, and nearly that of neurons that each follow the film."}}
fig, (left, *panels) = plt.subplots(1, 3, figsize=(8, 3.1))
for rows, color in zip((chosen, ~chosen), colours.values(), strict=True):
    left.semilogy(np.flatnonzero(rows) + 1, 100 * rates[rows], ".", color=color)
left.set(xlabel="neuron, most active first", ylabel="active bins (%)")
left.yaxis.set_major_formatter("{x:g}")
look = {
    "recording": {"color": style.COLOURS["observed"], "marker": "o", "ls": ""},
    "film": {"color": "black", "label": "each follows the film"},
    "independent": {"color": style.COLOURS["baseline"], "linestyle": ":"},
}
for ax, (m, by_name) in zip(panels, counted.items(), strict=True):
    for name, shares in by_name.items():
        ax.semilogy(shares, **{"label": name, **look[name]})
    most = np.flatnonzero(by_name["recording"]).max()
    ax.set(xlim=(-1, most + 1), ylim=(1e-6, 1))
    ax.set(title=f"{m} neurons", xlabel="active in a bin")
panels[0].set_ylabel("share of the bins")
entries = ax.get_legend_handles_labels()
_ = fig.legend(*entries, loc="outside upper right", ncols=3)

# %% [markdown]
# Left: in how many bins each neuron fires. Right: how many neurons fire in the same bin; black if each followed the
# film by itself, grey if each fired at its mean rate.
#
# **Neurons fire together.** No neuron fires in {glue:text}`fig11_none_recording:s` of the bins; independent neurons
# would all be silent in {glue:text}`fig11_none_independent:s`. {glue:text}`fig11_busy:s` or more of the 160, three
# times the mean, fire in {glue:text}`fig11_many_recording:s` of the bins, against
# {glue:text}`fig11_many_independent:s` if they were independent; the record is {glue:text}`fig11_most:s` at once.
# Couplings can describe this; fields alone cannot.
#
# **Nearly all of it is the film.** Neurons that follow the film, each by itself, would be silent together in
# {glue:text}`fig11_none_film:s` of the bins, and {glue:text}`fig11_busy:s` or more would fire in
# {glue:text}`fig11_many_film:s`. The number of active neurons has variance {glue:text}`fig11_variance_recording:s` in
# the recording, {glue:text}`fig11_variance_film:s` by the film alone, {glue:text}`fig11_variance_independent:s` for
# independent neurons. Only the largest and rarest counts, at the right end of the panels, are more frequent than the
# film explains.
#
# So couplings fitted to single bins, as in the thesis, describe both what neurons see in common and how they act on each
# other. They are not a wiring diagram. And training and test samples that are drawn at random from all bins, as in
# Figures 12 to 14, come from the same moments of the same film.
#
# ## How it is computed
#
# The recording {cite}`marre2017data,tkacik2014searching` holds 160 ganglion cells, the cells whose axons form the
# optic nerve, while the retina saw a film of swimming fish again and again. A bin of 20 ms holds a 1 if the neuron
# fired in it, once or more often, and a 0 if it was silent ({func}`ising_lib.datasets.load_retina`). In [Figure
# 12](fig12_retina_imputation.ipynb) and after, these become spins, $+1$ and $-1$.
#
# For neurons that fire independently, neuron $i$ with probability $p_i$ in each bin, the number $K = \sum_i x_i$ of
# active neurons has a distribution that is built up neuron by neuron ({func}`ising_experiments.scoring.independent_counts`),
#
# $$
# P_{i}(K) = (1 - p_i)\, P_{i-1}(K) + p_i\, P_{i-1}(K - 1), \qquad P_0(K) = \delta_{K0} .
# $$
#
# Every neuron saw the same film. Let $p_i(t)$ be the share of repeats in which neuron $i$ fired in bin $t$ of it.
# Neurons that follow the film and nothing else have the distribution above in each bin $t$, and its mean over $t$ in
# the whole. What is left between it and the recording is not made by the film.
#
# ### What the thesis states, and what we chose
#
# | The thesis states | We chose |
# |---|---|
# | 160 neurons, a film of swimming fish, bins of 20 ms. | The same recording: three repeats, 400 bins of each. |
# | Later figures use the 40 most active neurons. | These in blue. |
# | A raster, without numbers. | Rates, and counts of neurons that fire together, against two kinds of independent neurons. |
#
# ## The numbers

# %% tags=["hide-cell"]
busy = {m: round(3 * rates[:m].sum()) for m in counted}  # three times the mean
rows, variance = [], {}
for m, by_name in counted.items():
    for name, shares in by_name.items():
        mean, many = shares @ np.arange(m + 1), shares[busy[m] :].sum()
        variance[m, name] = shares @ (np.arange(m + 1) - mean) ** 2
        texts = [style.percent(shares[0], 2), style.percent(many, 4)]
        texts += [f"{mean:.2f}", f"{variance[m, name]:.2f}"]
        rows.append((f"{m}, {name}, many: {busy[m]} or more", *texts))
style.table(rows, ["neurons", "none active", "many active", "mean", "variance"])

# %% tags=["remove-cell"]
for name, text in {
    "bins": f"{counts.size:,}",
    "repeats": str(len(recording)),
    "n_spins": str(n_spins),
    "rate": style.percent(rates.mean(), 2),
    "rate_chosen": style.percent(rates[chosen].mean(), 2),
    "silent_chosen": style.percent(1 - rates[chosen].mean(), 1),
    "highest": style.percent(rates[0], 1),
    "lowest": style.percent(rates[-1], 2),
    "share": style.percent(rates[chosen].sum() / rates.sum()),
    "busy": str(busy[n_all]),
    "most": str(np.flatnonzero(counted[n_all]["recording"]).max()),
}.items():
    glue(f"fig11_{name}", text, display=False)
for name, shares in counted[n_all].items():
    many = 100 * shares[busy[n_all] :].sum()
    glue(f"fig11_none_{name}", style.percent(shares[0], 1), display=False)
    glue(f"fig11_many_{name}", f"{many:.2g}%", display=False)
    glue(f"fig11_variance_{name}", f"{variance[n_all, name]:.1f}", display=False)

# %% [markdown]
# ## Try next
#
# Another stretch, and other neurons; each takes about half a minute:
#
# ```sh
# ising-book run fig11 -p n_repeats=2 -p n_bins=953 --html
# ising-book run fig11 -p n_spins=10 --html
# ```
#
# The first shows the whole film, 19 s. Of what the ten most active neurons do together the film explains somewhat
# less.

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {"neuron, most active first": np.arange(n_all) + 1, "rate": rates}
for m, by_name in counted.items():
    columns[f"active of {m}"] = np.arange(m + 1)
    columns |= {f"{name}, {m} neurons": shares for name, shares in by_name.items()}
style.csv("fig11", columns)

# %% tags=["remove-input", "hide-output"]
name, digest, _, record = datasets.RETINA
Markdown(
    f"**Where these numbers come from.** Notebook `fig11_retina_raster`, preset `{preset}`; no runs are needed. "
    f"Recording: [{name}]({record}), sha256 `{digest[:16]}…`."
)
