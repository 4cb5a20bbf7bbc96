// Weights out of a file that the reader chose: .safetensors, and .caffemodel in both of Caffe's forms.
// What names mean what, which networks there are and what a header may leave out comes from Python (known.py).
import { size } from "./layers.js";
import { numbers } from "./weights.js";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const DTYPES = { F16: "float16", BF16: "bfloat16", F32: "float32", F64: "float64" };

// What a file holds: { name, architecture, preprocess, classes, weights }; an Error of one sentence otherwise.
export function read(name, bytes, known) {
  const refuse = (why) => {
    throw new Error(`${name}: ${why}.`);
  };
  if (bytes.length === 0) refuse("the file is empty");
  const kind = kindOf(bytes, known);
  if (kind) refuse(`this is ${kind}, and not weights that can be read here (.safetensors and .caffemodel)`);
  // a .safetensors file begins with the length of its header, of whose eight bytes at least two are 0
  const safe = (bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 123) || name.endsWith(".safetensors");
  let found;
  try {
    found = safe ? safetensors(bytes, known) : caffemodel(bytes, known);
  } catch (error) {
    refuse(`this is no .${safe ? "safetensors" : "caffemodel"}, or it is damaged (${error.message})`);
  }
  const tensors = found.tensors;
  const weights = { names: [...tensors.keys()], get: (tensor) => tensors.get(tensor) };
  if (found.architecture) return { name, ...found, weights };
  const matched = match(weights, known);
  if (!matched) {
    refuse(
      "these are no weights of GoogLeNet under the names that it has here, in Caffe or in torchvision; where " +
        "load_weights(path) reads them in Python, save_weights writes a file that this page reads",
    );
  }
  const { architecture, preprocess } = matched;
  const count = weights.get("classifier.linear.weight").shape[0];
  return {
    name,
    architecture,
    preprocess: known.preprocess[safe ? preprocess : "bvlc"],
    classes: count === known.imagenet.length ? known.imagenet : null,
    weights,
  };
}

// What else a file is, by its first bytes.
function kindOf(bytes, { kinds }) {
  for (const { start, words } of kinds) {
    if (start.every((byte, i) => bytes[i] === byte)) return words;
  }
  try {
    const words = utf8.decode(bytes.subarray(0, 64));
    // deno-lint-ignore no-control-regex
    if (!/[\0-\x08\x0e-\x1f]/.test(words)) return /^\s*</.test(words) ? "a web page or markup" : "text";
  } catch { /* no text */ }
  return null;
}

// Of the networks that are known the one that most tensors fit, for the number of classes in the file.
function match(weights, { networks }) {
  const classifier = weights.get("classifier.linear.weight");
  if (!classifier || !weights.get("inception_5b.1x1.conv.weight")) return null;
  const scored = networks.map(({ architecture, preprocess }) => {
    let fits = 0;
    const visit = (layers, prefix) => {
      for (const layer of layers) {
        const path = prefix + layer.name;
        for (const branch of layer.branches ?? []) visit(branch.layers, `${path}.`);
        if (layer.is !== "Conv") continue;
        if (weights.get(`${path}.conv.weight`)?.shape[0] === layer.out_channels) fits++;
        if (layer.batch_norm && weights.get(`${path}.norm.weight`)) fits++;
      }
    };
    visit(architecture.layers, "");
    return { fits, preprocess, architecture };
  });
  const { architecture, preprocess } = scored.reduce((best, one) => one.fits > best.fits ? one : best);
  const heads = architecture.heads
    .filter(({ name }) => weights.get(`${name}.classifier.linear.weight`))
    .map((head) => ({ ...head, layers: withClasses(head.layers, classifier.shape[0]) }));
  const layers = withClasses(architecture.layers, classifier.shape[0]);
  return { architecture: { ...architecture, layers, heads }, preprocess };
}

const withClasses = (layers, classes) =>
  layers.map((layer) => layer.name === "classifier" ? { ...layer, out_features: classes } : layer);

function safetensors(bytes, known) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > bytes.length - 8) throw new Error("its header is longer than the file");
  const { __metadata__: about = {}, ...entries } = JSON.parse(utf8.decode(bytes.subarray(8, 8 + length)));
  const ours = about.inception_lib === "1";
  if (about.inception_lib && !ours) throw new Error("a newer inception_lib wrote it");
  const tensors = new Map();
  for (const [key, entry] of Object.entries(entries)) {
    if (/num_batches_tracked$/.test(key)) continue; // counts training steps only
    if (!Array.isArray(entry?.shape) || !Array.isArray(entry.data_offsets)) {
      throw new Error(`${key} is no tensor in its header`);
    }
    const { dtype, shape, data_offsets: [from, to] } = entry;
    if (!(dtype in DTYPES)) throw new Error(`${key} is of the type ${dtype}, which no weight is`);
    const values = numbers(DTYPES[dtype], bytes.subarray(8 + length + from, 8 + length + to), 0, size(shape));
    tensors.set(ours ? key : renamed(key, known.torchvision), { shape, values });
  }
  if (!ours) return { tensors };
  return {
    tensors,
    architecture: complete(JSON.parse(about.architecture), known.defaults),
    preprocess: complete(JSON.parse(about.preprocess), known.defaults),
    classes: JSON.parse(about.classes ?? "null"),
  };
}

// What an older header left out, since it was the usual.
export function complete(value, defaults) {
  if (Array.isArray(value)) return value.map((item) => complete(item, defaults));
  if (value === null || typeof value !== "object") return value;
  const given = Object.entries(value).map(([key, item]) => [key, complete(item, defaults)]);
  return { ...defaults[value.is], ...Object.fromEntries(given) };
}

// A name of torchvision's as ours; any other as it is.
function renamed(key, names) {
  const parts = key.split(".");
  for (let n = parts.length - 1; n > 0; n--) {
    const prefix = parts.slice(0, n).join(".");
    if (Object.hasOwn(names, prefix)) {
      return `${names[prefix]}.${parts.slice(n).join(".")}`.replace(".bn.", ".norm.");
    }
  }
  return key;
}

// A .caffemodel is a protobuf message, NetParameter: layers in field 100 or, before 2015, in field 2. Of
// either, only the names and the numbers are read.
const FORMS = { 100: { name: 1, blobs: 7 }, 2: { name: 4, blobs: 6 } };
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

function caffemodel(bytes, { caffe }) {
  const tensors = new Map();
  for (const { number, wire, value } of fields(bytes)) {
    const form = FORMS[number];
    if (!form || wire !== BYTES) continue;
    let layer = "";
    const blobs = [];
    for (const inner of fields(value)) {
      if (inner.wire !== BYTES) continue;
      if (inner.number === form.name) layer = utf8.decode(inner.value);
      if (inner.number === form.blobs) blobs.push(inner.value);
    }
    const prefix = Object.hasOwn(caffe, layer) ? caffe[layer] : layer;
    blobs.forEach((data, i) => {
      const part = ["weight", "bias"][i], key = `${prefix}.${part}`;
      if (!part) throw new Error(`${layer} has ${blobs.length} arrays, and a layer of GoogLeNet has two`);
      if (tensors.has(key)) throw new Error(`two layers are called ${layer}`);
      const found = blob(data, layer);
      // the older form pads every shape with ones in front, up to four axes
      const axes = part === "bias" ? 1 : prefix.endsWith("linear") ? 2 : found.shape.length;
      const front = found.shape.slice(0, -axes);
      tensors.set(key, front.every((n) => n === 1) ? { ...found, shape: found.shape.slice(-axes) } : found);
    });
  }
  if (tensors.size === 0) throw new Error("it holds no layer with weights");
  return { tensors };
}

function blob(data, layer) {
  const parts = [], old = [0, 0, 0, 0];
  let shape = null;
  for (const { number, wire, value } of fields(data)) {
    if ((number === 5 || number === 8) && wire !== VARINT) {
      const each = number === 5 ? 4 : 8;
      if (value.length % each) throw new Error(`${layer} has a fraction of a number`);
      parts.push(numbers(each === 4 ? "float32" : "float64", value, 0, value.length / each));
    } else if (number === 7 && wire === BYTES) {
      shape = [];
      for (const dim of fields(value)) {
        if (dim.number !== 1) continue;
        if (dim.wire === VARINT) shape.push(dim.value);
        else if (dim.wire === BYTES) {
          for (let at = 0, n; at < dim.value.length;) {
            [n, at] = varint(dim.value, at);
            shape.push(n);
          }
        }
      }
    } else if (number >= 1 && number <= 4 && wire === VARINT) old[number - 1] = value;
  }
  shape ??= old;
  const values = parts.length === 1 ? parts[0] : joined(parts);
  if (values.length !== size(shape)) {
    throw new Error(`${layer} should have ${shape.join("x")} numbers, and has ${values.length}`);
  }
  return { shape, values };
}

function joined(parts) {
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

// The fields of a message: number, wire type, and a whole number or the bytes. A run of fixed-size fields with
// one number (numbers that were not packed) comes as one.
function* fields(data) {
  for (let at = 0, key, value; at < data.length;) {
    const start = at;
    [key, at] = varint(data, at);
    const number = Math.floor(key / 8), wire = key % 8;
    if (number === 0) throw new Error(`byte ${start} of a message begins no field`);
    if (wire === VARINT) [value, at] = varint(data, at);
    else if (wire === BYTES) {
      let length;
      [length, at] = varint(data, at);
      if (length > data.length - at) throw new Error(`a field of ${length} bytes is cut short`);
      value = data.subarray(at, at += length);
    } else if (wire === FIXED32 || wire === FIXED64) {
      [value, at] = run(data, start, at - start, wire === FIXED32 ? 4 : 8);
    } else throw new Error(`byte ${start} of a message has the unknown wire type ${wire}`);
    yield { number, wire, value };
  }
}

// The values of records that are each the same `key` bytes and then `each` bytes, and where they end.
function run(data, start, key, each) {
  const step = key + each,
    same = (at) => {
      for (let i = 0; i < key; i++) if (data[at + i] !== data[start + i]) return false;
      return true;
    };
  let end = start;
  while (end + step <= data.length && same(end)) end += step;
  if (end === start) throw new Error(`a field of ${each} bytes is cut short`);
  const count = (end - start) / step, values = new Uint8Array(count * each);
  for (let i = 0; i < count; i++) {
    values.set(data.subarray(start + i * step + key, start + (i + 1) * step), i * each);
  }
  return [values, end];
}

// A whole number, seven bits a byte, lowest first, and where it ends. Those above 2 ** 53 lose their last bits.
function varint(data, at) {
  let value = 0;
  for (let factor = 1, bytes = 0; bytes < 10; bytes++, factor *= 128) {
    if (at >= data.length) throw new Error("it ends in the middle of a number");
    const byte = data[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
  throw new Error("a number is too long");
}
