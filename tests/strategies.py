"""Input of any kind for hypothesis, the same at every run: no clock and no memory of earlier runs decide."""

import hypothesis.extra.numpy as some
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# what passes on one machine passes on another
SAME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a folder of its own: files are replaced
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DTYPES = st.sampled_from([np.int8, np.uint8, np.int64, np.float32, np.float64, np.bool_])
SPINS = some.arrays(np.int8, some.array_shapes(max_dims=3, max_side=20), elements=st.sampled_from([-1, 1]))
