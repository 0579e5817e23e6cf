import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { MountFlag, overlayOptions } from "@crib/linux";

import { parseMountOptions, parseOverlayData } from "./mount-options.ts";

test("flags, id mappings and the file system's own options are told apart", () => {
  deepEqual(parseMountOptions(["rbind", "ro", "nosuid", "suid", "size=1m", "constructor"]), {
    flags: MountFlag.BIND | MountFlag.REC | MountFlag.RDONLY,
    data: ["size=1m", "constructor"],
    idMappings: undefined,
  });
  const mapping = { containerId: 0, hostId: 200000, length: 65536 };
  deepEqual(parseMountOptions(["uidmap=0:200000:65536", "gidmap=0:200000:65536,70000:1:2"]).idMappings, {
    uids: [mapping],
    gids: [mapping, { containerId: 70000, hostId: 1, length: 2 }],
  });
  throws(() => parseMountOptions(["uidmap=0:1"]), { code: Code.InvalidArgument });
});

test("an overlay's layers come out as they went in", () => {
  const layers = { lower: ["/a:b", "/c,d\\e", "/f"], upper: { dir: "/u:1", work: "/w" } };
  deepEqual(parseOverlayData(overlayOptions(layers, { index: "off" })), { ...layers, options: { index: "off" } });
  deepEqual(parseOverlayData(["lowerdir=/a:/b", "volatile"]), {
    lower: ["/a", "/b"],
    upper: undefined,
    options: { volatile: true },
  });
  deepEqual(parseOverlayData(["upperdir=/a"]), undefined);
});
