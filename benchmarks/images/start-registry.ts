import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const program = "/usr/bin/docker-registry";

/** Milliseconds for the registry to answer. */
const answerMs = 10_000;

/** A registry on loopback, over plain HTTP. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as in names of images. */
  readonly host: string;
}

/** Starts Debian's registry with its files in `dir/registry`. Disposing ends it. */
export async function startRegistry(dir: string): Promise<Registry> {
  if (!existsSync(program)) throw new Error(`${program} is missing: install the package docker-registry`);
  const host = `127.0.0.1:${await freePort()}`;
  const home = join(dir, "registry");
  mkdirSync(home);
  const config = join(home, "config.json");
  // JSON is YAML. No caches and logs beyond the defaults' need: the registry shall cost as little as it can.
  const settings = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(home, "files") }, cache: { blobdescriptor: "inmemory" } },
    http: { addr: host },
  };
  writeFileSync(config, JSON.stringify(settings));
  const log = openSync(join(home, "log"), "a");
  const child = spawn(program, ["serve", config], { stdio: ["ignore", log, log] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const registry: Registry = {
    host,
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill("SIGTERM");
      await ended;
    },
  };
  const deadline = performance.now() + answerMs;
  for (;;) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (answer?.ok) return registry;
    if (child.exitCode !== null || performance.now() > deadline) {
      await registry[Symbol.asyncDispose]();
      throw new Error(`${program} does not answer at ${host}: see ${home}/log`);
    }
    await sleep(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port on 127.0.0.1");
  return address.port;
}
