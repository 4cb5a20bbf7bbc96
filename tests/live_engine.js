// Runs the engine in deno for live_engine.py: `deno run --allow-read --allow-write live_engine.js JOB`.
import { Network } from "../inception_lib/book/live/engine.js";
import { complete, read } from "../inception_lib/book/live/files.js";
import { kernels } from "../inception_lib/book/live/kernels.js";
import { unpack } from "../inception_lib/book/live/weights.js";

const job = JSON.parse(Deno.readTextFileSync(Deno.args[0]));
const bytes = (path) => Deno.readFileSync(path);
const module = job.wasm ? bytes(job.wasm) : null;

function found() {
  if (job.file) return read(job.file.split("/").pop(), bytes(job.file), job.known);
  return { ...job.about, weights: unpack(job.about.weights, bytes(job.data)) };
}

if (job.cuts) { // what is said of each beginning of a file
  const whole = bytes(job.cuts), said = [];
  for (let end = 0; end <= whole.length; end++) {
    try {
      said.push(read(job.cuts.split("/").pop(), whole.slice(0, end), job.known).name);
    } catch (error) {
      said.push(error.message);
    }
  }
  console.log(JSON.stringify(said));
  Deno.exit();
}
try {
  const { weights, ...about } = found();
  about.architecture = complete(about.architecture, job.known.defaults);
  const start = performance.now();
  const network = new Network(about.architecture, weights, await kernels(module));
  if (Boolean(job.wasm) === network.kernels.plain) throw new Error("these are the other kernels");
  const loading = performance.now() - start;
  const inputs = new Float32Array(bytes(job.inputs).buffer), each = job.shape.reduce((a, b) => a * b, 1);
  const parts = [], times = [];
  let places = [];
  for (let i = 0; i < inputs.length / each; i++) {
    const input = inputs.subarray(i * each, (i + 1) * each), begin = performance.now();
    const { keep, heads, off, shape } = job;
    const answer = await network.run({ input, shape, keep, heads, off });
    times.push(performance.now() - begin);
    const all = { ...answer.kept, logits: { shape: [answer.logits.length], values: answer.logits } };
    for (const [name, values] of Object.entries(answer.heads)) all[name] = { shape: [values.length], values };
    places = Object.entries(all).map(([path, { shape }]) => [path, shape]);
    parts.push(...Object.values(all).map(({ values }) => values));
  }
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  Deno.writeFileSync(job.out, new Uint8Array(whole.buffer));
  console.log(JSON.stringify({ about, places, times, loading, memory: network.kernels.floats.byteLength }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, stack: error.stack }));
}
