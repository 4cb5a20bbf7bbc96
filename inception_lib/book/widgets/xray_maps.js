// The maps of a layer or of a module's branches, in canvases: to see, and to choose a position and a channel.
import { shapeAfter } from "../live/layers.js";
import { make } from "./common.js";
import { rampOf } from "./ramp.js";
import { count, digits, moduleOf, nameOf, shortName } from "./xray_words.js";

const TILE = 48, GAP = 3; // of a map in its canvas, in pixels
const ACROSS = [4, 6, 8, 10, 12, 16]; // maps side by side in a column

// Of every path that can be looked at the shape of its maps.
export function shapesOf({ layers, input }) {
  const maps = { input };
  let x = input;
  for (const layer of layers) {
    for (const branch of layer.branches ?? []) {
      let y = x;
      for (const inner of branch.layers) maps[`${layer.name}/${inner.name}`] = y = shapeAfter(inner, y);
    }
    maps[layer.name] = x = shapeAfter(layer, x);
  }
  return maps;
}

export function chipsOf({ layers }, choose) {
  const shown = layers.filter(({ is }) => is !== "Dropout");
  return [{ name: "input" }, ...shown].map(({ name, is, branches }) => {
    const minor = is === "Pool" || is === "LRN" || name.endsWith("_reduce");
    const chip = make(
      "button",
      { type: "button", value: name, class: minor ? "iw-minor" : null },
      shortName(name),
    );
    const first = branches?.find((b) => b.name === "3x3") ?? branches?.[0];
    chip.addEventListener("click", () => choose(first ? `${name}/${first.layers.at(-1).name}` : name));
    return chip;
  });
}

// Builds the columns of a module, or the one of another layer, where the last path was in another.
export function show(view, columns, { about, maps }, path, set) {
  const name = moduleOf(path) ?? path;
  if (view.name === name) return;
  view.heads = {}; // of each branch, where its switch is
  view.name = name;
  view.answer = null;
  view.groups = [];
  const layer = about.architecture.layers.find((one) => one.name === name);
  const group = (at, branch, title) => {
    const made = groupOf(view, at, maps[at], branch, title, set);
    view.groups.push(made);
    return made.root;
  };
  columns.classList.toggle("iw-single", !layer?.branches);
  if (!layer?.branches) {
    columns.replaceChildren(make("div", { class: "iw-column" }, group(name, null, shortName(name))));
    return;
  }
  columns.replaceChildren(...layer.branches.map((branch) => {
    const groups = branch.layers.map((inner) =>
      group(`${name}/${inner.name}`, branch.name, nameOf(inner.name))
    );
    const head = view.heads[branch.name] = make("div", { class: "iw-switch" });
    return make(
      "div",
      {
        class: `iw-column iw-${branch.name}`,
        role: "group",
        "aria-label": `${branch.name} branch`,
        "data-branch": branch.name,
      },
      head,
      ...groups,
    );
  }));
}

// The maps of one layer, in one canvas.
function groupOf(view, path, [channels, height = 1, width = 1], branch, title, set) {
  // in a branch's column about a square, which many maps fill as well as few; else a wide page
  const across = branch
    ? ACROSS.find((n) => channels <= n * n)
    : Math.min(channels, channels <= 48 ? 12 : 20);
  const zoom = Math.max(1, Math.floor(TILE / Math.max(height, width)));
  const grid = {
    channels,
    height,
    width,
    across,
    zoom,
    wide: width * zoom + GAP,
    high: height * zoom + GAP,
  };
  const canvas = make("canvas", {
    width: across * grid.wide - GAP,
    height: Math.ceil(channels / across) * grid.high - GAP,
    tabindex: 0,
    role: "application",
  });
  canvas.dataset.lmSuppressShortcuts = "true";
  canvas.dataset.path = path;
  const marks = [make("div", { class: "iw-mark" }), make("div", { class: "iw-mark iw-dotted" })];
  const frame = make("div", { class: "iw-maps" }, canvas, ...marks);
  // one of few channels is not blown up to the width of all
  frame.style.maxWidth = `${Math.max(1.6 * canvas.width, 80)}px`;
  // in a module all are as large: the strip below says so
  const size = !branch && height * width > 1 ? ` of ${height}x${width}` : "";
  const words = make(
    "p",
    { class: "iw-small iw-of" },
    make("b", {}, title),
    ` ${count(channels, "map")}${size}`,
  );
  const made = {
    path,
    branch,
    canvas,
    marks,
    grid,
    at: null,
    root: make("div", { class: "iw-group" }, words, frame),
  };
  const choose = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * canvas.width;
    const y = (event.clientY - box.top) / box.height * canvas.height;
    const channel = Math.floor(y / grid.high) * across + Math.floor(x / grid.wide);
    const row = Math.floor((y % grid.high) / zoom), column = Math.floor((x % grid.wide) / zoom);
    if (x < 0 || y < 0 || channel >= channels || row >= height || column >= width) return;
    const { at } = made, same = at && at.channel === channel && at.row === row && at.column === column;
    if (event.type === "pointerdown") view.held = !(same && view.held);
    else if (view.held || same) return;
    set({ path, channel: channel + 1, row: row + 1, column: column + 1 });
  };
  canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && choose(event));
  canvas.addEventListener("pointerdown", choose); // holds the position, so that the mouse may leave
  canvas.addEventListener("keydown", (event) => {
    const at = made.at ?? { channel: 0, row: 0, column: 0 };
    const limits = { channel: channels, row: height, column: width };
    const [name, to] = {
      ArrowLeft: ["column", at.column - 1],
      ArrowRight: ["column", at.column + 1],
      ArrowUp: ["row", at.row - 1],
      ArrowDown: ["row", at.row + 1],
      PageUp: ["channel", at.channel - 1],
      PageDown: ["channel", at.channel + 1],
      Home: ["channel", 0],
      End: ["channel", channels - 1],
    }[event.key] ?? [];
    if (!name) return;
    event.preventDefault();
    const { channel, row, column } = { ...at, [name]: Math.min(limits[name] - 1, Math.max(0, to)) };
    set({ path, channel: channel + 1, row: row + 1, column: column + 1 });
  });
  return made;
}

// Where in a layer's maps the reader is: a frame around the position, and one around its map.
export function mark(view, path, at) {
  for (const { root, branch } of view.groups) {
    const own = view.groups.find((group) => group.path === path).branch;
    root.parentNode.classList.toggle("iw-here", branch === own);
  }
  for (const group of view.groups) {
    const here = group.path === path, { canvas, grid, marks } = group;
    group.at = here ? at : null;
    for (const one of marks) one.hidden = !here;
    marks[0].classList.toggle("iw-held", Boolean(view.held));
    if (!here) continue;
    const left = at.channel % grid.across * grid.wide, top = Math.floor(at.channel / grid.across) * grid.high;
    const put = ({ style }, x, y, width, height) => {
      style.left = `${100 * x / canvas.width}%`;
      style.top = `${100 * y / canvas.height}%`;
      style.width = `${100 * width / canvas.width}%`;
      style.height = `${100 * height / canvas.height}%`;
    };
    put(marks[0], left + at.column * grid.zoom, top + at.row * grid.zoom, grid.zoom, grid.zoom);
    put(marks[1], left, top, grid.width * grid.zoom, grid.height * grid.zoom);
  }
}

// Paints what is not painted yet, and says what black and white stand for.
export function paintMaps(view, answer, s, root, off) {
  const all = view.groups.map(({ path }) => answer.kept[path].values);
  const [low, high] = range(all);
  for (const [i, group] of view.groups.entries()) {
    group.root.classList.toggle("iw-off", off.includes(moduleOf(group.path) + group.branch));
    if (view.answer === answer && view.scale === s.scale) continue;
    const ramp = rampOf(root, group.branch);
    tiles(group, all[i], ramp, s.scale === "layer" ? [low, high] : null);
  }
  view.answer = answer;
  view.scale = s.scale;
  const said = s.scale === "map"
    ? "Black is 0, or each map's smallest value if below, and white its largest."
    : `Black is ${digits(low, 2)}, the brightest color ${digits(high, 2)}, the largest value of these maps.`;
  return `${said} Point at a map: its numbers are below; a click holds the position, another lets go.`;
}

// From 0, or below it where there is something, to the largest.
function range(lists) {
  let low = 0, high = 0;
  for (const values of lists) {
    for (const v of values) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  return [low, high];
}

function tiles({ canvas, grid }, values, ramp, limits) {
  const { channels, height, width, across, zoom, wide, high } = grid, area = height * width;
  const pixels = new Uint32Array(canvas.width * canvas.height);
  for (let c = 0; c < channels; c++) {
    const [low, top] = limits ?? range([values.subarray(c * area, (c + 1) * area)]);
    const factor = top > low ? 255 / (top - low) : 0;
    const corner = Math.floor(c / across) * high * canvas.width + c % across * wide;
    for (let r = 0; r < height * zoom; r++) {
      const from = c * area + Math.floor(r / zoom) * width, to = corner + r * canvas.width;
      for (let q = 0; q < width * zoom; q++) {
        pixels[to + q] = ramp[Math.round((values[from + Math.floor(q / zoom)] - low) * factor)];
      }
    }
  }
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), canvas.width, canvas.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
