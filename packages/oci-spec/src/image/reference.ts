import { isIPv6 } from "node:net";

import { Code, StatusError } from "@crib/errdefs";

import { isDigest } from "./digest.ts";
import { showValue } from "./show-value.ts";
import type { Digest, ImageReference } from "./types.ts";

const defaultRegistry = "docker.io";
/** The name plus the longest tag and digest: longer texts are refused before they are looked at. */
const textLimit = 255 + 1 + 128 + 1 + 135;
const nameLimit = 255;

const host = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
const pathPart = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

function refuse(text: string, why: string): StatusError {
  // What stands before an @ may be a user name and a password of somebody who put a URL here.
  const shown = text.replace(/^(?:[A-Za-z]+:\/\/)?[^/@]*@(?!sha(?:256|512):)/, "***@");
  return new StatusError(Code.InvalidArgument, `reading image reference ${showValue(shown)}: ${why}`);
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535;
}

function isRegistry(text: string): boolean {
  const address = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (address !== null) {
    return isIPv6(address[1] ?? "") && !text.includes("%") && (address[2] === undefined || isPort(address[2]));
  }
  const colon = text.indexOf(":");
  const name = colon === -1 ? text : text.slice(0, colon);
  return (colon === -1 || isPort(text.slice(colon + 1))) && name.split(".").every((part) => host.test(part));
}

/** Whether the first part of a name is a host rather than a directory of the default registry; Docker's rule. */
function namesRegistry(first: string): boolean {
  return first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
}

function splitName(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const named = slash !== -1 && namesRegistry(first);
  const registry = !named || first === "index.docker.io" ? defaultRegistry : first;
  const path = named ? name.slice(slash + 1) : name;
  return { registry, repository: registry === defaultRegistry && !path.includes("/") ? `library/${path}` : path };
}

function checkRepository(text: string, registry: string, repository: string): void {
  if (registry.length + 1 + repository.length > nameLimit) {
    throw refuse(text, `the name is longer than ${nameLimit} characters`);
  }
  if (!isRegistry(registry)) throw refuse(text, `${showValue(registry)} is no host with an optional port`);
  for (const part of repository.split("/")) {
    if (pathPart.test(part)) continue;
    const why = /[A-Z]/.test(part)
      ? "must be lower-case"
      : "is not letters and digits, with one of . _ __ or dashes between";
    throw refuse(text, `the part ${showValue(part)} of the repository ${why}`);
  }
}

/**
 * Reads the name of an image (the grammar of distribution/reference) and completes it as Docker does: `busybox` is
 * docker.io/library/busybox:latest, `localhost/x` and `host:5000/x` name registries, index.docker.io is docker.io. A tag stays
 * beside a digest, which decides. InvalidArgument for everything else; also for 64 hexadecimal digits alone, which could
 * be an id. Passwords that stand before an `@` are not repeated in the error.
 */
export function parseReference(text: string): ImageReference {
  if (text.length > textLimit) throw refuse(text, `longer than ${textLimit} characters`);
  if (text.includes("://")) throw refuse(text, "expected a name without a scheme");
  if (/^[0-9a-f]{64}$/.test(text)) throw refuse(text, "64 hexadecimal digits could be an id; add a registry or a tag");

  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw refuse(text, "what follows the @ is no sha256 or sha512 digest");

  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagForm.test(tag)) {
    throw refuse(text, `the tag ${showValue(tag)} is not 1 to 128 of letters, digits, _ . and -`);
  }
  const { registry, repository } = splitName(colon === -1 ? named : named.slice(0, colon));
  checkRepository(text, registry, repository);

  if (digest !== undefined) return { registry, repository, ...(tag !== undefined && { tag }), digest };
  return { registry, repository, tag: tag ?? "latest" };
}

/** The canonical text, `registry/repository[:tag][@digest]`; `parseReference` gives the same reference back. */
export function formatReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/**
 * `registry/repository:tag`, as it is listed among an image's tags. Undefined without a tag, and beside a digest: nobody
 * has looked then whether the tag leads there.
 */
export function tagReference(reference: ImageReference): string | undefined {
  const { registry, repository, tag, digest } = reference;
  return tag === undefined || digest !== undefined ? undefined : `${registry}/${repository}:${tag}`;
}

/** `registry/repository@digest`, as it is listed among an image's digests. */
export function digestReference(reference: Pick<ImageReference, "registry" | "repository">, digest: Digest): string {
  return `${reference.registry}/${reference.repository}@${digest}`;
}
