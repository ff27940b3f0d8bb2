"""The explorables: their numbers against ``ising_lib``, and what a reader does with them.

All but the last test need no rendered book: a bare page holds the HTML of ``book/explore.md``.
"""

import re

import numpy as np
import pytest
from scipy import stats

from ising_book import execute
from ising_lib import ddpm, erasure, exact, ising, metrics
from ising_lib.ising import IsingModel
from ising_lib.noise import NoiseSchedule

PAGE = execute.ROOT / "book" / "explore.md"
SCRIPTS = execute.ROOT / "book" / "_static" / "explore"
NAMES = ("gibbs", "erasure", "denoising")
SCHEDULE = NoiseSchedule.linear()
ROUNDING = 1e-11  # of some hundred sums and products of numbers of order 1 to 100

PLAIN = """({%s}) => {
  const plain = (x) => ArrayBuffer.isView(x) || Array.isArray(x) ? Array.from(x, plain)
    : x && typeof x === "object" ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)])) : x;
  return plain(%s);
}"""

SLIDE = """(slider, text) => {
  for (let index = 0; index <= slider.max; index++) {
    slider.value = index;
    slider.dispatchEvent(new Event("input"));
    if (slider.getAttribute("aria-valuetext") === text) return;
  }
  throw Error(`${slider.id} never shows ${text}`);
}"""
SETTLE = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"  # a frame, and what it does


@pytest.fixture(scope="module")
def js(chromium):
    """A function that evaluates an expression beside physics.js; its names are those of the arguments."""
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPTS / "physics.js")

    def evaluate(expression, **given):
        arguments = {name: np.asarray(value).tolist() for name, value in given.items()}
        found = page.evaluate(PLAIN % (", ".join(given), expression), arguments)
        return np.array(found) if isinstance(found, list) else found

    return evaluate


@pytest.fixture
def bare(tmp_path):
    """A page with the HTML of ``explore.md`` and nothing else, opened from the disk."""
    blocks = re.findall(r"^```\{raw\} html\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    body = "".join(blocks).replace("../_static/explore", SCRIPTS.as_uri())
    head = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorables</title>
      <meta name="viewport" content="width=device-width">"""
    (tmp_path / "bare.html").write_text(f"{head}<body>{body}")
    return (tmp_path / "bare.html").as_uri()


@pytest.fixture
def page(turn_to, bare):
    """The bare page before a reader who wants no motion; no script may fail on it."""
    visited = turn_to(bare)
    yield visited.page
    assert visited.faults == []


@pytest.fixture
def free(chromium, bare):
    """The bare page before a reader who has nothing against motion."""
    with chromium.new_context(reduced_motion="no-preference") as context:
        page = context.new_page()
        page.goto(bare)
        yield page


def texts(page, name):
    """{what: text} of the numbers of an explorable."""
    rows = page.locator(f"#{name} .explore-numbers div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def number(page, name, what):
    """The number whose name begins so."""
    [text] = [text for said, text in texts(page, name).items() if said.startswith(what)]
    return float(text.replace("−", "-").replace(",", ""))


def press(page, name, text):
    page.locator(f"#{name}").get_by_role("button", name=text, exact=True).press("Enter")


def slide(page, name, text):
    """Move a slider until it shows ``text``, and wait for the pictures."""
    page.locator(f"#{name}").evaluate(SLIDE, text)
    page.evaluate(SETTLE)


# ------------------------------------------------------------------------------------------ the numbers


def test_energies_probabilities_and_moments(js, rng):
    model = ising.gaussian(7, 1.2, 0.4, rng=rng)
    w, states = model.to_vector(), "physics.enumerate(7)"
    law = exact.probabilities(model.at(1 / 0.6))
    means, products = exact.moments(model.at(1 / 0.6))
    moments = np.concatenate([means, products[np.triu_indices(7, 1)]])
    energies = ising.energy(model, exact.configurations(7))
    np.testing.assert_allclose(js(f"physics.energies(w, {states})", w=w), energies, atol=ROUNDING)
    np.testing.assert_allclose(js(f"physics.probabilities(w, {states}, 0.6)", w=w), law, atol=ROUNDING)
    np.testing.assert_allclose(js(f"physics.moments(p, {states})", p=law), moments, atol=ROUNDING)


def test_random_numbers_have_their_distributions(js, rng):
    """Seeds are fixed, so that each p-value is the same at every run."""
    draws = js("[1, 1, 2].map((s) => ((r) => Array.from({ length: 9999 }, r.uniform))(physics.random(s)))")
    np.testing.assert_array_equal(draws[0], draws[1])
    assert stats.kstest(draws[0], "uniform").pvalue > 1e-3
    assert stats.pearsonr(draws[0], draws[2]).pvalue > 1e-3
    drawn = js("physics.gaussian(60, 2, 0.5, physics.random(4))") * np.sqrt(60)
    assert stats.kstest(drawn[:60] / 0.5, "norm").pvalue > 1e-3  # fields
    assert stats.kstest(drawn[60:] / 2, "norm").pvalue > 1e-3  # couplings
    law = exact.probabilities(ising.gaussian(4, rng=rng))
    found = js("physics.drawFrequencies(p, 5000, physics.random(5))", p=law)
    assert stats.chisquare(found * 5000, law * 5000).pvalue > 1e-3


def test_sweeps_are_the_heat_bath(js, rng):
    model, spins, uniforms = ising.gaussian(9, 1.5, 0.7, rng=rng), rng.choice([-1, 1], 9), rng.random((50, 9))
    swept = js(
        """uniforms.map((row) => {
          physics.sweep(w, spins, 0.8, { uniform: () => row.shift() });
          return spins.slice();
        })""",
        **{"w": model.to_vector(), "spins": spins, "uniforms": uniforms},
    )
    for found, row in zip(swept, uniforms, strict=True):
        for i in range(9):  # Eq. (M.1) at T = 0.8, one spin after the other
            field = model.fields[i] + model.couplings[i] @ spins
            spins[i] = 1 if row[i] < 1 / (1 + np.exp(-2 * field / 0.8)) else -1
        np.testing.assert_array_equal(found, spins)


@pytest.mark.parametrize(("epsilon", "n_samples"), [(0.1, 200), (0.5, 1000), (0.95, 1000)])
def test_erasure_machine(js, rng, epsilon, n_samples):
    """One published update by Eq. (15b) and (16); and the minimum of F, where ``erasure.fit`` finds it."""
    truth, w, states = ising.gaussian(6, 1.5, rng=rng), rng.normal(size=21), "physics.enumerate(6)"
    p = exact.probabilities(truth)
    frequencies = js(f"physics.drawFrequencies(p, {n_samples}, physics.random(6))", p=p)
    counts = np.rint(frequencies * n_samples).astype(int)
    spins = np.repeat(exact.configurations(6), counts, axis=0)
    updated = js(f"physics.publishedUpdate(w, f, {states}, {epsilon}, 0.1)", w=w, f=frequencies)
    weights = np.exp((1 - epsilon) * ising.energy(IsingModel.from_vector(w, 6), spins))
    first, second = np.triu_indices(6, 1)
    moments = weights @ np.hstack([spins, spins[:, first] * spins[:, second]]) / weights.sum()
    np.testing.assert_allclose(updated, w + 0.1 * (moments - epsilon * w), atol=ROUNDING)

    found = js(f"physics.fit(f, {states}, {epsilon})", f=frequencies)
    fitted = erasure.fit(spins, epsilon, tolerance=1e-7).model
    # F curves by at least ε in every direction, so that |w − w*| ≤ |∇F| / ε; each gradient has 21 entries
    np.testing.assert_allclose(found, fitted.to_vector(), rtol=0, atol=2 * np.sqrt(21) * 1e-7 / epsilon)
    error = js("physics.squaredError(w, truth, 6)", w=found, truth=truth.to_vector())
    assert error == pytest.approx(metrics.thesis_mse(IsingModel.from_vector(found, 6), truth), rel=1e-9)


def test_schedule_and_its_even_angles(js):
    np.testing.assert_allclose(js("physics.alphasBar()"), SCHEDULE.alphas_bar, rtol=1e-10)
    for n_steps in (2, 3, 5, 10, 20, 60):  # those of the slider
        steps = js(f"physics.subsequence(physics.alphasBar(), {n_steps})")
        np.testing.assert_array_equal(steps, SCHEDULE.subsequence(n_steps))


@pytest.mark.parametrize("t", [1, 30, 258, 600, 1000])
def test_posterior_mean_is_a_magnetisation(js, rng, t):
    """Eq. (T.9), by another road: the means of the model with the fields h + y."""
    model, kept = ising.gaussian(6, 1.5, rng=rng), SCHEDULE.alphas_bar[t - 1]
    x = np.sqrt(kept) * exact.sample(model, 1, rng=rng)[0] + np.sqrt(1 - kept) * rng.normal(size=6)
    p = exact.probabilities(model)
    found = js("physics.posteriorMean(x, kept, p, physics.enumerate(6))", x=x, kept=kept, p=p)
    pulled = IsingModel(model.fields + np.sqrt(kept) / (1 - kept) * x, model.couplings)
    np.testing.assert_allclose(found, exact.moments(pulled)[0], atol=1e-9)  # y is up to 10⁴: some digits


def test_posterior_mean_far_from_every_known_sample(js):
    """Still a number: the nearer of the two configurations that are possible."""
    p = [0.5, 0.5, *[0] * 62]
    found = js("physics.posteriorMean([0.9, 1, 1, 1, 1, 1], 0.9999, p, physics.enumerate(6))", p=p)
    np.testing.assert_allclose(found, exact.configurations(6)[1], atol=1e-12)


def test_a_step_of_noise_and_a_step_back(js, rng):
    x, guess, noise = rng.normal(size=(3, 6))
    chosen = SCHEDULE.subsequence(10)
    kept = SCHEDULE.alphas_bar[chosen - 1][::-1]
    steps = ddpm._reverse_steps(SCHEDULE, chosen, order=1)
    for step, level, after in zip(steps, kept, [*kept[1:], 1.0], strict=True):
        given = {"x": x, "guess": guess, "noise": noise, "level": level, "after": after}
        back = js("physics.reverseStep(x, guess, level, after)", **given)
        predicted = (x - step.signal * guess) / step.noise  # the noise that goes with this guess
        np.testing.assert_allclose(back["mean"], step.shrink * (x - step.pull * predicted), atol=1e-10)
        assert back["spread"] == pytest.approx(step.spread, abs=1e-12)
        noised = js("physics.addNoise(x, noise, level)", **given)
        np.testing.assert_allclose(noised, step.signal * x + step.noise * noise, atol=ROUNDING)


def test_noise_adds_up(js):
    """Step by step, σ_t has the mean √ᾱ_t σ_0 and the variance 1 − ᾱ_t of Eq. (17)."""
    kept = SCHEDULE.alphas_bar[SCHEDULE.subsequence(20) - 1][::-1]
    still = js("physics.forwardPath(kept, [1, -1], { normal: () => 0 })", kept=kept)
    np.testing.assert_allclose(still, np.sqrt(np.append(kept, 1))[:, None] * [1, -1], atol=ROUNDING)
    zeros = js("physics.forwardPath(kept, Array(5000).fill(0), physics.random(7))", kept=kept)
    five_errors = 5 * np.sqrt(2 / 5000)  # of a variance
    np.testing.assert_allclose(zeros[:-1].var(1), 1 - kept, rtol=five_errors)


def test_the_way_back_ends_at_the_only_possible_configuration(js, rng):
    kept, certain = SCHEDULE.alphas_bar[SCHEDULE.subsequence(5) - 1][::-1], rng.permutation(np.eye(64)[0])
    path = js(
        "physics.reversePath(kept, p, physics.enumerate(6), 6, physics.random(8))", kept=kept, p=certain
    )
    np.testing.assert_allclose(path[-1], exact.configurations(6)[certain.argmax()], atol=ROUNDING)


# ----------------------------------------------------------------- what the pictures show, and the page says


def test_gibbs_sampling_nears_the_exact_energy_and_freezes_when_cold(js, page):
    model = IsingModel.from_vector(js("physics.gaussian(9, 1, 0.3, physics.random(1))"), 9)
    law, energies = exact.probabilities(model), ising.energy(model, exact.configurations(9))
    mean = law @ energies
    assert number(page, "gibbs", "Mean energy, exact") == pytest.approx(mean, abs=6e-4)  # three digits shown
    for _ in range(10):
        press(page, "gibbs", "1,000 sweeps")
    error = np.sqrt(law @ (energies - mean) ** 2 / 10_000)
    assert number(page, "gibbs", "Sweeps") == 10_100
    # 4 standard errors, were there one independent sample in four sweeps
    assert number(page, "gibbs", "Mean energy, sampled") == pytest.approx(mean, abs=4 * 2 * error)
    slide(page, "gibbs-g", "3.0")
    slide(page, "gibbs-T", "0.3")
    press(page, "gibbs", "1,000 sweeps")
    sampled, known = (number(page, "gibbs", f"Mean energy, {which}") for which in ("sampled", "exact"))
    assert sampled == pytest.approx(known, rel=0.02)
    assert number(page, "gibbs", "Typical error") > 5 * number(page, "gibbs", "The same")


def test_erasure_machine_ends_at_the_error_of_ising_lib(js, page):
    draw = """((rng) => (physics.gaussian(10, 1, 1, rng), physics.drawFrequencies(p, 1000, rng)))
      (physics.random(1))"""
    truth = IsingModel.from_vector(js("physics.gaussian(10, 1, 1, physics.random(1))"), 10)
    counts = np.rint(js(draw, p=exact.probabilities(truth)) * 1000).astype(int)
    spins = np.repeat(exact.configurations(10), counts, axis=0)
    for _ in range(10):
        press(page, "erasure", "100 updates")
    best = metrics.thesis_mse(erasure.fit(spins, 0.5).model, truth)
    assert number(page, "erasure", "Updates") == 1005
    assert number(page, "erasure", "Error now") == pytest.approx(best, abs=6e-5)  # four digits shown
    assert number(page, "erasure", "Error at the minimum") == pytest.approx(best, abs=6e-5)


def test_best_epsilon_falls_with_samples_and_at_a_small_one_the_error_turns(page):
    found = []
    for n_samples in ("100", "10,000", "100,000"):
        slide(page, "erasure-N", n_samples)
        [said] = [said for said in texts(page, "erasure") if said.startswith("Least error")]
        found.append((float(said[-4:]), number(page, "erasure", said)))
    assert found == sorted(found, reverse=True)
    slide(page, "erasure-N", "1,000")
    slide(page, "erasure-epsilon", "0.10")
    errors = []
    for button in [*["One update"] * 30, "100 updates"]:
        press(page, "erasure", button)
        errors.append(number(page, "erasure", "Error now"))
    assert errors[0] > min(errors) < errors[-1]


def test_denoising_needs_steps_samples_and_patience(page):
    end, cut = "Distance at the end", "Distance if cut here"
    floor, good = number(page, "denoising", "Distance of 2,000"), number(page, "denoising", end)
    assert good < 1.5 * floor  # 20 steps of the exact denoiser: nearly exact draws
    assert number(page, "denoising", cut) > 3 * good
    while page.locator("#denoising-t").input_value() != "0":
        press(page, "denoising", "One step")
    assert number(page, "denoising", cut) == good
    assert texts(page, "denoising")["Wrong signs after noising"] == "0 of 6"
    slide(page, "denoising-K", "2")
    assert number(page, "denoising", end) > 1.5 * good
    slide(page, "denoising-K", "20")
    slide(page, "denoising-N", "30")
    assert abs(number(page, "denoising", end) - number(page, "denoising", "Distance of the")) < 2 * floor


# ---------------------------------------------------------------------------------------------- the reader


def test_keyboard_reaches_every_control_and_changes_numbers_and_words(page):
    sliders = [slider.get_attribute("id") for slider in page.locator("input[type=range]").all()]
    buttons = page.locator("button:visible").all_inner_texts()
    assert (len(sliders), len(buttons)) == (12, 8)
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert sorted(reached) == sorted([*sliders, *buttons])
    words = "(all) => all.map((one) => one.getAttribute('aria-label'))"
    for name in sliders:
        explorable, slider = name.split("-")[0], page.locator(f"#{name}")
        before, value = texts(page, explorable), slider.input_value()
        pictures = page.locator(f"#{explorable} svg.marks[role=img]")
        described = pictures.evaluate_all(words)
        assert len(described) >= 3
        assert all(described)
        slider.press("End" if value == "0" else "Home")
        page.evaluate(SETTLE)
        assert slider.input_value() != value
        assert texts(page, explorable) != before, name
        assert pictures.evaluate_all(words) != described, name


def test_a_seed_gives_the_same_numbers(page):
    for name in NAMES:
        before = texts(page, name)
        slide(page, f"{name}-seed", "7")
        assert before != texts(page, name)
        slide(page, f"{name}-seed", "1")
        assert before == texts(page, name)


def test_with_reduced_motion_nothing_runs(page):
    assert page.locator("button.explore-run").count() == 3
    assert page.locator("button.explore-run:visible").count() == 0


def test_motion_begins_and_ends_by_a_button_or_a_preference(free):
    def moves():
        before = free.locator("body").inner_html()
        free.wait_for_timeout(400)
        return free.locator("body").inner_html() != before

    assert not moves()
    for name, button in zip(NAMES, ("Run", "Run", "Denoise"), strict=True):
        press(free, name, button)
        assert moves()
        press(free, name, "Pause")
        assert not moves()
    press(free, "gibbs", "Run")
    free.emulate_media(reduced_motion="reduce")
    free.wait_for_timeout(100)
    assert not moves()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    beyond = "(all) => all.filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5).length"
    assert page.locator("body *").evaluate_all(beyond) == 0


def test_without_javascript_a_sentence_stands_there(chromium, bare):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(bare)
        assert page.get_by_text("computed by JavaScript").count() == 3


def test_scripts_stay_small():
    assert sum(len(path.read_text().splitlines()) for path in SCRIPTS.glob("*.js")) < 600


def test_rendered_page_is_alive_from_the_disk(visit, html):
    visited = visit((html / "book" / "explore.html").as_uri())
    assert visited.page.locator("svg.marks").count() == 10
    assert visited.faults == []
