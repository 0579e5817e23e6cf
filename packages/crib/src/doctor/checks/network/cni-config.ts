import { Code, hasCode, StatusError } from "@crib/errdefs";
import { findPlugin, loadNetworks, type NetworkList } from "@crib/libcni";

import type { DaemonConfig } from "../../../daemon/config/types.ts";
import { defaultNetworkList, refuseOverlap } from "../../../daemon/default-network.ts";
import { runTool } from "../../run-tool.ts";
import { judgeVersion } from "../programs/judge-version.ts";
import { type Check, type CheckResult, fail, ok } from "../types.ts";

/** The CNI configurations that pods are attached by, and the plugins these name. */
export const cniConfig: Check = {
  name: "cni",
  async run(config) {
    const results: CheckResult[] = [];
    const plugins = new Set<string>();
    for (const source of sourcesOf(config)) {
      const { networks, result } = await load(source);
      results.push(result);
      for (const network of networks) {
        for (const { type } of network.plugins) plugins.add(type);
        for (const ipam of ipamTypes(network)) plugins.add(ipam);
      }
    }
    results.push(...(await judgeChoices(config)));
    if (config.cni.loopback === "plugin") plugins.add("loopback");
    for (const type of [...plugins].sort()) results.push(...(await judgePlugin(type, config.cni.binDirs)));
    return results;
  },
};

/** Where networks come from: the default network, or a directory with how many of its files are used. */
type Source =
  | { readonly dir: string; readonly maxNetworks: number }
  | Exclude<DaemonConfig["cni"]["defaultNetwork"], false>;

function sourcesOf({ cni, runtimes }: DaemonConfig): readonly Source[] {
  const dirs = new Map<string, Source>();
  for (const { cniConfDir, cniMaxConfNum } of Object.values(runtimes)) {
    if (cniConfDir === "" && cni.defaultNetwork) continue;
    const dir = cniConfDir || cni.confDir;
    dirs.set(`${dir} ${cniMaxConfNum}`, { dir, maxNetworks: cniMaxConfNum });
  }
  return [...(cni.defaultNetwork ? [cni.defaultNetwork] : []), ...dirs.values()];
}

async function load(
  source: Source,
): Promise<{ readonly networks: readonly NetworkList[]; readonly result: CheckResult }> {
  try {
    if ("bridge" in source) {
      await refuseOverlap(source);
      return {
        networks: [defaultNetworkList(source)],
        result: ok(`default network ${source.subnet} on ${source.bridge}`),
      };
    }
    const networks = await loadNetworks(source);
    const names = networks.map(({ name, source: file }) => `"${name}" (${file})`).join(", ");
    return { networks, result: ok(`network ${names}`) };
  } catch (reason) {
    const advice = hasCode(reason, Code.NotFound)
      ? "install a network add-on, or start crib with --default-network"
      : "correct it; pods cannot be attached to a network until then";
    return { networks: [], result: fail(StatusError.from(reason).message, advice) };
  }
}

/** The networks that pods may choose from, where they are not there. */
async function judgeChoices({ cni, runtimes }: DaemonConfig): Promise<readonly CheckResult[]> {
  const judged = Object.values(runtimes).map(async ({ name, networks = [], cniConfDir }) => {
    if (networks.length === 0) return [];
    const dir = cniConfDir || cni.confDir;
    const found = cniConfDir === "" && cni.defaultNetwork ? [cni.defaultNetwork] : await loadOrNone(dir);
    const names = new Set(found.map((network) => network.name));
    return networks
      .filter((network) => !names.has(network))
      .map((network) =>
        fail(
          `pods of runtime handler "${name}" may choose network "${network}", which is not in "${dir}"`,
          `install its configuration there, or take it out of networks in [runtimes.${name}]`,
        ),
      );
  });
  return (await Promise.all(judged)).flat();
}

/** A directory that cannot be read has its own result. */
async function loadOrNone(dir: string): Promise<readonly NetworkList[]> {
  try {
    return await loadNetworks({ dir, maxNetworks: 0 });
  } catch {
    return [];
  }
}

function ipamTypes({ plugins }: NetworkList): readonly string[] {
  return plugins
    .map(({ config }) => (config["ipam"] as { readonly type?: unknown } | undefined)?.type)
    .filter((type) => typeof type === "string");
}

async function judgePlugin(type: string, dirs: readonly string[]): Promise<readonly CheckResult[]> {
  try {
    const path = await findPlugin(type, dirs);
    // The standard plugins print what they are when they are called without CNI_COMMAND; others may do anything then.
    const printed = type === "portmap" ? await runTool(path, ["--version"]).catch(() => "") : "";
    return printed === "" ? [ok(path)] : judgeVersion(type, path, printed);
  } catch (reason) {
    const advice = "install it (Debian: apt install containernetworking-plugins), or set bin_dirs in [cni]";
    return [fail(StatusError.from(reason).message, advice)];
  }
}
