"""What a reader sees first, and that nothing is cut off: on a desk, on a small screen, on a phone.

Each check takes an open page and returns what is wrong with it; ``BROKEN`` has every fault.
"""

import itertools

import pytest

from ising_book import pdf

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SCREENS = DESK, {"width": 1024, "height": 768}, PHONE
FIGURES = [name for name in pdf.pages() if name.startswith(("notebooks/fig", "notebooks/ext"))]
CONTRAST = 4.5  # WCAG 2.2, level AA, text of normal size

LATE = """() => {
  const top = (element) => Math.round(element.getBoundingClientRect().top);
  const faults = [];
  const picture = document.querySelector("svg.picture");
  if (!picture) faults.push("no figure");
  else if (top(picture) >= 900) faults.push(`the figure begins at ${top(picture)}`);
  const badge = document.querySelector("a.verdict");
  if (badge?.getBoundingClientRect().bottom > innerHeight) faults.push(`the badge is at ${top(badge)}`);
  return faults;
}"""

# A table may be wider than its container if that can be scrolled, and is itself in sight; a formula, too,
# if it begins at its left end.
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
  return faults;
}"""

UNNAMED = """() => [...document.querySelectorAll("svg.picture")]
  .filter((picture) => !picture.getAttribute("aria-label")?.trim()).map(({ id }) => `no name: ${id}`)"""

SEARCHES = """() => [...document.querySelectorAll(".search-button__button, input[type=search]")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 0).length"""

# Matplotlib writes text as a group of outlines. Text that stands on something drawn is not looked at.
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

BROKEN = """<!doctype html><html data-content_root="./"><style>body {{ background: white; margin: 0 }}
div.math {{ display: flex; flex-direction: row-reverse; overflow-x: auto; width: 200px }}</style>
<main><p style="height: 1000px">High</p><a class="verdict" href="#" style="color: #999">Claim 1: holds</a>
<svg class="picture" style="color: #888"><g id="a-text_1"><path fill="currentColor" d="M0 0h9v9z"/></g></svg>
<pre style="width: 100px; overflow-x: auto">{long}</pre><table><tr><td>{long}</td></tr></table>
<div class="math"><mjx-math style="flex: none; width: 900px">x</mjx-math></div></main>
<input type="search"><input type="search"></html>""".format(long="long" * 300)


def cut(page):
    """What is cut off on any of the screens, everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    for screen in SCREENS:
        page.set_viewport_size(screen)
        yield from (f"{screen['width']}, {fault}" for fault in page.evaluate(CUT))


def pale(page):
    """Badges, and text in pictures, that hardly stand out from the page, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"(document.documentElement.dataset.theme ?? '{scheme}') === '{scheme}'")
        yield from (f"{scheme}, {fault}" for fault in page.evaluate(PALE, CONTRAST))


def faults(page, *, figure):
    """All that is wrong with the layout of an open page."""
    page.set_viewport_size(DESK)
    found = page.evaluate(LATE) if figure else []
    if (searches := page.evaluate(SEARCHES)) != 1:
        found.append(f"{searches} search boxes")
    return [*found, *page.evaluate(UNNAMED), *pale(page), *cut(page)]


@pytest.mark.parametrize("name", pdf.pages())
def test_layout(name, visit, address):
    page = visit(f"{address}/{name}.html").page
    assert faults(page, figure=name in FIGURES) == []


def test_first_page_says_what_it_is_about_at_once(visit, address):
    page = visit(f"{address}/{pdf.pages()[0]}.html").page
    for screen, words in itertools.product((DESK, PHONE), ("The claim.", "What we found.")):
        page.set_viewport_size(screen)
        box = page.get_by_text(words, exact=True).bounding_box()
        assert box["y"] + box["height"] < screen["height"], f"{words} at {box}"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("retina", "notebooks/fig1"),
        ("reproduce figure 8", "notebooks/fig08_inference_quality"),
        ("the erasure machine", "book/erasure_machine"),
        ("energy_variance", "book/api/stopping"),  # a name of the code is looked for in the code
    ],
)
def test_search_ranks_pages_before_the_reference(query, first, visit, address):
    page = visit(f"{address}/search.html?q={query}").page
    page.wait_for_function("!document.querySelector('.search-summary')?.textContent.includes('Searching')")
    found = page.locator("#search-results li > a")
    found.nth(1).wait_for()
    links = [link.get_attribute("href") for link in found.all()]
    assert links[0].startswith(first), links[:5]
    assert "book/changelog.html" not in links[:3]


def test_every_fault_is_found(visit, serve, tmp_path):
    (tmp_path / "broken.html").write_text(BROKEN)
    found = faults(visit(f"{serve(tmp_path)}/broken.html").page, figure=True)
    lines = ["the figure begins at", "the badge is at", "2 search boxes", "no name", "light, badge, rgb(153"]
    lines += ["light, text, rgb(136"]
    lines += [f"{s['width']}, {what}:" for s in SCREENS for what in ("code", "table", "formula", "page")]
    for line in lines:
        assert any(fault.startswith(line) for fault in found), f"{line} is not among {found}"
