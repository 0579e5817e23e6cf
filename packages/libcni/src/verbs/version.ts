import { Code, StatusError } from "@crib/errdefs";

import { withVersion, type NetworkList, type PluginConfig } from "../config/network-list.ts";
import { excerpt, parseJsonObject } from "../json.ts";
import { PluginError } from "../plugin-error.ts";
import { decodeWith } from "../results/decode-result.ts";
import { versionSchema } from "../results/schema.ts";
import { newestVersion } from "../version.ts";
import type { CniContext } from "./context.ts";
import { runPlugin } from "./invoke.ts";
import { pluginFailure } from "./plugin-failure.ts";

/** What a plugin says of itself. */
export interface PluginVersions {
  readonly cniVersion: string;
  /** As the plugin gave them, versions unknown to this library among them. */
  readonly supportedVersions: readonly string[];
}

/** VERSION of one plugin; one that does not know the verb is of 0.1.0, which had none. */
export async function versionsOfPlugin(
  context: CniContext,
  type: string,
  signal: AbortSignal,
): Promise<PluginVersions> {
  const command = "VERSION";
  const doing = `CNI plugin "${type}" ${command}`;
  const path = await context.exec.find(type, context.pluginDirs);
  // Old plugins check all variables whatever the verb.
  const env = { ...context.env, CNI_COMMAND: command, CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_PATH: "dummy" };
  const stdin = JSON.stringify({ cniVersion: newestVersion });
  const run = {
    path,
    plugin: type,
    command,
    env,
    stdin,
    budgetMs: context.timeouts.versionMs,
    abortGraceMs: 0,
  } as const;
  const exit = await runPlugin(context, run, signal);
  const failure = pluginFailure(exit, { plugin: type, command, doing });
  if (failure !== undefined) {
    if (/unknown CNI_COMMAND/i.test(failure.message)) return { cniVersion: "0.1.0", supportedVersions: ["0.1.0"] };
    throw failure;
  }
  try {
    return decodeWith(versionSchema, parseJsonObject(exit.stdout, doing), doing);
  } catch (reason) {
    const message = `${StatusError.from(reason).message}, in ${excerpt(exit.stdout)}`;
    throw new PluginError(Code.Internal, message, { plugin: type, command, stderr: exit.stderr }, { cause: reason });
  }
}

/**
 * The list at the highest version that it declares and all its plugins speak. Costs nothing when it declares only one.
 * `FailedPrecondition` naming each plugin's versions when there is none.
 */
export async function negotiateVersion(
  context: CniContext,
  list: NetworkList,
  signal: AbortSignal,
): Promise<NetworkList> {
  if (list.cniVersions.length === 1) return list;
  const types = [...new Set(list.plugins.map(({ type }) => type))];
  const answers = await Promise.all(types.map((type) => versionsOfPlugin(context, type, signal)));
  const common = list.cniVersions.findLast((version) =>
    answers.every((one) => one.supportedVersions.includes(version)),
  );
  if (common === list.cniVersion) return list;
  if (common !== undefined) return withVersion(list, common);
  const spoken = types.map((type, index) => `"${type}" ${answers[index]?.supportedVersions.join(", ")}`).join("; ");
  throw new StatusError(
    Code.FailedPrecondition,
    `negotiating the CNI version of network "${list.name}": it declares ${list.cniVersions.join(", ")}; plugins speak: ${spoken}`,
  );
}

/** Adds to a plugin's "incompatible version" (code 1) which versions it speaks; any other error stays as it is. */
export async function explainVersion(
  context: CniContext,
  list: NetworkList,
  plugin: PluginConfig,
  reason: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(reason instanceof PluginError) || reason.cniCode !== 1) return reason;
  const spoken = await versionsOfPlugin(context, plugin.type, signal).then(
    (versions) => `the plugin speaks ${versions.supportedVersions.join(", ")}`,
    (failure: unknown) => `its versions are unknown: ${StatusError.from(failure).message}`,
  );
  const { code, message, command, cniCode, details, stderr } = reason;
  return new PluginError(
    code,
    `${message}: the network's version is ${list.cniVersion}, ${spoken}`,
    { plugin: plugin.type, command, cniCode, details, stderr },
    { cause: reason },
  );
}
