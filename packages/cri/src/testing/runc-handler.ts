import type { RuntimeHandler } from "@crib/core/sandbox";
import { testHandler } from "@crib/core/testing";

/** A runtime handler as the default configuration has it. */
export const runcHandler: RuntimeHandler = testHandler({ options: { BinaryName: "/usr/sbin/runc" } });
