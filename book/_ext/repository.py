"""The book's place on GitHub or GitLab: buttons for source, issue and Binder, and what a link to it shows.

The repository is where the clone came from, so that a fork's book leads to the fork; in a clone of anything
else there is no place to lead to, and no button.
"""

import re
import subprocess

_HOSTED = re.compile(
    r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)(?P<host>github\.com|gitlab\.com)[/:](?P<path>.+?)(?:\.git)?/?"
)


def add_options(app, config):
    """Tell the theme of the repository; its options are read when a page is written."""
    address = page_of(_git(app, "remote", "get-url", "origin"))
    if address is None:
        return
    config.html_theme_options = {
        **config.html_theme_options,
        "repository_url": address,
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "use_source_button": True,
        "use_issues_button": True,
        "launch_buttons": {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"},
    }
    # what a link to the book shows elsewhere has to be named in full, so only a book with pages has it
    config.ogp_site_url = site_of(address)
    config.ogp_image = f"{config.ogp_site_url}_static/social.png"
    config.ogp_image_alt = (
        "Error of the inferred parameters against training iterations: it falls, then rises"
    )


def page_of(remote):
    """The web page of a remote, https://HOST/OWNER/NAME; None where it is not on a known host."""
    match = _HOSTED.fullmatch(remote)
    return f"https://{match['host']}/{match['path']}" if match else None


def site_of(address):
    """Where the pages of a repository are published, https://OWNER.github.io/NAME/ or the same at GitLab."""
    host, owner, name = address.removeprefix("https://").split("/", 2)
    return f"https://{owner.lower()}.{host.removesuffix('.com')}.io/{name}/"


def _git(app, *arguments):
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=app.srcdir, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


def setup(app):
    """Come after Jupyter Book has translated its own options, which it does at the default priority."""
    app.connect("config-inited", add_options, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
