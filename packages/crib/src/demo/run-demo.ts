import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type CriClient, connectCri } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

import { terminalStyle } from "../cli/trace/terminal-style.ts";
import { readTimings } from "../cli/trace/timings.ts";
import { drawWaterfall, milliseconds } from "../cli/trace/waterfall.ts";
import { parseConfig } from "../daemon/config/load-config.ts";
import { renderConfig } from "../daemon/config/render-config.ts";
import type { DaemonConfig, DefaultNetwork } from "../daemon/config/types.ts";
import { findLeaks, formatLeaks, isClean, leakConfigOf } from "../doctor/leaks/index.ts";
import { startDemoDaemon } from "./demo-daemon.ts";
import { importDemoImage } from "./demo-image.ts";
import { askInContainer, type DemoPod, removeDemoPods, runDemoContainer, runDemoPod } from "./demo-pods.ts";
import { findFreeNetwork, removeBridge } from "./free-network.ts";

/** What the demo is run with. */
export interface DemoSettings {
  /** IPv4 range; absent: the first free one from 10.88.0.0/16 on. */
  readonly subnet?: string;
  /** Name of the bridge; the next number is taken where it exists. */
  readonly bridge: string;
  /** Passes the daemon's log on to standard error. */
  readonly verbose: boolean;
  /** Takes each line of the story. */
  readonly say: (line: string) => void;
}

/**
 * Runs two pods with a container each on a daemon of its own, shows what happens, and takes everything away again, also when a part fails or
 * `signal` is aborted. Rejects with the first failure, or when something is left on the host.
 */
export async function runDemo(settings: DemoSettings, signal: AbortSignal): Promise<void> {
  const { say } = settings;
  if (process.getuid?.() !== 0) throw new StatusError(Code.PermissionDenied, "running the demo: it needs root");
  await using stack = new AsyncDisposableStack();
  const network = await findFreeNetwork(settings.bridge, settings.subnet);
  stack.defer(() => removeBridge(network.bridge));
  // The plugin's own notes on the network; the name was made for this demo.
  stack.defer(() => rm(`/var/lib/cni/networks/${network.name}`, { recursive: true, force: true }));
  const dir = await mkdtemp(join(tmpdir(), "crib-demo-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const config = demoConfig(dir, network);
  await writeFile(join(dir, "config.toml"), renderConfig(config));

  say(`crib demo: two pods on a daemon of their own, network ${network.subnet} on bridge ${network.bridge}`);
  await tellStory(config, join(dir, "config.toml"), settings, signal);
  say("");
  say("What is left on the host:");
  const report = await findLeaks(leakConfigOf(config));
  const names = Object.keys(report.counts);
  if (isClean(report)) say(`  nothing: ${names.length} counters are zero (${names.join(", ")})`);
  else {
    say(formatLeaks(report));
    throw new StatusError(Code.Internal, "running the demo: something is left on the host");
  }
}

/** Everything that the daemon has a part in; it has ended, and its pods are gone, when this settles. */
async function tellStory(
  config: DaemonConfig,
  configPath: string,
  { say, verbose }: DemoSettings,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  await using _daemon = await startDemoDaemon(configPath, config.socket, { verbose, signal });
  say(`crib serve is ready after ${milliseconds(performance.now() - started)}, CRI at ${config.socket}`);
  await using client = connectCri(config.socket, { timeoutMs: 10_000 });
  try {
    await showPods(client, config, say, signal);
  } finally {
    await removeDemoPods(client);
  }
  say("");
  say("Both pods are stopped and removed, and the daemon ends.");
}

async function showPods(
  client: CriClient,
  config: DaemonConfig,
  say: DemoSettings["say"],
  signal: AbortSignal,
): Promise<void> {
  const web = await runDemoPod(client, "web", signal);
  const visitor = await runDemoPod(client, "visitor", signal);
  say("");
  say("Pods, as the CRI tells:");
  for (const { name, id, ip, runMs } of [web, visitor]) {
    say(`  ${name.padEnd(8)} ${id.slice(0, 13)}  ${ip.padEnd(15)} RunPodSandbox took ${milliseconds(runMs)}`);
  }
  say("");
  const image = await importDemoImage(client, signal);
  const server = await runDemoContainer(client, web, image, ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]);
  const browser = await runDemoContainer(client, visitor, image, ["/bin/busybox", "sleep", "3600"]);
  say("A container in each, from an image made of this machine's busybox:");
  for (const [{ name }, { id, startMs }] of [[web, server] as const, [visitor, browser] as const]) {
    say(`  ${name.padEnd(8)} ${id.slice(0, 13)}  CreateContainer and StartContainer took ${milliseconds(startMs)}`);
  }
  say("");
  const bridge = config.cni.defaultNetwork ? config.cni.defaultNetwork.bridge : "";
  say(`In visitor, over the bridge ${bridge}: wget -qO- http://${web.ip}/`);
  const answer = await askInContainer(client, browser, ["/bin/busybox", "wget", "-qO-", `http://${web.ip}/`]);
  for (const line of answer.trimEnd().split("\n")) say(`  ${line}`);
  say("");
  say("Where the time of web went:");
  for (const line of await waterfallOf(client, web)) say(`  ${line}`);
}

async function waterfallOf({ runtime }: CriClient, { id, name }: DemoPod): Promise<readonly string[]> {
  const { info } = await runtime.podSandboxStatus({ podSandboxId: id, verbose: true });
  const style = terminalStyle();
  return readTimings(info, name).flatMap((run) => drawWaterfall(run, { ...style, width: style.width - 2 }));
}

function demoConfig(dir: string, network: DefaultNetwork): DaemonConfig {
  const check = parseConfig("", { root: join(dir, "root"), state: join(dir, "state"), defaultNetwork: true });
  if (check.kind === "invalid") throw new StatusError(Code.Internal, `making a configuration: ${check.problems[0]}`);
  return { ...check.config, cni: { ...check.config.cni, defaultNetwork: network } };
}
