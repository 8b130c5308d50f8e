// The Dockerfiles, linted: by the rules of a builder and by ours. They were never built where these tests run.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dockerfileProblems, instructionsOf, words } from "../src/dockerfile-problems.js";

const deploy = new URL("../../../deploy/", import.meta.url);
const names = readdirSync(deploy).filter((name) => name.startsWith("Dockerfile"));
const text = (name: string) => readFileSync(new URL(name, deploy), "utf8");

describe("the Dockerfiles", () => {
  it("have nothing against them", () => {
    expect(names).toEqual(["Dockerfile", "Dockerfile.cuda"]);
    for (const name of names) expect(dockerfileProblems(text(name)), name).toEqual([]);
  });

  it("would be found out: each of these mistakes is named", () => {
    const sound = text("Dockerfile");
    const mistakes: [from: string | RegExp, to: string, named: RegExp][] = [
      [/NODE_IMAGE=node:24-bookworm-slim$/m, "NODE_IMAGE=node", /version/],
      [/NODE_IMAGE=node:24-bookworm-slim$/m, "NODE_IMAGE=node:latest", /version/],
      [/NODE_IMAGE=node:24-bookworm-slim$/m, "NODE_IMAGE=node:24-alpine", /glibc/],
      [/^ARG NODE_IMAGE=.*$/m, "ARG OTHER", /version/],
      ["USER 10001", "", /as root/],
      ["USER 10001", "USER root", /not 0/],
      ["USER 10001", "USER 0", /not 0/],
      ["EXPOSE 8080", "RUN chmod 777 /app\nEXPOSE 8080", /after USER/],
      ["EXPOSE 8080", "EXPOSE http", /port/i],
      ["EXPOSE 8080", "", /EXPOSE/],
      ["COPY . .", "ADD . .", /COPY/],
      ["npm ci", "npm install", /lock file/],
      ["npm ci", "curl -sSL example.org | sh && npm ci", /fetched/],
      ["NODE_ENV=production", "HF_TOKEN=x", /secret/],
      [/ENTRYPOINT .*/, "ENTRYPOINT node packages/cli/dist/main.js serve", /SIGTERM/],
      ["--interval=30s", "--intervall=10s", /intervall/],
      ["WORKDIR /app", "WORKDR /app", /WORKDR/],
      ["COPY --from=build /src/package.json ./", "COPY --from=build", /COPY/],
    ];
    for (const [from, to, named] of mistakes) {
      const broken = sound.replace(from, to);
      expect(broken, String(from)).not.toBe(sound);
      expect(dockerfileProblems(broken).join("\n"), `${from} → ${to}`).toMatch(named);
    }
  });

  it("start the server that the manifests expect: same program, port and user", () => {
    for (const name of names) {
      const all = instructionsOf(text(name));
      const last = (word: string) => all.findLast((i) => i.name === word)!;
      expect(words(last("ENTRYPOINT")).slice(0, 3), name).toEqual(["node", "packages/cli/dist/main.js", "serve"]);
      // health-check.test.ts runs the first's
      expect(last("HEALTHCHECK").rest, name).toBe(instructionsOf(text("Dockerfile")).find((i) => i.name === "HEALTHCHECK")?.rest);
      expect([last("EXPOSE").rest, last("USER").rest, last("WORKDIR").rest], name).toEqual(["8080", "10001", "/app"]);
    }
  });

  it("send no build output, history or data set to the builder", () => {
    const ignored = readFileSync(new URL("../.dockerignore", deploy), "utf8").split("\n");
    expect(ignored).toEqual(expect.arrayContaining([".git", "**/node_modules", "**/dist", "**/*.tsbuildinfo"]));
  });
});
