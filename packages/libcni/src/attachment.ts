import { Code, StatusError } from "@crib/errdefs";

import { quote } from "./json.ts";

/** One container's attachment to one network, as the runtime asks for it. */
export interface Attachment {
  /** Starts with a letter or digit; then letters, digits, `_`, `.`, `-`. */
  readonly containerId: string;
  /** Absolute path of the network namespace; empty for DEL when the namespace is gone. */
  readonly netns: string;
  /** Name of the interface inside the namespace, 1 to 15 bytes. */
  readonly ifName: string;
  /** `CNI_ARGS`, in this order. On DEL and CHECK the cached ones are used when absent. */
  readonly args?: readonly (readonly [string, string])[];
  /** Offered to each plugin that declares the capability. On DEL and CHECK the cached ones are used when absent. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
  /** Added to the plugins' environment, which their children inherit; not cached. `CNI_*` cannot be set here. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One container's attachment as GC knows it: all that is not in the list of valid ones is stale. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const maxIdentifier = 200;

/** Refuses a network name that the specification does not allow or that cannot be part of a file name. */
export function checkNetworkName(name: unknown, doing: string): string {
  if (typeof name === "string" && name.length <= maxIdentifier && identifier.test(name)) return name;
  throw new StatusError(
    Code.InvalidArgument,
    `${doing}: network name ${quote(name)} is not ${identifier.source} of at most ${maxIdentifier} characters`,
  );
}

/** Refuses a container id or interface name that could leave the cache directory or mislead a plugin. */
export function checkIdentity(attachment: ValidAttachment, doing: string): void {
  const { containerId, ifName } = attachment;
  if (containerId.length > maxIdentifier || !identifier.test(containerId))
    fail(
      doing,
      `container id ${quote(containerId)} is not ${identifier.source} of at most ${maxIdentifier} characters`,
    );
  if (Buffer.byteLength(ifName) > 15 || ifName === "." || ifName === ".." || !/^[^/:\s\p{Cc}]+$/u.test(ifName))
    fail(doing, `interface name ${quote(ifName)} is not 1 to 15 bytes without "/", ":" and white space`);
}

/** Refuses an attachment whose parts could be read as something else by a plugin; a netns is required unless told otherwise. */
export function checkAttachment(
  attachment: Attachment,
  doing: string,
  options: { readonly netns: "required" | "optional" },
): void {
  checkIdentity(attachment, doing);
  const { netns, args = [], env = {} } = attachment;
  if (netns === "" && options.netns === "required") fail(doing, "the network namespace's path is empty");
  if (netns !== "" && (!netns.startsWith("/") || hasControl(netns)))
    fail(doing, `network namespace ${quote(netns)} is no absolute path`);
  for (const [key, value] of args) {
    if (key === "" || /[;=]/.test(key) || hasControl(key))
      fail(doing, `CNI argument name ${quote(key)} is not allowed`);
    if (/[;=]/.test(value) || hasControl(value))
      fail(doing, `CNI argument ${quote(key)} has a value with ";", "=" or a control character: ${quote(value)}`);
  }
  for (const [key, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key) || key.startsWith("CNI_"))
      fail(doing, `environment variable ${quote(key)} is not allowed`);
    if (value.includes("\0")) fail(doing, `environment variable ${quote(key)} has a NUL byte in its value`);
  }
}

/** Whether a text holds a control character, a line break or a NUL among them. */
export function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function fail(doing: string, why: string): never {
  throw new StatusError(Code.InvalidArgument, `${doing}: ${why}`);
}
