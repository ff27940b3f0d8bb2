"""The computed verdicts on a page: the role ``{verdict}`7``` and the directive ``{scoreboard}``.

Both read ``book/verdicts.json``, which `ising-book refresh` writes from the stored runs: no page can say
another verdict than the page of claims.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective, SphinxRole

FILE = "book/verdicts.json"


def _verdicts(env):
    env.note_dependency(str(Path(env.srcdir) / FILE))
    return json.loads((Path(env.srcdir) / FILE).read_text(encoding="utf-8"))


def badge(number, entry, docname):
    """A link to the claim with its number and verdict."""
    steps = docname.count("/")
    target = "../" * steps + f"book/claims.html#claim-{number}"
    kind = entry["verdict"].replace(" ", "-")
    text = f"Claim {number}: {entry['verdict']}"
    return nodes.reference("", text, refuri=target, classes=["verdict", kind], reftitle=entry["title"])


class Verdict(SphinxRole):
    """``{verdict}`7``` or ``{verdict}`1,2```."""

    def run(self):
        """One badge for each number."""
        known, found = _verdicts(self.env), []
        for number in map(str.strip, self.text.split(",")):
            if number not in known:
                message = f"verdict {number!r} is not among the claims {', '.join(known)}"
                return [], [self.inliner.reporter.error(message, line=self.lineno)]
            found += [badge(number, known[number], self.env.docname), nodes.Text(" ")]
        return found, []


class Scoreboard(SphinxDirective):
    """All claims of the thesis, or ours, with their verdicts, as a list."""

    option_spec = {"whose": directives.unchanged}  # noqa: RUF012 - docutils' own interface

    def run(self):
        """A bullet list: badge and title."""
        whose = self.options.get("whose", "thesis")
        found = nodes.bullet_list(classes=["scoreboard"])
        for number, entry in _verdicts(self.env).items():
            if entry["whose"] == whose:
                line = nodes.paragraph("", "", badge(number, entry, self.env.docname))
                line += nodes.inline("", f" {entry['title']}")
                found += nodes.list_item("", line)
        return [found]


def colour(app, doctree):
    """The verdicts in the table of all claims look like the badges that lead there."""
    kinds = {entry["verdict"] for entry in _verdicts(app.env).values()}
    if app.env.docname == "book/claims":
        for word in doctree.findall(nodes.strong):
            if isinstance(word.parent.parent, nodes.entry) and word.astext() in kinds:
                word["classes"] += ["verdict", word.astext().replace(" ", "-")]


def setup(app):
    """Both can be read in parallel."""
    app.connect("doctree-read", colour)
    app.add_role("verdict", Verdict())
    app.add_directive("scoreboard", Scoreboard)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
