"""Bad input is refused at once, by one sentence with the argument, its value and what is allowed.

Each check is tested in full, once.  Then each public function and argument has a row in bad_calls.py that
says which check guards it.  Mistakes with files and disks are in test_bad_places.py, those of commands in
book/test_cli.py, and those in files that people bring in the tests of ``own_data``.
"""

import functools
import importlib.util
import inspect
import pkgutil

import matplotlib.figure
import numpy as np
import pytest

import ising_book
import ising_experiments
import ising_lib
from ising_lib import _checks, erasure
from tests.bad_calls import ALSO, CONSTANT, HIDDEN, MISSING, ROWS, SPINS, TWINS, is_sentence, says
from tests.test_bad_places import PLACES

PACKAGES = ising_lib, ising_experiments, ising_book

# --------------------------------------------------------------------------------- each check, in full, once

SHAPE = "x must be a non-empty array of shape (N samples, M spins), got shape "
RANGE = "x must be finite and in [0, 1], got "
RNG = "x must be a numpy.random.Generator, e.g. numpy.random.default_rng(0), got …"
MASK, ONLY = "x must be boolean and of shape (30, 4), got ", "x must hold only "
COMPLEX = SPINS.astype(complex)


def at(value):
    """The spins with one other value, at [3, 1]."""
    changed = SPINS.astype(float)
    changed[3, 1] = value
    return changed


OPEN = {"low": 0, "high": 1, "open_interval": True}
# fmt: off
REFUSED = [  # check, its options, values that are refused, the error, the sentence with {} for the value
    (_checks.count, {}, (2.5, "5", True, None, [1]), TypeError, "x must be a whole number, got {!r}"),
    (_checks.count, {}, (0, -7, np.int8(0)), ValueError, "x must be at least 1, got {}"),
    (_checks.count, {"minimum": 2, "maximum": 9}, (1, 10), ValueError, "x must be from 2 to 9, got {}"),
    (_checks.real, {}, ("much", True, None, 1j), TypeError, "x must be a number, got {!r}"),
    (_checks.real, {"low": 0, "high": 1}, (-0.1, 1.1, np.nan, np.inf), ValueError, f"{RANGE}{{}}"),
    (_checks.real, OPEN, (0, 1), ValueError, "x must be finite and in (0, 1), got {}"),
    (_checks.choice, {"allowed": ("a", 2)}, ("b", None), ValueError, "x must be one of 'a', 2, got {!r}"),
    (_checks.generator, {}, (0, None, np.random.RandomState(0), np.random), TypeError, RNG),
    (_checks.instance, {"kind": dict}, (0, [], None), TypeError, "x must be of the kind dict, got …"),
    (_checks.array, {}, ([[1, 2], [1]],), ValueError, "x must be an array, whose rows have one length: …"),
    (_checks.array, {}, (list("ab"), None, COMPLEX), TypeError, "x must hold numbers, got dtype …"),
    (_checks.array, {}, ([1, np.nan], [np.inf]), ValueError, "x must be finite, got …"),
    (_checks.array, {"low": 0, "high": 1}, ([-0.5], [1, 1.5], [np.nan]), ValueError, f"{RANGE}…"),
    (_checks.array, {"low": 0, "high": 1, "allow_nan": True}, ([np.nan, 2],), ValueError, f"{RANGE}2.0"),
    (_checks.array, {"shape": (2, 2)}, (np.ones(4),), ValueError, "x must have shape (2, 2), got (4,)"),
    (_checks.mask, {"shape": (30, 4)}, (SPINS, MISSING[1:], None), ValueError, f"{MASK}…, (…)"),
    (_checks.spins, {}, (SPINS[0], SPINS[None], SPINS[:0], SPINS[:, :0], None), ValueError, f"{SHAPE}(…)"),
    (_checks.spins, {}, ([[1, -1], [1]],), ValueError, "x must be an array, whose rows have one length: …"),
    (_checks.spins, {}, (SPINS.astype(str), COMPLEX), TypeError, "x must be numeric, got dtype …"),
    (_checks.spins, {}, (at(0), at(0.5), at(np.nan)), ValueError, f"{ONLY}-1 or +1, got … [3, 1]"),
    (_checks.spins, {"allow_missing": True}, (at(0.5), at(2)), ValueError, f"{ONLY}-1, 0 (missing) or +1, …"),
    (_checks.spins, {"n_spins": 5}, (SPINS,), ValueError, "x must have 5 columns, one per spin, got 4"),
]
# fmt: on
REFUSED = [(*row[:2], value, *row[3:]) for row in REFUSED for value in row[2]]


@pytest.mark.parametrize(
    ("check", "options", "value", "error", "said"), REFUSED, ids=lambda v: getattr(v, "__name__", None)
)
def test_a_check_refuses(check, options, value, error, said):
    with pytest.raises(error, match=says(said.format(value) if "{" in said else said)) as refused:
        check("x", value, **options)
    assert type(refused.value) is error


def test_checks_let_the_ends_of_their_ranges_through():
    assert [_checks.count("x", v, 2, 9) for v in (2, np.int64(9))] == [2, 9]
    assert [_checks.real("x", v, 0, 1) for v in (0, np.float32(1))] == [0.0, 1.0]
    assert _checks.choice("x", 2, ("a", 2)) == 2
    assert np.isnan(_checks.array("x", [np.nan, 1], 0, 1, allow_nan=True)[0])
    np.testing.assert_array_equal(_checks.spins("x", HIDDEN, 4, allow_missing=True), HIDDEN)
    assert _checks.mask("x", MISSING, (30, 4)) is MISSING
    with pytest.raises(ValueError, match=r"x must hold only -1 or \+1, got 0 at \[0, 1\]"):
        _checks.spins("x", HIDDEN)


def test_no_check_is_without_a_full_test():
    public = {check for name, check in vars(_checks).items() if inspect.isfunction(check) and name[0] != "_"}
    assert {row[0] for row in REFUSED} == public


# ------------------------------------------------------------------- a row per public function and argument


def resolve(name):
    """ "ising.IsingModel.at" → the function, of any package."""
    module, *path = name.split(".")
    [package] = [one for one in PACKAGES if importlib.util.find_spec(f"{one.__name__}.{module}")]
    return functools.reduce(getattr, path, importlib.import_module(f"{package.__name__}.{module}"))


def filled_in(row):
    """The valid call, with an Axes where one is drawn on."""
    return row.valid | ({"ax": matplotlib.figure.Figure().add_subplot()} if "ax" in row.free else {})


CASES = [(row, argument, guard) for row in ROWS for argument, guard in row.guards.items()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].function} {case[1]}")
def test_a_bad_value_is_refused(case):
    row, argument, guard = case
    said = guard.said.replace("{}", argument)
    with pytest.raises(guard.error, match=says(said)) as refused:
        resolve(row.function)(**filled_in(row) | {argument: guard.bad})
    assert type(refused.value) in (guard.error, getattr(ising_lib, "NotConverged", guard.error))
    assert is_sentence(str(refused.value))


@pytest.mark.parametrize(
    ("name", "change", "guard"), ALSO, ids=[f"{one[0]} {one[2].said[:40]}" for one in ALSO]
)
def test_a_mistake_in_several_arguments_is_refused(name, change, guard):
    [row] = [row for row in ROWS if row.function == name]
    with pytest.raises(guard.error, match=says(guard.said)) as refused:
        resolve(name)(**filled_in(row) | change)
    assert is_sentence(str(refused.value))


# they need files, or write
UNCALLED = ("checkpoints.", "style.player", "execute.refresh", "runs.run", "claims.measure")
CALLED = [row for row in ROWS if not row.function.startswith(UNCALLED)]


@pytest.mark.parametrize("row", CALLED, ids=lambda row: row.function)
def test_the_call_itself_works(row):
    """So that a row shows what its one bad value does, and nothing else."""
    assert resolve(row.function)(**filled_in(row)) is not None


# ---------------------------------------------------------------------------------------------- completeness

INNER = "is called with what another function has checked"
MODULES = {  # modules whose public functions take what others have checked, but for those with rows
    "walk monitors choices extensions limits real_data statistics provenance scoring": INNER,
    "claims firmness reading": INNER,
    "style": "draws arrays of the notebooks; what does not fit together, matplotlib refuses",
    "doctor": "takes nothing that could be wrong",
    "cli": "has its own table, COMMANDS",
}
REASONS = {  # why some functions have no row
    "holds what its maker gives, and checks nothing": (
        "ddpm.TrainingStep erasure.ErasureFit estimators.Estimate store.Run metrics.Recovery runs.Recipe "
        "datasets.Recording own_data.OwnData stopping.StoppingPoint checkpoints.Training "
        "boltzmann.BoltzmannFit discrete.DiscreteDiffusion"
    ),
    "is an error": "datasets.DatasetNotFound erasure.NotConverged sampling.NotMixed reading.Unusable",
    INNER: (
        "ising.split_vector ising.block_energy ising.energies ising.blocks own_data.claim own_data.aside "
        "execute.alone checkpoints.digest runs.needed execute.stable execute.picture execute.figures_of"
    ),
    "hashes whatever is plain; None where nothing is": "store.key store.lock store.find",
    "is abstract: its subclasses check": "denoisers.FieldDenoiser",
    "is a formula for numbers of any size: NaN in, NaN out": "sampling.heat_bath_probability",
    "hands on to find_or_compute": "runs.by_config",
    "shows functions": "runs.source",
    "gives back what it does not know, for the command to refuse": "execute.full_name",
}
EXEMPT = {name for names in REASONS.values() for name in names.split()}


def public():
    """{name: function} of all that a public module of the packages defines under a public name."""
    found = {}
    for package in PACKAGES:
        names = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name[0] != "_"]
        for module in (importlib.import_module(f"{package.__name__}.{name}") for name in names):
            stem = module.__name__.split(".")[1]
            for name, value in vars(module).items():
                if callable(value) and name[0] != "_" and getattr(value, "__module__", "") == module.__name__:
                    found[f"{stem}.{name}"] = value
    return found


def test_every_public_function_and_argument_has_a_row_or_a_reason():
    known = public()
    rows, placed = {row.function for row in ROWS}, {place[0] for place in PLACES}
    without = known.keys() - rows - placed - EXEMPT
    without = {name for name in without if name.partition(".")[0] not in " ".join(MODULES).split()}
    takes = {name for name in without if inspect.signature(known[name]).parameters}
    assert takes == set(), "neither a row nor a reason"
    methods = {row for row in rows if row.count(".") == 2}
    assert (rows - methods) - known.keys() == EXEMPT - known.keys() == set(), "no longer there"
    assert EXEMPT & rows == set(), "there are rows"
    for row in ROWS:
        arguments = set(inspect.signature(resolve(row.function)).parameters) - {"self"}
        assert arguments == set(row.guards) | set(row.free), row.function


def test_the_tables_are_long_and_without_doubles():
    ids = [f"{row.function} {name}" for row, name, _ in CASES]
    ids += [f"{name} {guard.said} {change}" for name, change, guard in ALSO]
    assert len(ids) + len(PLACES) + len(REFUSED) >= 300
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize(
    "spins",
    [SPINS[:1], SPINS[:, :1], [[1]], np.ones((30, 4)), CONSTANT, TWINS, np.asfortranarray(SPINS)],
    ids=["one sample", "one spin", "one number", "constant", "one constant", "twins", "columns first"],
)
def test_the_erasure_machine_takes_what_other_methods_refuse(spins):
    """Its penalty keeps every parameter finite: at most 1/ε, since the moments are at most 1."""
    vector = erasure.fit(spins, 0.5).model.to_vector()
    assert 0 < np.abs(vector).max() <= 2 + 1e-5
