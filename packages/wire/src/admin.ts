/** crib's own admin service, on the socket of the CRI: images beyond what the CRI's ImageService can do. */
export * from "./generated/crib-admin-v1_pb.ts";
