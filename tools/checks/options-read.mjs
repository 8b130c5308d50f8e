// An option that is declared is read: a flag of a command, or a field of an options schema, that no source looks at would be taken and
// have no effect. What reads it is found by the compiler: the name's own declaration, or one that a call hands it on to.
import ts from "typescript";
import { lineOf, nodesOf, sourceProgram } from "./syntax.mjs";
import { shown } from "./workspace.mjs";

const flagTypes = new Set(["flag", "text", "choice", "number", "integer", "size"]);

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

/** A field of `const …Options = Type.Object({…})` or of …Limits. */
function isSchemaField(node) {
  if (!ts.isPropertyAssignment(node) || !ts.isObjectLiteralExpression(node.parent)) return false;
  const call = node.parent.parent;
  if (!ts.isCallExpression(call) || call.arguments[0] !== node.parent || call.expression.getText() !== "Type.Object") return false;
  return ts.isVariableDeclaration(call.parent) && /(Options|Limits)$/.test(call.parent.name.getText());
}

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
 * @returns {{declared: {node: import("typescript").PropertyAssignment, read: boolean}[]}}
 */
export function optionReads(program, wanted) {
  const checker = program.getTypeChecker();
  const trees = program.getSourceFiles().filter((tree) => !tree.isDeclarationFile && wanted(tree.fileName));
  const options = new Set(trees.flatMap((tree) => [...nodesOf(tree)].filter((node) => isFlag(node) || isSchemaField(node))));
  const [read, onward] = [new Set(), new Map()];
  for (const tree of trees) {
    for (const node of nodesOf(tree)) {
      for (const declaration of readsOf(node, checker)) read.add(declaration);
      for (const [from, to] of handedOn(node, checker, options)) {
        if (!onward.has(from)) onward.set(from, new Set());
        onward.get(from).add(to);
      }
    }
  }
  const reaches = (start) => {
    const seen = new Set([start]);
    for (const declaration of seen) {
      if (read.has(declaration)) return true;
      // what another option's declaration receives is that option's own concern
      for (const next of onward.get(declaration) ?? []) if (!options.has(next)) seen.add(next);
    }
    return false;
  };
  return { declared: [...options].map((node) => ({ node, read: reaches(node) })) };
}

/** @type {import("./workspace.mjs").Check} */
export const optionsRead = {
  name: "options declared and read",
  async run() {
    const { declared } = optionReads(sourceProgram(), (file) => /\/packages\/(cli|engine|server)\/src\//.test(file));
    const problems = declared
      .filter(({ read }) => !read)
      .flatMap(({ node }) => {
        const tree = node.getSourceFile();
        const [file, name] = [shown(tree.fileName), node.name.getText()];
        return reasons[`${file} ${name}`] === undefined
          ? [`${file}:${lineOf(tree, node.getStart(tree))} declares the option ${name}, which nothing reads — read it or remove it.`]
          : [];
      });
    return { problems, notes: [`${declared.length} options`] };
  },
};
