// The HTTP server of keepalive.sh in node: node node_http_server.js HOST PORT. On SIGTERM it calls server.close().
"use strict";
const server = require("http").createServer((request, response) => response.end("hello\n"));
const [host, port] = process.argv.slice(2);
server.keepAliveTimeout = 75000;
server.listen(port, host, () => console.log(`listening ${host}:${port}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
