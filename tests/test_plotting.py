"""What the drawing functions put on their axes, read back; the player, read as a page."""

import base64
import re

import matplotlib as mpl
import pytest
from matplotlib.animation import FuncAnimation

from ising_lib import plotting

mpl.use("agg")


def animation(n_frames=3):
    """A dot that moves, one frame for each place."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(1, 1), dpi=50)
    [dot] = ax.plot([0], [0], "o")
    ax.set_xlim(-1, n_frames)
    return FuncAnimation(fig, lambda n: dot.set_xdata([n]), frames=n_frames, interval=250)


def test_player_is_the_same_at_every_call_and_needs_no_network():
    first, second = (plotting.player(animation(), "fig99_dot").data for _ in range(2))
    assert first == second
    assert not re.search(r"https?:|<link|src=\"//", first)
    assert "fig99_dot" in first
    assert plotting.player(animation(), "fig99_other").data == first.replace("fig99_dot", "fig99_other")


def test_player_holds_every_frame_as_a_picture():
    page = plotting.player(animation(4), "fig99_dot").data
    frames = re.findall(r'"data:image/png;base64,([^"]*)"', page)
    pictures = [base64.b64decode(frame) for frame in frames]
    assert len(set(pictures)) == 4
    assert all(picture.startswith(b"\x89PNG") and picture.endswith(b"IEND\xaeB`\x82") for picture in pictures)


def test_player_has_words_for_those_who_do_not_see_it():
    page = plotting.player(animation(), "fig99_dot", alt='a dot "moves" > right').data
    assert '<img alt="a dot &quot;moves&quot; &gt; right" id="_anim_img_fig99_dot">' in page
    buttons = re.findall(r"<button[^>]*>\s*([^<]*)</button>", page)
    assert "".join(buttons) == "−«‹◀||▶›»+"
    assert len(re.findall(r'aria-label="[^"]+" onclick', page)) == len(buttons) == 9


def test_player_closes_the_figure_and_refuses_a_name_that_is_none():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plotting.player(animation(), "fig99_dot")
    assert plt.get_fignums() == before
    moving = animation()
    with pytest.raises(ValueError, match="name must be an identifier like 'fig03_denoising', got '3-d'"):
        plotting.player(moving, "3-d")
    plotting.player(moving, "fig99_dot")
