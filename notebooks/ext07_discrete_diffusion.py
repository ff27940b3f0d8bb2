# %% [markdown]
# # Analog bits, or spins all the way?
#
# **Our claim, beyond the thesis:** *Diffusion that redraws spins, learned by logistic regressions in a second, makes
# better augmented samples than diffusion of analog bits.* {verdict}`17`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 1.0
coupling_scales = [0.4, 0.6, 1.0]
observed_counts = [500, 1_000, 4_000]
system_sizes = [20, 40, 60]
cycles = [1, 4]
n_augmented = 100_000
n_iterations = 6_000
n_sampling_steps = 50
network = {
    "n_iterations": 2_000,
    "n_checkpoints": 7,
    "n_monitor": 5_000,
    "n_sampling_steps": 12,
    "stop": True,
}
seeds = [0, 1, 2]
more_seeds = [3, 4, 5, 6, 7, 8, 9]  # of the discrete diffusion alone, at each N

# %% tags=["runs", "hide-cell"]
import itertools

from ising_experiments import worlds

kinds = {"spins": worlds.Discrete, "bits": worlds.Rivals}
counts = [{"n_observed": count} for count in observed_counts]
strengths = [{"coupling_scale": g, "field_scale": g} for g in coupling_scales]
sizes = [{"n_spins": size} for size in system_sizes]
sweeps = {
    name: [
        [worlds.from_parameters(kind, globals(), **setting) for setting in some]
        for some in (counts, strengths, sizes)
    ]
    for name, kind in kinds.items()
}
every_seed = seeds + more_seeds
by_count = [worlds.from_parameters(worlds.Discrete, globals(), **count, seeds=every_seed) for count in counts]
thesis = [worlds.from_parameters(worlds.Augmentation, globals(), **network, **scales) for scales in strengths]
rest = itertools.chain(*(itertools.chain(*s) for s in sweeps.values()))
configs = [*itertools.chain(*by_count), *itertools.chain(*rest)]
configs += itertools.chain(*thesis)

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import claims, style
from ising_experiments import extensions, provenance
from ising_experiments.runs import by_config, source
from ising_lib import discrete

found = by_config(configs)
FEW, MANY = (f"{count} cycle" + "s" * (count > 1) for count in (cycles[0], cycles[-1]))
ROWS = {  # {heading: {key: (label, role)}}
    "Erasure Machine on": {
        "observed": ("observed samples", "observed"),
        "thesis": ("analog bits, thesis's network", "augmented"),
        "bits": ("analog bits, mean field", "structured"),
        "few": (f"spins, {FEW}", "discrete"),
        "many": (f"spins, {MANY}", "discrete"),
    },
    "pseudolikelihood on": {
        "rival": ("observed samples", "rival"),
        "rival_bits": ("analog bits, mean field", "structured"),
        "rival_few": (f"spins, {FEW}", "discrete"),
        "rival_many": (f"spins, {MANY}", "discrete"),
    },
}
NAMES = {"observed": "erasure", "rival": "pseudolikelihood", "bits": "augmented"}
NAMES |= {"rival_bits": "augmented_pseudolikelihood"}
CYCLES = {"few": 0, "many": -1, "rival_few": 0, "rival_many": -1}


def errors(key, spins):
    """MSE of a row, run by run, for the runs of discrete diffusion or their twins."""
    if key in CYCLES:
        name = NAMES["rival_bits" if "rival" in key else "bits"]
        return np.array([found[c].error(name)[CYCLES[key]] for c in spins])
    if key in ("observed", "rival"):
        return np.array([found[c].error(NAMES[key]) for c in spins])
    kind = type(thesis[0][0]) if key == "thesis" else kinds["bits"]
    twins = {truth(c): c for c in found if isinstance(c, kind)}
    name = NAMES.get(key, "augmented")
    return np.array([found[twins[truth(c)]].error(name) for c in spins])


def truth(config):
    """What truth and samples depend on."""
    scales = config.coupling_scale, config.field_scale
    return config.n_spins, config.n_observed, *scales, config.seed


def over_bound(key, spins):
    """MSE over the Cramér–Rao bound, run by run."""
    return errors(key, spins) / np.array([found[c]["bound"] for c in spins])


centre = by_count[observed_counts.index(n_observed)]
few_centre = centre[: len(seeds)]
alone = ("observed", "rival", *CYCLES)
middle = {
    key: over_bound(key, centre if key in alone else few_centre) for part in ROWS.values() for key in part
}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels of the error over the Cramér–Rao bound. Top left: one row for each method with a dot per seed; with the Erasure Machine the samples of discrete diffusion lie left of those of analog bits, with pseudolikelihood all rows lie near one. Others: the ratio against the number of observed samples, the strength of the couplings and the number of spins."}}
style.use_style()
fig, axes = plt.subplots(2, 2, figsize=(8, 5.9))
values, labels, roles = [], [], []
for heading, part in ROWS.items():
    for key, (label, role) in {heading: (heading, None), **part}.items():
        values.append(middle.get(key, ()))
        labels.append(label)
        roles.append(role)
style.seeds_by_row(axes[0, 0], values, labels, roles)
axes[0, 0].axvline(1, color=style.COLOURS["truth"], linewidth=0.9)
axes[0, 0].set(xscale="log", xlabel="MSE / bound", xlim=(0.5, 12))
axes[0, 0].set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
axes[0, 0].minorticks_off()
panels = {
    "observed samples $N$": (axes[0, 1], observed_counts, by_count),
    "coupling strength $g$": (axes[1, 0], coupling_scales, sweeps["spins"][1]),
    "spins $M$": (axes[1, 1], system_sizes, sweeps["spins"][2]),
}
lines = {
    "observed": ("observed", "Erasure Machine, observed"),
    "bits": ("structured", "Erasure Machine, analog bits (mean field)"),
    "many": ("discrete", f"Erasure Machine, spins ({MANY})"),
    "rival": ("rival", "pseudolikelihood, observed"),
}
for label, (ax, x, groups) in panels.items():
    for key, (role, text) in lines.items():
        shared = min(map(len, groups)) if key in alone else len(seeds)
        some = np.array([over_bound(key, group[:shared]) for group in groups])
        style.curve(ax, x, some.T, role, text)
    ax.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    ax.set(xlabel=label, ylabel="MSE / bound")
    ax.set_xscale("log" if x is observed_counts else "linear")
    ax.set_xticks(x, [f"{value:,}" for value in x])
    ax.minorticks_off()
    style.plain_decades(ax)
    ax.set_ylim(0.5, 12)
handles, texts = axes[0, 1].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=2)

# %% [markdown]
# Errors ([Eq. 23](#eq-23)) over the Cramér–Rao bound of the observed samples ([Eq. R.2](#eq-r-2)). Top left: a dot
# for each seed, a bar at their mean. Elsewhere: lines are means over the seeds, bands run from the smallest to the
# largest; where it is not varied, $g = 1$, $N = 4{,}000$ and $M = 40$.
#
# ## What to see
#
# **The thesis** chooses analog bits because an ordinary diffusion model of real numbers can then be used as it is, and
# ends with the hope for an architecture made for Ising data {cite}`lim2024thesis`. This page takes the other road:
# noise that turns spins into spins, so that nothing has to be cut at the end.
#
# **Which is better?** With {glue:text}`ext07_many:s`, the Erasure Machine has
# {glue:text}`ext07_to_bits:s` times the error that it has on as many samples of the
# [mean-field denoiser](ext02_structured_denoiser.ipynb), and {glue:text}`ext07_to_thesis:s` times that on samples of
# the thesis's network ($g = 1$, geometric mean with its 95% interval). Over all settings of this page the first ratio is
# {glue:text}`ext07_to_bits_all:s`, and the second {glue:text}`ext07_to_thesis_all:s`. At $g = $
# {glue:text}`ext07_weakest:s`, where the thesis's network raises the error, spins still lower it, to
# {glue:text}`ext07_gain_weak:s` times that of the observed samples; at $g = 1$ it is {glue:text}`ext07_gain:s`.
#
# **What it costs.** To fit {glue:text}`ext07_few:s` takes {glue:text}`ext07_fit_few:s` seconds of one core,
# {glue:text}`ext07_many:s` take {glue:text}`ext07_fit_many:s`, and 100,000 samples less than a second. The
# mean-field denoiser takes {glue:text}`ext07_seconds_bits:s` seconds for training and samples, the thesis's network
# {glue:text}`ext07_seconds_thesis:s`. Nothing is tuned: each regression has one minimum, so there is no learning
# rate, no length of the training, and no moment to stop. The samples are no copies: {glue:text}`ext07_copies:s` of
# them are among the observed ones, as are {glue:text}`ext07_copies_test:s` of fresh samples of the truth.
#
# **One cycle or four?** Four cycles have {glue:text}`ext07_many_to_few:s` times the error of one. One cycle has
# something that no other diffusion model here has: an exact likelihood. It needs no second data set to judge a
# model; a fold of the observed samples will do, and this is how the ridge was chosen.
#
# **And against no augmentation at all?** With pseudolikelihood in place of the Erasure Machine, the samples of
# {glue:text}`ext07_many:s` give {glue:text}`ext07_rival_few_samples:s` times the error of pseudolikelihood on the
# observed samples at $N = $ {glue:text}`ext07_fewest:s`, and {glue:text}`ext07_rival_many_samples:s` times at
# $N = $ {glue:text}`ext07_most:s`. With the Erasure Machine it is {glue:text}`ext07_beats_few:s` and
# {glue:text}`ext07_beats_many:s` times.
#
# ## How it is computed
#
# **Noise that redraws spins** {cite}`austin2021structured`. It visits the spins in order, $\sigma_1 \dots \sigma_M$,
# in $C$ cycles. In cycle $c$ a visit replaces the spin by a fair coin with probability $\nu_c = 1/(C - c + 1)$. What
# is left of the first value falls evenly,
#
# $$
# \prod_{c' \le c} (1 - \nu_{c'}) = \prod_{c' \le c} \frac{C - c'}{C - c' + 1} = 1 - \frac{c}{C},
# $$
#
# and after the last cycle all spins are coins.
#
# **How to undo one visit.** Say that $q$ is the distribution before a visit of spin $i$, and $q'$ that after it. The
# others, $\sigma_{\setminus i}$, stay as they are, so that $q'(\sigma_{\setminus i}) = q(\sigma_{\setminus i})$ and
#
# $$
# q(\sigma) = q(\sigma_{\setminus i})\, q(\sigma_i \mid \sigma_{\setminus i})
#           = q'(\sigma_{\setminus i})\, q(\sigma_i \mid \sigma_{\setminus i}) .
# $$
#
# To undo the visit, redraw the spin from its conditional distribution before it, given the others as they are now.
# This is exact; no step has to be small. Nothing but conditional distributions of single spins must be learned.
# Reference {cite}`elamvazhuthi2026discrete` learns them by networks. Here each is a logistic regression,
#
# $$
# q(\sigma_i \mid \sigma_{\setminus i}) = \frac{1}{1 + \exp\big(\!-2 \sigma_i\, (b_i + \sum_j W_{ij} \sigma_j)\big)},
# $$
#
# fitted to the observed samples as the noise has left them. Before any noise this is the right form for an Ising
# model, with $b_i = h_i$ and $W_{ij} = J_{ij}$, as in [pseudolikelihood](ext01_rivals.ipynb). Later it is an
# approximation: a noised Ising model in its coins is no Ising model. With a ridge each loss is convex.
#
# **One cycle has a likelihood.** For $C = 1$ each visit makes a coin. Those already visited tell nothing, and the
# model is autoregressive, as in {cite}`trinquier2021arnet`:
#
# $$
# \log p(\sigma) = \sum_i \log q(\sigma_i \mid \sigma_{i+1} \dots \sigma_M) .
# $$
#
# With more cycles $p$ is a sum over everything the noise may have done.

# %% tags=["remove-input"]
source(discrete.sample, discrete.log_likelihood)

# %% [markdown]
# **The runs.** Truth, observed and test samples are those of [the rivals](ext01_rivals.ipynb), seed by seed, and so
# are the runs of the mean-field denoiser; those of the thesis's network are those of
# [Figure 9](fig09_coupling_strength.ipynb). All draw 100,000 samples. What this page chose: the ridge, one for all
# regressions, which has the highest held-out likelihood in three folds; the numbers of cycles.

# %% tags=["remove-input", "hide-output"]
source(extensions.discrete_diffusion, extensions._copies, extensions._bound)

# %% [markdown]
# ## The numbers
#
# At the setting of the top left panel: mean over the seeds, the smallest and the largest.

# %% tags=["hide-cell"]
rows = []
for heading, part in ROWS.items():
    rows.append((f"**{heading}**", "", ""))
    for key, (label, _) in part.items():
        seeds_shown = style.number(len(middle[key]))
        rows.append((label, style.spread(middle[key], 2), seeds_shown))
style.table(rows, ["", "MSE / bound", "seeds"])

# %% [markdown]
# What the samples are like, and what they cost. Var E is the variance of the energy
# ([Figure 7](fig07_early_stopping.ipynb)); copies are samples that are among the observed ones.

# %% tags=["hide-cell"]


def listed(name, group, digits, index=None):
    """A number of the runs as text: mean over the seeds, smallest, largest."""
    some = [found[c][name] if index is None else found[c][name][index] for c in group]
    return style.spread(some, digits)


rows = []
for label, index in ((FEW, 0), (MANY, -1)):
    share = [100 * found[c]["copies"][index] for c in centre]
    seconds = [listed(f"{part}_seconds", centre, 1, index) for part in ("fit", "sample")]
    variance = listed("variance", centre, 1, index)
    rows.append((f"spins, {label}", variance, style.spread(share, 2), *seconds))
twins = {truth(c): c for c in found if isinstance(c, kinds["bits"])}
bits = [twins[truth(c)] for c in few_centre]
seconds = [listed(f"{part}_seconds", bits, 1) for part in ("train", "sample")]
rows.append(("analog bits, mean field", listed("variance", bits, 1), "–", *seconds))
share = [100 * found[c]["test_copies"] for c in centre]
test = listed("test_line", centre, 1), style.spread(share, 2)
rows.append(("test samples", *test, "–", "–"))
headers = ["", "Var E", "copies (%)", "seconds to fit", "seconds to sample"]
style.table(rows, headers)

# %% [markdown]
# The likelihood of one cycle, in nats per sample, on samples that it has learned from and on others; and that of
# independent spins.

# %% tags=["hide-cell"]
rows = []
for count, group in zip(observed_counts, by_count, strict=True):
    one = [listed("likelihood", group, 2, index) for index in (0, 1)]
    lone = listed("likelihood_independent", group, 2)
    rows.append((f"{count:,}", *one, lone))
headers = ["N", "observed samples", "test samples", "independent, test"]
style.table(rows, headers)

# %% tags=["remove-cell"]


def interval(values):
    """The geometric mean of ratios with its 95% interval."""
    one = claims.effect(values, ratio=True)
    ends = [style.number(x, 2) for x in (one.mean, one.low, one.high)]
    return f"{ends[0]} ({ends[1]} to {ends[2]}, {one.count} seeds)"


def ratio(one, other, spins):
    """MSE of one row over that of another, run by run."""
    return errors(one, spins) / errors(other, spins)


def averaged(one, other, groups):
    """The same, each seed averaged over settings: settings share their seeds."""
    logs = [np.log(ratio(one, other, group[: len(seeds)])) for group in groups]
    return np.exp(np.mean(logs, axis=0))


everywhere = list(dict.fromkeys(map(tuple, itertools.chain(*sweeps["spins"]))))
weak = sweeps["spins"][1][0]
numbers = {"few": FEW, "many": MANY, "weakest": f"{coupling_scales[0]:g}"}
numbers["to_bits"] = interval(ratio("many", "bits", few_centre))
numbers["to_thesis"] = interval(ratio("many", "thesis", few_centre))
numbers["to_bits_all"] = interval(averaged("many", "bits", everywhere))
numbers["to_thesis_all"] = interval(averaged("many", "thesis", sweeps["spins"][1]))
numbers["gain"] = interval(ratio("many", "observed", centre))
numbers["gain_weak"] = interval(ratio("many", "observed", weak))
numbers["many_to_few"] = interval(ratio("many", "few", centre))
for key, name in (("rival", "rival_many"), ("beats", "many")):
    for end, group in (("few", by_count[0]), ("many", by_count[-1])):
        text = interval(ratio(name, "rival", group))
        numbers[f"{key}_{end}" + "_samples" * (key == "rival")] = text
numbers["fewest"], numbers["most"] = (f"{observed_counts[n]:,}" for n in (0, -1))
numbers["fit_few"] = f"{np.mean([found[c]['fit_seconds'][0] for c in centre]):.1f}"
numbers["fit_many"] = f"{np.mean([found[c]['fit_seconds'][-1] for c in centre]):.1f}"
took = [found[c]["train_seconds"] + found[c]["sample_seconds"] for c in bits]
numbers["seconds_bits"] = f"{np.mean(took):.0f}"
strongest = thesis[coupling_scales.index(coupling_scale)]
numbers["seconds_thesis"] = f"{np.mean([found[c].core_seconds for c in strongest]):.0f}"
numbers["copies"] = style.percent(np.mean([found[c]["copies"][-1] for c in centre]), 2)
numbers["copies_test"] = style.percent(np.mean([found[c]["test_copies"] for c in centre]), 2)
for name, text in numbers.items():
    glue(f"ext07_{name}", str(text), display=False)

# %% [markdown]
# ## Try next
#
# More cycles, on one truth of twenty spins (about a minute; most of it for the two diffusions of analog bits):
#
# ```sh
# ising-book run ext07 -p n_spins=20 -p 'seeds=[0]' -p 'more_seeds=[]' \
#   -p 'cycles=[1, 16]' -p 'coupling_scales=[1.0]' -p 'observed_counts=[4000]' \
#   -p 'system_sizes=[20]'
# ```
#
# A new truth with the settings of the figure (about five minutes, nearly all of them for the thesis's network):
#
# ```sh
# ising-book run ext07 -p 'seeds=[10]' -p 'more_seeds=[]' \
#   -p 'coupling_scales=[1.0]' -p 'observed_counts=[4000]' -p 'system_sizes=[40]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {
    f"{heading} {label}, MSE / bound": middle[key]
    for heading, part in ROWS.items()
    for key, (label, _) in part.items()
}
style.csv("ext07", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext07_discrete_diffusion", preset))
