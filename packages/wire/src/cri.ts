/** The Container Runtime Interface v1: messages, `RuntimeService` and `ImageService`. */
export * from "./generated/runtime-v1_pb.ts";
