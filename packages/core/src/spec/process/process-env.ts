import { Code, StatusError } from "@crib/errdefs";

/** Of a container whose image says none. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where the variables of a container come from. */
export interface EnvSources {
  readonly tty: boolean;
  readonly hostname: string;
  /** Of the image: `NAME=value`; hostile. */
  readonly image: readonly string[];
  /** Of the request. */
  readonly asked: readonly { readonly key: string; readonly value: string }[];
}

/**
 * The environment: `PATH`, with a terminal `TERM`, `HOSTNAME`, then the image's, then the request's; a later one replaces the
 * value of an earlier one in its place. An entry of the image without `=` takes the variable away, as with containerd. InvalidArgument
 * for an empty name, a name with `=`, and a NUL.
 */
export function processEnv(sources: EnvSources): readonly string[] {
  const values = new Map<string, string>([["PATH", defaultPath]]);
  if (sources.tty) values.set("TERM", "xterm");
  values.set("HOSTNAME", sources.hostname);
  for (const entry of sources.image) {
    const equals = entry.indexOf("=");
    const name = equals === -1 ? entry : entry.slice(0, equals);
    check(name, entry, "of the image");
    if (equals === -1) values.delete(name);
    else values.set(name, entry.slice(equals + 1));
  }
  for (const { key, value } of sources.asked) {
    check(key, `${key}${value}`, "of the container");
    values.set(key, value);
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}

function check(name: string, text: string, whose: string): void {
  const why =
    name === ""
      ? "has no name"
      : name.includes("=")
        ? 'has "=" in its name'
        : text.includes("\0")
          ? "has a NUL"
          : undefined;
  if (why === undefined) return;
  const quoted = JSON.stringify(name.slice(0, 100));
  throw new StatusError(Code.InvalidArgument, `building the environment: variable ${quoted} ${whose} ${why}`);
}
