/** The code of main.ts, written by scripts/bake_worker.ts: do not edit. */
export const code = `"use strict";
var import_node_module = require("node:module");
var import_node_worker_threads = require("node:worker_threads");
var movable = (buffers) => [...new Set(buffers)].filter(({ byteLength }) => byteLength > 0);
function freeMemory(buffers) {
  nowhere ??= closedPort();
  nowhere.postMessage(void 0, movable(buffers));
}
var nowhere;
function closedPort() {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
var [isBusy, isEnding] = [0, 1];
var memoryOf = (arrays) => movable(arrays.map(({ buffer }) => buffer));
var port = import_node_worker_threads.parentPort;
if (!port) throw new Error("this file is for a worker thread");
var { path, state } = import_node_worker_threads.workerData;
var runtime;
var sessions = /* @__PURE__ */ new Map();
var tensors = /* @__PURE__ */ new Map();
var last = 0;
function found(what, values, key) {
  const value = values.get(key);
  if (value === void 0) throw new Error(\`the worker has no \${what} \${key}\`);
  return value;
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
var dataOf = async (tensor) => await tensor.getData();
function keep(tensor) {
  tensors.set(++last, tensor);
  return last;
}
async function free(kept) {
  for (const key of kept) {
    const tensor = found("tensor", tensors, key);
    tensors.delete(key);
    const data = await dataOf(tensor);
    tensor.dispose();
    try {
      freeMemory([data.buffer]);
    } catch {
    }
  }
}
var calls = {
  async start() {
    started();
    return void 0;
  },
  async create({ model, options, kept }) {
    setThreads(options.intraOpNumThreads);
    try {
      const session = await started().InferenceSession.create(model, options);
      sessions.set(++last, { session, kept: new Set(kept) });
    } finally {
      const weights = (options.externalData ?? []).map(({ data }) => data.buffer);
      freeMemory(weights);
    }
    return last;
  },
  async run({ session: key, feeds, fetches }) {
    const { session, kept } = found("session", sessions, key);
    const inputs = {};
    for (const [name, feed] of Object.entries(feeds))
      inputs[name] = typeof feed === "number" ? found("tensor", tensors, feed) : tensorOf(feed);
    const outputs = await session.run(inputs, fetches);
    const reply = [];
    for (const [name, tensor] of Object.entries(outputs)) {
      const memory = kept.has(name) ? keep(tensor) : await dataOf(tensor);
      reply.push([name, tensor.type, [...tensor.dims], memory]);
    }
    return reply;
  },
  async read({ kept }) {
    const tensor = found("tensor", tensors, kept);
    tensors.delete(kept);
    return dataOf(tensor);
  },
  async release({ session: key }) {
    await found("session", sessions, key).session.release();
    sessions.delete(key);
    return void 0;
  }
};
async function answerTo(request) {
  const { call } = request;
  const borrowed = [];
  for (const [name, feed] of Object.entries(call === "run" ? request.feeds : {}))
    if (typeof feed !== "number") borrowed.push([name, feed.data]);
  try {
    return [borrowed, await calls[call](request)];
  } catch (cause) {
    const { message: text = String(cause), code } = cause;
    return [borrowed, void 0, [text, code]];
  }
}
function send(answer) {
  const [borrowed, value] = answer;
  const arrays = borrowed.map(([, data]) => data);
  if (ArrayBuffer.isView(value)) arrays.push(value);
  else if (typeof value === "object") {
    for (const [, , , memory] of value) if (typeof memory !== "number") arrays.push(memory);
  }
  try {
    port?.postMessage(answer, memoryOf(arrays));
  } catch {
    port?.postMessage(answer);
  }
}
function rest() {
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}
process.once("exit", rest);
async function unlessEnding(message) {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) {
    if (message.call === "free") await free(message.kept);
    else send(await answerTo(message));
  }
  rest();
}
var turn = Promise.resolve();
port.on("message", (message) => {
  turn = turn.then(() => unlessEnding(message));
});
`;
