import { type Command, Option } from "commander";

import { addEndpoint } from "../endpoint-flags.ts";
import type { EndpointOptions } from "../endpoint.ts";
import type { CollectOptions } from "./collect.ts";
import type { ExportOptions } from "./export.ts";
import type { ImportOptions } from "./import.ts";
import type { ListOptions } from "./list.ts";
import type { PullOptions } from "./pull.ts";
import type { RemoveOptions } from "./remove.ts";

/** Adds the commands for images. */
export function addImageCommands(program: Command): void {
  addPull(program);
  addList(program);
  addRemove(program);
  const image = program
    .command("image")
    .description("move images in and out, look into them, check them")
    .helpCommand("help [command]", "print the help of a command");
  addImport(image);
  addExport(image);
  addEndpoint(image.command("inspect <image>"))
    .description("print all that is known of an image as JSON")
    .action(async (name: string, options: EndpointOptions) =>
      (await import("./inspect.ts")).inspectImageCommand(name, options),
    );
  addEndpoint(image.command("verify"))
    .description("hash everything that images are made of; exit code 1 when something is damaged or missing")
    .action(async (options: EndpointOptions) => (await import("./verify.ts")).verifyCommand(options));
  addEndpoint(image.command("gc"))
    .description("remove now what no image needs any more, which otherwise happens in time")
    .option("--partials", "also what failed pulls left to be resumed")
    .action(async (options: CollectOptions) => (await import("./collect.ts")).collectCommand(options));
}

function addPull(program: Command): void {
  addEndpoint(program.command("pull <image>"))
    .description("pull an image; the last line is its id")
    .addOption(new Option("--creds <user[:password]>", "credentials; without a password it is asked for"))
    .addOption(new Option("-u, --username <user>", "user, with --password-stdin").conflicts("creds"))
    .addOption(new Option("--password-stdin", "read the password from standard input").conflicts("creds"))
    .addOption(
      new Option("--authfile <file>", "credentials as docker login writes them").conflicts(["creds", "username"]),
    )
    .option("--runtime-handler <name>", "the runtime handler that will run it", "")
    .option("-q, --quiet", "print the id only")
    .addHelpText(
      "after",
      `
Progress goes to standard error: a bar for each layer on a terminal, else a line for each change.

Examples:
  crib pull busybox
  crib pull registry.example:5000/team/web@sha256:4f2d...
  crib pull --username me --password-stdin registry.example/web < password`,
    )
    .action(async (name: string, options: PullOptions) => (await import("./pull.ts")).pullCommand(name, options));
}

function addList(program: Command): void {
  addEndpoint(program.command("images [filter]"))
    .description("list images")
    .option("-q, --quiet", "ids only")
    .option("--no-trunc", "whole ids")
    .option("--json", "as JSON, with layers and what they take on disk")
    .addHelpText("after", "\nFILTER is a repository, a reference, an id, or the start of one.")
    .action(async (filter: string | undefined, options: ListOptions) =>
      (await import("./list.ts")).listCommand(filter, options),
    );
}

function addRemove(program: Command): void {
  addEndpoint(program.command("rmi [images...]"))
    .description("remove images with all their names")
    .option("--all", "every image that is not pinned")
    .option("--prune", "images without a tag that no container uses")
    .action(async (names: readonly string[], options: RemoveOptions, command: Command) => {
      const ways = [names.length > 0, options.all, options.prune].filter(Boolean).length;
      if (ways !== 1) command.error("error: expected the names of images, or --all, or --prune");
      await (await import("./remove.ts")).removeCommand(names, options);
    });
}

function addImport(image: Command): void {
  addEndpoint(image.command("import <file>"))
    .description("take the images of an OCI archive or of docker save")
    .option("--as <reference>", "name for the one image of the archive")
    .addHelpText(
      "after",
      `
FILE is a tar file, plain or compressed by gzip or zstd; - is standard input.

Examples:
  crib image import busybox.tar
  docker save web | crib image import - --as registry.example/web:1`,
    )
    .action(async (file: string, options: ImportOptions) => (await import("./import.ts")).importCommand(file, options));
}

function addExport(image: Command): void {
  addEndpoint(image.command("export <images...>"))
    .description("write images to an OCI archive that docker load takes too")
    .requiredOption("-o, --output <file>", "the archive, or - for standard output; appears when it is complete")
    .addHelpText("after", "\nExample:\n  crib image export -o images.tar busybox registry.example/web:1")
    .action(async (names: readonly string[], options: ExportOptions) =>
      (await import("./export.ts")).exportCommand(names, options),
    );
}
