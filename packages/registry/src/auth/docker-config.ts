import { Code, StatusError } from "@crib/errdefs";
import * as z from "zod";

import { WatchedFiles } from "../hosts/watched-files.ts";
import type { Credentials, FindCredentials } from "../types.ts";
import { parseAuthConfig } from "./auth-config.ts";
import { fitOf } from "./config-key.ts";

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

const fileSchema = z.object({ auths: z.record(z.string(), entrySchema.nullable()).nullish() });

type Entries = readonly (readonly [key: string, entry: z.output<typeof entrySchema>])[];

interface Loaded {
  readonly files: WatchedFiles;
  readonly entries: Entries;
}

/**
 * Finds credentials in Docker's or the kubelet's config.json files (`auths` with auth, username and password, identitytoken,
 * registrytoken; keys are hosts, URLs, or hosts with a path that is a prefix of repositories; `*` in hosts as the kubelet has
 * it). The best key of the first file that has one counts. Missing files are no mistake; files are read again when they
 * have changed. `credHelpers` and `credsStore` are ignored: a runtime executes nothing that a user's file names.
 * FailedPrecondition, without any of the contents, for a file that cannot be read.
 */
export function readDockerConfigCredentials(paths: readonly string[]): FindCredentials {
  const loaded = new Map<string, Loaded>();
  return async (host, repository) => {
    for (const path of paths) {
      const entries = await load(path, loaded);
      const found = find(path, entries, host, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function find(path: string, entries: Entries, host: string, repository?: string): Credentials | undefined {
  const fits = entries
    .map(([key, entry]) => ({ key, entry, fit: fitOf(key, host, repository) }))
    .filter(({ fit }) => fit > 0)
    .toSorted((a, b) => b.fit - a.fit);
  for (const { entry } of fits) {
    const { identitytoken, registrytoken, ...rest } = entry;
    const fields = {
      ...rest,
      ...(identitytoken !== undefined && { identityToken: identitytoken }),
      ...(registrytoken !== undefined && { registryToken: registrytoken }),
    };
    try {
      // An entry without anything in it is what docker login leaves where a helper has the password.
      const credentials = parseAuthConfig(fields as Parameters<typeof parseAuthConfig>[0], host);
      if (credentials !== undefined) return credentials;
    } catch (reason) {
      throw new StatusError(Code.FailedPrecondition, `reading "${path}" for "${host}": ${(reason as Error).message}`, {
        cause: reason,
      });
    }
  }
  return undefined;
}

async function load(path: string, loaded: Map<string, Loaded>): Promise<Entries> {
  const known = loaded.get(path);
  if (known !== undefined && (await known.files.areUnchanged())) return known.entries;
  const files = new WatchedFiles();
  const text = await files.read(path, "registry credentials");
  const entries = text === undefined ? [] : parse(text, path);
  loaded.set(path, { files, entries });
  return entries;
}

function parse(text: string, path: string): Entries {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The error would quote the text.
    throw wrong(path, "expected JSON");
  }
  const { success, data, error } = fileSchema.safeParse(document);
  if (!success) {
    const [issue] = error.issues;
    throw wrong(path, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not understood"}`);
  }
  return Object.entries(data.auths ?? {}).flatMap(([key, entry]) => (entry === null ? [] : [[key, entry] as const]));
}

function wrong(path: string, why: string): StatusError {
  return new StatusError(Code.FailedPrecondition, `reading registry credentials "${path}": ${why}`);
}
