// Runs a script in a page of headless Chromium, for browser.lua: browser.js CHROMIUM FOLDER URL HASH [WIDTH HEIGHT]
//
// FOLDER has the file `script`: the body of an async function, which runs in the page of URL. This program connects to
// the unix-domain socket `desk` there. What the script gives to tell() is sent to it as a line "told JSON" at once, what
// it returns as "result JSON", an error as "failed JSON". Chromium is driven over two pipes, so no port is taken. It trusts
// a certificate whose key has this HASH, whoever has signed it; "-": none.
"use strict";
const { spawn } = require("child_process");
const { readFileSync, writeFileSync } = require("fs");
const { connect } = require("net");

const [chromium, folder, url, hash, width, height] = process.argv.slice(2);
const script = readFileSync(`${folder}/script`, "utf8");
const desk = connect(`${folder}/desk`);
const say = (word, value) => desk.write(`${word} ${JSON.stringify(value === undefined ? null : value)}\n`);

const browser = spawn(chromium, [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
  "--disable-background-networking", "--disable-component-update", "--no-proxy-server", `--user-data-dir=${folder}/chromium`,
  ...(hash != "-" ? [`--ignore-certificate-errors-spki-list=${hash}`] : []), "--remote-debugging-pipe", "about:blank",
], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
const [, , errors, orders, answers] = browser.stdio;

let words = ""; // of Chromium's, shown when it fails
errors.on("data", (piece) => { words = (words + piece).slice(-2000); });

const waiting = new Map(); // what waits for an answer, by number
const hearing = new Map(); // what hears of an event, by its name
let count = 0;

// Calls a method of the DevTools protocol.
function call(method, params = {}, sessionId) {
  return new Promise((done, failed) => {
    waiting.set(++count, { done, failed });
    orders.write(`${JSON.stringify({ id: count, method, params, sessionId })}\0`);
  });
}

function heard(message) {
  const one = waiting.get(message.id);
  waiting.delete(message.id);
  if (!one) (hearing.get(message.method) || (() => {}))(message.params);
  else if (message.error) one.failed(new Error(message.error.message));
  else one.done(message.result);
}

let unread = "";
answers.setEncoding("utf8").on("data", (piece) => {
  const messages = (unread + piece).split("\0");
  unread = messages.pop();
  messages.forEach((text) => heard(JSON.parse(text)));
});

// The last line, and Chromium's end; then that of this program.
function leave(word, value) {
  say(word, value);
  browser.removeAllListeners("exit").on("exit", () => desk.end(() => process.exit()));
  call("Browser.close").catch(() => {});
  setTimeout(() => browser.kill("SIGKILL"), 2000);
}

async function draw(sessionId) {
  const { data } = await call("Page.captureScreenshot", { format: "png" }, sessionId);
  writeFileSync(`${folder}/picture.png`, Buffer.from(data, "base64"));
  await call("Runtime.evaluate", { expression: "drawn()" }, sessionId);
}

async function main() {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const loaded = new Promise((done) => hearing.set("Page.loadEventFired", done));
  hearing.set("Runtime.bindingCalled", ({ name, payload }) => {
    if (name == "drawText") draw(sessionId).catch((error) => leave("failed", error.message));
    else desk.write(`told ${payload}\n`);
  });
  await call("Page.enable", {}, sessionId);
  await call("Runtime.enable", {}, sessionId);
  await call("Runtime.addBinding", { name: "tellText" }, sessionId);
  await call("Runtime.addBinding", { name: "drawText" }, sessionId);
  const screen = { width: Number(width), height: Number(height), deviceScaleFactor: 1, mobile: true };
  if (width) await call("Emulation.setDeviceMetricsOverride", screen, sessionId);
  const { errorText } = await call("Page.navigate", { url }, sessionId);
  if (errorText) return leave("failed", `${url}: ${errorText}`);
  await loaded;
  const { result, exceptionDetails: wrong } = await call("Runtime.evaluate", {
    expression: `(async () => {
      const tell = (value) => tellText(JSON.stringify(value === undefined ? null : value));
      const draw = () => new Promise((done) => { globalThis.drawn = done; drawText(""); });
      const pause = (ms) => new Promise((done) => setTimeout(done, ms));
      ${script}
    })()`,
    awaitPromise: true,
    returnByValue: true,
  }, sessionId);
  if (wrong) return leave("failed", wrong.exception ? wrong.exception.description : wrong.text);
  return leave("result", result.value);
}

function lacking(why) {
  say("failed", why);
  desk.end(() => process.exit(1));
}
browser.on("error", (error) => lacking(error.message));
browser.on("exit", () => lacking(`Chromium has ended: ${words}`));
desk.on("close", () => { browser.kill("SIGKILL"); process.exit(1); }); // nobody listens any more
main().catch((error) => leave("failed", error.message));
