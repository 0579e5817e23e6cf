import { type Command, Option } from "commander";

import { addEndpoint } from "../../endpoint-flags.ts";
import type { RunOptions } from "./run-plan.ts";

/** `--no-rm`, which people also write as `--rm=false`. */
class KeepOption extends Option {
  /** Whether an argument is this flag; commander's parser asks. */
  is(arg: string): boolean {
    return arg === this.long || arg === "--rm=false";
  }
}

/** Adds `crib run`. */
export function addRun(program: Command): void {
  addLimits(addPlace(addStreams(addEndpoint(program.command("run <image> [command...]")))))
    .passThroughOptions()
    .description("run a pod with one container, and remove it when it has ended")
    .addHelpText(
      "after",
      `
The exit code is the container's. A name that -v has on the left is one of this machine. With -it every key goes to the
container, Ctrl-C too; there are no keys to detach with. Without -t, Ctrl-C stops the container and removes the pod; a second
one does not wait. The image is pulled when it is not here; crib pull has flags for credentials.

Examples:
  crib run busybox echo hello
  crib run -it --name box busybox
  crib run -d --name web -p 8080:80 -v ./site:/srv:ro registry.example/web
  crib exec web ps; crib logs -f web; crib rm -f web`,
    )
    .action(async (image: string, command: readonly string[], options: RunOptions) =>
      (await import("./run.ts")).runCommand(image, command, options),
    );
}

function addStreams(command: Command): Command {
  return command
    .option("-i, --interactive", "pass standard input on")
    .option("-t, --tty", "with a terminal")
    .option("-d, --detach", "print the ids of pod and container, and leave them running")
    .option("--rm", "remove the pod at the end (default; not with -d)", true)
    .addOption(new KeepOption("--no-rm", "keep the pod at the end; also as --rm=false"))
    .option("--name <name>", "name of the pod (default: the image's and four digits)");
}

function addPlace(command: Command): Command {
  return command
    .option("-p, --publish <port>", "[IP:]HOST:CONTAINER[/udp]: a port of this machine leads to the container", all, [])
    .option("-v, --volume <volume>", "HOST:CONTAINER[:ro]: a file or directory of this machine", all, [])
    .option("-e, --env <variable>", "NAME=VALUE, or NAME as crib has it", all, [])
    .option("--env-file <file>", "variables, one a line", all, [])
    .option("-w, --workdir <dir>", "working directory")
    .option("-u, --user <user>", "UID[:GID] or NAME[:GID]")
    .option("--entrypoint <program>", "instead of the image's")
    .addOption(new Option("--network <network>", "its own, or this machine's").choices(["pod", "host"]).default("pod"))
    .option("--runtime-handler <name>", "the runtime handler that runs the pod", "");
}

function addLimits(command: Command): Command {
  return command
    .option("-m, --memory <bytes>", "limit of memory, such as 512m")
    .option("--cpus <number>", "limit of CPU time, such as 0.5")
    .option("--cap-add <capability>", "one more capability, or ALL", all, [])
    .option("--cap-drop <capability>", "one less, or ALL", all, [])
    .option("--privileged", "with all devices and capabilities of this machine")
    .option("--read-only", "the root file system cannot be written");
}

/** For flags that may be given several times. */
function all(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
