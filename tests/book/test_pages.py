"""The pages of the book say what is so: their tables, messages, recipes and links, against their sources.

A picture of a page that changes on purpose: run this file as a script.
"""

import ast
import importlib.util
import itertools
import re
import shlex
import subprocess
import types
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import typer
import yaml
from matplotlib import pyplot as plt
from matplotlib.testing.compare import compare_images

from ising_book import cli, execute
from ising_lib import exact
from ising_lib.ising import IsingModel

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
CHAPTERS = (
    *("inverse_ising", "monte_carlo", "erasure_machine", "diffusion", "score", "analog_bits"),
    "stopping_and_imputation",
)
LABEL = re.compile(r"^(?:# )?\((eq-[a-z0-9-]+)\)=", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
SECTIONS = ("thesis_map", "Sections of the thesis")


def text(page):
    return (BOOK / f"{page}.md").read_text()


def blocks(page, language):
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


def section(page, title):
    """The text under a heading, up to the next one of the same level."""
    return text(page).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(page, title):
    """The rows of the table under a heading, each a list of cells."""
    rows = [line for line in section(page, title).splitlines() if line.startswith("|")]
    assert len(rows) > 2
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


# ------------------------------------------------------------------ the thesis and the book, side by side


def labels():
    """{label: the page that holds it, as a link names it} of all equations in the book."""
    sources = {path.name: path for path in BOOK.glob("*.md")}
    sources |= {f"../notebooks/{p.stem}.ipynb": p for p in (ROOT / "notebooks").glob("*.py")}
    return {label: link for link, path in sources.items() for label in LABEL.findall(path.read_text())}


def thesis_number(label):
    """The thesis's number of an equation, 15 for eq-15a; None for ours."""
    found = re.fullmatch(r"eq-(\d+)[ab]?", label)
    return found and int(found[1])


def numbers(cell):
    """{1, 2, 3, 8} from "1–3, 8"."""
    spans = [span.split("–") for span in re.findall(r"\d+(?:–\d+)?", cell)]
    return {n for span in spans for n in range(int(span[0]), int(span[-1]) + 1)}


def test_map_of_equations_is_that_of_the_labels():
    """Every equation of the thesis has its row, which leads to the label and names the page it is on."""
    found = {}
    for equation, _, page in table("thesis_map", "Equations of the thesis"):
        [(shown, target)], [(_, link)] = LINK.findall(equation), LINK.findall(page)
        assert shown.startswith(f"Eq. ({thesis_number(target[1:])}")
        found[target[1:]] = link
    assert found == {label: link for label, link in labels().items() if thesis_number(label)}
    assert {thesis_number(label) for label in found} == set(range(1, 45))


def figures():
    """{number: its page, as a link names it} of the figures that have an executed notebook."""
    executed = (path.stem for path in sorted((ROOT / "notebooks").glob("fig*.ipynb")))
    return {int(name[3:5]): f"../notebooks/{name}.ipynb" for name in executed}


def test_map_of_figures_is_that_of_the_notebooks():
    """A figure has a link as soon as it has an executed notebook, and none before."""
    for number, (shown, _, _, here) in enumerate(table("thesis_map", "Figures of the thesis"), 1):
        assert int(shown) == number
        right = f"[Figure {number}]({figures()[number]})" if number in figures() else "not in this book yet"
        assert here == right, f"the row of figure {number} in book/thesis_map.md is to say {right}"
    assert number == 14


def test_map_of_pages_leads_back():
    """What a page's row says of its equations, and both ways: sections to pages and figures, and back."""
    by_page = {}
    for label, link in labels().items():
        by_page.setdefault(link, []).append(label)
    there = {row[0]: {link for _, link in LINK.findall(row[2])} for row in table(*SECTIONS)}
    back = {section: set() for section in there}
    rows = [(LINK.findall(page)[0][1], *rest) for page, *rest in table("thesis_map", "Pages of this book")]
    assert [link for link, *_ in rows] == [*(f"{page}.md" for page in CHAPTERS), *figures().values()]
    for link, where, thesis, ours in rows:
        held = by_page.pop(link, [])
        own = [f"#{label}" for label in held if not thesis_number(label)]
        assert numbers(thesis) == {thesis_number(label) for label in held} - {None}, link
        assert [target for _, target in LINK.findall(ours)] == [*own[:1], *own[-1:]], link
        for section in where.split(", "):
            back[section].add(link)
    assert [link for link in by_page if "/ext" not in link] == []  # those go beyond the thesis
    assert back | {"IV": {"index.md"}} == there
    for number, _, where, _ in table("thesis_map", "Figures of the thesis"):
        assert figures().get(int(number), min(there[where])) in there[where]


# ------------------------------------------------------------------------------------------------ glossary


def glossary():
    """{term: its meaning}."""
    entries = re.findall(r"^(\S.*)\n((?:    .+\n)+)", "\n".join(blocks("glossary", r"\{glossary\}")), re.M)
    assert len(entries) == len(dict(entries)), "a term stands twice"
    return dict(entries)


def test_glossary_is_short_and_sorted():
    """One to three sentences each, in alphabetical order within a group as the page will show them."""
    meanings = glossary()
    assert len(meanings) > 60
    for term, meaning in meanings.items():
        assert 1 <= len(re.findall(r"[.!?](?:\s|$)", re.sub(r"Eq\. ", "", meaning))) <= 3, term
    for block in blocks("glossary", r"\{glossary\}"):
        terms = re.findall(r"^([^\s:].*)$", block, re.MULTILINE)
        assert terms == sorted(terms, key=str.lower)


def test_terms_that_pages_use_are_in_the_glossary():
    used = [
        (path.name, match[2] or match[1])
        for path in BOOK.glob("*.md")
        for match in re.finditer(r"\{term\}`([^`<]+?)(?: <([^>]+)>)?`", path.read_text())
    ]
    assert len(used) > 10
    assert [(page, term) for page, term in used if term not in glossary()] == []


# ----------------------------------------------------------------------------------------- troubleshooting

ENTRY = re.compile(r"^`([^`\n]+)`(?: \((\w+)\))?\n: ", re.MULTILINE)
# messages too general to be known by their words: what raises them
PROVOKED = {
    "n_spins must be from 1 to 20, got …": lambda: exact.moments(IsingModel(np.zeros(21), np.zeros((21, 21))))
}


def templates(folder):
    """All strings in the code of a folder, with … for what is filled in."""
    for path in sorted(Path(folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                yield "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%[-.\d]*[sdrfe]|\{\}", "…", node.value)


def holes(template):
    return ".+".join(map(re.escape, template.split("…")))


def is_said(message, known):
    """Is there a template that the message quotes, or abridges, or fills in?"""
    for template in known:
        if len(re.sub(r"[\W_]", "", template)) < 12:
            continue  # would agree with anything
        if re.fullmatch(holes(message), template, re.S) or re.fullmatch(holes(template), message, re.S):
            return True
    return False


def sources(program):
    """The strings of a program's code."""
    if program == "make":
        return re.findall(r'[^",]{12,}', (ROOT / "Makefile").read_text())
    if program == "tests":
        return list(templates(ROOT / "tests"))
    found = importlib.util.find_spec(program or "ising_lib")
    return [string for folder in found.submodule_search_locations for string in templates(folder)]


def test_messages_are_those_of_the_code():
    entries = ENTRY.findall(text("troubleshooting"))
    assert len(entries) > 25
    by_program = {}
    for message, program in entries:
        if message in PROVOKED:
            with pytest.raises(ValueError, match=holes(message)):
                PROVOKED[message]()
        else:
            by_program.setdefault(program, []).append(message)
    assert set(PROVOKED) <= {message for message, _ in entries}
    for program, messages in by_program.items():
        known = sources(program)
        assert [message for message in messages if not is_said(message, known)] == [], program


def test_a_message_that_nothing_says_is_found():
    known = ["{} is too large, got …", "the chains are not mixed: … sweeps"]
    assert is_said("the chains are not mixed: …", known)
    assert not is_said("the chains are well mixed: …", known)
    assert not is_said("n_spins must be even, got …", ["… must be …, got …"])


# ---------------------------------------------------------------------------------- continuous integration


def test_workflow_calls_make_and_nothing_else():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == ["make test", "make book", "make audit"]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"test", "book", "audit"} <= set(targets)
    [python] = [step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})]
    assert python in (ROOT / "pyproject.toml").read_text().partition("requires-python")[2].splitlines()[0]
    [cached] = [step["with"]["cache-dependency-path"] for step in steps if "cache" in step.get("with", {})]
    assert (ROOT / cached).is_file()


def test_options_that_the_page_explains_are_those_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text().partition("\ntest:")[2].partition("\nlint:")[0]
    options = re.findall(r"^`(-[^`]+)`$", text("validate_in_ci"), re.MULTILINE)
    assert len(options) == 4
    assert [option for option in options if option not in recipe] == []


# --------------------------------------------------------------------------------------------- cheat sheet

# the recipes at sizes that take seconds
SMALL = {
    "sample(truth, 4_000": "sample(truth, 400",
    "1_000, rng=rng, n_temperatures=10": "256, rng=rng, n_temperatures=4",
    "len(spins), rng=rng)": "len(spins), rng=rng, n_draws=4_000)",
    "n_iterations=4_000": "n_iterations=3",
    "n_iterations=8_000": "n_iterations=5",
    "20_000": "300",
    "n_steps=30": "n_steps=5",
}


def test_python_of_the_cheat_sheet_runs(tmp_path, monkeypatch):
    """As one session, top to bottom; every line of it makes something."""
    code = "\n".join(blocks("cheat_sheet", "python"))
    for given, small in SMALL.items():
        assert given in code
        code = code.replace(given, small)
    monkeypatch.chdir(tmp_path)
    session = {}
    exec(compile(code, "cheat sheet", "exec"), session)  # noqa: S102
    assert session["spins"].shape == session["filled"].shape == (400, 20)
    assert session["augmented"].shape == (300, 20)
    assert (session["filled"] != 0).all()
    assert np.isfinite([session["error"], session["held_out"], *session["lines"]]).all()
    assert session["step"].iteration == 5
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved == {"denoiser.safetensors", "training.safetensors"}


def commands(page):
    """The commands in the shell blocks of a page, as lists of words."""
    lines = "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def parse_ising_book(arguments):
    """What ``ising-book`` would understand; unknown commands, options, notebooks and values are refused."""
    group = typer.main.get_command(cli.app)
    with group.make_context("ising-book", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, list(arguments))
        values = command.make_context(name, rest, parent=context).params
    if name not in ("run", "plan", "refresh"):  # the commands that take notebooks
        return
    for notebook in cli._full_names([values["name"]] if "name" in values else values["names"]):
        cli._values(notebook, values.get("preset", ""), values.get("parameter") or ())


@pytest.mark.parametrize("page", ["cheat_sheet", "how_to_run"])
def test_commands_of_a_page_would_be_understood(page):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    seen = {"ising-book": 0, "make": 0, "papermill": 0}
    for program, *arguments in commands(page):
        seen[program] = seen.get(program, 0) + 1
        if program == "ising-book":
            parse_ising_book(arguments)
        elif program == "make":
            assert arguments[0] in targets
        elif program == "papermill":
            source, _, *options = arguments
            assert (ROOT / source).is_file()
            known = execute.parameters(Path(source).stem)
            pairs = list(itertools.pairwise(options))
            assert {name for flag, name in pairs if flag == "-p"} <= set(known)
            assert all((ROOT / path).is_file() for flag, path in pairs if flag == "-f")
    assert min(seen[program] for program in ("ising-book", "make", "papermill")) > 0


@pytest.mark.parametrize(
    "wrong",
    ["run fig08 -p n_spinz=20", "run fig08 --presett quick", "lisst", "run fig99", "plan --presett x"],
)
def test_a_command_that_would_be_refused_is_found(wrong):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - click is vendored, its classes have no public name
        parse_ising_book(wrong.split())
    assert raised.type.__name__ in {"Exit", "NoSuchOption", "UsageError"}


# ------------------------------------------------------------------------------------------ how to cite it


def test_every_public_module_is_in_the_reference():
    """Except the program, which has its own help."""
    modules = {path.stem for path in (ROOT / "ising_lib").glob("[!_]*.py")}
    assert set(re.findall(r"^\.\. automodule:: ising_lib\.(\w+)$", text("api"), re.MULTILINE)) == modules


def test_citation_is_one():
    """The same title, version, preprint and thesis in CITATION.cff, the page and the bibliography."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    page = " ".join(text("citing").split())
    assert f"version = {{{citation['version']}}}" in page
    assert citation["title"].replace("'", "").replace(":", "") in page.replace("`", "").replace(
        "'", ""
    ).replace(":", "")
    thesis, preprint = citation["references"]
    identifier = preprint["identifiers"][0]["value"].removeprefix("arXiv:")
    assert f"https://arxiv.org/abs/{identifier}" == preprint["url"]
    assert preprint["url"] in page
    entries = re.findall(r"^@.*?^\}", (BOOK / "references.bib").read_text(), re.DOTALL | re.MULTILINE)
    for key in ("lim2024thesis", "lim2025augmentation"):
        [entry] = [entry for entry in entries if f"{{{key}," in entry]
        assert entry in text("citing")
    assert str(thesis["year"]) in page


def test_changelog_page_is_the_changelog():
    assert "../CHANGELOG.md" in text("changelog")
    assert "arXiv" not in text("changelog"), "nothing but the include"


# ------------------------------------------------------------------------------------------------ chapters


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_is_complete(page):
    """Derivation, code from the package, an experiment, and exercises with folded, tested solutions."""
    content = text(page)
    assert len(LABEL.findall(content)) > 5
    assert "{literalinclude} ../ising_lib/" in content
    _, heading, experiment = content.partition("# An experiment to change\n")
    assert heading
    assert "```python\n" in experiment.partition("\n## ")[0]
    exercises = content.partition("\n## Exercises\n")[2].split("\n### Exercise ")[1:]
    assert [int(exercise.partition(":")[0]) for exercise in exercises] == [*range(1, len(exercises) + 1)]
    assert len(exercises) >= 3
    for exercise in exercises:
        question, folded, solution = exercise.partition("```{admonition} Solution\n:class: dropdown\n")
        assert folded
        assert len(question) > 60
        assert "{download}`✓ tested <../tests/equations/" in solution


def test_every_test_of_an_exercise_is_named_by_its_solution():
    tree = ast.parse((ROOT / "tests" / "equations" / "test_exercises.py").read_text())
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    tests = {name for name in tests if name.startswith("test_")}
    assert len(tests) > 20
    for name in tests:
        [page] = [page for page in CHAPTERS if name.startswith(f"test_{page}_")]
        number = name.removeprefix(f"test_{page}_")[0]
        exercise = text(page).partition(f"\n### Exercise {number}")[2].partition("\n### ")[0]
        assert f"`{name}`" in exercise


@pytest.mark.parametrize("page", ["diffusion", "score", "analog_bits"])
def test_experiment_of_a_chapter_runs(page, capsys):
    """Those of the other chapters run in equations/test_marks.py."""
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), {"__name__": "block"})  # noqa: S102
        shown = capsys.readouterr().out
        assert shown.strip()
        assert "nan" not in shown


PICTURE = BOOK / "_static" / "bias_and_variance.png"


def draw_bias_and_variance(path):
    """Run the experiment of the chapter on the Erasure Machine and save what it draws."""
    [block] = [block for block in blocks("erasure_machine", "python") if "plt.subplots" in block]
    session = {"__name__": "block"}
    with mpl.rc_context():
        exec(compile(block, "erasure_machine", "exec"), session)  # noqa: S102
        session["fig"].savefig(path)
    plt.close(session["fig"])
    return session


def test_picture_is_drawn_by_the_code_above_it(tmp_path):
    """To a few grey levels: fonts may be rendered differently.  And it shows what the text says it shows."""
    session = draw_bias_and_variance(tmp_path / PICTURE.name)
    assert compare_images(str(PICTURE), str(tmp_path / PICTURE.name), tol=5) is None
    bias, variance, error = (session[name] for name in ("bias", "variance", "error"))
    assert (np.diff(variance) < 0).all()
    assert 0 < bias.argmin() < len(bias) - 1
    best = error.argmin()
    assert variance[best - 1] > bias[best - 1]
    assert bias[best + 1] > variance[best + 1]


if __name__ == "__main__":
    draw_bias_and_variance(PICTURE)


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/someone/book.git", "https://github.com/someone/book"),
        ("https://github.com/someone/book", "https://github.com/someone/book"),
        ("https://a-token@github.com/someone/book/", "https://github.com/someone/book"),
        ("git@github.com:someone/book.git", "https://github.com/someone/book"),
        ("ssh://git@gitlab.com/group/part/book.git", "https://gitlab.com/group/part/book"),
        ("https://example.org/someone/book.git", None),
        ("/somewhere/on/a/disk", None),
        (None, None),
    ],
)
def test_buttons_lead_to_where_the_clone_came_from(remote, page, tmp_path):
    """Source, issue and Binder; none where the clone has no page, and never with what a remote hides."""
    spec = importlib.util.spec_from_file_location("repository", BOOK / "_ext" / "repository.py")
    repository = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(repository)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    if remote:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    config = types.SimpleNamespace(html_theme_options={"home_page_in_navbar": True})
    repository.add_options(types.SimpleNamespace(srcdir=tmp_path), config)
    assert config.html_theme_options.pop("home_page_in_navbar")
    assert config.html_theme_options.get("repository_url") == page
    on = page is not None
    for button in ("use_issues_button", "use_source_button", "launch_buttons"):
        assert bool(config.html_theme_options.get(button)) is on
