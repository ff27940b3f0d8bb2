"""Every mark "✓ tested" in the book leads to a test that exists; every code block of the chapters runs."""

import ast
import re
from pathlib import Path

import pytest

EQUATIONS = Path(__file__).parent
BOOK = EQUATIONS.parent.parent / "book"
MARK = re.compile(r"\{download\}`✓ tested <\.\./tests/equations/(\w+\.py)>`((?:,? `test_\w+`)*)")
NAME = re.compile(r"`(test_\w+)`")
WITH_BLOCKS = ("inverse_ising", "monte_carlo", "erasure_machine", "stopping_and_imputation")


def names_in(path):
    """The names of the tests in a file."""
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def marks(page):
    """(file, name) of every mark on a page."""
    for match in MARK.finditer(page.read_text()):
        yield from ((match[1], name) for name in NAME.findall(match[2]))


def test_every_mark_leads_to_a_test():
    found = [(page.name, *mark) for page in sorted(BOOK.glob("*.md")) for mark in marks(page)]
    assert len(found) > 50
    missing = [mark for mark in found if mark[2] not in names_in(EQUATIONS / mark[1])]
    assert missing == []


def test_every_name_in_the_errata_is_a_test_there():
    """The tables give names alone, and every test of an erratum has its row."""
    known = {name for path in EQUATIONS.glob("test_*.py") for name in names_in(path)}
    named = set(NAME.findall((BOOK / "errata.md").read_text()))
    assert named - known == set()
    errata = {name for path in EQUATIONS.glob("test_errata*.py") for name in names_in(path)}
    assert errata - named == set()


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_every_test_of_a_chapter_is_named_in_it(page):
    named = {name for file, name in marks(BOOK / f"{page}.md") if file == f"test_{page}.py"}
    assert names_in(EQUATIONS / f"test_{page}.py") - named == set()


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_code_of_the_chapter_runs(page, capsys):
    """Each block by itself, as a reader would paste it; it shows something, and no nan."""
    blocks = re.findall(r"^```python\n(.*?)^```", (BOOK / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {"__name__": "block"})  # noqa: S102
        shown = capsys.readouterr().out
        assert shown.strip()
        assert "nan" not in shown
