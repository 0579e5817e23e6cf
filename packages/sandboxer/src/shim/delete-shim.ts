import { lstat, unlink } from "node:fs/promises";

import { create, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { answersAt } from "@crib/grpc/private-socket";
import { DeleteResponseSchema } from "@crib/wire/task";

import { removeDirectory } from "../records/remove-directory.ts";
import { ControllerCalls } from "../sandboxes/controller-calls.ts";
import { defaultDeadlines } from "../sandboxes/types.ts";
import type { SandboxShimOptions, ShimContext } from "./types.ts";

/** As if it had been ended by SIGKILL, which is what containerd's own shim says. */
const killedStatus = 137;

/** The `delete` command: frees what a dead shim left, and gives the answer to print, a DeleteResponse in binary form. Idempotent. */
export async function deleteShim(
  options: SandboxShimOptions,
  context: ShimContext,
  socket: string,
): Promise<Uint8Array> {
  const { id, sandboxId } = context;
  await options.removeLeftTasks?.(context);
  if (id === sandboxId) {
    const controller = await options.createController(context);
    await new ControllerCalls(controller, { ...defaultDeadlines, ...options.deadlines }).shutdown(id);
    await removeDirectory(context.stateDir);
    await removeDeadSocket(socket);
  }
  const response = create(DeleteResponseSchema, { exitStatus: killedStatus, exitedAt: timestampNow() });
  return toBinary(DeleteResponseSchema, response);
}

async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true && !(await answersAt(path))) await unlink(path);
}
