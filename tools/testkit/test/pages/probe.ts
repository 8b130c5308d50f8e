// What a page of ours may rely on, reported to browser.browser.test.ts.
const shared = typeof SharedArrayBuffer === "function";
const adapter = await (navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } }).gpu?.requestAdapter();
Object.assign(globalThis, {
  probe: { isolated: crossOriginIsolated, shared, webgpu: adapter !== null && adapter !== undefined },
  reach: (url: string) =>
    fetch(url).then(
      () => "reached",
      () => "refused",
    ),
});
