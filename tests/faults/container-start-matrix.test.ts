import { containerMatrix } from "./container-matrix.ts";

containerMatrix("container-start-matrix.test.ts");
