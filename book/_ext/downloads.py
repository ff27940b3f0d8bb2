"""Offer the source of each notebook, its ``.py``, among the downloads of its page."""

import shutil
from pathlib import Path


def add_button(app, pagename, templatename, context, doctree):
    """Put the button between those for the .ipynb and for printing."""
    if not _source(app, pagename).exists():
        return
    [downloads] = [b for b in context["header_buttons"] if b["label"] == "download-buttons"]
    button = {
        "type": "link",
        "url": f"{context['pathto']('_sources', 1)}/{pagename}.py",
        "text": ".py",
        "tooltip": "Download the notebook as Python text",
        "icon": "fab fa-python",
        "label": "download-python-button",
    }
    downloads["buttons"].insert(1, button)


def copy_sources(app, exception):
    """Copy the files beside those of the pages, where the buttons lead."""
    for pagename in [] if exception else app.env.found_docs:
        if _source(app, pagename).exists():
            shutil.copy(_source(app, pagename), Path(app.outdir) / "_sources" / f"{pagename}.py")


def _source(app, pagename):
    return Path(app.srcdir) / f"{pagename}.py"


def setup(app):
    """Come after the theme has made its buttons, which it does at priority 501."""
    app.connect("html-page-context", add_button, priority=600)
    app.connect("build-finished", copy_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
