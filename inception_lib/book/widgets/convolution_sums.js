// What a convolution computes: its inputs, its weights, its sums, and what they cost.
import { Live, parts } from "../live/client.js";
import { drawn, look, randoms } from "../live/shapes.js";
import { fromBase64 } from "../live/weights.js";
import { total } from "./common.js";
import { nearest } from "./linear.js";

// The object that the bundled network looks at.
const OBJECT = { name: "striped square", x: 0.46, y: 0.48, radius: 0.24, turn: Math.PI / 18 };

// Maps from pixels, R, G and B by turns: { channels, height, width, area, values }, as of one of the network.
export function mapsOfPixels(bytes, side) {
  const area = side * side;
  const values = Float32Array.from(
    { length: 3 * area },
    (_, i) => bytes[3 * (i % area) + Math.floor(i / area)],
  );
  return { channels: 3, height: side, width: side, area, values };
}

// What the bundled network has at `before`, once it has run: its maps, and the filters of a `layer` behind it.
export async function mapsOfNetwork(model, before, layer) {
  const all = await parts(model), live = new Live(all);
  try {
    const { architecture: { input: [, side] } } = await live.open(all.networks["shapes-1"]);
    const { data } = drawn(OBJECT, look(1, side), side);
    const { kept } = await live.run({ image: new ImageData(data, side, side), keep: [before] });
    const { shape: [channels, height, width], values } = kept[before];
    const filters = layer && await live.filters(layer);
    return { maps: { channels, height, width, area: height * width, values }, filters };
  } finally {
    live.close();
  }
}

// A case: { maps, matrix (rows of weights, one for each output), bias, relu }.
export function grayCase({ photograph: { side, data }, luma }) {
  return { maps: mapsOfPixels(fromBase64(data), side), matrix: [luma], bias: [0], relu: false };
}

export async function mapsCase(model, { before, layer }) {
  const { maps, filters: { shape, values, bias } } = await mapsOfNetwork(model, before, layer);
  const matrix = Array.from(
    { length: shape[0] },
    (_, j) => [...values.slice(j * shape[1], (j + 1) * shape[1])],
  );
  return { maps, matrix, bias, relu: true };
}

// A case behind one of the kernels: { pattern, matrix, outputs }, each output a map. A weight of the kernel is
// one of the matrix, times one of the pattern.
export function convolved({ maps, matrix, bias, relu }, kernel, patterns, reduce) {
  const pattern = patterns[kernel === "reduced" ? "5x5" : kernel];
  const used = kernel === "reduced" ? nearest(matrix, reduce) : matrix;
  const seen = filtered(maps, pattern); // the pattern first: it is the same for all channels
  const outputs = used.map((row, j) => {
    const map = new Float32Array(maps.area).fill(bias[j]);
    row.forEach((weight, c) => {
      for (let i = 0; i < maps.area; i++) map[i] += weight * seen[c * maps.area + i];
    });
    return relu ? map.map((v) => Math.max(0, v)) : map;
  });
  return { pattern, matrix: used, seen, outputs };
}

// Each map under a pattern, with zeros around it.
function filtered({ channels, height, width, area, values }, pattern) {
  if (pattern.length === 1) return values;
  const found = new Float32Array(values.length), far = (pattern.length - 1) / 2;
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < height; r++) {
      for (let q = 0; q < width; q++) {
        let sum = 0;
        for (let i = Math.max(-far, -r); i <= Math.min(far, height - 1 - r); i++) {
          for (let j = Math.max(-far, -q); j <= Math.min(far, width - 1 - q); j++) {
            sum += pattern[i + far][j + far] * values[c * area + (r + i) * width + q + j];
          }
        }
        found[c * area + r * width + q] = sum;
      }
    }
  }
  return found;
}

// The sum of one output at one position: what each channel adds to it, the bias, and the value.
export function sumAt({ maps, bias, relu }, { matrix, seen }, output, position) {
  const products = matrix[output].map((weight, c) => weight * seen[c * maps.area + position]);
  const sum = products.reduce((a, b) => a + b, bias[output]);
  return { products, bias: bias[output], sum, value: relu ? Math.max(0, sum) : sum };
}

// MACs of each kernel: of all positions, and of the first `done`.
export function costs({ macs, cases }, name, done) {
  const sizes = cases[name];
  return Object.entries(macs).map(([kernel, rows]) => {
    const all = total(rows, "macs", sizes);
    return { kernel, all, spent: all / sizes.grid ** 2 * done };
  });
}

// Where each of n channels stands in a shuffle; number 0 leaves them where they are.
export function placesOf(n, shuffle) {
  const order = Array.from({ length: n }, (_, i) => i), random = randoms(shuffle);
  for (let i = n - 1; shuffle && i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const places = [];
  order.forEach((channel, place) => (places[channel] = place));
  return places;
}
