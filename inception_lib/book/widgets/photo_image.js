// A picture of the reader's as the network takes it: resized as Pillow resizes, and cut.
import { make } from "./common.js";

const sinc = (x) => x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
// Pillow's filters: how far each reaches, and what it weighs.
const FILTERS = {
  box: [0.5, (x) => x > -0.5 && x <= 0.5 ? 1 : 0],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, (x) => Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0],
  bicubic: [2, cubic],
  lanczos: [3, (x) => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0],
};
const LONGEST = 4096; // pixels of a picture's longer side; a larger one is first shrunk by the browser

function cubic(x) {
  const a = -0.5, d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

// The pixels of a picture's file, an ImageData, upright.
export async function pixelsOf(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error(`${blob.name ?? "This"} is no image that this browser can read.`);
  }
  return drawn(bitmap, bitmap.width, bitmap.height);
}

// What is in a bitmap, a picture or a video, as an ImageData.
export function drawn(source, width, height) {
  const shrink = Math.min(1, LONGEST / Math.max(width, height));
  const size = { width: Math.round(shrink * width), height: Math.round(shrink * height) };
  const paper = make("canvas", size).getContext("2d", { willReadFrequently: true });
  paper.fillStyle = "#fff"; // behind what is transparent
  paper.fillRect(0, 0, size.width, size.height);
  paper.drawImage(source, 0, 0, size.width, size.height);
  return paper.getImageData(0, 0, size.width, size.height);
}

// Of every output position along a side the first input position that it sees, and their weights.
function taps(from, to, name) {
  const [reach, weigh] = FILTERS[name] ?? [];
  if (!weigh) throw new Error(`Pictures are not resized here as these weights want it, by ${name}.`);
  const scale = from / to, wide = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach * wide + 0.5));
    const last = Math.min(from, Math.trunc(center + reach * wide + 0.5));
    const weights = [];
    for (let x = first; x < last; x++) weights.push(weigh((x - center + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

// First along the rows, then along the columns; each rounded to 8 bits, as Pillow does.
export function resized(image, width, height, filter) {
  const middle = new ImageData(width, image.height), out = new ImageData(width, height);
  const across = taps(image.width, width, filter), down = taps(image.height, height, filter);
  weighed(image.data, middle.data, across, image.height, 1, image.width, width);
  weighed(middle.data, out.data, down, width, width, 1, 1);
  return out;
}

// Resamples `lines` lines: pixels of a line are `step` apart, and lines begin `from` apart, in the result `to`.
function weighed(source, target, places, lines, step, from, to) {
  for (let n = 0; n < lines; n++) {
    places.forEach(({ first, weights }, i) => {
      for (let c = 0; c < 4; c++) {
        let sum = 0, at = 4 * (n * from + first * step) + c;
        for (let k = 0; k < weights.length; k++, at += 4 * step) sum += weights[k] * source[at];
        target[4 * (n * to + i * step) + c] = Math.floor(sum + 0.5); // clamped to 0 and 255
      }
    });
  }
}

// The views of a picture: the center crop, or the ten: the corners and the center of the center square and their
// mirror images. Each { image, box }, the box [left, top, width, height] in the picture's own pixels.
export function viewsOf(image, count, { resize, crop, interpolation, rounding, warp }) {
  const { width, height } = image, short = Math.min(width, height);
  const scale = count === 1 ? resize : Math.round(crop * 8 / 7);
  const side = (n) => {
    if (n === short || warp) return scale;
    const exact = scale * n / short;
    return rounding === "torchvision" ? Math.floor(exact) : even(exact);
  };
  const half = (spare) => rounding === "torchvision" ? even(spare / 2) : Math.floor(spare / 2);
  const [wide, high] = [side(width), side(height)];
  const small = resized(image, wide, high, interpolation);
  const center = [half(wide - crop), half(high - crop)];
  const [x, y] = [half(wide - scale), half(high - scale)], far = scale - crop;
  const corners = count === 1 ? [center] : [[x, y], [x + far, y], [x, y + far], [x + far, y + far], center];
  const views = corners.map(([left, top]) => ({
    image: cut(small, left, top, crop),
    box: [left * width / wide, top * height / high, crop * width / wide, crop * height / high],
  }));
  return count === 1 ? views : [...views, ...views.map((v) => ({ ...v, image: mirrored(v.image) }))];
}

// To the nearest whole number, a half to the even one, as Python rounds.
function even(x) {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + down % 2 : Math.round(x);
}

function cut({ data, width }, left, top, side) {
  const out = new ImageData(side, side);
  for (let r = 0; r < side; r++) {
    const from = 4 * ((top + r) * width + left);
    out.data.set(data.subarray(from, from + 4 * side), 4 * r * side);
  }
  return out;
}

function mirrored({ data, width, height }) {
  const out = new ImageData(width, height);
  for (let r = 0; r < height; r++) {
    for (let q = 0; q < width; q++) {
      const from = 4 * (r * width + q);
      out.data.set(data.subarray(from, from + 4), 4 * (r * width + width - 1 - q));
    }
  }
  return out;
}
