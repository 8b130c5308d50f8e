// Many pieces of work, a few at a time, results in the order asked for. What is held at once does not depend on how many there are.

/**
 * Begins `work` on up to `atOnce` items and yields the results in the order of `items`; a later one waits for an earlier one.
 * Rejects with the first failure in that order, or with the signal's reason; what is in work then ends before the generator does.
 * @param atOnce results in work or waiting at once, ≥ 1
 * @example for await (const bytes of inOrder(paths, 8, (path) => readFile(path))) …
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  const window: Promise<R>[] = [];
  let index = 0;
  try {
    for (const item of items) {
      signal?.throwIfAborted();
      const result = work(item, index++);
      // it may reject while an earlier one is awaited; the loop meets it in its turn
      result.catch(() => {});
      window.push(result);
      const [first] = window;
      if (first === undefined || window.length < atOnce) continue;
      window.shift();
      yield await first;
    }
    for (let first = window.shift(); first !== undefined; first = window.shift()) yield await first;
  } finally {
    // the reader left early, or something failed: memory and files are let go by what is in work first
    await Promise.allSettled(window);
  }
}
