// Full counts with BIOVLM_SOAK=1 (npm run test:soak), about a tenth of them otherwise.
export const soak = process.env["BIOVLM_SOAK"] === "1";

/** cases(1000) is 1000 under soak and 100 otherwise (at least 1). */
export function cases(full: number, divisor = 10): number {
  return soak ? full : Math.max(1, Math.round(full / divisor));
}
