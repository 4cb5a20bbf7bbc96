// What the X-ray says: names, percentages, and the number at a position as its layer computes it.
import { largest } from "../live/explain.js";
import { bar, make } from "./common.js";

const BEST = 5; // classes shown
const SHOWN = 6; // terms of a sum that are shown one by one
const END = "classifier";
const percent = (p) => `${(100 * p).toFixed(1)}%`;
export const digits = (v, n = 3) => v.toFixed(n).replace(/^-(0\.0*)$/, "$1").replace("-", "−");
export const moduleOf = (path) => (path.includes("/") ? path.split("/")[0] : null);
export const nameOf = (path) => path.split("/").at(-1).replaceAll("_", " ");
export const shortName = (layer) => (layer === END ? "answer" : nameOf(layer).replace(/^inception /, ""));
export const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const cap = (text) => text[0].toUpperCase() + text.slice(1);

export function fill(into, classes, whole, without) {
  const best = whole.map((p, k) => [k, p]).sort((a, b) => b[1] - a[1]).slice(0, BEST);
  into.replaceChildren(...best.map(([k, p]) => {
    const numbers = make("strong", {}, percent(p));
    const line = make("div", { class: "iw-line" }, make("span", { class: "iw-name" }, classes[k]), numbers);
    line.append(make("div", {}, bar(p, "ink")));
    if (without) {
      numbers.textContent = `${percent(p)} → ${percent(without[k])}`;
      line.append(make("div", {}, bar(without[k], "muted")));
    }
    return line;
  }));
}

const firstOf = (p) => p.indexOf(Math.max(...p));

export function verdictOf(classes, whole, without) {
  const first = firstOf(whole), said = `${cap(classes[first])}, ${percent(whole[first])}.`;
  if (!without) return said;
  const then = firstOf(without);
  const change = then === first
    ? `the same, ${percent(without[then])}`
    : `${classes[then]}, ${percent(without[then])}`;
  return `${said} With what is switched off: ${change}.`;
}

// A channel of a layer's output: those of the image are colors, those of the answer classes.
function channelOf({ classes, preprocess }, path, channel) {
  if (path === "input") {
    return ["red", "green", "blue"][preprocess.channels === "BGR" ? 2 - channel : channel];
  }
  return path === END ? classes[channel] : `channel ${channel + 1}`;
}

export function placeOf(about, path, { channel, row, column }, [, height = 1, width = 1], value) {
  const module = moduleOf(path);
  const layer = module ? `${shortName(module)}, ${nameOf(path)}` : cap(shortName(path));
  const where = height * width > 1 ? `, row ${row + 1}, column ${column + 1}` : "";
  return `${layer}, ${channelOf(about, path, channel)}${where}: ${digits(value, 2)}.`;
}

// A sentence where a setting is beyond the last there is, which is then shown.
export function beyond({ channel, row, column }, [channels, height = 1, width = 1]) {
  const fits = channel <= channels && (height * width === 1 || row <= height && column <= width);
  return fits
    ? ""
    : `Here are ${count(channels, "map")} of ${height}x${width}: of what is beyond, the last is shown.`;
}

export function nameOfMaps(path, [channels, height = 1, width = 1], place) {
  return `${count(channels, "map")} of ${nameOf(path)}, ${height} by ${width}. ${place} ` +
    "Arrow keys move the position, Page Up and Page Down the channel.";
}

// The number at the chosen position, as its layer computes it; `way` leads there.
export function written(about, place, way, found) {
  const head = make("p", { class: "iw-verdict" }, place);
  if (!found) {
    return [head, make("p", { class: "iw-small" }, way.length ? "" : "The image, normalized: what goes in.")];
  }
  const before = way.findLast(({ layer }, i) => layer.is !== "Dropout" && i < way.length - 1)?.path ??
    "input";
  const from = before === "input" ? "the image" : shortName(before);
  const of = (channel) => `${channelOf(about, before, channel)} of ${from}`;
  const line = (text) => make("p", { class: "iw-small" }, text);
  switch (found.kind) {
    case "largest":
      return [
        head,
        line(
          `The largest of the ${found.inputs.length} in its window: ${
            found.inputs.map((v) => digits(v, 2)).join(", ")
          }.`,
        ),
      ];
    case "mean":
      return [
        head,
        line(`The mean of ${count(found.count, "number")} of ${from}: ${digits(found.value)}.`),
      ];
    case "divided":
      return [
        head,
        line(
          `${digits(found.own)} of ${from}, divided by ${
            digits(found.by, 5)
          }, which grows with its neighbor channels.`,
        ),
      ];
    case "same":
      return [head];
  }
  const { shown, others, rest } = largest(found.terms, SHOWN);
  const one = found.terms[0].products.length === 1;
  const row = (name, how, number) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, how), make("td", {}, number));
  const most = one ? null : [0, 1].map((i) => largestOf(shown, i));
  const rows = shown.map(({ channel, sum, products }) =>
    row(of(channel), one ? how(products) : patches(products, most), digits(sum))
  );
  if (others) rows.push(row(`the other ${count(others, "channel")}`, "", digits(rest)));
  rows.push(row("bias", "", digits(found.bias)), row("sum", "", digits(found.sum)));
  if (found.relu) rows.push(row("ReLU: nothing below 0", "", digits(found.value)));
  const title =
    `${count(found.terms.length, "channel")}, ${count(found.terms[0].products.length, "product")} each: ` +
    `input x weight, summed by channel, the largest first.${one ? "" : " In the images gray is 0."}`;
  const body = make("tbody", {}, ...rows);
  const sums = make("table", { class: "iw-table" }, make("caption", {}, title), body);
  const table = make(
    "div",
    { class: "iw-scroll", tabindex: 0, role: "region", "aria-label": "The sum" },
    sums,
  );
  return one ? [head, table] : [head, table, kernelOf(shown[0], of(shown[0].channel))];
}

const how = ([[input, weight]]) => `${digits(input)} x ${digits(weight)}`;

const largestOf = (terms, i) =>
  terms.reduce((most, { products }) => products.reduce((m, p) => Math.max(m, Math.abs(p[i])), most), 1e-9);

// What a window sees of one channel, and its weights there, as two small pictures: gray is 0, white positive.
function patches(products, most) {
  const some = products.filter(([input]) => input !== 0).length;
  const label = `${count(some, "product")} other than 0`;
  const [inputs, weights] = [0, 1].map((i) => patch(products.map((p) => p[i] / most[i])));
  return make("span", { class: "iw-patches", role: "img", "aria-label": label }, inputs, "x", weights);
}

function patch(values) {
  const wide = Math.sqrt(values.length), canvas = make("canvas", { width: wide, height: wide });
  const image = new ImageData(wide, wide);
  values.forEach((value, i) => image.data.set([...Array(3).fill(127.5 + 127.5 * value), 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// All products of one channel, as its window has them.
function kernelOf({ products }, name) {
  const wide = Math.sqrt(products.length), rows = [];
  for (let i = 0; i < products.length; i += wide) {
    const cells = products.slice(i, i + wide).map(([input, weight]) =>
      make("td", {}, `${digits(input, 2)} x ${digits(weight, 2)}`)
    );
    rows.push(make("tr", {}, ...cells));
  }
  const title = make("caption", {}, `The products of ${name}, input x weight`);
  const table = make("table", { class: "iw-table" }, title, make("tbody", {}, ...rows));
  const summary = make("summary", {}, `The ${products.length} products of ${name}`);
  const scroll = { class: "iw-scroll", tabindex: 0, role: "region", "aria-label": "Products" };
  return make("details", {}, summary, make("div", scroll, table));
}
