/**
 * Bundles the daemon and the command line into packages/crib/dist, which bin/crib prefers to the sources while it is as new
 * as they are: it starts in a third of the time and needs less memory. The same for examples/sandbox-shim, which starts for each
 * pod. koffi stays outside, since it loads a native library.
 */
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { build, type BuildOptions, type OutputFile, type Plugin } from "esbuild";

import { takeBuiltins } from "./take-builtins.ts";

const root = join(import.meta.dirname, "..");

/** Programs that share a directory. */
interface Bundle {
  readonly target: string;
  /** Sources by the names that they get in `target`. Workers are loaded by path and stand beside the bundle under their own names. */
  readonly entryPoints: Readonly<Record<string, string>>;
  /** Source of a script of its own, which holds all it needs; `CRIB_SERVE_BUNDLE` in the others is its name. */
  readonly script?: string;
}

const commands = join(root, "packages/crib/src/cli/");
const isServe = (path: string): boolean => path === "./serve.ts" || path === join(commands, "serve.ts");
const mountWorker = join(root, "packages/linux/src/mounts/mount-worker.ts");

const bundles: readonly Bundle[] = [
  {
    target: join(root, "packages/crib/dist"),
    entryPoints: {
      main: join(root, "packages/crib/src/bundle/main.ts"),
      "mount-worker": mountWorker,
      "layer-worker": join(root, "packages/core/src/layers/layer-worker.ts"),
      "log-worker": join(root, "packages/core/src/io/log-worker.ts"),
      "checkpoint-worker": join(root, "packages/core/src/metadata/checkpoint-worker.ts"),
    },
    script: join(root, "packages/crib/src/run-main.ts"),
  },
  {
    target: join(root, "examples/sandbox-shim/dist"),
    entryPoints: { main: join(root, "examples/sandbox-shim/main.ts"), "mount-worker": mountWorker },
  },
];

const shared: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "node24",
  external: ["koffi"],
  minifySyntax: true,
  legalComments: "linked",
  logLevel: "warning",
  write: false,
};

/** `crib serve` never runs another command: what those load when they are run is left out of its script. */
const otherCommandsLeftOut: Plugin = {
  name: "other-commands-left-out",
  setup(build) {
    build.onResolve({ filter: /^\.\// }, ({ kind, importer, path }) => {
      const isOther = kind === "dynamic-import" && importer.startsWith(commands) && ![importer, path].some(isServe);
      return isOther ? { path, external: true } : undefined;
    });
  },
};

for (const bundle of bundles) if (!isFresh(bundle)) await make(bundle);

/** Whether no source or dependency is younger than the bundle. */
function isFresh({ target }: Bundle): boolean {
  const bundle = join(target, "main.js");
  if (!existsSync(bundle)) return false;
  const { mtimeMs } = statSync(bundle);
  const sources = globSync(["packages/*/src/**/*.ts", "examples/*/*.ts", "package-lock.json"], { cwd: root });
  return sources.every((file) => statSync(join(root, file)).mtimeMs < mtimeMs);
}

async function make({ target, entryPoints, script }: Bundle): Promise<void> {
  const fresh = `${target}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const define: Record<string, string> = {};
  if (script !== undefined) define["CRIB_SERVE_BUNDLE"] = JSON.stringify(await makeScript(script, fresh));
  const { outputFiles } = await build({
    ...shared,
    entryPoints,
    outdir: fresh,
    splitting: true,
    format: "esm",
    define,
    // grpc-js and pino are CommonJS and ask for Node's modules by require.
    banner: {
      js: 'import { createRequire as cribRequire } from "node:module";\nconst require = cribRequire(import.meta.url);',
    },
  });
  writeAll(outputFiles, takeBuiltins);
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
  // Of bundles that are no more, and what daemons that were killed had not finished.
  for (const cache of globSync(".tools/compile-cache/*/serve-*.cjs.cache*", { cwd: root })) rmSync(join(root, cache));
}

/** Makes what packages/crib/src/bundle/require-with-code-cache.ts loads, and gives its name. */
async function makeScript(source: string, outdir: string): Promise<string> {
  const { outputFiles } = await build({
    ...shared,
    entryPoints: { serve: source },
    outdir,
    outExtension: { ".js": ".cjs" },
    entryNames: "[name]-[hash]",
    format: "cjs",
    define: { "import.meta.url": "cribUrl", "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
    banner: {
      js: '(function (exports, require, module, __filename, __dirname) { "use strict"; const cribUrl = require("node:url").pathToFileURL(__filename).href;',
    },
    footer: { js: "})" },
    // Of grpc-js, for its channelz service, which is not served.
    external: [...(shared.external ?? []), "@grpc/proto-loader"],
    plugins: [otherCommandsLeftOut],
  });
  // esbuild leaves regular expressions and comments as they are. Without a byte beyond ASCII the source takes half the memory.
  writeAll(outputFiles, (text) => text.replaceAll(/\P{ASCII}/gu, escape));
  const script = outputFiles?.find(({ path }) => path.endsWith(".cjs"));
  if (!script) throw new Error(`bundling "${source}": esbuild made no script`);
  return basename(script.path);
}

function writeAll(files: readonly OutputFile[] = [], change: (text: string) => string): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, path.endsWith("js") ? change(text) : text);
  }
}

function escape(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
