import { isDigest } from "@crib/oci-spec";
import * as z from "zod";

const digest = z.string().refine(isDigest, "is no digest");

/** What recovery and collection cannot do without, of the record of an image. */
export const imageSchema: z.ZodType = z.looseObject({
  version: z.literal(1),
  id: digest,
  state: z.enum(["ready", "removing"]),
  createdAt: z.iso.datetime(),
  targets: z.array(digest),
  manifest: digest,
  platform: z.looseObject({ os: z.string(), architecture: z.string() }),
  layers: z.array(
    z.looseObject({ digest, size: z.int().nonnegative(), mediaType: z.string(), diffId: digest, chainId: digest }),
  ),
  size: z.int().nonnegative(),
  unpacked: z.looseObject({ bytes: z.int().nonnegative(), inodes: z.int().nonnegative() }),
  pinned: z.boolean(),
  user: z.string(),
  runs: z.array(z.looseObject({ flow: z.string() })),
});

/** The copy of an image in its directory: the record with its names. */
export const imageCopySchema: z.ZodType = z.looseObject({
  image: imageSchema,
  names: z.array(z.looseObject({ name: z.string().min(1), target: digest })),
});

const blob = z.looseObject({ digest, size: z.int().nonnegative() });

/** The same of the record of a pull. */
export const pullSchema: z.ZodType = z.looseObject({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  state: z.literal("pulling"),
  bootId: z.string(),
  plan: z.looseObject({ reference: z.string() }),
  facts: z.looseObject({
    documents: z.array(blob).optional(),
    layers: z.array(z.looseObject({ digest, chainId: digest })).optional(),
  }),
  runs: z.array(z.looseObject({ flow: z.string() })),
});
