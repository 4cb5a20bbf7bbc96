// A fully connected layer on a grid, beside global average pooling and a fully connected layer.
import { bar, fmt, make, newId, run, total } from "./common.js";

function layout(results, { table, set, controls }) {
  const id = newId();
  const preset = make("select", { id }, make("option", { value: "" }, "choose…"));
  for (const name of Object.keys(table.presets)) preset.append(make("option", { value: name }, name));
  preset.addEventListener("change", () => {
    if (preset.value) set(table.presets[preset.value]);
  });
  controls.prepend(make("div", { class: "iw-field" }, make("label", { for: id }, "A known layer"), preset));

  const lines = {};
  const list = make("div", { class: "iw-pair" });
  for (const [key, text] of [["connected", "Fully connected"], ["pooled", "Pooling, then fully connected"]]) {
    const number = make("strong"), more = make("span", { class: "iw-small" }), track = make("div");
    lines[key] = { number, more, track };
    list.append(
      make("div", { class: "iw-line" }, make("span", { class: "iw-name" }, text), number, more, track),
    );
  }
  const verdict = make("p", { class: "iw-verdict" });
  results.append(list, verdict);

  return (s) => {
    const known = Object.keys(table.presets).find((name) =>
      Object.entries(table.presets[name]).every(([k, v]) => s[k] === v)
    );
    preset.value = known || "";
    const data = {};
    for (const key of ["connected", "pooled"]) {
      data[`${key}Weights`] = total(table[key], "weights", s);
      data[`${key}Macs`] = total(table[key], "macs", s);
    }
    const most = data.connectedWeights;
    for (const [key, color] of [["connected", "accent"], ["pooled", "violet"]]) {
      const weights = data[`${key}Weights`];
      lines[key].number.textContent = `${fmt(weights)} weights`;
      const macs = fmt(data[`${key}Macs`]);
      lines[key].more.textContent = `${(4 * weights / 2 ** 20).toFixed(1)} MiB in float32, ${macs} MACs`;
      lines[key].track.replaceChildren(bar(weights / most, color));
    }
    const ratio = data.connectedWeights / data.pooledWeights;
    verdict.textContent = ratio === 1
      ? "On a grid of one position there is nothing to pool: both are the same layer."
      : `Pooling leaves 1 weight in ${fmt(ratio)}: as many as the grid has positions. ` +
        "The pooling itself has none.";
    const counted = ["connected", "pooled"].map((key) => fmt(data[`${key}Weights`]));
    return {
      words: `${counted[0]} weights fully connected, ${counted[1]} after pooling. ${verdict.textContent}`,
      data,
    };
  };
}

export default { render: (context) => run({ layout }, context) };
