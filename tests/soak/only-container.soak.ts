import { test } from "node:test";

import { replaceOnlyContainer } from "../faults/only-container.ts";
import { needsRoot } from "../support/needs-root.ts";

const times = Number(process.env["CRIB_SOAK_CONTAINERS"] ?? 200);

test(`the only container of a pod goes while the next comes, ${times} times`, needsRoot, (t) =>
  replaceOnlyContainer(t, times),
);
