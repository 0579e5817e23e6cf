import { constants as fsConstants, readSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { dataRegions } from "./data-regions.ts";
import { type FileStatus, FileType } from "./file-status.ts";
import { close, fchmod, fchown, futimens, O_CLOEXEC, O_PATH, openat, readlinkat } from "./tree-calls.ts";
import { descriptorPath, type TreeMetadata, type TreeXattr } from "./tree-metadata.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { fsetxattr, getxattr, listxattr } from "./xattr-calls.ts";

const copyBytes = 1 << 18;
const listMax = 65_536;
/** Used again for each file, since they are large beside most of them. */
const list = Buffer.alloc(listMax);
const value = Buffer.alloc(listMax);

/** The extended attributes of what a descriptor is open on, with O_PATH too. */
function readXattrs(fd: number): readonly TreeXattr[] {
  const path = descriptorPath(fd);
  const bytes = check(listxattr(path, list), "listing extended attributes");
  const xattrs: TreeXattr[] = [];
  for (let start = 0; start < bytes;) {
    const end = list.indexOf(0, start);
    const name = list.subarray(start, end + 1);
    const isOverlay = name.toString("latin1").startsWith("trusted.overlay.");
    const length = isOverlay ? 0 : check(getxattr(path, name, value), "reading an extended attribute");
    if (!isOverlay)
      xattrs.push({ name: Buffer.from(name.subarray(0, -1)), value: Buffer.from(value.subarray(0, length)) });
    start = end + 1;
  }
  return xattrs;
}

/** What a file has beside its content; `status` has been read from it, `fd` is open on it. */
export function metadataOf(status: FileStatus, fd: number): TreeMetadata {
  const { atime, mtime } = status.times;
  return { mode: status.mode, uid: status.uid, gid: status.gid, atime, mtime, xattrs: readXattrs(fd) };
}

/** Gives an open directory the owner, mode, attributes and times of another one. */
export function copyDirectoryMetadata(from: number, to: number, status: FileStatus): void {
  const doing = "copying the metadata of a directory";
  check(status.readDescriptor(from), doing);
  check(fchown(to, status.uid, status.gid), doing);
  check(fchmod(to, status.mode), doing);
  for (const { name, value } of readXattrs(from)) {
    check(fsetxattr(to, Buffer.concat([name, Buffer.alloc(1)]), value), doing);
  }
  const times = Buffer.alloc(32);
  status.copyTimes(times);
  check(futimens(to, times), doing);
}

/**
 * Copies a file of any type but a directory to a path of a tree, with all it has; holes stay holes. Gives control back after each piece
 * of its data.
 */
export function* copyFileSteps(
  parentFd: number,
  name: Buffer,
  status: FileStatus,
  writer: TreeWriter,
  path: Buffer,
): Generator<void, void> {
  const isFile = status.type === FileType.file;
  // Opening a device or a FIFO would do something, and a link cannot be opened otherwise.
  const flags = isFile ? fsConstants.O_RDONLY | fsConstants.O_NONBLOCK : O_PATH;
  const fd = check(openat(parentFd, name, flags | fsConstants.O_NOFOLLOW | O_CLOEXEC, 0), "opening a file of a layer");
  try {
    // By its name it may be another one now, and a FIFO or a device must not be read from.
    check(status.readDescriptor(fd), "looking at a file of a layer");
    if (isFile && status.type !== FileType.file) {
      throw new StatusError(Code.Aborted, "copying a file of a layer: it was replaced");
    }
    const metadata = metadataOf(status, fd);
    if (isFile) yield* copyData(fd, status, metadata, writer, path);
    else copySpecial(parentFd, name, status, metadata, writer, path);
  } finally {
    close(fd);
  }
}

/** As `copyFileSteps`, in one go. */
export function copyFile(parentFd: number, name: Buffer, status: FileStatus, writer: TreeWriter, path: Buffer): void {
  const steps = copyFileSteps(parentFd, name, status, writer, path);
  while (steps.next().done !== true);
}

function* copyData(
  fd: number,
  status: FileStatus,
  metadata: TreeMetadata,
  writer: TreeWriter,
  path: Buffer,
): Generator<void, void> {
  const { size, diskBytes } = status;
  const regions = diskBytes < size ? dataRegions(fd, size) : undefined;
  writer.startFile(path, metadata, regions === undefined ? undefined : { size, regions });
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(copyBytes, size)));
  const wanted = regions ?? Float64Array.of(0, size);
  for (let index = 0; index < wanted.length; index += 2) {
    const start = wanted[index] as number;
    const end = start + (wanted[index + 1] as number);
    for (let at = start; at < end;) {
      const bytes = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytes === 0) break;
      writer.writeFile(buffer, 0, bytes);
      at += bytes;
      yield;
    }
  }
  writer.endFile();
}

function copySpecial(
  parentFd: number,
  name: Buffer,
  status: FileStatus,
  metadata: TreeMetadata,
  writer: TreeWriter,
  path: Buffer,
): void {
  const { type, deviceMajor: major, deviceMinor: minor } = status;
  if (type === FileType.link) {
    const target = Buffer.alloc(4096);
    const length = readlinkat(parentFd, name, target);
    if (length < 0) throw errnoError(length, "reading a link of a layer");
    writer.symlink(path, target.subarray(0, length), metadata);
  } else if (type === FileType.fifo) writer.special(path, { kind: "fifo" }, metadata);
  else if (type === FileType.character) writer.special(path, { kind: "character", major, minor }, metadata);
  else if (type === FileType.block) writer.special(path, { kind: "block", major, minor }, metadata);
  else throw new StatusError(Code.InvalidArgument, "copying a file of a layer: it is a socket");
}
