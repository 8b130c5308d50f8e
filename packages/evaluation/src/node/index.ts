// The Node part of @biovlm/evaluation: pictures drawn by vega-lite.

export * from "./reliability-diagram.js";
export { sweepPage } from "./sweep-page.js";
