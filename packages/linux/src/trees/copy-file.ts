import { constants as fsConstants, readSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { type FileStatus, FileType } from "./file-status.ts";
import { close, fchmod, fchown, futimens, O_CLOEXEC, O_PATH, openat, readlinkat } from "./tree-calls.ts";
import { descriptorPath, type TreeMetadata, type TreeXattr } from "./tree-metadata.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { fsetxattr, getxattr, listxattr } from "./xattr-calls.ts";

const copyBytes = 1 << 18;
const listMax = 65_536;

/** The extended attributes of what a descriptor is open on, with O_PATH too. */
function readXattrs(fd: number): readonly TreeXattr[] {
  const path = descriptorPath(fd);
  const list = Buffer.alloc(listMax);
  const bytes = check(listxattr(path, list), "listing extended attributes");
  const xattrs: TreeXattr[] = [];
  const value = Buffer.alloc(listMax);
  for (let start = 0; start < bytes;) {
    const end = list.indexOf(0, start);
    const name = list.subarray(start, end + 1);
    const isOverlay = name.toString("latin1").startsWith("trusted.overlay.");
    const length = isOverlay ? 0 : check(getxattr(path, name, value), "reading an extended attribute");
    if (!isOverlay) xattrs.push({ name: name.subarray(0, -1), value: Buffer.from(value.subarray(0, length)) });
    start = end + 1;
  }
  return xattrs;
}

function metadataOf(status: FileStatus, fd: number): TreeMetadata {
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

/** Copies a file of any type but a directory to a path of a tree, with all it has. */
export function copyFile(parentFd: number, name: Buffer, status: FileStatus, writer: TreeWriter, path: Buffer): void {
  const isFile = status.type === FileType.file;
  // Opening a device or a FIFO would do something, and a link cannot be opened otherwise.
  const flags = isFile ? fsConstants.O_RDONLY | fsConstants.O_NONBLOCK : O_PATH;
  const fd = check(openat(parentFd, name, flags | fsConstants.O_NOFOLLOW | O_CLOEXEC, 0), "opening a file of a layer");
  try {
    const metadata = metadataOf(status, fd);
    if (isFile) copyData(fd, status.size, metadata, writer, path);
    else copySpecial(parentFd, name, status, metadata, writer, path);
  } finally {
    close(fd);
  }
}

function copyData(fd: number, size: number, metadata: TreeMetadata, writer: TreeWriter, path: Buffer): void {
  writer.startFile(path, metadata);
  const buffer = Buffer.allocUnsafeSlow(copyBytes);
  for (let at = 0; at < size;) {
    const bytes = readSync(fd, buffer, 0, copyBytes, at);
    if (bytes === 0) break;
    writer.writeFile(buffer, 0, bytes);
    at += bytes;
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
