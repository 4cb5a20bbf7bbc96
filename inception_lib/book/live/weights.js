// Weights as Python packs them (packing.py), and numbers in the forms in which files have them.

const SIZES = { int8: 1, float16: 2, bfloat16: 2, float32: 4, float64: 8 };

let halves = null; // what each of the 65,536 numbers of float16 is
function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const value = exponent === 31
    ? (fraction ? NaN : Infinity)
    : exponent
    ? (1 + fraction / 1024) * 2 ** (exponent - 15)
    : fraction * 2 ** -24;
  return bits & 32768 ? -value : value;
}

// `count` numbers of a form as float32; the bytes may begin anywhere.
export function numbers(form, bytes, at, count) {
  if (!(form in SIZES)) throw new Error(`numbers of the type ${form} are not read here`);
  const copy = bytes.slice(at, at + SIZES[form] * count).buffer;
  if (copy.byteLength !== SIZES[form] * count) throw new Error("it is cut short");
  // loops: `from` with a function takes ten times as long
  switch (form) {
    case "float32":
      return new Float32Array(copy);
    case "float64":
      return new Float32Array(new Float64Array(copy));
    case "int8":
      return new Float32Array(new Int8Array(copy));
  }
  const bits = new Uint16Array(copy), values = new Float32Array(count);
  if (form === "bfloat16") {
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < count; i++) words[i] = bits[i] << 16;
  } else {
    halves ??= Float32Array.from({ length: 65536 }, (_, i) => half(i));
    for (let i = 0; i < count; i++) values[i] = halves[bits[i]];
  }
  return values;
}

// The weights in `bytes`; of int8 each filter has a scale of its own.
export function unpack({ tensors }, bytes) {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return {
    names: [...byName.keys()],
    get(name) {
      const tensor = byName.get(name);
      if (!tensor) return undefined;
      const { shape, form, at, scales } = tensor;
      const count = shape.reduce((product, n) => product * n, 1), each = count / shape[0];
      const values = numbers(form, bytes, at, count);
      if (scales !== undefined) {
        const factors = numbers("float32", bytes, scales, shape[0]);
        for (let row = 0, i = 0; row < shape[0]; row++) {
          for (const end = i + each; i < end; i++) values[i] *= factors[row];
        }
      }
      return { shape, values };
    },
  };
}

export function fromBase64(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Compressed bytes out of text with 15 bits to a letter, as page.py writes a large network: `length` of them.
export async function fromLetters(text, length) {
  const bytes = new Uint8Array(length);
  for (let i = 0, at = 0, bits = 0, held = 0; at < length; i++) {
    bits = (bits << 15) | (text.charCodeAt(i) - 0x3400);
    for (held += 15; held >= 8 && at < length; held -= 8) bytes[at++] = bits >> (held - 8); // its lowest 8 bits
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The pixels of an ImageData (RGBA, from 0 to 255) as a network takes them: [3, height, width].
export function normalized({ data, width, height }, { white, mean, std, channels }) {
  const area = width * height, values = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const from = channels === "BGR" ? 2 - c : c;
    for (let i = 0; i < area; i++) {
      values[c * area + i] = (data[4 * i + from] * (white / 255) - mean[c]) / std[c];
    }
  }
  return values;
}
