"""The pictures of the chapters, computed: ``python book/pictures.py`` writes them all as SVG, and the
picture that stands for the book elsewhere.

Colours and style are the book's; black becomes the colour of the page's text, in light and in dark.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ising_book import execute, style
from ising_experiments import runs
from ising_lib import ddpm, erasure, exact, ising, sampling, stopping

FOLDER = Path(__file__).parent / "_static" / "chapters"
COLOURS = style.COLOURS
BLACK, GREY = COLOURS["truth"], COLOURS["baseline"]


def panels(n_columns=2, height=2.9, n_rows=1, **settings):
    """A figure as wide as the page's text, and its axes."""
    figure = Figure(figsize=(7.4, height))
    FigureCanvasSVG(figure)
    return figure, figure.subplots(n_rows, n_columns, **settings)


def likelihood():
    """Log-likelihood of one field: a dome where both values occur, an endless slope where one is missing."""
    figure, axes = panels()
    h = np.linspace(-3, 5, 300)
    for ax, n_up, title in ((axes[0], 7, "7 of 10 samples are up"), (axes[1], 10, "all 10 samples are up")):
        mean = 2 * n_up / 10 - 1
        ax.plot(h, mean * h - np.log(2 * np.cosh(h)), color=BLACK)
        if n_up < 10:
            top = np.arctanh(mean)
            ax.plot(top, mean * top - np.log(2 * np.cosh(top)), "o", color=COLOURS["observed"])
            ax.annotate("artanh 0.4", (top, -0.6), ha="center", va="bottom", xytext=(top, -0.4))
        else:
            ax.axhline(0, color=COLOURS["observed"], linestyle=":")
            ax.annotate("never reached", (-2.9, 0.07), color=COLOURS["observed"])
            ax.annotate("", (4.9, -0.35), (3.4, -0.35), arrowprops={"arrowstyle": "->", "color": GREY})
        ax.set(xlabel="field $h$", ylabel="log-likelihood of a sample", title=title, ylim=(-4, 0.4))
    return figure


def valleys():
    """Twenty spins that all agree: two valleys, and one chain that stays in one while its energy moves."""
    n_spins, coupling = 20, 0.11
    model = ising.IsingModel(np.zeros(n_spins), coupling * (1 - np.eye(n_spins)))
    states = exact.configurations(n_spins)
    shares = np.bincount(
        (states.sum(1, dtype=int) + n_spins) // 2, exact.probabilities(model), minlength=n_spins + 1
    )
    replica = sampling._Replica(model, 4, np.random.default_rng(4))
    trace, energies = [], []
    for _ in range(150):
        replica.sweep(1)
        trace.append(replica.spins[0].mean())
        energies.append(ising.energy(model, replica.spins)[0])
    figure, axes = panels(3, 2.6, width_ratios=[1, 1.2, 1.2])
    axes[0].plot(np.linspace(-1, 1, n_spins + 1), -np.log(shares), "o-", markersize=3, color=BLACK)
    axes[0].set(xlabel="mean spin", ylabel=r"$-\log$ probability", title="two valleys")
    axes[1].plot(trace, color=COLOURS["observed"])
    axes[1].axhline(0, color=GREY, linestyle=":", linewidth=1)
    axes[1].set(xlabel="sweep", ylabel="mean spin", ylim=(-1.1, 1.1), title="one chain: stuck")
    axes[2].plot(energies, color=COLOURS["observed"])
    axes[2].set(xlabel="sweep", ylabel="energy", title="its energy: lively")
    return figure


def erasing():
    """How reweighting moves the energies of the data to those of the model at inverse temperature ε."""
    model = ising.gaussian(12, 1.3, rng=np.random.default_rng(2))
    spins = exact.sample(model, 400, rng=np.random.default_rng(3))
    energies, all_energies = ising.energy(model, spins), ising.energy(model, exact.configurations(12))
    figure, axes = panels(sharey=True)
    bins = np.linspace(-13, 9, 23)
    for ax, epsilon, title in (
        (axes[0], 1.0, r"as observed, $\epsilon = 1$"),
        (axes[1], 0.4, r"erased, $\epsilon = 0.4$"),
    ):
        weights = np.exp((1 - epsilon) * energies)
        settings = {"bins": bins, "density": True}
        ax.hist(
            energies,
            weights=weights,
            color=COLOURS["observed"],
            alpha=0.45,
            label="data, reweighted",
            **settings,
        )
        p = exact.probabilities(model.at(epsilon))
        ax.hist(
            all_energies,
            weights=p,
            histtype="step",
            color=BLACK,
            label=r"$p_\epsilon$",
            **settings,
        )
        ax.set(xlabel="energy $H$", title=title)
    axes[0].set_ylabel("share per unit of energy")
    axes[1].legend()
    return figure


def bias_and_variance():
    """What the experiment of the chapter on the Erasure Machine computes: its own code is run."""
    page = (Path(__file__).parent / "erasure_machine.md").read_text()
    [code] = [block.partition("```")[0] for block in page.split("```python\n")[1:] if "bias" in block]
    found = {"print": lambda *_: None}
    exec(compile(code, "erasure_machine.md", "exec"), found)  # noqa: S102
    figure, ax = panels(1)
    for name, line, role, label in (
        ("error", "-", "error", "error"),
        ("variance", ":", "truth", "variance"),
        ("bias", "--", "truth", "bias²"),
    ):
        ax.plot(
            found["epsilons"], found[name], line, marker="o", markersize=4, color=COLOURS[role], label=label
        )
    ax.set(xlabel=r"$\epsilon$", ylabel="mean over the parameters", yscale="log")
    ax.legend(handlelength=3)
    return figure


def exact_network(model, schedule):
    """The best network of a small model, Eq. (T.10), by enumeration: a torch module for ``ddpm.sample``."""
    states = torch.tensor(exact.configurations(model.n_spins), dtype=torch.float32)
    log_p = torch.tensor(np.log(exact.probabilities(model)), dtype=torch.float32)
    kept_of = torch.tensor(schedule.alphas_bar, dtype=torch.float32)

    class Exact(torch.nn.Module):
        def forward(self, x, t):
            kept = kept_of[t - 1][:, None]
            mean = torch.softmax(log_p + kept.sqrt() / (1 - kept) * x @ states.T, dim=1) @ states
            return (x - kept.sqrt() * mean) / (1 - kept).sqrt()

    network = Exact()
    network.config = {"n_spins": model.n_spins}
    return network


TWO = ising.IsingModel([0.2, 0.0], [[0.0, 0.9], [0.9, 0.0]])


def chain():
    """Two coupled spins, 120 samples: noised from left to right, denoised from right to left."""
    schedule, times = ddpm.NoiseSchedule.linear(), (0, 100, 250, 500, 1000)
    rng = np.random.default_rng(0)
    forward = [exact.sample(TWO, 120, rng=rng).astype(float)]
    for t in range(1, 1001):
        beta = schedule.betas[t - 1]
        forward.append(np.sqrt(1 - beta) * forward[-1] + np.sqrt(beta) * rng.normal(size=(120, 2)))
    settings = {"n_steps": 1000, "order": 1, "precision": "float32", "rng": np.random.default_rng(1)}
    steps, states = ddpm.trajectory(exact_network(TWO, schedule), schedule, 120, **settings)
    backward = dict(zip(steps.tolist(), states, strict=True))
    figure, axes = panels(5, 3.4, 2, sharex=True, sharey=True)
    for column, t in enumerate(times):
        for row, (points, role) in enumerate(((forward[t], "observed"), (backward[t], "augmented"))):
            jitter = 0.05 * np.random.default_rng(2).normal(size=(120, 2)) if t == 0 else 0
            ax = axes[row, column]
            ax.plot(*(points + jitter).T, ".", markersize=3, alpha=0.6, color=COLOURS[role])
            ax.set(xlim=(-3.3, 3.3), ylim=(-3.3, 3.3), xticks=[-1, 1], yticks=[-1, 1], aspect="equal")
        axes[0, column].set_title(f"$t$ = {t:,}")
    axes[0, 0].set_ylabel("noising →\n" + r"$\sigma_{t,2}$")
    axes[1, 0].set_ylabel("← denoising\n" + r"$\sigma_{t,2}$")
    axes[1, 2].set_xlabel(r"$\sigma_{t,1}$")
    return figure


def schedule():
    """What is left of the signal, signal over noise, and the weight of a step, for the default schedule."""
    noise = ddpm.NoiseSchedule.linear()
    t, kept = np.arange(1, 1001), noise.alphas_bar
    gamma = noise.betas[1:] / (2 * noise.alphas[1:] * (1 - kept[:-1]))
    figure, axes = panels(3, 2.6)
    for ax, x, y, name in (
        (axes[0], t, kept, r"$\bar\alpha_t$: signal left"),
        (axes[1], t, kept / (1 - kept), r"$\kappa_t$: signal over noise"),
        (axes[2], t[1:], gamma, r"$\gamma_t$: weight in the bound"),
    ):
        ax.plot(x, y, color=BLACK)
        ax.set(xlabel="$t$", title=name)
    axes[1].axhline(1, color=GREY, linestyle=":", linewidth=1)
    axes[1].set_yscale("log")
    axes[2].set_yscale("log")
    return figure


def density(x, kept, up):
    """q_t of one spin that is up with probability ``up``, and its score."""
    parts = [
        share * np.exp(-((x - s * np.sqrt(kept)) ** 2) / (2 * (1 - kept))) / np.sqrt(2 * np.pi * (1 - kept))
        for share, s in ((up, 1), (1 - up, -1))
    ]
    total = sum(parts)
    return total, (np.sqrt(kept) * (parts[0] - parts[1]) / total - x) / (1 - kept)


def one_spin():
    """q_t of one spin, up with probability 0.7, from two spikes to one normal hump."""
    noise, x = ddpm.NoiseSchedule.linear(), np.linspace(-3.2, 3.2, 400)
    figure, axes = panels(5, 2.1, sharey=True)
    for ax, t in zip(axes, (40, 100, 250, 500, 1000), strict=True):
        kept = noise.alphas_bar[t - 1]
        values, _ = density(x, kept, 0.7)
        ax.fill_between(x, values, color=COLOURS["test"], alpha=0.3, linewidth=0)
        ax.plot(x, values, color=BLACK)
        ax.set(
            title=f"$t$ = {t:,}\n"
            + rf"$\bar\alpha_t$ = {np.format_float_positional(kept, 2, fractional=False)}",
            xticks=[-1, 1],
            yticks=[],
        )
        ax.spines["left"].set_visible(False)
    axes[2].set_xlabel(r"$\sigma_t$")
    return figure


def humps():
    """Density and score of one free spin on the three sides of ᾱ = 1/2: two humps, flat, one."""
    x = np.linspace(-2.2, 2.2, 400)
    figure, axes = panels(3, 3.4, 2, sharex=True, sharey="row")
    for column, kept in enumerate((0.8, 0.5, 0.2)):
        values, score = density(x, kept, 0.5)
        axes[0, column].plot(x, values, color=BLACK)
        axes[0, column].set_title(rf"$\bar\alpha_t$ = {kept}")
        axes[1, column].axhline(0, color=GREY, linestyle=":", linewidth=1)
        axes[1, column].plot(x, score, color=COLOURS["denoiser"])
        axes[1, column].set_xlabel(r"$\sigma_t$")
    axes[0, 0].set(ylabel="density $q_t$", yticks=[])
    axes[1, 0].set(ylabel="score $s_t$", ylim=(-4, 4))
    return figure


def fields():
    """Eq. (A.8) for two coupled spins: the guesses wander, and stick to a corner as κ grows."""
    rng, n_steps = np.random.default_rng(5), 3000
    kappa = np.concatenate([[0], np.geomspace(1e-3, 12, n_steps)])
    states = exact.configurations(2).astype(float)
    log_p = np.log(exact.probabilities(TWO))
    y, guesses = np.zeros((6, 2)), []
    for gain in np.diff(kappa):
        p = np.exp(log_p + y @ states.T)
        guess = p @ states / p.sum(1, keepdims=True)
        guesses.append(guess)
        y = y + gain * guess + np.sqrt(gain) * rng.normal(size=y.shape)
    guesses = np.array(guesses)  # (steps, runs, spins)
    runs = [COLOURS[role] for role in ("observed", "augmented", "error", "rival", "corrected", "denoiser")]
    figure, axes = panels(2, 2.7, sharey=True)
    for spin, ax in enumerate(axes):
        for run in range(6):
            ax.plot(kappa[1::8], guesses[::8, run, spin], linewidth=1, color=runs[run])
        ax.set(xscale="log", xlim=(1e-2, 12), xlabel=r"clock $\kappa$", ylim=(-1.1, 1.1))
        ax.set_title("first spin" if spin == 0 else "second spin, coupled to it")
    axes[0].set_ylabel(r"guess $\hat\sigma_0$")
    return figure


def rulers():
    """Var E of ever colder distributions, measured with the true model and with a fit of few samples."""
    rng = np.random.default_rng(1)
    truth = ising.gaussian(14, coupling_scale=1.0, field_scale=0.2, rng=rng)
    observed, test = (exact.sample(truth, 400, rng=rng) for _ in range(2))
    model, states = erasure.fit(observed).model, exact.configurations(14)
    beta = np.linspace(0, 1.4, 57)
    figure, axes = panels(sharey=True)
    for ax, ruler, title in (
        (axes[0], truth, "ruler: the truth"),
        (axes[1], model, "ruler: a fit of 400 samples"),
    ):
        energies = ising.energy(ruler, states)
        variance = []
        for b in beta:
            p = exact.probabilities(truth.at(b))
            variance.append(p @ energies**2 - (p @ energies) ** 2)
        ax.plot(beta, variance, color=BLACK)
        for spins, role, name in ((test, "test", "test samples"), (observed, "observed", "observed samples")):
            ax.axhline(
                stopping.energy_variance(spins, ruler), color=COLOURS[role], linestyle="--", label=name
            )
        ax.axvline(1, color=GREY, linestyle=":", linewidth=1)
        ax.set(xlabel=r"inverse temperature $\beta$ of the samples", title=title)
    axes[0].set_ylabel("Var $E$")
    axes[1].legend(loc="lower left")
    return figure


PICTURES = {
    function.__name__: function
    for function in (
        *(likelihood, valleys, erasing, bias_and_variance, chain, schedule),
        *(one_spin, humps, fields, rulers),
    )
}


def draw(name, folder=FOLDER):
    """Compute one picture and write it."""
    with mpl.rc_context():
        style.use_style()
        figure = PICTURES[name]()
        figure.savefig(Path(folder) / f"{name}.svg", transparent=True, metadata={"Date": None})
    return figure


def social(path=FOLDER.parent / "style" / "social.png"):
    """What a link to the book shows elsewhere, 1200 x 630: the error during training, of Figure 5's runs."""
    found = runs.find_or_compute(execute.plan("fig05_training_length"))
    with mpl.rc_context():
        style.use_style()
        figure = Figure(figsize=(6, 3.15), facecolor="white")
        FigureCanvasAgg(figure)
        ax = figure.subplots()
        error = np.array([run.error("monitored") for run in found])  # (S, K)
        style.curve(ax, found[0]["iterations"], error, "augmented", "augmented by a diffusion model")
        style.level(ax, [run.error("observed") for run in found], "observed", "observed samples alone")
        ax.set(xscale="log", xlabel="training iterations", ylabel="error of fields and couplings")
        ax.legend()
        figure.suptitle("The inverse Ising problem with augmented data", fontsize=13)
        figure.savefig(path, dpi=200, metadata={"Software": None})
    return figure


if __name__ == "__main__":
    if not sys.argv[1:]:
        social()
    for chosen in sys.argv[1:] or PICTURES:
        draw(chosen)
