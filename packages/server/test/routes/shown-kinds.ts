// A server of the embedded model with a bank "kinds" of two classes that was learned on images shown as a test says. It listens.

import type { AddressInfo } from "node:net";
import type { EngineOptions } from "@biovlm/engine";
import type { PromptBank } from "@biovlm/model";
import { createServer, type ServingOptions, servingOptions } from "../../src/index.js";
import { kindsBank } from "./kinds-bank.js";
import { kindsEngine } from "./kinds-engine.js";

interface Asked {
  /** what the bank keeps of how its images were shown */
  readonly shown: Partial<PromptBank["options"]>;
  readonly engine?: Partial<EngineOptions>;
  readonly serving?: Partial<ServingOptions>;
}

/** Where it listens, and what ends it. */
export async function shownKinds({ shown, engine: more = {}, serving = {} }: Asked): Promise<{ url: string; end(): Promise<void> }> {
  const { writeBank } = await import("@biovlm/model");
  const bank = await kindsBank(["chest X-ray", "head CT"], [["lungs"], ["skull"]]);
  const bytes = writeBank({ ...bank, options: { ...bank.options, ...shown } });
  const engine = await kindsEngine({ serve: [{ name: "tiny", model: "tiny", bank: { name: "kinds", bytes } }], ...more });
  const app = await createServer({ engine, options: servingOptions(serving), version: "0" });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    async end() {
      await app.close();
      await engine.close(1000);
    },
  };
}
