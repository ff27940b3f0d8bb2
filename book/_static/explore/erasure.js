/* The Erasure Machine at work on samples of a small model whose parameters are known. */
"use strict";
{
  const [M, LONGEST] = [10, 1000]; // spins, updates before it pauses
  const { scene, number, range } = explore;
  const states = physics.enumerate(M);
  const grid = range(0.05, 0.95, 0.05); // of ε
  const sizes = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000];
  const box = scene("erasure", "Controls of the Erasure Machine");
  const N = box.slider("N", "Samples N", sizes, 1000, (stop) => number(stop), renew);
  const g = box.slider("g", "Coupling scale g", range(0.1, 2, 0.1), 1, (stop) => number(stop, 1), renew);
  const epsilon = box.slider("epsilon", "Erasure ε", grid, 0.5, (stop) => number(stop, 2), restart);
  const seed = box.slider("seed", "Random seed", range(1, 100), 1, String, renew);
  const stop = box.player("Run", 60, () => update(1));
  box.button("One update", () => update(1));
  box.button("100 updates", () => update(100));
  box.button("Start over", restart);
  const drawParameters = box.panel("Inferred against true parameters");
  const drawUpdates = box.panel("The error while it learns");
  const drawEpsilon = box.panel("Where it ends, for each ε");
  let truth, frequencies, ends, highest, w, errors;
  const errorOf = (parameters) => physics.squaredError(parameters, truth, M);

  function renew() {
    const rng = physics.random(seed());
    truth = physics.gaussian(M, g(), g(), rng);
    frequencies = physics.drawFrequencies(physics.probabilities(truth, states), N(), rng);
    const fits = []; // each started from the one before
    for (const value of grid.toReversed()) fits.unshift(physics.fit(frequencies, states, value, fits[0]));
    ends = fits.map(errorOf);
    const energies = fits.map((fit) => -physics.dot(fit, physics.moments(frequencies, states)));
    highest = energies.indexOf(Math.max(...energies)); // Eq. (E.12)
    restart();
  }

  function restart() {
    stop();
    w = new Float64Array(truth.length);
    errors = [errorOf(w)];
    update(5);
  }

  function update(count) {
    for (let k = 0; k < count; k++) {
      w = physics.publishedUpdate(w, frequencies, states, epsilon());
      errors.push(errorOf(w));
    }
    show();
    return errors.length <= LONGEST;
  }

  function show() {
    const [now, end, least] = [errors.at(-1), ends[grid.indexOf(epsilon())], Math.min(...ends)];
    const [length, best] = [errors.length - 1, grid[ends.indexOf(least)]];
    const size = 1.1 * Math.max(...truth.map(Math.abs));
    const [across, pairs] = [{ low: -size, high: size }, [...w].map((value, a) => [truth[a], value])];
    drawParameters({ ...across, label: "true" }, { ...across, label: "inferred" }, [
      ["line", "truth", [[-size, -size], [size, size]], "equal"],
      ["dots", "observed", pairs.slice(M), "couplings Jᵢⱼ"], ["diamonds", "truth", pairs.slice(0, M), "fields hᵢ"],
    ], `After ${length} updates the error is ${number(now, 4)}.`);
    const [time, height] = [Math.max(100, length), { low: 0, high: 1.2 * errors[0], label: "error, Eq. (23)" }];
    drawUpdates({ low: 0, high: time, label: "updates" }, height, [
      ["line", "error", errors.map((error, n) => [n, error]), "published update, α = 0.1"],
      ["dashes", "truth", [[0, end], [time, end]], "where it ends: minimum of F"],
    ], `From ${number(errors[0], 4)} to ${number(now, 4)}; it ends at ${number(end, 4)}.`);
    drawEpsilon({ low: 0, high: 1, label: "ε" }, height, [
      ["line", "error", ends.map((error, k) => [grid[k], error]), "error of the minimum of F"],
      ["diamonds", "baseline", [[grid[highest], ends[highest]]], "highest mean energy"],
      ["rings", "observed", [[epsilon(), end]], "your ε"],
    ], `Smallest, ${number(least, 4)}, at ε = ${number(best, 2)}.`);
    box.numbers([
      ["Updates", number(length)], ["Error now", number(now, 4)],
      ["Error at the minimum of F", number(end, 4)],
      [`Least error of all ε, at ${number(best, 2)}`, number(least, 4)],
      [`Error at highest mean energy, ε = ${number(grid[highest], 2)}`, number(ends[highest], 4)],
    ]);
  }

  renew();
}
