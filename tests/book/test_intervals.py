"""What ``ising-book infer`` states of its couplings holds: for planted truths, no couplings, and neurons."""

import numpy as np
import pandas as pd
import pytest

from ising_book import own_data
from ising_lib import datasets, estimators, exact, ising
from ising_lib.ising import IsingModel
from tests import oracles
from tests.book.test_your_data import ours
from tests.recording import why_absent

METHODS = ML, PLM = "maximum likelihood", "ridge PLM"
PLANTED = [  # spins, samples, coupling scale, mean field, share missing, labels, columns made rare
    (8, 100, 0.5, 0.0, 0.0, False, 0),
    (8, 150, 0.7, 0.0, 0.1, False, 0),
    (10, 200, 0.7, -0.3, 0.0, True, 0),
    (10, 300, 0.7, -0.3, 0.0, False, 2),
    (10, 500, 0.8, 0.0, 0.1, True, 0),
    (10, 1000, 0.8, -0.3, 0.0, False, 2),
    (12, 1000, 1.0, 0.0, 0.1, False, 2),
    (10, 2000, 0.8, 0.0, 0.0, True, 0),
    (12, 3000, 1.0, -0.2, 0.1, False, 1),
    (12, 5000, 1.0, -0.2, 0.0, True, 2),
]


@pytest.fixture
def _intervals_alone(monkeypatch):
    """The Erasure Machine has no intervals; here it is not fitted."""
    monkeypatch.setattr(ours.erasure, "fit", lambda spins: estimators.Estimate(None))


def planted(path, number):
    """A truth, and its samples as a file: missing ones are empty cells, labels are the first column."""
    n_spins, n_samples, scale, mean, missing, labels, rare = PLANTED[number]
    rng = np.random.default_rng([1, number])
    truth = ising.gaussian(n_spins, scale, 0.5, rng=rng)
    fields = truth.fields + mean - 1.5 * (np.arange(n_spins) < rare)
    truth = IsingModel(fields, truth.couplings)
    values = (exact.sample(truth, n_samples, rng=rng) + 1) / 2
    values[rng.random(values.shape) < missing] = np.nan
    table = pd.DataFrame(values, columns=[f"s{i}" for i in range(n_spins)])
    if labels:
        table.insert(0, "site", [f"n{i}" for i in range(n_samples)])
    table.to_csv(path, index=False)
    return truth


def stated(data):
    """Models, and their standard errors as the page states them."""
    models, ridges, filled, added = ours.fit_all(data.spins, 0, [])
    models = {name: models[name] for name in METHODS}
    drawn = {name: ours.draw(model, np.random.default_rng(0)) for name, model in models.items()}
    errors = ours.standard_errors(models, ridges, filled, len(data.spins), drawn, added)
    ours.without_errors(errors, data, ridges[PLM])
    return models, errors


@pytest.mark.slow
@pytest.mark.usefixtures("_intervals_alone")
def test_the_truth_lies_within_two_standard_errors(tmp_path):
    """In 90 % of all couplings with an error, and of the strong ones, where a penalty takes most."""
    found = {name: [] for name in METHODS}
    for number in range(len(PLANTED)):
        truth = planted(tmp_path / "a.csv", number)
        data = own_data.load(tmp_path / "a.csv", time=False)
        able = [int(name[1:]) for name in data.names]
        couplings = IsingModel(truth.fields[able], truth.couplings[np.ix_(able, able)]).to_vector()[
            len(able) :
        ]
        strong = np.abs(couplings) >= np.quantile(np.abs(couplings), 0.75)
        models, errors = stated(data)
        for name in METHODS:
            z = (models[name].to_vector()[len(able) :] - couplings) / errors[name][len(able) :]
            found[name].append(np.array([np.abs(z), strong])[:, np.isfinite(z)])
    for name in METHODS:
        z, strong = np.hstack(found[name])
        assert z.size > 350
        assert np.mean(z < 2) >= 0.9
        assert np.mean(z[strong > 0] < 2) >= 0.85


def test_errors_hold_what_a_strong_penalty_takes():
    """Of 100,000 samples noise is nothing, and λ = 0.5 takes more than half of each coupling."""
    truth = ising.gaussian(6, 0.5, rng=np.random.default_rng(1))
    spins = exact.sample(truth, 100_000, rng=np.random.default_rng(2))
    model = estimators.pseudolikelihood(spins, 0.5).model
    errors = ours.standard_errors({PLM: model}, {PLM: 0.5}, spins, len(spins), {}, 0.0)[PLM]
    found, wanted = (one.couplings[np.triu_indices(6, 1)] for one in (model, truth))
    assert np.abs(found).sum() < 0.5 * np.abs(wanted).sum()
    assert (np.abs(found - wanted) < 2 * errors[6:]).mean() >= 0.9
    assert (errors[6:] < np.abs(wanted) + 0.1).all()  # and no more than that


def test_spins_that_are_never_active_together_have_a_wide_interval():
    """Of 1000 samples with two spins active in 5 %, 2.5 hold both if J = 0: their lack is no proof."""
    rng = np.random.default_rng(3)
    spins = np.where(rng.random((1000, 4)) < [0.05, 0.05, 0.5, 0.5], 1, -1).astype(np.int8)
    spins[(spins[:, :2] > 0).all(1), 1] = -1
    model, ridge = ours.matched(spins, len(spins), rng)
    drawn = ours.draw(model, rng)
    models, ridges = {ML: model, PLM: model}, {ML: ridge, PLM: ridge}
    errors = ours.standard_errors(models, ridges, spins, len(spins), {ML: drawn}, 0.0)[ML]
    assert 0.3 < errors[4] < 1.1  # the prior's width is 1
    assert errors[-1] == pytest.approx(1000**-0.5, rel=0.3)  # of two usual spins, Cramér and Rao's


@pytest.mark.slow
def test_independent_spins_are_not_called_better():
    """40 sets of 500 samples of 10 spins: at most 3 say of a method that it predicts better."""
    rng, said = np.random.default_rng(4), []
    for _ in range(40):
        spins = np.where(rng.random((500, 10)) < rng.uniform(0.1, 0.5, 10), 1, -1).astype(np.int8)
        training, test, _ = ours.hold_out(spins, rng, [])
        models = ours.fit_all(training, 0, [])[0] | {"independent": ours.independent(training)}
        checks = ours.prediction(models, test)
        sentences = [" ".join(ours.verdict({name: row})) for name, row in checks.items()]
        said.append(any("held-out spins better than" in one for one in sentences))
    assert sum(said) <= 3


@pytest.mark.slow
@pytest.mark.recording
def test_the_neurons_couplings_are_those_of_exact_maximum_likelihood():
    """15 neurons: Newton's method on the enumerated moments is the oracle, with a prior of width 1.

    Without one, pairs that are never active together have no finite coupling.
    """
    reason = why_absent("neurons")
    if reason:
        pytest.skip(reason)
    spins = datasets.load_neurons()
    model, ridge = ours.matched(spins, len(spins), None)
    features, wanted = oracles.features(exact.configurations(15)), oracles.moments(spins)
    vector, penalty = model.to_vector(), np.where(np.arange(120) < 15, 0.0, 1 / len(spins))
    for _ in range(6):
        weights = exact.probabilities(IsingModel.from_vector(vector, 15))
        found = weights @ features
        fisher = (features.T * weights) @ features - np.outer(found, found) + np.diag(penalty)
        left = wanted - found - penalty * vector
        vector = vector + np.linalg.solve(fisher, left)
    assert np.abs(left).max() < 1e-9
    drawn = exact.sample(model, 20_000, rng=np.random.default_rng(0))
    models, ridges = {ML: model, PLM: model}, {ML: ridge, PLM: ridge}
    errors = ours.standard_errors(models, ridges, spins, len(spins), {ML: drawn}, 0.0)[ML]
    assert (np.abs(model.to_vector() - vector) < 0.5 * errors).all()
    fisher = np.sqrt(np.diag(np.linalg.inv(fisher)) / len(spins))
    assert np.abs(np.log(errors / fisher)).mean() < 0.3
