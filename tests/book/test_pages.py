"""The pages of the book say what is so: their tables, messages, recipes and links, against their sources.

What the chapters promise is tested in equations/test_marks.py.
"""

import ast
import importlib.util
import itertools
import re
import shlex
import subprocess
import types
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml

from ising_book import cli, execute
from ising_lib import exact
from ising_lib.ising import IsingModel

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
CHAPTERS = (
    *("inverse_ising", "monte_carlo", "erasure_machine", "diffusion", "score", "analog_bits"),
    "stopping_and_imputation",
)
LABEL = re.compile(r"^(?:# )?\((eq-[a-z0-9-]+)\)=", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def text(page):
    return (BOOK / f"{page}.md").read_text()


def blocks(page, language):
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


def table(page, title):
    """The rows of the table under a heading, each a list of cells."""
    section = text(page).partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.slow
def test_the_book_renders_without_a_warning():
    """Warnings are errors.  The browser's tests open these pages."""
    assert execute.rendered().is_file()


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
    rows = table("thesis_map", "Figures of the thesis")
    assert [int(row[0]) for row in rows] == list(range(1, 15))
    assert [row[3] for row in rows] == [f"[Figure {n}]({link})" for n, link in figures().items()]


def test_map_of_pages_leads_back():
    """What a page's row says of its equations, and both ways: sections to pages and figures, and back."""
    by_page = {}
    for label, link in labels().items():
        by_page.setdefault(link, []).append(label)
    sections = table("thesis_map", "Sections of the thesis")
    there = {row[0]: {link for _, link in LINK.findall(row[2])} for row in sections}
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
        assert figures()[int(number)] in there[where]


# ------------------------------------------------------------------------------------------------ glossary


def glossary():
    """{term: its meaning}."""
    entries = re.findall(r"^(\S.*)\n((?:    .+\n)+)", "\n".join(blocks("glossary", r"\{glossary\}")), re.M)
    assert len(entries) == len(dict(entries)), "a term stands twice"
    return dict(entries)


def test_glossary_is_short_and_sorted_and_holds_the_terms_that_pages_use():
    """One to three sentences each, in alphabetical order within a group as the page will show them."""
    meanings = glossary()
    assert len(meanings) > 60
    for term, meaning in meanings.items():
        assert 1 <= len(re.findall(r"[.!?](?:\s|$)", re.sub(r"Eq\. ", "", meaning))) <= 3, term
    for block in blocks("glossary", r"\{glossary\}"):
        terms = re.findall(r"^([^\s:].*)$", block, re.MULTILINE)
        assert terms == sorted(terms, key=str.lower)
    term = re.compile(r"\{term\}`([^`<]+?)(?: <([^>]+)>)?`")
    used = [
        (p.name, match[2] or match[1]) for p in BOOK.glob("*.md") for match in term.finditer(p.read_text())
    ]
    assert len(used) > 10
    assert [(page, term) for page, term in used if term not in meanings] == []


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
    """The strings of a program's code; without a name, of our two packages."""
    if program == "make":
        return re.findall(r'[^",]{12,}', (ROOT / "Makefile").read_text())
    if program == "tests":
        return list(templates(ROOT / "tests"))
    packages = [program] if program else ["ising_lib", "ising_experiments", "ising_book"]
    found = [importlib.util.find_spec(name).submodule_search_locations for name in packages]
    return [string for folders in found for folder in folders for string in templates(folder)]


@pytest.mark.slow
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
    for program, messages in by_program.items():
        known = sources(program)
        assert [message for message in messages if not is_said(message, known)] == [], program


def test_a_message_that_nothing_says_is_found():
    known = ["{} is too large, got …", "the chains are not mixed: … sweeps"]
    assert is_said("the chains are not mixed: …", known)
    assert not is_said("the chains are well mixed: …", known)
    assert not is_said("n_spins must be even, got …", ["… must be …, got …"])


# ------------------------------------------------------------------------------- commands and cheat sheet


def test_options_that_the_page_explains_are_those_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text().partition("\ntest:")[2].partition("\nlint:")[0]
    options = re.findall(r"^`(-[^`]+)`$", text("validate_in_ci"), re.MULTILINE)
    assert len(options) == 4
    assert [option for option in options if option not in recipe] == []


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


@pytest.mark.slow
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
    assert {path.name for path in tmp_path.iterdir()} == {"denoiser.safetensors", "training.safetensors"}


def parse_ising_book(arguments):
    """What ``ising-book`` would understand; unknown commands, options, notebooks and values are refused."""
    group = typer.main.get_command(cli.app)
    with group.make_context("ising-book", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, list(arguments))
        values = command.make_context(name, rest, parent=context).params
    if name in ("run", "plan", "refresh"):  # the commands that take notebooks
        for notebook in cli._full_names([values["name"]] if "name" in values else values["names"]):
            cli._values(notebook, values.get("preset", ""), values.get("parameter") or ())


@pytest.mark.parametrize("page", ["cheat_sheet", "how_to_run"])
def test_commands_of_a_page_would_be_understood(page):
    lines = "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    commands = [words for line in lines if (words := shlex.split(line, comments=True))]
    assert {"ising-book", "make", "papermill"} <= {words[0] for words in commands}
    for program, *arguments in commands:
        if program == "ising-book":
            parse_ising_book(arguments)
        elif program == "make":
            assert arguments[0] in TARGETS
        elif program == "papermill":
            source, _, *options = arguments
            assert (ROOT / source).is_file()
            pairs = list(itertools.pairwise(options))
            assert {name for flag, name in pairs if flag == "-p"} <= set(
                execute.parameters(Path(source).stem)
            )
            assert all((ROOT / path).is_file() for flag, path in pairs if flag == "-f")


@pytest.mark.parametrize("wrong", ["run fig08 -p n_spinz=20", "lisst", "run fig99", "plan --presett x"])
def test_a_command_that_would_be_refused_is_found(wrong):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - click is vendored, its classes have no public name
        parse_ising_book(wrong.split())
    assert raised.type.__name__ in {"Exit", "NoSuchOption", "UsageError"}


# ------------------------------------------------------------------------- reference, citation, repository


def test_every_public_module_is_in_the_reference():
    """One page each, listed on the page above them; except the program, which has its own help."""
    folders = {"ising_lib": ROOT / "ising_lib"}
    folders |= {name: BOOK / name for name in ("ising_experiments", "ising_book")}
    modules = {f"{name}.{path.stem}" for name, folder in folders.items() for path in folder.glob("[!_]*.py")}
    pages = {path.stem: path.read_text() for path in (BOOK / "api").glob("*.md")}
    shown = set(re.findall(r"^\.\. automodule:: ([\w.]+)$", "\n".join(pages.values()), re.MULTILINE))
    assert shown == modules - {"ising_book.cli"}
    assert set(re.findall(r"\]\(api/(\w+)\.md\)", text("api"))) == set(pages)


def test_citation_is_one():
    """The same title, version, preprint and thesis in CITATION.cff, the page and the bibliography."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    page = " ".join(text("citing").split())
    assert f"version = {{{citation['version']}}}" in page
    plain = re.compile(r"['`:]")
    assert plain.sub("", citation["title"]) in plain.sub("", page)
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


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/someone/book.git", "https://github.com/someone/book"),
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
    for button in ("use_issues_button", "use_source_button", "launch_buttons"):
        assert bool(config.html_theme_options.get(button)) is (page is not None)
    # the picture that a link shows, named in full: https://OWNER.github.io/NAME/_static/social.png
    image = page and re.sub(r"//(\w+)\.com/([^/]+)/", r"//\2.\1.io/", page) + "/_static/social.png"
    assert getattr(config, "ogp_image", None) == image
    assert (BOOK / "_static" / "style" / "social.png").exists()
