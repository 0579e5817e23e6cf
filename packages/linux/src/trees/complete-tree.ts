import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { copyDirectoryMetadata, copyFile } from "./copy-file.ts";
import { FileStatus } from "./file-status.ts";
import { LayerStack } from "./layer-stack.ts";
import { DirectoryReader } from "./read-directory.ts";
import { futimens } from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";
import { TreeWriter } from "./tree-writer.ts";

/** What a layer's tree needs of the layers below. Paths are bytes, relative to the root. */
export interface TreeNeeds {
  /** Directories without an entry of their own; they look like the one below, where there is one. The empty path is the root. */
  readonly impliedDirectories: readonly Uint8Array[];
  /** Hard links whose target is below. */
  readonly linksBelow: readonly { readonly path: Uint8Array; readonly target: Uint8Array }[];
  /** Whether the root hides everything below. */
  readonly isRootOpaque: boolean;
}

/** Runs what makes entries in a directory, whose times then are as before. */
function keepingTimes(fds: readonly number[], body: () => void): void {
  const [fd] = fds;
  const status = new FileStatus();
  if (fd === undefined || status.readDescriptor(fd) < 0) return body();
  const times = Buffer.alloc(32);
  status.copyTimes(times);
  body();
  check(futimens(fd, times), "setting the times of a directory");
}

class TreeCompletion implements Disposable {
  readonly #own: LayerStack;
  readonly #whole: LayerStack;
  readonly #below: LayerStack;
  readonly #writer: TreeWriter;
  readonly #status = new FileStatus();
  /** By target, which of the tree's paths already is a copy of it. */
  readonly #copies = new Map<string, Buffer>();
  readonly #stack: DisposableStack;

  constructor(root: string, below: readonly string[]) {
    using stack = new DisposableStack();
    this.#own = stack.use(new LayerStack([root]));
    this.#whole = stack.use(new LayerStack([root, ...below]));
    this.#below = stack.use(new LayerStack(below));
    this.#writer = stack.use(new TreeWriter(root));
    this.#stack = stack.move();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** The copied times of a directory hold only when nothing more is made in it, so that links come first. */
  *run(needs: TreeNeeds): Generator<void, void> {
    if (needs.isRootOpaque) keepingTimes(this.#own.roots, () => this.#hideBelow());
    for (const { path, target } of needs.linksBelow) {
      this.#link(Buffer.from(path), target);
      yield;
    }
    for (const path of needs.isRootOpaque ? [] : needs.impliedDirectories) {
      this.#lend(path);
      yield;
    }
  }

  /** Overlayfs does not ask whether the root of a layer is opaque, so each name below is hidden by itself. */
  #hideBelow(): void {
    const reader = new DirectoryReader();
    const hide = (name: Buffer): void => this.#writer.whiteout(Buffer.from(name.subarray(0, -1)));
    for (const fd of this.#below.roots) while (check(reader.read(fd, hide), "reading a layer") > 0);
  }

  #lend(path: Uint8Array): void {
    this.#whole.withDirectory(path, ([own, below]) => {
      // Where the tree has no such directory, the first one is of a layer below.
      const isOwn = this.#own.withDirectory(path, ([fd]) => fd !== undefined);
      if (isOwn && own !== undefined && below !== undefined) copyDirectoryMetadata(below, own, this.#status);
    });
  }

  #link(path: Buffer, target: Uint8Array): void {
    // A later entry of the same path, or an earlier run.
    if (this.#own.withFile(path, () => true) === true) return;
    const parent = path.subarray(0, Math.max(0, path.lastIndexOf(0x2f)));
    this.#own.withDirectory(parent, (fds) => keepingTimes(fds, () => this.#place(path, target)));
  }

  #place(path: Buffer, target: Uint8Array): void {
    const key = Buffer.from(target).toString("latin1");
    const copy = this.#copies.get(key);
    if (copy !== undefined && this.#writer.link(path, copy)) return;
    let isCopied: boolean | undefined;
    try {
      isCopied = this.#below.withFile(target, (fd, name, status) => {
        copyFile(fd, Buffer.from(name), status, this.#writer, path);
        return true;
      });
    } finally {
      // Half a copy would pass for a whole one the next time.
      if (isCopied !== true) this.#writer.remove(path);
    }
    if (isCopied !== true) {
      const why = `its target ${quotePath(target)} is in no layer`;
      throw new StatusError(Code.InvalidArgument, `making hard link ${quotePath(path)}: ${why}`);
    }
    this.#copies.set(key, path);
  }
}

/**
 * Completes a layer's tree against the layers below it (trusted directories, the nearest first). Idempotent. Gives control back now
 * and then. InvalidArgument for a hard link whose target is nowhere.
 */
export function* completeTree(root: string, needs: TreeNeeds, below: readonly string[]): Generator<void, void> {
  using completion = new TreeCompletion(root, below);
  yield* completion.run(needs);
}
