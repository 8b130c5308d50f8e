// No circle of imports between files, within a package or across packages (types and late imports count too), and no arrow upward between
// the rooms of a package: the table says which room may know which.
import { allowedImports } from "./module-boundaries.mjs";
import { resolver, sourcesMatching, specifiersOf, treeOf } from "./syntax.mjs";

/**
 * Package → room (folder below src, or a folder of two names) → rooms of the same package it may import. "." stands for files right below
 * src. index.ts and the entries named in `entries` may import every room; a room that is not listed fails the check.
 */
export const rooms = {
  model: {
    contract: [],
    weights: ["contract"],
    text: ["contract", "weights"],
    towers: ["contract", "weights", "text"],
    encoding: ["contract", "weights", "text", "towers"],
    backbones: ["contract", "weights", "text", "towers"],
    banks: ["contract", "weights", "text", "encoding", "backbones"],
    classify: ["contract", "weights", "text", "encoding", "backbones", "banks"],
    explain: ["contract", "weights", "text", "towers", "encoding", "backbones", "banks", "classify"],
    node: ["contract", "weights", "text", "towers", "encoding", "backbones", "banks", "classify"],
    testing: ["contract", "weights", "text", "towers", "encoding", "backbones", "banks", "classify"],
  },
  engine: {
    contract: [],
    process: [],
    options: [],
    open: ["contract", "options", "process"],
    batch: ["contract"],
    images: ["contract", "batch", "options", "process"],
    pool: ["contract", "batch", "open", "images", "process"],
    banks: ["contract", "open"],
    embeddings: ["contract"],
    bulk: ["contract", "images", "options"],
  },
};

/** @param {{path: string, text: string}[]} sources @returns {Map<string, string[]>} file → files it imports */
export function importGraph(sources, resolve) {
  return new Map(
    sources.map(({ path, text }) => {
      const targets = specifiersOf(treeOf(path, text)).map(({ specifier }) => resolve(path, specifier));
      return [path, [...new Set(targets.filter((target) => target !== undefined && target !== path))]];
    }),
  );
}

/** One shortest circle of every strongly connected part, as a closed list of files. */
export function circles(graph) {
  const found = [];
  for (const part of connectedParts(graph)) {
    const inside = new Set(part);
    let shortest;
    for (const start of part) {
      const circle = wayBack(graph, start, inside);
      if (circle !== undefined && (shortest === undefined || circle.length < shortest.length)) shortest = circle;
    }
    if (shortest !== undefined) found.push({ circle: shortest, files: part.length });
  }
  return found;
}

/** Tarjan's strongly connected parts of more than one file, without recursion. */
function connectedParts(graph) {
  const [index, low, open, stack, parts] = [new Map(), new Map(), new Set(), [], []];
  for (const root of graph.keys()) {
    if (index.has(root)) continue;
    const work = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const frame = work.at(-1);
      const { node } = frame;
      if (frame.next === 0) {
        index.set(node, index.size);
        low.set(node, index.get(node));
        stack.push(node);
        open.add(node);
      }
      const target = (graph.get(node) ?? [])[frame.next++];
      if (target !== undefined) {
        if (!graph.has(target)) continue;
        if (!index.has(target)) work.push({ node: target, next: 0 });
        else if (open.has(target)) low.set(node, Math.min(low.get(node), index.get(target)));
        continue;
      }
      work.pop();
      const above = work.at(-1);
      if (above !== undefined) low.set(above.node, Math.min(low.get(above.node), low.get(node)));
      if (low.get(node) !== index.get(node)) continue;
      const part = stack.splice(stack.lastIndexOf(node));
      for (const member of part) open.delete(member);
      if (part.length > 1) parts.push(part);
    }
  }
  return parts;
}

/** The shortest way from a file back to itself, by breadth. */
function wayBack(graph, start, inside) {
  const from = new Map([[start, undefined]]);
  const queue = [start];
  for (const node of queue) {
    for (const target of graph.get(node) ?? []) {
      if (target === start) {
        const way = [start];
        for (let step = node; step !== start; step = from.get(step)) way.push(step);
        return [...way, start].reverse();
      }
      if (!inside.has(target) || from.has(target)) continue;
      from.set(target, node);
      queue.push(target);
    }
  }
  return undefined;
}

/** "packages/model/src/node/hub/x.ts" → ["model", "node"]; a file right below src is in room ".". */
function roomOf(path) {
  const [, folder, inner] = /^packages\/([^/]+)\/src\/(?:([^/]+)\/)?[^/]*/.exec(path) ?? [];
  return [folder, inner ?? "."];
}

/**
 * Arrows that the tables of packages and of rooms do not allow.
 * @param {Map<string, string[]>} graph
 * @param {Record<string, string[]>} layers
 * @param {Record<string, Record<string, string[]>>} table
 */
export function upwardArrows(graph, layers = allowedImports, table = rooms) {
  const problems = [];
  for (const [path, targets] of graph) {
    const [folder, room] = roomOf(path);
    const own = table[folder];
    if (own !== undefined && room !== "." && own[room] === undefined)
      problems.push(
        `${path} lies in the room ${room}, which the table of ${folder} lacks — say in tools/checks/cycles.mjs what it may import.`,
      );
    for (const target of targets) {
      const [other, theirs] = roomOf(target);
      if (other !== folder) {
        if (!layers[folder]?.includes(other)) problems.push(`${path} imports ${target} — ${folder} stands below ${other}; turn the arrow.`);
      } else if (own !== undefined && room !== "." && theirs !== room && !own[room]?.includes(theirs)) {
        problems.push(
          `${path} imports ${target} — in ${folder}, ${room} may import only [${own[room]?.join(", ") ?? ""}]; move what both need down.`,
        );
      }
    }
  }
  return problems;
}

/** Circles of the layers and rooms themselves: a table that allows a circle forbids nothing. */
export function tableProblems(name, table) {
  return circles(new Map(Object.entries(table))).map(
    ({ circle }) => `the table of ${name} allows a circle: ${circle.join(" → ")} — take one arrow out.`,
  );
}

/** @type {import("./workspace.mjs").Check} */
export const cycles = {
  name: "cycles of imports and upward arrows",
  async run() {
    const sources = sourcesMatching(/^packages\/[^/]+\/src\/.*\.ts$/);
    const graph = importGraph(sources, resolver(new Set(sources.map(({ path }) => path))));
    const round = circles(graph).map(
      ({ circle, files }) =>
        `${circle.join(" → ")} is a circle${files > circle.length - 1 ? ` (one of several among ${files} files)` : ""} — put what both need into a file below them.`,
    );
    const tables = [
      ...tableProblems("packages", allowedImports),
      ...Object.entries(rooms).flatMap(([name, table]) => tableProblems(name, table)),
    ];
    const arrows = upwardArrows(graph);
    const edges = [...graph.values()].reduce((sum, targets) => sum + targets.length, 0);
    return {
      problems: [...tables, ...round, ...arrows],
      notes: [`${graph.size} files, ${edges} imports, ${round.length} circles, ${arrows.length} upward arrows`],
    };
  },
};
