/* The numbers of the page "Explore": a small Ising model by enumeration, its heat bath, the Erasure Machine and
   exact diffusion.  Pure functions, the formulas of ising_lib; tests/browser/test_explore.py compares the two.

   A model of M spins is the vector w of its parameters: h_1 … h_M, then J_ij for i < j, row by row.  `states`
   are the features O(σ) = (σ_i, σ_i σ_j) of all 2^M configurations, so that H(σ) = −w·O(σ): the spins first, and
   spin i is bit i of the configuration's number.  Probabilities and frequencies are arrays in that order. */
"use strict";
const physics = (() => {
  const dot = (a, b, n = a.length) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
  };

  /** A stream of random numbers (mulberry32): the same seed gives the same numbers on every machine. */
  function random(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let bits = Math.imul(state ^ (state >>> 15), state | 1);
      bits = (bits + Math.imul(bits ^ (bits >>> 7), bits | 61)) ^ bits;
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  }

  /** O(σ) of all 2^M configurations (Eq. I.1). */
  function enumerate(M) {
    return Array.from({ length: 2 ** M }, (_, number) => {
      const features = Array.from({ length: M }, (_, i) => ((number >> i) & 1 ? 1 : -1));
      for (let i = 0; i < M; i++) for (let j = i + 1; j < M; j++) features.push(features[i] * features[j]);
      return Float64Array.from(features);
    });
  }

  /** J_ij ~ N(0, g²/M) and h_i ~ N(0, g_h²/M) (thesis Sec. 3.1); two scales share the standard normal draws. */
  function gaussian(M, couplingScale, fieldScale, rng) {
    const drawn = Float64Array.from({ length: (M * (M + 1)) / 2 }, rng.normal);
    return drawn.map((z, a) => (z * (a < M ? fieldScale : couplingScale)) / Math.sqrt(M));
  }

  /** H(σ) = −Σ h_i σ_i − Σ J_ij σ_i σ_j of every configuration (Eq. 2). */
  const energies = (w, states) => states.map((features) => -dot(w, features));

  /** weights · exp(exponents), normalised. */
  function reweight(exponents, weights) {
    let [top, sum] = [-Infinity, 0]; // the largest exponent is subtracted before exp: nothing overflows
    for (let k = 0; k < exponents.length; k++) if (weights[k] && exponents[k] > top) top = exponents[k];
    const p = new Float64Array(weights);
    for (let k = 0; k < p.length; k++) if (p[k]) sum += p[k] *= Math.exp(exponents[k] - top);
    for (let k = 0; k < p.length; k++) p[k] /= sum;
    return p;
  }

  /** p(σ) = exp(−H(σ)/T)/Z (Eq. 1). */
  const probabilities = (w, states, temperature = 1) =>
    reweight(states.map((features) => dot(w, features) / temperature), states.map(() => 1));

  /** ⟨O⟩, or the first n of it: the means, then the correlations ⟨σ_i σ_j⟩ for i < j. */
  function moments(p, states, n = states[0].length) {
    const sums = new Float64Array(n);
    for (let k = 0; k < p.length; k++) if (p[k]) for (let a = 0; a < n; a++) sums[a] += p[k] * states[k][a];
    return sums;
  }

  /** The frequencies of n independent draws from p. */
  function drawFrequencies(p, n, rng) {
    const frequencies = new Float64Array(p.length);
    for (let k = 0; k < n; k++) frequencies[draw(p, rng)] += 1 / n;
    return frequencies;
  }

  function draw(p, rng) {
    let left = rng.uniform();
    for (let k = 0; k < p.length; k++) if ((left -= p[k]) < 0) return k;
    return p.length - 1;
  }

  /** ½ Σ |p − q|. */
  const totalVariation = (p, q) => p.reduce((sum, value, k) => sum + Math.abs(value - q[k]) / 2, 0);

  /** The number of a configuration whose spins are the signs of x. */
  const numberOf = (x) => x.reduce((number, value, i) => number + (value >= 0 ? 2 ** i : 0), 0);

  /** f_i = h_i + Σ_j J_ij σ_j (Eq. M.1). */
  function localField(w, spins, i) {
    const M = spins.length;
    const place = (j, k) => M + (j * (2 * M - j - 1)) / 2 + k - j - 1; // of J_jk in w, j < k
    let field = w[i];
    for (let j = 0; j < M; j++) if (j !== i) field += w[place(Math.min(i, j), Math.max(i, j))] * spins[j];
    return field;
  }

  /** One sweep: each spin in turn is drawn anew given the others, p(σ_i = +1) = 1/(1 + exp(−2 f_i/T)). */
  function sweep(w, spins, temperature, rng) {
    for (let i = 0; i < spins.length; i++) {
      const up = 1 / (1 + Math.exp((-2 * localField(w, spins, i)) / temperature));
      spins[i] = rng.uniform() < up ? 1 : -1;
    }
  }

  /** ε w − ⟨O⟩_{f_ε}, with f_ε the reweighted data: the gradient of the convex F (Eq. E.1, E.7). */
  function gradient(w, frequencies, states, epsilon) {
    const mean = moments(reweight(states.map((features) => (epsilon - 1) * dot(w, features)), frequencies), states);
    return mean.map((moment, a) => epsilon * w[a] - moment);
  }

  /** w − α ∇F: one update of Eq. (15b) and (16). */
  function publishedUpdate(w, frequencies, states, epsilon, alpha = 0.1) {
    const slope = gradient(w, frequencies, states, epsilon);
    return w.map((value, a) => value - alpha * slope[a]);
  }

  /** The minimum of F, by gradient descent with the steps of Barzilai and Borwein (1988). */
  function fit(frequencies, states, epsilon, start = new Float64Array(states[0].length)) {
    let [w, slope, size] = [start, gradient(start, frequencies, states, epsilon), 0.1];
    for (let n = 0; n < 2000 && slope.some((value) => Math.abs(value) > 1e-7); n++) {
      const step = slope.map((value) => -size * value);
      w = w.map((value, a) => value + step[a]);
      const [before, next] = [slope, gradient(w, frequencies, states, epsilon)];
      const change = next.map((value, a) => value - before[a]);
      [slope, size] = [next, dot(step, change) / dot(change, change)];
    }
    return w;
  }

  /** The squared errors of all parameters, summed, divided by M (Eq. 23). */
  const squaredError = (w, truth, M) => w.reduce((sum, value, a) => sum + (value - truth[a]) ** 2, 0) / M;

  /** ᾱ_1 … ᾱ_T of the linear schedule (Ho et al. 2020; Eq. 28). */
  function alphasBar(T = 1000, first = 1e-4, last = 0.02) {
    let kept = 1;
    return Float64Array.from({ length: T }, (_, t) => (kept *= 1 - first - ((last - first) * t) / (T - 1)));
  }

  /** √ᾱ_t is the cosine of this angle, √(1 − ᾱ_t) its sine (Eq. A.6). */
  const angle = (kept) => Math.acos(Math.sqrt(kept));

  /** n of the steps 1 … T, rising, that lead from T to no noise in even angles; n far below T. */
  function subsequence(kept, n) {
    const angles = Array.from(kept, angle); // rising with t
    return Array.from({ length: n }, (_, k) => {
      const wanted = angles.at(-1) * ((k + 1) / n);
      const above = angles.findIndex((value) => value >= wanted);
      return Math.round(above + (wanted - angles[above - 1]) / (angles[above] - angles[above - 1]));
    });
  }

  /** σ_t = √ᾱ_t σ_0 + √(1 − ᾱ_t) ε̄ (Eq. 17); with ᾱ_t/ᾱ_r instead, σ_t from σ_r. */
  const addNoise = (clean, noise, kept) =>
    clean.map((spin, i) => Math.sqrt(kept) * spin + Math.sqrt(1 - kept) * noise[i]);

  /** E[σ_0 | σ_t = x] with p(σ_0 | x) ∝ p(σ_0) exp(√ᾱ_t/(1 − ᾱ_t) x·σ_0): the exact denoiser (Eq. T.8, T.9). */
  function posteriorMean(x, kept, p, states) {
    const pull = Math.sqrt(kept) / (1 - kept);
    return moments(reweight(states.map((features) => pull * dot(x, features, x.length)), p), states, x.length);
  }

  /** Mean (Eq. 32) and spread (Eq. 33) of the step from ᾱ_t to the cleaner ᾱ_r, with σ_0 replaced by a guess. */
  function reverseStep(x, guess, kept, after) {
    const alpha = kept / after;
    const [keep, move] = [Math.sqrt(alpha) * (1 - after), (1 - alpha) * Math.sqrt(after)];
    return {
      mean: x.map((value, i) => (keep * value + move * guess[i]) / (1 - kept)),
      spread: Math.sqrt(((1 - alpha) * (1 - after)) / (1 - kept)),
    };
  }

  /** A clean configuration noised step by step (Eq. A.5): the states at `levels`, ᾱ rising, and it itself last. */
  function forwardPath(levels, clean, rng) {
    const path = [clean];
    for (let k = levels.length - 1; k >= 0; k--)
      path.unshift(addNoise(path[0], clean.map(rng.normal), levels[k] / (levels[k + 1] ?? 1)));
    return path;
  }

  /** From pure noise to spins (Eq. 41): the states at `levels`, ᾱ rising, and the spins last. */
  function reversePath(levels, p, states, M, rng) {
    const path = [Float64Array.from({ length: M }, rng.normal)];
    levels.forEach((kept, k) => {
      const x = path[k];
      const { mean, spread } = reverseStep(x, posteriorMean(x, kept, p, states), kept, levels[k + 1] ?? 1);
      path.push(spread ? mean.map((value) => value + spread * rng.normal()) : mean);
    });
    return path;
  }

  return {
    ...{ random, enumerate, gaussian, energies, probabilities, moments, draw, drawFrequencies, totalVariation },
    ...{ numberOf, localField, sweep, gradient, publishedUpdate, fit, squaredError, alphasBar, angle },
    ...{ subsequence, addNoise, forwardPath, posteriorMean, reverseStep, reversePath, dot },
  };
})();
