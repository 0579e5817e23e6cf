import { Code, StatusError } from "@crib/errdefs";
import type { ImageConfig } from "@crib/oci-spec";

/**
 * What a container runs: its command, which stands for the image's entrypoint, then its arguments, which stand for the image's.
 * With a command of its own and no arguments, those of the image are left out too. InvalidArgument when nothing is left, or for a
 * NUL, which no argument can have.
 */
export function processArgs(
  asked: { readonly command: readonly string[]; readonly args: readonly string[] },
  image: Pick<ImageConfig, "entrypoint" | "cmd">,
): readonly string[] {
  const hasCommand = asked.command.length > 0;
  // An entrypoint of one empty string is how images take back that of the image they were built from.
  const isNoEntrypoint = image.entrypoint.length === 1 && image.entrypoint[0] === "";
  const command = hasCommand ? asked.command : isNoEntrypoint ? [] : image.entrypoint;
  const args = asked.args.length > 0 || hasCommand ? asked.args : image.cmd;
  const all = [...command, ...args];
  if (all.length === 0) throw new StatusError(Code.InvalidArgument, "building the process: no command specified");
  if (all.some((each) => each.includes("\0"))) {
    throw new StatusError(Code.InvalidArgument, "building the process: an argument has a NUL");
  }
  return all;
}
