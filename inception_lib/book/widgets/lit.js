// Maps as one sees them: in a branch's color, and as the light on a photograph.
import { make } from "./common.js";

const DARK = 0.25; // of the photograph's light where the map is 0

// Darkens what is painted in a box [left, top, width, height] of a canvas; `values`, of rows and columns, count
// from 0 to the largest of them, and below 0 as 0; a `power` below 1 makes small ones seen.
export function darken(canvas, { values, rows, columns, power = 1 }, box) {
  const small = make("canvas", { width: columns, height: rows }), image = new ImageData(columns, rows);
  const most = values.reduce((a, b) => Math.max(a, b), 1e-9);
  values.forEach((v, i) => {
    image.data[4 * i + 3] = 255 * (1 - DARK) * (1 - (Math.max(0, v) / most) ** power);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  canvas.getContext("2d").drawImage(small, ...box);
}

// 256 colors from black over the branch's to white, in gray where there is none; as an ImageData has them.
// Small values are lifted, as a screen's gamma would: most of what a map has is small.
const ramps = new Map();
export function rampOf(root, branch) {
  const color = branch ? getComputedStyle(root).getPropertyValue(`--iw-${branch}`).trim() : "#7f7f7f";
  if (!ramps.has(color)) {
    const middle = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
    ramps.set(
      color,
      Uint32Array.from({ length: 256 }, (_, level) => {
        const i = 255 * (level / 255) ** 0.65;
        const [r, g, b] = middle.map((v) =>
          Math.round(i < 128 ? v * i / 127.5 : v + (255 - v) * (i / 127.5 - 1))
        );
        return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
      }),
    );
  }
  return ramps.get(color);
}
