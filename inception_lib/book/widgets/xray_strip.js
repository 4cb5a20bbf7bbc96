// All maps of a module in one row, as the next layer gets them: concatenated, branch after branch.
import { make } from "./common.js";
import { rampOf } from "./ramp.js";
import { count, shortName } from "./xray_words.js";

const WIDE = 12; // of a map, in pixels of the canvas

// A strip that a click chooses a channel of: `choose` is given { path, channel }.
export function stripOf(choose) {
  const words = make("p", { class: "iw-small iw-of" });
  const canvas = make("canvas", { height: 2 * WIDE, role: "img" });
  const here = make("span", { class: "iw-mark", hidden: true });
  const names = make("div", { class: "iw-names", "aria-hidden": "true" });
  const frame = make("div", { class: "iw-maps" }, canvas, here);
  const root = make("div", { class: "iw-strip", hidden: true }, words, frame, names);
  let shown = null; // { module, parts: [{ branch, path, begin, channels }], channels }, and the answer painted

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const at = Math.floor((event.clientX - box.left) / box.width * shown.channels);
    const part = shown.parts.findLast(({ begin }) => begin <= at);
    choose({ path: part.path, channel: Math.min(at - part.begin, part.channels - 1) + 1 });
  });

  const build = ({ about, maps }, module) => {
    const { branches } = about.architecture.layers.find(({ name }) => name === module);
    let begin = 0;
    const parts = branches.map(({ name, layers }) => {
      const path = `${module}/${layers.at(-1).name}`, [channels] = maps[path];
      begin += channels;
      return { branch: name, path, begin: begin - channels, channels };
    });
    const [channels, height, width] = maps[module];
    shown = { module, parts, channels, height, width, answer: null };
    canvas.width = channels * WIDE;
    words.replaceChildren(
      make("b", {}, "Concatenated"),
      ` ${count(channels, "map")} of ${height}x${width}, in this order, are what ${
        shortName(module)
      } passes on`,
    );
    names.replaceChildren(...parts.map(({ branch, channels }) => {
      const name = make("span", { class: `iw-${branch}` }, `${branch} ${channels}`);
      name.style.flexGrow = channels;
      return name;
    }));
    canvas.setAttribute(
      "aria-label",
      `${words.textContent}: ${parts.map((p) => `${p.channels} of ${p.branch}`).join(", ")}.`,
    );
  };

  // Paints the strip of a module; of a layer that is none there is no strip.
  const paint = (network, module, answer, colors, path, channel) => {
    root.hidden = !module;
    if (!module) return;
    if (shown?.module !== module) build(network, module);
    const part = shown.parts.find((one) => one.path === path);
    here.hidden = !part;
    if (part) {
      here.style.left = `${100 * (part.begin + channel) / shown.channels}%`;
      here.style.width = `${100 / shown.channels}%`;
    }
    if (shown.answer === answer) return;
    shown.answer = answer;
    const { values } = answer.kept[module], most = values.reduce((a, b) => Math.max(a, b), 1e-9);
    const pixels = new Uint32Array(canvas.width * canvas.height), high = canvas.height;
    for (const { branch, begin, channels } of shown.parts) {
      const ramp = rampOf(colors, branch);
      for (let c = begin; c < begin + channels; c++) drawMap(pixels, c, values, most, ramp, high);
    }
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), canvas.width, high);
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  // One map, drawn twice as high as wide, and a line to the next.
  const drawMap = (pixels, c, values, most, ramp, high) => {
    const { height, width } = shown, wide = canvas.width;
    for (let r = 0; r < high; r++) {
      const row = (c * height + Math.floor(r * height / high)) * width;
      for (let q = 0; q < WIDE - 1; q++) {
        const value = values[row + Math.floor(q * width / (WIDE - 1))];
        pixels[r * wide + c * WIDE + q] = ramp[Math.round(255 * Math.max(0, value) / most)];
      }
    }
  };

  return { root, paint };
}
