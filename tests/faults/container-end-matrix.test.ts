import { containerMatrix } from "./container-matrix.ts";

containerMatrix("container-end-matrix.test.ts");
