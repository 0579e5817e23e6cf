import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";

import type { FaultyRegistry } from "@crib/registry/testing";

import { endAfter } from "../end-after.ts";
import type { Node, NodeOptions } from "../node.ts";
import { startNode } from "../start-node.ts";
import type { TomlValue } from "../to-toml.ts";
import { type Canary, placeCanary } from "./canary.ts";
import { type ImageCalls, imageCalls } from "./image-calls.ts";
import type { TestImage } from "./image.ts";
import { serveImage, startFaultyRegistry } from "./serve-image.ts";
import { writeHosts } from "./write-hosts.ts";

/** A node whose images come from a scripted registry, beside a tree that no image may ever touch. */
export interface ImageNode {
  readonly node: Node;
  readonly images: ImageCalls;
  readonly registry: FaultyRegistry;
  readonly canary: Canary;
  /** Has the registry serve an image, in a repository of its own where none is named; gives its name. */
  readonly serve: (image: TestImage, repository?: string) => string;
  /** The same and pulls it; gives its id. */
  readonly pull: (image: TestImage) => Promise<string>;
  /** Fails unless the daemon is the one of the beginning and the canary is as it was. */
  readonly expectUnharmed: () => void;
}

/** What a test may want of it. */
export interface ImageNodeOptions extends Omit<NodeOptions, "config"> {
  /** The table `images` of the configuration. */
  readonly images?: Readonly<Record<string, TomlValue>>;
  /** The table `registry`, over short waits between tries. */
  readonly registry?: Readonly<Record<string, TomlValue>>;
  readonly config?: NodeOptions["config"];
}

/** Starts both. At the end the canary must be untouched, and with all images removed the store must be empty. */
export async function startImageNode(t: TestContext, options: ImageNodeOptions = {}): Promise<ImageNode> {
  const registry = await startFaultyRegistry(t);
  const node = await startNode(t, {
    ...options,
    config: (lane) => {
      const hosts = join(lane.dir, "certs.d");
      writeHosts(hosts, registry.host, { server: registry.origin });
      return {
        ...options.config?.(lane),
        images: { ...options.images },
        registry: { config_path: hosts, retry_min: "20ms", ...options.registry },
      };
    },
  });
  const canary = placeCanary(join(node.lane.dir, "canary"));
  const images = imageCalls(node);
  const { pid } = node.daemon;
  let repositories = 0;
  const serve = (image: TestImage, repository = `r${++repositories}`): string =>
    serveImage(registry, repository, ["t"], image);
  const expectUnharmed = (): void => {
    deepEqual(canary.changes(), []);
    equal(node.daemon.pid, pid, "the daemon is another one");
    process.kill(pid, 0);
  };
  endAfter(t, async () => {
    deepEqual(canary.changes(), []);
    await images.removeAll();
    deepEqual(canary.changes(), []);
  });
  return { node, images, registry, canary, serve, pull: (image) => images.pull(serve(image)), expectUnharmed };
}
