// One number of a map: the layers on its way, what it sees of the image, and the sum that it is, written out.
// Positions and channels count from 0.
import { pair, part, shapeAfter, size, windowOf } from "./layers.js";

// The layers from the input to the one at `path`: of each its { path, layer, from, shape }, `from` being the
// path of what arrives and `shape` its shape. Of the input itself there are none.
export function wayTo(architecture, path) {
  const steps = [];
  let shape = architecture.input, from = "input";
  const through = (layer, at) => {
    steps.push({ path: at, layer, from, shape });
    shape = shapeAfter(layer, shape);
    from = at;
    return at === path;
  };
  if (from === path) return steps;
  for (const layer of architecture.layers) {
    const of = (inner) => `${layer.name}/${inner.name}`;
    const branch = layer.branches?.find(({ layers }) => layers.some((inner) => of(inner) === path));
    for (const inner of branch?.layers ?? []) {
      if (through(inner, of(inner))) return steps;
    }
    if (through(layer, layer.name)) return steps;
  }
  throw new Error(`${architecture.name}: has no layer ${path} in its trunk.`);
}

// The theoretical receptive field of a position: { top, left, bottom, right } in pixels, the last two still
// inside it; those beyond the image are padding.
export function fieldOf(way, row, column) {
  const [[top, bottom], [left, right]] = [row, column].map((position, axis) =>
    way.reduceRight((ends, { layer, shape }) => seen(layer, ends, axis, shape), [position, position])
  );
  return { top, left, bottom, right };
}

// On which of what goes into a layer, along an axis, those from `low` to `high` of what comes out depend.
function seen(layer, [low, high], axis, shape) {
  switch (layer.is) {
    case "Conv":
    case "Pool": {
      const kernel = pair(layer.kernel)[axis], padding = pair(layer.padding)[axis];
      return [low * layer.stride - padding, high * layer.stride - padding + kernel - 1];
    }
    case "Branches": {
      const ends = layer.branches.map(({ layers }) =>
        layers.reduceRight((inner, l) => seen(l, inner, axis, shape), [low, high])
      );
      return [Math.min(...ends.map(([first]) => first)), Math.max(...ends.map(([, last]) => last))];
    }
    case "GlobalPool": {
      const n = shape[axis + 1];
      return [part(low, n, layer.output)[0], part(high, n, layer.output)[1] - 1];
    }
    case "Linear":
      return [0, (shape[axis + 1] ?? 1) - 1];
  }
  return [low, high];
}

// How a number of a layer's output comes about, of what arrives there, `x` { shape, values }, and the `filters`
// of a layer that has weights, as the engine gives them. Always with its `kind` and `value`:
//   sum      terms [{ channel, sum, products: [[input, weight], ...] }], bias, sum, relu
//   largest  inputs, of one channel
//   mean     inputs, and the count that their sum is divided by
//   divided  own, divided by `by`: the root of what the channels around have
//   same     nothing is done
export function explain(layer, x, { channel, row, column }, filters) {
  switch (layer.is) {
    case "Conv":
    case "Linear":
      return sumOf(layer, x, channel, row, column, filters);
    case "Pool":
    case "GlobalPool": {
      const [, height, width] = x.shape, { kernel, stride, padding } = layer;
      const [rows, columns] = [[row, height], [column, width]].map(([i, n]) =>
        layer.is === "Pool" ? windowOf(i, n, kernel, stride, padding) : part(i, n, layer.output)
      );
      const inputs = [];
      for (let r = rows[0]; r < rows[1]; r++) {
        for (let q = columns[0]; q < columns[1]; q++) {
          inputs.push(x.values[(channel * height + r) * width + q]);
        }
      }
      if (layer.op === "max") return { kind: "largest", value: Math.max(...inputs), inputs };
      const count = rows[2] * columns[2];
      return { kind: "mean", value: inputs.reduce((sum, v) => sum + v, 0) / count, inputs, count };
    }
    case "LRN": {
      const area = size(x.shape.slice(1)), at = row * x.shape[2] + column;
      let squares = 0;
      const first = Math.max(0, channel - (layer.size >> 1));
      const last = Math.min(x.shape[0] - 1, channel + ((layer.size - 1) >> 1));
      for (let c = first; c <= last; c++) squares += x.values[c * area + at] ** 2;
      const by = (layer.k + layer.alpha / layer.size * squares) ** layer.beta;
      const own = x.values[channel * area + at];
      return { kind: "divided", value: own / by, own, by };
    }
    case "Dropout":
      return { kind: "same", value: x.values[(channel * x.shape[1] + row) * x.shape[2] + column] };
  }
  throw new Error(`${layer.name}: a ${layer.is} is not explained here.`);
}

function sumOf(layer, x, channel, row, column, { shape, groups, values, bias }) {
  const conv = layer.is === "Conv"; // a fully connected layer is one with a single position
  const [, height, width] = conv ? x.shape : [0, 1, 1];
  const [rows, columns] = conv ? shape.slice(2) : [1, 1], [py, px] = conv ? pair(layer.padding) : [0, 0];
  const top = conv ? row * layer.stride - py : 0, left = conv ? column * layer.stride - px : 0;
  const first = Math.floor(channel * groups / shape[0]) * shape[1]; // of the channels that it sees
  const terms = [];
  let sum = bias[channel], at = channel * shape[1] * rows * columns;
  for (let c = first; c < first + shape[1]; c++) {
    const term = { channel: c, sum: 0, products: [] };
    for (let r = top; r < top + rows; r++) {
      for (let q = left; q < left + columns; q++) {
        const inside = r >= 0 && r < height && q >= 0 && q < width;
        const input = inside ? x.values[(c * height + r) * width + q] : 0, weight = values[at++];
        term.products.push([input, weight]);
        term.sum += input * weight;
      }
    }
    sum += term.sum;
    terms.push(term);
  }
  const relu = Boolean(layer.relu), value = relu ? Math.max(0, sum) : sum;
  return { kind: "sum", value, terms, bias: bias[channel], sum, relu };
}

// The terms as one reads them: the `count` with the largest sums, either sign, and what the others add up to.
export function largest(terms, count) {
  const sorted = [...terms].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
  const others = sorted.slice(count);
  return {
    shown: sorted.slice(0, count),
    others: others.length,
    rest: others.reduce((sum, term) => sum + term.sum, 0),
  };
}

export function softmax(logits) {
  const most = Math.max(...logits), powers = Array.from(logits, (v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
