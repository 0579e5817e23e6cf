import { Command } from "commander";

import { cribVersion } from "../version.ts";
import { addConfigFlags, type ConfigOptions } from "./config-flags.ts";
import type { ConfigCommandOptions } from "./config.ts";
import { addContainerCommands } from "./containers/commands.ts";
import type { DemoOptions } from "./demo.ts";
import type { DoctorOptions } from "./doctor.ts";
import { addEndpoint } from "./endpoint-flags.ts";
import type { EndpointOptions } from "./endpoint.ts";
import { addImageCommands } from "./images/commands.ts";
import type { ReloadOptions } from "./reload.ts";
import type { TraceOptions } from "./trace/trace.ts";

/** The command line of crib. Each command's module is loaded when it is run, so that small commands stay quick. */
export function buildProgram(): Command {
  const program = new Command("crib")
    .description("A Kubernetes CRI runtime whose centre is the pod sandbox.")
    .version(`crib ${cribVersion()}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showSuggestionAfterError()
    .addHelpText("after", overview);
  addServe(program);
  addDemo(program);
  addReload(program);
  addDoctor(program);
  addTrace(program);
  addInspect(program);
  addImageCommands(program);
  addContainerCommands(program);
  addConfig(program);
  program
    .command("version")
    .description("print the versions of crib and Node")
    .option("--json", "as JSON")
    .action(async (options: { readonly json?: true }) => (await import("./version.ts")).printVersion(options));
  return program;
}

const overview = `
Examples:
  crib demo                                   see two pods run, talk and go
  crib serve --default-network                serve the CRI with a network of its own
  crictl -r unix:///run/crib/crib.sock pods   talk to it
  crib doctor                                 what this machine lacks, and what to do
  crib reload                                 take up a changed configuration
  crib doctor --leaks                         what is left on the host and belongs to no pod
  crib trace web                              where the time of a pod went
  crib run -it busybox                        run a container, joined with this terminal
  crib ps -a                                  list containers
  crib logs -f web                            what a container writes
  crib pull busybox                           pull an image
  crib images                                 list images

Exit codes: 0 done, 1 failed or something was found, 2 wrong command line; run and exec have those of what they ran.`;

function addServe(program: Command): void {
  addConfigFlags(program.command("serve"))
    .description("serve the CRI in the foreground until SIGTERM; pods stay when it ends")
    .addHelpText(
      "after",
      `
Flags win over the configuration file, the file over the defaults (crib config --default).

Examples:
  crib serve
  crib serve --config /etc/crib/config.toml --log-level debug
  crib serve --root /tmp/a/root --state /tmp/a/state --default-network    a second one, beside the first`,
    )
    .action(async (options: ConfigOptions) => (await import("./serve.ts")).serveCommand(options));
}

function addDemo(program: Command): void {
  program
    .command("demo")
    .description("run two pods with containers on a daemon of their own, show what happens, remove all of it")
    .option("--subnet <cidr>", "IPv4 range of the demo's network (default: the first free one from 10.88.0.0/16 on)")
    .option("--bridge <name>", "name of the demo's bridge", "crib-demo0")
    .option("--verbose", "show the daemon's log")
    .addHelpText(
      "after",
      "\nNeeds root. It uses directories, a socket and a bridge of its own and leaves none of them.",
    )
    .action(async (options: DemoOptions) => (await import("./demo.ts")).demoCommand(options));
}

function addDoctor(program: Command): void {
  addConfigFlags(program.command("doctor"))
    .description("check the machine and the daemon; each finding says what to do")
    .option("--leaks", "count what is left on the host and belongs to no pod")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Exit code 1 when a check fails, or when a leak counter is not zero. --leaks works with the daemon running or dead.

Examples:
  crib doctor
  crib doctor --leaks --root /tmp/a/root --state /tmp/a/state`,
    )
    .action(async (options: DoctorOptions) => (await import("./doctor.ts")).doctorCommand(options));
}

function addReload(program: Command): void {
  addEndpoint(program.command("reload"))
    .description("have the daemon read its configuration again, as SIGHUP does, and say what came of it")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Runtime handlers and sandboxers that no pod uses change at once. Those in use stay as they are, and other settings wait for the next
start; both are named. A file with a mistake changes nothing.`,
    )
    .action(async (options: ReloadOptions) => (await import("./reload.ts")).reloadCommand(options));
}

function addTrace(program: Command): void {
  addEndpoint(program.command("trace <pod>"))
    .description("draw the steps of a pod's flows over time")
    .option("--flow <name>", "only this flow, such as RunPodSandbox")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
POD is a pod sandbox's id, the start of one, or a pod's name.

Examples:
  crib trace web
  crib trace 3f2a --flow RunPodSandbox
  crib trace web --json`,
    )
    .action(async (pod: string, options: TraceOptions) =>
      (await import("./trace/trace.ts")).traceCommand(pod, options),
    );
}

function addInspect(program: Command): void {
  addEndpoint(program.command("inspect <pod>"))
    .description("print all that is known of a pod as JSON")
    .addHelpText("after", "\nPOD is a pod sandbox's id, the start of one, or a pod's name.")
    .action(async (pod: string, options: EndpointOptions) =>
      (await import("./inspect.ts")).inspectCommand(pod, options),
    );
}

function addConfig(program: Command): void {
  addConfigFlags(program.command("config"))
    .description("print the configuration in force, as a commented TOML file")
    .option("--default", "print the defaults, without any file or flag")
    .option("--check <file>", "check a file: print its mistakes, one a line, and exit 1")
    .addHelpText(
      "after",
      `
Examples:
  crib config --default > /etc/crib/config.toml
  crib config --check /etc/crib/config.toml`,
    )
    .action(async (options: ConfigCommandOptions) => (await import("./config.ts")).configCommand(options));
}
