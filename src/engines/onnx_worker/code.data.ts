/** The code of main.ts, written by scripts/bake_worker.ts: do not edit. */
export const code = `"use strict";
var import_node_module = require("node:module");
var import_node_worker_threads = require("node:worker_threads");
function freeMemory(buffers) {
  const { port1: nowhere2 } = new MessageChannel();
  nowhere2.close();
  nowhere2.postMessage(
    void 0,
    [...new Set(buffers)].filter(({ byteLength }) => byteLength > 0)
  );
}
var [isBusy, isEnding] = [0, 1];
var memoryOf = (arrays) => [
  ...new Set(arrays.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > 0))
];
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
async function dataOf(tensor) {
  const { type, dims } = tensor;
  return { type, dims: [...dims], data: await tensor.getData() };
}
function keep(tensor) {
  const { type, dims } = tensor;
  tensors.set(++last, tensor);
  return { type, dims: [...dims], kept: last };
}
async function free(kept) {
  for (const key of kept) {
    const tensor = found("tensor", tensors, key);
    tensors.delete(key);
    const data = await tensor.getData();
    tensor.dispose();
    try {
      drop(data);
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
    const reply = {};
    for (const [name, tensor] of Object.entries(outputs))
      reply[name] = kept.has(name) ? keep(tensor) : await dataOf(tensor);
    return reply;
  },
  async read({ kept }) {
    const tensor = found("tensor", tensors, kept);
    tensors.delete(kept);
    return { tensor: await dataOf(tensor) };
  },
  async release({ session: key }) {
    await found("session", sessions, key).session.release();
    sessions.delete(key);
    return void 0;
  }
};
async function answerTo(request) {
  const { id, call } = request;
  const borrowed = {};
  for (const [name, feed] of Object.entries(call === "run" ? request.feeds : {}))
    if (typeof feed !== "number") borrowed[name] = feed.data;
  try {
    const value = await calls[call](request);
    return { id, borrowed, value };
  } catch (cause) {
    const { message: text = String(cause), code } = cause;
    return { id, borrowed, error: { message: text, code } };
  }
}
function send(answer) {
  const arrays = Object.values(answer.borrowed);
  const outputs = "value" in answer && typeof answer.value === "object" ? Object.values(answer.value) : [];
  for (const output of outputs) if ("data" in output) arrays.push(output.data);
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
