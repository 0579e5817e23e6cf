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
  | { readonly name: "bind"; readonly args: readonly [BindRequest] };

/** What came of it: zero or a negative errno, or the parts of the error, which the other side puts together again. */
export type MountAnswer =
  | number
  | { readonly code: Code; readonly message: string; readonly errno: string | undefined };

function carryOut(call: MountCall): number {
  if (call.name === "mount") return mount(...call.args);
  if (call.name === "umount2") return umount2(...call.args);
  if (call.name === "overlay") mountOverlaySync(...call.args);
  else bindSync(...call.args);
  return 0;
}

function answer(call: MountCall): MountAnswer {
  try {
    return carryOut(call);
  } catch (reason) {
    const { code, message } = StatusError.from(reason);
    return { code, message, errno: errnoName(reason) };
  }
}

parentPort?.on("message", (call: MountCall) => {
  parentPort?.postMessage(answer(call), []);
});
