import type { Attachment } from "../attachment.ts";
import type { NetworkList, PluginConfig } from "../config/network-list.ts";
import type { CniCommand, PluginExit, PluginRun } from "../execution/plugin-exec.ts";
import type { JsonObject } from "../json.ts";
import { encodeResult } from "../results/encode-result.ts";
import type { AddResult } from "../results/types.ts";
import type { CniContext, CniTimeouts } from "./context.ts";
import { pluginFailure } from "./plugin-failure.ts";

/** One plugin of a list, one verb. */
export interface PluginCall {
  readonly command: CniCommand;
  readonly list: NetworkList;
  readonly plugin: PluginConfig;
  /** Absent for verbs that concern no container. */
  readonly attachment?: Attachment;
  readonly prevResult?: AddResult | undefined;
  /** Further keys of the configuration, such as GC's valid attachments. */
  readonly extra?: JsonObject;
}

/** Verbs that change nothing, so that it does not matter where they are cut off. */
const readOnly: ReadonlySet<CniCommand> = new Set(["CHECK", "STATUS", "VERSION"]);

const budgetOf: Readonly<Record<CniCommand, keyof CniTimeouts>> = {
  ADD: "addMs",
  DEL: "delMs",
  CHECK: "checkMs",
  STATUS: "statusMs",
  GC: "gcMs",
  VERSION: "versionMs",
};

/** Runs one plugin and gives what it printed. Fails with a `PluginError` unless it exited with 0. */
export async function invokePlugin(context: CniContext, call: PluginCall, signal: AbortSignal): Promise<string> {
  const { command, plugin, attachment } = call;
  const path = await context.exec.find(plugin.type, context.pluginDirs);
  const exit = await runPlugin(
    context,
    {
      path,
      plugin: plugin.type,
      command,
      env: pluginEnv(context, command, attachment),
      stdin: JSON.stringify(pluginConfig(call)),
      budgetMs: context.timeouts[budgetOf[command]],
      abortGraceMs: readOnly.has(command) ? 0 : context.timeouts.abortGraceMs,
    },
    signal,
  );
  if (exit.stderr !== "") {
    const subject = attachment === undefined ? {} : { containerId: attachment.containerId };
    context.onStderr({ plugin: plugin.type, command, ...subject, text: exit.stderr });
  }
  const failure = pluginFailure(exit, { plugin: plugin.type, command, doing: describe(call) });
  if (failure !== undefined) throw failure;
  return exit.stdout;
}

/** Runs a plugin when a process slot is free. */
export function runPlugin(context: CniContext, run: PluginRun, signal: AbortSignal): Promise<PluginExit> {
  return context.slots.run(signal, () => context.exec.run(run, signal));
}

/** The call in the words of an error message. */
export function describe({ command, plugin, list, attachment }: PluginCall): string {
  const subject =
    attachment === undefined ? "" : ` of container "${attachment.containerId}" interface "${attachment.ifName}"`;
  return `CNI plugin "${plugin.type}" ${command}${subject} in network "${list.name}"`;
}

function pluginEnv(
  context: CniContext,
  command: CniCommand,
  attachment: Attachment | undefined,
): Readonly<Record<string, string>> {
  const path = context.pluginDirs.join(":");
  if (attachment === undefined) return { ...context.env, CNI_COMMAND: command, CNI_PATH: path };
  return {
    ...context.env,
    ...attachment.env,
    CNI_COMMAND: command,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netns,
    CNI_IFNAME: attachment.ifName,
    CNI_ARGS: (attachment.args ?? []).map(([key, value]) => `${key}=${value}`).join(";"),
    CNI_PATH: path,
  };
}

/** The plugin's own configuration with what the specification has the runtime put in ("Section 3", "Deriving execution configuration"). */
function pluginConfig({ list, plugin, attachment, prevResult, extra }: PluginCall): JsonObject {
  const { prevResult: _, ...config } = plugin.config;
  const offered = Object.entries(attachment?.capabilityArgs ?? {});
  const wanted = offered.filter(([key, value]) => plugin.capabilities.has(key) && value !== undefined);
  return {
    ...config,
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }),
    ...extra,
    ...(prevResult === undefined ? {} : { prevResult: encodeResult(prevResult, list.cniVersion) }),
    name: list.name,
    cniVersion: list.cniVersion,
  };
}
