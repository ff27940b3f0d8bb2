"""Rivals of the Erasure Machine: exact moments in, the true model out; and the bound that none may beat."""

import numpy as np
import pytest
from scipy import optimize, stats

from ising_lib import _regression, estimators, exact, ising, sampling

FALSE_ALARM = 1e-4


def penalised(w, spin, others, ridge, loss="logistic"):
    """One spin's loss, with w = its field and its couplings."""
    margins = spin * (w[0] + others @ w[1:])
    rise = np.log1p(np.exp(-2 * margins)).mean() if loss == "logistic" else np.log(np.exp(-margins).mean())
    return rise + ridge * w[1:] @ w[1:]


ALL = {
    "pseudolikelihood": lambda spins: estimators.pseudolikelihood(spins, 0.0),
    "ridge": lambda spins: estimators.pseudolikelihood(spins, rng=np.random.default_rng(0)),
    "log_rise": estimators.log_rise,
    "maximum_likelihood": estimators.maximum_likelihood,
}


@pytest.mark.parametrize("name", ALL)
def test_consistent_estimators_reach_the_bound_within_their_efficiency(name, rng):
    """Σ (error/√bound)² over L parameters is near χ²_L for an efficient estimator.

    Pseudolikelihood and log-RISE lose a little; at g = 0.5 less than a factor of 1.5 in variance.
    """
    model = ising.gaussian(6, 0.5, 0.5, rng=rng)
    spins = exact.sample(model, 20_000, rng=rng)
    bound = estimators.cramer_rao(model, len(spins))
    errors = ALL[name](spins).model.to_vector() - model.to_vector()
    chi2 = (errors**2 / bound).sum()
    assert stats.chi2.ppf(FALSE_ALARM, 21) < chi2 < 1.5 * stats.chi2.isf(FALSE_ALARM, 21)


@pytest.mark.parametrize(("name", "order"), [("mean_field", 2), ("tap", 3)])
def test_mean_field_theories_are_right_to_their_order(name, order, rng, monkeypatch):
    """On exact correlations, with couplings scaled by s, the errors of h and of J fall as s^order."""
    base = ising.gaussian(8, 1.0, 1.0, rng=rng)
    errors = []
    for scale in (0.1, 0.05):
        model = ising.IsingModel(base.fields, scale * base.couplings)
        means, second = exact.moments(model)
        correlations = second - np.outer(means, means)
        inverse = np.linalg.inv(correlations)
        inverse -= np.diag(np.diag(inverse))
        monkeypatch.setattr(estimators, "_inverse_correlations", lambda _, m=means, c=inverse: (m, c))
        fit = getattr(estimators, name)(None)
        wrong = fit.model.fields - model.fields, fit.model.couplings - model.couplings
        errors.append([np.abs(part).max() for part in wrong])
    assert np.divide(*errors) == pytest.approx(2**order, rel=0.35)


def test_the_chosen_ridge_predicts_held_out_samples_best(rng):
    """By hand: every strength fitted on two thirds, in their order, and scored on the third."""
    spins = exact.sample(ising.gaussian(6, 0.7, 0.7, rng=rng), 150, rng=rng)
    scores = {}
    for ridge in np.geomspace(1e-4, 1.0, 13):
        scores[ridge] = 0.0
        for fold in np.array_split(np.arange(150), 3):
            kept = np.delete(spins, fold, axis=0)
            for i in range(6):  # one spin's own regression, before J_ij and J_ji are averaged
                others = np.delete(kept, i, axis=1)
                w = optimize.minimize(penalised, np.zeros(6), (kept[:, i], others, ridge)).x
                scores[ridge] += penalised(w, spins[fold, i], np.delete(spins[fold], i, axis=1), 0.0)
    best = min(scores, key=scores.get)
    assert estimators.pseudolikelihood(spins).ridge == pytest.approx(best)
    assert min(scores) < best < max(scores)  # as opposed to the end of the list


@pytest.mark.parametrize("loss", ["logistic", "screening"])
def test_rare_spins_are_fitted_too(loss, rng):
    """One spin in fifty is up, and couplings are strong: scipy's BFGS finds nothing better."""
    model = ising.IsingModel(np.full(6, -2.0), 0.8 * ising.gaussian(6, 1.0, 1.0, rng=rng).couplings)
    spins, ridge = exact.sample(model, 2000, rng=rng), 1e-3
    assert spins.mean(0).min() < -0.9
    for i in range(6):
        others = np.delete(spins, i, axis=1)
        given = spins[:, i], others, ridge, loss
        best = optimize.minimize(penalised, np.zeros(6), given, method="BFGS", options={"gtol": 1e-7})
        found = _regression.regress(others, spins[:, [i]], np.ones((1, 5), bool), ridge, loss=loss)
        vector = np.concatenate([found[0], found[1][0]])
        assert penalised(vector, *given) <= best.fun + 1e-10
        np.testing.assert_allclose(vector, best.x, atol=1e-3)  # curvatures are some 0.02 here


def test_sampled_bound_agrees_with_the_enumerated_one(rng):
    model = ising.gaussian(8, 0.8, 0.8, rng=rng)
    exactly = estimators.cramer_rao(model, 1000)
    sampled = estimators.cramer_rao(model, 1000, rng=rng, n_draws=50_000)
    np.testing.assert_allclose(sampled, exactly, rtol=0.1)  # √(2/50,000) per moment, amplified by the inverse


def test_bound_with_a_prior_in_closed_form():
    """Free spins, F = 1: 1/(N + M/g²) for a coupling, the same with g_h for a field."""
    model = ising.IsingModel(np.zeros(4), np.zeros((4, 4)))
    bound = estimators.van_trees([model, model], 50, 0.5, 2.0)
    np.testing.assert_allclose(bound, 1 / (50 + 4 / np.repeat([4.0, 0.25], [4, 6])))


def test_a_ridge_of_the_priors_scale_comes_close_to_the_bound(rng):
    """40 samples of 8 spins, 60 truths: below the bound without a prior, not below the bound with it.

    The mean of 60 · 28 squared errors has a standard error of some 5 %.
    """
    g, n_samples, errors, truths = 0.5, 40, [], []
    for _ in range(60):
        truth = ising.gaussian(8, g, g, rng=rng)
        fit = estimators.maximum_likelihood(
            exact.sample(truth, n_samples, rng=rng), 8 / (2 * n_samples * g**2)
        )
        errors.append((fit.model.to_vector() - truth.to_vector())[8:] ** 2)
        truths.append(truth)
    bound = estimators.van_trees(truths, n_samples, g, g)[8:].mean()
    free = np.mean([estimators.cramer_rao(truth, n_samples)[8:].mean() for truth in truths])
    assert 0.8 * bound < np.mean(errors) < 1.25 * bound < 0.8 * free


@pytest.mark.filterwarnings("ignore")  # the peer's own, about its use of scikit-learn
def test_pseudolikelihood_agrees_with_pseudolm(rng):
    """An independent implementation, by scikit-learn; it stops at a gradient of 1e-4, hence 1e-3."""
    from joblib import Parallel
    from pyplm.inference.pseudolikelihoodmax import plm

    spins = sampling.sample(ising.gaussian(15, 0.8, 0.5, rng=rng), 3000, rng=rng, burn_in=500, thin=50)
    theirs = plm(spins, Parallel(n_jobs=1))  # fields on the diagonal
    ours = estimators.pseudolikelihood(spins, ridge=0.0).model
    np.testing.assert_allclose(ours.fields, np.diag(theirs), atol=1e-3)
    np.testing.assert_allclose(ours.couplings, theirs - np.diag(np.diag(theirs)), atol=1e-3)
    assert np.abs(ours.couplings).max() > 0.2  # as opposed to agreeing on nothing
