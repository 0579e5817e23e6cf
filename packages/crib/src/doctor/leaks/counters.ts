import { bundles } from "./files/bundles.ts";
import { fifos } from "./files/fifos.ts";
import { mounts } from "./files/mounts.ts";
import { runtimeState } from "./files/runtime-state.ts";
import { sockets } from "./files/sockets.ts";
import { blobs } from "./images/blobs.ts";
import { images } from "./images/images.ts";
import { partials } from "./images/partials.ts";
import { pulls } from "./images/pulls.ts";
import { snapshots } from "./images/snapshots.ts";
import { cniCache } from "./network/cni-cache.ts";
import { leases } from "./network/leases.ts";
import { netns } from "./network/netns.ts";
import { rules } from "./network/rules.ts";
import { veths } from "./network/veths.ts";
import { cgroups } from "./processes/cgroups.ts";
import { helpers } from "./processes/helpers.ts";
import { openFds } from "./processes/open-fds.ts";
import { podProcesses } from "./processes/pod-processes.ts";
import { shims } from "./processes/shims.ts";
import { rows } from "./records/rows.ts";
import type { LeakCounter } from "./types.ts";

/** Every counter, in the order in which they are shown. */
export const counters: readonly LeakCounter[] = [
  netns,
  veths,
  leases,
  cniCache,
  rules,
  mounts,
  cgroups,
  shims,
  podProcesses,
  helpers,
  sockets,
  fifos,
  bundles,
  runtimeState,
  snapshots,
  blobs,
  partials,
  pulls,
  images,
  rows,
  openFds,
];
