/* Gibbs sampling of a small Ising model, against enumeration. */
"use strict";
{
  const [M, FIELDS, SHOWN] = [9, 0.3, 120]; // spins, scale of the fields, sweeps in the pictures
  const { scene, number, range } = explore;
  const states = physics.enumerate(M);
  const box = scene("gibbs", "Controls of the Gibbs sampler");
  const g = box.slider("g", "Coupling scale g", range(0, 3, 0.1), 1, (stop) => number(stop, 1), restart);
  const T = box.slider("T", "Temperature T", range(0.3, 3, 0.1), 1, (stop) => number(stop, 1), restart);
  const seed = box.slider("seed", "Random seed", range(1, 100), 1, String, restart);
  const stop = box.player("Run", 80, () => sweep(1));
  box.button("One sweep", () => sweep(1));
  box.button("1,000 sweeps", () => sweep(1000));
  box.button("Start over", restart);
  const drawSpins = box.panel("The spins");
  const drawMoments = box.panel("Averages over the sweeps");
  const drawEnergy = box.panel("The energy after each sweep");
  let w, rng, spins, energies, exact, mean, deviation, visits, path;

  function restart() {
    stop();
    rng = physics.random(seed());
    w = physics.gaussian(M, g(), FIELDS, rng);
    energies = physics.energies(w, states);
    const p = physics.probabilities(w, states, T());
    exact = physics.moments(p, states);
    mean = physics.dot(p, energies);
    deviation = Math.sqrt(physics.dot(p, energies.map((energy) => (energy - mean) ** 2)));
    spins = Array.from({ length: M }, () => (rng.uniform() < 0.5 ? 1 : -1));
    [visits, path] = [new Float64Array(states.length), []];
    sweep(100);
  }

  function sweep(count) {
    for (let k = 0; k < count; k++) {
      physics.sweep(w, spins, T(), rng);
      path.push(physics.numberOf(spins));
      visits[path.at(-1)] += 1;
    }
    show();
    return true;
  }

  function show() {
    const n = path.length;
    const start = Math.max(n - SHOWN, 0);
    const recent = path.slice(start).map((state, k) => [start + k + 1, state]);
    const time = { low: start, high: start + SHOWN + 1, label: "sweep" };
    const rows = { low: 0.5, high: M + 0.5, label: "spin", at: range(1, M).map((i) => [i, i]) };
    const up = ([at, state]) => range(1, M).filter((i) => states[state][i - 1] > 0).map((i) => [at, i]);
    const words = spins.map((spin) => (spin > 0 ? "up" : "down")).join(", ");
    drawSpins(time, rows, [["cells", "observed", recent.flatMap(up), "spin up"]], `Now: ${words}.`);
    const found = physics.moments(visits, states).map((sum) => sum / n);
    const rms = Math.sqrt(physics.squaredError(found, exact, exact.length));
    const free = Math.sqrt(exact.reduce((sum, value) => sum + 1 - value ** 2, 0) / exact.length / n);
    const [ends, pairs] = [{ low: -1, high: 1 }, [...found].map((value, a) => [exact[a], value])];
    drawMoments({ ...ends, label: "exact" }, { ...ends, label: "sampled" }, [
      ["line", "truth", [[-1, -1], [1, 1]], "equal"],
      ["dots", "observed", pairs.slice(M), "correlations ⟨σᵢσⱼ⟩"], ["diamonds", "truth", pairs.slice(0, M), "means ⟨σᵢ⟩"],
    ], `Typical error ${number(rms, 3)}.`);
    const heights = { low: Math.min(...energies) - 0.3, high: mean + 4 * deviation + 0.3, label: "energy" };
    const level = (kind, value, name) => [kind, "truth", [[time.low, value], [time.high, value]], name];
    drawEnergy(time, heights, [
      ["line", "observed", recent.map(([at, state]) => [at, energies[state]]), "energy"],
      level("line", mean, "exact mean"),
      level("dashes", mean - deviation, "± one standard deviation"), level("dashes", mean + deviation),
    ], `Now ${number(energies[path.at(-1)], 2)}; exact mean ${number(mean, 2)}.`);
    box.numbers([
      ["Sweeps", number(n)],
      ["Mean energy, sampled", number(physics.dot(visits, energies) / n, 3)],
      ["Mean energy, exact", number(mean, 3)],
      ["Typical error of an average", number(rms, 4)],
      ["The same, were the samples independent", number(free, 4)],
    ]);
  }

  restart();
}
