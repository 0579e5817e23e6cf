import { readSync } from "node:fs";
import { constants } from "node:os";

import { check, errnoError } from "../../libc/errno-error.ts";
import { close } from "../../libc/libc.ts";
import { attachMount, fsconfig, FsconfigCommand, fsmount, fsopen } from "../../libc/mount-api.ts";
import { openDirectory, openLayer } from "./layer-descriptor.ts";
import { describeOverlay, type OverlayRequest } from "./overlay-request.ts";

/** fsconfig(2): a string value has at most 255 bytes. */
const maximumValueBytes = 255;
const { EBADF, EINVAL, ENOSYS } = constants.errno;

/** What the kernel wrote about a file system that it would not make, fsopen(2): lines like "e overlay: ...". */
function readLog(fsFd: number): string {
  const lines: string[] = [];
  const buffer = Buffer.alloc(1024);
  for (let count = 0; count < 8; count++) {
    try {
      lines.push(
        buffer
          .toString("utf8", 0, readSync(fsFd, buffer))
          .trim()
          .replace(/^[ewi] /, ""),
      );
    } catch {
      break; // ENODATA: there is no more
    }
  }
  return lines.length === 0 ? "" : ` (${lines.join("; ")})`;
}

/** As a string, a path that is too long, or that some kernels would unescape, goes through its descriptor. */
function pathValue(path: string, fd: number): string {
  return Buffer.byteLength(path) <= maximumValueBytes && !/[\\,:]/.test(path) ? path : `/proc/self/fd/${fd}`;
}

/** A file system that is being configured, whose failures carry what the kernel wrote about them. */
class OverlayContext {
  readonly #fd: number;
  readonly #asStrings: boolean;
  readonly #doing: string;

  constructor(fd: number, asStrings: boolean, doing: string) {
    this.#fd = fd;
    this.#asStrings = asStrings;
    this.#doing = doing;
  }

  /** Gives the result of the call. */
  addDirectory(key: string, path: string, fd: number): number {
    return this.#asStrings
      ? fsconfig(this.#fd, FsconfigCommand.SET_STRING, key, pathValue(path, fd))
      : fsconfig(this.#fd, FsconfigCommand.SET_FD, key, null, fd);
  }

  set(key: string, value: string | true): void {
    if (value === true) this.check(fsconfig(this.#fd, FsconfigCommand.SET_FLAG, key, null), `option ${key}`);
    else this.check(fsconfig(this.#fd, FsconfigCommand.SET_STRING, key, value), `option ${key}=${value}`);
  }

  create(): number {
    return fsconfig(this.#fd, FsconfigCommand.CREATE);
  }

  check(result: number, what: string): void {
    if (result < 0) throw errnoError(result, `${this.#doing}: ${what}${readLog(this.#fd)}`);
  }
}

/**
 * Mounts an overlay whose layers are given one by one, as descriptors or as strings, so that no page limits them. False when
 * the kernel does not have that; then nothing was done.
 */
export function mountOverlayByContext(request: OverlayRequest, asStrings: boolean): boolean {
  const { lower, upper, target, options = {}, usernsFd } = request;
  // An id-mapped copy has no path.
  if (asStrings && usernsFd !== undefined) return false;
  const doing = describeOverlay(request);
  using stack = new DisposableStack();
  const fsFd = fsopen("overlay");
  if (fsFd === -ENOSYS) return false;
  stack.adopt(check(fsFd, doing), close);
  const context = new OverlayContext(fsFd, asStrings, doing);
  // Copies of mounts must be there until the overlay is made, and a descriptor in a string too.
  for (const [index, path] of lower.entries()) {
    const result = context.addDirectory("lowerdir+", path, openLayer(path, usernsFd, stack));
    // Before Linux 6.13 overlayfs takes no descriptors (EINVAL), and fsconfig none that are O_PATH (EBADF; seen with 6.12).
    if (index === 0 && (result === -EINVAL || result === -EBADF)) return false;
    context.check(result, `layer "${path}"`);
  }
  if (upper !== undefined) {
    context.check(context.addDirectory("upperdir", upper.dir, openDirectory(upper.dir, stack)), "upper directory");
    context.check(context.addDirectory("workdir", upper.work, openDirectory(upper.work, stack)), "work directory");
  }
  for (const [key, value] of Object.entries(options)) context.set(key, value);
  context.set("source", "overlay");
  const created = context.create();
  // Before Linux 6.15 a layer must be attached somewhere.
  if (created === -EINVAL && usernsFd !== undefined) return false;
  context.check(created, "making it");
  const mountFd = stack.adopt(check(fsmount(fsFd), doing), close);
  check(attachMount(mountFd, target), doing);
  return true;
}
