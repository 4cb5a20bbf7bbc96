// What each kind of layer gives: its shape, and, where that is no matrix product, its numbers. `m` is the memory,
// a Float32Array; `x` and `out` are { at, shape }, `at` being an address in bytes.

export const pair = (value) => (Array.isArray(value) ? value : [value, value]);
export const size = (shape) => shape.reduce((product, n) => product * n, 1);
export const text = (shape) => shape.join("x");
const moves = (n, kernel, stride, padding, ceil) => {
  const over = n + 2 * padding - kernel;
  if (over < 0) return 0; // the window is larger than all it could see
  if (!ceil) return Math.floor(over / stride) + 1;
  const last = Math.ceil(over / stride);
  return last * stride >= n + padding ? last : last + 1; // no window that would see only padding
};

// The shape that a layer gives, of the one that arrives.
export function shapeAfter(layer, shape) {
  const [channels, height, width] = shape;
  switch (layer.is) {
    case "Conv":
    case "Pool": {
      const kernel = pair(layer.kernel), padding = pair(layer.padding);
      const grid = [height, width].map((n, i) =>
        moves(n, kernel[i], layer.stride, padding[i], layer.is === "Pool" && layer.ceil)
      );
      if (!(Math.min(...grid) >= 1)) throw new Error(`${layer.name}: ${text(shape)} is too small for it.`);
      return [layer.is === "Conv" ? layer.out_channels : channels, ...grid];
    }
    case "GlobalPool":
      return [channels, layer.output, layer.output];
    case "Linear":
      return [layer.out_features];
    case "Select":
      return [layer.channels.length, ...shape.slice(1)];
    case "Branches": {
      const outs = layer.branches.map((branch) => branch.layers.reduce((s, l) => shapeAfter(l, s), shape));
      const total = layer.join === "add" ? outs[0][0] : outs.reduce((sum, out) => sum + out[0], 0);
      return [total, ...outs[0].slice(1)];
    }
    case "LRN":
    case "Dropout":
    case "Scale":
    case "Tanh":
      return shape;
  }
  throw new Error(`${layer.name}: the page knows no layer of the kind ${layer.is}.`);
}

// The positions that window i of a pooling sees of n, first and end, and how many it counts.
export function windowOf(i, n, kernel, stride, padding) {
  const from = i * stride - padding, to = Math.min(from + kernel, n + padding);
  return [Math.max(0, from), Math.min(n, to), to - from];
}

export function part(i, n, parts) {
  const from = Math.floor((i * n) / parts), to = Math.ceil(((i + 1) * n) / parts);
  return [from, to, to - from];
}

export function average(m, x, out, seen) {
  const [channels, height, width] = x.shape, [, rows, columns] = out.shape;
  for (let c = 0, to = out.at / 4; c < channels; c++) {
    const from = x.at / 4 + c * height * width;
    for (let r = 0; r < rows; r++) {
      const [top, bottom, high] = seen(r, height);
      for (let q = 0; q < columns; q++) {
        const [left, right, wide] = seen(q, width);
        let sum = 0;
        for (let i = top; i < bottom; i++) {
          for (let j = from + i * width + left; j < from + i * width + right; j++) sum += m[j];
        }
        m[to++] = sum / (high * wide);
      }
    }
  }
}

export function normalize(k, { size: n, alpha, beta, k: constant }, x, out) {
  const [channels, height, width] = x.shape, area = height * width;
  const before = n >> 1, after = (n - 1) >> 1;
  if (beta === 0.75 && area >= 4) {
    k.normalize(x.at, out.at, channels, area, before, after, alpha / n, constant);
    return;
  }
  const m = k.floats;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) {
      let sum = 0;
      for (let q = Math.max(0, c - before); q <= Math.min(channels - 1, c + after); q++) {
        sum += m[x.at / 4 + q * area + i] ** 2;
      }
      const at = c * area + i;
      m[out.at / 4 + at] = m[x.at / 4 + at] / (constant + (alpha / n) * sum) ** beta;
    }
  }
}

export function elementwise(m, layer, x, out, tensor, path) {
  const each = size(x.shape.slice(1)), from = x.at / 4, to = out.at / 4, count = size(out.shape);
  if (layer.is === "Dropout") m.copyWithin(to, from, from + count);
  else if (layer.is === "Tanh") {
    for (let i = 0; i < count; i++) m[to + i] = layer.amplitude * Math.tanh(layer.slope * m[from + i]);
  } else if (layer.is === "Select") {
    layer.channels.forEach((c, i) => m.copyWithin(to + i * each, from + c * each, from + (c + 1) * each));
  } else if (layer.is === "Scale") {
    const name = path.replaceAll("/", "."), rows = [x.shape[0]];
    const factors = tensor(`${name}.weight`, rows), bias = tensor(`${name}.bias`, rows);
    for (let i = 0; i < count; i++) {
      const c = Math.floor(i / each);
      m[to + i] = m[from + i] * factors[c] + bias[c];
    }
  }
}

// A copy of maps with zeros around each, at `to`.
export function pad(m, x, to, py, px) {
  const [channels, height, width] = x.shape, wide = width + 2 * px;
  m.fill(0, to, to + channels * (height + 2 * py) * wide);
  for (let c = 0, from = x.at / 4; c < channels; c++) {
    for (let r = 0; r < height; r++) {
      const row = to + (c * (height + 2 * py) + r + py) * wide + px;
      for (let q = 0; q < width; q++) m[row + q] = m[from++];
    }
  }
}
