import { spawnExecSuite } from "../testing/spawn-exec-suite.ts";
import { forkChild } from "./fork-child.ts";

spawnExecSuite("child_process", forkChild);
