import { StatusError } from "@crib/errdefs";
import { acceptedManifestTypes, type Digest, digestAlgorithm, digestOf, isDigest, parseManifest } from "@crib/oci-spec";

import { RequestFailure } from "../failures/request-failure.ts";
import { showText } from "../failures/show-text.ts";
import { ask } from "../http/ask.ts";
import { readWhole } from "../http/read-body.ts";
import type { Answer } from "../http/send.ts";
import type { FetchedManifest } from "../types.ts";
import { acrossHosts } from "./across-hosts.ts";
import type { FetchRequest } from "./request.ts";
import { wrongAnswer, wrongContent } from "./wrong.ts";

/** What is known of a manifest before it is there. */
export interface Expected {
  /** Tag or digest, as it stands in the URL. */
  readonly name: string;
  readonly digest: Digest | undefined;
  readonly size: number | undefined;
}

/** Fetches a manifest or index from the first host that has a right one. */
export async function fetchManifest(request: FetchRequest, expected: Expected): Promise<FetchedManifest> {
  const { transport, reference, signal } = request;
  const limit = transport.settings.manifestLimitBytes;
  return acrossHosts(request, async (endpoint, credentials) => {
    const question = {
      endpoint,
      repository: reference.repository,
      path: `manifests/${expected.name}`,
      headers: { accept: acceptedManifestTypes.join(", ") },
      credentials,
      expected: [200],
    };
    const answer = await ask(transport, question, signal);
    const bytes = await readWhole(answer, limit);
    return { descriptor: check(bytes, answer, expected), bytes, source: endpoint.host };
  });
}

function check(bytes: Buffer, answer: Answer, { digest, size }: Expected): FetchedManifest["descriptor"] {
  const { headers } = answer;
  const coding = headers["content-encoding"] ?? "identity";
  const packed = coding === "identity" ? "" : `, packed as "${showText(coding)}" though nobody asked for that`;
  if (size !== undefined && bytes.length !== size) {
    throw wrongContent(`the manifest has ${bytes.length} bytes, expected ${size}${packed}`);
  }
  const found = digestOf(bytes, digest === undefined ? "sha256" : digestAlgorithm(digest));
  if (digest !== undefined && found !== digest)
    throw wrongContent(`the manifest hashes to ${found}, expected ${digest}${packed}`);
  if (digest === undefined && packed !== "") throw wrongAnswer(`the manifest is${packed.slice(1)}`);
  checkStatedDigest(bytes, headers["docker-content-digest"]);
  return { mediaType: typeOf(bytes, headers["content-type"]), digest: found, size: bytes.length };
}

/** The digest that the registry states must be that of the bytes, or whoever logs it is misled. */
function checkStatedDigest(bytes: Buffer, stated: string | readonly string[] | undefined): void {
  if (stated === undefined) return;
  if (!isDigest(stated)) {
    // One of another algorithm says nothing of ours.
    if (typeof stated === "string" && /^(?!sha256:|sha512:)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/.test(stated))
      return;
    throw wrongAnswer(`Docker-Content-Digest is no digest: ${showText(String(stated))}`);
  }
  const found = digestOf(bytes, digestAlgorithm(stated));
  if (found !== stated) throw wrongContent(`the manifest hashes to ${found}, Docker-Content-Digest says ${stated}`);
}

function typeOf(bytes: Buffer, contentType: string | undefined): string {
  try {
    return parseManifest(bytes, contentType, { bytes: bytes.length }).mediaType;
  } catch (reason) {
    const { code, message } = StatusError.from(reason);
    throw new RequestFailure(code, message, { cause: reason, retry: false });
  }
}
