// What the bundled network sees in the map's image: of each part one of its maps, painted into its canvas.
import { Live, parts } from "../live/client.js";
import { softmax } from "../live/explain.js";
import { drawn, look } from "../live/shapes.js";
import { make } from "./common.js";
import { rampOf } from "./ramp.js";

const BARS = 20; // pixels of a probability of 1
const RADIUS = 0.32, TURN = 0.17; // of the object: of the image's side, and in radians

// The reader's image, drawn into a canvas: { image, key, draw(settings) }; and small ones to choose from.
export function pictureOf(canvas, side) {
  const own = { image: null, key: "" };
  own.draw = ({ shape, x, y, colors }) => {
    const key = JSON.stringify([shape, x, y, colors]);
    if (key === own.key) return;
    own.key = key;
    own.image = drawn(
      { name: shape, x: x / 100, y: y / 100, radius: RADIUS, turn: TURN },
      look(colors, side),
      side,
    );
    canvas.width = canvas.height = side;
    canvas.getContext("2d").putImageData(new ImageData(own.image.data, side, side), 0, 0);
  };
  return own;
}

export function thumbnails(names, size, choose) {
  return names.map((name, i) => {
    const canvas = make("canvas", { width: size, height: size });
    const { data } = drawn({ name, radius: 0.42, turn: TURN }, look(i + 3, size), size);
    canvas.getContext("2d").putImageData(new ImageData(data, size, size), 0, 0);
    const button = make("button", { type: "button", value: name, "aria-label": name, title: name }, canvas);
    button.addEventListener("click", () => choose(name));
    return button;
  });
}

// The network, opened when it is first asked: { ask(picture), answer, failed }; `changed` is called for each.
// `paths` are those of which maps are wanted.
export function seerOf(model, paths, changed) {
  const own = { answer: null, failed: null };
  let opening = null, asking = false;
  const open = async () => {
    const all = await parts(model);
    const live = new Live(all);
    const about = await live.open(all.networks["shapes-1"]);
    return { live, about };
  };
  own.ask = async (picture) => {
    if (asking || own.failed) return;
    asking = true;
    try {
      opening ??= open();
      const { live, about } = await opening;
      while (own.answer?.key !== picture.key) {
        const { image, key } = picture;
        const { logits, kept } = await live.run({ image, keep: paths, wait: true });
        own.answer = { key, classes: about.classes, probabilities: softmax(logits), kept };
        changed();
      }
    } catch (error) {
      own.failed = error.message;
      changed();
    }
    asking = false;
  };
  own.close = () => opening?.then(({ live }) => live.close(), () => {});
  return own;
}

// Paints each part's map that varies most over the image; gives their channels by path, from 0.
export function paint(answer, blocks, canvases, root) {
  const chosen = {};
  for (const { parts } of blocks) {
    for (const { path, branch } of parts) {
      if (!answer.kept[path]) continue; // of a head, or the image
      const { shape: [channels, height = 1, width = 1], values } = answer.kept[path];
      const ramp = rampOf(root, branch), canvas = canvases.get(path);
      if (height * width > 1) {
        chosen[path] = liveliest(values, channels, height * width);
        const from = chosen[path] * height * width;
        fill(canvas, values.subarray(from, from + height * width), width, ramp);
      } else if (path === "classifier") fill(canvas, bars(answer.probabilities), BARS, ramp);
      else fill(canvas, values, Math.ceil(Math.sqrt(channels)), ramp); // each channel a pixel
    }
  }
  return chosen;
}

// A row for each class, as long as its probability.
const bars = (probabilities) =>
  Float32Array.from(
    { length: BARS * probabilities.length },
    (_, i) => probabilities[Math.floor(i / BARS)] * BARS > i % BARS + 0.5 ? 1 : 0,
  );

// The channel whose values have the largest variance.
export function liveliest(values, channels, area) {
  let best = 0, most = -1;
  for (let c = 0; c < channels; c++) {
    let sum = 0, squares = 0;
    for (let i = c * area; i < (c + 1) * area; i++) {
      sum += values[i];
      squares += values[i] * values[i];
    }
    const variance = squares / area - (sum / area) ** 2;
    if (variance > most) [best, most] = [c, variance];
  }
  return best;
}

// Values in rows of `width`, from 0, or the smallest if below, to the largest.
function fill(canvas, values, width, ramp) {
  const height = Math.ceil(values.length / width);
  const low = Math.min(0, ...values),
    high = Math.max(...values),
    factor = high > low ? 255 / (high - low) : 0;
  const pixels = new Uint32Array(width * height);
  values.forEach((value, i) => (pixels[i] = ramp[Math.round((value - low) * factor)]));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(
    new ImageData(new Uint8ClampedArray(pixels.buffer), width, height),
    0,
    0,
  );
}

export function clear(blocks, canvases) {
  for (const { name, parts } of blocks) {
    for (const { path } of name === "input" ? [] : parts) canvases.get(path).width = 1;
  }
}
