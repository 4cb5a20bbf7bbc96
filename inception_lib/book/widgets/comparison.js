// Two networks stage by stage, and one stage layer by layer.  The counts come from Python; this adds them up.
import { bar, fmt, make, run, short } from "./common.js";

const COUNTS = ["parameters", "macs", "activations", "depth"];
const SAID = { parameters: "parameters", macs: "MACs", activations: "activations", depth: "layers deep" };
const SIDES = [["left", "violet"], ["right", "olive"]];

function layout(results, { set, table }) {
  const read = ([name, stage, text, output, parameters, macs, activations, depth]) => ({
    name,
    stage,
    text,
    output,
    parameters,
    macs,
    activations,
    depth,
  });
  const networks = Object.fromEntries(
    Object.entries(table.networks).map((
      [name, network],
    ) => [name, { ...network, units: network.units.map(read) }]),
  );
  const sum = (units, what) => units.reduce((n, unit) => n + unit[what], 0);

  const verdict = make("p", { class: "iw-verdict" });
  const caption = make("caption");
  const heads = { left: make("th", { scope: "col" }), right: make("th", { scope: "col" }) };
  const body = make("tbody");
  const rows = table.stages.map((name, i) => {
    const cells = { left: make("td"), right: make("td") };
    const label = name === "vectors" ? name : name === "whole" ? "input size" : `${name} size`;
    const choose = make("button", { type: "button" }, `${i + 1}. ${label}`);
    const tr = make("tr", {}, make("th", { scope: "row" }, choose), cells.left, cells.right);
    tr.addEventListener("click", () => set({ stage: i + 1 })); // the button's, too
    body.append(tr);
    return { tr, choose, ...cells };
  });
  const sums = COUNTS.map((what) => {
    const cells = { left: make("td"), right: make("td") };
    const words = what === "depth"
      ? "Depth"
      : what === "macs"
      ? "MACs"
      : what[0].toUpperCase() + what.slice(1);
    body.append(
      make("tr", { class: "iw-sum" }, make("th", { scope: "row" }, `${words}, all`), cells.left, cells.right),
    );
    return [what, cells];
  });
  const grid = make(
    "table",
    { class: "iw-table iw-two iw-stages" },
    caption,
    make("thead", {}, make("tr", {}, make("td"), heads.left, heads.right)),
    body,
  );
  const lists = { left: make("div"), right: make("div") };
  const listed = make("p", { class: "iw-key" });
  results.append(
    verdict,
    make("div", { class: "iw-scroll", tabindex: "0", role: "region", "aria-label": "Stages, table" }, grid),
    listed,
    make("div", { class: "iw-lists iw-layers" }, lists.left, lists.right),
  );

  return (s) => {
    const data = {}, stages = {};
    for (const [side] of SIDES) {
      const { title, units } = networks[s[side]];
      heads[side].textContent = title;
      stages[side] = table.stages.map((_, i) => {
        const own = units.filter((unit) => unit.stage === i + 1);
        return { units: own, value: sum(own, s.what), output: own.length ? own[own.length - 1].output : "" };
      });
      for (const what of COUNTS) data[side + what[0].toUpperCase() + what.slice(1)] = sum(units, what);
      data[`${side}Stage`] = stages[side][s.stage - 1].value;
      data[`${side}Units`] = stages[side][s.stage - 1].units.length;
    }
    const most = Math.max(...SIDES.flatMap(([side]) => stages[side].map((stage) => stage.value)));
    const counted = s.what === "depth" ? "Layers on the longest path" : SAID[s.what];
    caption.textContent = `${counted} by stage, and the output; choose a stage to list its layers`;
    rows.forEach((row, i) => {
      row.tr.classList.toggle("iw-chosen", i + 1 === s.stage);
      row.choose.setAttribute("aria-pressed", String(i + 1 === s.stage));
      for (const [side, color] of SIDES) {
        const { units, value, output } = stages[side][i];
        row[side].replaceChildren(
          ...(units.length
            ? [
              make("span", { class: "iw-figure" }, fmt(value)),
              make("span", { class: "iw-small" }, output),
              bar(value / most, color),
            ]
            : ["–"]),
        );
      }
    });
    for (const [what, cells] of sums) {
      for (const [side] of SIDES) cells[side].textContent = fmt(sum(networks[s[side]].units, what));
    }
    const apart = table.stages.map((_, i) => Math.abs(stages.left[i].value - stages.right[i].value));
    data.apart = 1 + apart.indexOf(Math.max(...apart));

    const of = (i) => (table.stages[i] === "vectors" ? "after the last feature map" : `in stage ${i + 1}`);
    listed.textContent = `Stage ${s.stage}, layer by layer, in the order of the network:`;
    for (const [side, color] of SIDES) {
      const { units } = stages[side][s.stage - 1];
      const top = Math.max(
        1,
        ...SIDES.flatMap(([other]) => stages[other][s.stage - 1].units.map((unit) => unit[s.what])),
      );
      lists[side].replaceChildren(
        make("p", { class: "iw-name" }, networks[s[side]].title),
        ...(units.length
          ? units.map((unit) =>
            make(
              "div",
              { class: "iw-line" },
              make("span", { class: "iw-name" }, unit.name),
              make("strong", {}, fmt(unit[s.what])),
              make("span", { class: "iw-small iw-made" }, `${unit.text}: ${unit.output}`),
              make("div", {}, bar(unit[s.what] / top, color)),
            )
          )
          : [make("p", { class: "iw-small" }, "It has no layer in this stage.")]),
      );
    }
    const total = SIDES.map(([side]) => sum(networks[s[side]].units, s.what));
    const [first, second] = SIDES.map(([side]) => networks[s[side]].title);
    const same = s.left === s.right;
    const ratio = total[1] / total[0];
    const times = ratio >= 1
      ? `${ratio < 100 ? ratio.toFixed(1) : fmt(Math.round(ratio))} times as many`
      : `${(100 * ratio).toFixed(ratio < 0.1 ? 1 : 0)}% of that`;
    verdict.textContent = same
      ? `${first} beside itself: choose another network.`
      : `${first}: ${short(total[0])} ${SAID[s.what]}. ${second}: ${short(total[1])}, ${times}. ` +
        `They differ most ${of(data.apart - 1)}.`;
    const [here, there] = SIDES.map(([side]) => stages[side][s.stage - 1].value);
    return {
      words: `${verdict.textContent} Stage ${s.stage}: ${fmt(here)} and ${fmt(there)} ${SAID[s.what]}.`,
      data,
      impossible: same,
    };
  };
}

export default { render: (context) => run({ layout }, context) };
