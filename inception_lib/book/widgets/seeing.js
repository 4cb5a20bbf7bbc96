// A wall of optimized images, one for a channel; beside it the photograph, lit where that channel fires.
import { make, run } from "./common.js";
import { darken } from "./lit.js";

const BRANCHES = ["1x1", "3x3", "5x5", "pool"];
const SIDE = 224; // pixels of the photograph
const GAP = 4, WIDE = 16; // between images, and between branches, in pixels of the wall

function layout(results, { set, repaint, controls, table }) {
  const { channels, side } = table, modules = [...new Set(channels.map(({ module }) => module))];
  const each = channels.length / modules.length / BRANCHES.length; // channels of a branch
  const pictures = Object.fromEntries(
    ["photograph", "maps", "sheet"].map((name) => [name, loaded(table[name], () => painted())]),
  );

  const tile = make("canvas", { width: 2 * side, height: 2 * side, role: "img", class: "iw-tile" });
  const photo = make("canvas", { width: SIDE, height: SIDE, role: "img" });
  const words = make("p", { class: "iw-verdict" }), more = make("p", { class: "iw-small" });
  const wall = make("canvas", { tabindex: 0, role: "application", class: "iw-wall" });
  wall.dataset.lmSuppressShortcuts = "true";
  wall.width = BRANCHES.length * each * (side + GAP) + (BRANCHES.length - 1) * WIDE - GAP;
  wall.height = modules.length * (side + GAP) - GAP;
  const frame = make("div", { class: "iw-here" });
  const rows = make("div", { class: "iw-rows", "aria-hidden": "true" });
  rows.append(...modules.map((name) => make("span", {}, nameOf(name))));
  const heads = make("div", { class: "iw-heads", "aria-hidden": "true" });
  heads.append(...BRANCHES.map((name) => make("span", { class: `iw-${name}` }, name)));
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "The same by name"));
  fold.append(make("div", { class: "iw-controls" }, ...controls.children));
  controls.hidden = true;
  const pair = make("div", { class: "iw-pair" }, tile, photo);
  results.append(
    make(
      "div",
      { class: "iw-seeing" },
      pair,
      make("div", { class: "iw-shown" }, words, more),
      make("div", { class: "iw-board" }, heads, rows, make("div", { class: "iw-frame" }, wall, frame)),
    ),
    fold,
  );

  const cornerOf = (index) => {
    const row = Math.floor(index / (BRANCHES.length * each)), column = index % (BRANCHES.length * each);
    return [column * (side + GAP) + Math.floor(column / each) * WIDE, row * (side + GAP)];
  };
  const indexOf = ({ module, branch, number }) =>
    (modules.indexOf(module) * BRANCHES.length + BRANCHES.indexOf(branch)) * each + number - 1;
  const choose = (index) => {
    const { module, branch } = channels[index];
    set({ module, branch, number: index % each + 1 });
  };
  let now = 0, held = false;

  const painted = () => {
    if (!pictures.sheet.complete) return;
    const paper = wall.getContext("2d");
    paper.fillStyle = "#8885"; // of an image that is not recorded
    channels.forEach((channel, i) => {
      if (channel.tile) {
        paper.drawImage(pictures.sheet, ...channel.tile, side, side, ...cornerOf(i), side, side);
      } else paper.fillRect(...cornerOf(i), side, side);
    });
    repaint();
  };

  const pointed = (event) => {
    const box = wall.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * wall.width;
    const y = (event.clientY - box.top) / box.height * wall.height;
    const index = channels.findIndex((_, i) => {
      const [left, top] = cornerOf(i);
      return x >= left && x < left + side && y >= top && y < top + side;
    });
    if (event.type === "pointerdown") held = event.pointerType !== "mouse" ? false : !(held && index === now);
    else if (held) return;
    if (index >= 0 && index !== now) choose(index);
  };
  wall.addEventListener("pointermove", pointed);
  wall.addEventListener("pointerdown", pointed);
  wall.addEventListener("keydown", (event) => {
    const across = BRANCHES.length * each, column = now % across;
    const to = {
      ArrowLeft: column > 0 ? now - 1 : now,
      ArrowRight: column < across - 1 ? now + 1 : now,
      ArrowUp: now - across,
      ArrowDown: now + across,
      Home: now - column,
      End: now - column + across - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < channels.length) choose(to);
  });

  return (s) => {
    now = indexOf(s);
    const own = channels[now], [left, top] = cornerOf(now);
    frame.style.left = `${100 * left / wall.width}%`;
    frame.style.top = `${100 * top / wall.height}%`;
    frame.style.width = `${100 * side / wall.width}%`;
    frame.style.height = `${100 * side / wall.height}%`;
    pair.className = `iw-pair iw-${own.branch}`;
    enlarge(tile, pictures.sheet, own, side);
    const peak = light(photo, pictures, own);
    const name = `${nameOf(own.module)}, ${own.branch} branch, channel ${own.channel}`;
    const where = whereOf(peak, own);
    const said = own.tile
      ? `Its image gives it ${
        digits(own.excitation)
      } on average; the best of 100 random ones with the same ` +
        `spectrum ${digits(own.random)}.`
      : "Its image is not recorded yet.";
    words.textContent = name;
    more.textContent = `${where} ${said}`;
    tile.setAttribute("aria-label", `The image that excites ${name}.`);
    photo.setAttribute("aria-label", `The photograph of a cat. ${where}`);
    wall.setAttribute(
      "aria-label",
      `${channels.length} channels, a row for each module, ${each} of each branch. Chosen: ${name}. Arrow keys ` +
        "choose another.",
    );
    return {
      words: `${name}. ${where} ${said}`,
      data: {
        channel: own.channel,
        most: own.most,
        row: peak?.row ?? "",
        column: peak?.column ?? "",
        excitation: own.excitation ?? "",
        random: own.random ?? "",
      },
    };
  };
}

const nameOf = (module) => module.replace("inception_", "");
const digits = (value) => value.toFixed(1).replace("-", "\u2212");

function loaded(source, then) {
  const picture = new Image();
  picture.onload = then;
  picture.src = source;
  return picture;
}

function enlarge(canvas, sheet, { tile }, side) {
  const paper = canvas.getContext("2d");
  paper.imageSmoothingQuality = "high";
  paper.clearRect(0, 0, canvas.width, canvas.height);
  if (tile && sheet.complete) paper.drawImage(sheet, ...tile, side, side, 0, 0, canvas.width, canvas.height);
}

// Darkens the photograph but where the map is bright; gives the brightest position { row, column, width, height }.
function light(canvas, { photograph, maps }, { map: [left, top, width, height] }) {
  if (!photograph.complete || !maps.complete) return null;
  const small = make("canvas", { width, height }), ink = small.getContext("2d");
  ink.drawImage(maps, left, top, width, height, 0, 0, width, height);
  const { data } = ink.getImageData(0, 0, width, height);
  let best = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] > data[best]) best = i;
  }
  const peak = { row: Math.floor(best / 4 / width), column: best / 4 % width, width, height };
  canvas.getContext("2d").drawImage(photograph, 0, 0, SIDE, SIDE);
  const values = Float32Array.from({ length: width * height }, (_, i) => data[4 * i]);
  darken(canvas, { values, rows: height, columns: width, power: 0.6 }, [0, 0, SIDE, SIDE]);
  return peak;
}

function whereOf(peak, { most }) {
  if (most === 0) return "It is silent on the whole photograph.";
  if (!peak) return "";
  const percent = (at, n) => Math.round(100 * (at + 0.5) / n);
  return `On the photograph it fires most, ${digits(most)}, at ${
    percent(peak.column, peak.width)
  }% from the ` +
    `left and ${percent(peak.row, peak.height)}% from the top.`;
}

export default { render: (context) => run({ wide: true, layout }, context) };
