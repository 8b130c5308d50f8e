// What WebGPU adapter the browser gives, and whether it is a real one. Nothing is kept open.

/** What the browser says of its GPU: absent with the reason, or there with its name and limits. */
export type AdapterReport =
  | { readonly available: false; readonly reason: string }
  | {
      readonly available: true;
      readonly software: boolean;
      /** float16 shaders */
      readonly float16: boolean;
      readonly detail: string;
    };

interface Gpu {
  requestAdapter(options?: object): Promise<GpuAdapter | null>;
}
interface GpuAdapter {
  readonly features: { has(name: string): boolean };
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Asks the browser for an adapter. Never throws. */
export async function gpuAdapter(): Promise<AdapterReport> {
  const gpu = (globalThis.navigator as unknown as { gpu?: Gpu } | undefined)?.gpu;
  if (gpu === undefined) return { available: false, reason: "this browser or page has no WebGPU (it needs a secure context)" };
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) return { available: false, reason: "the browser gave no WebGPU adapter" };
    const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
    const name = [vendor, architecture, description].filter((part) => part !== "").join(" ") || "unnamed";
    const software = adapter.isFallbackAdapter === true || adapter.info?.isFallbackAdapter === true || SOFTWARE.test(name);
    const float16 = adapter.features.has("shader-f16");
    return {
      available: true,
      software,
      float16,
      detail: `WebGPU adapter ${name}${software ? " (software)" : ""}${float16 ? ", float16" : ""}`,
    };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
