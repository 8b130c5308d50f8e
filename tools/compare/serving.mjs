// What both states are asked over HTTP: starts the built server with a compiled bank, asks it, and ends it in order.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Longest wait for the server to be ready or to end, milliseconds. */
const patience = 120_000;

/**
 * @param {{main: string, folder: string, env: Record<string, string>}} state
 * @param {string} device
 * @returns {Promise<Map<string, Uint8Array | string>>} each answer by the name of its question
 */
export async function served({ main, folder, env }, device) {
  const words = [
    "serve",
    "--port",
    "0",
    "--bank",
    `${device}/compiled.safetensors`,
    "--device",
    device,
    "--threads",
    "1",
    "--log-level",
    "silent",
  ];
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  const late = setTimeout(() => child.kill("SIGKILL"), patience);
  const answers = new Map();
  try {
    const { address, said } = await listening(child);
    for (const { name, path, kind = "text", ...request } of questions(folder)) {
      const response = await fetch(`${address}${path}`, request);
      const body = new Uint8Array(await response.arrayBuffer());
      answers.set(`${name}, status`, `${response.status} ${response.headers.get("content-type")}`);
      const text = new TextDecoder().decode(body);
      answers.set(name, kind === "bytes" ? body : kind === "metrics" ? metricNames(text) : text);
    }
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await ended;
    answers.set("exit code", String(code));
    answers.set("what it said", said());
  } finally {
    clearTimeout(late);
    if (child.exitCode === null) child.kill("SIGKILL");
  }
  return answers;
}

/** Waits for "listening on" and "ready". */
async function listening(child) {
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (piece) => {
    said += piece;
  });
  const until = Date.now() + patience;
  while (!/^ready/m.test(said)) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`the server did not become ready:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { address: /listening on (\S+?)\/?;/.exec(said)[1], said: () => said };
}

/** Names, types and labels of the metrics; their values pass. */
function metricNames(text) {
  const names = new Set(
    text
      .split("\n")
      .map((line) =>
        line.startsWith("#") ? line : line.replace(/\s\S+$/, "").replace(/(le|quantile|version|pid|path)="[^"]*"/g, '$1="…"'),
      ),
  );
  return [...names].sort().join("\n");
}

function form(fields, images) {
  const body = new FormData();
  for (const [name, value] of fields) body.append(name, value);
  for (const image of images) body.append("image", new Blob([image]), "image");
  return body;
}

/** Every question: what the routes of the document give, and how they refuse. */
function questions(folder) {
  const picture = (path) => readFileSync(join(folder, path));
  const [us, cut] = [picture("in/images/us_busi_malignant(1).png"), picture("in/images/cut.png")];
  const skin = picture("in/images/derm_ISIC_0024313.jpg");
  const post = (body, type) => ({ method: "POST", body, ...(type === undefined ? {} : { headers: { "content-type": type } }) });
  const json = (value) => post(JSON.stringify(value), "application/json");
  const base64 = us.toString("base64");
  const tensor = { name: "image", shape: [1], datatype: "BYTES", data: [base64] };
  return [
    { name: "livez", path: "/livez" },
    { name: "readyz", path: "/readyz" },
    { name: "openapi", path: "/openapi.json" },
    { name: "banks", path: "/v1/banks" },
    { name: "a bank", path: "/v1/banks/default" },
    { name: "models", path: "/v1/models" },
    { name: "v2", path: "/v2" },
    { name: "v2 model", path: "/v2/models/tiny" },
    { name: "classify, raw body", path: "/v1/classify", ...post(us, "image/png") },
    { name: "classify, explained", path: "/v1/classify?explain=true&top=2", ...post(skin, "image/jpeg") },
    { name: "classify, parts", path: "/v1/classify", ...post(form([["top", "1"]], [us, skin, cut])) },
    {
      name: "classify, other classes",
      path: "/v1/classify",
      ...post(
        form(
          [
            ["classes", "skin lesion"],
            ["classes", "breast ultrasound"],
          ],
          [us, skin],
        ),
      ),
    },
    { name: "classify, JSON", path: "/v1/classify", ...json({ images: [base64, skin.toString("base64")] }) },
    {
      name: "embeddings of texts",
      path: "/v1/embeddings",
      ...json({ model: "tiny", input: ["chest X-ray", "a photo"], encoding_format: "base64" }),
    },
    { name: "embeddings of an image", path: "/v1/embeddings", ...json({ model: "tiny", input: `data:image/png;base64,${base64}` }) },
    { name: "v2 infer", path: "/v2/models/tiny/infer", ...json({ id: "42", inputs: [tensor] }) },
    {
      name: "v2 infer, other tensor",
      path: "/v2/models/tiny/infer",
      ...json({ inputs: [{ name: "input0", shape: [1], datatype: "UINT32", data: [1] }] }),
    },
    { name: "compile", path: "/v1/banks/default/compile", kind: "bytes", ...json({ classes: ["one kind", "another kind"] }) },
    { name: "no image", path: "/v1/classify", ...post("no image", "image/png") },
    { name: "cut image", path: "/v1/classify", ...post(cut, "image/png") },
    { name: "unknown option", path: "/v1/classify?tpo=1", ...post(us, "image/png") },
    { name: "unknown bank", path: "/v1/classify?bank=none", ...post(us, "image/png") },
    { name: "no such path", path: "/v1/none" },
    { name: "metrics", path: "/metrics", kind: "metrics" },
  ];
}
