// SIGUSR1 makes Node open its debugger on a port of loopback: whoever may log in then runs code as this process. Rotation tools send it by habit.

const nothing = () => {};

/** Takes SIGUSR1 for this process, once, and does nothing with it. `--inspect` still opens the debugger where that is meant. */
export function ignoreDebugSignal(): void {
  if (!process.listeners("SIGUSR1").includes(nothing)) process.on("SIGUSR1", nothing);
}
