// Medians of interleaved runs: peers take turns, so that a busy machine slows all of them alike.

/** cases: name → function. Returns name → median milliseconds over `rounds` turns, after `warm` turns that do not count. */
export function interleaved(cases, { rounds = 7, warm = 2 } = {}) {
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -warm; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const start = performance.now();
      run();
      if (round >= 0) times[name].push(performance.now() - start);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** A seeded stream of numbers in [−1, 1): the same data in every run. */
export function numbers(length, seed = 1) {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Prints one row of a table; `mark` is the pass mark on the ratio. */
export function row(what, plain, ours, mark, more = "") {
  const ratio = plain / ours;
  const verdict = ratio >= mark ? "ok" : "SHORT";
  console.log(`| ${what} | ${plain.toFixed(2)} ms | ${ours.toFixed(2)} ms | ${ratio.toFixed(1)}× | ≥ ${mark}× | ${verdict} ${more}|`);
}
