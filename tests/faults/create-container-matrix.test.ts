import { createContainer } from "@crib/core/containers";

import { containerFaultMatrix } from "./container-fault-matrix.ts";

containerFaultMatrix(createContainer);
