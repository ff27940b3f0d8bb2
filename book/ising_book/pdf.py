"""Print the rendered book to one PDF, by a Chromium or Chrome of this machine.

The articles of all pages are put into one page, with links between them, and that is printed: so there is
one outline, and one count of the pages.  Needs the extra "book" and a browser.
"""

import itertools
import shutil
from pathlib import Path

import yaml
from playwright import sync_api

from ising_book.execute import ROOT

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# It draws without a graphics card, and asks nothing of the network on its own.
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_STYLE = """
article { break-before: page; }
article:first-child { break-before: avoid; }
article h1 { display: block !important; }
"""
_FOOT = '<div style="width: 100%; font-size: 8px; text-align: center"><span class="pageNumber"></span></div>'
_SHEETS = {
    "format": "A4",
    "scale": 0.8,
    "margin": {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": _FOOT,
    "outline": True,
    "tagged": True,
}
_MILLISECONDS = 1_200_000  # it takes one or two minutes on a free core

_JOINED = (ROOT / "book" / "_static" / "print.js").read_text()


def pages():
    """The pages of the book in the order of its table of contents, as paths without suffix."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [page for part in contents["parts"] for page in part["chapters"]]
    below = [[page["file"], *(one["file"] for one in page.get("sections", []))] for page in chapters]
    return [contents["root"], *itertools.chain(*below)]


def browser():
    """The path of a browser that can print.

    Raises:
        RuntimeError: none was found.
    """
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        raise RuntimeError("no Chromium or Chrome was found; install one, e.g. Debian's package chromium")
    return found[0]


def write(html, output, names=None):
    """Print pages of the rendered book to one file.

    Args:
        html: folder of the rendered book.
        output: path of the PDF.
        names: of the pages, all by default.

    Raises:
        RuntimeError: no browser was found.
    """
    path = browser()
    files = {name: Path(html).resolve() / f"{name}.html" for name in names or pages()}
    chapters = [{"name": n, "url": f.as_uri(), "text": f.read_text()} for n, f in files.items()]
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=FLAGS) as chromium,
    ):
        page = chromium.new_page(color_scheme="light")
        page.set_default_timeout(_MILLISECONDS)
        page.goto(chapters[0]["url"])
        page.add_style_tag(content=_STYLE)
        page.evaluate(_JOINED, chapters)
        page.pdf(path=output, **_SHEETS)
