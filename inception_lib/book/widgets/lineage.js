// Published errors against year, depth, parameters or MACs.  The numbers come from Python.
import { fmt, make, run } from "./common.js";

const PLOT = { width: 340, height: 230, left: 36, right: 14, top: 14, bottom: 34 };
const AXES = { parameters: "parameters", macs: "MACs", depth: "layers deep", year: "year" };
const percent = (hundredths) => `${(hundredths / 100).toFixed(2)}%`;

function layout(results, { table, set }) {
  const all = table.networks;
  const verdict = make("p", { class: "iw-verdict" });
  const plot = make("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img", class: "iw-plot" });
  const lines = make("div", { class: "iw-facts" });
  results.append(verdict, plot, lines);

  return (s) => {
    const chosen = all[s.network - 1];
    const shown = all.filter((network) => network.errors[s.procedure]);
    const error = chosen.errors[s.procedure] ? chosen.errors[s.procedure][0] : 0;
    const better = shown.filter((network) => network.errors[s.procedure][0] < error);
    const smaller = better.filter((network) => network[s.axis] <= chosen[s.axis]);
    draw(plot, s, shown, chosen, (network) => set({ network: all.indexOf(network) + 1 }));

    const facts = [["Year", chosen.year], ["Depth", `${chosen.depth} layers`], [
      "Parameters",
      fmt(chosen.parameters),
    ], ["MACs on one crop", fmt(chosen.macs)]];
    lines.replaceChildren(
      ...facts.map(([name, text]) =>
        make(
          "div",
          { class: "iw-line" },
          make("span", { class: "iw-name" }, name),
          make("strong", {}, String(text)),
        )
      ),
      ...Object.values(chosen.errors).map(([value, measured, source]) =>
        make(
          "div",
          { class: "iw-line" },
          make("span", { class: "iw-name" }, "Top-5 error"),
          make("strong", {}, percent(value)),
          make("span", { class: "iw-small iw-made" }, `${measured}. Source: ${source}.`),
        )
      ),
    );

    const others = shown.length - 1;
    const what = { parameters: "parameters", macs: "MACs", depth: "layers" }[s.axis];
    const more = what ? `more ${what}` : "to a later year";
    const few = what ? `no more ${what}` : "to no later year";
    const have = (n) => (what ? n === 1 ? "has" : "have" : n === 1 ? "belongs" : "belong");
    const one = better.length === 1;
    const those = smaller.length
      ? `${smaller.length} of those ${have(smaller.length)} ${few}`
      : `${one ? "it" : "all of those"} ${have(better.length)} ${more}`;
    const lead = better.length === 0
      ? `None of the other ${others} networks shown has a lower one.`
      : `Of the other ${others} networks shown, ${better.length} ${one ? "has" : "have"} a lower one, ` +
        `and ${those}.`;
    const procedure = table.procedures[s.procedure];
    verdict.textContent = error
      ? `${chosen.title}: top-5 error ${percent(error)}, with ${procedure}. ${lead}`
      : `${chosen.title} has no published top-5 error with ${procedure}, so it is not in the plot.`;
    return {
      words: verdict.textContent,
      data: {
        year: chosen.year,
        parameters: chosen.parameters,
        macs: chosen.macs,
        depth: chosen.depth,
        error,
        shown: shown.length,
        better: better.length,
        smaller: smaller.length,
      },
    };
  };
}

// Powers of ten on a logarithmic axis, a few round numbers on the others.
function scale(axis, values) {
  const low = Math.min(...values), high = Math.max(...values);
  if (axis === "parameters" || axis === "macs") {
    const [from, to] = [Math.log10(low / 1.5), Math.log10(high * 1.7)];
    const ticks = [];
    for (let power = Math.ceil(from); power <= to; power += 1) {
      for (const step of [1, 2, 5]) {
        const at = step * 10 ** power;
        if (step === 1 || to - from < 1.6) ticks.push(at);
      }
    }
    if (to - from < 1.6) { for (const step of [2, 5]) ticks.push(step * 10 ** (Math.ceil(from) - 1)); }
    return {
      place: (v) => (Math.log10(v) - from) / (to - from),
      ticks: ticks.filter((v) => Math.log10(v) >= from && Math.log10(v) <= to).sort((a, b) => a - b),
      write: brief,
    };
  }
  const pad = Math.max(1, (high - low) * 0.12), from = low - pad, to = high + 1.6 * pad;
  const step = axis === "year" ? 1 : high - low > 40 ? 20 : 5;
  const ticks = [];
  for (let v = Math.ceil(from / step) * step; v <= to; v += step) ticks.push(v);
  return { place: (v) => (v - from) / (to - from), ticks, write: String };
}

const brief = (n) => (n >= 1e9 ? `${n / 1e9} bn` : n >= 1e6 ? `${n / 1e6} m` : fmt(n));

function draw(plot, s, shown, chosen, choose) {
  const { width, height, left, right, top, bottom } = PLOT;
  const errors = shown.map((network) => network.errors[s.procedure][0] / 100);
  const across = scale(s.axis, shown.map((network) => network[s.axis]));
  const highest = Math.ceil(Math.max(...errors) / 5 + 0.2) * 5;
  const x = (v) => left + (width - left - right) * across.place(v);
  const y = (v) => height - bottom - (height - top - bottom) * (v / highest);
  const text = (at, up, words, anchor, more = {}) =>
    make("text", { x: at, y: up, "text-anchor": anchor, ...more }, words);
  const foot = height - bottom;
  const parts = [
    make("line", { class: "iw-axis", x1: left, x2: width - right, y1: foot, y2: foot }),
    make("line", { class: "iw-axis", x1: left, x2: left, y1: top, y2: foot }),
    ...across.ticks.flatMap((
      v,
    ) => [
      make("line", { x1: x(v), x2: x(v), y1: foot, y2: foot + 4 }),
      text(x(v), foot + 15, across.write(v), "middle"),
    ]),
    text((left + width - right) / 2, height - 3, AXES[s.axis], "middle"),
  ];
  for (let v = 0; v <= highest; v += 5) parts.push(text(left - 4, y(v) + 4, `${v}%`, "end"));

  // a label stands where it covers no dot and no other label: right of its dot, left, above or below
  const taken = shown.map((network, i) => [x(network[s.axis]) - 6, y(errors[i]) - 6, 12, 12]);
  const free = (box) =>
    box[0] >= left && box[0] + box[2] <= width - 2 && box[1] >= 2 && box[1] + box[3] <= foot &&
    taken.every((other) =>
      box[0] + box[2] <= other[0] || other[0] + other[2] <= box[0] ||
      box[1] + box[3] <= other[1] || other[1] + other[3] <= box[1]
    );
  shown.forEach((network, i) => {
    const at = [x(network[s.axis]), y(errors[i])], wide = 5.8 * network.title.length;
    const spots = [
      [8, 4, "start"],
      [-8, 4, "end"],
      [0, -9, "middle"],
      [0, 17, "middle"],
      [8, 17, "start"],
      [-8, 17, "end"],
      [8, -9, "start"],
      [-8, -9, "end"],
      [8, 28, "start"],
      [-8, 28, "end"],
      [0, -21, "middle"],
      [-8, -21, "end"],
    ];
    const boxOf = (
      [dx, dy, anchor],
    ) => [
      at[0] + dx - (anchor === "end" ? wide : anchor === "middle" ? wide / 2 : 0),
      at[1] + dy - 10,
      wide,
      12,
    ];
    const spot = spots.find((candidate) => free(boxOf(candidate))) || spots[0];
    taken.push(boxOf(spot));
    const own = network === chosen;
    const dot = make(
      "g",
      { class: "iw-pick" },
      make("circle", { class: own ? "iw-here" : "iw-dot iw-violet", cx: at[0], cy: at[1], r: own ? 6 : 4.5 }),
      text(at[0] + spot[0], at[1] + spot[1], network.title, spot[2], own ? { "font-weight": "700" } : {}),
    );
    // what a finger hits: under all dots, so that it takes no neighbor's place
    const reach = make("circle", { class: "iw-reach", cx: at[0], cy: at[1], r: 12 });
    // by keys the name is chosen in the field
    for (const one of [dot, reach]) one.addEventListener("click", () => choose(network));
    parts.unshift(reach);
    parts.push(dot);
  });
  plot.replaceChildren(...parts);
  plot.setAttribute(
    "aria-label",
    `Top-5 error against ${AXES[s.axis]}, a dot for each network. ` +
      shown.map((network, i) =>
        `${network.title}: ${errors[i]}% at ${s.axis === "year" ? network.year : fmt(network[s.axis])}`
      ).join("; ") + ".",
  );
}

export default { render: (context) => run({ layout }, context) };
