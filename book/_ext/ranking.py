"""Rank what the search finds, by ``ranking.js``, and let "reproduce" find what can be run."""

from pathlib import Path

from docutils import nodes


def add_keywords(app, doctree):
    """Words that readers search for, and that a page of a notebook need not say."""
    if app.env.docname.startswith("notebooks/") or app.env.docname == "book/how_to_run":
        doctree.insert(0, nodes.meta(name="keywords", content="reproduce, rerun"))


def setup(app):
    """Name the file where it is: Sphinx would look for it where it was started."""
    app.config.html_search_scorer = str(Path(__file__).with_suffix(".js"))
    app.connect("doctree-read", add_keywords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
