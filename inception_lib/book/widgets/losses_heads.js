// The auxiliary heads on maps of the trunk: average pool, 1x1 convolution, two fully connected layers.
import { fromBase64 } from "../live/weights.js";

// Of each head its layers, { weight, bias, outputs, inputs } by name, out of the record's packed tensors.
export function headsOf({ tensors, data }) {
  const bytes = fromBase64(data).buffer, heads = {};
  for (const { name, shape, form, at, scales } of tensors) {
    const [head, layer, , what] = name.split("."), size = shape.reduce((a, b) => a * b, 1);
    const own = (heads[head] ??= {})[layer] ??= {};
    own[what] = form === "int8"
      ? scaled(new Int8Array(bytes, at, size), new Float32Array(bytes.slice(scales, scales + 4 * shape[0])))
      : new Float32Array(bytes.slice(at, at + 4 * size));
    if (what === "weight") [own.outputs, own.inputs] = [shape[0], size / shape[0]];
  }
  return heads;
}

function scaled(whole, scales) {
  const each = whole.length / scales.length;
  return Float32Array.from(whole, (v, i) => v * scales[Math.floor(i / each)]);
}

function layerOf({ weight, bias, outputs, inputs }, x, relu) {
  return Float64Array.from({ length: outputs }, (_, k) => {
    let sum = bias[k];
    for (let i = 0; i < inputs; i++) sum += weight[k * inputs + i] * x[i];
    return relu && sum < 0 ? 0 : sum;
  });
}

// The logits of a head on maps of 5x5, of which its 5x5 average pool is the mean. No dropout: it answers.
export function headLogits({ conv, fc, classifier }, { shape: [channels, height, width], values }) {
  if (height !== 5 || width !== 5) throw new Error(`A head here takes maps of 5x5, not ${height}x${width}.`);
  const means = Float64Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = 25 * c; i < 25 * (c + 1); i++) sum += values[i];
    return sum / 25;
  });
  return layerOf(classifier, layerOf(fc, layerOf(conv, means, true), true), false);
}
