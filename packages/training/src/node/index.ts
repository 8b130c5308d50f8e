export * from "./reliability-diagram.js";
