// One check in a thread of its own, for run.mjs: what takes a processor for long and shares nothing with the others.
import { parentPort, workerData } from "node:worker_threads";

const { [workerData.name]: check } = Object.fromEntries(
  Object.values(await import(workerData.module)).map((found) => [found?.name, found]),
);
parentPort.postMessage(await check.run());
