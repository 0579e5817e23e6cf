import { undoMatrix } from "./fault-matrix.ts";

undoMatrix();
