// `biovlm data …`: data sets on this machine.

import { defineCommand, type OptionSpecs } from "../command.js";

const DATA = {
  data: { type: "text", value: "DIR", completes: "folder", setting: true, description: "folder with data sets, instead of BIOVLM_DATA" },
} as const;

export const DATA_PULL_OPTIONS = {
  size: { type: "choice", choices: ["28", "224"], default: "28", description: "image side in pixels" },
  from: { type: "text", value: "DIR", completes: "folder", description: "a folder that holds the official file" },
  ...DATA,
} as const satisfies OptionSpecs;

export const dataPull = defineCommand({
  name: "data pull",
  summary: "fetch a MedMNIST set, checked by its published MD5",
  description: ["A cut download goes on where it was. --from takes the file from a folder instead of the network."],
  arguments: [{ name: "name", description: "data sets, e.g. breastmnist", many: true }],
  options: DATA_PULL_OPTIONS,
});

export const DATA_LS_OPTIONS = { json: { type: "flag", description: "print JSON" }, ...DATA } as const satisfies OptionSpecs;

export const dataLs = defineCommand({
  name: "data ls",
  summary: "list data sets of this machine",
  options: DATA_LS_OPTIONS,
});

export const DATA_VERIFY_OPTIONS = DATA;

export const dataVerify = defineCommand({
  name: "data verify",
  summary: "check data sets by their published MD5",
  arguments: [{ name: "name", description: "data sets; all when absent", optional: true, many: true }],
  options: DATA_VERIFY_OPTIONS,
});
