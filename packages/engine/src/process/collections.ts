// When V8 collects its old space. Images and pixels lie outside its heap and count against a limit drawn from what lies inside, which is little: a
// busy server then collects some three times a second, for nothing, on every core.

import { setFlagsFromString } from "node:v8";

/** Old space, and what hangs on it, may grow to five times what was left before it is collected; V8's own choice is about twice. */
const GROWING_PERCENT = 400;

/** Sets it for this process, for a program that serves: saves a tenth of the processor; costs some 15 MB soon, and over time what may be kept. */
export function collectLessOften(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
