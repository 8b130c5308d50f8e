/** Compiles assembly/ENTRY, or an entry from `extra`, with the features of one build. */
export function compileAssembly(
  build: "simd" | "relaxed-simd",
  options?: { entry?: string; extra?: Readonly<Record<string, string>> },
): Promise<Uint8Array<ArrayBuffer>>;
export const BUILDS: Readonly<Record<"simd" | "relaxed-simd", readonly string[]>>;
export const root: string;
