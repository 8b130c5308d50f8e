// An option that is declared is read: a flag of a command, or an option of a package's table, that no source looks at would be taken and have
// no effect. What reads it is found by the compiler: the name's own declaration, or one that a call hands it on to. An option of a table must be
// read by the package that declares it: the command line, which makes flags of tables, only hands it on. And it is declared once: a flag that
// a table has is made of the table, not typed again.
import ts from "typescript";
import { lineOf, nodesOf, sourceProgram } from "./syntax.mjs";
import { shown } from "./workspace.mjs";

/** Types of a command's flags, and of the options in a table of the engine or the server (JSON Schema's). */
const flagTypes = new Set(["flag", "text", "choice", "number", "integer", "size", "boolean", "string"]);

/** "file NAME" → why nothing reads the option by its name. */
export const reasons = {
  "packages/cli/src/command.ts quiet": "an option of every command, read from the parsed values by name",
  "packages/cli/src/command.ts debug": "an option of every command, read from the parsed values by name",
};

const property = (literal, name) => literal.properties.find((item) => ts.isPropertyAssignment(item) && item.name.getText() === name);

/** A flag of a command: `top: { type: "integer", …, description: … }`. */
function isFlag(node) {
  if (!ts.isPropertyAssignment(node) || !ts.isObjectLiteralExpression(node.initializer)) return false;
  const type = property(node.initializer, "type")?.initializer;
  return (
    type !== undefined && ts.isStringLiteral(type) && flagTypes.has(type.text) && property(node.initializer, "description") !== undefined
  );
}

/** Name of the package that a source file belongs to. */
const ownerOf = (file) => /\/packages\/([^/]+)\/src\//.exec(file)?.[1];

const declarationOf = (symbol) => symbol?.declarations?.find((item) => item.name !== undefined) ?? symbol?.declarations?.[0];

/** Every read of a property, as its declaration: `x.name`, `x["name"]`, `const { name } = x`. */
function* readsOf(node, checker) {
  if (ts.isPropertyAccessExpression(node)) yield declarationOf(checker.getSymbolAtLocation(node.name));
  else if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression))
    yield declarationOf(checker.getPropertyOfType(checker.getTypeAtLocation(node.expression), node.argumentExpression.text));
  else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
    const name = node.propertyName ?? node.name;
    yield declarationOf(checker.getPropertyOfType(checker.getTypeAtLocation(node.parent), name.getText()));
  }
}

/** Where a whole object of options goes that is handed on: [its property's declaration, the declaration of the same name that receives it]. */
function* handedOn(node, checker, options) {
  const whole = ts.isIdentifier(node) || ts.isPropertyAccessExpression(node);
  if (!whole && !(ts.isObjectLiteralExpression(node) && node.properties.some(ts.isSpreadAssignment))) return;
  const given = node.parent;
  const placed =
    ts.isCallExpression(given) || ts.isNewExpression(given)
      ? given.arguments?.includes(node)
      : ts.isPropertyAssignment(given) || ts.isReturnStatement(given) || ts.isVariableDeclaration(given) || ts.isArrowFunction(given);
  if (!placed) return;
  const type = checker.getTypeAtLocation(node);
  if (!checker.getPropertiesOfType(type).some((item) => options.has(declarationOf(item)))) return;
  const receiver = checker.getContextualType(node);
  if (receiver === undefined) return;
  for (const target of checker.getPropertiesOfType(checker.getNonNullableType(receiver))) {
    const source = declarationOf(checker.getPropertyOfType(type, target.name));
    const to = declarationOf(target);
    if (source !== undefined && to !== undefined && source !== to) yield [source, to];
  }
}

/**
 * @param {import("typescript").Program} program
 * @param {(file: string) => boolean} wanted files whose options and reads count
 * @param {(file: string) => string | undefined} tableOf the package whose table an option of this file is in; undefined for a command's flags
 * @returns {{declared: {node: import("typescript").PropertyAssignment, read: boolean}[]}}
 */
export function optionReads(program, wanted, tableOf = () => undefined) {
  const checker = program.getTypeChecker();
  const trees = program.getSourceFiles().filter((tree) => !tree.isDeclarationFile && wanted(tree.fileName));
  const options = new Set(trees.flatMap((tree) => [...nodesOf(tree)].filter(isFlag)));
  // declaration → packages that read it
  const [read, onward] = [new Map(), new Map()];
  for (const tree of trees) {
    for (const node of nodesOf(tree)) {
      for (const declaration of readsOf(node, checker)) {
        if (!read.has(declaration)) read.set(declaration, new Set());
        read.get(declaration).add(ownerOf(tree.fileName));
      }
      for (const [from, to] of handedOn(node, checker, options)) {
        if (!onward.has(from)) onward.set(from, new Set());
        onward.get(from).add(to);
      }
    }
  }
  const reaches = (start) => {
    const table = tableOf(start.getSourceFile().fileName);
    const seen = new Set([start]);
    for (const declaration of seen) {
      const readers = read.get(declaration);
      if (readers !== undefined && (declaration !== start || table === undefined || readers.has(table))) return true;
      // what another option's declaration receives is that option's own concern
      for (const next of onward.get(declaration) ?? []) if (!options.has(next)) seen.add(next);
    }
    return false;
  };
  return { declared: [...options].map((node) => ({ node, read: reaches(node) })) };
}

/** Flags of commands, as [name, …], that a table has: those are made of the table. */
export function typedByHand(flags, tables) {
  const declared = new Set(tables);
  return flags.filter((name) => declared.has(name));
}

/** @type {import("./workspace.mjs").Check} */
export const optionsRead = {
  name: "options declared and read",
  async run() {
    const inTable = (file) => (ownerOf(file) === "cli" ? undefined : ownerOf(file));
    const { declared } = optionReads(sourceProgram(), (file) => /\/packages\/(cli|engine|server)\/src\//.test(file), inTable);
    const named = declared.map(({ node }) => ({ node, name: node.name.getText(), table: inTable(node.getSourceFile().fileName) }));
    const tables = named.filter(({ table }) => table !== undefined).map(({ name }) => name);
    const byHand = new Set(
      typedByHand(
        named.filter(({ table }) => table === undefined).map(({ name }) => name),
        tables,
      ),
    );
    const twice = named
      .filter(({ name, table }) => table === undefined && byHand.has(name))
      .map(({ node, name }) => {
        const tree = node.getSourceFile();
        return `${shown(tree.fileName)}:${lineOf(tree, node.getStart(tree))} types the option ${name} by hand — make the flag of its table with flagsOf.`;
      });
    const problems = declared
      .filter(({ read }) => !read)
      .flatMap(({ node }) => {
        const tree = node.getSourceFile();
        const [file, name] = [shown(tree.fileName), node.name.getText()];
        return reasons[`${file} ${name}`] === undefined
          ? [`${file}:${lineOf(tree, node.getStart(tree))} declares the option ${name}, which nothing reads — read it or remove it.`]
          : [];
      });
    return { problems: [...problems, ...twice], notes: [`${declared.length} options, ${tables.length} of them in tables`] };
  },
};
