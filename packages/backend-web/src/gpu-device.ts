// The page's WebGPU device: one for all encoders, asked for anew once it was lost. A model must not be run on a lost device: the runtime then
// blocks the page for good. So every load and run asks here first.

/** A device and whether it is still there. */
export interface HeldDevice {
  /** a GPUDevice */
  readonly device: unknown;
  /** float16 shaders */
  readonly float16: boolean;
  /** Resolves while the device is there; rejects with the browser's reason once it was lost. */
  alive(): Promise<void>;
  /** Waits a moment for a loss to be told, after a failure: it may come later than the failure that it caused. Never rejects. */
  settle(): Promise<void>;
}

interface Adapter {
  readonly features: { has(name: string): boolean };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: object): Promise<Device>;
}
interface Device {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
}

/** Milliseconds: a loss is told within a few of them. */
const LOSS_TOLD_WITHIN = 200;
/** What the runtime's kernels make use of where it is there. */
const FEATURES = ["shader-f16", "subgroups", "timestamp-query"];
const LIMITS = [
  "maxBindGroups",
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
];

let held: Promise<HeldDevice> | undefined;

/** The device; a fresh one after a loss. Rejects with the browser's reason. */
export async function gpuDevice(): Promise<HeldDevice> {
  const known = held;
  if (known !== undefined) {
    try {
      const device = await known;
      await device.alive();
      return device;
    } catch {
      // lost, or refused last time: ask again, once for all who wait here
      if (held === known) held = undefined;
    }
  }
  held ??= request();
  return held;
}

async function request(): Promise<HeldDevice> {
  const gpu = (globalThis.navigator as unknown as { gpu?: { requestAdapter(options: object): Promise<Adapter | null> } }).gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === undefined || adapter === null) throw new Error("the browser gave no WebGPU adapter");
  const limits = LIMITS.map((name) => [name, adapter.limits[name]]).filter(([, limit]) => limit !== undefined);
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)),
    requiredLimits: Object.fromEntries(limits),
  });
  let loss: string | undefined;
  const lost = device.lost.then(({ reason, message }) => {
    loss = `the WebGPU device was lost (${reason}${message === "" ? "" : `: ${message}`})`;
  });
  return {
    device,
    float16: adapter.features.has("shader-f16"),
    async alive() {
      // a loss is told in a task of its own: let it come in before the answer
      await nextTask();
      if (loss !== undefined) throw new Error(loss);
    },
    settle: () => Promise.race([lost, new Promise<void>((resolve) => setTimeout(resolve, LOSS_TOLD_WITHIN))]),
  };
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
