// Recorded trainings with several weights of the heads' losses.  All numbers come from Python.

const BOX = { width: 320, height: 180, left: 34, right: 10, top: 12, bottom: 32 };
const FOOT = BOX.height - BOX.bottom;
// the curves often lie on each other, so each has a line of its own
const PARTS = [["main", "loss", "classifier", "1x1", null], ["aux1", "aux1", "first head", "3x3", "6 4"],
  ["aux2", "aux2", "second head", "5x5", "2 3"]];
const NAMED = ["conv1", "3a", "4a", "4d", "5b"];   // all twelve names have no room
const percent = (hundredths) => `${(hundredths / 100).toFixed(1)} %`;
const loss = (thousandths) => (thousandths / 1000).toFixed(2);
const size = (millionths) => (millionths / 1e6).toPrecision(2);
const told = (weight) => (weight === "0" ? "Without heads" : `With weight ${weight}`);

const across = (i, last) => BOX.left + (BOX.width - BOX.left - BOX.right) * i / last;
const up = (share) => FOOT - (FOOT - BOX.top) * share;
const text = (x, y, words, anchor) => make("text", { x, y, "text-anchor": anchor }, words);
const axis = () => make("line", { class: "iw-axis", x1: BOX.left, x2: BOX.width - BOX.right, y1: FOOT, y2: FOOT });
const path = (points, shade, dashes = null) => make("path", { class: `iw-curve iw-${shade}`, "stroke-dasharray": dashes,
  d: points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") });
const dot = ([x, y], shade, r = 4) => make("circle", { class: `iw-dot iw-${shade}`, cx: x, cy: y, r });

function frame(title) {
  const svg = make("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", class: "iw-plot" });
  const caption = make("figcaption", { class: "iw-small" });
  const root = make("figure", {}, make("p", { class: "iw-small" }, title), svg, caption);
  return { root, svg, caption };
}

function layout(results, { table }) {
  const { modules, runs, chance } = table;
  const epochs = runs["0"].top1.length;
  const key = make("p", { class: "iw-key" });
  for (const [, , name, shade] of PARTS) key.append(make("span", { class: `iw-swatch iw-${shade}` }), `${name} `);
  const losses = frame("Training loss"), top1 = frame("Top-1 accuracy, validation");
  const norms = frame("Norm of the gradient, by the loss that it comes from");
  const verdict = make("p", { class: "iw-verdict" });
  results.append(key, make("div", { class: "iw-lists" }, losses.root, top1.root, norms.root), verdict);
  const everything = Object.values(runs).flatMap((run) => run.norms.flatMap((at) => Object.values(at).flat()));
  const low = Math.floor(Math.log10(Math.min(...everything))), high = Math.ceil(Math.log10(Math.max(...everything)));
  const level = (norm) => up((Math.log10(norm) - low) / (high - low));

  const time = (plot, epoch, ticks) => plot.svg.replaceChildren(axis(),
    ...ticks.map(([y, words]) => text(BOX.left - 4, y + 4, words, "end")),
    text(BOX.left, FOOT + 14, "0", "middle"), text(BOX.width - BOX.right, FOOT + 14, String(epochs), "middle"),
    text(across(1, 2), FOOT + 28, "epoch", "middle"),
    make("line", { class: "iw-even", x1: across(epoch, epochs), x2: across(epoch, epochs), y1: BOX.top, y2: FOOT }));

  const drawLosses = (run, epoch) => {
    const y = (n) => up(n / (1.1 * chance));
    time(losses, epoch, [[y(0), "0"], [y(1000), "1"], [y(2000), "2"]]);
    losses.svg.append(make("line", { class: "iw-even", x1: BOX.left, x2: BOX.width - BOX.right, y1: y(chance), y2: y(chance) }));
    const said = [];
    for (const [, name, label, shade, dashes] of PARTS) {
      if (!run.losses[name]) continue;
      const points = run.losses[name].map((n, i) => [across(i + 1, epochs), y(n)]);
      losses.svg.append(path(points, shade, dashes));
      if (!epoch) continue;
      losses.svg.append(dot(points[epoch - 1], shade));
      said.push(`${label} ${loss(run.losses[name][epoch - 1])}`);
    }
    losses.caption.textContent = epoch ? `In epoch ${epoch}: ${said.join(", ")}. Guessing: ${loss(chance)}.`
      : `Before the training. Guessing: ${loss(chance)}.`;
    losses.svg.setAttribute("aria-label", `Training losses over ${epochs} epochs. ${losses.caption.textContent}`);
  };

  const drawTop1 = (chosen, epoch) => {
    time(top1, epoch, [[up(0), "0 %"], [up(0.5), "50 %"], [up(1), "100 %"]]);
    const others = [];
    const points = (run) => run.top1.map((n, i) => [across(i + 1, epochs), up(n / 1e4)]);
    for (const [weight, run] of Object.entries(runs)) {
      if (weight === chosen) continue;
      top1.svg.append(path(points(run), "muted"));
      if (epoch) others.push(`${weight}: ${percent(run.top1[epoch - 1])}`);
    }
    const own = points(runs[chosen]);
    top1.svg.append(path(own, "accent"), ...(epoch ? [dot(own[epoch - 1], "accent")] : []));
    top1.caption.textContent = epoch
      ? `After epoch ${epoch}: ${percent(runs[chosen].top1[epoch - 1])}. Grey, the other weights: ${others.join(", ")}.`
      : "In colour the chosen weight, in grey the others.";
    top1.svg.setAttribute("aria-label", `Top-1 accuracy over ${epochs} epochs. ${top1.caption.textContent}`);
  };

  const drawNorms = (at, epoch) => {
    const last = modules.length - 1;
    norms.svg.replaceChildren(axis(), text(across(1, 2), FOOT + 28, "layer or module", "middle"));
    for (let power = low; power <= high; power += 1) {
      norms.svg.append(text(BOX.left - 4, up((power - low) / (high - low)) + 4, String(Number(`1e${power - 6}`)), "end"));
    }
    for (const name of NAMED) norms.svg.append(text(across(modules.indexOf(name), last), FOOT + 14, name, "middle"));
    for (const name of ["4a", "4d"]) {
      const x = across(modules.indexOf(name), last);
      norms.svg.append(make("line", { class: "iw-even", x1: x, x2: x, y1: BOX.top, y2: FOOT }));
    }
    const said = [];
    for (const [part, , label, shade, dashes] of PARTS) {
      if (!at[part]) continue;
      const points = at[part].map((norm, i) => [across(i, last), level(norm)]);
      norms.svg.append(path(points, shade, dashes), ...points.map((point) => dot(point, shade, 2.5)));
      said.push(`${label} ${size(at[part][modules.indexOf("3a")])}`);
    }
    norms.caption.textContent = `${epoch ? `After epoch ${epoch}` : "Before the training"}, in 3a: ${said.join(", ")}. ` +
      "Dashed: where the heads stand.";
    norms.svg.setAttribute("aria-label", `Norms of the gradients by layer, on a logarithmic axis. ${norms.caption.textContent} ` +
      PARTS.filter(([part]) => at[part]).map(([part, , label]) =>
        `${label}: ${at[part].map((norm, i) => `${modules[i]} ${size(norm)}`).join(", ")}.`).join(" "));
  };

  return (s) => {
    const run = runs[s.weight], at = run.norms[s.epoch], data = {};
    drawLosses(run, s.epoch);
    drawTop1(s.weight, s.epoch);
    drawNorms(at, s.epoch);
    if (s.epoch) {
      data.top1 = run.top1[s.epoch - 1];
      for (const [name, values] of Object.entries(run.losses)) data[name] = values[s.epoch - 1];
    }
    for (const [part, all] of Object.entries(at)) all.forEach((norm, i) => { data[`${part}${i + 1}`] = norm; });
    verdict.textContent = s.epoch ? `${told(s.weight)}, after epoch ${s.epoch}: top-1 ${percent(data.top1)}, ` +
      `the classifier's loss ${loss(data.loss)}.` : `${told(s.weight)}, before the training.`;
    return { words: `${verdict.textContent} ${norms.caption.textContent}`, data };
  };
}

export default { render: (context) => run({ layout }, context) };
