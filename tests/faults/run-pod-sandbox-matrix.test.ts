import { runPodSandbox } from "@crib/core/sandbox";

import { faultMatrix } from "./fault-matrix.ts";

faultMatrix(runPodSandbox);
