// Whether a WebGPU adapter can be a real card. The runtime does not say which adapter it took, so this looks at what drives it.

import { existsSync, readdirSync } from "node:fs";

/** What is looked at; a value of its own so that tests can pass another machine's. */
export interface AdapterSigns {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Graphics device files that exist, e.g. ["/dev/dri/renderD128"]. Only asked on Linux. */
  readonly deviceFiles: readonly string[];
}

const SOFTWARE_DRIVERS = /swiftshader|lvp_icd|llvmpipe|lavapipe/i;

/** A reason to think that WebGPU is emulated on the CPU here, or undefined. */
export function softwareAdapter({ platform, env, deviceFiles }: AdapterSigns): string | undefined {
  for (const name of ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES"]) {
    const value = env[name];
    if (value !== undefined && SOFTWARE_DRIVERS.test(value)) return `${name} names a software driver`;
  }
  if (platform === "linux" && deviceFiles.length === 0) return "there is no graphics device (/dev/dri/renderD*, /dev/nvidia*, /dev/dxg)";
  return undefined;
}

/** The signs of this machine. */
export function signsHere(): AdapterSigns {
  const list = (folder: string, pattern: RegExp) => {
    try {
      return readdirSync(folder)
        .filter((f) => pattern.test(f))
        .map((f) => `${folder}/${f}`);
    } catch {
      return [];
    }
  };
  const wsl = existsSync("/dev/dxg") ? ["/dev/dxg"] : [];
  const deviceFiles = [...list("/dev/dri", /^renderD\d+$/), ...list("/dev", /^nvidia\d+$/), ...wsl];
  return { platform: process.platform, env: process.env, deviceFiles };
}

/** Whether it is worth asking the native library for an adapter at all. */
export function gpuDeviceHere({ platform, env, deviceFiles }: AdapterSigns = signsHere()): boolean {
  const named = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES"].some((name) => (env[name] ?? "") !== "");
  return platform !== "linux" || deviceFiles.length > 0 || named;
}
