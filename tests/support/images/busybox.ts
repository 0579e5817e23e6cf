import { readFileSync } from "node:fs";

import { type ImageOptions, type TestImage, testImage } from "./image.ts";
import { testLayer } from "./layer.ts";

const programs = ["cat", "dd", "echo", "env", "id", "ls", "nc", "sh", "sleep", "tail", "true", "yes"];

/** The host's busybox with the libraries that it names, as an image. Always the same bytes on one machine. */
export function busyboxImage(options: ImageOptions = {}): TestImage {
  const files = ["/bin/busybox", ...librariesOf("/bin/busybox")];
  const directories = new Set(files.flatMap((path) => parentsOf(path.slice(1))));
  return testImage(
    [
      testLayer([
        ...[...directories, "tmp"].map((name) => ({ name, type: "directory" as const })),
        ...files.map((path) => ({ name: path.slice(1), mode: 0o755, content: readFileSync(path) })),
        ...programs.map((name) => ({ name: `bin/${name}`, type: "symlink" as const, linkname: "busybox" })),
      ]),
    ],
    options,
  );
}

/** What the process maps of a running one would show: the interpreter and its libraries, by the paths that are usual for them. */
function librariesOf(program: string): readonly string[] {
  const names = readFileSync(program, "latin1").match(/(?:\/lib64\/ld-linux[\w.-]*|lib(?:c|m|resolv)\.so\.\d)(?=\0)/g);
  return [...new Set(names ?? [])].map((name) => (name.startsWith("/") ? name : `/lib/${tuple()}/${name}`));
}

function tuple(): string {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
