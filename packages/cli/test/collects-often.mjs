// Loaded into a process under watch (NODE_OPTIONS="--import …"): collects every five seconds, so that its size shows what it keeps and not what V8
// has had no reason to collect yet.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
setInterval(collect, 5000).unref();
