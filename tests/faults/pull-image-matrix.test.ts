import { pullImage } from "@crib/core/images";

import { imageFaultMatrix, pullUndoMatrix } from "./image-fault-matrix.ts";

imageFaultMatrix(pullImage);
pullUndoMatrix();
