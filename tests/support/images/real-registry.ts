import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "./free-port.ts";
import type { TestImage } from "./image.ts";
import { pushImage } from "./push-image.ts";
import { startTokenServer, type TokenServer } from "./token-server.ts";

/** Who may use the registry: everybody, who knows `registryLogin`, or who brings a token of the token server (see there). */
export type RegistryAuth = "none" | "basic" | "bearer";

/** The one account of a registry with `basic` or `bearer` authentication. */
export const registryLogin = { username: "crib", password: "correct horse" } as const;

/** How bcrypt has `registryLogin.password`. */
const passwordHash = "$2b$04$IrmuIQKRd0kPCJb5ET1rD.QrU5TUrVUw.wDVPaBisGN9VFH6dCJoG";

/** Debian's docker-registry on a port of 127.0.0.1, with plain HTTP and a store of its own. */
export interface RealRegistry {
  /** `127.0.0.1:PORT`, as in names of images. */
  readonly host: string;
  readonly url: string;
  /** With `bearer` authentication. */
  readonly tokens: TokenServer | undefined;
  /** Puts an image under tags; without tags it is there by its digest only. */
  push(repository: string, tags: readonly string[], image: TestImage): Promise<void>;
  /** Ends it; a second time does nothing. */
  stop(): Promise<void>;
}

/** Starts a registry for a test, which ends with it. */
export async function startRealRegistry(t: TestContext, auth: RegistryAuth = "none"): Promise<RealRegistry> {
  const registry = await openRealRegistry({ auth });
  endAfter(t, () => registry.stop());
  return registry;
}

/** Starts a registry that the caller stops. `dir` keeps its store; by default a temporary directory does, which goes with it. */
export async function openRealRegistry({
  auth = "none",
  dir,
}: {
  readonly auth?: RegistryAuth;
  readonly dir?: string;
}): Promise<RealRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "crib-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const tokens = auth === "bearer" ? await startTokenServer(folder, registryLogin) : undefined;
  const config = join(folder, "config.yml");
  writeFileSync(config, registryConfig(folder, host, { auth, tokens, store: dir ?? join(folder, "store") }));
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "docker-registry", "serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const stop = async (): Promise<void> => {
    await endChild(child);
    await tokens?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://${host}`;
  try {
    await untilItAnswers(child, url);
  } catch (reason) {
    await stop();
    throw reason;
  }
  const authorization = authorizationFor(auth, tokens);
  return {
    host,
    url,
    tokens,
    push: (repository, tags, image) =>
      pushImage({ url, ...(authorization && { authorization }) }, repository, tags, image),
    stop,
  };
}

/** What the configuration depends on beside the address. */
interface Setup {
  readonly auth: RegistryAuth;
  readonly tokens: TokenServer | undefined;
  readonly store: string;
}

/** The registry's configuration; JSON is YAML too. */
function registryConfig(folder: string, host: string, { auth, tokens, store }: Setup): string {
  mkdirSync(store, { recursive: true });
  const passwords = join(folder, "htpasswd");
  if (auth === "basic") writeFileSync(passwords, `${registryLogin.username}:${passwordHash}\n`);
  return JSON.stringify({
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: store },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: host, secret: "one registry needs none that others know" },
    ...(auth === "basic" ? { auth: { htpasswd: { realm: "crib", path: passwords } } } : {}),
    ...(tokens ? { auth: { token: tokens.registrySettings } } : {}),
  });
}

function authorizationFor(
  auth: RegistryAuth,
  tokens: TokenServer | undefined,
): ((repository: string) => string) | undefined {
  const { username, password } = registryLogin;
  if (tokens) return (repository) => `Bearer ${tokens.issue([`repository:${repository}:pull,push`])}`;
  return auth === "basic" ? () => `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` : undefined;
}

async function untilItAnswers(child: ChildProcess, url: string): Promise<void> {
  let printed = "";
  let problem: Error | undefined;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.on("error", (reason) => (problem = reason));
  await eventually(10_000, async () => {
    if (problem || child.exitCode !== null) {
      throw new Error(`docker-registry ended with ${child.exitCode}: ${printed}`, { cause: problem });
    }
    await fetch(`${url}/v2/`);
  });
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // setpriv became the registry by exec, so the signal can reach nothing else.
  child.kill("SIGTERM");
  await once(child, "exit");
}
