"""Rivals of the Erasure Machine: exact moments in, the true model out; and the bound that none may beat."""

import numpy as np
import pytest
from scipy import optimize, stats

from ising_lib import _regression, erasure, estimators, exact, ising, metrics, sampling

FALSE_ALARM = 1e-4


def model_of(n_spins, scale, rng):
    return ising.gaussian(n_spins, scale, scale, rng=rng)


def many(model, n_samples, rng):
    return exact.sample(model, n_samples, rng=rng)


LOSSES = {estimators.pseudolikelihood: "logistic", estimators.log_rise: "screening"}
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
    model = model_of(6, 0.5, rng)
    spins = many(model, 20_000, rng)
    bound = estimators.cramer_rao(model, len(spins))
    errors = ALL[name](spins).model.to_vector() - model.to_vector()
    chi2 = (errors**2 / bound).sum()
    assert stats.chi2.ppf(FALSE_ALARM, 21) < chi2 < 1.5 * stats.chi2.isf(FALSE_ALARM, 21)


@pytest.mark.parametrize(("name", "order"), [("mean_field", 2), ("tap", 3)])
def test_mean_field_theories_are_right_to_their_order(name, order, rng, monkeypatch):
    """On exact correlations, with couplings scaled by s, the errors of h and of J fall as s^order."""
    base = model_of(8, 1.0, rng)
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


def test_pseudolikelihood_is_a_logistic_regression_for_each_spin(rng):
    """The same minimum by another route: scipy's BFGS on one spin's penalised loss, written out."""
    spins = many(model_of(5, 1.0, rng), 300, rng)
    ridge, rows = 0.02, []
    for i in range(5):
        others = np.delete(spins, i, axis=1)

        def loss(w, i=i, others=others):
            return np.log1p(np.exp(-2 * spins[:, i] * (w[0] + others @ w[1:]))).mean() + ridge * w[1:] @ w[1:]

        rows.append(optimize.minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-7}).x)
    fields = np.array([row[0] for row in rows])
    couplings = np.array([np.insert(row[1:], i, 0.0) for i, row in enumerate(rows)])
    fit = estimators.pseudolikelihood(spins, ridge)
    # gradients of 1e-6 and curvatures above 0.05: parameters agree to 2e-5; finite differences add 1e-5
    np.testing.assert_allclose(fit.model.fields, fields, atol=1e-4)
    np.testing.assert_allclose(fit.model.couplings, (couplings + couplings.T) / 2, atol=1e-4)
    assert fit.ridge == ridge


def test_maximum_likelihood_matches_the_moments(rng):
    spins = many(model_of(5, 1.0, rng), 500, rng)
    means, second = exact.moments(estimators.maximum_likelihood(spins).model)
    np.testing.assert_allclose(means, spins.mean(0), atol=1e-6)
    np.testing.assert_allclose(second, spins.T.astype(float) @ spins / 500, atol=1e-6)


def test_ridge_by_held_out_samples_helps_where_samples_are_few(rng):
    """60 samples of 12 spins: the chosen penalty beats none, and the Erasure Machine's error."""
    model = model_of(12, 0.5, rng)
    spins = many(model, 60, rng)
    chosen = estimators.pseudolikelihood(spins, rng=rng)
    weakest = estimators.pseudolikelihood(spins, 1e-4)
    assert chosen.ridge > 1e-3
    assert metrics.thesis_mse(chosen.model, model) < 0.5 * metrics.thesis_mse(weakest.model, model)


def test_the_chosen_ridge_predicts_held_out_samples_best(rng):
    """By hand: every strength fitted on two thirds, in their order, and scored on the third."""
    spins = many(model_of(6, 0.7, rng), 150, rng)
    scores = {}
    for ridge in np.geomspace(1e-4, 1.0, 13):
        scores[ridge] = 0.0
        for fold in np.array_split(np.arange(150), 3):
            kept = np.delete(spins, fold, axis=0)
            for i in range(6):  # one spin's own regression, before J_ij and J_ji are averaged
                others = np.delete(kept, i, axis=1)

                def loss(w, x=others, y=kept[:, i], ridge=ridge):
                    return np.log1p(np.exp(-2 * y * (w[0] + x @ w[1:]))).mean() + ridge * w[1:] @ w[1:]

                w = optimize.minimize(loss, np.zeros(6)).x
                margins = spins[fold, i] * (w[0] + np.delete(spins[fold], i, axis=1) @ w[1:])
                scores[ridge] += np.log1p(np.exp(-2 * margins)).sum()
    best = min(scores, key=scores.get)
    assert estimators.pseudolikelihood(spins).ridge == pytest.approx(best)
    assert min(scores) < best < max(scores)  # as opposed to the end of the list


@pytest.mark.parametrize("fit", [estimators.pseudolikelihood, estimators.log_rise])
def test_rare_spins_are_fitted_too(fit, rng):
    """One spin in fifty is up, and couplings are strong: scipy's BFGS finds nothing better."""
    model = ising.IsingModel(np.full(6, -2.0), 0.8 * model_of(6, 1.0, rng).couplings)
    spins, ridge = many(model, 2000, rng), 1e-3
    assert spins.mean(0).min() < -0.9
    for i in range(6):
        others = np.delete(spins, i, axis=1)

        def loss(w, i=i, others=others):
            margins = spins[:, i] * (w[0] + others @ w[1:])
            if fit is estimators.log_rise:
                return np.log(np.exp(-margins).mean()) + ridge * w[1:] @ w[1:]
            return np.log1p(np.exp(-2 * margins)).mean() + ridge * w[1:] @ w[1:]

        best = optimize.minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-7})
        found = _regression.regress(others, spins[:, [i]], np.ones((1, 5), bool), ridge, loss=LOSSES[fit])
        vector = np.concatenate([found[0], found[1][0]])
        assert loss(vector) <= best.fun + 1e-10
        np.testing.assert_allclose(vector, best.x, atol=1e-3)  # curvatures are some 0.02 here


def test_bound_in_closed_form_without_couplings():
    """Independent spins: of h_i at least 1/(N (1 − m²)) and, for J, 1/(N (1 − m_i²)(1 − m_j²))."""
    h = np.array([0.3, -0.5, 0.1])
    model = ising.IsingModel(h, np.zeros((3, 3)))
    free = 1 - np.tanh(h) ** 2
    bound = estimators.cramer_rao(model, 100)
    np.testing.assert_allclose(
        bound[3:], 1 / (100 * np.array([free[0] * free[1], free[0] * free[2], free[1] * free[2]]))
    )
    means = np.tanh(h)
    extra = [sum(means[j] ** 2 / free[j] for j in range(3) if j != i) for i in range(3)]
    np.testing.assert_allclose(bound[:3], (1 + np.array(extra)) / (100 * free))


def test_sampled_bound_agrees_with_the_enumerated_one(rng):
    model = model_of(8, 0.8, rng)
    exactly = estimators.cramer_rao(model, 1000)
    sampled = estimators.cramer_rao(model, 1000, rng=rng, n_draws=50_000)
    np.testing.assert_allclose(sampled, exactly, rtol=0.1)  # √(2/50,000) per moment, amplified by the inverse


def test_bound_with_a_prior_in_closed_form():
    """Free spins, F = 1: 1/(N + M/g²) for a coupling, the same with g_h for a field."""
    model = ising.IsingModel(np.zeros(4), np.zeros((4, 4)))
    bound = estimators.van_trees([model, model], 50, 0.5, 2.0)
    np.testing.assert_allclose(bound, 1 / (50 + 4 / np.repeat([4.0, 0.25], [4, 6])))


def test_bound_with_a_flat_prior_is_that_of_unbiased_estimates(rng):
    model = model_of(5, 0.7, rng)
    np.testing.assert_allclose(
        estimators.van_trees([model], 100, 1e4, 1e4), estimators.cramer_rao(model, 100), rtol=1e-5
    )


def test_a_ridge_of_the_priors_scale_comes_close_to_the_bound(rng):
    """40 samples of 8 spins, 60 truths: below the bound without a prior, not below the bound with it.

    The mean of 60 · 28 squared errors has a standard error of some 5 %.
    """
    g, n_samples, errors, truths = 0.5, 40, [], []
    for _ in range(60):
        truth = model_of(8, g, rng)
        fit = estimators.maximum_likelihood(many(truth, n_samples, rng), 8 / (2 * n_samples * g**2))
        errors.append((fit.model.to_vector() - truth.to_vector())[8:] ** 2)
        truths.append(truth)
    bound = estimators.van_trees(truths, n_samples, g, g)[8:].mean()
    free = np.mean([estimators.cramer_rao(truth, n_samples)[8:].mean() for truth in truths])
    assert 0.8 * bound < np.mean(errors) < 1.25 * bound < 0.8 * free


@pytest.mark.parametrize("name", [*ALL, "mean_field", "tap"])
def test_a_constant_spin_is_refused(name, rng):
    spins = rng.choice([-1, 1], (50, 4))
    spins[:, 2] = -1
    fit = ALL.get(name) or getattr(estimators, name)
    with pytest.raises(ValueError, match="spins must vary, but spin 2 is -1 in all 50 samples"):
        fit(spins)


def test_a_spin_that_copies_another_needs_a_ridge(rng):
    spins = rng.choice([-1, 1], (50, 4))
    spins[:, 3] = spins[:, 0]
    with pytest.raises(erasure.NotConverged, match="use a ridge above 0"):
        estimators.pseudolikelihood(spins, 0.0)
    assert estimators.pseudolikelihood(spins, 0.1).model.couplings[0, 3] > 0.3
    with pytest.raises(ValueError, match="spins must have invertible correlations"):
        estimators.mean_field(spins)


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
