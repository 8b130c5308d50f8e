// SIGUSR1 makes Node open its debugger on a port of loopback: whoever may log in then runs code as this process. Rotation tools send it by habit.

/** Takes SIGUSR1 for this process, and does nothing with it. `--inspect` still opens the debugger where that is meant. */
export function ignoreDebugSignal(): void {
  process.on("SIGUSR1", () => {});
}
