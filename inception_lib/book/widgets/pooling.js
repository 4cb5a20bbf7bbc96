// A fully connected layer on a flattened feature map, beside global average pooling and a fully connected layer:
// their weights as areas to one scale, with all of GoogLeNet's to compare.
import { fmt, make, newId, run, total } from "./common.js";

const MOST = 340, WIDE = 720, APART = 28; // of a square, of the drawing, and between squares
const MANY = 40; // more blocks than these a side cannot be told apart

// The three squares; the first in blocks, one for each position, as large as the second.
function squares({ grid }, areas) {
  const sides = areas.map(Math.sqrt), sum = sides.reduce((a, b) => a + b, 0);
  const scale = Math.min(MOST / Math.max(...sides), (WIDE - 2 * APART) / sum);
  const names = ["iw-weights", "iw-block", "iw-reference"], drawn = [];
  let x = 0;
  sides.forEach((each, i) => {
    const side = Math.max(1.5, scale * each), y = MOST - side;
    drawn.push(make("rect", { x, y, width: side, height: side, class: names[i] }));
    if (i === 0 && grid > 1 && grid <= MANY) {
      let d = "";
      for (let j = 1; j < grid; j++) {
        const at = j * side / grid;
        d += `M${x + at} ${y}v${side}M${x} ${y + at}h${side}`;
      }
      drawn.push(make("path", { class: "iw-lines", d }));
    }
    x += side + APART;
  });
  return drawn;
}

function layout(results, { table, set, controls }) {
  const id = newId();
  const preset = make("select", { id }, make("option", { value: "" }, "choose…"));
  for (const name of Object.keys(table.presets)) preset.append(make("option", { value: name }, name));
  preset.addEventListener("change", () => {
    if (preset.value) set(table.presets[preset.value]);
  });
  controls.prepend(make("div", { class: "iw-field" }, make("label", { for: id }, "A known layer"), preset));

  const svg = make("svg", { viewBox: `0 0 ${WIDE} ${MOST}`, class: "iw-squares", role: "img" });
  const lines = {};
  const list = make("div", { class: "iw-pair" });
  const rows = [
    ["connected", "Flatten and connect", "weights"],
    ["pooled", "Average, then connect", "block"],
    ["all", "All of GoogLeNet, to compare", "reference"],
  ];
  for (const [key, text, shade] of rows) {
    const number = make("strong"), more = make("span", { class: "iw-small" });
    lines[key] = { number, more };
    const name = make("span", { class: "iw-name" }, make("span", { class: `iw-swatch iw-${shade}` }), text);
    list.append(make("div", { class: "iw-line" }, name, number, more));
  }
  const verdict = make("p", { class: "iw-verdict" });
  results.append(make("div", { class: "iw-flat" }, svg, list), verdict);
  lines.all.number.textContent = `${fmt(table.googlenet)} weights`;
  lines.all.more.textContent = "without the auxiliary heads";

  return (s) => {
    const known = Object.keys(table.presets).find((name) =>
      Object.entries(table.presets[name]).every(([k, v]) => s[k] === v)
    );
    preset.value = known || "";
    const data = {};
    for (const key of ["connected", "pooled"]) {
      data[`${key}Weights`] = total(table[key], "weights", s);
      data[`${key}Macs`] = total(table[key], "macs", s);
      const weights = data[`${key}Weights`], macs = fmt(data[`${key}Macs`]);
      lines[key].number.textContent = `${fmt(weights)} weights`;
      lines[key].more.textContent = `${(4 * weights / 2 ** 20).toFixed(1)} MiB in float32, ${macs} MACs`;
    }
    svg.replaceChildren(...squares(s, [data.connectedWeights, data.pooledWeights, table.googlenet]));
    const positions = fmt(s.grid * s.grid), block = `${fmt(s.channels)}x${fmt(s.outputs)}`;
    svg.setAttribute(
      "aria-label",
      `Weights as areas, to one scale: ${positions} blocks of ${block}, one for each position; one such ` +
        "block for their mean; and all of GoogLeNet.",
    );
    verdict.textContent = s.grid === 1
      ? "On a map of one position there is nothing to pool: both are the same layer."
      : `Flattened, each of the ${positions} positions has a block of ${block} weights of its own. ` +
        "Averaged, all share one. The pooling itself has none.";
    const counted = ["connected", "pooled"].map((key) => fmt(data[`${key}Weights`]));
    return {
      words: `${counted[0]} weights fully connected, ${counted[1]} after pooling. ${verdict.textContent}`,
      data,
    };
  };
}

export default { render: (context) => run({ wide: true, layout }, context) };
