import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";

import { tarEnd, tarHeader, tarPadding } from "../../images/archive/tar-header.ts";

/** A file that goes into an archive. */
interface FileMember {
  readonly name: string;
  /** Never followed when it is a link. */
  readonly path: string;
  /** Left out when there is no such file. */
  readonly isOptional?: boolean;
}

/** A file of an archive: its content, or where that is. */
export type ArchiveMember = { readonly name: string; readonly content: string } | FileMember;

const pieceBytes = 1 << 20;

/** Writes members, in their order and all with mode 0600, as an archive. `signal` ends it. FailedPrecondition where a member is no file. */
export async function writeArchive(
  output: FileHandle,
  members: readonly ArchiveMember[],
  signal: AbortSignal,
): Promise<void> {
  for (const member of members) {
    signal.throwIfAborted();
    if ("path" in member) await writeFileMember(output, member, signal);
    else {
      const bytes = Buffer.from(member.content);
      await writeAll(output, Buffer.concat([header(member.name, bytes.length), bytes, tarPadding(bytes.length)]));
    }
  }
  await writeAll(output, tarEnd());
}

async function writeFileMember(
  output: FileHandle,
  { name, path, isOptional = false }: FileMember,
  signal: AbortSignal,
): Promise<void> {
  await using file = await openFile(path, isOptional);
  if (!file) return;
  const { size } = await file.stat();
  await writeAll(output, header(name, size));
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(pieceBytes, size)));
  for (let at = 0; at < size;) {
    signal.throwIfAborted();
    const wanted = Math.min(buffer.length, size - at);
    const { bytesRead } = await file.read(buffer, 0, wanted, at);
    // A log may be cut while it is read; what was announced has to come.
    if (bytesRead === 0) buffer.fill(0, 0, wanted);
    const got = bytesRead === 0 ? wanted : bytesRead;
    await writeAll(output, buffer.subarray(0, got));
    at += got;
  }
  await writeAll(output, tarPadding(size));
}

async function openFile(path: string, isOptional: boolean): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (isOptional && (code === "ENOENT" || code === "ELOOP")) return undefined;
    throw StatusError.from(reason, `opening "${path}"`);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  if (isOptional) return undefined;
  throw new StatusError(Code.FailedPrecondition, `opening "${path}": it is no file`);
}

function header(name: string, size: number): Buffer {
  return tarHeader({ name, type: "file", size, mode: 0o600 });
}

async function writeAll(output: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await output.write(bytes, at)).bytesWritten;
}
