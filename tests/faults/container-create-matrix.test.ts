import { containerMatrix } from "./container-matrix.ts";

containerMatrix("container-create-matrix.test.ts");
