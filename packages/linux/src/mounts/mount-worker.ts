import { parentPort } from "node:worker_threads";

import { mount, umount2 } from "../libc/libc.ts";

/** A call for the worker: the arguments of mount(2) or of umount2(2). */
export type MountCall =
  | { readonly name: "mount"; readonly args: Readonly<Parameters<typeof mount>> }
  | { readonly name: "umount2"; readonly args: Readonly<Parameters<typeof umount2>> };

parentPort?.on("message", (call: MountCall) => {
  // The answer is zero or a negative errno; errors are made on the other side.
  parentPort?.postMessage(call.name === "mount" ? mount(...call.args) : umount2(...call.args), []);
});
