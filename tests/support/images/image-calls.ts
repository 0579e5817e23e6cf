import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { AuthConfigSchema, ImageSchema } from "@crib/wire/cri";

import type { Node } from "../node.ts";

/** What verbose status says of an image; only what tests look at is typed. */
export interface ImageInfo {
  readonly chainID: string;
  readonly imageSpec: Readonly<Record<string, unknown>>;
  readonly manifestDigest: string;
  readonly layers: readonly {
    readonly digest: string;
    readonly diffId: string;
    readonly chainId: string;
    readonly size: number;
  }[];
  readonly size: number;
  readonly unpacked: { readonly bytes: number; readonly inodes: number };
  readonly runs: readonly {
    readonly flow: string;
    readonly steps: readonly { readonly step: string; readonly startMs: number; readonly endMs: number }[];
  }[];
}

/** What a pull may say beside the name. */
export interface PullOptions {
  readonly auth?: Omit<MessageInitShape<typeof AuthConfigSchema>, "$typeName">;
  readonly handler?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** The ImageService of a node, as its tests use it. */
export interface ImageCalls {
  /** Gives the image's id. */
  pull(name: string, options?: PullOptions): Promise<string>;
  status(name: string): Promise<MessageShape<typeof ImageSchema> | undefined>;
  /** Fails when there is no such image. */
  info(name: string): Promise<ImageInfo>;
  list(): Promise<readonly MessageShape<typeof ImageSchema>[]>;
  remove(name: string): Promise<void>;
  removeAll(): Promise<void>;
}

/** Calls go to the daemon of the moment. */
export function imageCalls(node: Pick<Node, "cri">): ImageCalls {
  const calls: ImageCalls = {
    async pull(image, { auth, handler = "", signal, timeoutMs } = {}) {
      const request = { image: { image, runtimeHandler: handler }, ...(auth && { auth }) };
      const options = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
      return (await node.cri.image.pullImage(request, options)).imageRef;
    },
    async status(image) {
      return (await node.cri.image.imageStatus({ image: { image } })).image;
    },
    async info(image) {
      const { info } = await node.cri.image.imageStatus({ image: { image }, verbose: true });
      if (info["info"] === undefined) throw new Error(`there is no image "${image}"`);
      return JSON.parse(info["info"]) as ImageInfo;
    },
    async list() {
      return (await node.cri.image.listImages({})).images;
    },
    async remove(image) {
      await node.cri.image.removeImage({ image: { image } });
    },
    async removeAll() {
      for (const { id, pinned } of await calls.list()) if (!pinned) await calls.remove(id);
    },
  };
  return calls;
}
