"""The page of firmness: every cell again, from the stored runs and by other means."""

import nbformat
import numpy as np
import pytest
import yaml
from scipy import stats

from ising_book import execute, firmness
from ising_experiments import statistics, store, worlds

ROWS = yaml.safe_load(execute.FIRMNESS.read_text())


@pytest.fixture(scope="module")
def cells():
    figures = execute.figures_of([{"rows": ROWS}])
    return firmness.cells(ROWS, figures)


@pytest.fixture(scope="module")
def shown():
    """The lines of the page's table of all cells."""
    page = nbformat.read(execute.FOLDER / "firmness.ipynb", 4)
    tables = [
        output.data["text/markdown"].splitlines()
        for cell in page.cells
        for output in cell.get("outputs", [])
        if output.get("data", {}).get("text/markdown", "").startswith("| claim and choice |")
    ]
    return tables[0][2:]


@pytest.mark.slow
def test_every_cell_of_the_page_is_what_the_store_says(cells, shown):
    assert len(cells) == len(shown)
    assert sum(cell.effect is not None for cell in cells) >= 60
    for cell, line in zip(cells, shown, strict=True):
        named, value, effect, _, sign = (part.strip() for part in line.strip("|").split("|"))
        assert (named, value, sign) == (f"{cell.claim}: {cell.choice}", cell.value, cell.sign)
        if cell.effect is None:
            assert effect == "not measured"
            continue
        numbers = [
            float(part.strip("(),").replace("−", "-").replace(",", ""))
            for part in effect.split()
            if part[-1].isdigit() or part[-1] in "),"
        ]
        assert numbers[:1] == pytest.approx([cell.effect.mean], abs=0.0051)


@pytest.mark.slow
def test_cells_of_two_draws_by_hand(cells):
    """Claim 1 over the truths, with SciPy's own t interval on the logarithms."""
    ratios, fired = [], []
    for seed in range(10):
        training = worlds.Training(n_iterations=8000, n_monitor=10_000, n_augmented=30_000)
        run = store.find(worlds.describe(worlds.Firmness(40, 4000, 1.0, 0.2, seed, training)))
        mse = ((run["many"] - run["truth"]) ** 2).sum(-1) / 40
        observed = ((run["observed"] - run["truth"]) ** 2).sum(-1) / 40
        ratios.append(np.sqrt(mse[1, 0, 0] * mse[1, 1, 0]) / observed[0])
        fired.append((run["variance"][:, 0] <= max(run["test_line"], run["observed_line"])).any())
    [cell] = [one for one in cells if one.claim == "1" and one.stands == "all"]
    logs = np.log(ratios)
    interval = stats.t.interval(0.95, 9, logs.mean(), stats.sem(logs))
    assert (cell.effect.low, cell.effect.high) == pytest.approx(np.exp(interval))
    assert (cell.effect.mean, cell.effect.count) == (pytest.approx(np.exp(logs.mean())), 10)
    [cell] = [one for one in cells if one.claim == "7" and one.stands == "all"]
    assert cell.effect.mean == np.mean(fired)


def test_a_turn_is_chosen_by_one_draw_and_measured_by_the_other():
    class Run(dict):
        error, arrays = dict.__getitem__, property(lambda self: self)

    few = np.array([[3.0, 3.1], [1.0, 2.0], [2.0, 1.0], [2.5, 2.6]])
    run = Run(few=few, observed=np.array([4.0]), iterations=np.arange(4) + 1)
    run |= {"variance": np.array([[9.0, 9], [5, 9], [4, 9], [4, 9]])}
    run |= {"test_line": np.array(5.5), "observed_line": np.array(5.0)}
    run = Run(run)
    assert statistics.turn(run) == 2.6 / 2.0  # draw 0 chooses the second, draw 1 has 2.0 there
    assert statistics.turn(run, draw="second") == 2.5 / 2.0
    assert statistics.turn(run, half=True) == 1.0 / 2.0
    assert (statistics.fires(run), statistics.fires(run, draw="second")) == (True, False)
    assert statistics.gain_kept(run) == 1.0  # the rule stops where draw 0 is lowest, too
    assert statistics.gain_kept(run, draw="second") == (4.0 - 2.5) / (4.0 - 2.0)


def test_what_is_not_stored_is_not_measured():
    row = {**ROWS[0], "only": [{"n_spins": 7}]}
    [cell] = firmness.cells([row], {row["figure"]: ([worlds.Augmentation(n_spins=7)], {})})
    assert (cell.effect, cell.sign) == (None, "")
    assert firmness.by_claim([cell]) == {"1": "0 fulfil, 0 violate, 0 open"}
