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
