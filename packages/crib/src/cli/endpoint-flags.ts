import { type Command, Option } from "commander";

/** Adds the flags of a client command; `EndpointOptions`. */
export function addEndpoint(command: Command): Command {
  return command
    .addOption(
      new Option("-r, --socket <path>", "CRI socket, as a path or unix:// address")
        .env("CRIB_SOCKET")
        .default("/run/crib/crib.sock"),
    )
    .option("--timeout <seconds>", "how long to wait for the daemon's answers", "10");
}
