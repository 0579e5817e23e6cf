export { type RawClient, requestRaw, spdyHeaders, ZlibHeaders } from "./raw-client.ts";
export { echo, session, silentLog, startServer } from "./start-server.ts";
export { openSpdy, type TestSpdyClient } from "./spdy-client.ts";
export { openWebSocket, type TestWebSocket } from "./websocket-client.ts";
