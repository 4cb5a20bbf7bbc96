// The drawing of a convolution: maps that stand like books on a shelf, one position of all of them as a row of
// numbers, under it the matrix, beside that the sums, and the maps that they make. A column of the matrix stands
// under the map that it weighs, a row beside the sum that it gives.
import { make } from "./common.js";
import { placesAndSizes } from "./convolution_places.js";
import { calm, slider } from "./hands.js";
import {
  bars,
  colorsOf,
  floors,
  imageOf,
  mapImages,
  patchImage,
  shadeOf,
  watch,
} from "./convolution_paint.js";

const FLIGHT = 500; // milliseconds that a shuffle takes

// `on` has position(index) and output(number), which the reader moves by hand.
export function convolutionStage(on) {
  const canvas = make("canvas", { role: "img" });
  const hand = make("div", { class: "iw-hand" }), rows = make("div", { class: "iw-hand iw-rows" });
  const root = make("div", { class: "iw-conv" }, canvas, hand, rows);
  const own = { root, canvas };
  let view = null, at = null, hovered = null, flight = null, images = {};

  const point = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  // Up and Down go to the next row; then hands.js, for which a position is one number.
  hand.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { width, area } = view.maps, next = view.position + by * width;
    if (next >= 0 && next < area) on.position(next);
  });
  let held = null; // the map that the pointer is on
  hand.addEventListener("pointerdown", (event) => (held = at.hit(point(event))));
  const tellPosition = slider(hand, {
    label: "Position of the window",
    min: 1,
    max: () => view.maps.area,
    page: 10,
    now: () => view.position + 1,
    set: (value) => on.position(value - 1),
    at: (event) => 1 + (held ? held(point(event)) : view.position),
    text: () => `row ${view.row + 1}, column ${view.column + 1}`,
  });
  const tellOutput = slider(rows, {
    label: "Output channel",
    min: 1,
    max: () => view.conv.matrix.length,
    page: 5,
    now: () => view.output + 1,
    set: on.output,
    at: (event) => 1 + Math.floor((point(event)[1] - at.matrix.top) / at.matrix.high),
  });
  rows.addEventListener("pointermove", (event) => {
    const place = Math.floor(point(event)[0] / at.pitch);
    const found = event.pointerType === "mouse" ? view.places.indexOf(place) : -1;
    if (found !== hovered) [hovered] = [found, draw()];
  });
  rows.addEventListener("pointerleave", () => [hovered] = [null, draw()]);

  // Shows { maps, tints, conv, sum, position, row, column, output, places, alt }.
  own.paint = (next) => {
    const moved = view?.maps === next.maps && String(view.places) !== String(next.places);
    if (view?.conv !== next.conv) images = {};
    const from = moved && !calm() ? [...(flight?.places ?? view.places)] : next.places;
    flight = { from, places: from, start: performance.now() };
    view = next;
    canvas.setAttribute("aria-label", next.alt);
    draw();
    if (from !== next.places) fly(flight);
    tellPosition();
    tellOutput();
  };

  const fly = (mine) =>
    requestAnimationFrame((time) => {
      if (mine !== flight || !canvas.isConnected) return;
      const t = Math.min(1, Math.max(0, (time - mine.start) / FLIGHT)), eased = t * t * (3 - 2 * t);
      mine.places = view.places.map((place, c) => mine.from[c] + (place - mine.from[c]) * eased);
      draw();
      if (t < 1) fly(mine);
    });

  const put = ({ style }, { left, top, width, height }) => {
    for (const [name, value] of Object.entries({ left, top, width, height })) style[name] = `${value}px`;
  };

  const draw = () => {
    const width = root.clientWidth;
    if (!view || !width) return;
    at = placesAndSizes(width, view);
    const scale = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(at.height * scale);
    canvas.style.height = `${at.height}px`;
    put(hand, { left: 0, top: 0, width, height: at.shelf.bottom });
    put(rows, {
      left: 0,
      top: at.matrix.top,
      width: at.sums.right,
      height: at.matrix.bottom - at.matrix.top,
    });
    const colors = colorsOf(root), ctx = canvas.getContext("2d");
    if (images.colors !== colors.key) images = picturesOf(view, colors);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.imageSmoothingEnabled = false;
    const { products } = view.sum;
    const most = products.reduce((best, p, c) => Math.abs(p) > Math.abs(products[best]) ? c : best, 0);
    const chosen = hovered >= 0 && hovered !== null ? hovered : most;
    const scene = {
      ctx,
      at,
      view,
      images,
      colors,
      chosen,
      places: flight.places,
      patch: patchImage(view, images.shade),
    };
    for (const paint of [shelf, column, matrix, bars, output]) paint(scene);
  };

  own.stop = watch(root, draw);
  return own;
}

function picturesOf({ maps, tints, conv }, colors) {
  const outputs = { ...maps, channels: conv.outputs.length }, all = conv.outputs.flatMap((map) => [...map]);
  const shade = shadeOf(maps.values, { ...colors, photo: tints });
  const shadeOut = shadeOf(all, { ...colors, photo: tints });
  return {
    colors: colors.key,
    shade,
    shadeOut,
    inputs: mapImages(maps, maps.values, shade, tints),
    outputs: mapImages(outputs, all, shadeOut),
    matrix: imageOf(conv, colors),
  };
}

// A map as a parallelogram: its corner, its way along a row, and its way down a column.
function leaning(ctx, image, corner, along, down, alpha = 1) {
  ctx.save();
  ctx.globalAlpha = alpha;
  ctx.transform(
    along[0] / image.width,
    along[1] / image.width,
    down[0] / image.height,
    down[1] / image.height,
    ...corner,
  );
  ctx.drawImage(image, 0, 0);
  ctx.restore();
}

function outline(ctx, corner, along, down, color, wide = 1, fill = null) {
  ctx.beginPath();
  ctx.moveTo(...corner);
  ctx.lineTo(corner[0] + along[0], corner[1] + along[1]);
  ctx.lineTo(corner[0] + along[0] + down[0], corner[1] + along[1] + down[1]);
  ctx.lineTo(corner[0] + down[0], corner[1] + down[1]);
  ctx.closePath();
  if (fill) {
    ctx.fillStyle = fill;
    ctx.fill();
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = wide;
  ctx.stroke();
}

// The window in a map of h x w, k x k positions around (row, column): its corner and sides on the map's own.
function windowOn({ view: { maps, row, column, conv } }, corner, along, down) {
  const far = (conv.pattern.length - 1) / 2, { width, height } = maps;
  const cut = (v, n) => Math.min(n, Math.max(0, v));
  const [left, right] = [cut(column - far, width), cut(column + far + 1, width)];
  const [top, bottom] = [cut(row - far, height), cut(row + far + 1, height)];
  const go = (u, v) => [0, 1].map((i) => along[i] * u / width + down[i] * v / height);
  const [x, y] = go(left, top);
  return [[corner[0] + x, corner[1] + y], go(right - left, 0), go(0, bottom - top)];
}

function shelf(scene) {
  const { ctx, at, view, images, colors, chosen, places } = scene;
  const { ink, edge } = colors;
  const order = places.map((_, c) => c).sort((a, b) => places[b] - places[a]); // the left one is in front
  const few = view.maps.channels <= 8;
  const stand = (c, up) => {
    const corner = [at.shelf.left(places[c]), at.shelf.top - up];
    if (up) outline(ctx, corner, at.shelf.along, at.shelf.down, colors.ink, 1.5, colors.page);
    leaning(ctx, images.inputs[c], corner, at.shelf.along, at.shelf.down);
    outline(ctx, corner, at.shelf.along, at.shelf.down, up || few ? ink : edge, up ? 1.5 : 0.75);
    if (few || up) {
      const seen = windowOn(scene, corner, at.shelf.along, at.shelf.down);
      outline(ctx, ...seen, "#000", 4);
      outline(ctx, ...seen, "#fff", 2);
    }
  };
  for (const c of order) stand(c, !few && c === chosen ? at.shelf.lift : 0);
  // what goes through all of them at the position
  const first = at.shelf.point(0, view), last = at.shelf.point(view.maps.channels - 1, view);
  ctx.strokeStyle = colors.accent;
  ctx.lineWidth = 2.5;
  ctx.beginPath();
  ctx.moveTo(first[0] - 8, first[1]);
  ctx.lineTo(last[0] + 10, last[1]);
  ctx.stroke();
}

// The numbers at the position, one from each map, in a row over the matrix.
function column(scene) {
  const { ctx, at, view, colors, places, patch, chosen } = scene;
  places.forEach((place, c) => {
    const [x, y] = at.shelf.point(place, view), left = at.x(place);
    ctx.strokeStyle = c === chosen ? colors.accent : colors.edge;
    ctx.lineWidth = c === chosen ? 1.5 : 0.75;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.bezierCurveTo(
      x,
      at.numbers.top - 20,
      left + at.wide / 2,
      at.shelf.bottom,
      left + at.wide / 2,
      at.numbers.top,
    );
    ctx.stroke();
    const side = patch.side;
    const [from, across] = at.tile(place, at.numbers.high, side);
    ctx.drawImage(patch.image, c * side, 0, side, side, from, at.numbers.top, across, at.numbers.high);
    ctx.strokeStyle = colors.edge;
    ctx.strokeRect(left, at.numbers.top, at.wide, at.numbers.high);
    if (at.wide > 40 && side === 1) {
      const value = view.maps.values[c * view.maps.area + view.position];
      label(ctx, String(Math.round(value)), left + at.wide / 2, at.numbers.top + at.numbers.high / 2, {
        color: value > 140 ? "#000" : "#fff",
        center: true,
      });
    }
  });
  const each = view.conv.pattern.length ** 2, n = places.length;
  label(
    ctx,
    each > 1 ? `${n} x ${each} numbers` : `${n} numbers`,
    at.notes,
    at.numbers.top + at.numbers.high / 2,
    {
      color: colors.text,
    },
  );
}

function label(ctx, text, x, y, { color, center = false, bold = false }) {
  ctx.font = `${bold ? "600 " : ""}12.5px system-ui, sans-serif`;
  ctx.textAlign = center ? "center" : "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = color;
  ctx.fillText(text, x, y);
}

function matrix(scene) {
  const { ctx, at, view, images, colors, places, chosen } = scene;
  const { top, bottom, high } = at.matrix, side = view.conv.pattern.length;
  places.forEach((place, c) => {
    const left = at.x(place);
    const [from, across] = at.tile(place, high, side);
    ctx.drawImage(images.matrix, c * side, 0, side, images.matrix.height, from, top, across, bottom - top);
    if (at.wide > 40 && side === 1) {
      view.conv.matrix.forEach((row, j) =>
        label(ctx, row[c].toFixed(3), left + at.wide / 2, top + (j + 0.5) * high, {
          color: colors.text,
          center: true,
        })
      );
    }
  });
  ctx.lineWidth = 1;
  ctx.strokeStyle = colors.edge;
  ctx.strokeRect(0, top, at.right, bottom - top);
  ctx.lineWidth = 2;
  ctx.strokeStyle = colors.ink;
  ctx.strokeRect(0, top + view.output * high, at.right, high);
  ctx.lineWidth = 1;
  ctx.strokeRect(at.x(places[chosen]), at.numbers.top, at.wide, bottom - at.numbers.top);
}

// The sums, the maps that they make, and the one that is looked at, large.
function output(scene) {
  const { ctx, at, view, images, colors } = scene;
  floors(scene, leaning, outline);
  const { left, side } = at.large, { maps, row, column } = view;
  const image = images.outputs[view.output], corner = [left, 0];
  ctx.save();
  ctx.globalAlpha = 0.22; // what is yet to come
  ctx.drawImage(image, left, 0, side, side);
  ctx.globalAlpha = 1;
  const cell = side / maps.width;
  if (row) ctx.drawImage(image, 0, 0, maps.width, row, left, 0, side, row * cell);
  ctx.drawImage(image, 0, row, column + 1, 1, left, row * cell, (column + 1) * cell, cell);
  ctx.restore();
  outline(ctx, corner, [side, 0], [0, side], colors.ink);
  const spot = [left + column * cell, row * cell];
  for (const [color, wide] of [["#000", 4], ["#fff", 2]]) {
    outline(ctx, spot, [cell, 0], [0, cell], color, wide);
  }
  // from the sum into its place
  const y = at.matrix.top + (view.output + 0.5) * at.matrix.high,
    [x, target] = [spot[0] + cell / 2, spot[1] + cell];
  ctx.strokeStyle = colors.accent;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(at.sums.right, y);
  ctx.bezierCurveTo(at.sums.right + 24, y, x, side + 60, x, target + 3);
  ctx.stroke();
  const names = view.conv.outputs.length > 1
    ? `output ${view.output + 1} of ${view.conv.outputs.length}`
    : "output";
  label(ctx, names, left, side + 12, { color: colors.text });
}
