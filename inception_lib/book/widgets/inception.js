// An Inception module branch by branch, with reductions and naive, against a budget.
import { bar, fmt, make, product, run, total } from "./common.js";

const BRANCHES = ["1x1", "3x3", "5x5", "pool"];
const FORMS = { reduced: "With reductions", naive: "Naive" };

const branchMacs = (rows, branch, s) => total(rows.filter((row) => row.branch === branch), "macs", s);

// The last row of a branch is its main convolution; what stands before it is the reduction.
function pieces(rows, branch, s) {
  const own = rows.filter((row) => row.branch === branch);
  return own.map((row, i) => [product(row.macs, s), i < own.length - 1 ? "light" : "full"]);
}

function layout(results, { table }) {
  const body = make("tbody");
  const cells = {};
  for (const branch of BRANCHES) {
    cells[branch] = { reduced: make("td"), naive: make("td") };
    body.append(
      make(
        "tr",
        {},
        make("th", { scope: "row", class: `iw-of-${branch}` }, branch),
        cells[branch].reduced,
        cells[branch].naive,
      ),
    );
  }
  const foot = { macs: {}, weights: {}, channels: {} };
  for (const [what, text] of [["macs", "MACs"], ["weights", "Weights"], ["channels", "Channels out"]]) {
    for (const form of Object.keys(FORMS)) foot[what][form] = make("td");
    body.append(
      make(
        "tr",
        { class: "iw-sum" },
        make("th", { scope: "row" }, text),
        foot[what].reduced,
        foot[what].naive,
      ),
    );
  }
  const head = make(
    "tr",
    {},
    make("td"),
    ...Object.values(FORMS).map((text) => make("th", { scope: "col" }, text)),
  );
  const grid = make(
    "table",
    { class: "iw-table iw-two" },
    make("caption", {}, "MACs by branch"),
    make("thead", {}, head),
    body,
  );
  const budget = make("p", { class: "iw-verdict" });
  results.append(
    make(
      "div",
      { class: "iw-scroll", tabindex: "0", role: "region", "aria-label": "MACs by branch, table" },
      grid,
    ),
    make(
      "p",
      { class: "iw-key" },
      "In a bar the pale part is the 1x1 reduction, the full part the convolution after it.",
    ),
    budget,
  );

  return (s) => {
    const data = {};
    const most = Math.max(
      ...Object.keys(FORMS).flatMap((form) => BRANCHES.map((b) => branchMacs(table[form], b, s))),
    );
    for (const form of Object.keys(FORMS)) {
      const sum = total(table[form], "macs", s), weights = total(table[form], "weights", s);
      const channels = table.channels[form].reduce((n, name) => n + s[name], 0);
      for (const branch of BRANCHES) {
        const macs = branchMacs(table[form], branch, s);
        const parts = pieces(table[form], branch, s).map(([n, shade]) => [n / most, `${branch} iw-${shade}`]);
        const share = sum ? `${Math.round(100 * macs / sum)}%` : "";
        cells[branch][form].replaceChildren(
          make("span", { class: "iw-figure" }, fmt(macs)),
          make("span", { class: "iw-small" }, share),
          bar(0, "", parts),
        );
        data[`${form}${branch[0].toUpperCase()}${branch.slice(1)}`] = macs;
      }
      foot.macs[form].textContent = fmt(sum);
      foot.weights[form].textContent = fmt(weights);
      foot.channels[form].textContent = fmt(channels);
      Object.assign(data, {
        [`${form}Macs`]: sum,
        [`${form}Weights`]: weights,
        [`${form}Channels`]: channels,
      });
    }
    const preset = table.presets[s.module];
    data.budget = total(table.reduced, "macs", preset);
    const goal = table.channels.reduced.reduce((n, name) => n + preset[name], 0);
    budget.textContent = judge(
      s,
      data,
      goal,
      JSON.stringify({ ...preset, module: s.module }) === JSON.stringify({ ...preset, ...s }),
    );
    const wide = ["3x3", "5x5"].filter((branch) => s[`reduce${branch}`] >= s.c_in);
    const note = wide.length
      ? ` The ${wide.join(" and the ")} reduction reduces nothing: ${fmt(s.c_in)} channels come in.`
      : "";
    budget.textContent += note;
    return {
      words: `With reductions ${fmt(data.reducedMacs)} MACs and ${fmt(data.reducedChannels)} channels out; ` +
        `naive ${fmt(data.naiveMacs)} MACs and ${fmt(data.naiveChannels)}. ${budget.textContent}`,
      data,
      impossible: wide.length > 0,
    };
  };
}

// A budget to beat: as many channels out, for fewer MACs.
function judge(s, data, goal, untouched) {
  const off = data.reducedMacs - data.budget;
  const task = `The budget of ${s.module}: ${fmt(data.budget)} MACs for ${fmt(goal)} channels out.`;
  if (untouched) return `${task} Can you keep the channels for less?`;
  const share = (100 * Math.abs(off) / data.budget).toFixed(1);
  const spent = off === 0
    ? "You spend exactly that"
    : `You are ${fmt(Math.abs(off))} MACs (${share}%) ${off < 0 ? "under" : "over"} it`;
  const kept = data.reducedChannels - goal;
  const channels = kept === 0
    ? "with as many channels"
    : `with ${fmt(Math.abs(kept))} channels ${kept > 0 ? "more" : "fewer"}`;
  return `${task} ${spent}, ${channels}.${off < 0 && kept >= 0 ? " Beaten." : ""}`;
}

// To choose a module of Table 1 is to choose all its numbers.
const changed = (name, value, table) =>
  name === "module" ? { module: value, ...table.presets[value] } : { [name]: value };

export default { render: (context) => run({ layout, changed }, context) };
