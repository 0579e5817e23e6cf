import { Code, StatusError } from "@crib/errdefs";

import { check } from "../../libc/errno-error.ts";
import { mount } from "../../libc/libc.ts";
import { mountOverlayByContext } from "./overlay-context.ts";
import { overlayOptions } from "./overlay-options.ts";
import {
  checkOverlay,
  describeOverlay,
  maximumMountData,
  type OverlayMethod,
  type OverlayRequest,
} from "./overlay-request.ts";
import { mountOverlayStaged } from "./overlay-staged.ts";

/** mount(2) with everything in its options. False when they are longer than it takes. */
function mountOverlayByPage(request: OverlayRequest): boolean {
  const { target, options, usernsFd } = request;
  if (usernsFd !== undefined) return false;
  const data = overlayOptions(request, options).join(",");
  if (Buffer.byteLength(data) >= maximumMountData) return false;
  check(mount("overlay", target, "overlay", 0, data), describeOverlay(request));
  return true;
}

/** Each mounts it, or gives false and has done nothing. */
const methods: Readonly<Record<OverlayMethod, (request: OverlayRequest) => boolean>> = {
  descriptors: (request) => mountOverlayByContext(request, false),
  strings: (request) => mountOverlayByContext(request, true),
  page: mountOverlayByPage,
  staged: mountOverlayStaged,
};

/** Mounts an overlay on the calling thread, which must be a worker; see `mountOverlay`. */
export function mountOverlaySync(request: OverlayRequest): void {
  checkOverlay(request);
  const order = request.methods ?? (Object.keys(methods) as OverlayMethod[]);
  if (order.some((method) => methods[method](request))) return;
  const why = `the kernel has no way to take them all (${order.join(", ")})`;
  throw new StatusError(Code.FailedPrecondition, `${describeOverlay(request)}: ${why}`);
}
