"""Every page of the rendered book, as a reader's browser shows it without a network.

Each check takes an open page and returns what is wrong with it.  ``broken.html`` has every fault, and the
last test sees that each is found.
"""

import functools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from ising_book import execute, pdf

BY_SPHINX = ["genindex", "py-modindex", "search"]
PHONE = {"width": 390, "height": 844}
RULES = ["color-contrast", "heading-order", "image-alt", "page-has-heading-one"]

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


def unreadable(page, *, whole):
    """What axe-core finds, in light and in dark, on the whole page or without the list of pages."""
    # A formula has hundreds of nodes, all of the colour around it: here it becomes one word of that colour.
    page.evaluate("document.querySelectorAll('mjx-container').forEach((f) => (f.textContent = 'formula'))")
    # The list of pages is the same on every page, and looked at on one.
    context = None if whole else {"exclude": [[".bd-sidebar-primary"]]}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        options = {
            "runOnly": RULES if scheme == "light" else ["color-contrast"],
            "resultTypes": ["violations"],
        }
        for violation in Axe().run(page, context=context, options=options).response["violations"]:
            for node in violation["nodes"]:
                yield f"{scheme}, {violation['id']}: {node['html'][:100]}: {node['failureSummary']}"


def sideways(page):
    """Whether the page scrolls to the side on a phone, and because of what."""
    page.set_viewport_size(PHONE)
    return page.evaluate(SIDEWAYS)


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


def faults(visited, address, html, *, whole=False):
    """All that is wrong with an open page."""
    page = visited.page
    found = [fault for check in (UNTYPESET, UNSEEN, ICONS, STUCK) for fault in page.evaluate(check)]
    found += dead(page, address, html)
    found += sideways(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    found += unreadable(page, whole=whole)
    return visited.faults + found


@pytest.mark.parametrize("name", [*pdf.pages(), *BY_SPHINX])
def test_page_is_as_it_should_be(name, visit, address, html):
    visited = visit(f"{address}/{name}.html")
    assert faults(visited, address, html, whole=name == pdf.pages()[0]) == []


@pytest.mark.parametrize("name", pdf.pages())
def test_sources_can_be_downloaded(name, html):
    """From the menu of the page, as they stand in the repository."""
    menu = r'<div class="dropdown dropdown-download-buttons">.*?</ul>'
    [buttons] = re.findall(menu, (html / f"{name}.html").read_text(), re.DOTALL)
    files = [(html / name).parent / link for link in re.findall(r'href="([^"]+)"', buttons)]
    suffixes = [".ipynb", ".py"] if name.startswith("notebooks/") else [".md"]
    assert [file.suffix for file in files] == suffixes
    for file in files:
        assert file.read_bytes() == (execute.ROOT / name).with_suffix(file.suffix).read_bytes()


def test_mathematics_needs_no_server_either(visit, html):
    """``ising-book build`` prints a file's address to open."""
    visited = visit((html / "book" / "erasure_machine.html").as_uri())
    assert visited.page.locator("mjx-container").count() > 100
    assert visited.faults + visited.page.evaluate(UNTYPESET) == []


def test_search_finds_erasure(visit, address):
    visited = visit(f"{address}/{pdf.pages()[0]}.html")
    page = visited.page
    page.locator(".search-button__button:visible").first.click()
    page.locator("input[type=search]:visible").fill("erasure")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=erasure*")
    page.locator("#search-results a[href*='book/erasure_machine.html']").first.wait_for()
    assert visited.faults == []


def test_theme_can_be_chosen(visit, address):
    """The button goes round light, dark, and what the system says."""
    page = visit(f"{address}/{pdf.pages()[0]}.html").page
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        page.locator(".theme-switch-button:visible").first.click()
        seen[page.evaluate("document.documentElement.dataset.mode")] = page.evaluate(background)
    assert set(seen) == {"light", "dark", "auto"}
    assert seen["light"] != seen["dark"]


def test_every_fault_is_found(visit, serve):
    folder = Path(__file__).parent
    address = serve(folder)
    found = faults(visit(f"{address}/broken.html"), address, folder, whole=True)
    for fault in (
        "fault\nError: fault",
        "failed: http://example.org/",
        "404: ",
        r"not typeset: \(x\)",
        "Undefined control sequence",
        "raw mathematics: $$y$$",
        "raw mathematics: $z$",
        "no alt text: ",
        "empty: ",
        "no icon: fas fa-file",
        "slider does not move: stuck",
        "dead link: ",
        "no such place: ",
        " pixels wide: p wide",
        "light, color-contrast: ",
        "dark, color-contrast: ",
        "light, heading-order: ",
        "light, image-alt: ",
        "light, page-has-heading-one: ",
    ):
        assert any(fault in one for one in found), f"{fault} is not among {found}"
    assert not any("slider does not move: moves" in one for one in found)
