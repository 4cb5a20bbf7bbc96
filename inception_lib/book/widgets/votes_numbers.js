// What the positions say: the logits at each, their mean, and a fully connected layer on all of them.
import { randoms } from "../live/shapes.js";
import { fromBase64 } from "../live/weights.js";

// Of each class the logit at each position, of maps { shape, values } and a classifier's { values, bias }.
export function votesOf({ shape: [channels, height, width], values }, { values: weights, bias }) {
  const area = height * width;
  return Array.from(bias, (b, k) => {
    const votes = new Float64Array(area).fill(b);
    for (let c = 0; c < channels; c++) {
      const weight = weights[k * channels + c];
      for (let i = 0; i < area; i++) votes[i] += weight * values[c * area + i];
    }
    return votes;
  });
}

// Which position is in each place: all in their own for number 0, else shuffled, the same for the same number.
export function orderOf(count, number) {
  const order = [...Array(count).keys()];
  if (!number) return order;
  const random = randoms(number);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// Global average pooling of the votes, in the order in which they are in the grid.
export const meansOf = (votes, order) =>
  votes.map((each) => order.reduce((sum, i) => sum + each[i], 0) / order.length);

// The layer as it was recorded, its weights as numbers from -127 to 127.
export const unpacked = (record) => ({
  ...record,
  weights: new Int8Array(fromBase64(record.weights).buffer),
});

// The logits of a fully connected layer on the flattened maps, whose positions are in this order.
export function connectedTo({ weights, scales, biases }, { shape: [channels], values }, order) {
  const area = order.length, features = channels * area;
  return biases.map((bias, k) => {
    let sum = 0;
    for (let c = 0, at = k * features; c < channels; c++) {
      for (let i = 0; i < area; i++) sum += weights[at++] * values[c * area + order[i]];
    }
    return scales[k] * sum + bias;
  });
}
