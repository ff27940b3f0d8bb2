/* Noising and denoising with the exact denoiser of a small model, and the cut to spins at the end. */
"use strict";
{
  const [M, SAMPLES, FINEST] = [6, 2000, 60]; // spins, generated samples, most steps of denoising
  const { scene, number, range } = explore;
  const states = physics.enumerate(M);
  const kept = physics.alphasBar();
  const times = [0, ...physics.subsequence(kept, FINEST)];
  const degrees = (t) => (t ? (physics.angle(kept[t - 1]) * 180) / Math.PI : 0);
  const tellTime = (stop) => `${number(stop)} (${number(degrees(stop))}°)`;
  const tellKnown = (stop) => (stop === Infinity ? "all" : number(stop));
  const box = scene("denoising", "Controls of the diffusion model");
  const t = box.slider("t", "Time t", times, times[39], tellTime, show);
  const g = box.slider("g", "Coupling scale g", range(0, 3, 0.1), 1, (stop) => number(stop, 1), renew);
  const K = box.slider("K", "Steps", [2, 3, 5, 10, 20, FINEST], 20, String, renew); // divisors of the finest
  const sizes = [10, 30, 100, 300, 1000, Infinity];
  const N = box.slider("N", "Samples known", sizes, Infinity, tellKnown, renew);
  const seed = box.slider("seed", "Random seed", range(1, 100), 1, String, renew);
  const stop = box.player("Denoise", 120, () => move(t() ? -1 : K()));
  box.button("One step", () => move(-1));
  box.button("Another sample", () => another(shown + 1));
  const drawForward = box.panel("Noising a configuration");
  const drawReverse = box.panel("Denoising pure noise");
  const drawDistance = box.panel("Distance to the model, cut here");
  const drawShares = box.panel("All 64 configurations");
  let truth, known, levels, angles, generated, distances, floor, order, shown, forward, reverse;
  const generate = (sample) =>
    physics.reversePath(levels, known, states, M, physics.random(1e6 * seed() + sample));

  function renew() {
    stop();
    const rng = physics.random(seed());
    truth = physics.probabilities(physics.gaussian(M, g(), 0.3 * g(), rng), states);
    floor = physics.totalVariation(physics.drawFrequencies(truth, SAMPLES, rng), truth);
    known = N() === Infinity ? truth : physics.drawFrequencies(truth, N(), rng);
    const steps = physics.subsequence(kept, K()).toReversed();
    levels = steps.map((step) => kept[step - 1]);
    angles = [...steps.map(degrees), 0];
    const cut = angles.map(() => new Float64Array(states.length)); // frequencies of the signs, step by step
    for (let sample = 0; sample < SAMPLES; sample++)
      generate(sample).forEach((x, k) => (cut[k][physics.numberOf(x)] += 1 / SAMPLES));
    generated = cut.at(-1);
    distances = cut.map((frequencies) => physics.totalVariation(frequencies, truth));
    order = range(0, states.length - 1).sort((a, b) => truth[b] - truth[a]);
    another(0);
  }

  function another(sample) {
    shown = sample % SAMPLES;
    const rng = physics.random(1e6 * seed() + SAMPLES + shown);
    forward = physics.forwardPath(levels, states[physics.draw(truth, rng)].slice(0, M), rng);
    reverse = generate(shown);
    show();
  }

  function move(by) {
    const index = times.indexOf(t()) + (by * FINEST) / K();
    t(times[Math.min(Math.max(index, 0), FINEST)]);
    show();
    return t() > 0;
  }

  function show() {
    const k = Math.round(((FINEST - times.indexOf(t())) * K()) / FINEST); // steps of denoising done
    const estimate = paths(drawForward, "observed", forward, k);
    paths(drawReverse, "augmented", reverse, k);
    const height = { low: 0, high: 1.05 * Math.max(...distances), label: "total variation" };
    drawDistance({ low: 0, high: 90, label: "spins ← angle (degrees) → noise" }, height, [
      ["now", "baseline", [[angles[k], 0], [angles[k], 1]]],
      ["line", "error", distances.map((distance, i) => [angles[i], distance]), `${number(SAMPLES)} generated samples`],
      ["dashes", "truth", [[0, floor], [90, floor]], "as many exact draws"],
    ], `${number(distances[k], 3)} here, ${number(distances.at(-1), 3)} at the end.`);
    const places = { low: -1, high: 64, label: "configurations, the likeliest first", at: [] };
    drawShares(places, { low: 0, high: 1.1 * Math.max(...truth, ...generated), label: "probability" }, [
      ["bars", "truth", order.map((n, place) => [place, truth[n]]), "true probability"],
      ["dots", "augmented", order.map((n, place) => [place, generated[n]]), "share among the generated"],
    ], `Total variation between the two ${number(distances.at(-1), 3)}.`);
    const wrong = (x) => `${forward.at(-1).filter((spin, i) => spin * x[i] <= 0).length} of ${M}`;
    box.numbers([
      [`Signal left at ${number(angles[k])}°, ᾱₜ`, number(levels[k] ?? 1, 4)],
      ["Wrong signs after noising", wrong(forward[k])],
      ["Wrong signs of the denoiser's guess", wrong(estimate)],
      ["Distance if cut here", number(distances[k], 3)], ["Distance at the end", number(distances.at(-1), 3)],
      [`Distance of ${number(SAMPLES)} exact draws`, number(floor, 3)],
      ["Distance of the samples known", number(physics.totalVariation(known, truth), 3)],
    ]);
  }

  /** Draw a path of the spins, and where it is at step k: the values x and the denoiser's guess of σ_0. */
  function paths(draw, role, path, k) {
    const guess = levels[k] ? physics.posteriorMean(path[k], levels[k], known, states) : path[k];
    const spots = (values) => [...values].map((value) => [angles[k], value]);
    const way = (i) => ["line", role, path.map((x, n) => [angles[n], x[i]]), !i && "six spins"];
    draw({ low: 0, high: 90, label: "spins ← angle (degrees) → noise" }, { low: -3, high: 3, label: "σₜ" }, [
      ["now", "baseline", [[angles[k], -3], [angles[k], 3]]],
      ...range(0, M - 1).map(way),
      ["dots", role, spots(path[k]), "σₜ"], ["rings", "truth", spots(guess), "guess of σ₀"],
    ], `Spins now ${[...path[k]].map((value) => number(value, 1)).join(", ")}.`);
    return guess;
  }

  renew();
}
