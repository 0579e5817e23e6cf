import { type Command, Option } from "commander";

import type { ConfigFlags } from "../daemon/config/types.ts";

/** The flags that say which configuration is meant; `ConfigFlags` and the path of the file. */
export interface ConfigOptions {
  readonly config?: string;
  readonly root?: string;
  readonly state?: string;
  readonly socket?: string;
  readonly cniConfDir?: string;
  readonly cniBinDir?: readonly string[];
  readonly netnsDir?: string;
  readonly defaultNetwork?: true;
  readonly logLevel?: string;
}

/** Adds the flags that move a daemon's directories, so that `serve`, `doctor` and `config` speak of the same one. */
export function addConfigFlags(command: Command): Command {
  return command
    .addOption(new Option("-c, --config <file>", "configuration file (default: /etc/crib/config.toml where it exists)"))
    .addOption(new Option("--root <dir>", "persistent data (default: /var/lib/crib)"))
    .addOption(new Option("--state <dir>", "volatile data (default: /run/crib)"))
    .addOption(new Option("--socket <path>", "CRI socket (default: crib.sock in the state directory)"))
    .addOption(new Option("--cni-conf-dir <dir>", "CNI configurations (default: /etc/cni/net.d)"))
    .addOption(
      new Option("--cni-bin-dir <dir>", "CNI plugins, repeatable (default: /opt/cni/bin, /usr/lib/cni)").argParser(
        (dir: string, before: readonly string[] | undefined) => [...(before ?? []), dir],
      ),
    )
    .addOption(new Option("--netns-dir <dir>", "where network namespaces are pinned (default: /run/netns)"))
    .addOption(new Option("--default-network", "provide a bridge network, 10.88.0.0/16 unless configured"))
    .addOption(new Option("--log-level <level>", "trace, debug, info, warn, error or fatal (default: info)"));
}

/** What the flags set over the configuration file. */
export function toConfigFlags(options: ConfigOptions): ConfigFlags {
  return {
    ...(options.root !== undefined && { root: options.root }),
    ...(options.state !== undefined && { state: options.state }),
    ...(options.socket !== undefined && { socket: options.socket }),
    ...(options.cniConfDir !== undefined && { cniConfDir: options.cniConfDir }),
    ...(options.cniBinDir !== undefined && { cniBinDirs: options.cniBinDir }),
    ...(options.netnsDir !== undefined && { netnsDir: options.netnsDir }),
    ...(options.defaultNetwork && { defaultNetwork: true }),
    ...(options.logLevel !== undefined && { logLevel: options.logLevel }),
  };
}
