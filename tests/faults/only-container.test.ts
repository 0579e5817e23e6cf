import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { replaceOnlyContainer } from "./only-container.ts";

const times = 50;

test(`the only container of a pod goes while the next comes, ${times} times`, needsRoot, (t) =>
  replaceOnlyContainer(t, times),
);
