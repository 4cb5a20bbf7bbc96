// Modules in a row, as two rivers at one scale: with reductions one as wide as ever, naive one that swells.
import { fmt, make, short } from "./common.js";
import { onWidth } from "./module_drawing.js";
import { ribbon } from "./module_lanes.js";

const NARROW_ROW = 520, ROW_LENGTH = 9; // pixels; modules at most
const CARRIED = 0.35, READ = 0.1; // of what the pool passes on, and of what a convolution reads
const ORDER = ["pool", "1x1", "3x3", "5x5"]; // the pool first: in the naive module it passes on all that came
const TITLES = { reduced: "With reductions", naive: "Naive" };

// { root, show(rows, words) }.  Of each form `rows` has `modules`: { channels, macs, bands: { branch: channels } },
// the first of which is the input, without bands; and `flood`, the channels that fill the drawing.
export function stackDrawing() {
  const svg = make("svg", { class: "iw-module iw-row", role: "img" });
  let shown = null, width = 640;
  const draw = () => {
    const upright = width < NARROW_ROW;
    const height = upright ? 470 : Math.min(540, Math.max(320, 0.7 * width));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    const [length, breadth] = upright ? [height, width] : [width, height];
    const at = upright ? (along, across) => [across, along] : (along, across) => [along, across];
    const head = upright ? 64 : 34; // room for a title
    // the reduced river and its title are above; the naive one has what is left, and runs out of it
    const thin = Math.max(...shown.rows.reduced.map(({ channels }) => channels));
    const scale = (breadth - (upright ? 36 : 2 * head + 20)) / (thin + shown.flood);
    const tops = {
      reduced: upright ? 4 : head,
      naive: upright ? scale * thin + 32 : 2 * head + scale * thin + 14,
    };
    svg.replaceChildren(
      ...Object.entries(shown.rows).flatMap(([form, modules]) => [
        ...title(form, modules, upright ? (form === "naive" ? width - 2 : 4) : tops[form] - 12, upright),
        ...river(at, modules, {
          scale,
          top: tops[form],
          from: upright ? head : 4,
          step: (length - (upright ? head + 20 : 44)) / ROW_LENGTH,
          breadth,
          upright,
        }),
      ]),
    );
  };
  onWidth(svg, (found) => {
    width = found;
    if (shown) draw();
  });
  return {
    root: svg,
    show(rows, words) {
      shown = rows;
      svg.setAttribute("aria-label", words);
      draw();
    },
  };
}

// Beside each other above two rivers that flow downward; else each above its own.
function title(form, modules, place, upright) {
  const macs = modules.reduce((sum, one) => sum + (one.macs ?? 0), 0), { channels } = modules.at(-1);
  const said = [TITLES[form], `${fmt(channels)} channels`, `${short(macs)} MACs`];
  const lines = upright ? said : [said.join(", ")];
  return lines.map((text, i) =>
    make("text", {
      x: upright ? place : 4,
      y: upright ? 16 + 17 * i : place,
      "text-anchor": upright && form === "naive" ? "end" : "start",
      class: i ? null : "iw-strong",
    }, text)
  );
}

function river(at, modules, { scale, top, from, step, breadth, upright }) {
  const flows = [], bars = [], numbers = [], bar = Math.min(14, 0.24 * step);
  modules.forEach(({ channels, bands }, i) => {
    const along = from + i * step, thick = scale * channels;
    const rect = (a, across, deep, color) => {
      const [x, y] = at(a, across), [width, height] = at(bar, deep);
      return make("rect", { x, y, width, height: Math.max(0, height), class: `iw-${color}` });
    };
    if (!bands) bars.push(rect(along, top, thick, "ink"));
    else {
      const before = modules[i - 1].channels * scale;
      let across = top;
      for (const branch of ORDER) {
        const deep = scale * bands[branch];
        const d = ribbon(at, [along - step + bar, top + before / 2, before], [
          along,
          across + deep / 2,
          deep,
        ]);
        flows.push(
          make("path", { d, class: `iw-${branch}`, "fill-opacity": branch === "pool" ? CARRIED : READ }),
        );
        bars.push(rect(along, across, deep, branch));
        across += deep;
      }
    }
    // where the river has left the drawing, its number stays at the edge
    const past = top + thick > breadth - (upright ? 40 : 16);
    const [x, y] = at(
      along + (upright ? bar - 2 : bar + 3),
      past ? breadth - 4 : top + thick + (upright ? 4 : 13),
    );
    const anchor = upright && !past ? "start" : "end";
    numbers.push(make("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor }, fmt(channels)));
  });
  return [...flows, ...bars, ...numbers];
}
