// An image of many channels, reconstructed from few: how much survives a reduction.
import { fromBase64 } from "../live/weights.js";
import { bar, fmt, make, run } from "./common.js";
import { colorsOf, imageCanvas, pictured, shadeOf, watch } from "./convolution_paint.js";
import { mapsOfNetwork } from "./convolution_sums.js";
import { slider } from "./hands.js";
import { components, reconstructed } from "./linear.js";

const ACROSS = 8; // maps in a row of the wall

// A photograph in blocks: the pixels of a block, R, G and B of each, are the channels of one position.
function inBlocks({ side, block, channels, data }) {
  const bytes = fromBase64(data), edge = side / block, area = edge * edge;
  const values = new Float32Array(channels * area);
  eachPixel(side, block, (pixel, channel, position) => {
    for (let i = 0; i < 3; i++) values[(channel + i) * area + position] = bytes[3 * pixel + i];
  });
  return { channels, area, width: edge, height: edge, values };
}

function eachPixel(side, block, visit) {
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const channel = 3 * ((y % block) * block + x % block);
      visit(y * side + x, channel, Math.floor(y / block) * (side / block) + Math.floor(x / block));
    }
  }
}

// How a case looks: the whole of its maps, and one component.
const LOOKS = {
  photo: ({ side, block }) => ({
    whole({ area }, values) {
      const image = new ImageData(side, side);
      image.data.fill(255);
      eachPixel(side, block, (pixel, channel, position) => {
        for (let i = 0; i < 3; i++) image.data[4 * pixel + i] = values[(channel + i) * area + position];
      });
      return imageCanvas(image);
    },
    component: (vector) =>
      pictured(block, block, (i) => [...[0, 1, 2].map((c) => 128 + 300 * vector[3 * i + c]), 255]),
    parts: ["The photograph", "Each tile is one mixture of the 48: a block of 4x4 colors."],
  }),
  maps: () => ({
    whole({ channels, width, height, area, values: own }, values, colors) {
      const shade = shadeOf(own, colors), wide = width + 1, high = height + 1;
      return pictured(ACROSS * wide - 1, Math.ceil(channels / ACROSS) * high - 1, (i) => {
        const line = ACROSS * wide - 1, x = i % line, y = Math.floor(i / line);
        if (x % wide === width || y % high === height) return [128, 128, 128, 60];
        const c = Math.floor(y / high) * ACROSS + Math.floor(x / wide);
        return shade(values[c * area + y % high * width + x % wide]);
      });
    },
    component(_, { width, height }, scores, colors) {
      const shade = shadeOf(scores, colors);
      return pictured(width, height, (i) => shade(scores[i]));
    },
    parts: ["The 48 maps", "Each tile is one mixture of the 48, as a map."],
  }),
};

function layout(results, { model, set, repaint, table, gone }) {
  const cases = { photo: { maps: inBlocks(table) } };
  let s = null, failed = null;
  const pictures = [make("canvas", { role: "img" }), make("canvas", { role: "img" })];
  const captions = [make("figcaption", { class: "iw-small" }), make("figcaption", { class: "iw-small" })];
  const pair = make(
    "div",
    { class: "iw-beside" },
    ...pictures.map((canvas, i) => make("figure", {}, canvas, captions[i])),
  );
  const tiles = make("canvas"), strip = make("div", { class: "iw-tiles" }, tiles);
  const note = make("p", { class: "iw-small" }),
    share = make("div"),
    verdict = make("p", { class: "iw-verdict" });
  results.append(pair, strip, note, share, verdict);

  const count = table.channels,
    grid = () => {
      const across = strip.clientWidth < 480 ? 12 : 24;
      return { across, rows: Math.ceil(count / across), edge: strip.clientWidth / across };
    };
  const tell = slider(strip, {
    label: "Channels kept, by their mixtures",
    min: 1,
    max: count,
    page: 8,
    now: () => s.kept,
    set: (kept) => set({ kept }),
    at({ clientX, clientY }) {
      const { left, top } = strip.getBoundingClientRect(), { across, rows, edge } = grid();
      const within = (v, n) => Math.min(n - 1, Math.max(0, Math.floor(v / edge)));
      return 1 + within(clientY - top, rows) * across + within(clientX - left, across);
    },
  });

  const known = new Map();
  const analyzed = (name) => {
    if (!known.has(name)) {
      const { maps } = cases[name],
        found = components(maps),
        all = found.variances.reduce((a, b) => a + b, 0);
      known.set(name, { maps, found, all, look: LOOKS[name](table) });
    }
    return known.get(name);
  };

  const show = (canvas, image) => {
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
  };
  let drawn = "";
  const drawTiles = () => {
    if (!s || !cases[s.case] || !strip.clientWidth) return;
    const { maps, found, look } = analyzed(s.case), { across, rows, edge } = grid(), colors = colorsOf(strip);
    const scale = globalThis.devicePixelRatio || 1, ctx = tiles.getContext("2d");
    const key = `${s.case} ${colors.key}`;
    if (drawn !== key) {
      look.tiles = found.vectors.map((vector, k) => look.component(vector, maps, found.scores[k], colors));
      show(pictures[0], look.whole(maps, maps.values, colors));
      drawn = key;
    }
    tiles.width = Math.round(strip.clientWidth * scale);
    tiles.height = Math.round(rows * edge * scale);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.imageSmoothingEnabled = false;
    look.tiles.forEach((tile, k) => {
      const x = k % across * edge, y = Math.floor(k / across) * edge, last = k === s.kept - 1;
      ctx.globalAlpha = k < s.kept ? 1 : 0.18;
      ctx.drawImage(tile, x + 2, y + 2, edge - 4, edge - 4);
      ctx.strokeStyle = last ? colors.accent : colors.edge;
      ctx.lineWidth = last ? 3 : 1;
      ctx.globalAlpha = 1;
      ctx.strokeRect(x + 2, y + 2, edge - 4, edge - 4);
    });
    show(pictures[1], look.whole(maps, reconstructed(maps, found, s.kept), colors));
  };
  gone.push(watch(strip, drawTiles));

  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    mapsOfNetwork(model, table.before).then((found) => (cases.maps = found))
      .catch((error) => (failed = error.message)).finally(repaint);
  };

  return (now) => {
    s = now;
    if (!cases[s.case]) {
      ask();
      verdict.textContent = failed ?? "The network is on its way.";
      return { words: verdict.textContent, data: { answered: "" } };
    }
    const { maps, found, all, look } = analyzed(s.case);
    const lost = found.variances.slice(s.kept).reduce((a, b) => a + b, 0), kept = 1 - lost / all;
    drawTiles();
    tell();
    const percent = kept < 0.9995 || s.kept === count ? `${(100 * kept).toFixed(1)}%` : "more than 99.9%";
    const channels = s.kept === 1 ? "1 channel" : `${s.kept} channels`;
    captions[0].textContent = `${look.parts[0]}: ${count} numbers at each of ${fmt(maps.area)} positions`;
    captions[1].textContent = `Reconstructed from ${channels}`;
    note.textContent = `${look.parts[1]} The strongest come first; those up to the mark are kept.`;
    share.replaceChildren(bar(kept, "violet"));
    verdict.textContent = `${channels} of ${count}: ${percent} of the variance kept.`;
    const error = Math.sqrt(lost / count);
    pictures.forEach((canvas, i) => canvas.setAttribute("aria-label", captions[i].textContent));
    const off = `The root of the mean squared error is ${error.toFixed(2)}.`;
    return { words: `${verdict.textContent} ${off}`, data: { answered: s.case, share: kept, error } };
  };
}

export default { render: (context) => run({ layout }, context) };
