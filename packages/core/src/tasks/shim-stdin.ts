import { stat } from "node:fs/promises";

import { create, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { BootstrapParamsSchema, LogLevel } from "@crib/wire/options";

import { runProgram } from "./run-program.ts";

/** The values of a BootstrapParams message. */
export interface BootstrapValues {
  readonly id: string;
  readonly namespace: string;
  readonly eventsAddress: string;
  readonly daemonAddress: string;
  readonly publishBinary: string;
  readonly options: Any | undefined;
}

/** What a shim reads at `start`: BootstrapParams, or only its options as an Any. */
export type StdinForm = "bootstrap" | "options";

/** The bytes for the standard input of `shim start`. */
export function encodeShimStdin(form: StdinForm, values: BootstrapValues): Uint8Array {
  if (form === "options") {
    return values.options === undefined ? new Uint8Array() : toBinary(AnySchema, values.options);
  }
  return toBinary(
    BootstrapParamsSchema,
    create(BootstrapParamsSchema, {
      instanceId: values.id,
      namespace: values.namespace,
      logLevel: LogLevel.INFO,
      containerdVersion: "2.3.0", // the interface crib speaks, not crib's own version
      containerdTtrpcAddress: values.eventsAddress,
      containerdGrpcAddress: values.daemonAddress,
      containerdBinary: values.publishBinary,
      extensions: values.options === undefined ? [] : [{ value: values.options }],
    }),
  );
}

/**
 * Which form a binary wants. containerd's runc shims before 2.3 read an Any, and the one of 1.6 refuses to start when
 * it gets anything else (tried), so they are asked for their version; runc v1 and runhcs v1 always want the Any. Every
 * other shim gets BootstrapParams, as from containerd 2.3 on.
 */
export class StdinForms {
  readonly #known = new Map<string, StdinForm>();

  /** Asks the binary once, again when its file has changed. `env` as for `start`. */
  async of(binary: string, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<StdinForm> {
    const name = binary.slice(binary.lastIndexOf("/") + 1);
    if (/-(?:runc|runhcs)-v1(?:\.exe)?$/.test(name)) return "options";
    if (!/-runc-v[0-9]+$/.test(name)) return "bootstrap";
    const file = await stat(binary);
    const key = `${binary}\0${file.ino}\0${file.mtimeMs}\0${file.size}`;
    const known = this.#known.get(key) ?? (await askVersion(binary, env, signal));
    this.#known.set(key, known);
    return known;
  }
}

async function askVersion(
  binary: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<StdinForm> {
  const argv = [binary, "-v"] as const;
  const run = {
    doing: `asking "${binary}" for its version`,
    argv,
    cwd: "/",
    env,
    deadlineMs: 5_000,
    limitBytes: 65_536,
  };
  return stdinFormOf((await runProgram(run, signal)).stdout.toString());
}

/** Reads the text of `-v` of a runc shim. One without a version, a development build, is taken for a new one. */
export function stdinFormOf(versionText: string): StdinForm {
  const version = /^\s*Version:\s*v?([0-9]+)\.([0-9]+)/m.exec(versionText);
  if (version === null) return "bootstrap";
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > 2 || (major === 2 && minor >= 3) ? "bootstrap" : "options";
}
