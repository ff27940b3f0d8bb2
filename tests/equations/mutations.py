"""Faults that the marked tests must find: (file, text, what it becomes, the tests that then fail).

First the formulas as the tests spell them out, then the library behind the marks.  ``tests/mutants.py`` makes
each in a copy of the repository and runs its tests.
"""

_HERE = "tests/equations/"


def _formula(chapter, old, new, *names):
    return f"{_HERE}test_{chapter}.py", old, new, [f"{_HERE}test_{chapter}.py::{name}" for name in names]


def _library(module, old, new, chapter, *names):
    return f"ising_lib/{module}.py", old, new, [f"{_HERE}test_{chapter}.py::{name}" for name in names]


MUTATIONS = [
    _formula(  # Eq. 32 as printed
        "diffusion",
        "mean = np.sqrt(a) * (1 - before) / (1 - bar) * x +",
        "mean = np.sqrt(a * (1 - before)) / (1 - bar) * x +",
        "test_eq_32_33_39_40_d5_are_the_steps_of_the_library[3]",
    ),
    _formula(  # Eq. 41 as printed
        "diffusion",
        "return (x - (1 - a) / np.sqrt(1 - bar) * noise) / np.sqrt(a)",
        "return (x + (1 - a) / np.sqrt(1 - bar) * noise) / np.sqrt(a)",
        "test_eq_41_d12_are_the_sampler",
    ),
    _formula(  # Eq. D.3: the correlations fade too slowly
        "diffusion",
        "second[off], bar * correlations[off]",
        "second[off], np.sqrt(bar) * correlations[off]",
        "test_eq_d3_noised_spins_keep_unit_variance[3]",
    ),
    _formula(  # Eq. D.13 without its half
        "diffusion",
        "gamma * kappa[1:], -np.diff(kappa) / 2",
        "gamma * kappa[1:], -np.diff(kappa)",
        "test_eq_d13_weights_are_steps_of_the_clock[schedule0]",
    ),
    _formula(  # Eq. 37: the model's mean for the true one
        "diffusion",
        "(self.mean(self.x, t) - mean) ** 2 / (2 * variance)",
        "(self.mean(self.x, t) - mean) ** 2 / variance",
        "test_eq_36_37_d8_bound_is_a_sum_of_losses",
    ),
    _formula(  # Eq. M.7 for free spins alone
        "monte_carlo",
        "expected = np.sqrt((covariance**2).sum() / n_chains) / np.trace(covariance)",
        "expected = 1 / np.sqrt(10 * n_chains)",
        "test_eq_m7_standard_error_of_the_memory[2.0-0.0]",
    ),
    _formula(  # Eq. S.4 with the ruler for the truth
        "stopping_and_imputation",
        "assert slope == pytest.approx(2 * third(ruler, model), abs=1e-5)",
        "assert slope == pytest.approx(2 * third(ruler), abs=1e-5)",
        "test_eq_s4_first_change_of_the_variance_with_cooling",
    ),
    _formula(  # Eq. E.5 through a third spin alone
        "erasure_machine",
        "return np.concatenate([J @ h, (np.outer(h, h) + J @ J)[PAIRS]])",
        "return np.concatenate([0 * h, (J @ J)[PAIRS]])",
        "test_eq_e5_second_order",
    ),
    _formula(  # Eq. 12 as printed
        "erasure_machine",
        "first = sum(t[a] * t[b] * tj[a, b] for a, b in",
        "first = sum(t[a] * t[b] * t[a] for a, b in",
        "test_eq_12_expansion_is_exact_to_third_order",
    ),
    _formula(  # Eq. T.9 without √ᾱ
        "score",
        "expected = (np.sqrt(kept) * magnetisation - x) / (1 - kept)",
        "expected = (magnetisation - x) / (1 - kept)",
        "test_eq_t9_score_is_a_magnetisation[0.5]",
    ),
    _formula(  # Eq. B.3 with the reaction's sign wrong
        "extensions",
        "- d[k] * m[i] * sum(",
        "+ d[k] * m[i] * sum(",
        "test_eq_b3_iterations_spelled_out",
    ),
    _formula(  # Eq. C.5 with a third for two thirds
        "extensions",
        "2 / 3 * model.to_vector()[M:] ** 3",
        "1 / 3 * model.to_vector()[M:] ** 3",
        "test_eq_c5_what_two_spins_alone_do",
    ),
    _library(  # the published update at twice its rate
        "erasure",
        "vector -= learning_rate * gradient",
        "vector -= 2 * learning_rate * gradient",
        "erasure_machine",
        "test_eq_15b_16_are_the_published_solver",
    ),
    _library(  # training where there is little noise alone
        "ddpm",
        "t = torch.randint(1, schedule.n_steps + 1,",
        "t = torch.randint(1, schedule.n_steps // 2 + 1,",
        "diffusion",
        "test_eq_22_44_is_what_training_lowers",
    ),
    _library(
        "noise",
        "return kept.sqrt() * clean + (1 - kept).sqrt() * noise",
        "return kept.sqrt() * clean + (1 - kept) * noise",
        "diffusion",
        "test_eq_17_28_d2_steps_compose[3]",
    ),
    _library(  # Eq. 33 without its denominator
        "ddpm",
        "np.sqrt((1 - alpha) * (1 - after) / (1 - kept))",
        "np.sqrt((1 - alpha) * (1 - after))",
        "diffusion",
        "test_eq_32_33_39_40_d5_are_the_steps_of_the_library[3]",
    ),
    _library(  # Eq. A.10 without its half
        "ddpm",
        "weight[1:-1] * gaps[:-1] / (2 * gaps[1:])",
        "weight[1:-1] * gaps[:-1] / gaps[1:]",
        "analog_bits",
        "test_eq_a10_is_the_second_order_of_the_library",
    ),
    _library(  # Eq. A.6: even in the square of the signal
        "noise",
        "angles = np.arccos(np.sqrt(self.alphas_bar))",
        "angles = 1 - self.alphas_bar",
        "analog_bits",
        "test_eq_a6_even_angles",
    ),
    _library(  # Eq. M.6 with its sign wrong
        "sampling",
        "gain = (ladder[a] - ladder[a + 1]) *",
        "gain = (ladder[a + 1] - ladder[a]) *",
        "monte_carlo",
        "test_eq_m6_the_library_accepts_as_often",
    ),
    _library(  # Eq. M.7: pairs of a chain with itself counted among the strangers
        "sampling",
        "others = (n_chains * everyone - own) / (n_chains - 1)",
        "others = everyone",
        "monte_carlo",
        "test_eq_m7_memory_by_double_loop",
    ),
    _library(  # Eq. S.7 straight in n
        "stopping",
        "low, high = np.log(iterations[index - 1 : index + 1])\n"
        "    return StoppingPoint(index, float(np.exp(low + fraction * (high - low)))",
        "low, high = iterations[index - 1 : index + 1]\n"
        "    return StoppingPoint(index, float(low + fraction * (high - low))",
        "stopping_and_imputation",
        "test_eq_s7_stopping_point_between_two_checkpoints",
    ),
    _library(  # Eq. S.14 without what couples the halves
        "imputation",
        "exponents[1][None, :] + between, halves",
        "exponents[1][None, :], halves",
        "stopping_and_imputation",
        "test_eq_s14_two_halves_make_the_whole_table",
    ),
    _library(  # Eq. C.3 without Onsager's reaction
        "erasure",
        "reaction = means * (np.diag(inverse) - 1 / variances)",
        "reaction = 0 * means",
        "extensions",
        "test_eq_c2_c3_are_function_and_slope",
    ),
    _library(  # Eq. 23 divided by L
        "metrics",
        "** 2).sum() / truth.n_spins)",
        "** 2).mean())",
        "extensions",
        "test_eq_23_is_the_error_of_the_library",
    ),
    _library(  # Eq. I.8 without the means
        "estimators",
        "np.linalg.inv(second - np.outer(mean, mean))",
        "np.linalg.inv(second)",
        "inverse_ising",
        "test_eq_i8_errors_of_maximum_likelihood_have_the_inverse_covariance",
    ),
]
