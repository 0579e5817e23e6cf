import { containerUndoMatrix } from "./container-fault-matrix.ts";

containerUndoMatrix();
