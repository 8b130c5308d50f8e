// Type-checks what no build compiles: the tests of every package and the test kit, against the packages' sources. vitest strips types
// without reading them, so a test that calls an old signature would otherwise go on passing for the wrong reason.
import ts from "typescript";
import { root, shown } from "./workspace.mjs";

/** @type {import("./workspace.mjs").Check} */
export const testTypes = {
  name: "types of the tests",
  module: import.meta.url,
  async run() {
    const host = {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (d) => {
        throw new Error(ts.flattenDiagnosticMessageText(d.messageText, "\n"));
      },
    };
    const config = ts.getParsedCommandLineOfConfigFile(`${root}/tsconfig.tests.json`, {}, host);
    const program = ts.createProgram(config.fileNames, config.options);
    // the sources that tests import are the build's to check
    const diagnostics = [
      ...program.getConfigFileParsingDiagnostics(),
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...config.fileNames.flatMap((name) => {
        const file = program.getSourceFile(name);
        return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      }),
    ];
    const problems = diagnostics.map((diagnostic) => {
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
      if (diagnostic.file === undefined) return text;
      const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      return `${shown(diagnostic.file.fileName)}:${line + 1} TS${diagnostic.code} ${text.slice(0, 300)}`;
    });
    return { problems, notes: [`${config.fileNames.length} test files`] };
  },
};
