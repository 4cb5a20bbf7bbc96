// A module drawn: the input in four copies, each through the convolutions of its lane, and the concatenation.
import { fmt, make, newId } from "./common.js";
import { slider } from "./hands.js";
import { glide } from "./module_glide.js";
import { course, plan, ribbon, stackedOutputs } from "./module_lanes.js";

const NARROW = 520; // pixels: below, the module flows downward
const CROWDED = 50; // pixels between two gates: below, MACs are not written beside them
const MILLION = 1e6;

export const millions = (macs) => `${(macs / MILLION).toFixed(macs < 10 * MILLION ? 1 : 0)}M`;

// Tells how wide an element is, at first and whenever that changes: to ask it would cost a layout each time.
export const onWidth = (el, told) =>
  new ResizeObserver(([{ contentRect }]) => contentRect.width && told(Math.max(280, contentRect.width)))
    .observe(el);

// { root, show(picture, smooth, words) }.  Each of `grips` is { lane, gate, label, min, max, now, set } and
// makes an edge a slider: of that lane after that gate, or of the input where there is no lane.
export function moduleDrawing(grips = [], { tall = 380 } = {}) {
  const art = make("g", { "aria-hidden": "true" });
  const svg = make("svg", { class: "iw-module", role: "group" }, art);
  let picture = null, planned = null, held = null, width = 640;

  const handles = grips.map((grip) => {
    const touch = make("rect", { class: "iw-touch" }), pill = make("rect", { class: "iw-grip", rx: 3 });
    const el = make("g", { class: "iw-edge" }, touch, pill);
    const at = ({ clientX, clientY }) => { // the viewBox is as large as the drawing, so pixels are its units
      const { left, top } = svg.getBoundingClientRect();
      return 2 * Math.abs((planned.upright ? clientX - left : clientY - top) - axisOf(planned, grip)) /
        planned.scale;
    };
    const said = slider(el, { step: 8, page: 32, text: (n) => `${fmt(n)} channels`, ...grip, at });
    svg.append(el);
    return { grip, el, touch, pill, said };
  });
  // while an edge is held, the scale stands still: else the edge would run away from the finger
  svg.addEventListener("pointerdown", ({ target }) => {
    if (!target.closest(".iw-edge")) return;
    held = { scale: planned.scale, axes: planned.lanes.map(({ axis }) => axis) };
  }, true);
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, () => {
      if (!held) return;
      held = null;
      draw(picture);
    });
  }

  const draw = (shown) => {
    picture = shown;
    const upright = width < NARROW;
    const height = upright ? tall : Math.min(400, Math.max(300, 0.52 * width));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.classList.toggle("iw-upright", upright);
    planned = plan(shown, {
      length: upright ? height : width,
      breadth: upright ? width : height,
      upright,
      fixed: held,
    });
    art.replaceChildren(...drawn(planned, shown));
    for (const handle of handles) placeEdge(planned, handle);
  };
  const to = glide(draw);
  onWidth(svg, (found) => {
    width = found;
    if (picture) draw(picture);
  });

  return {
    root: svg,
    show(next, smooth, words) {
      svg.setAttribute("aria-label", words);
      to(next, smooth && !held);
      for (const { said } of handles) said();
    },
  };
}

// Everything that is not moved: ribbons, then the glyphs and numbers on them.
function drawn(planned, picture) {
  const at = planned.upright ? (along, across) => [across, along] : (along, across) => [along, across];
  const { lanes, trunk, begin, end, out, middle, scale, length } = planned;
  const shapes = [],
    marks = [],
    path = (d, color, opacity) => make("path", { d, class: `iw-${color}`, "fill-opacity": opacity });
  const input = scale * picture.input;
  shapes.push(path(ribbon(at, [0, middle, input], [trunk, middle, input]), "ink", 0.22));
  stackedOutputs(planned).forEach(([across, thick], i) => {
    const { axis, branch, gates, thick: copied } = lanes[i], shade = gates.at(-1).shade;
    shapes.push(path(ribbon(at, [trunk, middle, input], [begin, axis, copied]), "ink", 0.07));
    shapes.push(...shaded(at, lanes[i], planned));
    shapes.push(path(ribbon(at, [end, axis, gates.at(-1).thick], [out, across, thick]), branch, 0.8 * shade));
    shapes.push(path(ribbon(at, [out, across, thick], [length, across, thick]), branch, shade));
    marks.push(...marksOf(at, lanes[i], planned));
  });
  const total = lanes.reduce((sum, { gates }) => sum + gates.at(-1).width, 0);
  return [...shapes, ...marks, ...ends(planned, input, Math.round(picture.input), Math.round(total))];
}

// A lane, whose color grows deeper where its numbers become its own.
function shaded(at, lane, planned) {
  const { outline, shades } = course(at, lane, planned), id = newId();
  const [x2, y2] = at(planned.length, 0);
  const stops = shades.map(([along, shade]) =>
    make("stop", { offset: along / planned.length, "stop-color": "var(--iw-own)", "stop-opacity": shade })
  );
  const gradient = make(
    "linearGradient",
    { id, gradientUnits: "userSpaceOnUse", x1: 0, y1: 0, x2, y2 },
    ...stops,
  );
  const kind = `iw-${lane.branch}`;
  return [
    make("defs", { class: kind }, gradient),
    make("path", { d: outline, class: kind, style: `fill: url(#${id})` }),
  ];
}

// The numbers of channels that come in and go out.
function ends({ upright, length, middle, lanes }, input, channels, total) {
  const widest = lanes.reduce((sum, { gates }) => sum + gates.at(-1).thick, 0);
  const words = [[fmt(channels), "in"], [fmt(total), "out"]];
  if (upright) {
    return [[12, input], [length - 5, widest]].map(([y, thick], i) =>
      label(middle + thick / 2 + 6, y, words[i].join(" "), "start", "iw-strong")
    );
  }
  return [[2, input, "start"], [length - 2, widest, "end"]].map(([x, thick, anchor], i) =>
    label(x, Math.max(14, middle - thick / 2 - 8), words[i].join(" "), anchor, "iw-strong")
  );
}

// Where the channels between two gates are told, or those after the last.
const inside = (gate, next, { end, upright }) =>
  next ? (gate.along + next.along) / 2 : end - (upright ? 8 : 14);

const label = (x, y, text, anchor = "middle", kind = "") =>
  make("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: kind || null }, text);

// Of one lane: its name, its glyphs with their MACs, and the channels between them.
function marksOf(at, lane, planned) {
  const { begin, cell, room, upright } = planned, { axis, gates, thick } = lane, marks = [];
  const [x, y] = at(begin, axis);
  marks.push(
    upright
      ? label(x, y + 13, lane.name, "middle", "iw-strong")
      : label(x + 4, y - Math.max(0, thick / 2 - 13), lane.name, "start", "iw-strong"),
  );
  gates.forEach((gate, i) => {
    const real = gate.pool || gate.macs > 0;
    if (!real) return;
    const { shapes, high } = glyph(at(gate.along, axis), gate, cell, upright);
    marks.push(...shapes);
    const [gx, gy] = at(gate.along, axis);
    if (gate.macs > 0 && room > CROWDED) {
      marks.push(label(gx, gy + high / 2 + 12, millions(gate.macs), "middle", "iw-macs"));
    }
    const next = gates.slice(i + 1).find((one) => one.pool || one.macs > 0);
    const [nx, ny] = at(inside(gate, next, planned), axis);
    const text = fmt(Math.round(gate.width));
    if (upright) {
      const roomy = gate.thick > 7 * text.length + 6;
      marks.push(
        label(roomy ? nx : nx + gate.thick / 2 + 4, ny + 4, text, roomy ? "middle" : "start", "iw-width"),
      );
    } else {marks.push(
        label(nx, gate.thick > 20 ? ny + 4 : ny - gate.thick / 2 - 4, text, "middle", "iw-width"),
      );}
  });
  return marks;
}

// The kernels of a gate as grids of cells, with an area in proportion to its MACs; a pool's has none, and is dashed.
function glyph([x, y], { kernels, macs, pool }, cell, upright) {
  const shapes = [], gap = 4;
  const sized = kernels.map(([rows, columns]) => {
    const side = pool ? 7 : cell * Math.sqrt(macs / kernels.length / (rows * columns));
    return { rows, columns, side: Math.max(side, 5 / Math.max(rows, columns)) };
  });
  const high = sized.map(({ rows, side }) => rows * side),
    wide = sized.map(({ columns, side }) => columns * side);
  const sum = (all) => all.reduce((a, b) => a + b, gap * (all.length - 1));
  let left = upright ? x - sum(wide) / 2 : x, top = upright ? y : y - sum(high) / 2;
  sized.forEach(({ rows, columns, side }, i) => {
    const w = wide[i], h = high[i], x0 = upright ? left : x - w / 2, y0 = upright ? y - h / 2 : top;
    left += w + gap;
    top += h + gap;
    let lines = "";
    for (let c = 1; c < columns; c++) {
      lines += `M${(x0 + c * side).toFixed(1)} ${y0.toFixed(1)}v${h.toFixed(1)}`;
    }
    for (let r = 1; r < rows; r++) lines += `M${x0.toFixed(1)} ${(y0 + r * side).toFixed(1)}h${w.toFixed(1)}`;
    const box = { x: x0.toFixed(1), y: y0.toFixed(1), width: w.toFixed(1), height: h.toFixed(1), rx: 2 };
    shapes.push(make("rect", { ...box, class: `iw-kernel${pool ? " iw-pooled" : ""}` }));
    if (side > 2.2) shapes.push(make("path", { d: lines, class: "iw-cells" }));
  });
  return { shapes, high: upright ? Math.max(...high) : sum(high) };
}

// Across what an edge is measured: the middle of its lane, or that of the input.
const axisOf = ({ lanes, middle }, { lane }) => (lane === undefined ? middle : lanes[lane].axis);

// Where an edge can be taken: at the far side of its lane, between two gates.
function placeEdge(planned, { grip, el, touch, pill }) {
  const { lanes, upright, trunk, scale } = planned, { lane, gate: i } = grip;
  const gate = lanes[lane]?.gates[i], next = lanes[lane]?.gates[i + 1];
  el.toggleAttribute("hidden", Boolean(gate && !gate.macs));
  const along = gate ? inside(gate, next, planned) : trunk / 2;
  const edge = axisOf(planned, grip) + (gate ? gate.thick : scale * grip.now()) / 2;
  for (const [rect, long, deep] of [[touch, 34, 24], [pill, 22, 5]]) {
    const [x, y] = upright ? [edge - deep / 2, along - long / 2] : [along - long / 2, edge - deep / 2];
    const [width, height] = upright ? [deep, long] : [long, deep];
    for (const [name, value] of Object.entries({ x, y, width, height })) {
      rect.setAttribute(name, value.toFixed(1));
    }
  }
}
