"""Say what a folded cell holds, and shorten the keys of stored runs in tables."""

import re

from docutils import nodes

_KEY = re.compile(r"(?P<short>[a-z_]+-[0-9a-f]{8})[0-9a-f]{8}")
_SOURCES = "Where these numbers come from"  # how the text of `ising_experiments.provenance.table` begins


def name_folds(app, doctree):
    """Each folded cell of a notebook by what is in it, instead of "Show the content"."""
    for cell in doctree.findall(nodes.container):
        if "prompt_show" in cell:
            cell["prompt_show"] = cell["prompt_hide"] = name(cell)


def name(cell):
    """What a fold of a cell is called."""
    tags = {tag.removeprefix("tag_") for tag in cell["classes"]}
    if found := tags & {"parameters", "runs"}:
        return found.pop().capitalize()
    if "hide-output" in tags:
        if _SOURCES in cell.astext():
            return _SOURCES
        code = [block for block in cell.findall(nodes.literal_block) if "def " in block.astext()]
        return "Functions" if code and "remove-input" in tags else "Numbers"
    results = [part for part in cell.children if part.get("nb_element") == "cell_code_output"]
    return "Code and result" if results and "hide-cell" in tags else "Code"


def shorten_keys(app, doctree):
    """The first digits of each key in a table; the whole of it where the pointer rests."""
    for entry in doctree.findall(nodes.entry):
        for key in list(entry.findall(nodes.literal)):
            if match := _KEY.fullmatch(key.astext()):
                key.replace_self(
                    nodes.abbreviation("", match["short"], explanation=match[0], classes=["key"])
                )


def setup(app):
    """Both as soon as a page is read."""
    app.connect("doctree-read", name_folds)
    app.connect("doctree-read", shorten_keys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
