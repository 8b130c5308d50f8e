// What the process says with its exit code. The table is printed in docs/cli.md and tested row by row.

/** Exit codes of the program, by what ended it. Stable: scripts may switch on them. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  integrity: 4,
  backend: 5,
  partial: 6,
  interrupted: 130,
  terminated: 143,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One line per code, in the order of the documentation. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, "everything asked for was done"],
  [EXIT.failure, "it failed for a reason named in the error, or every input failed"],
  [EXIT.usage, "the command line, the environment or a config file asks for something that does not exist"],
  [EXIT.notFound, "a file, folder, model, bank or data set was not found"],
  [EXIT.integrity, "an artefact's content is not what its digest promises"],
  [EXIT.backend, "no device could be used, or the named one could not"],
  [EXIT.partial, "some inputs failed; the rest was done"],
  [EXIT.interrupted, "stopped by SIGINT (Ctrl-C)"],
  [EXIT.terminated, "stopped by SIGTERM"],
];
