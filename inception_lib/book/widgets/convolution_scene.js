// The parts of the drawing of a convolution, each from a scene { ctx, at, view, images, colors, chosen, places,
// patch }: where things stand, what is shown, and the channel that is looked at.
import { faceOf, label, leaning, outline } from "./convolution_paint.js";

export function drawScene(scene) {
  for (const part of [shelf, column, matrix, bars, output]) part(scene);
}

const css = ([r, g, b, alpha]) => `rgba(${r}, ${g}, ${b}, ${alpha / 255})`;

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
          seam: colors.page,
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
  floors(scene);
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

// What each channel adds to the sum, over the baseline or under it.
function bars({ ctx, at, view, colors, places, chosen }) {
  const { products, sum } = view.sum, { top, high } = at.bars;
  const most = Math.max(...products.map(Math.abs), 1e-9);
  const negative = products.some((p) => p < 0), zero = top + high * (negative ? 0.5 : 1);
  const unit = high * (negative ? 0.5 : 1) / most;
  places.forEach((place, c) => {
    ctx.fillStyle = products[c] < 0 ? colors.minus : colors.plus;
    ctx.globalAlpha = c === chosen ? 1 : 0.7;
    const gap = at.wide > 20 ? 0.2 * at.wide : 1;
    ctx.fillRect(at.x(place) + gap / 2, zero, at.wide - gap, -products[c] * unit);
  });
  ctx.globalAlpha = 1;
  ctx.fillStyle = colors.edge;
  ctx.fillRect(0, zero, at.right, 1);
  const middle = top + high / 2, text = sum.toFixed(view.tints ? 1 : 2).replace("-", "−");
  label(ctx, "products;", at.notes, middle - 8, { color: colors.text });
  label(ctx, `sum: ${text}`, at.notes, middle + 8, { color: colors.text });
}

// The sums beside the rows of the matrix, and the output maps, flat, one under the other.
function floors({ ctx, at, view, images, colors }) {
  const { top, high } = at.matrix, { outputs } = view.conv, { left, wide } = at.sums;
  const from = at.sums.right + 34, lean = 22, deep = 46;
  outputs.forEach((map, j) => {
    const color = images.shadeOut(map[view.position]);
    ctx.fillStyle = css(color);
    ctx.fillRect(left, top + j * high, wide, high);
    ctx.strokeStyle = colors.edge;
    ctx.lineWidth = 1;
    ctx.strokeRect(left, top + j * high, wide, high);
    if (wide > 40) {
      ctx.fillStyle = color[0] > 120 ? "#000" : "#fff";
      ctx.font = `600 13px ${faceOf(ctx)}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(map[view.position].toFixed(1), left + wide / 2, top + (j + 0.5) * high);
    }
  });
  for (let j = outputs.length - 1; j >= 0 && outputs.length > 1; j--) {
    const corner = [from + lean, top + (j + 0.5) * high - deep / 2], along = [at.width - from - lean - 2, 0];
    leaning(ctx, images.outputs[j], corner, along, [-lean, deep]);
    const own = j === view.output;
    outline(ctx, corner, along, [-lean, deep], own ? colors.accent : colors.edge, own ? 1.5 : 0.75);
  }
  ctx.strokeStyle = colors.ink;
  ctx.lineWidth = 2;
  ctx.strokeRect(left, top + view.output * high, wide, high);
  ctx.fillStyle = colors.text;
  ctx.font = `600 15px ${faceOf(ctx)}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText("=", left - 11, top + (view.output + 0.5) * high);
}
