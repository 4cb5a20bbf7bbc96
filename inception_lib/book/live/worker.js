// The worker's side: asked by messages { id, ask, ... }, it answers { id, result } or { id, error }.
// client.js is the page's side.
import { Network } from "./engine.js";
import { complete, read } from "./files.js";
import { kernels } from "./kernels.js";
import { unpack } from "./weights.js";

// Serves whatever has messages: a worker's own scope or, where there are no workers, a port in the page.
export function serve(port) {
  let module = null, known = null, network = null;
  let newest = 0; // the newest run that was asked for
  let urgent = 0; // the newest that does not wait for the one in progress
  let turn = Promise.resolve();

  // lets messages in that came meanwhile
  const { port1, port2 } = new MessageChannel();
  const breath = () =>
    new Promise((done) => {
      port1.onmessage = done;
      port2.postMessage(0);
    });

  const asks = {
    setup(request) {
      ({ module, known } = request);
    },
    // the network of a file that the reader chose, or one that Python packed
    async open({ file, packed, bytes }) {
      const found = file
        ? read(file.name, new Uint8Array(await file.arrayBuffer()), known)
        : { ...packed, weights: unpack(packed.weights, bytes) };
      for (const part of ["architecture", "preprocess"]) {
        found[part] = complete(found[part], known?.defaults ?? {});
      }
      const { weights, ...about } = found;
      network = null; // its memory first, which may be large
      network = new Network(found.architecture, weights, await kernels(module));
      return { ...about, heads: network.heads.map(({ name }) => name), plain: network.kernels.plain };
    },
    async run({ id, ...request }) {
      if (id < newest) return null;
      const start = performance.now();
      const pause = async () => {
        await breath();
        return id >= urgent;
      };
      const answer = await opened().run({ ...request, pause });
      return answer && { ...answer, ms: performance.now() - start };
    },
    read: ({ paths }) => Object.fromEntries(paths.map((path) => [path, opened().read(path)])),
    filters: ({ path }) => opened().filtersOf(path),
  };

  const opened = () => {
    if (!network) throw new Error("No network is open.");
    return network;
  };

  port.onmessage = ({ data: { id, ask, wait, ...request } }) => {
    if (ask === "run") {
      newest = id;
      if (!wait) urgent = id;
    }
    turn = turn.then(async () => {
      try {
        const result = await asks[ask]({ id, ...request });
        port.postMessage({ id, result }, buffers(result));
      } catch (error) {
        port.postMessage({ id, error: error.message });
      }
    });
  };
}

// The memory of arrays in an answer, which moves to the page without a copy.
function buffers(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(value.buffer);
  else if (value && typeof value === "object") {
    for (const part of Object.values(value)) {
      buffers(part, found);
    }
  }
  return [...found];
}
