// What a training run costs, before it is begun: updates, arithmetic, time, money.
import { fmt, make, run } from "./common.js";

function span(seconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const at = units.findIndex(([, n]) => seconds >= 2 * n);
  const [name, n] = units[at < 0 ? 3 : at];
  const count = seconds / n;
  return count === 1
    ? `1 ${name}`
    : `${count < 10 && n > 1 ? count.toFixed(1) : fmt(Math.round(count))} ${name}s`;
}

function layout(results, { table }) {
  const lines = {};
  for (
    const [key, text] of [
      ["updates", "Updates of the weights"],
      ["images", "Images seen"],
      ["tflops", "Arithmetic"],
      ["seconds", "Time"],
      ["cents", "Cost"],
    ]
  ) {
    lines[key] = make("strong");
    results.append(make("div", { class: "iw-line" }, make("span", { class: "iw-name" }, text), lines[key]));
  }
  const verdict = make("p", { class: "iw-verdict" });
  results.append(verdict);

  return (s) => {
    const batch = table.batch[s.recipe];
    const data = { updates: s.epochs * Math.floor(table.pictures[s.data] / batch) };
    data.images = data.updates * batch;
    data.tflops = Math.floor(data.images * table.mflops[s.recipe][s.data] / 1e6);
    data.seconds = Math.ceil(data.images / s.rate);
    data.cents = Math.floor(data.seconds * s.price / 3600);
    lines.updates.textContent = `${fmt(data.updates)} of ${batch} images`;
    lines.images.textContent = fmt(data.images);
    lines.tflops.textContent = `${fmt(data.tflops)} TFLOP`;
    const time = span(data.seconds);
    lines.seconds.textContent = time;
    lines.cents.textContent = s.price ? fmt(data.cents / 100) : "nothing but patience";
    verdict.textContent = `${s.recipe} on ${s.data}: ${time} at ${fmt(s.rate)} images per second.`;
    return { words: verdict.textContent, data };
  };
}

// To choose a recipe is to choose its number of epochs.
const changed = (name, value, table) =>
  name === "recipe" ? { recipe: value, epochs: table.epochs[value] } : { [name]: value };

export default { render: (context) => run({ layout, changed }, context) };
