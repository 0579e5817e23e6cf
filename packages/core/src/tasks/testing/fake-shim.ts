import { chmod, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { createShims } from "../shims.ts";
import type { ShimBudgets, Shims, ShimStart } from "../types.ts";

/** A shell script in the place of a shim, and the daemon's side of it. */
export interface FakeShim {
  readonly dir: string;
  readonly shims: Shims;
  /** A request that runs the script; the id is `t1` unless told otherwise. */
  readonly request: (id?: string) => ShimStart;
}

/** Only what hangs is late, however slow the machine. */
const patient: ShimBudgets = { start: 60_000, connect: 60_000, shutdown: 60_000, delete: 60_000, kill: 60_000 };

/**
 * Writes a script that is called as a shim is, its last argument `start` or `delete`. `$ID` and `$BUNDLE` are set; what
 * `delete` does is in `deletes`. Deadlines are far away but for those of `budgets`.
 */
export async function fakeShim(
  t: TestContext,
  starts: string,
  deletes = "exit 0",
  budgets: Partial<ShimBudgets> = {},
): Promise<FakeShim> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-fake-")));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, "containerd-shim-fake-v1");
  const script = `#!/bin/sh
ID=; BUNDLE=$PWD
while [ $# -gt 1 ]; do [ "$1" = -id ] && ID=$2; shift; done
[ "$1" = delete ] && { ${deletes}
exit 0; }
${starts}
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  const shims = createShims({
    stateDir: dir,
    eventsAddress: join(dir, "events.sock"),
    instance: dir,
    shimCgroup: "",
    budgets: { ...patient, ...budgets },
    log: () => undefined,
  });
  t.after(() => shims.close());
  const request = (id = "t1"): ShimStart => ({
    id,
    runtimeType: "io.crib.fake.v1",
    runtimePath: path,
    options: {},
    specJson: "{}",
  });
  return { dir, shims, request };
}
