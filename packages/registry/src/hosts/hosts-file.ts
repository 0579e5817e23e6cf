import { Code, StatusError } from "@crib/errdefs";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";

import { parseDuration } from "./duration.ts";

/** One `[host."URL"]` table, or the top of a hosts.toml, which says the same of `server`. */
export interface HostEntry {
  /** Undefined: the registry itself. */
  readonly url: URL | undefined;
  readonly overridePath: boolean;
  readonly capabilities: { readonly pull: boolean; readonly resolve: boolean };
  /** Paths as written. */
  readonly ca: readonly string[];
  /** Paths as written; without a key the certificate's file has it. */
  readonly clients: readonly (readonly [certificate: string, key: string | undefined])[];
  /** Undefined: not written. */
  readonly skipVerify: boolean | undefined;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly dialTimeoutMs: number;
  readonly proxy: string | undefined;
  readonly tokenHosts: readonly string[];
}

const defaultDialMs = 30_000;
const texts = z.union([z.string(), z.array(z.string())], { error: "expected a text or a list of texts" });
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
// The value is not repeated in messages: it may be a token.
const headerError = "expected a text or a list of texts that a header can have";
const headerValue = z.string({ error: headerError }).regex(/^[\t\x20-\x7e]*$/, { error: headerError });

const entrySchema = z.object({
  capabilities: z
    .array(
      z
        .string()
        .transform((text) => text.toLowerCase())
        .pipe(z.enum(["pull", "resolve", "push"], { error: 'expected "pull", "resolve" or "push"' })),
      { error: 'expected a list of "pull", "resolve" and "push"' },
    )
    .optional(),
  ca: texts.optional(),
  client: z
    .union([z.string(), z.array(z.union([z.string(), z.tuple([z.string(), z.string()])]))], {
      error: "expected a path, a list of paths, or a list of pairs of paths (certificate, key)",
    })
    .optional(),
  skip_verify: z.boolean({ error: "expected true or false" }).optional(),
  header: z
    .record(
      z.string().regex(headerName, { error: "expected names that headers can have" }),
      z.union([headerValue, z.array(headerValue)], { error: headerError }),
      { error: "expected names of headers with texts" },
    )
    .optional(),
  override_path: z.boolean({ error: "expected true or false" }).optional(),
  dial_timeout: z
    .string({ error: 'expected a duration such as "30s"' })
    .refine((text) => (parseDuration(text) ?? 0) > 0, { error: 'expected a duration above 0 such as "30s"' })
    .optional(),
  proxy: z
    .string()
    .refine(isProxy, { error: 'expected a URL of a proxy such as "http://proxy:8080" (http or https)' })
    .optional(),
  token_hosts: z.array(z.string(), { error: "expected a list of hosts" }).optional(),
});

const fileSchema = entrySchema.extend({
  server: z.string({ error: "expected a URL" }).optional(),
  host: z
    .record(z.string(), entrySchema, { error: 'expected tables such as [host."https://mirror.example"]' })
    .optional(),
});

/**
 * Reads a hosts.toml (containerd's docs/hosts.md): the hosts in the order in which they are written, the server last. Keys
 * that are not known are ignored, as containerd does; `token_hosts` is crib's own. FailedPrecondition, naming file, key and
 * what was expected, but no value of a header.
 */
export function parseHostsFile(text: string, file: string): readonly HostEntry[] {
  const document = parseToml(text, file);
  const { success, data, error } = fileSchema.safeParse(document);
  if (!success) {
    const [issue] = error.issues;
    throw wrong(file, issue?.path.join(".") ?? "", issue?.message ?? "is not understood");
  }
  const hosts = Object.entries(data.host ?? {}).map(([url, entry]) =>
    toEntry(parseUrl(url, file, `host."${url}"`), entry),
  );
  const server = data.server === undefined || data.server === "" ? undefined : parseUrl(data.server, file, "server");
  return [...hosts, toEntry(server, data)];
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (reason) {
    if (!(reason instanceof TomlError)) throw reason;
    // Behind the first line the error repeats the text, which may be a header's value.
    const why = reason.message.split("\n", 1)[0] ?? "";
    throw wrong(file, `line ${reason.line}, column ${reason.column}`, why);
  }
}

function wrong(file: string, key: string, why: string): StatusError {
  return new StatusError(Code.FailedPrecondition, `reading registry hosts "${file}": ${key}: ${why}`);
}

function parseUrl(text: string, file: string, key: string): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.search !== "" || url.hash !== "") {
    throw wrong(file, withoutUser(key), 'expected an http or https URL such as "https://mirror.example:5000"');
  }
  if (url.username !== "" || url.password !== "") {
    throw wrong(file, withoutUser(key), "expected a URL without user and password; those belong into the credentials");
  }
  return url;
}

function withoutUser(key: string): string {
  return key.replace(/\/\/[^/]*@/, "//...@");
}

function isProxy(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, hostname } = new URL(text);
  return ["http:", "https:"].includes(protocol) && hostname !== "" && pathname === "/" && search === "" && hash === "";
}

function toEntry(url: URL | undefined, entry: z.output<typeof entrySchema>): HostEntry {
  const { capabilities, client } = entry;
  const can = (what: "pull" | "resolve"): boolean => !capabilities?.length || capabilities.includes(what);
  return {
    url,
    overridePath: entry.override_path ?? false,
    capabilities: { pull: can("pull"), resolve: can("resolve") },
    ca: listOf(entry.ca),
    clients: listOf(client).map((each) =>
      typeof each === "string" ? [each, undefined] : [each[0], each[1] || undefined],
    ),
    skipVerify: entry.skip_verify,
    headers: Object.fromEntries(Object.entries(entry.header ?? {}).map(([name, value]) => [name, listOf(value)])),
    dialTimeoutMs: parseDuration(entry.dial_timeout ?? "") ?? defaultDialMs,
    proxy: entry.proxy,
    tokenHosts: entry.token_hosts ?? [],
  };
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
