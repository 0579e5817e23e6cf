export { echo, session, silentLog, startServer } from "./start-server.ts";
