// Recorded trainings with several weights of the heads' losses.  All numbers come from Python.
import { make, run } from "./common.js";

const BOX = { width: 320, height: 180, left: 42, right: 10, top: 12, bottom: 32 };
const FOOT = BOX.height - BOX.bottom;
// the curves often lie on each other, so each has a line of its own
const PARTS = [
  ["main", "loss", "classifier", "violet", null],
  ["aux1", "aux1", "first head", "olive", "6 4"],
  ["aux2", "aux2", "second head", "berry", "2 3"],
];
const NAMED = ["conv1", "3a", "4a", "4d", "5b"]; // all twelve names have no room
const percent = (hundredths) => `${(hundredths / 100).toFixed(1)}%`;
const loss = (thousandths) => (thousandths / 1000).toFixed(2);
const size = (millionths) => (millionths / 1e6).toPrecision(2);
const told = (weight) => (weight === "0" ? "Without heads" : `With weight ${weight}`);

const across = (i, last) => BOX.left + (BOX.width - BOX.left - BOX.right) * i / last;
const up = (share) => FOOT - (FOOT - BOX.top) * share;
const line = (points) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const spots = (points) => points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
const curve = (shade, dashes = null) =>
  make("path", { class: `iw-curve iw-${shade}`, "stroke-dasharray": dashes });
const upright = (x) => make("line", { class: "iw-even", x1: x, x2: x, y1: BOX.top, y2: FOOT });
const text = (x, y, words, anchor) => make("text", { x, y, "text-anchor": anchor }, words);

// One plot with its axes; what is drawn once stays, since to make elements anew takes longer than a frame.
function frame(title, below, ticks) {
  const svg = make(
    "svg",
    { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", class: "iw-plot" },
    make("line", { class: "iw-axis", x1: BOX.left, x2: BOX.width - BOX.right, y1: FOOT, y2: FOOT }),
    text(across(1, 2), FOOT + 29, below, "middle"),
    ...ticks.map(([share, words]) => text(BOX.left - 4, up(share) + 4, words, "end")),
  );
  const caption = make("p", { class: "iw-small" });
  return { root: make("div", {}, make("p", { class: "iw-name" }, title), svg, caption), svg, caption };
}

// A plot over epochs: a line at the chosen one, and a dot on each of some curves.
function over(epochs, title, ticks, shades) {
  const plot = frame(title, "epoch", ticks);
  const now = upright(0), dots = shades.map((shade) => make("circle", { class: `iw-dot iw-${shade}`, r: 4 }));
  plot.svg.append(
    text(BOX.left, FOOT + 15, "0", "middle"),
    text(across(1, 1), FOOT + 15, String(epochs), "middle"),
    now,
  );
  plot.at = (epoch, shares) => {
    const x = across(epoch, epochs);
    now.setAttribute("x1", x);
    now.setAttribute("x2", x);
    dots.forEach((dot, i) => {
      dot.style.display = shares[i] === undefined ? "none" : "";
      if (shares[i] === undefined) return;
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", up(shares[i]));
    });
  };
  plot.finish = () => plot.svg.append(...dots); // over the curves
  return plot;
}

function layout(results, { table }) {
  const { modules, runs, chance } = table;
  const epochs = runs["0"].top1.length, last = modules.length - 1, third = modules.indexOf("3a");
  const weights = Object.keys(runs).sort((a, b) => a - b);
  const key = make("p", { class: "iw-key" });
  for (const [, , name, shade] of PARTS) {
    key.append(make("span", { class: `iw-swatch iw-${shade}` }), `${name} `);
  }

  const height = (thousandths) => thousandths / (1.1 * chance);
  const losses = over(
    epochs,
    "Training loss",
    [0, 1, 2].map((n) => [height(1000 * n), String(n)]),
    PARTS.map(([, , , shade]) => shade),
  );
  const guess = up(height(chance));
  losses.svg.append(
    make("line", { class: "iw-even", x1: BOX.left, x2: BOX.width - BOX.right, y1: guess, y2: guess }),
  );
  const lossCurves = PARTS.map(([, , , shade, dashes]) => curve(shade, dashes));
  losses.svg.append(...lossCurves);
  losses.finish();

  const top1 = over(epochs, "Top-1 accuracy, validation", [[0, "0%"], [0.5, "50%"], [1, "100%"]], [
    "accent",
  ]);
  const top1Curves = Object.fromEntries(weights.map((weight) => [weight, curve("muted")]));
  for (const weight of weights) {
    top1Curves[weight].setAttribute(
      "d",
      line(runs[weight].top1.map((n, i) => [across(i + 1, epochs), up(n / 1e4)])),
    );
  }
  top1.svg.append(...Object.values(top1Curves));
  top1.finish();

  const everything = Object.values(runs).flatMap((run) =>
    run.norms.flatMap((at) => Object.values(at).flat())
  );
  const low = Math.floor(Math.log10(Math.min(...everything))),
    high = Math.ceil(Math.log10(Math.max(...everything)));
  const share = (power) => (power - low) / (high - low);
  const powers = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const norms = frame(
    "Norm of the gradient, by the loss that it comes from",
    "layer or module",
    powers.map((power) => [share(power), String(Number(`1e${power - 6}`))]),
  );
  for (const name of NAMED) {
    norms.svg.append(
      text(across(modules.indexOf(name), last), FOOT + 15, name, name === modules[0] ? "start" : "middle"),
    );
  }
  for (const name of ["4a", "4d"]) norms.svg.append(upright(across(modules.indexOf(name), last)));
  const normCurves = PARTS.map(([, , , shade, dashes]) => [curve(shade, dashes), curve(`${shade} iw-spots`)]);
  norms.svg.append(...normCurves.flat());

  const verdict = make("p", { class: "iw-verdict" });
  const aside = make("div", { class: "iw-aside" }, norms.caption, verdict); // in the place of a fourth plot
  results.append(key, make("div", { class: "iw-plots" }, losses.root, top1.root, norms.root, aside));

  const drawLosses = (run, epoch) => {
    const now = PARTS.map((
      [, name],
    ) => (epoch && run.losses[name] ? run.losses[name][epoch - 1] : undefined));
    PARTS.forEach(([, name], i) =>
      lossCurves[i].setAttribute(
        "d",
        line((run.losses[name] || []).map((n, at) => [across(at + 1, epochs), up(height(n))])),
      )
    );
    losses.at(epoch, now.map((n) => (n === undefined ? undefined : height(n))));
    const said = PARTS.flatMap((
      [, , label],
      i,
    ) => (now[i] === undefined ? [] : [`${label} ${loss(now[i])}`]));
    losses.caption.textContent =
      `${epoch ? `In epoch ${epoch}: ${said.join(", ")}` : "Before the training"}. ` +
      `Guessing: ${loss(chance)}.`;
    losses.svg.setAttribute(
      "aria-label",
      `Training losses over ${epochs} epochs. ${losses.caption.textContent}`,
    );
  };

  const drawTop1 = (chosen, epoch) => {
    for (const weight of weights) {
      top1Curves[weight].setAttribute("class", `iw-curve iw-${weight === chosen ? "accent" : "muted"}`);
    }
    top1.at(epoch, epoch ? [runs[chosen].top1[epoch - 1] / 1e4] : []);
    const reached = (weight) => percent(runs[weight].top1[epoch - 1]);
    const others = () =>
      weights.filter((w) => w !== chosen).map((w) => `${reached(w)} with weight ${w}`).join(", ");
    top1.caption.textContent = epoch
      ? `After epoch ${epoch}: ${reached(chosen)}. Gray: ${others()}.`
      : "In color the chosen weight, in gray the others.";
    top1.svg.setAttribute("aria-label", `Top-1 accuracy over ${epochs} epochs. ${top1.caption.textContent}`);
  };

  const drawNorms = (at, epoch) => {
    const there = PARTS.filter(([part]) => at[part]);
    PARTS.forEach(([part], i) => {
      const points = (at[part] || []).map((norm, j) => [across(j, last), up(share(Math.log10(norm)))]);
      normCurves[i][0].setAttribute("d", line(points));
      normCurves[i][1].setAttribute("d", spots(points));
    });
    const said = there.map(([part, , label]) => `${label} ${size(at[part][third])}`).join(", ");
    norms.caption.textContent =
      `${epoch ? `After epoch ${epoch}` : "Before the training"}, in 3a: ${said}. ` +
      "Dashed: where the heads stand.";
    norms.svg.setAttribute(
      "aria-label",
      `Norms of the gradients by layer, on a logarithmic axis. ${norms.caption.textContent} ` +
        there.map(([part, , label]) =>
          `${label}: ${at[part].map((norm, i) => `${modules[i]} ${size(norm)}`).join(", ")}.`
        ).join(" "),
    );
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
    for (const [part, all] of Object.entries(at)) {
      all.forEach((norm, i) => {
        data[`${part}${i + 1}`] = norm;
      });
    }
    verdict.textContent = s.epoch
      ? `${told(s.weight)}, after epoch ${s.epoch}: top-1 ${percent(data.top1)}, ` +
        `the classifier's loss ${loss(data.loss)}.`
      : `${told(s.weight)}, before the training.`;
    return { words: `${verdict.textContent} ${norms.caption.textContent}`, data };
  };
}

export default { render: (context) => run({ layout }, context) };
