"""How firm each verdict is: the effects that decide the claims, measured under other choices.

``book/firmness.yaml`` says which, in rows like those of ``claims.yaml``; each value of a choice is a cell.
"""

import dataclasses
from collections import Counter

from ising_book import claims


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
        """The interval on the rule: "fulfils", "violates" or "open"; "" where it is not measured."""
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
