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
# # Spins in time: the kinetic Ising model
#
# **Beyond the thesis**, which names it as future work: *does augmenting pairs of successive states help to infer the
# dynamics?* It helps maximum likelihood where pairs are few. It never beats a direct fit with the right ridge. It beats
# one whose ridge is chosen from the data only for strong couplings and the fewest pairs, where that ridge shrinks the
# parameters too much. With many pairs augmentation does harm. {verdict}`18`

# %% tags=["parameters", "hide-cell"]
preset = "thesis"
n_spins = 20
observed_counts = [200, 500, 1_000, 4_000]
coupling_scales = [1.0, 2.0]
field_scale = 1.0
n_iterations = 2_000
n_augmented = 20_000
n_sampling_steps = 30
n_repeats = 20
seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
longer = {"n_iterations": 8_000}
longer_seeds = [0, 1, 2]

# %% tags=["runs", "hide-cell"]
import functools

from ising_experiments import worlds

changed = functools.partial(worlds.from_parameters, worlds.Kinetic, globals())
groups = {(g, n): changed(coupling_scale=g, n_observed=n) for g in coupling_scales for n in observed_counts}
retina = worlds.from_parameters(worlds.RetinaInTime, globals())
most = {"n_observed": observed_counts[-1], "coupling_scale": coupling_scales[-1]}
trained = changed(**longer | most | {"seeds": longer_seeds})
configs = [one for group in groups.values() for one in group]
configs += trained + retina

# %% tags=["hide-cell"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from myst_nb import glue

from ising_book import claims, style
from ising_experiments import extensions, provenance
from ising_experiments.runs import by_config, source
from ising_lib import kinetic

found = by_config(configs)
WAYS = {
    "direct": ("direct, maximum likelihood", "observed"),
    "ridge": ("direct, automatic ridge", "rival"),
    "prior": ("direct, ridge of the known prior", "corrected"),
    "augmented": ("augmented by the mean field", "structured"),
    "augmented_known": ("augmented, structure known", "joined"),
}


def over_bound(name, group):
    """Squared errors over the Cramér–Rao bound of each run."""
    return np.array([found[config].over_bound(name) for config in group])


def ratio(base, group, name="augmented"):
    """The error of one way over that of another, 95% interval."""
    runs = [found[config] for config in group]
    values = [run.error(name) / run.error(base) for run in runs]
    return claims.effect(values, ratio=True)


def interval(effect, digits=2):
    """An effect as text: mean (low to high)."""
    ends = effect.mean, effect.low, effect.high
    mean, low, high = (style.number(end, digits) for end in ends)
    return f"{mean} ({low} to {high})"


# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels, for couplings of strength one and two: squared errors over the Cramér–Rao bound against the number of observed pairs, both axes logarithmic. Maximum likelihood comes down to one as the pairs grow in number; direct fits with a ridge stay near or below one. The fit to pairs of the mean-field denoiser is near them at 200 pairs and rises far above one as the observed pairs grow in number, most of all for the strong couplings."}}
style.use_style()
shape = {"figsize": (8, 4.4), "sharey": True, "squeeze": False}
fig, axes = plt.subplots(1, len(coupling_scales), **shape)
for ax, g in zip(axes[0], coupling_scales, strict=True):
    for name, (label, role) in WAYS.items():
        values = [over_bound(name, groups[g, n]) for n in observed_counts]
        style.curve(ax, observed_counts, np.transpose(values), role, label)
    ax.axhline(1, color=style.COLOURS["truth"], linewidth=0.9)
    ax.set(xscale="log", xlabel="observed pairs $N$", title=f"$g$ = {g:g}")
    ax.set_xticks(observed_counts, [f"{n:,}" for n in observed_counts])
    ax.minorticks_off()
    style.plain_decades(ax)
axes[0, 0].set_ylabel("squared error / Cramér–Rao bound")
handles, texts = axes[0, 0].get_legend_handles_labels()
_ = fig.legend(handles, texts, loc="outside lower center", ncols=2)

# %% [markdown]
# {glue:text}`ext08_n_spins:s` spins, couplings of strength $g$. Lines are means over {glue:text}`ext08_seeds:s` seeds,
# bands run from the smallest to the largest. The black line is the smallest error that an *unbiased* estimate can
# have; a ridge biases, so it may fall below. Maximum likelihood has no finite answer, and the line no point, where in
# some seed a spin is a function of the last state.
#
# ## What to see
#
# **The thesis** hopes that its augmentation extends to the kinetic Ising model, and leaves it to future work
# {cite}`lim2024thesis`. It has no numbers to compare with. The model, the sizes and all methods here are our choice.
#
# **The direct fit is near its limit.** With {glue:text}`ext08_most:s` pairs, maximum likelihood has
# {glue:text}`ext08_direct_weak:s` times the error of the bound at $g = 1$ and {glue:text}`ext08_direct_strong:s` times
# at $g = 2$ (geometric mean and 95% interval). It takes a fraction of a second. Little is left to gain.
#
# **With few pairs augmentation helps maximum likelihood, and so does a ridge.** With {glue:text}`ext08_fewest:s` pairs
# for the {glue:text}`ext08_each:s` parameters of each spin, maximum likelihood overfits. The fit to
# {glue:text}`ext08_n_augmented:s` pairs of the denoiser has {glue:text}`ext08_few_weak_direct:s` times its error at
# $g = 1$. Against a direct fit with the ridge that predicts held-out pairs best it has
# {glue:text}`ext08_few_weak_ridge:s` times the error at $g = 1$, and {glue:text}`ext08_few_strong_ridge:s` times at
# $g = 2$. Against the ridge that the distribution of the true couplings asks for, these are
# {glue:text}`ext08_few_weak_prior:s` and {glue:text}`ext08_few_strong_prior:s`.
#
# **Why it can help at all.** Maximum likelihood from few pairs makes the parameters too large: the slope of the inferred
# against the true ones is {glue:text}`ext08_slope_direct:s` at $g = 2$ and {glue:text}`ext08_fewest:s` pairs. The
# augmented fit has {glue:text}`ext08_slope_augmented:s`, the automatic ridge {glue:text}`ext08_slope_ridge:s` and the
# ridge of the prior {glue:text}`ext08_slope_prior:s`. So augmentation shrinks the parameters, as a ridge does. There the
# automatic ridge shrinks them too much, and augmentation by chance about as it should. Whether it shrinks them because
# its model is wrong or because its training ends early, we did not separate.
#
# **With many pairs augmentation does harm.** With {glue:text}`ext08_most:s` pairs its error is
# {glue:text}`ext08_many_weak_ridge:s` times that of the automatic ridge at $g = 1$, and
# {glue:text}`ext08_many_strong_ridge:s` times at $g = 2$, where the slope is {glue:text}`ext08_slope_many:s`. The denoiser takes the pair for an equilibrium Ising model of
# $2M$ spins. The distribution of $\sigma(t)$ and $\sigma(t+1)$ together is none, as shown below, and
# no number of samples mends that.
# A training of {glue:text}`ext08_longer:s` updates, over {glue:text}`ext08_longer_seeds:s` seeds, brings the error at $g = 2$
# to {glue:text}`ext08_longer_bound:s` times the bound, from {glue:text}`ext08_shorter_bound:s`; the direct fit is at
# {glue:text}`ext08_longer_direct:s`.
#
# **With the structure known nothing is left to learn.** Then the denoiser is the direct fit itself, and its samples
# are drawn from that fit. To infer from them gives back the same parameters and fresh noise: over all settings
# {glue:text}`ext08_known:s` times the error of the automatic ridge.
#
# **Does augmentation ever beat the direct fit?** Over all settings its error is {glue:text}`ext08_pooled_ridge:s` times
# that of the automatic ridge and {glue:text}`ext08_pooled_prior:s` times that of the ridge of the prior. At single
# settings its whole interval is below the automatic ridge in {glue:text}`ext08_wins_ridge:s` and above it in
# {glue:text}`ext08_losses_ridge:s`; below the ridge of the prior in {glue:text}`ext08_wins_prior:s` and above it in
# {glue:text}`ext08_losses_prior:s`. And it never predicts better: the steps of another trajectory are more likely under
# the automatic ridge at {glue:text}`ext08_predicts:s` settings, by the mean over the seeds.
#
# **Not measured:** the thesis's own network on $2M$ spins. Its training takes minutes, and there are
# {glue:text}`ext08_runs:s` runs on this page. One run here takes {glue:text}`ext08_seconds:s` seconds of one core.
#
# ## The recording in time order
#
# Now $\sigma(t)$ is one bin of 20 ms of the {glue:text}`ext08_n_spins:s` most active neurons of the
# [recording](fig11_retina_raster.ipynb). The kinetic model is fitted to {glue:text}`ext08_repeats:s` repeats of the
# film and scored on as many others, by the log-likelihood of a whole bin.

# %% tags=["hide-input"]
labels = {
    "independent": "each neuron's rate alone",
    "shuffled": "the bin of any other time",
    "another_repeat": "the last bin of another repeat",
    "kinetic": "the last bin",
}
runs = [found[config] for config in retina]
scores = np.array([run["test_likelihood"] for run in runs])  # (S, 4)
rows, gains = [], {}
for name, values in zip(extensions.PREDICTORS, scores.T, strict=True):
    gains[name] = interval(claims.effect(values - scores[:, 0]), 3)
    mean = style.number(values.mean(), 3)
    gain = "" if name == "independent" else gains[name]
    rows.append((labels[name], mean, gain))
style.table(rows, ["predicted from", "nats per bin", "gain, 95% interval"])

# %% [markdown]
# The last bin gains {glue:text}`ext08_gain_kinetic:s` nats per bin over the rates, and nothing once the times are
# shuffled ({glue:text}`ext08_gain_shuffled:s`). But the last bin *of another repeat*, which no neuron can feel, does
# even better: {glue:text}`ext08_over_own:s` nats more. All repeats show the same film. So most of what $W$ finds here is
# the film, which drives all neurons alike, and not one neuron acting on another. A neuron's own last bin tells as
# well that it has just fired; that this makes it the poorer witness of the film is our guess. The repeats are drawn
# anew for each seed, from the same {glue:text}`ext08_all_repeats:s`, so the intervals are a little too narrow.
#
# ## How it is computed
#
# All spins are updated at once, each from the last state. In its local field spin $i$ takes its new value with
# the probability of a spin alone in that field:
#
# (eq-k-1)=
# $$
# p(\sigma(t+1) \mid \sigma(t)) = \prod_i \frac{\exp(\sigma_i(t+1)\, H_i(t))}{2 \cosh H_i(t)}, \qquad
# H_i(t) = h_i + \sum_j W_{ij}\, \sigma_j(t) . \tag{K.1}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# Here $W_{ij}$ is what spin $j$ does to spin $i$ one step later. It need not equal $W_{ji}$, and $W_{ii}$ need not be
# 0. In general there is no Boltzmann distribution that these dynamics keep. The logarithm over $N$ pairs is
#
# (eq-k-2)=
# $$
# \sum_{i} \sum_t \big[ \sigma_i(t+1)\, H_i(t) - \log 2 \cosh H_i(t) \big] : \tag{K.2}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# a sum over $i$ of terms with no parameter in common. Each is the likelihood of a logistic regression of
# $\sigma_i(t+1)$ on $\sigma(t)$: concave, as $\log \cosh$ is convex and $H_i$ is linear in the parameters. So the direct
# fit is $M$ small regressions, without a partition function and without Monte Carlo {cite}`roudi2011nonequilibrium`.
# The second derivatives of [Eq. (K.2)](#eq-k-2) do not contain $\sigma(t+1)$. They give the Fisher information on
# $(W_{i1}, \dots, W_{iM}, h_i)$,
#
# (eq-k-3)=
# $$
# F_i = \sum_t \big(1 - \tanh^2 H_i(t)\big)\, x(t)\, x(t)^\top, \qquad x(t) = (\sigma_1(t), \dots, \sigma_M(t), 1), \tag{K.3}
# $$
# {download}`✓ <../tests/equations/test_extensions.py>`
#
# and the diagonal of $F_i^{-1}$ is the least variance of any unbiased estimate, the Cramér–Rao bound. Strong fields
# say little: where $\tanh^2 H_i$ is near 1 the spin would have done the same with other parameters.
#
# **Why a pair is no equilibrium Ising model.** Read [Eq. (K.1)](#eq-k-1) as a function of both states. The products
# $\sigma_i(t+1)\, W_{ij}\, \sigma_j(t)$ are couplings between two layers of $M$ spins. But $\log 2 \cosh H_i(t)$ couples
# all spins of $\sigma(t)$ at once, four and more together, and so does the unknown distribution of $\sigma(t)$. For weak
# couplings $\log 2 \cosh H$ is nearly quadratic, and the pair nearly an Ising model of $2M$ spins.
#
# **With the structure known**, $\sigma(t)$ is given without noise and only $\sigma(t+1)$ is noised. Given $\sigma(t)$
# its spins are independent, so the best guess is $\tanh(y_i + H_i(t))$ with the $y$ of [Eq. (B.2)](#eq-b-2), exactly.
# By [Eq. (B.4)](#eq-b-4) its loss, over all ratios of signal to noise, is minus [Eq. (K.2)](#eq-k-2): to train this
# denoiser is to do the direct fit. We therefore draw those pairs from the fit with the automatic ridge.
#
# What is chosen here: $W_{ij}$ of variance $g^2/M$, fields of variance $1/M$; trajectories that have run for
# {glue:text}`ext08_burn_in:s` steps before they count; the automatic ridge by three folds; the ridge of the prior
# $M/(2 g^2 N)$ on $W$; {glue:text}`ext08_iterations:s` updates of the [mean-field denoiser](ext02_structured_denoiser.ipynb)
# on $2M$ spins.

# %% tags=["remove-input", "hide-output"]
source(extensions.kinetic_ising, extensions._train_and_sample, kinetic.fit)

# %% [markdown]
# ## The numbers
#
# The squared errors of all $h$ and $W$ over the Cramér–Rao bound, mean over the seeds with the smallest and the
# largest.

# %% tags=["hide-cell"]
rows = [
    (f"{g:g}", f"{n:,}", *(style.spread(over_bound(w, group), 2) for w in WAYS))
    for (g, n), group in groups.items()
]
style.table(rows, ["g", "N", *(label for label, _ in WAYS.values())])

# %% [markdown]
# The error of the fit to augmented pairs of the mean field over that of each direct fit, with 95% intervals:

# %% tags=["hide-cell"]
BASES = ("direct", "ridge", "prior")
against = {key: {base: ratio(base, group) for base in BASES} for key, group in groups.items()}
rows = [(f"{g:g}", f"{n:,}", *map(interval, effects.values())) for (g, n), effects in against.items()]
style.table(rows, ["g", "N", *(f"over {WAYS[base][0]}" for base in BASES)])

# %% [markdown]
# And the mean log-likelihood of the steps of another trajectory, in nats per step of all spins, over the seeds:

# %% tags=["hide-cell"]
names = [*(label for label, _ in WAYS.values()), "read off", "truth"]
rows = []
for (g, n), group in groups.items():
    every = np.array([found[config]["test_likelihood"] for config in group])
    rows.append((f"{g:g}", f"{n:,}", *map(style.spread, every.T, [2] * len(names))))
style.table(rows, ["g", "N", *names])


# %% tags=["remove-cell"]
def slope(name, group):
    """Of the inferred against the true parameters, through the origin."""
    runs = [found[config] for config in group]
    values = [r[name] @ r["truth"] / (r["truth"] @ r["truth"]) for r in runs]
    return style.spread(values, 2)


def pooled(base, name="augmented"):
    """The ratio over all settings: a seed is one repetition."""
    logs = [[np.log(found[c].error(name) / found[c].error(base)) for c in group] for group in groups.values()]
    return claims.effect(np.exp(np.mean(logs, axis=0)), ratio=True)


numbers = {"seeds": len(seeds), "n_spins": n_spins, "repeats": n_repeats}
numbers |= {"most": f"{observed_counts[-1]:,}", "fewest": f"{observed_counts[0]:,}"}
numbers |= {"n_augmented": f"{n_augmented:,}", "iterations": f"{n_iterations:,}"}
numbers |= {"burn_in": extensions.N_BURN_IN, "all_repeats": 297}
numbers["each"] = n_spins + 1
few, many = (groups[coupling_scales[-1], observed_counts[k]] for k in (0, -1))
for name in ("direct", "ridge", "prior", "augmented"):
    numbers[f"slope_{name}"] = slope(name, few)
numbers["slope_many"] = slope("augmented", many)
numbers |= {"longer": f"{longer['n_iterations']:,}", "longer_seeds": len(trained)}
numbers["longer_bound"] = style.spread(over_bound("augmented", trained), 1)
numbers["longer_direct"] = style.spread(over_bound("direct", trained), 2)
same = [one for one in many if one.seed in longer_seeds]
numbers["shorter_bound"] = style.spread(over_bound("augmented", same), 1)
better = [
    np.mean([found[c]["test_likelihood"][1] for c in group])
    > np.mean([found[c]["test_likelihood"][3] for c in group])
    for group in groups.values()
]
numbers["predicts"] = f"{sum(better)} of {len(better)}"
numbers["runs"] = len(configs) - len(retina)
cost = [found[c].core_seconds for group in groups.values() for c in group]
numbers["seconds"] = f"{np.mean(cost):.0f}"
for key, g in (("weak", coupling_scales[0]), ("strong", coupling_scales[-1])):
    values = over_bound("direct", groups[g, observed_counts[-1]])
    numbers[f"direct_{key}"] = interval(claims.effect(values, ratio=True))
    for size, n in (("few", observed_counts[0]), ("many", observed_counts[-1])):
        for base, effect in against[g, n].items():
            numbers[f"{size}_{key}_{base}"] = interval(effect)
numbers["known"] = interval(pooled("ridge", "augmented_known"))
for base in BASES:
    numbers[f"pooled_{base}"] = interval(pooled(base))
    signs = [effects[base].on("< 1") for effects in against.values()]
    numbers[f"wins_{base}"] = f"{signs.count(1)} of {len(signs)}"
    numbers[f"losses_{base}"] = f"{signs.count(-1)} of {len(signs)}"
numbers |= {f"gain_{name}": text for name, text in gains.items()}
numbers["over_own"] = interval(claims.effect(scores[:, 2] - scores[:, 3]), 3)
for name, text in numbers.items():
    glue(f"ext08_{name}", str(text), display=False)

# %% [markdown]
# ## Try next
#
# Weak couplings, where a pair is nearly an Ising model of $2M$ spins: with many pairs the harm should be smaller
# (about a minute of one core):
#
# ```sh
# ising-book run ext08 -p 'coupling_scales=[0.5]' -p 'seeds=[0, 1, 2]'
# ```
#
# A training four times as long: with 200 pairs the denoiser should come nearer to maximum likelihood, and lose what it
# gains by ending early (about two minutes):
#
# ```sh
# ising-book run ext08 -p n_iterations=8000 -p 'coupling_scales=[1.0]' -p 'seeds=[0, 1, 2]'
# ```

# %% tags=["remove-input", "nbval-ignore-output"]
columns = {
    f"g = {g:g}, N = {n:,}, {label}": over_bound(name, group)
    for (g, n), group in groups.items()
    for name, (label, _) in WAYS.items()
}
style.csv("ext08", columns)

# %% tags=["remove-input", "hide-output"]
Markdown(provenance.table(list(found.values()), "ext08_kinetic_ising", preset))
