import { startContainer } from "@crib/core/containers";

import { containerFaultMatrix } from "./container-fault-matrix.ts";

containerFaultMatrix(startContainer);
