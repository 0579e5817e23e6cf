import { sandboxFlows } from "@crib/core/sandbox";

import { faultMatrix } from "./fault-matrix.ts";

/** The steps that do something else where a pause process runs in a shim. */
const steps = ["sandbox.create", "sandbox.start", "sandbox.stop", "sandbox.shutdown", "cgroup.remove"];

for (const flow of sandboxFlows) faultMatrix(flow, { handler: "paused", steps });
