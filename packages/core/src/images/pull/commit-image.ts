import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { Database } from "../../metadata/database.ts";
import type { RecordTable } from "../../metadata/record-table.ts";
import { transaction } from "../../metadata/transaction.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { ImageRecord } from "../types.ts";
import type { PullFacts, PullRecord } from "./types.ts";

/** What an image is recorded with. */
export interface CommitDeps {
  readonly database: Database;
  readonly images: ImageStore;
  readonly pulls: RecordTable<PullRecord>;
  readonly snapshots: Snapshots;
}

/** What the commit of a pull changed. */
export interface CommittedImage {
  readonly id: Digest;
  /** Images that lost a name. */
  readonly losers: readonly Digest[];
}

/** One transaction: the image is recorded, its names lead to it, and the row of the pull is gone. */
export function commitImage(deps: CommitDeps, pullId: string): CommittedImage {
  const { database, images, pulls } = deps;
  const pull = pulls.get(pullId);
  const facts = completeFacts(pull);
  return transaction(database, () => {
    const record = imageOf(deps, pull, facts);
    images.put(record);
    const losers = setNames(images, pull, facts, record.id);
    pulls.delete(pullId);
    return { id: record.id, losers };
  });
}

function completeFacts({ id, facts }: PullRecord): PullFacts {
  const { documents, config, layers, platform, user } = facts;
  if (documents && config && layers && platform && user !== undefined) {
    return { documents, config, layers, platform, user };
  }
  throw new StatusError(Code.Internal, `pull "${id}": the image has not been resolved`);
}

/** An image that is there keeps its manifest, whose blobs the store has, and gains the new ways that lead to it. */
function imageOf({ images, snapshots }: CommitDeps, pull: PullRecord, facts: PullFacts): ImageRecord {
  const { documents, config, layers, platform, user } = facts;
  const manifest = documents.at(-1)?.digest ?? config.digest;
  const targets = documents.map(({ digest }) => digest);
  const before = images.find(config.digest);
  const runs = [
    ...(before?.runs ?? []).filter(({ flow }) => !pull.runs.some((run) => run.flow === flow)),
    ...pull.runs,
  ];
  if (before?.state === "ready") {
    return {
      ...before,
      targets: [...new Set([...before.targets, ...targets])].toSorted(),
      pinned: before.pinned || pull.plan.pinned,
      runs,
    };
  }
  const blobs = new Map([...documents, config, ...layers].map(({ digest, size }) => [digest, size]));
  return {
    version: 1,
    id: config.digest,
    state: "ready",
    createdAt: new Date().toISOString(),
    targets: targets.toSorted(),
    manifest,
    platform,
    layers,
    size: sum([...blobs.values()]),
    unpacked: unpackedUsage(snapshots, layers),
    pinned: pull.plan.pinned,
    user,
    runs,
  };
}

function unpackedUsage(snapshots: Snapshots, layers: PullFacts["layers"]): ImageRecord["unpacked"] {
  const usages = layers.map(({ chainId }) => {
    const layer = snapshots.find(chainId);
    if (layer) return layer.usage ?? { bytes: 0, inodes: 0 };
    throw new StatusError(Code.Internal, `layer "${chainId}": it is gone before its image was recorded`);
  });
  return { bytes: sum(usages.map(({ bytes }) => bytes)), inodes: sum(usages.map(({ inodes }) => inodes)) };
}

function setNames(images: ImageStore, pull: PullRecord, facts: PullFacts, imageId: Digest): readonly Digest[] {
  const target = facts.documents[0]?.digest ?? facts.config.digest;
  const names = [...pull.plan.tags, ...pull.plan.repositories.map((repository) => `${repository}@${target}`)];
  const losers = new Set<Digest>();
  for (const name of names) {
    const held = images.findName(name);
    if (held && held.imageId !== imageId) losers.add(held.imageId);
    images.setName({ name, imageId, target });
  }
  return [...losers];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
