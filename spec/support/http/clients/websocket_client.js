// The connections of spec/http/websocket_clients_spec.lua, by node: argument 3 is "ws" (Debian's node-ws, or npm's) or
// "own" (node's own WebSocket).
"use strict";
const [, , address, kind, count] = process.argv;
const Socket = kind === "own" ? WebSocket : require(process.env.WS_MODULE || "/usr/share/nodejs/ws");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const tell = (...words) => console.log(words.join(" "));

let open = 0, echoed = 0;

async function talk(id) {
  const socket = new Socket(`ws://${address}/chat`);
  let sent = 0, back = 0, code, failed = 0;
  socket.onerror = () => { failed = 1; };
  const opened = new Promise((done) => { socket.onopen = done; });
  const closed = new Promise((done) => { socket.onclose = (event) => { code = event.code; done(); }; });
  socket.onmessage = (event) => {
    if (event.data !== `${id} ${++back}`) failed = 1;
    if (back === 3 && ++echoed === Number(count)) tell("looping");
  };
  await opened;
  if (++open === Number(count)) tell("open");
  while (code === undefined) {
    if (socket.readyState === 1) socket.send(`${id} ${++sent}`);
    await pause(Math.random() * 40);
  }
  await closed;
  tell("end", id, sent, code, failed);
}

Promise.all([...Array(Number(count)).keys()].map(talk));
