// A module that changes with the years: the four networks' own, one drawn after the other at one scale.
import { fmt, make, run, short } from "./common.js";
import { player, slider } from "./hands.js";
import { moduleDrawing } from "./module_drawing.js";
import { gauge } from "./module_gauges.js";

const COLORS = ["1x1", "3x3", "5x5", "pool"]; // of the four branches, in their order
const SHADES = { copy: 0.2, way: 0.45, output: 0.8 };

const macsOf = ({ gates }) => gates.reduce((sum, { macs }) => sum + macs, 0);
const allMacs = ({ lanes }) => lanes.reduce((sum, lane) => sum + macsOf(lane), 0);

function layout(results, { model, controls, set, table }) {
  results.after(controls);
  const numbers = make("div", { class: "iw-controls" });
  const names = model.get("fields").map(({ options }) => options);
  numbers.append(...controls.children);
  controls.append(
    make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"), numbers),
  );

  let s = null, before = null;
  const years = timeline(table.stops.early, () => s, (stop) => set({ stop }));
  const last = table.stops.early.length;
  const play = make("button", { type: "button" });
  const playing = player(play, {
    step() {
      const next = s.stop < last ? s.stop + 1 : 1;
      set({ stop: next });
      return next < last;
    },
    end: () => set({ stop: last }),
    ms: 2200,
  });
  const chips = names[1].map(([depth, name]) => {
    const chip = make("button", { type: "button", value: depth }, name);
    chip.addEventListener("click", () => set({ depth }));
    return chip;
  });
  const drawing = moduleDrawing([], { tall: 430 }), macs = gauge("MACs");
  const facts = make("p", { class: "iw-small" }), verdict = make("p", { class: "iw-verdict" });
  const list = make("dl", { class: "iw-layers-of" });
  results.append(
    make(
      "div",
      { class: "iw-switches" },
      make("div", { class: "iw-chips", role: "group", "aria-label": "Where in the network" }, ...chips),
      make("div", { class: "iw-chips" }, play),
    ),
    years.root,
    drawing.root,
    make("div", { class: "iw-gauges" }, macs.root, facts),
    verdict,
    make("details", { class: "iw-fold" }, make("summary", {}, "Its branches, layer by layer"), list),
  );
  years.root.addEventListener("pointerdown", playing.stop);

  return (now) => {
    const smooth = before !== null;
    s = before = now;
    const stops = table.stops[s.depth], stop = stops[s.stop - 1], sum = allMacs(stop);
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.value === s.depth));
    years.show();
    const name = `${stop.year}, ${stop.title}, ${stop.module.replace("inception_", "")}`;
    drawing.show(pictureOfStop(stops, stop), smooth, `${name}: ${stop.lanes.map(laneWords).join(" ")}`);
    const most = Math.max(...stops.map(allMacs));
    macs.show({
      figure: `${short(sum)}, GoogLeNet ${short(allMacs(stops[0]))}`,
      note: "",
      tubes: [{
        parts: stop.lanes.map((lane, i) => [macsOf(lane) / most, COLORS[i]]),
        mark: allMacs(stops[0]) / most,
      }],
    });
    facts.textContent =
      `A map of ${stop.grid}x${stop.grid}, ${fmt(stop.in)} channels in and ${fmt(stop.out)} out. ` +
      `An output sees up to ${stop.sees} positions across, through at most ${stop.layers} convolutions. ` +
      `${fmt(stop.weights)} weights.`;
    verdict.textContent = `${name}. ${stop.said}`;
    list.replaceChildren(
      ...stop.lanes.flatMap((lane, i) => [
        make("dt", { class: `iw-of-${COLORS[i]}` }, lane.name),
        make("dd", {}, `${lane.text}: ${fmt(macsOf(lane))} MACs`),
      ]),
    );
    const data = {
      macs: sum,
      weights: stop.weights,
      channelsIn: stop.in,
      channelsOut: stop.out,
      grid: stop.grid,
      layers: stop.layers,
      sees: stop.sees,
    };
    stop.lanes.forEach((lane, i) => (data[`lane${i + 1}`] = macsOf(lane)));
    return { words: `${verdict.textContent} ${fmt(sum)} MACs. ${facts.textContent}`, data };
  };
}

const laneWords = ({ name, text }) => `${name}: ${text}.`;

// The years as a slider: the stops on a line, and what can be moved from one to the next.
function timeline(stops, settings, set) {
  const dots = stops.map(({ year, title }) =>
    make("div", {}, make("strong", {}, String(year)), make("span", {}, title))
  );
  const root = make("div", { class: "iw-timeline" }, ...dots);
  const said = slider(root, {
    label: "Year",
    min: 1,
    max: stops.length,
    page: 1,
    now: () => settings().stop,
    set,
    at(event) {
      const { left, width } = root.getBoundingClientRect();
      return (event.clientX - left) / width * stops.length + 0.5;
    },
    text: (stop) => `${stops[stop - 1].year}, ${stops[stop - 1].title}`,
  });
  const show = () => {
    said();
    dots.forEach((dot, i) => dot.classList.toggle("iw-chosen", i + 1 === settings().stop));
  };
  return { root, show };
}

// Lanes of equal numbers of gates, so that one module can become the other: what a lane lacks computes nothing.
function pictureOfStop(stops, { in: input, lanes }) {
  const columns = Math.max(...lanes.map(({ gates }) => gates.length));
  const slots = Math.max(...stops.flatMap((stop) => stop.lanes.map(({ gates }) => gates.length)));
  const widest = (stop) =>
    stop.lanes.reduce((sum, { gates }) => sum + Math.max(stop.in, ...gates.map(({ width }) => width)), 0);
  return {
    input,
    channels: Math.max(...stops.map(widest)),
    macs: Math.max(
      ...stops.flatMap((stop) => stop.lanes.flatMap(({ gates }) => gates.map(({ macs }) => macs))),
    ),
    lanes: lanes.map(({ name, gates }, i) => ({
      name,
      branch: COLORS[i],
      shade: SHADES.copy,
      gates: padded(gates, input, columns, slots),
    })),
  };
}

// The first gate of several at the begin of the lane, the others at its end, idle ones between.
function padded(gates, input, columns, slots) {
  const alone = gates.length === 1, idle = slots - gates.length;
  const place = (j) => (alone ? 1 : j === 0 ? 0 : (columns - gates.length + j) / (columns - 1));
  const real = gates.map((gate, j) => ({
    ...gate,
    at: place(j),
    shade: j === gates.length - 1 ? SHADES.output : SHADES.way,
  }));
  const [from, to] = alone ? [0, 1] : [0, real[1].at];
  const last = alone ? { width: input, shade: SHADES.copy } : real[0];
  const filler = Array.from({ length: idle }, (_, k) => ({
    at: from + (to - from) * (k + 1) / (idle + 1),
    width: last.width,
    shade: last.shade,
    macs: 0,
    kernels: [],
    pool: false,
  }));
  return alone ? [...filler, ...real] : [real[0], ...filler, ...real.slice(1)];
}

export default { render: (context) => run({ layout, wide: true }, context) };
