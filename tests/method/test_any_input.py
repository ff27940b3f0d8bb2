"""The checks of arguments and a model's vector, for any input at all."""

import hypothesis.extra.numpy as some
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ising_lib import _checks, ising
from tests.strategies import DTYPES, FINITE, SAME

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.integers(), max_size=3),
    st.integers(-5, 5).map(np.int64),
    st.floats().map(np.float64),
)


def one_sentence(error, *words):
    text = str(error.value)
    assert len(text.splitlines()) == 1
    assert all(word in text for word in words), text


@SAME
@given(ANYTHING, st.integers(-3, 3), st.integers(4, 9))
def test_a_count_is_a_whole_number_of_the_range_or_refused(value, low, high):
    whole = isinstance(value, int | np.int64) and not isinstance(value, bool)
    if whole and low <= value <= high:
        found = _checks.count("n", value, low, high)
        assert (type(found), found) == (int, value)
    else:
        with pytest.raises(ValueError if whole else TypeError) as error:
            _checks.count("n", value, low, high)
        one_sentence(error, "n must be", repr(value) if not whole else str(value))


@SAME
@given(ANYTHING, st.booleans())
def test_a_number_is_finite_and_in_the_range_or_refused(value, open_interval):
    number = isinstance(value, int | float | np.int64) and not isinstance(value, bool)
    if number and (0 < value < 1 or (value in (0, 1) and not open_interval)):
        found = _checks.real("x", value, 0, 1, open_interval=open_interval)
        assert (type(found), found) == (float, value)
    else:
        with pytest.raises(ValueError if number else TypeError) as error:
            _checks.real("x", value, 0, 1, open_interval=open_interval)
        one_sentence(error, "x must be")


@SAME
@given(some.arrays(DTYPES, some.array_shapes(max_dims=3, max_side=4)))
@example(np.array([[1, -1], [-1, np.nan]]))
@example(np.array([[1, 255]], dtype=np.uint8))  # −1 in other clothes
def test_spins_are_a_table_of_plus_and_minus_one_or_refused(array):
    if array.ndim == 2 and np.isin(array.astype(float), [-1, 1]).all():
        found = _checks.spins("spins", array)
        assert (found.dtype, found.flags.c_contiguous) == (np.int8, True)
        np.testing.assert_array_equal(found, array)
    else:
        with pytest.raises(ValueError, match="spins must") as error:
            _checks.spins("spins", array)
        one_sentence(error)


@SAME
@given(st.data(), st.integers(1, 7))
def test_a_model_is_its_vector(data, n_spins):
    vector = data.draw(some.arrays(np.float64, n_spins * (n_spins + 1) // 2, elements=FINITE))
    model = ising.IsingModel.from_vector(vector, n_spins)
    assert model.n_spins == n_spins
    np.testing.assert_array_equal(model.to_vector(), vector)
    again = ising.IsingModel(model.fields, model.couplings)
    np.testing.assert_array_equal(again.to_vector(), vector)
