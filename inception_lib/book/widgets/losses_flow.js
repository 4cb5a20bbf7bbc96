// The trunk, and below it the gradients as streams, as wide as their norms, that flow from the losses to the image.
import { make } from "./common.js";

const LANES = [["main", "main loss"], ["aux2", "second head's loss"], ["aux1", "first head's loss"]];
export const SHADES = { main: "violet", aux1: "olive", aux2: "berry" };
const PARTS = ["main", "aux1", "aux2"];

// The norm of a weighted sum of gradients whose inner products are known.
export const normOf = (products, factors) =>
  Math.sqrt(
    Math.max(
      0,
      factors.reduce((sum, a, i) => sum + factors.reduce((s, b, j) => s + a * b * products[i][j], 0), 0),
    ),
  );

// Of each layer the norms of the parts that are on, of their sum, and of the paper's sum.
export function normsOf(products, on, weight, paper) {
  const weighted = (parts, w) => [parts[0], w * parts[1], w * parts[2]];
  const alone = (i) => weighted(on.map((v, j) => (i === j ? v : 0)), weight);
  const of = (factors) => products.map((matrix) => normOf(matrix, factors));
  return {
    ...Object.fromEntries(PARTS.map((part, i) => [part, of(alone(i))])),
    total: of(weighted(on, weight)),
    paper: of(weighted([1, 1, 1], paper)),
  };
}

// What is drawn once stays. Gives its root and what draws the norms.
export function flowOf(layers, choose) {
  const count = layers.length;
  const blocks = layers.map((name, i) => {
    const block = make("button", { type: "button" }, make("span", {}, name.replace("_", " ")));
    block.addEventListener("click", () => choose(i + 1));
    return block;
  });
  const lane = (text, shade, ...drawn) => {
    const svg = make(
      "svg",
      { viewBox: `0 0 ${count} 2`, preserveAspectRatio: "none", "aria-hidden": "true" },
      ...drawn,
    );
    return make("div", { class: `iw-lane iw-${shade}` }, make("p", { class: "iw-small" }, text), svg);
  };
  const streams = Object.fromEntries(
    LANES.map(([part]) => [part, [make("path", { class: "iw-stream" }), make("path", { class: "iw-flow" })]]),
  );
  const bars = layers.map((_, i) => [
    make("rect", { class: "iw-whole", x: i + 0.12, width: 0.76 }),
    make("rect", { class: "iw-now", x: i + 0.24, width: 0.52 }),
  ]);
  const kept = layers.map(() => make("span"));
  const trunk = make("div", { class: "iw-trunk", role: "group", "aria-label": "Layer" }, ...blocks);
  const root = make(
    "div",
    { class: "iw-flows" },
    trunk,
    ...LANES.map(([part, text]) => lane(`Gradient from the ${text}`, SHADES[part], ...streams[part])),
    lane(
      "Filled: the losses that are on, together. Outline: all three, the heads' weighted 0.3",
      "ink",
      ...bars.flat(),
    ),
    make("div", { class: "iw-trunk iw-kept", "aria-hidden": "true" }, ...kept),
  );

  const draw = (norms, chosen) => {
    const most = Math.max(...norms.paper, ...norms.total, ...PARTS.flatMap((part) => norms[part]));
    for (const [part, [area, line]] of Object.entries(streams)) {
      const end = norms[part].findLastIndex((v) => v > 0);
      const half = norms[part].slice(0, end + 1).map((v) => Math.max(0.02, 0.96 * v / most));
      const along = half.map((h, i) => [i + 0.5, h]);
      const points = end < 0 ? [] : [[0, half[0]], ...along, [end + 1, half[end]]];
      const top = points.map(([x, h]) => `${x} ${(1 - h).toFixed(4)}`);
      const bottom = points.map(([x, h]) => `${x} ${(1 + h).toFixed(4)}`).reverse();
      area.setAttribute("d", points.length ? `M${[...top, ...bottom].join("L")}Z` : "");
      line.setAttribute("d", points.length ? `M${end + 1} 1H0` : "");
    }
    bars.forEach(([whole, now], i) => {
      for (const [bar, value] of [[whole, norms.paper[i]], [now, norms.total[i]]]) {
        bar.setAttribute("y", 2 - 1.96 * value / most);
        bar.setAttribute("height", 1.96 * value / most);
      }
      kept[i].textContent = `${Math.round(100 * norms.total[i] / norms.paper[i])}%`;
      blocks[i].setAttribute("aria-pressed", String(i === chosen));
      kept[i].classList.toggle("iw-chosen", i === chosen);
    });
  };
  return { root, draw };
}
