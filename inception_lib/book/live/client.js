// The page's side of the engine: a network that runs in a worker. Widgets import this file.
import { fromBase64, fromLetters, normalized } from "./weights.js";

// What the engine needs, { source, wasm, known, networks }: from the page's script (page.py writes it), which
// is fetched when first asked for; in a notebook from the kernel, which sends it once `live_wanted` is set.
// Throws one sentence where there is neither.
export function parts(model, network = "shapes-1") {
  const shared = globalThis[Symbol.for("inception live")] ??= { parts: new Map() };
  const key = model.get("_page") ? "page" : network;
  if (!shared.parts.has(key)) {
    const found = key === "page" ? ofPage() : ofKernel(model, network);
    shared.parts.set(key, found);
    found.catch(() => shared.parts.delete(key)); // the next may have more luck
  }
  return shared.parts.get(key);
}

async function ofPage() {
  if (!globalThis.InceptionLive) await fetched("live.js");
  return globalThis.InceptionLive;
}

// The large network of a page whose `parts` say that one is offered; it is fetched when first asked for.
export async function large() {
  const { networks } = globalThis.InceptionLive;
  if (!networks.large) await fetched("live-large.js");
  return networks.large;
}

function fetched(name) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = new URL(`_static/${name}`, document.baseURI).href;
    script.onload = done;
    script.onerror = () =>
      fail(new Error(`The network's weights, _static/${name}, are not beside this page.`));
    document.head.append(script);
  });
}

function ofKernel(model, network) {
  return new Promise((done, fail) => {
    const heard = () => {
      const parts = model.get("live_parts"), view = model.get("live_weights");
      if (parts.error) fail(new Error(parts.error));
      if (!parts.networks?.[network] || !view?.byteLength) return;
      for (const name of names) model.off(name, heard);
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      done({ ...parts, networks: { [network]: { ...parts.networks[network], bytes } } });
    };
    const names = ["change:live_weights", "change:live_parts"];
    for (const name of names) model.on(name, heard);
    model.set("live_wanted", network);
    model.save_changes();
    heard();
    setTimeout(() => fail(new Error("There is no kernel to send the network: run the cell again.")), 60000);
  });
}

export class Live {
  constructor({ source, wasm, known }) {
    this.asked = new Map();
    this.last = 0;
    const module = wasm ? fromBase64(wasm) : null;
    this.port = worker(source).then((port) => {
      port.onmessage = ({ data: { id, result, error } }) => {
        const { done, fail } = this.asked.get(id);
        this.asked.delete(id);
        if (error === undefined) done(result);
        else fail(new Error(error));
      };
      port.onerror = () => { // it ran out of memory, most likely
        for (const { fail } of this.asked.values()) fail(new Error("The network's worker stopped."));
        this.asked.clear();
      };
      return port;
    });
    this.ready = this.ask("setup", { module, known });
  }

  async ask(ask, request = {}) {
    const id = ++this.last, port = await this.port;
    return new Promise((done, fail) => {
      this.asked.set(id, { done, fail });
      port.postMessage({ id, ask, ...request });
    });
  }

  // Opens one of the networks in `parts`, or a File. Gives what is known of it: { name, architecture,
  // preprocess, classes, heads, plain }.
  async open(what) {
    if (what instanceof Blob) this.about = await this.ask("open", { file: what });
    else {
      const { data, letters, length, bytes, ...packed } = what;
      const given = bytes ?? (letters ? await fromLetters(letters, length) : fromBase64(data));
      this.about = await this.ask("open", { packed, bytes: given });
    }
    return this.about;
  }

  // Runs the network: { image } is an ImageData of the input's size, or { input } a Float32Array, normalized,
  // with { shape }; { keep, heads, off } are as in engine.js. Gives { logits, heads, kept, ms }. A newer run
  // ends an older one between layers; one with { wait: true } lets that in progress end first, so that a
  // moving finger gets answers on its way. Of a run that was passed over, the answer is null.
  run({ image, ...request }) {
    if (image) {
      request.input = normalized(image, this.about.preprocess);
      request.shape = [3, image.height, image.width];
    }
    return this.ask("run", request);
  }

  // Further outputs of the last run that was answered: { path: { shape, values } }.
  read(paths) {
    return this.ask("read", { paths });
  }

  // Weights of a layer as they are multiplied, normalization folded in: { shape, values, bias }.
  filters(path) {
    return this.ask("filters", { path });
  }

  async close() {
    (await this.port).terminate?.();
  }
}

async function worker(source) {
  const address = (end) => URL.createObjectURL(new Blob([source, end], { type: "text/javascript" }));
  try {
    const found = new Worker(address("\nserve(self);"));
    await new Promise((done, fail) => { // a page may refuse it late
      found.onmessage = done;
      found.onerror = fail;
      found.postMessage({ id: 0, ask: "setup" });
    });
    return found;
  } catch { // then in the page itself, between whose frames it breathes
    const { port1, port2 } = new MessageChannel();
    (await import(address("\nexport { serve };"))).serve(port2);
    return port1;
  }
}
