// The requests of spec/http/real_clients_spec.lua, by node: argument 3 is "http" or "fetch".
"use strict";
const http = require("http");

const [host, port] = process.argv[2].split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const tell = (...words) => console.log(words.join(" "));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function byHttp(method, path, body, headers) {
  return new Promise((done, failed) => {
    const request = http.request({ host, port, path, method, agent, headers }, (response) => {
      let size = 0, text = "";
      response.on("data", (piece) => { size += piece.length; text += piece; });
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, size, text }));
      response.on("error", failed);
      response.on("aborted", () => failed(new Error("aborted")));
    });
    request.on("error", failed);
    if (Array.isArray(body)) body.forEach((piece) => request.write(piece));
    request.end(Array.isArray(body) ? undefined : body);
  });
}

async function byFetch(method, path, body) {
  const options = { method, body };
  if (Array.isArray(body)) {
    options.body = new ReadableStream({
      start(controller) {
        body.forEach((piece) => controller.enqueue(new TextEncoder().encode(piece)));
        controller.close();
      },
    });
    options.duplex = "half";
  }
  const response = await fetch(`http://${host}:${port}${path}`, options);
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), size: text.length, text };
}

const ask = process.argv[3] === "fetch" ? byFetch : byHttp;

async function main() {
  let r = await ask("GET", "/hello");
  tell("hello", r.status, r.text);
  r = await ask("POST", "/echo", "x".repeat(100000));
  tell("echo", r.status, r.size);
  r = await ask("POST", "/echo", Array(30).fill("x".repeat(1000)));
  tell("chunked", r.status, r.size);
  r = await ask("GET", "/stream");
  tell("stream", r.status, r.size);
  r = await ask("HEAD", "/hello");
  tell("head", r.status, r.headers["content-length"]);
  r = await ask("GET", "/empty");
  tell("empty", r.status, r.size);
  r = await ask("GET", "/raise");
  tell("raise", r.status, r.headers.connection);
  tell("cut", await ask("GET", "/cut").then(() => "whole", () => "noticed"));
  for (let served = 0; ; served++) {
    try {
      r = await ask("GET", "/hello");
    } catch (error) {
      const refused = (error.cause || error).code === "ECONNREFUSED";
      tell("lost", refused && served ? 0 : 1);
      process.exit(0);
    }
    if (!served) tell("looping"); // from here on the server stops: a connection of this loop is there
    await pause(10);
  }
}

main();
