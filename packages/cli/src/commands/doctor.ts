// `biovlm doctor`: what is installed here, which devices work, and why the others do not.

import { defineCommand, type OptionSpecs } from "../command.js";

export const DOCTOR_OPTIONS = { json: { type: "flag", description: "print JSON" } } as const satisfies OptionSpecs;

export const doctor = defineCommand({
  name: "doctor",
  summary: "say what is installed, which devices work and why others do not",
  options: DOCTOR_OPTIONS,
});
