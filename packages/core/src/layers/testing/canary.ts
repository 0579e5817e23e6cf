import { equal } from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import { describeTree } from "./describe-tree.ts";

/** Files of the host that no layer may touch: their content, modes, owners, times and the number of their names are watched. */
export class Canary {
  readonly directory: string = mkdtempSync(join(tmpdir(), "crib-canary-"));
  readonly #before: string;

  constructor() {
    after(() => rmSync(this.directory, { recursive: true, force: true }));
    mkdirSync(join(this.directory, "etc"));
    for (const name of ["shadow", "etc/passwd"]) writeFileSync(join(this.directory, name), "secret");
    chmodSync(join(this.directory, "shadow"), 0o600);
    this.#before = this.#look();
  }

  get file(): string {
    return join(this.directory, "shadow");
  }

  /** Fails unless all is as it was. */
  check(doing: string): void {
    equal(this.#look(), this.#before, `the host was touched by ${doing}`);
  }

  // A second name of a file would be a hard link to GNU tar only within the tree, so the file's own count is read too.
  #look(): string {
    return [...describeTree(this.directory), String(statSync(this.file).nlink)].join("\n");
  }
}
