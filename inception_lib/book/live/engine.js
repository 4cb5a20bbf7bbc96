// Runs a network: any Architecture, as Python writes it into the header of a .safetensors file (there called
// `architecture`), with its weights. No layer of GoogLeNet is written here.
//
// A shape is [channels, height, width], or [features] of a fully connected layer; values are in that order.
// `weights` is what weights.js and files.js give: { names, get(name) -> { shape, values } or undefined }.

import {
  average,
  elementwise,
  normalize,
  pad,
  pair,
  part,
  shapeAfter,
  size,
  text,
  windowOf,
} from "./layers.js";

const COLUMNS = 8; // positions that one product computes together
export class Network {
  // `kernels` as kernels() gives them; a network has them, and their memory, for itself.
  constructor(architecture, weights, kernels) {
    this.architecture = architecture;
    this.weights = weights;
    this.kernels = kernels;
    this.used = 64; // bytes of the memory that are given away; 0 is no address
    this.panels = new Map(); // of each layer with weights, where they are
    this.planned = null;
    this.last = 0; // the number of the last run
    const [channels] = this.load(architecture.layers, architecture.input, "");
    this.classes = channels;
    this.heads = architecture.heads.filter(({ name }) => weights.names.some((n) => n.startsWith(`${name}.`)));
    for (const head of this.heads) this.load(head.layers, this.shapeOf(head.after), `${head.name}/`);
    this.bound = this.used; // weights end here; a plan may use all behind
  }

  allot(bytes) {
    const at = this.used;
    this.used += (bytes + 15) & ~15;
    this.kernels.reach(this.used);
    return at;
  }

  // The shape that a layer of the trunk gives, for an input of `input`.
  shapeOf(name, input = this.architecture.input) {
    let shape = input;
    for (const layer of this.architecture.layers) {
      shape = shapeAfter(layer, shape);
      if (layer.name === name) return shape;
    }
    throw new Error(`${this.architecture.name}: has no layer ${name} in its trunk.`);
  }

  // A tensor of the weights; `shape` is what this network needs it to be.
  tensor(name, shape) {
    const found = this.weights.get(name), wanted = text(shape);
    const refuse = (why) => {
      throw new Error(`These weights do not fit ${this.architecture.name}: ${name} ${why}.`);
    };
    if (!found) refuse(`(${wanted}) is missing`);
    if (text(found.shape) !== wanted) refuse(`is ${text(found.shape)}, and should be ${wanted}`);
    let zero = 0; // a value that is infinite or not a number makes it something else
    for (const value of found.values) zero += value * 0;
    if (zero !== 0) refuse("holds values that are infinite or not a number");
    return found.values;
  }

  // Weights and biases of a layer as they are multiplied: batch normalization is folded into them.
  filters(path, layer, shape) {
    const conv = layer.is === "Conv", prefix = path.replaceAll("/", ".");
    const rows = conv ? layer.out_channels : layer.out_features;
    const groups = !conv ? 1 : layer.groups === "depthwise" ? shape[0] : layer.groups;
    const each = conv ? [shape[0] / groups, ...pair(layer.kernel)] : [size(shape)];
    const name = `${prefix}.${conv ? "conv" : "linear"}`;
    let values = this.tensor(`${name}.weight`, [rows, ...each]);
    let bias = layer.bias ? this.tensor(`${name}.bias`, [rows]) : new Float32Array(rows);
    if (layer.batch_norm) {
      const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
        this.tensor(`${prefix}.norm.${part}`, [rows])
      );
      const factors = Array.from(gain, (g, r) => g / Math.sqrt(variance[r] + layer.norm_eps));
      const depth = size(each);
      bias = Float32Array.from(factors, (f, r) => (bias[r] - mean[r]) * f + shift[r]);
      values = values.slice();
      for (let row = 0, i = 0; row < rows; row++) {
        for (const end = i + depth; i < end; i++) values[i] *= factors[row];
      }
    }
    return { rows, groups, depth: size(each), shape: [rows, ...each], values, bias };
  }

  // The same of one layer by its path, for who shows them: { rows, groups, depth, shape, values, bias }, copies.
  filtersOf(path) {
    const find = (layers, x, prefix) => {
      for (const layer of layers) {
        if (prefix + layer.name === path) {
          const found = this.filters(path, layer, x);
          return { ...found, values: found.values.slice(), bias: found.bias.slice() };
        }
        for (const branch of layer.branches ?? []) {
          const found = find(branch.layers, x, `${prefix}${layer.name}/`);
          if (found) return found;
        }
        x = shapeAfter(layer, x);
      }
    };
    if (!this.panels.has(path)) throw new Error(`${this.architecture.name}: ${path} has no weights.`);
    const { layers, input } = this.architecture;
    return find(layers, input, "") ??
      this.heads.map((h) => find(h.layers, this.shapeOf(h.after), `${h.name}/`)).find(Boolean);
  }

  // Puts the weights of layers into the memory: rows four together, k by k, as a product takes them.
  load(layers, shape, prefix) {
    for (const layer of layers) {
      const path = prefix + layer.name;
      if (layer.is === "Branches") {
        for (const branch of layer.branches) this.load(branch.layers, shape, `${path}/`);
      } else if (layer.is === "Conv" || layer.is === "Linear") {
        const { rows, groups, depth, values, bias } = this.filters(path, layer, shape);
        const each = rows / groups, stored = (each + 3) & ~3; // of a group, with rows of zeros up to four
        const at = this.allot(4 * groups * stored * (depth + 1));
        const floats = this.kernels.floats, biases = at / 4 + groups * stored * depth;
        floats.fill(0, at / 4, biases + groups * stored);
        for (let row = 0; row < rows; row++) {
          const group = Math.floor(row / each), r = row % each;
          let to = at / 4 + (group * stored + (r & ~3)) * depth + (r & 3);
          for (let k = row * depth; k < (row + 1) * depth; k++, to += 4) floats[to] = values[k];
          floats[biases + group * stored + r] = bias[row];
        }
        this.panels.set(path, { at, bias: 4 * biases, groups, each, stored, depth });
      }
      shape = shapeAfter(layer, shape);
    }
    return shape;
  }

  // What is to be done for an input of a size, step by step, and where in the memory everything is.
  plan(input, heads) {
    const key = `${text(input)} ${heads}`;
    if (this.planned?.key === key) return this.planned;
    this.used = this.bound;
    const plan = { key, steps: [], places: new Map(), ends: new Map(), scratch: 0, pads: 0 };
    this.planned = null; // the memory of the old plan is given away
    plan.input = { at: this.allot(4 * size(input)), shape: input };
    plan.places.set("input", plan.input);
    let x = plan.input;
    for (const layer of this.architecture.layers) {
      x = this.layer(plan, layer, x, layer.name);
      for (const head of heads ? this.heads : []) {
        if (head.after !== layer.name) continue;
        let y = x;
        for (const inner of head.layers) y = this.layer(plan, inner, y, `${head.name}/${inner.name}`);
        plan.places.set(head.name, y);
      }
    }
    plan.output = x;
    plan.scratch = this.allot(plan.scratch); // a panel or a line: of one step at a time
    plan.pads = this.allot(plan.pads); // an input with its padding
    return this.planned = plan;
  }

  // Adds the steps of one layer to a plan; `target` is where its result has to be, if anywhere.
  layer(plan, layer, x, path, target) {
    const out = { at: target ?? 0, shape: shapeAfter(layer, x.shape) };
    if (target === undefined) out.at = this.allot(4 * size(out.shape));
    plan.places.set(path, out);
    const step = (run) => plan.steps.push({ path, out, run });
    switch (layer.is) {
      case "Branches":
        this.branches(plan, layer, x, path, out);
        break;
      case "Conv":
      case "Linear":
        this.product(plan, layer, x, path, out, step);
        break;
      case "Pool": {
        const { op, kernel, stride, padding } = layer, [c, h, w] = x.shape, [, rows, columns] = out.shape;
        plan.scratch = Math.max(plan.scratch, 4 * (columns * stride + kernel + w + 2 * padding + 8));
        if (op === "max") {
          step((k) => k.maximum(x.at, out.at, c, h, w, rows, columns, kernel, stride, padding, plan.scratch));
        } else step((k) => average(k.floats, x, out, (i, n) => windowOf(i, n, kernel, stride, padding)));
        break;
      }
      case "GlobalPool":
        step((k) => average(k.floats, x, out, (i, n) => part(i, n, layer.output)));
        break;
      case "LRN":
        step((k) => normalize(k, layer, x, out));
        break;
      default: // one number of each number
        step((k) => elementwise(k.floats, layer, x, out, (name, shape) => this.tensor(name, shape), path));
    }
    return out;
  }

  // A module. Where branches are concatenated, each puts its result into its part of the whole at once.
  branches(plan, layer, x, path, out) {
    const adds = layer.join === "add", parts = [];
    let channel = 0;
    for (const branch of layer.branches) {
      const shape = branch.layers.reduce((s, l) => shapeAfter(l, s), x.shape);
      const target = adds ? this.allot(4 * size(shape)) : out.at + 4 * channel * size(shape.slice(1));
      let y = x;
      branch.layers.forEach((inner, i) => {
        const last = i === branch.layers.length - 1;
        y = this.layer(plan, inner, y, `${path}/${inner.name}`, last ? target : undefined);
      });
      // a branch without layers passes its input on
      const end = `${path}/${branch.layers.at(-1)?.name ?? `(${branch.name})`}`;
      if (y === x) {
        y = { at: target, shape };
        plan.steps.push({
          path: end,
          out: y,
          run: ({ floats }) => floats.copyWithin(target / 4, x.at / 4, x.at / 4 + size(shape)),
        });
      }
      plan.ends.set(`${path} ${branch.name}`, end);
      parts.push(y);
      channel += shape[0];
    }
    const join = ({ floats: m }) => {
      for (let i = out.at / 4, end = i + size(out.shape), k = 0; i < end; i++, k++) {
        let sum = 0;
        for (const y of parts) sum += m[y.at / 4 + k];
        m[i] = layer.relu && sum < 0 ? 0 : sum;
      }
    };
    plan.steps.push({ path, out, run: adds ? join : () => {} });
  }

  // A convolution, or a fully connected layer, which is one with a single position: a matrix product for
  // eight positions at a time, each a column of all the numbers that its window sees.
  product(plan, layer, x, path, out, step) {
    const { at, bias, groups, each, stored, depth } = this.panels.get(path);
    const conv = layer.is === "Conv", shape = conv ? x.shape : [size(x.shape), 1, 1];
    const [rows, columns] = conv ? pair(layer.kernel) : [1, 1],
      [py, px] = conv ? pair(layer.padding) : [0, 0];
    const stride = conv ? layer.stride : 1;
    const [channels, height, width] = [shape[0], shape[1] + 2 * py, shape[2] + 2 * px];
    const grid = conv ? out.shape.slice(1) : [1, 1], positions = size(grid);
    if (groups * depth !== channels * rows * columns) {
      throw new Error(`${path}: takes ${groups * depth} numbers, and ${text(x.shape)} arrive.`);
    }
    const padded = py + px > 0;
    if (padded) plan.pads = Math.max(plan.pads, 4 * channels * height * width);
    plan.scratch = Math.max(plan.scratch, 4 * COLUMNS * depth);
    const taps = this.allot(4 * depth), count = Math.ceil(positions / COLUMNS) * COLUMNS;
    const spots = this.allot(4 * count), ints = this.kernels.ints;
    for (let i = 0, tap = taps / 4; i < channels / groups; i++) {
      for (let r = 0; r < rows; r++) {
        for (let q = 0; q < columns; q++) ints[tap++] = 4 * ((i * height + r) * width + q);
      }
    }
    for (let i = 0; i < count; i++) {
      const p = i < positions ? i : i - (i % COLUMNS), row = Math.floor(p / grid[1]); // none too many is read
      ints[spots / 4 + i] = 4 * stride * (row * width + (p % grid[1]));
    }
    step((k) => {
      if (padded) pad(k.floats, x, plan.pads / 4, py, px);
      for (let group = 0; group < groups; group++) {
        const source = (padded ? plan.pads : x.at) + 4 * group * (channels / groups) * height * width;
        const weights = at + 4 * group * stored * depth;
        for (let p = 0; p < positions; p += COLUMNS) {
          const to = out.at + 4 * (group * each * positions + p);
          k.gather(source, taps, spots + 4 * p, plan.scratch, depth);
          k.product(
            weights,
            plan.scratch,
            depth,
            to,
            4 * positions,
            bias + 4 * group * stored,
            each,
            Math.min(COLUMNS, positions - p),
            layer.relu ? 1 : 0,
          );
        }
      }
    });
  }

  // Runs the network on one image.
  //   input  Float32Array, normalized as the weights want it; `shape` is [channels, height, width], and that
  //          of the architecture where it is not given
  //   keep   paths of layers whose outputs are wanted, or "all"; "input" is the input
  //   heads  whether the auxiliary heads run
  //   off    what is set to zero: { module, branch } or { path, channels }, channels being numbers, or all
  //   pause  called between layers once some milliseconds went by; where it gives false, the run ends there
  // Gives { logits, heads: { aux1: ... }, kept: { path: { shape, values } } }, or null if it ended early.
  // read() then gives any further output of this run.
  async run({ input, shape = this.architecture.input, keep = [], heads = false, off = [], pause }) {
    if (shape.length !== 3 || shape[0] !== this.architecture.input[0] || input.length !== size(shape)) {
      throw new Error(
        `${this.architecture.name}: ${input.length} numbers are no input of ${text(shape)} for it.`,
      );
    }
    const number = ++this.last;
    const plan = this.plan(shape, heads), zeros = switchedOff(plan, off);
    this.kernels.floats.set(input, plan.input.at / 4);
    let since = performance.now();
    for (const step of plan.steps) {
      step.run(this.kernels);
      for (const channels of zeros.get(step.path) ?? []) silence(this.kernels.floats, step.out, channels);
      if (pause && performance.now() - since > 8) {
        if (!await pause() || number !== this.last) return null;
        since = performance.now();
      }
    }
    const kept = {};
    for (const path of keep === "all" ? plan.places.keys() : keep) kept[path] = this.read(path);
    const classifiers = heads ? this.heads : [];
    return {
      logits: this.read(null).values,
      heads: Object.fromEntries(classifiers.map(({ name }) => [name, this.read(name).values])),
      kept,
    };
  }

  // The output of a layer in the last run, a copy.
  read(path) {
    const place = path === null ? this.planned?.output : this.planned?.places.get(path);
    if (!place) throw new Error(`${this.architecture.name}: has no layer ${path} that was run.`);
    const { at, shape } = place;
    return { shape, values: this.kernels.floats.slice(at / 4, at / 4 + size(shape)) };
  }
}

// Of each step's path the lists of channels to set to zero after it; null stands for all.
function switchedOff(plan, off) {
  const zeros = new Map();
  for (const { module, branch, path, channels = null } of off) {
    const at = path ?? plan.ends.get(`${module} ${branch}`);
    if (!plan.steps.some((step) => step.path === at)) {
      throw new Error(`There is no ${path ?? `branch ${branch} in ${module}`} to switch off.`);
    }
    zeros.set(at, [...(zeros.get(at) ?? []), channels]);
  }
  return zeros;
}

function silence(m, { at, shape }, channels) {
  const each = size(shape.slice(1));
  for (const c of channels ?? [...Array(shape[0]).keys()]) {
    if (!(c >= 0 && c < shape[0])) throw new Error(`There is no channel ${c} of ${shape[0]} to switch off.`);
    m.fill(0, at / 4 + c * each, at / 4 + (c + 1) * each);
  }
}
