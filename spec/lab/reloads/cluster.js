// A server of node's cluster module: node cluster.js HOST PORT. On SIGHUP its two workers are replaced one after the other: when
// the new one listens, the old one is told to close its server, and disconnected; after two seconds it is
// killed, as the page of the module shows.
"use strict";
const cluster = require("cluster");
const [host, port] = process.argv.slice(2);
const WORKERS = 2, PATIENCE = 2000;

function serve() {
  const server = require("http").createServer((request, response) => response.end("hello\n"));
  server.keepAliveTimeout = 75000;
  server.listen(port, host);
  process.on("message", (message) => {
    if (message === "shutdown") server.close();
  });
}

function replace(old, done) {
  cluster.fork().once("listening", () => {
    const patience = setTimeout(() => old.kill("SIGKILL"), PATIENCE);
    old.once("exit", () => {
      clearTimeout(patience);
      done();
    });
    old.send("shutdown");
    old.disconnect();
  });
}

function supervise() {
  for (let i = 0; i < WORKERS; i++) cluster.fork();
  process.on("SIGHUP", () => {
    const rest = Object.values(cluster.workers);
    const next = () => {
      if (rest.length > 0) replace(rest.shift(), next);
    };
    next();
  });
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill("SIGKILL");
    process.exit(0);
  });
}

if (cluster.isPrimary) supervise();
else serve();
