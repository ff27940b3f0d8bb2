"""What the drawing functions put on their axes, read back; the player, read as a page."""

import json
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from ising_book import style

mpl.use("agg")


def dot(n_frames=3, name="fig99_dot", alt="a dot"):
    """The player of a dot that moves, one picture for each place."""
    fig, ax = plt.subplots(figsize=(1, 1))
    [mark] = ax.plot([0], [0], "o")
    ax.set(xlim=(-1, n_frames), xlabel="J")
    captions = [f"at {n} & on" for n in range(n_frames)]
    return style.player(fig, lambda n: mark.set_xdata([n]), captions, name, alt).data


def axes(n=1):
    """``n`` Axes in a figure that is closed."""
    found = plt.subplots(1, n)[1]
    plt.close()
    return found


def test_player_is_the_same_at_every_call_and_needs_no_network():
    style.use_style()
    first, second = dot(), dot()
    assert first == second
    assert not re.search(r"<link|<img|src=|@import|fetch", first)
    assert set(re.findall(r"https?://[^\"\\ ]+", first)) == {
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/2000/svg",
    }, "names of the format, never fetched"
    assert dot(name="fig99_other") == first.replace("fig99_dot", "fig99_other")


def test_player_holds_every_picture_and_shows_the_first():
    page = dot(4)
    frames, captions = json.loads(re.search(r"= (\[\[.*\]\]);$", page, flags=re.MULTILINE)[1])
    assert captions == ["at 0 & on", "at 1 & on", "at 2 & on", "at 3 & on"]
    assert len(set(frames)) == 4
    assert all(frame.startswith("<svg ") and frame.rstrip().endswith("</svg>") for frame in frames)
    assert f'<div role="img" aria-label="a dot">{frames[0]}</div>' in page
    assert 'max="3" value="0"' in page
    assert ">at 0 &amp; on</output>" in page
    assert page.count("</script>") == 1, "nothing inside the data ends the script"


def test_player_takes_the_colour_around_it_and_has_words_for_those_who_do_not_see_it():
    page = dot(alt='a dot "moves" > right')
    assert "currentColor" in page
    assert "#000000" not in page
    assert "scale(0.015625)" in page, "letters keep their size"
    assert 'role="img" aria-label="a dot &quot;moves&quot; &gt; right"' in page
    assert '<button type="button" aria-label="play or pause"' in page
    assert 'type="range"' in page


def test_player_closes_the_figure_and_refuses_a_name_that_is_none():
    before = plt.get_fignums()
    dot()
    assert plt.get_fignums() == before
    with pytest.raises(ValueError, match="name must be an identifier like 'fig03_denoising', got '3-d'"):
        dot(name="3-d")
    plt.close("all")


def test_fields_and_couplings_are_told_apart_and_the_fit_is_drawn():
    ax = axes()
    truth = np.array([0.1, -0.2, 0.3])  # two fields, one coupling
    assert style.fields_and_couplings(ax, truth, truth / 2, 2, "augmented", 0.4, "a note") is ax
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["$h$"], [[0.1, 0.05], [-0.2, -0.1]])
    np.testing.assert_array_equal(drawn["$J$"], [[0.3, 0.15]])
    np.testing.assert_array_equal(drawn["equal"], [[-0.4, -0.4], [0.4, 0.4]])
    np.testing.assert_allclose(drawn["fit"], [[-0.4, -0.2], [0.4, 0.2]], atol=1e-15)
    assert ax.get_xlim() == ax.get_ylim() == (-0.4, 0.4)
    assert ax.texts[0].get_text() == "a note"


def test_by_seed_draws_each_seed_with_its_errors():
    ax = axes()
    gains = np.array([[[1.0, 0.1], [2.0, 0.2]], [[-1.0, 0.3], [0.0, 0.4]]])
    assert style.by_seed(ax, [3, 5], gains, "augmented", [0, 7]) is ax
    assert [bars.get_label() for bars in ax.containers] == ["seed 0", "seed 7"]
    for (line, _, (bars,)), expected in zip(ax.containers, gains, strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected[:, 0])
        ends = np.array(bars.get_segments())[:, :, 1]  # (K, 2)
        np.testing.assert_allclose(np.diff(ends).ravel(), 2 * expected[:, 1])
        np.testing.assert_allclose(ends.mean(1), expected[:, 0], atol=1e-15)
    assert len({line.get_marker() for line, *_ in ax.containers}) == 2


def test_film_shows_the_states_in_order(rng):
    states = rng.normal(size=(3, 4, 5))
    shown = style.film(axes(3), states, "abc")
    for ax, state, title in zip(shown, states, "abc", strict=True):
        [image] = ax.images
        np.testing.assert_array_equal(image.get_array(), state)
        assert image.get_clim() == (-2, 2)
        assert ax.get_title() == title
    with pytest.raises(ValueError, match="argument"):
        style.film(axes(2), states, "abc")


def test_seeds_by_row_has_a_dot_per_seed_and_the_mean():
    ax = style.seeds_by_row(axes(), [[1, 2], [4, 8]], ["one", "two"], ["observed", "augmented"])
    dots, means = ax.lines[::2], ax.lines[1::2]
    assert [list(dot.get_xdata()) for dot in dots] == [[1, 2], [4, 8]]
    assert [list(mean.get_xdata()) for mean in means] == [[1.5], [6]]
    assert [list(mean.get_ydata()) for mean in means] == [[0], [1]]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    assert ax.get_ylim() == (1.5, -0.5), "the first row is on top"
    assert len(style.seeds_by_row(axes(), [(), [3]], ["all", "one"], [None, "observed"]).lines) == 2, (
        "no heading"
    )
    refused = style.seeds_by_row(axes(), [[np.nan, np.nan], [np.nan, 3]], ["all", "one"], ["observed"] * 2)
    assert [line.get_xdata()[0] for line in refused.lines if line.get_marker() == "|"] == [3]


def test_by_seed_takes_intervals_that_are_not_symmetric():
    ax = style.by_seed(axes(), [3], np.array([[[1.0, 0.5, 1.2]]]), "augmented", [0])
    [(_, _, (bars,))] = ax.containers
    np.testing.assert_allclose(bars.get_segments(), [[[3, 0.5], [3, 1.2]]])


def test_plain_decades_are_labelled_in_plain_numbers():
    ax = axes()
    ax.plot([0, 1], [0.9, 7])
    style.plain_decades(ax).figure.canvas.draw()
    low, high = ax.get_ylim()
    labels = {tick.get_text() for tick in ax.get_yticklabels() if low <= tick.get_position()[1] <= high}
    assert labels == {"1", "2", "5"}
    assert ax.get_yscale() == "log"
    assert not any(tick.get_text() for tick in ax.get_yticklabels(minor=True))
