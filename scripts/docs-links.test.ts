import { deepEqual, ok } from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const documents = globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "packages/*/README.md", "benchmarks/**/*.md"], {
  cwd: root,
}).filter((file) => !file.includes("node_modules"));

interface Link {
  readonly document: string;
  readonly text: string;
  readonly target: string;
}

/** Links to files of the repository. */
function linksOf(document: string): readonly Link[] {
  const text = readFileSync(join(root, document), "utf8");
  return [...text.matchAll(/\[([^\]\n]*)\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
    .map(([, words = "", target = ""]) => ({ document, text: words, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

const links = documents.flatMap(linksOf);
const fileOf = ({ document, target }: Link): string => join(root, dirname(document), target);

test("links between documents and files lead somewhere", () => {
  ok(links.length > 50, `only ${links.length} links found`);
  const dead = links.filter((link) => !existsSync(fileOf(link)));
  deepEqual(
    dead.map(({ document, target }) => `${document}: ${target}`),
    [],
  );
});

test("a link whose text is a name of code leads to a file that has it", () => {
  const named = links.filter((link) => /^`[A-Za-z]+`$/.test(link.text) && link.target.endsWith(".ts"));
  ok(named.length > 20, `only ${named.length} such links found`);
  const wrong = named.filter((link) => {
    const file = fileOf(link);
    if (!existsSync(file) || !statSync(file).isFile()) return true;
    const name = link.text.slice(1, -1);
    return !new RegExp(`(function|class|const|interface|type) ${name}\\b`).test(readFileSync(file, "utf8"));
  });
  deepEqual(
    wrong.map((link) => `${link.document}: ${link.text} is not in ${relative(root, fileOf(link))}`),
    [],
  );
});
