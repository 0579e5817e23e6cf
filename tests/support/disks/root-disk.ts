import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import type { Node } from "../node.ts";
import { runProgram } from "../run-program.ts";
import { cutOff } from "./cut-off.ts";
import { fillFileSystem } from "./fill-file-system.ts";
import { pretendReboot } from "./pretend-reboot.ts";

/** What a disk is made with. */
export interface RootDiskOptions {
  /** Default 64. */
  readonly megabytes?: number;
  /** Default: as many as mkfs.ext4(8) thinks right. */
  readonly inodes?: number;
}

/** An ext4 of its own for the root directory of a node: it can be full, and its power can be cut. */
export interface RootDisk {
  /** Bytes that can still be written. */
  freeBytes(): number;
  freeInodes(): number;
  /** Takes all room but this, in whole blocks; called again it takes more or gives some back. */
  leave(bytes: number): Promise<void>;
  /** Gives back all that `leave` has taken. */
  giveBack(): void;
  /** Writes to the disk what the kernel might at any time: the journal with all names and sizes, but no content. */
  writeJournal(): void;
  /**
   * Cuts the power: the daemon dies, and what the disk has not been given by now never reaches it; the disk itself forgets nothing
   * that it was given. Then it is mounted again and the node starts on it, as if the machine had.
   */
  cutPower(): Promise<void>;
}

/**
 * Starts a node anew with its root directory on such a disk. At the end of the test the disk and all that is on it go before the node
 * ends, so what the test wants to know of leaks it must ask itself.
 */
export async function moveToDisk(
  t: TestContext,
  node: Node,
  { megabytes = 64, inodes }: RootDiskOptions = {},
): Promise<RootDisk> {
  await node.kill();
  const dir = mkdtempSync(join(tmpdir(), "crib-disk-"));
  const image = join(dir, "disk");
  endAfter(t, async () => {
    await leaveDisk(node);
    rmSync(dir, { recursive: true });
  });
  await makeDisk(image, megabytes, inodes);
  rmSync(node.root, { recursive: true, force: true });
  mkdirSync(node.root, { mode: 0o700 });
  await mountDisk(image, node.root);
  await node.restart();
  const filler = join(node.root, "filler");
  return {
    freeBytes: () => freeBytesOf(node.root),
    freeInodes: () => statfsSync(node.root).ffree,
    leave: (bytes) => fillFileSystem(filler, bytes),
    giveBack: () => rmSync(filler, { recursive: true, force: true }),
    writeJournal: () => syncFile(join(node.root, "unrelated")),
    async cutPower(): Promise<void> {
      await cutOff(node.root);
      await node.kill();
      await runProgram(["umount", node.root]);
      await exchangeDisk(image);
      await mountDisk(image, node.root);
      pretendReboot(node);
      await node.restart();
    },
  };
}

/** The journal of ext4 is one for all files: what has to be written for this one takes the others' names along. */
function syncFile(path: string): void {
  rmSync(path, { force: true });
  const file = openSync(path, "w", 0o600);
  fsyncSync(file);
  closeSync(file);
}

/** Bytes that can be written to the file system of a directory. */
function freeBytesOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

async function makeDisk(image: string, megabytes: number, inodes: number | undefined): Promise<void> {
  const file = openSync(image, "w", 0o600);
  ftruncateSync(file, megabytes * 2 ** 20);
  closeSync(file);
  const options = ["-q", "-F", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
  await runProgram(["mkfs.ext4", ...options, ...(inodes === undefined ? [] : ["-N", `${inodes}`]), image]);
}

/** The journal is written when it is asked for and not, as usual, every five seconds. */
async function mountDisk(image: string, dir: string): Promise<void> {
  await runProgram(["mount", "-o", "loop,commit=600", image, dir]);
}

/**
 * Puts a copy in the place of a disk. A process of another test that has just begun a mount namespace may have a copy of the mount for
 * a moment, and as long as anybody has, mounting the same file gives the file system that was cut off.
 */
async function exchangeDisk(image: string): Promise<void> {
  const copy = `${image}.copy`;
  await runProgram(["cp", "--sparse=always", image, copy]);
  renameSync(copy, image);
}

/** The node ends without its disk, on an empty directory. */
async function leaveDisk(node: Node): Promise<void> {
  await node.kill();
  await runProgram(["umount", node.root], { mayFail: true });
  await node.restart();
}
