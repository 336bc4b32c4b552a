/** The code of main.ts, written by scripts/bake_worker.ts: do not edit. */
export const code = `"use strict";
var import_node_module = require("node:module");
var import_node_worker_threads = require("node:worker_threads");
var [isBusy, isEnding] = [0, 1];
var port = import_node_worker_threads.parentPort;
if (!port) throw new Error("this file is for a worker thread");
var { path, state } = import_node_worker_threads.workerData;
var runtime;
var sessions = /* @__PURE__ */ new Map();
var tensors = /* @__PURE__ */ new Map();
var last = 0;
var { port1: nowhere } = new MessageChannel();
nowhere.close();
var drop = (data) => nowhere.postMessage(void 0, [data.buffer]);
function found(known, key) {
  const value = known.get(key);
  if (value === void 0) throw new Error(\`the worker has no \${key}\`);
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
var tensorOf = (ort, { type, dims, data }) => new ort.Tensor(type, data, dims);
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
    const inputs = {};
    for (const [name, feed] of Object.entries(feeds)) {
      if (typeof feed !== "number") tensors.set(feed.tensor, tensorOf(started(), feed));
      inputs[name] = found(tensors, typeof feed === "number" ? feed : feed.tensor);
    }
    const outputs = await found(sessions, session).run(inputs, fetches);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => {
        tensors.set(++last, tensor);
        return [name, { tensor: last, type: tensor.type, dims: [...tensor.dims] }];
      })
    );
  },
  async read({ tensor }) {
    return (await found(tensors, tensor).getData()).slice();
  },
  async release({ session }) {
    await found(sessions, session).release();
    sessions.delete(session);
    return void 0;
  }
};
async function free(key) {
  const tensor = tensors.get(key);
  if (!tensor) return;
  tensors.delete(key);
  const data = await tensor.getData();
  tensor.dispose();
  if (data.byteLength > 0) drop(data);
}
async function answered(message) {
  if (message.call === "free") return free(message.tensor);
  const { id, call } = message;
  let answer;
  try {
    answer = { id, value: await calls[call](message) };
  } catch (cause) {
    const { message: text = String(cause), code } = cause;
    answer = { id, error: { message: text, code } };
  }
  const value = "value" in answer ? answer.value : void 0;
  port?.postMessage(answer, ArrayBuffer.isView(value) ? [value.buffer] : []);
}
async function unlessEnding(message) {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) await answered(message);
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}
var turn = Promise.resolve();
port.on("message", (message) => {
  turn = turn.then(() => unlessEnding(message));
});
`;
