import type { Images } from "@crib/core";
import { Code, StatusError } from "@crib/errdefs";

/** Stands where the images will: there are none, and none can be pulled. */
export const noImages: Images = {
  pull: () =>
    Promise.reject(new StatusError(Code.Unimplemented, "pulling: this version of crib runs pod sandboxes only")),
  find: () => undefined,
  list: () => [],
  config: (id) => Promise.reject(notFound(id)),
  describe: (id) => Promise.reject(notFound(id)),
  remove: () => Promise.resolve(),
  prepareSnapshot: (name) => {
    throw notFound(name);
  },
  usage: () => Promise.resolve({ bytes: 0, inodes: 0 }),
};

function notFound(name: string): StatusError {
  return new StatusError(Code.NotFound, `image "${name}": not found`);
}
