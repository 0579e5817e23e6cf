import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { bridgePlugin, networkList, pluginNotesDir, portmapPlugin } from "./network-config.ts";
import type { Node, NodeOptions } from "./node.ts";
import { toToml } from "./to-toml.ts";

/** Where nodes look for CNI plugins: those of `tests/fixtures/cni`, then the machine's. */
export const pluginDirs: readonly string[] = [
  join(import.meta.dirname, "../fixtures/cni"),
  "/usr/lib/cni",
  "/opt/cni/bin",
];

/** Writes the configuration of a node's daemon and of its network, and makes the directories that both name. */
export function writeNodeConfig(
  node: Pick<Node, "lane" | "root" | "state" | "socket" | "configFile" | "cniConfDir">,
  options: NodeOptions,
): void {
  const { lane } = node;
  for (const dir of [node.cniConfDir, pluginNotesDir(lane), join(lane.dir, "netns")])
    mkdirSync(dir, { recursive: true });
  const more = options.config?.(lane) ?? {};
  const document = toToml({
    root: node.root,
    state: node.state,
    socket: node.socket,
    cni: { conf_dir: node.cniConfDir, bin_dirs: pluginDirs, ...more.cni },
    runtime: { netns_dir: join(lane.dir, "netns"), shim_cgroup: `${lane.cgroup}/shims`, ...more.runtime },
    runtimes: { runc: {}, paused: { pause: "always" }, ...more.runtimes },
    sandboxers: more.sandboxers,
    flow: { retry_min: "100ms", ...more.flow },
    images: more.images,
    registry: more.registry,
    containers: more.containers,
    streaming: more.streaming,
    nri: {
      // Plugins run in the tests' own processes: one that is late because the machine is busy is not to be dropped.
      registration_timeout: "60s",
      request_timeout: "60s",
      synchronize_timeout: "60s",
      plugin_dir: join(lane.dir, "nri", "plugins"),
      plugin_config_dir: join(lane.dir, "nri", "conf.d"),
      ...more.nri,
    },
    metrics: more.metrics,
    log: { level: "debug" },
  });
  writeFileSync(node.configFile, document);
  const plugins = (options.plugins ?? ((lane) => [bridgePlugin(lane), portmapPlugin]))(lane);
  if (plugins.length > 0) writeFileSync(join(node.cniConfDir, "10-pods.conflist"), networkList(lane, plugins));
}
