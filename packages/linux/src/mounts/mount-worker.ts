import { realpathSync } from "node:fs";
import { parentPort } from "node:worker_threads";

import { type Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { mount, umount2 } from "../libc/libc.ts";
import { type BindRequest, bindSync } from "./bind-sync.ts";
import { mountOverlaySync } from "./overlay/mount-overlay-sync.ts";
import type { OverlayRequest } from "./overlay/overlay-request.ts";

/** A call for the worker: the arguments of mount(2) or of umount2(2), or what takes several system calls. */
export type MountCall =
  | { readonly name: "mount"; readonly args: Readonly<Parameters<typeof mount>> }
  | { readonly name: "umount2"; readonly args: Readonly<Parameters<typeof umount2>> }
  | { readonly name: "overlay"; readonly args: readonly [OverlayRequest] }
  | { readonly name: "bind"; readonly args: readonly [BindRequest] }
  | { readonly name: "realpath"; readonly args: readonly [readonly string[]] };

/** The parts of an error, which the other side puts together again. */
export interface CallFailure {
  readonly code: Code;
  readonly message: string;
  readonly errno: string | undefined;
}

/** What came of each call: zero or a negative errno, or an answer for each path. */
export interface MountResults {
  readonly mount: number;
  readonly umount2: number;
  readonly overlay: number;
  readonly bind: number;
  readonly realpath: readonly (string | CallFailure)[];
}

/** A result, or why there is none. */
export type MountAnswer = { readonly result: MountResults[MountCall["name"]] } | { readonly failure: CallFailure };

function failureOf(reason: unknown): CallFailure {
  const { code, message } = StatusError.from(reason);
  return { code, message, errno: errnoName(reason) };
}

function realPath(path: string): string | CallFailure {
  try {
    return realpathSync.native(path);
  } catch (reason) {
    return failureOf(reason);
  }
}

function carryOut(call: MountCall): MountResults[MountCall["name"]] {
  if (call.name === "realpath") return call.args[0].map(realPath);
  if (call.name === "mount") return mount(...call.args);
  if (call.name === "umount2") return umount2(...call.args);
  if (call.name === "overlay") mountOverlaySync(...call.args);
  else bindSync(...call.args);
  return 0;
}

function answer(call: MountCall): MountAnswer {
  try {
    return { result: carryOut(call) };
  } catch (reason) {
    return { failure: failureOf(reason) };
  }
}

parentPort?.on("message", (call: MountCall) => {
  parentPort?.postMessage(answer(call), []);
});
