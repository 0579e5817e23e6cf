export { imageRecord, MemoryImages } from "./memory-images.ts";
export { type Logged, startTestServer, type TestServer } from "./test-server.ts";
