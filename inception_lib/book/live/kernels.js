// The inner loops of the engine: of kernels.wat where there is WebAssembly, else these. Same arguments, same
// numbers to the precision of float32; all are byte addresses in one memory, or counts.

const PAGE = 65536;
const MOST = 2 ** 31 - PAGE; // addresses are signed numbers of 32 bits

class Memory {
  constructor(memory, plain) {
    this.memory = memory;
    this.plain = plain;
    this.views();
  }

  views() {
    this.floats = new Float32Array(this.memory.buffer);
    this.ints = new Int32Array(this.memory.buffer);
  }

  // At least so many bytes; what is there stays. Views that were taken before may be of no use afterwards.
  reach(bytes) {
    const lacks = bytes + 64 - this.memory.buffer.byteLength; // loops read a little past a map
    if (lacks <= 0) return;
    if (bytes > MOST) throw new Error("This network needs more memory than a page can have.");
    try {
      this.memory.grow(Math.ceil(lacks / PAGE));
    } catch {
      throw new Error("The browser has not enough memory for this network.");
    }
    this.views();
  }
}

// The kernels, and the memory that they work on. `module` is the assembled kernels.wat, or nothing.
export async function kernels(module) {
  if (module && globalThis.WebAssembly) {
    try {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const { instance } = await WebAssembly.instantiate(module, { engine: { memory } });
      return Object.assign(new Memory(memory, false), instance.exports);
    } catch { /* an old browser has no SIMD, and a strict page may refuse to compile */ }
  }
  const plain = {
    buffer: new ArrayBuffer(PAGE),
    grow(pages) {
      const larger = new Uint8Array(this.buffer.byteLength + pages * PAGE);
      larger.set(new Uint8Array(this.buffer));
      this.buffer = larger.buffer;
    },
  };
  return Object.assign(new Memory(plain, true), loops);
}

const loops = {
  // Columns of a convolution's input for eight positions: panel[k][p] = *(source + taps[k] + spots[p]).
  gather(source, taps, spots, panel, depth) {
    const { floats, ints } = this;
    const [at, tap, spot, to] = [source >> 2, taps >> 2, spots >> 2, panel >> 2];
    for (let p = 0; p < 8; p++) {
      const from = at + (ints[spot + p] >> 2);
      for (let k = 0; k < depth; k++) floats[to + 8 * k + p] = floats[from + (ints[tap + k] >> 2)];
    }
  },

  // out[r][c] = bias[r] + sum over k of weights[r][k] * panel[k][c], then perhaps ReLU; rows of weights are
  // stored four together, k by k, and so 4 x 4 sums can stay in registers.
  product(weights, panel, depth, out, step, bias, rows, columns, relu) {
    const m = this.floats, sums = new Float64Array(16);
    for (let row = 0; row < rows; row += 4) {
      const w0 = (weights >> 2) + row * depth, b0 = (bias >> 2) + row;
      for (let half = 0; half < columns; half += 4) {
        let a = m[b0], b = m[b0 + 1], c = m[b0 + 2], d = m[b0 + 3];
        let a1 = a, a2 = a, a3 = a, b1 = b, b2 = b, b3 = b, c1 = c, c2 = c, c3 = c, d1 = d, d2 = d, d3 = d;
        for (let k = 0, w = w0, p = (panel >> 2) + half; k < depth; k++, w += 4, p += 8) {
          const x0 = m[p], x1 = m[p + 1], x2 = m[p + 2], x3 = m[p + 3];
          const wa = m[w], wb = m[w + 1], wc = m[w + 2], wd = m[w + 3];
          a += wa * x0, a1 += wa * x1, a2 += wa * x2, a3 += wa * x3;
          b += wb * x0, b1 += wb * x1, b2 += wb * x2, b3 += wb * x3;
          c += wc * x0, c1 += wc * x1, c2 += wc * x2, c3 += wc * x3;
          d += wd * x0, d1 += wd * x1, d2 += wd * x2, d3 += wd * x3;
        }
        sums.set([a, a1, a2, a3, b, b1, b2, b3, c, c1, c2, c3, d, d1, d2, d3]);
        for (let r = 0; r < Math.min(4, rows - row); r++) {
          const to = (out + (row + r) * step) / 4 + half;
          for (let q = 0; q < Math.min(4, columns - half); q++) {
            const sum = sums[4 * r + q];
            m[to + q] = relu && sum < 0 ? 0 : sum;
          }
        }
      }
    }
  },

  // LRN with an exponent of 3/4: x / (k + scale * sum of squares) ** 3/4.
  normalize(x, y, channels, area, before, after, scale, k) {
    const m = this.floats, from = x >> 2, to = y >> 2;
    for (let c = 0; c < channels; c++) {
      const first = Math.max(0, c - before), last = Math.min(channels - 1, c + after);
      for (let i = 0; i < area; i++) {
        let sum = 0;
        for (let q = first; q <= last; q++) sum += m[from + q * area + i] ** 2;
        const root = Math.sqrt(k + scale * sum);
        m[to + c * area + i] = m[from + c * area + i] / (root * Math.sqrt(root));
      }
    }
  },

  // Max pooling. Positions of a padding never win.
  maximum(x, y, channels, height, width, rows, columns, kernel, stride, padding) {
    const m = this.floats;
    let from = x >> 2, to = y >> 2;
    for (let c = 0; c < channels; c++, from += height * width) {
      for (let r = 0; r < rows; r++) {
        const top = Math.max(0, r * stride - padding), end = Math.min(height, r * stride - padding + kernel);
        for (let q = 0; q < columns; q++) {
          const left = Math.max(0, q * stride - padding);
          const right = Math.min(width, q * stride - padding + kernel);
          let most = -Infinity;
          for (let i = top; i < end; i++) {
            for (let j = from + i * width + left; j < from + i * width + right; j++) {
              if (m[j] > most) most = m[j];
            }
          }
          m[to++] = most;
        }
      }
    }
  },
};
