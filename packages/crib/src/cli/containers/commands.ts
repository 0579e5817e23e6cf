import { type Command, Option } from "commander";

import { addEndpoint } from "../endpoint-flags.ts";
import type { EndpointOptions } from "../endpoint.ts";
import type { ApplyOptions } from "./apply/apply.ts";
import type { ExecOptions } from "./exec.ts";
import type { ListOptions } from "./list/list-options.ts";
import type { PsOptions } from "./list/ps.ts";
import type { StatsOptions } from "./list/stats.ts";
import type { LogsOptions } from "./logs/logs.ts";
import type { RmOptions } from "./rm.ts";
import { addRun } from "./run/run-flags.ts";
import type { StopOptions } from "./stop.ts";

/** Adds the commands for pods and containers. */
export function addContainerCommands(program: Command): void {
  // What follows an image or a container is its command, with flags of its own.
  program.enablePositionalOptions();
  addRun(program);
  addApply(program);
  addLists(program);
  addLogs(program);
  addExec(program);
  addEnds(program);
  addPortForward(program);
}

const named = `
CONTAINER is a container's id, the start of one, its name, POD/NAME, or the name of a pod that has only one.`;

const target = `
POD and CONTAINER are ids, starts of ids, or names; a container can be named as POD/NAME.`;

function addApply(program: Command): void {
  addEndpoint(program.command("apply <files...>"))
    .description("run the pods of Kubernetes manifests, without a kubelet")
    .option("--wait", "wait until the containers have ended; exit code 1 when one failed")
    .addHelpText(
      "after",
      `
FILES are YAML or JSON of one or more Pods; - is standard input. A pod that runs from the same manifest is left as it is;
one from another has to be removed first. Containers that end are not started again, and nothing is probed; fields that
crib does not act on are told, and refused where the pod would not be what its manifest says. Without a seccompProfile
containers have the runtime's default one. An emptyDir lasts until crib rm.

Examples:
  crib apply web.yaml
  kubectl run web --image=registry.example/web:1 --dry-run=client -o yaml | crib apply -
  crib rm -f web`,
    )
    .action(async (files: readonly string[], options: ApplyOptions) =>
      (await import("./apply/apply.ts")).applyCommand(files, options),
    );
}

function addLists(program: Command): void {
  const format = (): Option =>
    new Option("--format <form>", "table or json").choices(["table", "json"]).default("table");
  addEndpoint(program.command("ps"))
    .description("list containers that run")
    .option("-a, --all", "also those that do not")
    .option("-q, --quiet", "ids only")
    .addOption(format())
    .action(async (options: PsOptions) => (await import("./list/ps.ts")).psCommand(options));
  addEndpoint(program.command("pods"))
    .description("list pods")
    .option("-q, --quiet", "ids only")
    .addOption(format())
    .action(async (options: ListOptions) => (await import("./list/pods.ts")).podsCommand(options));
  addEndpoint(program.command("stats"))
    .description("show what containers use; CPU is measured over a second")
    .option("--watch", "go on until Ctrl-C")
    .addOption(format())
    .action(async (options: StatsOptions) => (await import("./list/stats.ts")).statsCommand(options));
}

function addLogs(program: Command): void {
  addEndpoint(program.command("logs <container>"))
    .description("print what a container wrote")
    .option("-f, --follow", "go on until it has ended")
    .option("-n, --tail <lines>", "only the last lines")
    .option("--since <when>", "only what is not older than a duration (90s, 1h30m) or a time (RFC 3339)")
    .option("-t, --timestamps", "with the time of each line")
    .addHelpText("after", `${named}\nWhat it wrote to standard error goes to standard error.`)
    .action(async (word: string, options: LogsOptions) => (await import("./logs/logs.ts")).logsCommand(word, options));
}

function addExec(program: Command): void {
  const interactive = (command: Command): Command =>
    addEndpoint(command)
      .passThroughOptions()
      .option("-i, --interactive", "pass standard input on")
      .option("-t, --tty", "with a terminal");
  interactive(program.command("exec <container> <command...>"))
    .description("run a command in a container; the exit code is the command's")
    .addHelpText(
      "after",
      `${named}
With -it every key goes to the command, Ctrl-C too. When crib exec is ended, the command goes on.

Examples:
  crib exec web ls -l /srv
  crib exec -it web/main sh`,
    )
    .action(async (word: string, command: readonly string[], options: ExecOptions) =>
      (await import("./exec.ts")).execCommand(word, command, options),
    );
  interactive(program.command("attach <container>"))
    .description("join a container's first process, from now on")
    .addHelpText("after", `${named}\nThere are no keys to detach with: end crib attach, and the container goes on.`)
    .action(async (word: string, options: ExecOptions) => (await import("./exec.ts")).attachCommand(word, options));
}

function addEnds(program: Command): void {
  addEndpoint(program.command("stop <names...>"))
    .description("stop containers, or pods with all of theirs")
    .option("-t, --time <seconds>", "how long each has to end by itself (default: as its manifest says, else 10)")
    .addHelpText("after", target)
    .action(async (words: readonly string[], options: StopOptions) =>
      (await import("./stop.ts")).stopCommand(words, options),
    );
  addEndpoint(program.command("rm <names...>"))
    .description("remove containers, or pods with all that they have")
    .option("-f, --force", "also what runs; it is stopped first")
    .addHelpText("after", `${target}\nOne that cannot be removed does not keep the others; the exit code is 1 then.`)
    .action(async (words: readonly string[], options: RmOptions) =>
      (await import("./rm.ts")).rmCommand(words, options),
    );
}

function addPortForward(program: Command): void {
  addEndpoint(program.command("port-forward <pod> <ports...>"))
    .description("listen on 127.0.0.1 and pass connections on into a pod, until Ctrl-C")
    .addHelpText(
      "after",
      `
PORTS are [LOCAL:]REMOTE; :REMOTE takes any free local port.

Example:
  crib port-forward web 8080:80 9090`,
    )
    .action(async (pod: string, ports: readonly string[], options: EndpointOptions) =>
      (await import("./port-forward.ts")).portForwardCommand(pod, ports, options),
    );
}
