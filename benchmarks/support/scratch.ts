import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type RunProgram, runProgram } from "./run-program.ts";

/** The folders and the network of one benchmark, the same network for every runtime that takes part. */
export interface Scratch extends AsyncDisposable {
  readonly dir: string;
  /** Volatile, on the same file system as /run. */
  readonly state: string;
  readonly cniConfDir: string;
  readonly bridge: string;
}

/** Milliseconds that a helper program may take. */
const helperMs = 10_000;

/** Makes the folders, and a bridge network with masquerading and port mappings such as nodes have. */
export function makeScratch(subnet: string): Scratch {
  const dir = mkdtempSync(join(tmpdir(), "crib-bench-"));
  const state = mkdtempSync("/run/crib-bench-");
  const cniConfDir = join(dir, "net.d");
  const bridge = `cb${process.pid}`;
  mkdirSync(cniConfDir);
  const config = {
    cniVersion: "1.0.0",
    name: bridge,
    plugins: [
      {
        type: "bridge",
        bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: join(dir, "ipam"),
          ranges: [[{ subnet }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  writeFileSync(join(cniConfDir, "10-bench.conflist"), JSON.stringify(config));
  const quietly: RunProgram = (program, args) => runProgram(program, args, { timeoutMs: helperMs });
  return {
    dir,
    state,
    cniConfDir,
    bridge,
    async [Symbol.asyncDispose](): Promise<void> {
      // The bridge is made by the plugin with the first pod; without one there is nothing to remove.
      await quietly("ip", ["link", "delete", bridge]).catch(() => {});
      rmSync(dir, { recursive: true, force: true });
      rmSync(state, { recursive: true, force: true });
    },
  };
}
