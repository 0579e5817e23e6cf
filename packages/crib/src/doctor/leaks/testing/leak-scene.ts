import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ContainerRecord, ContainerState } from "@crib/core/containers";
import { openContainerStore, openDatabase, openRecordCopies, openSandboxStore } from "@crib/core/metadata";
import { newInstance, newSandboxId, type SandboxRecord, type SandboxState } from "@crib/core/sandbox";

import type { LeakConfig } from "../types.ts";

/** The directories of a daemon that does not run, with rows as wanted; everything is below one temporary directory. */
export interface LeakScene extends AsyncDisposable {
  readonly config: Required<Pick<LeakConfig, "root" | "state" | "netnsDir" | "shimSocketDir">> & LeakConfig;
  readonly ipamDir: string;
  readonly runtimeRoot: string;
  readonly instance: string;
  /** A new id of this daemon, without a row. */
  newId(): string;
  /** Puts rows of images, pulls and snapshots into the database, which it makes where there is none. */
  addImageRows(rows: Partial<Record<"images" | "pulls" | "snapshots", readonly StoredRow[]>>): Promise<void>;
  /** Makes a row with its directories and copy, and gives its id. */
  addRow(state: SandboxState, change?: Partial<SandboxRecord>): Promise<string>;
  /** The same for a container. */
  addContainer(state: ContainerState, change?: Partial<ContainerRecord>): Promise<string>;
}

/** A record as a table has it. */
type StoredRow = Readonly<Record<string, unknown>> & { readonly id: string; readonly state: string };

/** Makes an empty scene. `shared` has directories that several daemons of one machine use together. */
export async function makeLeakScene(shared?: LeakScene): Promise<LeakScene> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-leaks-")));
  const root = join(dir, "root");
  const state = join(dir, "state");
  const instance = newInstance();
  const netnsDir = shared?.config.netnsDir ?? join(dir, "netns");
  const shimSocketDir = shared?.config.shimSocketDir ?? join(dir, "s");
  const ipamDir = shared?.ipamDir ?? join(dir, "ipam");
  const runtimeRoot = shared?.runtimeRoot ?? join(dir, "runc");
  for (const each of [
    join(root, "sandboxes"),
    join(state, "tasks"),
    join(state, "sandboxes"),
    netnsDir,
    shimSocketDir,
  ]) {
    await mkdir(each, { recursive: true });
  }
  await writeFile(join(root, "instance"), `${instance}\n`);
  const config = {
    root,
    state,
    netnsDir,
    shimSocketDir,
    cniConfDirs: [join(dir, "net.d")],
    secondLookMs: 20,
    keepPartialsMs: 0,
  };
  return {
    config: { ...config, ipamDirs: [ipamDir], runtimeRoots: [runtimeRoot] },
    ipamDir,
    runtimeRoot,
    instance,
    newId: () => newSandboxId(instance),
    async addImageRows(rows): Promise<void> {
      await using database = await openDatabase(join(root, "metadata.db"));
      for (const [table, records] of Object.entries(rows)) {
        const insert = database.sqlite.prepare(
          `INSERT OR REPLACE INTO ${table} (id, state, checksum, record) VALUES (?, ?, '', ?)`,
        );
        for (const record of records) insert.run(record.id, record.state, JSON.stringify(record));
      }
    },
    async addRow(rowState, change = {}): Promise<string> {
      const id = newSandboxId(instance);
      const record = makeRecord(id, rowState, config);
      await insert(root, { ...record, ...change });
      for (const path of [join(root, "sandboxes", id), join(state, "sandboxes", id), join(state, "tasks", id)]) {
        await mkdir(path, { recursive: true });
      }
      return id;
    },
    async addContainer(rowState, change = {}): Promise<string> {
      const id = newSandboxId(instance);
      await using database = await openDatabase(join(root, "metadata.db"));
      const store = await openContainerStore(database, openRecordCopies(join(root, "containers")));
      store.insert({ ...makeContainer(id, rowState, config), ...change });
      await store.copy(id);
      await mkdir(join(state, "tasks", id));
      return id;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      // Plants take their mounts away themselves; the directory was made here and bears a random name.
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function insert(root: string, record: SandboxRecord): Promise<void> {
  await using database = await openDatabase(join(root, "metadata.db"));
  const store = await openSandboxStore(database, openRecordCopies(join(root, "sandboxes")));
  store.insert(record);
  await store.copy(record.id);
}

function makeRecord(
  id: string,
  state: SandboxState,
  { root, state: stateDir, netnsDir }: { readonly root: string; readonly state: string; readonly netnsDir: string },
): SandboxRecord {
  const record = {
    version: 1,
    id,
    name: `pod_default_${id.slice(0, 8)}_0`,
    state,
    createdAt: new Date().toISOString(),
    bootId: "boot",
    plan: {
      pod: { name: "pod", namespace: "default", uid: id.slice(0, 8), attempt: 0 },
      handler: { name: "runc", controller: "podsandbox" },
      networks: [],
      namespaces: { net: join(netnsDir, `crib-${id}`) },
      rootDir: join(root, "sandboxes", id),
      stateDir: join(stateDir, "sandboxes", id),
    },
    facts: {},
    runs: [],
  };
  // The counters read these fields only; the store vouches for the rest of the shape.
  return record as unknown as SandboxRecord;
}

function makeContainer(
  id: string,
  state: ContainerState,
  { root, state: stateDir }: { readonly root: string; readonly state: string },
): ContainerRecord {
  const plan = {
    sandboxId: "0".repeat(64),
    name: "app",
    pod: { name: "pod", namespace: "default", uid: "u" },
    snapshotKey: id,
    rootDir: join(root, "containers", id),
    bundleDir: join(stateDir, "tasks", id),
    cgroupPath: `/crib-none/crib-${id}`,
  };
  const name = `app_pod_default_${id.slice(0, 8)}_0`;
  const createdAt = new Date().toISOString();
  // The counters read these fields only; the store vouches for the rest of the shape.
  return {
    version: 1,
    id,
    name,
    state,
    createdAt,
    bootId: "boot",
    plan,
    facts: {},
    runs: [],
  } as unknown as ContainerRecord;
}
