// The drawing of a convolution: maps that stand like books on a shelf, one position of all of them as a row of
// numbers, under it the matrix, beside that the sums, and the maps that they make. A column of the matrix stands
// under the map that it weighs, a row beside the sum that it gives.
import { make } from "./common.js";
import { placesAndSizes } from "./convolution_places.js";
import { calm, slider } from "./hands.js";
import { colorsOf, imageOf, mapImages, patchImage, shadeOf, watch } from "./convolution_paint.js";
import { drawScene } from "./convolution_scene.js";

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
    drawScene(scene);
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
