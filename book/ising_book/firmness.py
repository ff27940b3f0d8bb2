"""How firm each verdict is: the effects that decide the claims, measured under other choices.

``book/firmness.yaml`` says which, in rows like those of ``claims.yaml``; each value of a choice is a cell.
"""

import dataclasses
from collections import Counter

from scipy import stats

from ising_book import claims
from ising_book.claims import statistic
from ising_experiments import choices


@dataclasses.dataclass(frozen=True)
class Cell:
    """One effect under one value of one choice.

    Attributes:
        claim, choice, value, rule: of the row; the value with the setting, where there are several.
        effect: claims.Effect; None where the runs are not stored.
        stands: "half" of the updates, "all" of them, samples drawn "again"; "" for all other cells.
    """

    claim: str
    choice: str
    value: str
    rule: str
    effect: claims.Effect | None
    stands: str = ""

    @property
    def sign(self):
        """ "Is it "fulfils", "violates" or "open": the interval on the rule; "" where it is not measured."""
        if self.effect is None:
            return ""
        return {1: "fulfils", -1: "violates", 0: "open"}[self.effect.on(self.rule)]


def cells(rows, figures):
    """The cells of rows.

    Args:
        rows: of ``firmness.yaml``.
        figures: {notebook: (its configs, its parameters)}.

    Returns:
        list of Cell: in the order of the rows.
    """
    found = []
    for row in rows:
        configs, parameters = figures[row["figure"]]
        runs = claims.stored(configs, row.get("only"))
        measured = claims.measure(row, runs, parameters) if runs else {"": None}
        for setting, some in measured.items():
            effect = None if some is None else claims.effects({"": some}, row["rule"])[0]
            value = ", ".join(filter(None, [row.get("value"), setting]))
            named = str(row["claim"]), row["choice"], value, row["rule"]
            found.append(Cell(*named, effect, row.get("stands", "")))
    return found


def by_claim(found):
    """{claim: "5 fulfil, 1 violate, 1 open"}: the column of the claims page."""
    said = {}
    for claim in dict.fromkeys(cell.claim for cell in found):
        signs = Counter(cell.sign for cell in found if cell.claim == claim)
        said[claim] = f"{signs['fulfils']} fulfil, {signs['violates']} violate, {signs['open']} open"
    return said


# ------------------------------------------------------------------ statistics


@statistic
def at_epsilon(run, epsilon):
    """MSE of the Erasure Machine at a fixed ε over that of pseudolikelihood, in a run of Corrected."""
    at = list(run.config["epsilons"]).index(epsilon)
    return run["linear_curve"][0, at] / run.error("pseudolikelihood")


@statistic
def drawn(run, half=False, draw="both", epsilon=None):
    """MSE from n_augmented samples over that from the observed ones, both at one ε, in a run of Firmness.

    Args:
        run: of Firmness.
        half: after half of the updates.
        draw: "first", "second", or "both": the geometric mean of the two.
        epsilon: None for the automatic one.
    """
    at = 0 if epsilon is None else 1 + list(run.config["epsilons"]).index(epsilon)
    errors = run.error("many")[-2 if half else -1, claims.DRAWS[draw], at]
    return stats.gmean(errors) / run.error("observed")[at]


@statistic
def more_drawn(run, half=False, draw="both"):
    """MSE from n_augmented samples over that from n_monitor of them, in a run of Firmness."""
    at = -2 if half else -1, claims.DRAWS[draw]
    return stats.gmean(run.error("many")[(*at, 0)] / run.error("few")[at])


# ------------------------------------------------------------------ statistics of the recording


@statistic
def filled(run, model="auto", other="observed", early=False, without_first=False, draw=None):
    """Accuracy of the recovery from augmented samples minus that from others, in points.

    The mean over all draws and all numbers of missing neurons: these share one model and are no trials of
    their own.

    Args:
        run: of RetinaFirmness.
        model: one of ``choices.RETINA_MODELS``, fitted to both.
        other: "observed", or "silent": no spike, whatever the others do.
        early: after a fourth of the updates.
        without_first: do not score the most active neuron.
        draw: number of one draw of the samples; None for all.
    """
    at, first = choices.RETINA_MODELS.index(model), int(without_first)
    rights = {"observed": run["right_observed"][at], "silent": run["right_silent"]}
    gain = run["right_augmented"][0 if early else 1, :, at] - rights[other]
    shares = gain[..., first:].sum(-1) / run["n_hidden"][:, first:].sum(-1)
    return 100 * shares[slice(None) if draw is None else draw].mean()


@statistic
def comes_down(run):
    """1 where Var E comes from above the test line to below it, in a run of RetinaFirmness."""
    above = run["variance"][:, 0] > run["test_line"]
    return float((above[:-1] & ~above[1:]).any())
