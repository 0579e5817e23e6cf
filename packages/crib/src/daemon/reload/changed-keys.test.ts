import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { parseConfig } from "../config/load-config.ts";
import type { DaemonConfig } from "../config/types.ts";
import { changedKeys } from "./changed-keys.ts";

function config(text: string): DaemonConfig {
  const check = parseConfig(text);
  if (check.kind === "invalid") throw new Error(check.problems.join("\n"));
  return check.config;
}

test("what differs is named as the file has it", () => {
  const before = config("");
  deepEqual(changedKeys(before, before), []);
  deepEqual(changedKeys(before, config('socket = "/x/crib.sock"')), ["socket"]);
  const text =
    '[cni]\nconf_dir = "/x"\nbin_dirs = ["/y"]\n[images.limits]\nlayers = 7\n[flow]\nbudgets = { "shm.mount" = "1s" }';
  deepEqual(changedKeys(before, config(text)), [
    "[cni] conf_dir",
    "[cni] bin_dirs",
    "[images.limits] layers",
    "[flow.budgets] shm.mount",
  ]);
  deepEqual(changedKeys(before, config("[cni]\ndefault_network = true")), ["[cni] default_network"]);
});

test("a value that is written otherwise and means the same has not changed", () => {
  deepEqual(changedKeys(config(""), config('[flow]\nretry_min = "1000ms"\n[images]\nsync = true')), []);
});

test("handlers and sandboxers are not among them, the default handler is", () => {
  const text =
    '[runtimes.a]\n[runtimes.b]\npause = "always"\n[sandboxers.vmm]\naddress = "/vmm.sock"\n[runtime]\ndefault_handler = "a"';
  deepEqual(changedKeys(config(""), config(text)), ["[runtime] default_handler"]);
});
