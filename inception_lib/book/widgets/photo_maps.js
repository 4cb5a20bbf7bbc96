// All maps of a layer on one sheet; of a module in the colors of the branches that they come from.
import { make } from "./common.js";
import { rampOf } from "./ramp.js";

const ABOUT = 1100; // pixels of the sheet's width
const BETWEEN = 2; // maps

// A sheet that a click or a key chooses a channel of; `choose` is given its number, from 1.
export function sheetOf(choose) {
  const canvas = make("canvas", { tabindex: 0, role: "application", class: "iw-sheet" });
  canvas.dataset.lmSuppressShortcuts = "true";
  const mark = make("span", { class: "iw-mark", hidden: true });
  const root = make("div", { class: "iw-maps" }, canvas, mark);
  let shown = {}; // { maps, across, wide, high, channels }
  let now = 0;

  const paint = (maps, parts, channel, name) => {
    const [channels, height, width] = maps.shape;
    if (shown.maps !== maps) {
      const across = Math.max(8, Math.min(channels, Math.round(Math.sqrt(channels * 2.6))));
      const zoom = Math.max(1, Math.floor(ABOUT / across / width));
      shown = { maps, across, channels, wide: width * zoom + BETWEEN, high: height * zoom + BETWEEN };
      canvas.width = across * shown.wide - BETWEEN;
      canvas.height = Math.ceil(channels / across) * shown.high - BETWEEN;
      draw(canvas, maps, parts, shown, zoom);
    }
    now = channel;
    mark.hidden = channel === 0 || channel > channels;
    const [left, top] = cornerOf(channel - 1);
    mark.style.left = `${100 * left / canvas.width}%`;
    mark.style.top = `${100 * top / canvas.height}%`;
    mark.style.width = `${100 * (shown.wide - BETWEEN) / canvas.width}%`;
    mark.style.height = `${100 * (shown.high - BETWEEN) / canvas.height}%`;
    canvas.setAttribute(
      "aria-label",
      `The ${channels} maps of ${name}, ${height} by ${width}. ` +
        (channel ? `Channel ${channel} lights the photograph. ` : "") + "Arrow keys choose one.",
    );
  };
  const cornerOf = (i) => [i % shown.across * shown.wide, Math.floor(i / shown.across) * shown.high];

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * canvas.width / shown.wide);
    const row = Math.floor((event.clientY - box.top) / box.height * canvas.height / shown.high);
    const channel = row * shown.across + column + 1;
    if (channel <= shown.channels) choose(channel === now ? 0 : channel);
  });
  canvas.addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now - shown.across,
      ArrowDown: now ? now + shown.across : 1,
      Home: 1,
      End: shown.channels,
      Escape: 0,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to <= shown.channels) choose(to);
  });
  return { root, paint };
}

function draw(canvas, { shape: [channels, height, width], values }, parts, { across, wide, high }, zoom) {
  const pixels = new Uint32Array(canvas.width * canvas.height), area = height * width;
  for (let c = 0, p = 0; c < channels; c++) {
    while (c >= parts[p].end) p++;
    const ramp = rampOf(canvas, parts[p].branch), map = values.subarray(c * area, (c + 1) * area);
    const most = map.reduce((a, b) => Math.max(a, b), 1e-9);
    const corner = Math.floor(c / across) * high * canvas.width + c % across * wide;
    for (let r = 0; r < height * zoom; r++) {
      const from = Math.floor(r / zoom) * width, to = corner + r * canvas.width;
      for (let q = 0; q < width * zoom; q++) {
        pixels[to + q] = ramp[Math.round(255 * Math.max(0, map[from + Math.floor(q / zoom)]) / most)];
      }
    }
  }
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), canvas.width, canvas.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
