// One implementation of each concept: a mark in the text that only its implementation bears may stand in one file, the concept's home.
// What must bear it elsewhere is listed with its reason; a reason that is no longer needed is a problem too.
import ts from "typescript";
import { nodesOf, sourcesMatching, tokensOf, treeOf } from "./syntax.mjs";

/**
 * @typedef {{concept: string, home: RegExp, marks: RegExp | ((path: string, text: string) => boolean), use: string, elsewhere?: Record<string, string>}} Rule
 * `marks` is sought in the text without comments; `use` says what to do instead; `elsewhere` is path (or folder ending in "/") → reason.
 */

/** A walk of folders: reads one with `recursive: true`, or reads folders in a loop or in a function that calls itself. */
export function walksFolders(path, text) {
  const tree = treeOf(path, text);
  const calls = [...nodesOf(tree)].filter(
    (node) => ts.isCallExpression(node) && /(^|\.)(readdir|readdirSync|opendir|opendirSync)$/.test(node.expression.getText(tree)),
  );
  return calls.some((call) => {
    if (call.arguments.some((argument) => /\brecursive\b/.test(argument.getText(tree)))) return true;
    for (let node = call.parent; node !== undefined; node = node.parent) {
      if (ts.isWhileStatement(node) || ts.isForStatement(node) || (ts.isForOfStatement(node) && !within(call, node.expression)))
        return true;
      if (!ts.isFunctionLike(node)) continue;
      const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
      const name = named?.getText(tree);
      return (
        name !== undefined &&
        [...nodesOf(node)].some((inner) => ts.isCallExpression(inner) && new RegExp(`(^|\\.)${name}$`).test(inner.expression.getText(tree)))
      );
    }
    return false;
  });
}

/** A call of the global fetch. */
export function fetches(path, text) {
  const called = (node) => ts.isCallExpression(node) && /^(globalThis\.|self\.)?fetch$/.test(node.expression.getText());
  return [...nodesOf(treeOf(path, text))].some(called);
}

const within = (node, outer) => node.pos >= outer.pos && node.end <= outer.end;

/** @type {Rule[]} */
export const rules = [
  {
    concept: "image → pixels → embedding",
    home: /^packages\/engine\/src\/images\//,
    marks: /\.preprocess\(/,
    use: "prepare images through engine's images",
    elsewhere: {
      "packages/training/src/views.ts": "training images are handed in, opened and decoded by engine; plain ones are prepared as they come",
      "packages/training/src/slices.ts":
        "the pictures of one example, one held at a time, for learning and measuring alike; opening and decoding are engine's, handed in",
    },
  },
  {
    concept: "opening a backend by its name",
    home: /^packages\/engine\/src\/open\//,
    marks: /import\(\s*"@biovlm\/backend-/,
    use: "open encoders through engine's open",
  },
  {
    concept: "download to a file",
    home: /^packages\/files\/src\/node\/(download|network-fetch)\.ts$/,
    marks: /`bytes=\$\{/,
    use: "use download of @biovlm/files/node",
    elsewhere: {
      "packages/backend-web/src/delivery/deliver-file.ts": "a page's download, into its own storage",
    },
  },
  {
    concept: "lock and file made for one writer",
    home: /^packages\/files\/src\/node\/(lock|atomic-file)\.ts$/,
    marks: /["'`](wx|ax)\+?["'`]|O_EXCL/,
    use: "use withLock or writeFileAtomic of @biovlm/files/node",
    elsewhere: {
      "packages/model/src/node/store/model-staging.ts": "a file in a folder that this process made for itself",
      "packages/jobs/src/folder-store.ts": "a part under a name of its own, committed by link()",
    },
  },
  {
    concept: "strict JSON",
    home: /^packages\/files\/src\/json\.ts$/,
    marks: /\bJSON\.parse\(/,
    use: "use parseStrictJson of @biovlm/files",
    elsewhere: {
      "packages/cli/src/version.ts": "reads the program's own manifest",
      "packages/cli/src/commands/doctor.run.ts": "reads the manifests of what is installed",
      "packages/server/src/client/": "the client stands alone: no package of ours comes with it",
      "packages/files/src/node/lock.ts": "a lock's holder, written by ourselves",
      "packages/server/src/grpc/": "what the server's own routes answered, in the same process",
    },
  },
  {
    concept: "zip directory",
    home: /^packages\/files\/src\/zip\.ts$/,
    marks: /0x0[1-7]0[1-8]_?4b50|from "yauzl"|import\("yauzl"\)/i,
    use: "use the zip reader of @biovlm/files",
  },
  {
    concept: "CRC-32",
    home: /^packages\/files\/src\/crc32\.ts$/,
    marks: /edb8_?8320/i,
    use: "use crc32 of @biovlm/files, or of node:zlib below src/node",
    elsewhere: { "packages/imaging/src/crc32.ts": "imaging imports nothing, so that it runs wherever pixels are" },
  },
  {
    concept: "folder walk",
    home: /^packages\/files\/src\/node\/(walk|folders)\.ts$/,
    marks: walksFolders,
    use: "use the walker of @biovlm/files/node",
    elsewhere: {
      "packages/server/src/page-files.ts": "lists the page's built files, which are ours",
      "packages/files/src/node/file-store.ts": "lists the keys of its own folder",
    },
  },
  {
    concept: "name rule",
    home: /^packages\/files\/src\/names\.ts$/,
    marks: /\[A-Za-z0-9\._-\]\{0,63\}/,
    use: "use NAME_PATTERN of @biovlm/files",
  },
  {
    concept: "nearest name",
    home: /^packages\/files\/src\/nearest\.ts$/,
    marks: /function \w*(nearest|editDistance|levenshtein)\w*\s*\(/i,
    use: "use nearest of @biovlm/files",
  },
  {
    concept: "request over the network",
    home: /^packages\/files\/src\/node\/(download|network-fetch)\.ts$/,
    marks: fetches,
    use: "go through the download, the hub's request or the chat endpoint",
    elsewhere: {
      "packages/datasets/src/chat-endpoint.ts": "the chat endpoint, named by the operator",
      "packages/jobs/src/s3/s3-client.ts": "the bucket that the operator named, with calls that are signed",
      "packages/backend-web/src/delivery/": "a page's download, from its own origin",
      "packages/demo/src/": "the page asks its own origin",
    },
  },
];

/** The text without comments, by the compiler's own tokens; lines stay where they are. */
export function withoutComments(path, text) {
  const tree = treeOf(path, text);
  const ranges = new Map();
  const take = (found) => {
    for (const { pos, end } of found ?? []) ranges.set(pos, end);
  };
  for (const node of [tree, ...tokensOf(tree)]) {
    take(ts.getLeadingCommentRanges(text, node.pos));
    take(ts.getTrailingCommentRanges(text, node.end));
  }
  let out = text;
  for (const [pos, end] of ranges) out = out.slice(0, pos) + out.slice(pos, end).replace(/[^\n]/g, " ") + out.slice(end);
  return out;
}

/** @param {{path: string, text: string}[]} sources @param {readonly Rule[]} table */
export function secondsOf(sources, table = rules) {
  const problems = [];
  const plain = sources.map(({ path, text }) => ({ path, text: withoutComments(path, text) }));
  for (const { concept, home, marks, use, elsewhere = {} } of table) {
    const bearing = plain
      .filter(({ path, text }) => (marks instanceof RegExp ? marks.test(text) : marks(path, text)))
      .map(({ path }) => path);
    const excuse = (path) => Object.keys(elsewhere).find((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
    for (const path of bearing)
      if (!home.test(path) && excuse(path) === undefined)
        problems.push(`${path} has its own ${concept} — ${use}, or say the reason in tools/checks/one-of-each.mjs.`);
    for (const place of Object.keys(elsewhere))
      if (!bearing.some((path) => excuse(path) === place))
        problems.push(`tools/checks/one-of-each.mjs excuses ${place} for ${concept}, which needs no excuse — remove the line.`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const oneOfEach = {
  name: "one of each",
  async run() {
    const sources = sourcesMatching(/^packages\/[^/]+\/src\/.*\.ts$/);
    return { problems: secondsOf(sources), notes: [`${rules.length} concepts over ${sources.length} files`] };
  },
};
