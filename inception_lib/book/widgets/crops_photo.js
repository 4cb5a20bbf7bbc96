// The photograph under its crops: dark where few have looked, the box of one crop, and a pixel to ask about.
import { make } from "./common.js";

const DARKEST = 0.84; // of what no crop holds
const TRAIL = 7; // boxes laid last, while they are laid
const STEP = 5, NEAR = 7; // pixels: of an arrow key; of a second tap, which lets the pixel go

// The pixels of a row or column, from 0, whose middles are between two edges: the first, and one past the last.
const between = (low, high) => [Math.ceil(low - 0.5), Math.ceil(high - 0.5)];
export const holds = ([left, top, right, bottom], column, row) =>
  left <= column - 0.5 && column - 0.5 < right && top <= row - 0.5 && row - 0.5 < bottom;

// Of every pixel the number of boxes that hold it.
export function coverage(boxes, width, height) {
  const wide = width + 1, seen = new Int32Array(wide * (height + 1));
  for (const [left, top, right, bottom] of boxes) {
    const [a, b] = between(left, right), [c, d] = between(top, bottom);
    seen[c * wide + a]++;
    seen[c * wide + b]--;
    seen[d * wide + a]--;
    seen[d * wide + b]++;
  }
  const counts = new Int32Array(width * height);
  for (let row = 0; row < height; row++) {
    let along = 0;
    for (let column = 0; column < width; column++) {
      along += seen[row * wide + column];
      counts[row * width + column] = along + (row ? counts[(row - 1) * width + column] : 0);
    }
  }
  return counts;
}

const boxOf = (rect, [left, top, right, bottom]) => {
  for (
    const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })
  ) {
    rect.setAttribute(name, value);
  }
};

// `choose(column, row)` is called with the pixel that the reader points at, or zeros for none.
export function photoOf({ width, height, src, alt }, choose) {
  const shade = make("canvas", { width, height, "aria-hidden": "true" });
  const pixels = shade.getContext("2d"), image = pixels.createImageData(width, height);
  const trail = Array.from({ length: TRAIL }, () => make("rect", { class: "iw-trail" }));
  const halo = make("rect", { class: "iw-halo" }), frame = make("rect", { class: "iw-frame" });
  const sign = make("text", { class: "iw-sign" });
  const cross = make("path", { class: "iw-cross", d: "M-14 0H-4M4 0H14M0 -14V-4M0 4V14" });
  const overlay = make(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "application" },
    ...trail,
    halo,
    frame,
    sign,
    cross,
  );
  overlay.dataset.lmSuppressShortcuts = "true";
  const root = make("div", { class: "iw-photo" }, make("img", { src, alt }), shade, overlay);
  root.style.aspectRatio = `${width} / ${height}`;

  let at = [0, 0], shaded = null;
  const inside = (n, most) => Math.min(most, Math.max(1, Math.round(n)));
  const point = (event) => {
    const box = overlay.getBoundingClientRect();
    const column = inside((event.clientX - box.left) / box.width * width + 0.5, width);
    const row = inside((event.clientY - box.top) / box.height * height + 0.5, height);
    return [column, row];
  };
  overlay.addEventListener("click", (event) => {
    const found = point(event);
    const again = at[0] && at[1] && Math.hypot(found[0] - at[0], found[1] - at[1]) < NEAR;
    choose(...(again ? [0, 0] : found));
  });
  overlay.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 1 : STEP;
    const move = {
      ArrowLeft: [-by, 0],
      ArrowRight: [by, 0],
      ArrowUp: [0, -by],
      ArrowDown: [0, by],
    }[event.key];
    if (!move && event.key !== "Escape") return;
    event.preventDefault();
    if (!move) return choose(0, 0);
    const [column, row] = at[0] && at[1] ? at : [width / 2, height / 2];
    choose(inside(column + move[0], width), inside(row + move[1], height));
  });

  return {
    root,
    overlay,
    // counts: of each pixel the crops that hold it, of so many; boxes laid last, the newest first
    draw({ counts, of, box, laid, dissent, pixel, words }) {
      at = pixel;
      if (shaded !== counts) {
        shaded = counts;
        const shades = Uint8Array.from({ length: of + 1 }, (_, n) => 255 * DARKEST * (1 - n / of));
        for (let i = 0; i < counts.length; i++) image.data[4 * i + 3] = shades[counts[i]];
        pixels.putImageData(image, 0, 0);
      }
      for (const rect of [halo, frame]) boxOf(rect, box);
      trail.forEach((rect, i) => {
        rect.style.display = laid[i] ? "" : "none";
        rect.style.opacity = 0.75 * (1 - i / TRAIL);
        if (laid[i]) boxOf(rect, laid[i]);
      });
      frame.classList.toggle("iw-dissent", Boolean(dissent));
      sign.textContent = dissent ? `≠ ${dissent}` : "";
      sign.setAttribute("x", box[0] + 6);
      sign.setAttribute("y", box[3] - 8);
      cross.style.display = at[0] && at[1] ? "" : "none";
      cross.setAttribute("transform", `translate(${at[0] - 0.5} ${at[1] - 0.5})`);
      overlay.setAttribute("aria-label", words);
    },
  };
}
