"""Every page of the rendered book, as a reader's browser shows it without a network.

A page is loaded once, and everything is looked at in that one tab: on a desk, on a small screen, on a phone,
in light and in dark.  Each check returns what is wrong; ``broken.html`` has every fault, and
``test_every_fault_is_found`` sees that each is found.
"""

import functools
import itertools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from ising_book import execute, pdf

BY_SPHINX = ["genindex", "py-modindex", "search"]
FIRST = pdf.pages()[0]
FIGURES = "notebooks/fig", "notebooks/ext"
PHONE, SMALL, DESK = ({"width": w, "height": h} for w, h in ((390, 844), (1024, 768), (1280, 900)))
RULES = ["color-contrast", "heading-order", "image-alt", "page-has-heading-one"]
CONTRAST = 4.5  # WCAG 2.2, level AA, text of normal size

UNTYPESET = r"""() => {
  const faults = [];
  for (const formula of document.querySelectorAll("main .math"))
    if (!formula.querySelector("mjx-container")) faults.push(`not typeset: ${formula.textContent}`);
  for (const error of document.querySelectorAll("mjx-merror"))
    faults.push(`${error.dataset.mjxError}: ${error.closest(".math").textContent}`);
  const raw = /\$\$|\$[^$\s][^$]*\$|\\[([]|\\(begin|frac|sum|mathbf)\b/;
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (raw.test(data) && !parentElement.closest("pre, code, script, style, mjx-container"))
      faults.push(`raw mathematics: ${data.trim()}`);
  }
  return faults;
}"""

UNSEEN = """() => {
  const faults = [];
  for (const image of document.querySelectorAll("main img")) {
    const name = image.src.slice(0, 80);
    if (!image.alt.trim()) faults.push(`no alt text: ${name}`);
    if (!(image.complete && image.naturalWidth && image.naturalHeight)) faults.push(`empty: ${name}`);
  }
  for (const picture of document.querySelectorAll("svg.picture"))
    if (!picture.getAttribute("aria-label")?.trim()) faults.push(`no name: ${picture.id}`);
  return faults;
}"""

# A script draws them one by one after the page has loaded: a long page on a busy machine gets time.
ICONS = """async () => {
  const left = () => [...document.querySelectorAll("i[class*='fa-']")];
  for (let n = 0; n < 100 && left().length; n++) await new Promise((resolve) => setTimeout(resolve, 100));
  return left().map((icon) => `no icon: ${icon.className}`);
}"""

# Put to its other end, a slider must change the picture that stands with it, and stay there.
STUCK = """async () => {
  const faults = [];
  for (const slider of document.querySelectorAll("main input[type=range]")) {
    let scene = slider;
    while (!scene.querySelector("img, svg, canvas")) scene = scene.parentElement;
    const picture = () => scene.querySelector("svg.marks") ?? scene.querySelector("img, svg, canvas");
    const seen = () => picture().src ?? picture().outerHTML;
    const before = seen();
    const end = slider.value === slider.max ? slider.min : slider.max;
    slider.value = end;
    for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (seen() === before || slider.value !== end) faults.push(`slider does not move: ${slider.id}`);
  }
  return faults;
}"""

SIDEWAYS = """() => {
  const width = document.documentElement.scrollWidth;
  if (width <= innerWidth) return [];
  const clipped = ({ parentElement: outer }) =>
    outer && (getComputedStyle(outer).overflowX !== "visible" || clipped(outer));
  const beyond = [...document.querySelectorAll("main *")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth && !clipped(e) && !e.closest("mjx-container *"));
  const named = beyond.map((e) => `${e.localName} ${e.textContent.trim().slice(0, 60)}`);
  return [`${width} pixels wide: ${named.join("; ")}`];
}"""

# On a desk: where a figure begins, whether the badge is on the first screen, how many search boxes there are.
FIRST_SCREEN = """(figure) => {
  const top = (element) => Math.round(element.getBoundingClientRect().top);
  const faults = [];
  const picture = document.querySelector("svg.picture");
  const badge = document.querySelector("a.verdict");
  if (figure && !picture) faults.push("no figure");
  if (figure && picture && top(picture) >= 900) faults.push(`the figure begins at ${top(picture)}`);
  if (figure && badge?.getBoundingClientRect().bottom > innerHeight)
    faults.push(`the badge is at ${top(badge)}`);
  const boxes = [...document.querySelectorAll(".search-button__button, input[type=search]")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 0).length;
  if (boxes !== 1) faults.push(`${boxes} search boxes`);
  return faults;
}"""

# Everything unfolded. A table may be wider than its container if that can be scrolled, and is itself in
# sight; a formula, too, if it begins at its left end.
CUT = """() => {
  const screen = document.documentElement.clientWidth;
  const short = (element) => element.textContent.trim().slice(0, 60);
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  const scrolls = (one) => {
    for (; one && one !== document.body; one = one.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(one).overflowX))
        return one.getBoundingClientRect().right <= screen + 1;
    return false;
  };
  const folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((fold) => (fold.open = true));
  const faults = [];
  for (const code of seen("main pre"))
    if (code.scrollWidth > code.clientWidth + 1) faults.push(`code: ${short(code)}`);
  for (const table of seen("main table"))
    if (table.getBoundingClientRect().right > screen + 1 && !scrolls(table.parentElement))
      faults.push(`table: ${short(table)}`);
  for (const formula of seen("main div.math mjx-math")) {
    const box = formula.closest("div.math");
    const [left, inside] = [box, formula].map((one) => one.getBoundingClientRect().left);
    if (box.scrollLeft > 0 || inside < left - 1 || left < 0) faults.push(`formula: ${short(box)}`);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > screen) faults.push(`page: ${scrollWidth} pixels wide`);
  folded.forEach((fold) => (fold.open = false));
  return faults.map((fault) => `${innerWidth}, ${fault}`);
}"""

# Badges, and text in pictures: Matplotlib writes it as a group of outlines. Text that stands on something
# drawn is not looked at.
PALE = """(least) => {
  const numbers = (colour) => // of 255, or of 1 where colours are mixed
    colour.match(/[\\d.]+/g).map((part) => part * (colour.startsWith("color(srgb") ? 255 : 1));
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (one) => {
    const rgb = numbers(getComputedStyle(one).backgroundColor);
    return rgb.length > 3 && rgb[3] === 0 && one.parentElement ? ground(one.parentElement) : rgb;
  };
  const faults = new Set();
  const look = (name, colour, behind) => {
    const [low, high] = [light(numbers(colour)), light(ground(behind))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least) faults.add(`${name}, ${colour}: ${contrast.toFixed(2)}`);
  };
  for (const badge of document.querySelectorAll("main .verdict"))
    look("badge", getComputedStyle(badge).color, badge);
  for (const text of document.querySelectorAll("svg.picture g[id*='-text_']")) {
    const letter = text.querySelector("use") ?? text.querySelector("path");
    if (letter) look("text", getComputedStyle(letter).fill, text.closest("svg").parentElement);
  }
  return [...faults];
}"""

# What axe-core has not to walk through: a formula has hundreds of nodes, all of the colour around it, and
# becomes one word of that colour; a picture's outlines are looked at above; the list of pages is the same on
# every page, and looked at on one.
LESS = """(whole) => {
  document.querySelectorAll("mjx-container").forEach((formula) => (formula.textContent = "formula"));
  document.querySelectorAll("svg.picture").forEach((picture) => picture.replaceChildren());
  if (!whole) document.querySelector(".bd-sidebar-primary")?.replaceChildren();
}"""
AXE = """async ([rules, scheme]) => {
  const { violations } = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${scheme}, ${id}: ${html.slice(0, 100)}: ${failureSummary}`));
}"""


def coloured(page, check):
    """What a check finds in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        yield from check(scheme)


def unreadable(page, whole):
    """What hardly stands out in either theme, and what axe-core finds; the last look at a page."""
    yield from coloured(page, lambda scheme: [f"{scheme}, {one}" for one in page.evaluate(PALE, CONTRAST)])
    page.evaluate(AXE_SCRIPT)
    page.evaluate(LESS, whole)
    rules = {"light": RULES, "dark": RULES[:1]}
    yield from coloured(page, lambda scheme: page.evaluate(AXE, [rules[scheme], scheme]))


def dead(page, address, html):
    """The links to places that the book does not have."""
    for link in set(page.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.href)")):
        if link.startswith(f"{address}/"):
            place = urlsplit(link)
            file = html / unquote(place.path).lstrip("/")
            if not file.is_file():
                yield f"dead link: {link}"
            elif place.fragment and unquote(place.fragment) not in ids(file):
                yield f"no such place: {link}"


@functools.cache
def ids(file):
    return set(re.findall(r'\sid="([^"]+)"', file.read_text()))


def faults(visited, name, address, html, whole):
    """All that is wrong with an open page."""
    page = visited.page
    found = [] if name in BY_SPHINX else page.evaluate(FIRST_SCREEN, name.startswith(FIGURES))
    found += [fault for check in (UNTYPESET, UNSEEN, ICONS, STUCK) for fault in page.evaluate(check)]
    found += dead(page, address, html)
    for screen in (PHONE, SMALL, DESK):
        page.set_viewport_size(screen)
        page.evaluate("document.getAnimations().forEach((one) => one.finish())")  # the sidebar slides in
        found += page.evaluate(SIDEWAYS) if screen is PHONE else []
        found += [] if name in BY_SPHINX else page.evaluate(CUT)
    found += unreadable(page, whole)
    return visited.faults + found


@pytest.mark.parametrize("name", [*pdf.pages(), *BY_SPHINX])
def test_page_is_as_it_should_be(name, turn_to, address, html):
    assert faults(turn_to(f"{address}/{name}.html"), name, address, html, whole=name == FIRST) == []


def test_sources_can_be_downloaded(html):
    """From the menu of each page, as they stand in the repository."""
    menu = r'<div class="dropdown dropdown-download-buttons">.*?</ul>'
    for name in pdf.pages():
        [buttons] = re.findall(menu, (html / f"{name}.html").read_text(), re.DOTALL)
        files = [(html / name).parent / link for link in re.findall(r'href="([^"]+)"', buttons)]
        assert [file.suffix for file in files] == (
            [".ipynb", ".py"] if name.startswith("notebooks/") else [".md"]
        )
        for file in files:
            assert file.read_bytes() == (execute.ROOT / name).with_suffix(file.suffix).read_bytes(), name


def test_mathematics_needs_no_server_either(visit, html):
    """``ising-book build`` prints a file's address to open."""
    visited = visit((html / "book" / "erasure_machine.html").as_uri())
    assert visited.page.locator("mjx-container").count() > 100
    assert visited.faults + visited.page.evaluate(UNTYPESET) == []


def test_first_page_says_what_it_is_about_at_once_and_its_theme_can_be_chosen(visit, address):
    """The button goes round light, dark, and what the system says."""
    page = visit(f"{address}/{FIRST}.html").page
    for screen, words in itertools.product((PHONE, DESK), ("The claim.", "What we found.")):
        page.set_viewport_size(screen)
        box = page.get_by_text(words, exact=True).bounding_box()
        assert box["y"] + box["height"] < screen["height"], f"{words} at {box}"
    seen = {}
    for _ in range(3):
        page.locator(".theme-switch-button:visible").first.click()
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        seen[page.evaluate("document.documentElement.dataset.mode")] = background
    assert set(seen) == {"light", "dark", "auto"}
    assert seen["light"] != seen["dark"]


def test_search_is_asked_on_a_page_and_ranks_pages_before_the_reference(turn_to, address):
    """A name of the code is looked for in the code."""
    visited = turn_to(f"{address}/{FIRST}.html")
    page = visited.page
    page.locator(".search-button__button:visible").first.click()
    page.locator("input[type=search]:visible").fill("erasure")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=erasure*")
    page.locator("#search-results a[href*='book/erasure_machine.html']").first.wait_for()
    assert visited.faults == []
    for query, first in (
        ("retina", "notebooks/fig1"),
        ("reproduce figure 8", "notebooks/fig08_inference_quality"),
        ("the erasure machine", "book/erasure_machine"),
        ("energy_variance", "book/api/stopping"),
    ):
        page.goto(f"{address}/search.html?q={query}")
        page.wait_for_function(
            "!document.querySelector('.search-summary')?.textContent.includes('Searching')"
        )
        found = page.locator("#search-results li > a")
        found.nth(1).wait_for()
        links = [link.get_attribute("href") for link in found.all()]
        assert links[0].startswith(first), links[:5]
        assert "book/changelog.html" not in links[:3]


EVERY = [
    *("fault\nError: fault", "failed: http://example.org/", "404: "),
    *(r"not typeset: \(x\)", "Undefined control sequence", "raw mathematics: $$y$$", "raw mathematics: $z$"),
    *("no alt text: ", "empty: ", "no name: ", "no icon: fas fa-file", "slider does not move: stuck"),
    *("dead link: ", "no such place: ", " pixels wide: p wide"),
    *("the figure begins at ", "the badge is at ", "2 search boxes"),
    *("light, badge, rgb(153", "dark, badge, rgb(153", "light, text, rgb(136"),
    *("light, color-contrast: ", "dark, color-contrast: "),
    *("light, heading-order: ", "light, image-alt: ", "light, page-has-heading-one: "),
    *(f"{width}, {what}: " for width in (390, 1024, 1280) for what in ("code", "table", "formula", "page")),
]


def test_every_fault_is_found(turn_to, serve):
    folder = Path(__file__).parent
    address = serve(folder)
    found = faults(turn_to(f"{address}/broken.html"), "notebooks/fig", address, folder, whole=True)
    assert [fault for fault in EVERY if not any(fault in one for one in found)] == [], found
    assert not any("slider does not move: moves" in one for one in found)


def test_a_page_is_not_blamed_for_the_one_before(turn_to, serve):
    """One tab for all pages: what went wrong on the last is forgotten."""
    address = serve(Path(__file__).parent)
    assert turn_to(f"{address}/broken.html").faults
    assert turn_to("about:blank").faults == []
