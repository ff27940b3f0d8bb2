"""Runs, configs, files: what holds for any input at all; hypothesis looks for one that breaks it."""

import dataclasses
import json

import hypothesis.extra.numpy as some
import numpy as np
import pytest
import typer
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ising_book import cli, own_data
from ising_experiments import store, worlds
from tests.strategies import DTYPES, FINITE, SAME, SPINS

pytestmark = pytest.mark.slow


def outcome(refusal, call, *arguments):
    """What a call gives, and None; or None, and the error with which it refuses."""
    try:
        return call(*arguments), None
    except refusal as error:
        return None, error


@SAME
@given(st.text(max_size=30), st.sampled_from([40, 1.0, [0, 1], ["a"]]))
@example("__import__('os').system('exit 3')", 40)
@example("1" * 5000, 40)  # more digits than Python reads
@example("[" * 300, [0, 1])
def test_a_value_of_p_is_of_the_type_of_the_default_or_refused(text, default):
    found, refused = outcome(typer.Exit, cli._typed, "key", text, default)
    if refused:
        assert refused.exit_code == 2
    else:
        assert type(found) is type(default)
        assert not isinstance(default, list) or {type(one) for one in found} <= {type(default[0])}


@SAME
@given(SPINS)
def test_spins_packed_and_unpacked_are_the_same(spins):
    name, packed = store._packed("a name.with dots", spins)
    assert packed.nbytes == spins.size // spins.shape[-1] * -(-spins.shape[-1] // 8)
    back, unpacked = store._unpacked(name, packed)
    assert back == "a name.with dots"
    np.testing.assert_array_equal(unpacked, spins, strict=True)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | FINITE | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name != "meta")


@SAME
@given(
    st.dictionaries(NAMES, SPINS | some.arrays(DTYPES, some.array_shapes(max_side=4)), max_size=3),
    st.dictionaries(st.text(max_size=5), PLAIN, max_size=3),
    st.data(),
)
def test_a_run_comes_back_and_a_damaged_one_never_does(tmp_path, arrays, config, data):
    """One byte changed anywhere: the run is refused, or it is exactly as it was."""
    config = {**config, "experiment": "trial", "seed": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISING_LIB_CACHE", str(tmp_path))
        patch.setenv("ISING_LIB_RESULTS", "")
        run = store.write(config, arrays, {"seconds": 1.0})
        path = tmp_path / f"{store.key(config)}.npz"
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        found = store.find(config)
    for one in (run, found) if found else (run,):
        assert one.config == config
        assert one.arrays.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(one[name], array, strict=True)


@SAME
@given(
    st.builds(
        worlds.Augmentation,
        n_spins=st.integers(2, 9),
        n_observed=st.integers(2, 10**9),
        coupling_scale=st.floats(0, 1e9) | st.integers(0, 5),
        seed=st.integers(0, 2**40),
        training=st.builds(
            worlds.Training,
            n_iterations=st.integers(1, 10**6),
            learning_rate=st.floats(1e-9, 0.5),
            stop=st.booleans(),
        ),
    )
)
def test_a_config_comes_back_from_json_and_keeps_its_name(config):
    plain = json.loads(json.dumps(worlds.describe(config)))
    again = worlds.from_plain(plain)
    assert again == config
    assert store.key(worlds.describe(again)) == store.key(plain)
    by_numpy = dataclasses.replace(config, n_spins=np.int64(config.n_spins), seed=np.int64(config.seed))
    assert store.key(worlds.describe(by_numpy)) == store.key(plain)


# --------------------------------------------------------------------------------------------- own data

BITS = some.arrays(np.int8, st.tuples(st.integers(20, 40), st.integers(2, 5)), elements=st.integers(0, 1))


@SAME
@given(
    BITS,
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([("0", "1"), ("-1", "1"), ("0.0", "1.0"), ("false", "TRUE"), ("-1", "+1")]),
    st.booleans(),
    st.booleans(),
)
def test_a_table_is_read_however_it_is_written(tmp_path, bits, delimiter, end, digits, names, comment):
    assume((bits != bits[0]).any(0).sum() >= 2)
    rows = [delimiter.join(digits[bit] for bit in row) for row in bits]
    rows = [delimiter.join(f"unit{n}" for n in range(bits.shape[1]))] * names + rows
    path = tmp_path / "data.csv"
    path.write_bytes(end.join(["# a comment, with 1, 2"] * comment + rows).encode())
    found = own_data.load(path)
    varying = np.flatnonzero((bits != bits[0]).any(0))
    assert found.names == tuple(f"unit{n}" if names else str(n + 1) for n in varying)
    np.testing.assert_array_equal(found.spins, 2 * bits[:, varying] - 1)


@SAME
@given(st.binary(max_size=300), st.sampled_from([".csv", ".npy", ".npz", ".mat"]))
@example(b"\x93NUMPY\x01\x00\xff\xff", ".npy")
@example(b"0,1\n" * 30 + b"9" * 5000 + b",1\n", ".csv")
def test_any_bytes_are_refused_in_one_sentence(tmp_path, content, suffix):
    """What 300 bytes can say holds no 20 samples, but for a lucky text; then they are spins."""
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    found, refused = outcome(own_data.Unusable, own_data.load, path)
    if refused:
        assert len(str(refused).splitlines()) == 1
        assert str(refused).startswith("DATA must")
    else:
        assert set(np.unique(found.spins)) <= {-1, 0, 1}


@SAME
@given(
    some.arrays(
        np.float64,
        st.tuples(st.integers(18, 30), st.integers(1, 4)),
        elements=st.sampled_from([-1.0, 0.0, 1.0, np.nan]),
        fill=st.sampled_from([0.0, 1.0, -1.0]),
    )
)
def test_checked_samples_vary_and_are_from_the_table(tmp_path, values):
    np.save(tmp_path / "data.npy", values)
    found, refused = outcome(own_data.Unusable, own_data.load, tmp_path / "data.npy")
    if refused:
        assert len(str(refused).splitlines()) == 1
        return
    spins, names, findings = found.spins, found.names, found.findings
    assert ((spins > 0).any(0) & (spins < 0).any(0)).all()
    assert all(len(sentence.splitlines()) == 1 for sentence in findings)
    columns = [int(name) - 1 for name in names]
    used = (~np.isnan(values)).sum(0) >= 20 if np.isnan(values).any() else slice(None)
    some = ~np.isnan(values[:, used]).all(1)  # samples of which something is known
    np.testing.assert_array_equal(spins > 0, values[some][:, columns] > 0)
    np.testing.assert_array_equal(spins == 0, np.isnan(values[some][:, columns]))
