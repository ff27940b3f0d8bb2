"""Show vector pictures inline, so that their black follows the theme, with a link to the file below.

Notebooks draw text and axes in black on no ground.  In the page black becomes the colour of the page's text,
in both themes and on paper; the file itself stays as it was, for whoever downloads it.
"""

import html
import re
from pathlib import Path

_IMAGE = re.compile(r'<img[^>]*?src="(?P<source>[^"]*_images/(?P<name>[^"/]+\.svg))"[^>]*?/?>')
_ALT = re.compile(r'alt="([^"]*)"')
_TEXT = re.compile(r'(<g id="text_\d+">\s*(?:<!--.*?-->\s*)?<g style="fill: (#[0-9a-f]{6}))', re.DOTALL)
_BLACK = re.compile(r"(fill|stroke): ?(#000000|#000|black)\b")


def inline(app, pagename, templatename, context, doctree):
    """Replace each image of an SVG file by its content."""
    files = {name: Path(app.srcdir) / path for path, name in app.builder.images.items()}

    def picture(match):
        file = files.get(match["name"])
        if file is None or not file.exists() or "sd-card-img" in match[0]:  # cards are thumbnails
            return match[0]
        alt = _ALT.search(match[0])
        shown = svg(file.read_text(encoding="utf-8"), html.unescape(alt[1]) if alt else "", match["name"])
        return f'{shown}<a class="picture-link" href="{match["source"]}" download>SVG</a>'

    if "body" in context:
        context["body"] = _IMAGE.sub(picture, context["body"])


def svg(text, alt, name):
    """The <svg> element of a file: as wide as the page lets it be, named by its alternative text."""
    element = _BLACK.sub(r"\1: currentColor", text[text.index("<svg") :])
    # a word in the colour of its curve: too pale on one of the grounds, if not mixed with that of the text
    element = _TEXT.sub(r"\1; fill: color-mix(in srgb, \2 75%, currentColor)", element)
    # names inside a picture are shared by the page: two pictures may not both hold a "patch_1"
    prefix = re.sub(r"\W", "", name.removesuffix(".svg"))[:12]
    element = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{prefix}-", element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    head, rest = element.split(">", 1)
    width = re.search(r' width="([\d.]+)pt"', head)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    size = f' style="width: {float(width[1]) * 4 / 3:.0f}px"' if width else ""
    return (
        f'{head} class="picture" role="img" aria-label="{html.escape(alt)}" fill="currentColor"{size}>{rest}'
    )


def unnumber(app, config):
    """Captions have no numbers: Figure 5 is the thesis's, not our fifth picture.

    Said here, since an extension of Jupyter Book's numbers them for LaTeX whatever the configuration says.
    """
    config.numfig = False


def setup(app):
    """Before the theme changes the page's body, and after that extension."""
    app.connect("config-inited", unnumber, priority=900)
    app.connect("html-page-context", inline, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
