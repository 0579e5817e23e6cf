import { removeImage } from "@crib/core/images";

import { imageFaultMatrix } from "./image-fault-matrix.ts";

imageFaultMatrix(removeImage);
