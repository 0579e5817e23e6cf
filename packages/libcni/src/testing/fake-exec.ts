import { Code, StatusError } from "@crib/errdefs";

import type { PluginExec, PluginExit, PluginRun } from "../execution/plugin-exec.ts";

/** How a fake plugin answers one run. */
export type FakePlugin = (run: PluginRun, signal: AbortSignal) => PluginExit | Promise<PluginExit>;

/** A `PluginExec` without processes: each plugin type is a function, and every run is kept. */
export class FakeExec implements PluginExec {
  readonly runs: PluginRun[] = [];
  /** The highest number of runs at one time. */
  mostAtOnce = 0;
  #atOnce = 0;
  readonly #plugins: ReadonlyMap<string, FakePlugin>;

  constructor(plugins: Readonly<Record<string, FakePlugin>>) {
    this.#plugins = new Map(Object.entries(plugins));
  }

  /** `type COMMAND` of every run, in order. */
  get calls(): readonly string[] {
    return this.runs.map((run) => `${run.plugin} ${run.command}`);
  }

  /** What the last run of `call` ("type COMMAND") read from its stdin. */
  stdinOf(call: string): Readonly<Record<string, unknown>> {
    const run = this.runs.findLast((one) => `${one.plugin} ${one.command}` === call);
    if (run === undefined) throw new Error(`no run ${call} among ${this.calls.join(", ")}`);
    return JSON.parse(run.stdin) as Readonly<Record<string, unknown>>;
  }

  async find(type: string, dirs: readonly string[]): Promise<string> {
    if (!this.#plugins.has(type))
      throw new StatusError(Code.FailedPrecondition, `finding ${type} in ${dirs.join(", ")}`);
    return `/fake/${type}`;
  }

  async run(run: PluginRun, signal: AbortSignal): Promise<PluginExit> {
    const plugin = this.#plugins.get(run.plugin);
    if (plugin === undefined) throw new Error(`no fake plugin ${run.plugin}`);
    this.runs.push(run);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      return await plugin(run, signal);
    } finally {
      this.#atOnce--;
    }
  }
}

/** A run that ended well and printed `value`. */
export function printed(value: unknown, stderr = ""): PluginExit {
  const stdout = typeof value === "string" ? value : JSON.stringify(value);
  return { exitCode: 0, killedBy: undefined, stdout, stderr };
}

/** A run that failed with a CNI error. */
export function failed(code: number, msg: string, details?: string): PluginExit {
  const stdout = JSON.stringify({ cniVersion: "1.0.0", code, msg, ...(details === undefined ? {} : { details }) });
  return { exitCode: 1, killedBy: undefined, stdout, stderr: "" };
}

/** A plugin that adds one address and passes on all else it is given; all verbs but ADD print nothing. */
export function addressPlugin(address: string): FakePlugin {
  return ({ command, stdin, env }) => {
    if (command === "VERSION") return printed({ cniVersion: "1.1.0", supportedVersions: ["0.4.0", "1.0.0", "1.1.0"] });
    if (command !== "ADD") return printed("");
    const config = JSON.parse(stdin) as {
      cniVersion: string;
      prevResult?: { ips?: unknown[]; interfaces?: unknown[] };
    };
    const interfaces = config.prevResult?.interfaces ?? [{ name: env["CNI_IFNAME"], sandbox: env["CNI_NETNS"] }];
    return printed({
      cniVersion: config.cniVersion,
      interfaces,
      ips: [...(config.prevResult?.ips ?? []), { address, interface: 0 }],
    });
  };
}
