import { updateContainer } from "@crib/core/containers";

import { containerFaultMatrix } from "./container-fault-matrix.ts";

containerFaultMatrix(updateContainer);
