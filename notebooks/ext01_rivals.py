# %% [markdown]
# # Rivals, and the limit of them all
#
# **Our claim, beyond the thesis:** *Whoever may choose the method needs no augmentation. Pseudolikelihood with a
# ridge, on the observed samples alone, beats the Erasure Machine on augmented samples.* {verdict}`11` The thesis
# says of the Erasure Machine that it is faster and better than other methods. {verdict}`10`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 40
n_observed = 4_000
coupling_scale = 1.0
field_scale = 1.0
coupling_scales = [0.4, 0.6, 0.8, 1.0, 1.2]
observed_counts = [500, 1_000, 4_000, 16_000]
system_sizes = [20, 40, 60]
n_iterations = 6_000
n_augmented = 100_000
n_sampling_steps = 50
network = {
    "n_iterations": 2_000,
    "n_checkpoints": 7,
    "n_monitor": 5_000,
    "n_sampling_steps": 12,
    "stop": True,
}
seeds = [0, 1, 2]
limit_counts = [200, 500, 1_000, 4_000]
limit_augmented = 30_000
limit_seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

# %% tags=["runs", "hide-cell"]
import functools
import itertools

from ising_experiments import worlds

changed = functools.partial(worlds.from_parameters, worlds.Rivals, globals())
centre, pool = changed(), changed(drawn="pool")
strengths = [{"coupling_scale": g, "field_scale": g} for g in coupling_scales]
by_strength = [changed(**scales) for scales in strengths]
by_count = [changed(n_observed=count) for count in observed_counts]
by_size = [changed(n_spins=size) for size in system_sizes]
thesis = worlds.from_parameters(worlds.Augmentation, globals(), **network)
own = {"n_augmented": limit_augmented, "seeds": limit_seeds}
limit = functools.partial(worlds.from_parameters, worlds.Limits, globals(), **own)
by_limit = [limit(n_observed=count) for count in limit_counts]
sweeps = itertools.chain(*by_strength, *by_count, *by_size)
configs = [*centre, *pool, *sweeps, *thesis, *itertools.chain(*by_limit)]

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import claims, style
from ising_experiments import extensions, limits, provenance
from ising_experiments.runs import by_config, source
from ising_lib import estimators

found = by_config(configs)
PARTS = {  # {heading: {name of the estimate: (label, role)}}
    "observed samples alone": {
        "erasure": ("Erasure Machine", "observed"),
        "erasure_tap": ("corrected Erasure Machine", "corrected"),
        "pseudolikelihood": ("pseudolikelihood, ridge", "rival"),
        "pseudolikelihood_bare": ("pseudolikelihood, no ridge", "rival"),
        "log_rise": ("log-RISE", "rival"),
        "tap": ("TAP", "rival"),
        "mean_field": ("naive mean field", "rival"),
    },
    "a diffusion model trained on them": {
        "network": ("the thesis's network, Erasure Machine", "augmented"),
        "augmented": ("mean-field denoiser, Erasure Machine", "structured"),
        "augmented_tap": ("mean-field denoiser, corrected", "corrected"),
        "denoiser": ("read off the mean-field denoiser", "denoiser"),
    },
    "controls: Erasure Machine on other samples": {
        "erasure_pseudo": ("of the pseudolikelihood fit", "rival"),
        "erasure_tap_pseudo": ("the same, corrected", "rival"),
        "erasure_both": ("2N observed samples", "test"),
        "erasure_true": (f"{n_augmented:,} of the truth", "truth"),
        "erasure_tap_true": ("the same, corrected", "truth"),
    },
}
rows = itertools.chain(*(part.items() for part in PARTS.values()))
LABELS = {name: label for name, (label, _) in rows}


def over_bound(name, group):
    """MSE over the Cramér–Rao bound of each run."""
    return np.array([found[config].over_bound(name) for config in group])


bounds = np.array([found[config]["bound"] for config in centre])
by_network = np.array([found[c].error("augmented") for c in thesis]) / bounds
ours = [name for name in LABELS if name != "network"]
middle = {"network": by_network} | {n: over_bound(n, centre) for n in ours}

# %% tags=["hide-input"] mystnb={"image": {"alt": "One row for each of sixteen methods, with a dot for each seed, on a logarithmic axis of the error over the Cramér–Rao bound. On the observed samples alone pseudolikelihood lies at the bound, the Erasure Machine far to the right. On augmented samples the Erasure Machine lies between them, further left with the mean-field denoiser than with the thesis's network. Controls: samples of the pseudolikelihood fit and of the truth bring it to the same place."}}
style.use_style()
fig, ax = plt.subplots(figsize=(7.6, 5.4))
values, labels, roles = [], [], []
for heading, part in PARTS.items():
    for name, (label, role) in {heading: (heading, None), **part}.items():
        values.append(middle.get(name, ()))
        labels.append(label)
        roles.append(role)
style.seeds_by_row(ax, values, labels, roles)
ax.axvline(1, color=style.COLOURS["truth"], linewidth=0.9)
ax.set(xscale="log", xlim=(0.12, 30), xlabel="MSE / Cramér–Rao bound")
ticks = [0.2, 0.5, 1, 2, 5, 10, 20]
ax.set_xticks(ticks, ticks)
ax.minorticks_off()
setting = f"$M$ = {n_spins}, $N$ = {n_observed:,}, $g$ = {coupling_scale:g}"
_ = ax.set_title(setting, loc="left")

# %% [markdown]
# The error of [Eq. (23)](#eq-23) over the Cramér–Rao bound of $N$ samples (black line): a dot for each seed, a
# bar at their mean. Methods above the controls see the same observed samples and nothing else; of the controls,
# those with $2N$ samples and with samples of the truth see more, and may lie below the bound.
#
# ## What to see
#
# **The thesis** compares the Erasure Machine on augmented samples with the Erasure Machine on observed ones
# {cite}`lim2024thesis`. It says that it performs better than other inverse-Ising methods, but shows no comparison.
#
# **The ranking.** Ridge pseudolikelihood takes {glue:text}`ext01_seconds_pseudolikelihood:s` seconds and comes to
# {glue:text}`ext01_pseudolikelihood:s` times the limit. The Erasure Machine, in
# {glue:text}`ext01_seconds_erasure:s` seconds, is at {glue:text}`ext01_erasure:s` on the observed samples. On
# augmented ones it is at {glue:text}`ext01_network:s` with the thesis's network and at
# {glue:text}`ext01_augmented:s` with the book's own [mean-field denoiser](ext02_structured_denoiser.ipynb). So
# augmentation does help the Erasure Machine: with the mean-field denoiser the error fell in
# {glue:text}`ext01_gains:s` runs, at the setting above to {glue:text}`ext01_gain:s` times what it was. It beats
# pseudolikelihood in {glue:text}`ext01_beats_pseudo:s`.
#
# **Where the gain comes from.** Samples drawn by Monte Carlo from the *pseudolikelihood* fit do the same for the
# Erasure Machine, a factor of {glue:text}`ext01_gain_pseudo:s`. As many samples of the *truth* still leave it at
# {glue:text}`ext01_erasure_true:s` times the limit of $N$ samples. What it lacks is not information about the
# truth. Its own approximation needs many samples, of any good model. The thesis's stopping rule uses a test set
# of $N$ more samples; given to the Erasure Machine instead, these are worth a factor of
# {glue:text}`ext01_gain_both:s`.
#
# **The approximation can be mended instead.** With its [correction](ext03_erasure_corrected.ipynb) the Erasure
# Machine comes to {glue:text}`ext01_erasure_tap:s` on the observed samples and to
# {glue:text}`ext01_augmented_tap:s` on those of the mean-field denoiser. The latter beats ridge pseudolikelihood in
# {glue:text}`ext01_tap_beats_pseudo:s` runs.
#
# **In short.** Augmentation pays only if you must use the Erasure Machine as published. Otherwise use
# pseudolikelihood.
#
# The same with the strength of the couplings, the number of samples and the number of spins changed one by one:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of the error over the Cramér–Rao bound, against the strength of the couplings, the number of observed samples and the number of spins. The Erasure Machine on observed samples rises steeply with the first two; on augmented samples it lies below, corrected lower still; pseudolikelihood stays near one."}}
fig, axes = plt.subplots(2, 2, figsize=(8, 5.4), sharey=True)
lines = {
    "erasure": ("observed", "Erasure Machine, observed samples"),
    "augmented": ("structured", "Erasure Machine, mean-field denoiser"),
    "augmented_tap": ("corrected", "corrected, mean-field denoiser"),
    "pseudolikelihood": ("rival", "pseudolikelihood, ridge"),
}
panels = {
    "coupling strength $g$": (coupling_scales, by_strength),
    "observed samples $N$": (observed_counts, by_count),
    "spins $M$": (system_sizes, by_size),
}
for ax, (label, (x, groups)) in zip(axes.flat, panels.items(), strict=False):
    for name, (role, text) in lines.items():
        values = np.array([over_bound(name, group) for group in groups])
        style.curve(ax, x, values.T, role, text)
    ax.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    ax.set(xlabel=label, xscale="log" if x is observed_counts else "linear")
    ax.set_xticks(x, [f"{value:,}" for value in x])
    ax.minorticks_off()
    ax.tick_params(labelbottom=True)
    style.plain_decades(ax)
for ax in axes[:, 0]:
    ax.set_ylabel("MSE / bound")
axes[1, 1].axis("off")
axes[1, 1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
_ = fig.suptitle(f"otherwise {setting}", fontsize=10)

# %% [markdown]
# Lines are means over the seeds, bands run from the smallest to the largest.
#
# ## The best of both kinds, and the limit of all
#
# A method that knows from which distribution the couplings were drawn may lie below the bound of Cramér and Rao. The
# bound of van Trees ([below](#eq-r-3)) holds for it, too. Here is the best direct fit that we know, maximum likelihood,
# beside the best augmented pipelines: [discrete diffusion](ext07_discrete_diffusion.ipynb) read by
# pseudolikelihood, and the mean-field denoiser read by the corrected Erasure Machine.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the error over the bound of van Trees against the number of observed samples from 200 to 4,000. Maximum likelihood with the ridge of the prior lies at one throughout; discrete diffusion read by pseudolikelihood lies slightly above it and rises at 4,000; the mean-field denoiser read by the corrected Erasure Machine lies far above at 200 and comes down; the Cramér–Rao bound lies above two at 200 and near one at 4,000. Right: the error of discrete diffusion over that of three direct fits, with intervals."}}
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=[1.15, 1])
several = [[found[config] for config in group] for group in by_limit]


def over_limit(name):
    """MSE over van Trees' bound, (seeds, counts)."""
    return np.array([[run.error(name) / run["prior_bound"] for run in group] for group in several]).T


best = {
    "likelihood_prior": ("rival", "maximum likelihood, ridge of the prior"),
    "discrete_pseudolikelihood": ("discrete", "discrete diffusion, pseudolikelihood"),
    "structured_tap": ("structured", "mean-field denoiser, corrected"),
}
for name, (role, text) in best.items():
    style.curve(left, limit_counts, over_limit(name), role, text)
cramer_rao = np.array([[run["bound"] / run["prior_bound"] for run in group] for group in several])
left.plot(
    limit_counts, cramer_rao.mean(1), ":", color=style.COLOURS["truth"], label="bound of Cramér and Rao"
)
left.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
left.set(ylabel="MSE / van Trees' bound", yscale="log")
left.set_yticks([1, 1.5, 2, 3, 4], ["1", "1.5", "2", "3", "4"])
left.legend(fontsize=8)
direct = {
    "likelihood_prior": "maximum likelihood, ridge of the prior",
    "likelihood": "the same, automatic ridge",
    "pseudolikelihood": "pseudolikelihood, automatic ridge",
}
numbers, ratios = {}, {}
for shift, (name, text) in enumerate(direct.items()):
    values = over_limit("discrete_pseudolikelihood") / over_limit(name)
    ratios[name] = [claims.effect(some, ratio=True) for some in values.T]
    middle_of, low, high = np.array([(one.mean, one.low, one.high) for one in ratios[name]]).T
    x = np.array(limit_counts) * 1.07 ** (shift - 1)
    look = {"fmt": "Dos"[shift], "markersize": 4, "color": style.COLOURS["rival"], "capsize": 2}
    fill = {"markerfacecolor": ("none", None, None)[shift]}
    right.errorbar(x, middle_of, [middle_of - low, high - middle_of], label=text, **look, **fill)
right.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
right.set(ylabel="MSE, discrete diffusion / direct fit")
right.legend(title="direct fit", fontsize=8)
for ax in (left, right):
    ax.set(xlabel="observed samples $N$", xscale="log")
    ax.set_xticks(limit_counts, [f"{count:,}" for count in limit_counts])
    ax.minorticks_off()


def said(one):
    """ "1.08 (1.02 to 1.14)"."""
    return f"{one.mean:.2f} ({one.low:.2f} to {one.high:.2f})" if one.count > 1 else f"{one.mean:.2f}"


for name in (*best, "likelihood"):
    least, *_, most = [claims.effect(some, ratio=True) for some in over_limit(name).T]
    numbers |= {f"limit_few_{name}": said(least), f"limit_many_{name}": said(most)}
for name, some in ratios.items():
    numbers |= {f"ratio_few_{name}": said(some[0]), f"ratio_many_{name}": said(some[-1])}
numbers |= {"limit_few": f"{limit_counts[0]:,}", "limit_many": f"{limit_counts[-1]:,}"}
numbers |= {"limit_seeds": len(limit_seeds), "limit_cramer_rao": f"{cramer_rao.mean(1)[0]:.1f}"}
for name, text in numbers.items():
    glue(f"ext01_{name}", str(text), display=False)

# %% [markdown]
# *Left: lines are means over {glue:text}`ext01_limit_seeds:s` truths, bands run from the smallest to the largest. Right: geometric
# means with 95% intervals; below one, discrete diffusion is better. Otherwise as above.*
#
# **Maximum likelihood with the prior's ridge reaches the limit**: {glue:text}`ext01_limit_few_likelihood_prior:s` times the bound
# at $N$ = {glue:text}`ext01_limit_few:s` and {glue:text}`ext01_limit_many_likelihood_prior:s` at $N$ =
# {glue:text}`ext01_limit_many:s`. Nothing is left for augmentation to gain there. At the fewest samples the bound of
# Cramér and Rao is {glue:text}`ext01_limit_cramer_rao:s` times higher: most of what one knows there is the prior.
#
# **The best augmented pipeline is discrete diffusion**, at {glue:text}`ext01_limit_few_discrete_pseudolikelihood:s` and
# {glue:text}`ext01_limit_many_discrete_pseudolikelihood:s` times the limit. Against pseudolikelihood that has to choose its ridge from
# the data, its error is {glue:text}`ext01_ratio_few_pseudolikelihood:s` of the direct one at the fewest samples and
# {glue:text}`ext01_ratio_many_pseudolikelihood:s` at the most. Its samples are noisier than the data where these are many. Where
# they are few, its many small regressions act as a ridge of their own.
#
# ## How it is computed
#
# **The limit.** With the $L = M(M+1)/2$ features $O(\sigma) = (\sigma_i, \sigma_i \sigma_j)$ and $w = (h, J)$ the
# distribution is $p(\sigma) \propto e^{w \cdot O(\sigma)}$. Its Fisher information is
#
# (eq-r-1)=
# $$
# F = -\left\langle \frac{\partial^2 \log p}{\partial w\, \partial w^\top} \right\rangle
#   = \langle O O^\top \rangle - \langle O \rangle \langle O \rangle^\top, \tag{R.1}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# because $\log p = w \cdot O - \log Z$, and the second derivative of $\log Z$ is the covariance of $O$. By Cramér
# and Rao no unbiased estimate from $N$ independent samples has a covariance below $F^{-1}/N$. Summed as in
# [Eq. (23)](#eq-23), the error of an unbiased method is on average at least
#
# (eq-r-2)=
# $$
# \mathrm{MSE}_\text{CR} = \frac{1}{M} \frac{\operatorname{tr} F^{-1}}{N}. \tag{R.2}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
#
# A *biased* method may lie below: a ridge pulls the parameters towards zero, and this pays where they are small
# against their own uncertainty. Most methods here are biased, so the bound is a scale for them, not a floor.
# {func}`ising_lib.estimators.cramer_rao` takes $F$ from Monte Carlo samples of the truth.
#
# **The limit with a prior.** Let the parameters themselves be drawn, from a density $\pi(w)$. Any estimate
# $\hat w(\text{data})$, biased or not, has an error $a = \hat w - w$. Let
# $b = \nabla_w \log [p(\text{data} \mid w)\, \pi(w)]$. Averages run over parameters and data. By parts,
#
# $$
# \langle a\, b^\top \rangle
#   = \sum_\text{data} \int (\hat w - w)\, \nabla_w^\top \big[ p(\text{data} \mid w)\, \pi(w) \big]\, dw = 1,
# $$
#
# the unit matrix, since $\pi$ vanishes at infinity and $\nabla_w^\top (\hat w - w) = -1$. The two parts of $b$ are
# uncorrelated, so that $\langle b\, b^\top \rangle = N \langle F \rangle + P$ with
# $P = \langle \nabla \log \pi\, \nabla^\top \log \pi \rangle$. For any matrix $C$ the average of
# $(a - C b)(a - C b)^\top$ has no negative eigenvalue. With $C = (N \langle F \rangle + P)^{-1}$ this says
# $\langle a\, a^\top \rangle \succeq C$, the bound of van Trees {cite}`vantrees1968detection,gill1995applications`. Summed as above,
#
# (eq-r-3)=
# $$
# \mathrm{MSE}_\text{vT} = \frac{1}{M} \operatorname{tr} \big( N \langle F \rangle + P \big)^{-1}. \tag{R.3}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# Here $J_{ij} \sim \mathcal{N}(0, g^2/M)$ and $h_i \sim \mathcal{N}(0, g_h^2/M)$, so that $P$ is diagonal, with $M/g_h^2$ for
# fields and $M/g^2$ for couplings. The same Gaussian, as a ridge of $\lambda = M/(2 g^2 N)$ in maximum likelihood, gives the most
# probable parameters: the estimate that comes to the bound above. $\langle F \rangle$ is taken at one truth, which is
# enough at this size ({func}`ising_lib.estimators.van_trees`).
#
# **The runs.** Each gives the same samples to every method of {mod}`ising_lib.estimators` and to the Erasure
# Machine. The thesis's network was trained on the same samples, seed by seed, for
# [Figure 9](fig09_coupling_strength.ipynb): at most {glue:text}`ext01_network_iterations:s` updates, stopped by the
# thesis's rule, and {glue:text}`ext01_network_steps:s` steps of sampling. The mean-field denoiser takes
# {glue:text}`ext01_iterations:s` updates and {glue:text}`ext01_steps:s` steps.

# %% tags=["remove-input", "hide-output"]
shown = extensions.rivals, extensions._diffuse, extensions._train_and_sample, limits.limits
source(*shown, estimators.cramer_rao, estimators.van_trees)

# %% [markdown]
# ## The numbers
#
# Mean over the seeds, the smallest and the largest; and seconds of one core. A method is *undefined* on samples
# that it refused.

# %% tags=["hide-cell"]
seconds = np.mean([found[config]["seconds"] for config in centre], axis=0)
took = dict(zip(extensions.METHODS, seconds, strict=True))
rows = []
for heading, part in PARTS.items():
    rows.append((f"**{heading}**", "", ""))
    for name, (label, _) in part.items():
        time = style.number(took[name], 1) if name in took else "–"
        rows.append((label, style.spread(middle[name], 2), time))
rows.append(("the bound itself, MSE", style.spread(bounds, 4), ""))
style.table(rows, ["", "MSE / bound", "seconds"])

# %% [markdown]
# The limit with a prior: geometric means over the seeds of the error over van Trees' bound, with 95% intervals, and
# seconds of one core at the largest $N$.

# %% tags=["hide-cell"]
LIMITS = {
    "likelihood_prior": "maximum likelihood, ridge of the prior",
    "likelihood": "maximum likelihood, automatic ridge",
    "pseudolikelihood_prior": "pseudolikelihood, ridge of the prior",
    "pseudolikelihood": "pseudolikelihood, automatic ridge",
    "erasure_tap": "corrected Erasure Machine",
    "discrete_pseudolikelihood": "discrete diffusion, pseudolikelihood",
    "discrete_tap": "discrete diffusion, corrected Erasure Machine",
    "structured_tap": "mean-field denoiser, corrected Erasure Machine",
}
seconds = dict(zip(limits.METHODS, np.mean([run["seconds"] for run in several[-1]], axis=0), strict=True))
rows = [
    (text, *(said(claims.effect(v, ratio=True)) for v in over_limit(name).T), style.number(seconds[name], 1))
    for name, text in LIMITS.items()
]
style.table(rows, ["MSE / bound of van Trees", *(f"N = {count:,}" for count in limit_counts), "seconds"])

# %% [markdown]
# **The ranking depends on how the data are made.** The published code of the Erasure Machine does not sample in
# equilibrium. It draws with Boltzmann weights from a pool of uniform configurations. Of such samples {glue:text}`ext01_distinct_pool:s` differ, against
# {glue:text}`ext01_distinct_MC:s` in equilibrium: they are not samples of the model any more. On them the Erasure
# Machine has an error of {glue:text}`ext01_pool_erasure:s` and pseudolikelihood of
# {glue:text}`ext01_pool_pseudolikelihood:s`; the first is better in {glue:text}`ext01_pool_flips:s` seeds. A
# comparison on such data says little about data from nature.

# %% tags=["hide-cell"]
pooled = {name: [found[c].error(name) for c in pool] for name in ours}
shown = ("erasure", "augmented", "pseudolikelihood", "pseudolikelihood_bare")
rows = [(LABELS[name], style.spread(pooled[name], 3)) for name in shown]
groups = {"equilibrium": centre, "pool": pool}
distinct = {}
for name, group in groups.items():
    mean = np.mean([found[config]["n_distinct"] for config in group])
    distinct[name] = style.number(mean)
    rows.append((f"different configurations, {name}", distinct[name]))
style.table(rows, ["samples from a pool", "MSE"])

# %% tags=["remove-cell"]
equilibrium = [c for c in found if getattr(c, "drawn", "") == "equilibrium"]
flips = np.less(pooled["erasure"], pooled["pseudolikelihood"])


def beats(one, other):
    """In how many runs of the page one method has the lower error."""
    lower = over_bound(one, equilibrium) < over_bound(other, equilibrium)
    return f"{lower.sum()} of {lower.size}"


numbers = {name: style.spread(values, 2) for name, values in middle.items()}
numbers |= {f"pool_{name}": style.spread(pooled[name], 3) for name in shown[:3]}
numbers |= {f"seconds_{name}": style.number(took[name], 1) for name in ("pseudolikelihood", "erasure")}
numbers["beats_pseudo"] = beats("augmented", "pseudolikelihood")
numbers["tap_beats_pseudo"] = beats("augmented_tap", "pseudolikelihood")
numbers["gains"] = beats("augmented", "erasure")
for key, name in (("gain", "augmented"), ("gain_both", "erasure_both"), ("gain_pseudo", "erasure_pseudo")):
    numbers[key] = style.spread(middle[name] / middle["erasure"], 2)
numbers["pool_flips"] = f"{flips.sum()} of {flips.size}"
numbers |= {"distinct_MC": distinct["equilibrium"], "distinct_pool": distinct["pool"]}
numbers |= {"network_iterations": f"{network['n_iterations']:,}", "iterations": f"{n_iterations:,}"}
numbers |= {"network_steps": network["n_sampling_steps"], "steps": n_sampling_steps}
for name, text in numbers.items():
    glue(f"ext01_{name}", str(text), display=False)

# %% [markdown]
# ## Try next
#
# Very few samples of twenty spins: the Erasure Machine on samples of the mean-field denoiser catches up with ridge
# pseudolikelihood (about 10 minutes of one core).
#
# ```sh
# ising-book run ext01 -p n_spins=20 -p n_observed=250 -p 'seeds=[0]' \
#   -p 'coupling_scales=[1.0]' -p 'observed_counts=[250]' -p 'system_sizes=[20]' \
#   -p 'limit_counts=[250]' -p 'limit_seeds=[0]'
# ```
#
# A new truth with the settings of the figure, to see how much a seed changes (about 10 minutes, too):
#
# ```sh
# ising-book run ext01 -p 'seeds=[3]' -p 'coupling_scales=[1.0]' \
#   -p 'observed_counts=[4000]' -p 'system_sizes=[40]' -p 'limit_counts=[4000]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
style.csv("ext01", {LABELS[name]: values for name, values in middle.items()})

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext01_rivals", preset))
