// The page in Chromium beside a real `biovlm serve`, and for everyone: keys, screen readers, colours, narrow screens, WCAG.

import { vi } from "vitest";
import { accessFlows } from "./flows/access-flows.js";
import { axeFlows } from "./flows/axe-flows.js";
import { proxiedServerFlows } from "./flows/proxied-server-flows.js";
import { runFlows } from "./flows/run-flows.js";
import { servedRegionFlows } from "./flows/served-region-flows.js";
import { servedVolumesFlows } from "./flows/served-volumes-flows.js";
import { serverFlows } from "./flows/server-flows.js";

// `serve` gives the page that was built for this test, not yesterday's
vi.mock("../../cli/src/page-server.js", async (original) => {
  const [actual, { builtPage }] = await Promise.all([
    original<typeof import("../../cli/src/page-server.js")>(),
    import("./served-page.js"),
  ]);
  return { ...actual, builtPageFolder: () => builtPage.folder ?? actual.builtPageFolder() };
});

runFlows("the page beside a server and for everyone", [
  serverFlows,
  servedVolumesFlows,
  servedRegionFlows,
  proxiedServerFlows,
  accessFlows,
  axeFlows,
]);
