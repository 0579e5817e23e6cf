import { createProxyController, type ProxyController, type SandboxerConfig } from "@crib/core/proxy";
import type { RuntimeHandler } from "@crib/core/sandbox";
import type { TaskLog } from "@crib/core/tasks";
import { Code, StatusError } from "@crib/errdefs";
import type { SandboxController } from "@crib/sandboxer";

/** What a handshake with what is not there, hangs or is no sandboxer fails with; any other error is an answer. */
const losses: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.FailedPrecondition]);

/** What controllers of a daemon are made of. */
export interface ControllersOptions {
  /** Those in this process, by name. */
  readonly own: ReadonlyMap<string, SandboxController>;
  readonly stateDir: string;
  readonly handlerOf: (name: string) => RuntimeHandler;
  readonly log: TaskLog;
}

/**
 * The controllers of a daemon by name: those in this process, which stay, and one for each sandboxer, which may come and go. Disposing of
 * them closes the connections and leaves every sandbox running.
 */
export class Controllers implements AsyncDisposable {
  /** Always those of this moment. */
  readonly all: ReadonlyMap<string, SandboxController>;
  /** The sandboxers in force, by name. */
  readonly sandboxers: ReadonlyMap<string, SandboxerConfig>;
  readonly #options: ControllersOptions;
  readonly #all: Map<string, SandboxController>;
  readonly #sandboxers = new Map<string, SandboxerConfig>();
  readonly #proxies = new Map<string, ProxyController>();

  constructor(options: ControllersOptions) {
    this.#options = options;
    this.#all = new Map(options.own);
    this.all = this.#all;
    this.sandboxers = this.#sandboxers;
  }

  /** Whether the controller of that name is in this process. */
  isOwn(name: string): boolean {
    return this.#options.own.has(name);
  }

  /** Opens the controller of a sandboxer, instead of that of the same name. AlreadyExists for a name that one in this process has. */
  open(config: SandboxerConfig): void {
    const { stateDir, handlerOf, log } = this.#options;
    const { name } = config;
    if (this.isOwn(name)) {
      throw new StatusError(Code.AlreadyExists, `[sandboxers.${name}]: a controller of this name is there already`);
    }
    const before = this.#proxies.get(name);
    const proxy = createProxyController({ config, stateDir, handlerOf, log });
    this.#sandboxers.set(name, config);
    this.#proxies.set(name, proxy);
    this.#all.set(name, proxy);
    before?.retire();
  }

  /** Closes that of a sandboxer; no pod may use it any more, but those that are kept without it. */
  remove(name: string): void {
    const proxy = this.#proxies.get(name);
    if (!proxy) return;
    this.#sandboxers.delete(name);
    this.#proxies.delete(name);
    this.#all.delete(name);
    proxy.retire();
  }

  /**
   * Why nobody can use a sandboxer, asked now: it cannot be reached, does not answer within 5 s, or is none. Undefined for one that answers,
   * and for a name that is not that of a sandboxer.
   */
  async whyLost(name: string): Promise<string | undefined> {
    const proxy = this.#proxies.get(name);
    try {
      await proxy?.probe(new AbortController().signal);
      return undefined;
    } catch (reason) {
      const { code, message } = StatusError.from(reason);
      return losses.has(code) ? (proxy?.describe().lastError ?? message) : undefined;
    }
  }

  /** Each sandboxer as it stands; anything that JSON can say. */
  describe(): unknown {
    return [...this.#proxies.values()].map((proxy) => proxy.describe());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy[Symbol.asyncDispose]()));
  }
}
