import { spawnExecSuite } from "@crib/libcni/testing";
import { spawnProcess } from "@crib/linux";

// The pair that the daemon runs with; neither package may know the other.
spawnExecSuite("posix_spawn", spawnProcess);
