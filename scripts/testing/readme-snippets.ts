import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A fenced block of TypeScript in a README: a whole program. */
export interface Snippet {
  /** Name of a file for it, from the folder of the README and the block's number in it. */
  readonly name: string;
  /** The README's path from the root of the repository. */
  readonly readme: string;
  readonly text: string;
  /** The lines that it says it prints, in comments `// prints: ...`. */
  readonly prints: readonly string[];
}

/** The snippets of a README, given by its path from the root of the repository. */
export function readSnippets(readme: string): readonly Snippet[] {
  const blocks = readFileSync(join(root, readme), "utf8").matchAll(/^```ts\n([^]*?)^```$/gm);
  return [...blocks].map(([, text = ""], index) => ({
    name: `${basename(dirname(join(root, readme)))}-${index + 1}.ts`,
    readme,
    text,
    prints: [...text.matchAll(/^\s*\/\/ prints: (.*)$/gm)].map(([, line = ""]) => line),
  }));
}

/** A folder from which programs are checked and run as parts of this repository. */
export interface SnippetFolder extends Disposable {
  readonly path: string;
  /** Writes a snippet, with paths in it replaced, and gives the file. */
  add(snippet: Snippet, places?: Readonly<Record<string, string>>): string;
}

/** Makes the folder, below the ignored `out`, with a tsconfig.json; disposing of it removes it. */
export function openSnippetFolder(): SnippetFolder {
  mkdirSync(join(root, "out"), { recursive: true });
  const path = mkdtempSync(join(root, "out/snippets-"));
  writeFileSync(join(path, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] }));
  return {
    path,
    add({ name, text }, places = {}): string {
      const file = join(path, name);
      const placed = Object.entries(places).reduce((now, [from, to]) => now.replaceAll(from, to), text);
      writeFileSync(file, placed);
      return file;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
