import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type FileDescriptorProto,
  file_google_protobuf_any,
  file_google_protobuf_empty,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";

import { fileDescriptor } from "./descriptors.ts";
import { readTables, type TablePackage } from "./tables.ts";
import { indexTypes } from "./type-names.ts";

const tables = new URL("../tables/", import.meta.url);

/** Where the generated files are committed. */
export const generatedDirectory: URL = new URL("../src/generated/", import.meta.url);

/** Version 2 of the task service has the messages of version 3: they are generated once, both services use them. */
const borrowed = { package: "containerd.task.v2", from: "containerd.task.v3" } as const;

/** Runs the code generator over the tables and returns each file's name and content. Writes nothing. */
export function generate(): ReadonlyMap<string, string> {
  const packages = new Map(readTables(tables));
  packages.delete("google.protobuf");
  packages.set(borrowed.package, servicesOnly(packages));
  const names = indexTypes(packages, { [borrowed.package]: borrowed.from });
  const own = [...packages].map(([name, types]) => fileDescriptor(name, types, names));
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: own.map((file) => file.name),
    parameter: "target=ts,import_extension=ts,erasable_syntax=true",
    protoFile: inDependencyOrder([
      file_google_protobuf_any.proto,
      file_google_protobuf_empty.proto,
      file_google_protobuf_timestamp.proto,
      ...own,
    ]),
  });
  const response = fromBinary(CodeGeneratorResponseSchema, runPlugin(toBinary(CodeGeneratorRequestSchema, request)));
  if (response.error !== "") throw new Error(`generating code: ${response.error}`);
  return new Map(response.file.map((file) => [file.name, file.content]));
}

function servicesOnly(packages: ReadonlyMap<string, TablePackage>): TablePackage {
  const types = [...(packages.get(borrowed.package) ?? [])];
  const services = types.filter(([, node]) => node.methods !== undefined);
  for (const [name, node] of types) {
    if (node.methods === undefined && !isDeepStrictEqual(node, packages.get(borrowed.from)?.get(name))) {
      throw new Error(`generating code: ${borrowed.package}.${name} differs from ${borrowed.from}.${name}`);
    }
  }
  return new Map(services);
}

/** The plugin requires each file after those it imports (plugin.proto, CodeGeneratorRequest.proto_file). */
function inDependencyOrder(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto): void => {
    for (const name of file.dependency) {
      const dependency = files.find((file) => file.name === name);
      if (dependency === undefined) throw new Error(`generating code: "${file.name}" imports unknown "${name}"`);
      add(dependency);
    }
    ordered.add(file);
  };
  files.forEach(add);
  return [...ordered];
}

function runPlugin(input: Uint8Array): Uint8Array {
  const plugin = fileURLToPath(
    new URL("bin/protoc-gen-es", import.meta.resolve("@bufbuild/protoc-gen-es/package.json")),
  );
  const { error, status, stdout, stderr } = spawnSync(process.execPath, [plugin], { input, maxBuffer: 64 << 20 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`running protoc-gen-es: exit status ${status}: ${stderr.toString()}`);
  return stdout;
}

if (import.meta.main) {
  const files = generate();
  mkdirSync(generatedDirectory, { recursive: true });
  for (const stale of readdirSync(generatedDirectory)) rmSync(new URL(stale, generatedDirectory));
  for (const [name, content] of files) writeFileSync(new URL(name, generatedDirectory), content);
  process.stdout.write(`${files.size} files generated\n`);
}
