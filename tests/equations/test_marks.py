"""The chapters keep their promises: marks, code blocks and their output, exercises, pictures, letters."""

import ast
import functools
import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from tests import mutants

EQUATIONS = Path(__file__).parent
ROOT = EQUATIONS.parent.parent
BOOK = ROOT / "book"
CHAPTERS = (
    *("inverse_ising", "monte_carlo", "erasure_machine", "diffusion", "score", "analog_bits"),
    "stopping_and_imputation",
)
EXTENSIONS = sorted((ROOT / "notebooks").glob("*.py"))
LINE = re.compile(r"\{download\}`([✓○]) <\.\./tests/equations/(\w+)\.py>`(?:\n|$)")


def text(page):
    """The source of a chapter, or the prose of a notebook."""
    if isinstance(page, Path):
        return re.sub(r"^# ?", "", page.read_text(), flags=re.M)
    return (BOOK / f"{page}.md").read_text()


def equations(page):
    """(number, what follows) of each labelled equation: "24", "d1" or "15a"."""
    content = text(page)
    for found in re.finditer(r"(?:^\(eq-[\w-]+\)=\n)+", content, re.M):
        after = re.match(
            r"(?:\$\$.*?\$\$|\\begin\{align\*\}.*?\\end\{align\*\})\n?(.*)", content[found.end() :], re.S
        )
        assert after, f"{page}: no equation after {found[0]}"
        for label in re.findall(r"\(eq-([\w-]+)\)=", found[0]):
            yield label.replace("-", ""), after[1]


@functools.cache
def members(name):
    """{name: node} of the functions and classes of a file of tests, and the names it takes from ising_lib."""
    tree = ast.parse((EQUATIONS / f"{name}.py").read_text())
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    library, helpers = set(), {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("ising_lib"):
            library |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Assign) and library & {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name)
        }:
            library |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ImportFrom) and node.module.startswith("tests.equations"):
            helpers |= dict.fromkeys((alias.name for alias in node.names), node.module.rpartition(".")[2])
    return defined, library, helpers


def numbers(test):
    """{"24", "25"} of test_eq_24_25_one_step."""
    head = re.match(r"test_eq_((?:[a-z]?\d+[ab]?_)+)", test + "_")
    return {re.sub(r"^0", "", part) for part in head[1].split("_") if part} if head else set()


def uses_library(file, name, seen=()):
    """Whether a test, or a helper that it calls, takes something from ising_lib."""
    defined, library, helpers = members(file)
    if name in helpers:
        return uses_library(helpers[name], name, seen)
    if name not in defined or name in seen:
        return False
    used = {node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)}
    used |= {argument.arg for argument in ast.walk(defined[name]) if isinstance(argument, ast.arg)}
    return bool(used & library) or any(uses_library(file, other, (*seen, name)) for other in used)


@pytest.mark.parametrize("page", [*CHAPTERS, *EXTENSIONS], ids=lambda page: getattr(page, "stem", page))
def test_every_equation_has_a_mark_and_the_mark_a_test(page):
    """✓: the test runs the library's code.  ○: there is none."""
    for number, after in equations(page):
        mark = LINE.match(after)
        assert mark, f"Eq. {number} has no mark on the line below it"
        sign, file = mark.groups()
        own = [name for name in members(file)[0] if number in numbers(name)]
        assert own, f"no test of Eq. {number} in {file}.py"
        if sign == "✓":
            assert any(uses_library(file, name) for name in own), f"Eq. {number} is not ✓ but ○"


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_test_of_a_chapter_belongs_to_an_equation_of_its_page(page):
    known = {number for number, _ in equations(page)}
    for name in members(f"test_{page}")[0]:
        assert not name.startswith("test_") or (numbers(name) and numbers(name) <= known), name


def test_every_name_in_the_errata_is_a_test_and_every_test_of_an_erratum_has_its_row():
    files = [path.stem for path in EQUATIONS.glob("test_*.py")]
    known = {name for file in files for name in members(file)[0]}
    named = set(re.findall(r"`(test_\w+)`", text("errata")))
    assert named - known == set()
    errata = {name for file in files if "errata" in file for name in members(file)[0] if name[:5] == "test_"}
    assert errata - named == set()


# ---- code, exercises, pictures

BLOCK = re.compile(r"^```python\n(.*?)^```\n\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]\d+)?")


@pytest.mark.slow
@pytest.mark.parametrize("page", CHAPTERS)
def test_code_of_a_chapter_prints_what_the_page_shows(page, capsys):
    """Each block by itself, as a reader would paste it.  Words are equal, numbers nearly so.

    Nearly: processors round differently, and what was drawn then differs by chance: 5 %, or 0.05.  Seconds
    are not compared.
    """
    blocks = BLOCK.findall(text(page))
    assert blocks
    for code, expected in blocks:
        assert max(map(len, code.splitlines())) <= 77  # what the page shows without scrolling
        exec(compile(code, page, "exec"), {"__name__": "block"})  # noqa: S102
        found = capsys.readouterr().out
        words = [" ".join(NUMBER.sub("#", some).split()) for some in (found, expected)]
        assert words[0] == words[1]
        if "perf_counter" not in code:
            values = [np.array(NUMBER.findall(some.replace(",", "")), float) for some in (found, expected)]
            np.testing.assert_allclose(*values, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_is_complete(page):
    """Code from the package, an experiment, and three exercises or more with folded, tested solutions."""
    content = text(page)
    assert "{literalinclude} ../ising_lib/" in content
    assert "# An experiment to change\n" in content
    exercises = content.partition("\n## Exercises\n")[2].split("### Exercise ")[1:]
    assert len(exercises) >= 3
    tests = [name for name in members("test_exercises")[0] if name.startswith(f"test_{page}_")]
    for number, exercise in enumerate(exercises, 1):
        assert exercise.startswith(f"{number}: ")
        question, folded, solution = exercise.partition("```{admonition} Solution\n:class: dropdown\n")
        assert folded
        assert len(question) > 60
        assert "{download}`✓ <../tests/equations/test_exercises.py>`" in solution
        assert [name for name in tests if name.startswith(f"test_{page}_{number}_")]
    assert len(tests) == len(exercises)


@pytest.fixture
def pictures(monkeypatch):
    """The module book/pictures.py."""
    monkeypatch.syspath_prepend(BOOK)
    return importlib.import_module("pictures")


def test_every_picture_is_made_by_the_script_and_described(pictures):
    shown = {}
    for page in CHAPTERS:
        found = re.findall(r"\{figure\} _static/chapters/(\w+)\.svg\n:alt: (.+)\n", text(page))
        assert found, f"{page} has no picture"
        shown |= dict(found)
    assert min(map(len, shown.values())) > 80
    assert set(shown) == set(pictures.PICTURES)
    assert set(shown) == {path.stem for path in (BOOK / "_static" / "chapters").iterdir()}


@pytest.mark.parametrize(
    "name", ["likelihood", "valleys", "erasing", "schedule", "one_spin", "humps", "rulers"]
)
def test_the_script_draws_the_picture_again(name, pictures, tmp_path):
    """Number by number, to a pixel; those that take seconds are not drawn here."""
    pictures.draw(name, tmp_path)
    new, old = ((folder / f"{name}.svg").read_text() for folder in (tmp_path, BOOK / "_static" / "chapters"))
    bodies = [some.partition("<defs>")[2] for some in (new, old)]
    assert NUMBER.sub("#", re.sub(r"#\w+", "", bodies[0])) == NUMBER.sub("#", re.sub(r"#\w+", "", bodies[1]))
    values = [np.array(re.findall(r"(?<![#\w])-?\d+\.\d+", some), float) for some in bodies]
    np.testing.assert_allclose(*values, rtol=0, atol=1)


# ---- letters

GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|theta|kappa|lambda|mu|nu|rho|sigma|varphi|omega|Delta|Lambda|Phi"
)


def letters(content):
    """The letters in formulas, each with its accent, without subscripts and superscripts."""
    found = set()
    for parts in re.findall(r"\$\$(.*?)\$\$|\$([^$]+)\$|\\begin\{align\*\}(.*?)\\end", content, re.DOTALL):
        formula = re.sub(r"\\(?:tag|text|operatorname\*?|mathrm|begin|end)\s*\{[^}]*\}", " ", "".join(parts))
        formula = re.sub(r"\\mathrm [a-z]", " ", formula)
        for _ in range(4):
            formula = re.sub(r"_\{[^{}]*\}", "", formula)
        formula = re.sub(r"_(\\[a-zA-Z]+|.)", "", formula)
        pattern = r"(?:\\(bar|hat|tilde|mathcal|mathbb)\s*\{?\s*)?(\\[a-zA-Z]+|[A-Za-z])"
        for accent, letter in re.findall(pattern, formula):
            if GREEK.fullmatch(letter[1:]) or len(letter) == 1:
                found.add(f"{accent} {letter}".strip())
    return found


def without_code(page):
    return re.sub(r"```(?:python|text|\{literalinclude\}|\{figure\}).*?```", "", text(page), flags=re.DOTALL)


def test_notation_lists_the_letters_that_the_chapters_use_and_no_others():
    """The chapters and the extensions; letters of indices are those that the page calls so."""
    used = {letter: page for page in CHAPTERS for letter in letters(without_code(page))}
    pages = [path for path in EXTENSIONS if path.stem.startswith("ext")]
    used |= {letter: page.stem for page in pages for letter in letters(text(page).partition("# +")[0])}
    listed = letters(text("notation"))
    assert {letter: page for letter, page in used.items() if letter not in listed} == {}
    assert listed - set(used) == set()


# ---- mutants


def test_mutants_are_about_this_code_and_these_tests():
    """Each changes one place of the code, and its tests exist; ``tests/mutants.py`` runs them."""
    for fault in mutants.faults():
        assert (ROOT / fault.file).read_text().count(fault.old) == 1, fault
        assert fault.old != fault.new
        for node in fault.tests:
            file, _, test = node.partition("::")
            assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(), node
