// MACs of a convolution, alone and behind a 1x1 reduction.
import { bar, fmt, make, product, run, total } from "./common.js";

const H = 170, PAD = { left: 8, right: 8, top: 20, bottom: 26 };

function layout(results, { table, repaint }) {
  const lines = {};
  const list = make("div", { class: "iw-pair" });
  for (const [key, text] of [["direct", "Alone"], ["reduced", "Behind the reduction"]]) {
    const number = make("strong"), weights = make("span", { class: "iw-small" }), track = make("div");
    lines[key] = { number, weights, track };
    list.append(
      make("div", { class: "iw-line" }, make("span", { class: "iw-name" }, text), number, weights, track),
    );
  }
  const verdict = make("p", { class: "iw-verdict" });
  const plot = make("svg", { role: "img", class: "iw-plot iw-across" });
  results.append(list, verdict, plot);
  new ResizeObserver(repaint).observe(plot); // goes with the plot

  return (s) => {
    const macs = { direct: total(table.direct, "macs", s), reduced: total(table.reduced, "macs", s) };
    const weights = {
      direct: total(table.direct, "weights", s),
      reduced: total(table.reduced, "weights", s),
    };
    const one = total(table.reduced, "macs", { ...s, reduce: 1 }); // each channel of the reduction costs this
    const pays = Math.ceil(macs.direct / one) - 1;
    const most = Math.max(macs.direct, macs.reduced);
    for (const key of ["direct", "reduced"]) {
      lines[key].number.textContent = `${fmt(macs[key])} MACs`;
      lines[key].weights.textContent = `${fmt(weights[key])} weights`;
      const parts = key === "direct"
        ? [[macs.direct / most, "violet"]]
        : table.reduced.map((row, i) => [product(row.macs, s) / most, i ? "violet" : "olive"]);
      lines[key].track.replaceChildren(bar(0, "", parts));
    }
    const ratio = macs.direct / macs.reduced;
    const notes = [];
    if (s.reduce >= s.c_in) {
      notes.push(`A reduction to ${fmt(s.reduce)} channels reduces nothing: ${fmt(s.c_in)} come in.`);
    }
    const saves = macs.reduced < macs.direct;
    const times = ratio >= 1 ? `${ratio.toFixed(1)} times fewer` : `${(1 / ratio).toFixed(1)} times more`;
    notes.push(
      macs.reduced === macs.direct ? "It costs as much as it saves." : `With the reduction: ${times} MACs.`,
    );
    notes.push(pays < 1 ? "No reduction saves anything here." : `It pays up to ${fmt(pays)} channels.`);
    verdict.textContent = notes.join(" ");
    curve(plot, s, macs, one, pays);
    return {
      words: `${fmt(macs.direct)} MACs alone, ${fmt(macs.reduced)} behind the reduction. ` +
        verdict.textContent,
      data: {
        directMacs: macs.direct,
        reducedMacs: macs.reduced,
        directWeights: weights.direct,
        reducedWeights: weights.reduced,
        paysUpTo: pays,
      },
      impossible: !saves || s.reduce >= s.c_in,
    };
  };
}

function curve(plot, s, macs, one, pays) {
  const W = plot.clientWidth || 320; // in the page's pixels, so that its words have their size
  plot.setAttribute("viewBox", `0 0 ${W} ${H}`);
  const widest = Math.max(s.c_in, s.reduce, Math.min(2 * pays, 4096), 2);
  const highest = Math.max(widest * one, macs.direct);
  const x = (r) => PAD.left + (W - PAD.left - PAD.right) * (r / widest);
  const y = (m) => H - PAD.bottom - (H - PAD.top - PAD.bottom) * (m / highest);
  const text = (at, up, words, anchor = "start") =>
    make("text", { x: at, y: up, "text-anchor": anchor }, words);
  const breakEven = macs.direct / one, foot = H - PAD.bottom, level = y(macs.direct);
  const low = level > foot - 40; // then the rising line is where the other's name would stand
  // the crossing's label stands below the axis, between "0" and the width; above it where that has no room
  const crossing = x(breakEven) < W - 130
    ? [Math.max(x(breakEven), PAD.left + 50), H - 8, "middle"]
    : [x(breakEven) - 4, foot - 5, "end"];
  // the rising line's name ends on it, where the other line is not
  const end = [0.9, 0.65].map((share) => share * widest).find((r) => Math.abs(y(r * one) - 8 - level) > 14) ||
    widest;
  const side = macs.reduced < macs.direct ? "below" : "not below";
  plot.setAttribute(
    "aria-label",
    "MACs against the width of the reduction: a rising line that crosses the cost of the convolution alone " +
      `at ${breakEven.toFixed(1)} channels. ` +
      `Your reduction of ${fmt(s.reduce)} channels is ${side} the crossing.`,
  );
  plot.replaceChildren(
    make("line", { class: "iw-axis", x1: PAD.left, x2: W - PAD.right, y1: foot, y2: foot }),
    make("line", { class: "iw-alone", x1: PAD.left, x2: W - PAD.right, y1: level, y2: level }),
    make("line", { class: "iw-rising", x1: x(0), y1: y(0), x2: x(widest), y2: y(widest * one) }),
    ...(breakEven <= widest
      ? [
        make("line", { class: "iw-even", x1: x(breakEven), x2: x(breakEven), y1: level, y2: foot }),
        text(crossing[0], crossing[1], `even at ${breakEven.toFixed(1)}`, crossing[2]),
      ]
      : []),
    make("circle", { class: "iw-here", cx: x(s.reduce), cy: y(macs.reduced), r: 5 }),
    text(PAD.left, 11, "MACs"),
    text(low ? W - PAD.right : PAD.left, level < 36 ? level + 13 : level - 4, "alone", low ? "end" : "start"),
    text(x(end) - 6, y(end * one) - 3, "behind the reduction", "end"),
    text(PAD.left, H - 8, "0"),
    text(W - PAD.right, H - 8, `${fmt(widest)} channels`, "end"),
  );
}

export default { render: (context) => run({ layout }, context) };
