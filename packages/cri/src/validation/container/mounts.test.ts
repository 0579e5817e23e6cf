import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { type MessageInitShape } from "@bufbuild/protobuf";
import { type MountPropagation, type MountSchema } from "@crib/wire/cri";

import { check, type Config, refuses } from "../../testing/check-container.ts";

const mount = (more: MessageInitShape<typeof MountSchema>): Config => ({
  mounts: [{ containerPath: "/data", hostPath: "/srv", ...more }],
});

test("mounts have a place and a source", () => {
  refuses(mount({ containerPath: "data" }), 'config.mounts[0].container_path: "data" is not an absolute path');
  refuses(mount({ containerPath: "" }), 'config.mounts[0].container_path: "" is not an absolute path');
  refuses(mount({ containerPath: "/a/../b" }), 'config.mounts[0].container_path: "/a/../b" has a ".." component');
  refuses(mount({ containerPath: "//" }), 'config.mounts[0].container_path: "/" is the container\'s root');
  refuses(mount({ hostPath: "" }), 'config.mounts[0].host_path: "" is not an absolute path');
  refuses(mount({ hostPath: "srv" }), 'config.mounts[0].host_path: "srv" is not an absolute path');
  refuses(mount({ hostPath: "/srv/.." }), 'config.mounts[0].host_path: "/srv/.." has a ".." component');
  refuses(mount({ hostPath: "/srv\0" }), 'config.mounts[0].host_path: "/srv\\u0000" has a control character');
  refuses(mount({ propagation: 3 as MountPropagation }), "config.mounts[0].propagation: 3 is no known propagation");
  equal(check(mount({ propagation: 2 })).mounts[0]?.propagation, "bidirectional");
});

test("recursive read-only mounts are read-only, private, and offered by the handler", () => {
  const recursiveReadOnly = true;
  const field = "config.mounts[0].recursive_read_only";
  equal(check(mount({ recursiveReadOnly, readonly: true })).mounts[0]?.recursiveReadOnly, true);
  refuses(mount({ recursiveReadOnly }), `${field}: needs readonly`);
  refuses(
    mount({ recursiveReadOnly, readonly: true, propagation: 1 }),
    `${field}: needs private propagation, not host-to-container`,
  );
  refuses(
    mount({ recursiveReadOnly, readonly: true }),
    `${field}: the runtime handler has no recursive read-only mounts`,
    {
      recursiveReadOnlyMounts: false,
    },
  );
});

test("an image is mounted read-only, and instead of a host path", () => {
  const image = { image: "busybox" };
  const of = (more: object): Config => mount({ hostPath: "", image, readonly: true, ...more });
  deepEqual(check(of({ imageSubPath: "usr/share" })).mounts[0], {
    containerPath: "/data",
    hostPath: "",
    readonly: true,
    recursiveReadOnly: false,
    selinuxRelabel: false,
    propagation: "private",
    image: "busybox",
    imageSubPath: "usr/share",
  });
  refuses(of({ hostPath: "/srv" }), 'config.mounts[0].host_path: "/srv" is given besides image');
  refuses(of({ readonly: false }), "config.mounts[0].readonly: is false; images are mounted read-only");
  refuses(of({ propagation: 2 }), "config.mounts[0].propagation: bidirectional is not for images");
  refuses(of({ imageSubPath: "../x" }), 'config.mounts[0].image_sub_path: "../x" has a ".." component');
  refuses(of({ imageSubPath: "/x" }), 'config.mounts[0].image_sub_path: "/x" is not relative to the image\'s root');
  refuses(of({ image: {} }), "config.mounts[0].image.image: is empty");
  refuses(mount({ imageSubPath: "x" }), "config.mounts[0].image_sub_path: is given without image");
});

test("id mappings of a mount come in pairs and stay within 32 bits", () => {
  const line = { containerId: 0, hostId: 65_536, length: 65_536 };
  const mapped = mount({ uidMappings: [line], gidMappings: [line] });
  deepEqual(check(mapped).mounts[0]?.idMappings, { uids: [line], gids: [line] });
  refuses(mount({ uidMappings: [line] }), "config.mounts[0].gidMappings: is empty where uidMappings is not");
  refuses(mount({ gidMappings: [line] }), "config.mounts[0].uidMappings: is empty where gidMappings is not");
  refuses(
    mount({ uidMappings: [{ ...line, length: 0 }], gidMappings: [line] }),
    "config.mounts[0].uidMappings[0].length: is 0",
  );
  refuses(
    mount({ uidMappings: [line], gidMappings: [{ ...line, length: 2 ** 32 - 1 }] }),
    "config.mounts[0].gidMappings[0]: ids 0 to 65536, 4294967295 of them, go beyond 2^32 - 2",
  );
});
