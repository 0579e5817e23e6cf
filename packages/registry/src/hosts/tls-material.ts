import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { TlsMaterial } from "./endpoint.ts";
import type { HostEntry } from "./hosts-file.ts";
import type { WatchedFiles } from "./watched-files.ts";

/** Puts material together; its id is made of the contents. */
export function tlsMaterial(parts: Omit<TlsMaterial, "id">): TlsMaterial {
  return { ...parts, id: createHash("sha256").update(JSON.stringify(parts)).digest("hex") };
}

/** What a host uses that nothing is configured for. */
export const plainTls: TlsMaterial = tlsMaterial({ authorities: [], clients: [], skipVerify: false });

/** Reads the files that an entry of hosts.toml names, relative to its directory. FailedPrecondition naming file and key. */
export async function readEntryTls(entry: HostEntry, directory: string, files: WatchedFiles): Promise<TlsMaterial> {
  const read = async (path: string, key: string): Promise<string> => readPem(resolve(directory, path), key, files);
  const authorities = await Promise.all(entry.ca.map((path) => read(path, "ca")));
  const clients = await Promise.all(
    entry.clients.map(async ([certificate, key]) => {
      const text = await read(certificate, "client");
      return { certificate: text, key: key === undefined ? text : await read(key, "client") };
    }),
  );
  return tlsMaterial({ authorities, clients, skipVerify: entry.skipVerify ?? false });
}

/**
 * Reads certificates in Docker's layout: `*.crt` are authorities, `NAME.cert` with `NAME.key` a client's. FailedPrecondition
 * for a certificate without key, or a key without certificate.
 */
export async function readDirectoryTls(directory: string, files: WatchedFiles): Promise<TlsMaterial> {
  await files.watchDirectory(directory);
  const names = (await readdir(directory)).toSorted();
  const read = async (name: string): Promise<string> => readPem(join(directory, name), "certificate", files);
  const authorities = await Promise.all(names.filter((name) => name.endsWith(".crt")).map(read));
  const pairs = names.filter((name) => name.endsWith(".cert")).map((name) => basename(name, ".cert"));
  for (const name of names.filter((each) => each.endsWith(".key")).map((each) => basename(each, ".key"))) {
    if (!pairs.includes(name)) throw lonely(join(directory, `${name}.key`), `${name}.cert`);
  }
  const clients = await Promise.all(
    pairs.map(async (name) => {
      if (!names.includes(`${name}.key`)) throw lonely(join(directory, `${name}.cert`), `${name}.key`);
      return { certificate: await read(`${name}.cert`), key: await read(`${name}.key`) };
    }),
  );
  return tlsMaterial({ authorities, clients, skipVerify: false });
}

function lonely(path: string, expected: string): StatusError {
  return new StatusError(
    Code.FailedPrecondition,
    `reading client certificate "${path}": expected "${expected}" beside it`,
  );
}

async function readPem(path: string, key: string, files: WatchedFiles): Promise<string> {
  const text = await files.read(path, `${key} file`);
  if (text?.includes("-----BEGIN ") === true) return text;
  const why = text === undefined ? "there is no such file" : "expected PEM";
  throw new StatusError(Code.FailedPrecondition, `reading ${key} file "${path}": ${why}`);
}
