import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { constants as osConstants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { attempt, check } from "../../libc/errno-error.ts";
import { chdir, close, mount, setns, unshare } from "../../libc/libc.ts";
import { attachMount, cloneTree } from "../../libc/mount-api.ts";
import { MountFlag } from "../flags.ts";
import { cloneIdmapped } from "./layer-descriptor.ts";
import { overlayOptions } from "./overlay-options.ts";
import { describeOverlay, maximumMountData, type OverlayRequest } from "./overlay-request.ts";

const CLONE_NEWNS = 0x2_0000;

/**
 * Runs `body` with the calling thread in a mount namespace of its own, where nothing that is mounted is seen elsewhere and
 * all of it goes when the thread leaves, or dies. A thread that cannot come back throws, and must then do nothing more.
 */
function inPrivateMounts<T>(body: () => T): T {
  using stack = new DisposableStack();
  const own = attempt("opening the mount namespace", () => openSync("/proc/thread-self/ns/mnt", constants.O_RDONLY));
  stack.adopt(own, closeSync);
  check(unshare(CLONE_NEWNS), "making a mount namespace");
  stack.defer(() => {
    if (setns(own, CLONE_NEWNS) < 0) process.exit(1); // of a worker this ends the thread
  });
  check(mount("none", "/", null, MountFlag.REC | MountFlag.PRIVATE, null), "making mounts private");
  return body();
}

/** Attaches all layers below a tmpfs at the target under the names 0, 1, ... and mounts them there; gives a copy of that mount. */
function stage(request: OverlayRequest, doing: string): number {
  const { lower, upper, target, options, usernsFd } = request;
  using stack = new DisposableStack();
  const copies = lower.map((path) =>
    usernsFd === undefined
      ? stack.adopt(check(cloneTree(path), `cloning the mount of "${path}"`), close)
      : cloneIdmapped(path, usernsFd, stack),
  );
  check(mount("crib", target, "tmpfs", 0, "mode=700"), doing);
  check(chdir(target), doing);
  for (const [index, copy] of copies.entries()) {
    attempt(doing, () => mkdirSync(`${target}/${index}`));
    check(attachMount(copy, `${target}/${index}`), doing);
  }
  attempt(doing, () => mkdirSync(`${target}/merged`));
  const data = overlayOptions({ lower: lower.map((_, index) => String(index)), upper }, options).join(",");
  if (Buffer.byteLength(data) >= maximumMountData) {
    throw new StatusError(Code.FailedPrecondition, `${doing}: the options are longer than a page`);
  }
  check(mount("overlay", "merged", "overlay", 0, data), doing);
  return check(cloneTree("merged"), doing);
}

/** Mounts an overlay whose layers have short names for that moment. False when the kernel has no way to do that. */
export function mountOverlayStaged(request: OverlayRequest): boolean {
  const doing = describeOverlay(request);
  const probe = cloneTree(request.target);
  if (probe === -osConstants.errno.ENOSYS) return false;
  close(check(probe, doing));
  const mountFd = inPrivateMounts(() => stage(request, doing));
  try {
    check(attachMount(mountFd, request.target), doing);
  } finally {
    close(mountFd);
  }
  return true;
}
