/** Name resolution as a plugin knows it. */
export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** An interface that a plugin made or moved; the fields after `sandbox` came with version 1.1.0. */
export interface Interface {
  readonly name: string;
  readonly mac?: string;
  /** The network namespace's path; absent for an interface of the host. */
  readonly sandbox?: string;
  readonly mtu?: number;
  readonly socketPath?: string;
  readonly pciID?: string;
}

/** An address that was assigned. */
export interface IpConfig {
  /** With prefix length, such as `10.88.0.2/16`. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into `interfaces`; absent means the interface that was asked for. */
  readonly interface?: number;
}

/** A route that was set; the fields after `gw` came with version 1.1.0. */
export interface Route {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/** The result of ADD in its newest form, whatever the plugin spoke. */
export interface AddResult {
  readonly cniVersion: "1.1.0";
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/** A route before version 1.1.0. */
export type PlainRoute = Pick<Route, "dst" | "gw">;

/** An interface before version 1.1.0. */
export type PlainInterface = Pick<Interface, "name" | "mac" | "sandbox">;

/** The one address of a family in versions 0.1.0 and 0.2.0. */
export interface FamilyConfig {
  readonly ip: string;
  readonly gateway?: string;
  readonly routes?: readonly PlainRoute[];
}

/** The form of versions 0.1.0 and 0.2.0. */
export interface Result02 {
  readonly cniVersion: "0.1.0" | "0.2.0";
  readonly ip4?: FamilyConfig;
  readonly ip6?: FamilyConfig;
  readonly dns: Dns;
}

/** The form of versions 0.3.0 to 0.4.0. */
export interface Result04 {
  readonly cniVersion: "0.3.0" | "0.3.1" | "0.4.0";
  readonly interfaces: readonly PlainInterface[];
  readonly ips: readonly (IpConfig & { readonly version: "4" | "6" })[];
  readonly routes: readonly PlainRoute[];
  readonly dns: Dns;
}

/** The form of version 1.0.0. */
export interface Result10 {
  readonly cniVersion: "1.0.0";
  readonly interfaces: readonly PlainInterface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly PlainRoute[];
  readonly dns: Dns;
}

/** A result as plugins of one version write and read it; `cniVersion` tells which. */
export type VersionedResult = Result02 | Result04 | Result10 | AddResult;
