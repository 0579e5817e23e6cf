import { closeSync, readlinkSync } from "node:fs";
import { posix } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { openInRoot } from "@crib/linux";

/** `O_PATH`, which `fs.constants` lacks. */
const O_PATH = 0o10_000_000;

/** Symbolic links that the kernel follows in one path (path_resolution(7)). */
const maxLinks = 40;

/** What is there and no link, what is not there, what is in no directory. */
const noLink: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition]);

/** Where file descriptors, roots and working directories of processes are found by name. */
const magic = /^\/proc\/(?:self|thread-self|[0-9]+)(?:\/|$)|^\/dev\/fd(?:\/|$)/;

/**
 * The working directory: as asked, else the image's, else `/`; a relative one is taken from `/`. InvalidArgument for a NUL and for a
 * place that leads, by its name or by symbolic links of the image, to a descriptor which the runtime may have open on the host
 * (CVE-2024-21626).
 */
export function workingDirectory(asked: string, image: string, rootfs: string): string {
  const wanted = asked === "" ? image : asked;
  const refuse = (why: string): StatusError =>
    new StatusError(
      Code.InvalidArgument,
      `building the process: working directory ${JSON.stringify(wanted.slice(0, 200))} ${why}`,
    );
  if (wanted.includes("\0")) throw refuse("has a NUL");
  const path = withoutEnd(posix.join("/", wanted));
  if (isMagic(rootfs, path)) throw refuse("leads to descriptors of processes");
  return path;
}

function withoutEnd(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Follows a path as far as the image has it, by text, since /proc is not mounted there yet. */
function isMagic(rootfs: string, path: string): boolean {
  let done = "/";
  let left = path.split("/");
  for (let links = 0; left.length > 0;) {
    const whole = posix.join(done, ...left);
    if (magic.test(whole)) return true;
    const [part = "", ...rest] = left;
    const target = part === "" ? undefined : linkTarget(rootfs, done, part);
    if (target === undefined) {
      done = posix.join(done, part);
      left = rest;
      continue;
    }
    // A loop leads nowhere: the runtime fails on it.
    if (++links > maxLinks) return false;
    if (target.startsWith("/")) done = "/";
    left = [...target.split("/"), ...rest];
  }
  return false;
}

/** What a symbolic link in a directory of the image says; undefined when it is none. */
function linkTarget(rootfs: string, directory: string, name: string): string | undefined {
  let found: number;
  try {
    found = openInRoot(rootfs, directory, O_PATH);
  } catch (error) {
    if (hasCode(error, Code.NotFound) || hasCode(error, Code.FailedPrecondition)) return undefined;
    throw error;
  }
  try {
    return readlinkSync(`/proc/self/fd/${found}/${name}`);
  } catch (reason) {
    const error = StatusError.from(reason, `reading link "${name}" of the image`);
    if (noLink.has(error.code)) return undefined;
    throw error;
  } finally {
    closeSync(found);
  }
}
