// MACs of a convolution, alone and behind a 1x1 reduction.

const W = 320, H = 150, PAD = { left: 8, right: 8, top: 14, bottom: 26 };

function layout(results, { table }) {
  const lines = {};
  const list = make("div", { class: "iw-pair" });
  for (const [key, text] of [["direct", "Alone"], ["reduced", "Behind the reduction"]]) {
    const number = make("strong"), weights = make("span", { class: "iw-small" }), track = make("div");
    lines[key] = { number, weights, track };
    list.append(make("div", { class: "iw-line" }, make("span", { class: "iw-name" }, text), number, weights, track));
  }
  const verdict = make("p", { class: "iw-verdict" });
  const plot = make("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", class: "iw-plot" });
  results.append(list, verdict, plot);

  return (s) => {
    const macs = { direct: total(table.direct, "macs", s), reduced: total(table.reduced, "macs", s) };
    const weights = { direct: total(table.direct, "weights", s), reduced: total(table.reduced, "weights", s) };
    const one = total(table.reduced, "macs", { ...s, reduce: 1 });   // each channel of the reduction costs this
    const pays = Math.ceil(macs.direct / one) - 1;
    const most = Math.max(macs.direct, macs.reduced);
    for (const key of ["direct", "reduced"]) {
      lines[key].number.textContent = `${fmt(macs[key])} MACs`;
      lines[key].weights.textContent = `${fmt(weights[key])} weights`;
      const parts = key === "direct" ? [[macs.direct / most, "5x5"]]
        : table.reduced.map((row, i) => [product(row.macs, s) / most, i ? "5x5" : "1x1"]);
      lines[key].track.replaceChildren(bar(0, "", parts));
    }
    const ratio = macs.direct / macs.reduced;
    const notes = [];
    if (s.reduce >= s.c_in) notes.push(`A reduction to ${fmt(s.reduce)} channels reduces nothing: ${fmt(s.c_in)} come in.`);
    const saves = macs.reduced < macs.direct;
    const times = ratio >= 1 ? `${ratio.toFixed(1)} times fewer` : `${(1 / ratio).toFixed(1)} times more`;
    notes.push(macs.reduced === macs.direct ? "It costs as much as it saves."
      : `With the reduction: ${times} MACs.`);
    notes.push(pays < 1 ? "No reduction saves anything here." : `It pays up to ${fmt(pays)} channels.`);
    verdict.textContent = notes.join(" ");
    curve(plot, s, macs, one, pays);
    return {
      words: `${fmt(macs.direct)} MACs alone, ${fmt(macs.reduced)} behind the reduction. ${verdict.textContent}`,
      data: { directMacs: macs.direct, reducedMacs: macs.reduced, directWeights: weights.direct,
        reducedWeights: weights.reduced, paysUpTo: pays },
      impossible: !saves || s.reduce >= s.c_in,
    };
  };
}

function curve(plot, s, macs, one, pays) {
  const widest = Math.max(s.c_in, s.reduce, Math.min(2 * pays, 4096), 2);
  const highest = Math.max(widest * one, macs.direct);
  const x = (r) => PAD.left + (W - PAD.left - PAD.right) * (r / widest);
  const y = (m) => H - PAD.bottom - (H - PAD.top - PAD.bottom) * (m / highest);
  const text = (at, up, words, anchor = "start") => make("text", { x: at, y: up, "text-anchor": anchor }, words);
  const breakEven = macs.direct / one;
  plot.setAttribute("aria-label",
    `MACs against the width of the reduction: a rising line that crosses the cost of the convolution alone at ${breakEven.toFixed(1)} channels. ` +
    `Your reduction of ${fmt(s.reduce)} channels is ${macs.reduced < macs.direct ? "below" : "not below"} the crossing.`);
  plot.replaceChildren(
    make("line", { class: "iw-axis", x1: PAD.left, x2: W - PAD.right, y1: H - PAD.bottom, y2: H - PAD.bottom }),
    make("line", { class: "iw-alone", x1: PAD.left, x2: W - PAD.right, y1: y(macs.direct), y2: y(macs.direct) }),
    make("line", { class: "iw-rising", x1: x(0), y1: y(0), x2: x(widest), y2: y(widest * one) }),
    ...(breakEven <= widest ? [make("line", { class: "iw-even", x1: x(breakEven), x2: x(breakEven), y1: y(macs.direct), y2: H - PAD.bottom })] : []),
    make("circle", { class: "iw-here", cx: x(s.reduce), cy: y(macs.reduced), r: 5 }),
    text(PAD.left, y(macs.direct) < 28 ? y(macs.direct) + 12 : y(macs.direct) - 4, "alone"),
    text(PAD.left, H - 8, "0"),
    text(W - PAD.right, H - 8, `${fmt(widest)} channels`, "end"),
  );
}

export default { render: (context) => run({ layout }, context) };
