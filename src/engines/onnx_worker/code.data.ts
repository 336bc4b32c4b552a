/** The code of main.ts, written by scripts/bake_worker.ts: do not edit. */
export const code = `"use strict";
var import_node_module = require("node:module");
var import_node_worker_threads = require("node:worker_threads");
var [isBusy, isEnding] = [0, 1];
var memoryOf = (arrays) => [
  ...new Set(arrays.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > 0))
];
var port = import_node_worker_threads.parentPort;
if (!port) throw new Error("this file is for a worker thread");
var { path, state } = import_node_worker_threads.workerData;
var runtime;
var sessions = /* @__PURE__ */ new Map();
var last = 0;
var { port1: nowhere } = new MessageChannel();
nowhere.close();
var drop = (data) => nowhere.postMessage(void 0, [data.buffer]);
function sessionOf(key) {
  const session = sessions.get(key);
  if (!session) throw new Error(\`the worker has no session \${key}\`);
  return session;
}
var started = () => {
  runtime ??= (0, import_node_module.createRequire)(path)(path);
  return runtime;
};
function setThreads(threads) {
  const { env } = started();
  if (env?.wasm) env.wasm.numThreads ??= threads;
}
var tensorOf = ({ type, dims, data }) => new (started()).Tensor(type, data, dims);
async function dataOf(tensor) {
  const { type, dims } = tensor;
  return { type, dims: [...dims], data: await tensor.getData() };
}
var calls = {
  async start() {
    started();
    return void 0;
  },
  async create({ model, options }) {
    setThreads(options.intraOpNumThreads);
    try {
      sessions.set(++last, await started().InferenceSession.create(model, options));
    } finally {
      for (const { data } of options.externalData ?? []) drop(data);
    }
    return last;
  },
  async run({ session, feeds, fetches }) {
    const inputs = Object.entries(feeds).map(([name, feed]) => [name, tensorOf(feed)]);
    const outputs = await sessionOf(session).run(Object.fromEntries(inputs), fetches);
    const read = Object.entries(outputs).map(async ([name, tensor]) => [name, await dataOf(tensor)]);
    return Object.fromEntries(await Promise.all(read));
  },
  async release({ session }) {
    await sessionOf(session).release();
    sessions.delete(session);
    return void 0;
  }
};
async function answerTo(message) {
  const { id, call } = message;
  const feeds = call === "run" ? Object.entries(message.feeds) : [];
  const borrowed = Object.fromEntries(feeds.map(([name, { data }]) => [name, data]));
  try {
    const value = await calls[call](message);
    return { id, borrowed, value };
  } catch (cause) {
    const { message: text = String(cause), code } = cause;
    return { id, borrowed, error: { message: text, code } };
  }
}
function send(answer) {
  const outputs = "value" in answer && typeof answer.value === "object" ? Object.values(answer.value) : [];
  const arrays = [...Object.values(answer.borrowed), ...outputs.map(({ data }) => data)];
  try {
    port?.postMessage(answer, memoryOf(arrays));
  } catch {
    port?.postMessage(answer);
  }
}
async function unlessEnding(message) {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) send(await answerTo(message));
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}
var turn = Promise.resolve();
port.on("message", (message) => {
  turn = turn.then(() => unlessEnding(message));
});
`;
