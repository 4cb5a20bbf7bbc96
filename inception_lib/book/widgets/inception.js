// An Inception module as it is drawn: lanes to drag, reduced or naive, in a row, and what it costs and loses.
import { bar, fmt, make, product, run, short, total } from "./common.js";
import { player } from "./hands.js";
import { moduleDrawing } from "./module_drawing.js";
import { gauge } from "./module_gauges.js";
import { stackDrawing } from "./module_stack.js";
import { drawnWords, judge, naiveWords, percents, stackWords } from "./module_words.js";

const BRANCHES = ["1x1", "3x3", "5x5", "pool"];
const FORMS = { reduced: "With reductions", naive: "Naive" };
// of each lane what its two gates compute, and the settings that are their widths
const LANES = [
  { branch: "1x1", kernels: [null, 1], widths: [null, "n1x1"] },
  { branch: "3x3", kernels: [1, 3], widths: ["reduce3x3", "n3x3"] },
  { branch: "5x5", kernels: [1, 5], widths: ["reduce5x5", "n5x5"] },
  { branch: "pool", kernels: [3, 1], widths: [null, "pool_proj"] },
];
const PALE = 0.2, MIDDLE = 0.45, FULL = 0.8; // shades of a lane: a copy of the input, on its way, its output

const rowsOf = (rows, branch) => rows.filter((row) => row.branch === branch);
const branchMacs = (rows, branch, s) => total(rowsOf(rows, branch), "macs", s);
const outputs = (names, s) => names.reduce((n, name) => n + s[name], 0);

function layout(results, { model, controls, set, table }) {
  results.after(controls); // what is moved by hand has its exact numbers in a fold, below
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(...controls.children);
  controls.append(
    make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"), numbers),
  );

  const limits = Object.fromEntries(model.get("fields").map((field) => [field.name, field]));
  let s = null, before = null;
  const grip = (name, lane, gate) => ({
    ...(lane === undefined ? {} : { lane, gate }),
    label: limits[name].label,
    min: limits[name].min,
    max: limits[name].max,
    now: () => s[name],
    set: (value) => set({ [name]: value }),
  });
  const grips = LANES.flatMap(({ widths }, lane) =>
    widths.flatMap((name, gate) => (name ? [grip(name, lane, gate)] : []))
  );
  const drawing = moduleDrawing([grip("c_in"), ...grips]), stack = stackDrawing();
  const one = make("div", {}, drawing.root), many = make("div", { hidden: true }, stack.root);

  const chips = Object.keys(table.presets).map((name) => {
    const chip = make("button", { type: "button" }, name);
    chip.addEventListener("click", () => set({ module: name, ...table.presets[name] }));
    return chip;
  });
  const forms = Object.entries(FORMS).map(([form, name]) => {
    const button = make("button", { type: "button", value: form }, name);
    button.addEventListener("click", () => {
      playing.stop();
      set({ form, stack: 1 });
    });
    return button;
  });
  const play = make("button", { type: "button" }), most = limits.stack.max;
  const playing = player(play, {
    step() {
      const next = s.stack < most ? s.stack + 1 : 2;
      set({ stack: next });
      return next < most;
    },
    end: () => set({ stack: most }),
    ms: 500,
    names: ["▶ Stack", "⏸ Pause"],
  });
  const macs = gauge("MACs"), loss = gauge("Variance kept, at most");
  const gauges = make("div", { class: "iw-gauges" }, macs.root, loss.root);
  const key = make(
    "p",
    { class: "iw-key" },
    "Thickness: channels. Area of a kernel: its MACs. Drag an edge, or use its arrow keys.",
  );
  const verdict = make("p", { class: "iw-verdict" });
  const byBranch = branchTable();
  results.append(
    make(
      "div",
      { class: "iw-switches" },
      make("div", { class: "iw-chips", role: "group", "aria-label": "Module of Table 1" }, ...chips),
      make("div", { class: "iw-chips", role: "group", "aria-label": "Form" }, ...forms, play),
    ),
    one,
    many,
    key,
    gauges,
    verdict,
    byBranch.root,
  );

  return (now) => {
    const smooth = before && (before.form !== now.form || before.module !== now.module);
    s = before = now;
    const preset = table.presets[s.module], alone = s.stack === 1;
    const data = counted(table, s, preset), kept = keptOf(table, s, preset);
    for (const { branch, now: share } of kept) data[`kept${branch}`] = share;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.textContent === s.module));
    for (const form of forms) form.setAttribute("aria-pressed", String(alone && form.value === s.form));

    one.hidden = !alone;
    many.hidden = alone;
    key.hidden = gauges.hidden = !alone;
    const stacked = stackWords(s, data);
    if (alone) drawing.show(pictureOf(table, s, preset), smooth, drawnWords(s, data));
    else stack.show({ rows: rowsOfStack(table, s), flood: flood(table, s) }, stacked);
    macs.show(macsGauge(table, s, preset, data));
    loss.show(lossGauge(table, s, kept));
    byBranch.show(table, s, data);

    const wide = ["3x3", "5x5"].filter((branch) => s[`reduce${branch}`] >= s.c_in);
    const said = s.form === "naive" ? naiveWords(s, data) : judge(s, data, preset, kept);
    const note = wide.length
      ? ` The ${wide.join(" and the ")} reduction reduces nothing: ${fmt(s.c_in)} channels come in.`
      : "";
    verdict.textContent = alone ? said + note : stacked;
    const both =
      `With reductions ${fmt(data.reducedMacs)} MACs and ${fmt(data.reducedChannels)} channels out; ` +
      `naive ${fmt(data.naiveMacs)} MACs and ${fmt(data.naiveChannels)}. `;
    return { words: (alone ? both : "") + verdict.textContent, data, impossible: wide.length > 0 };
  };
}

// All numbers, under the names that Python has for them too.
function counted(table, s, preset) {
  const data = { budget: total(table.reduced, "macs", preset), kept3x3: "", kept5x5: "" };
  for (const form of Object.keys(FORMS)) {
    for (const branch of BRANCHES) {
      data[`${form}${branch[0].toUpperCase()}${branch.slice(1)}`] = branchMacs(table[form], branch, s);
    }
    const row = stackOf(table, form, s);
    Object.assign(data, {
      [`${form}Macs`]: total(table[form], "macs", s),
      [`${form}Weights`]: total(table[form], "weights", s),
      [`${form}Channels`]: outputs(table.channels[form], s),
      [`${form}StackMacs`]: row.reduce((sum, { macs = 0 }) => sum + macs, 0),
      [`${form}StackChannels`]: row.at(-1).channels,
    });
  }
  return data;
}

// Each module of a row reads what the one before it gives.
function stackOf(table, form, s, length = s.stack) {
  const row = [{ channels: s.c_in }];
  for (let i = 0; i < length; i++) {
    const here = { ...s, c_in: row.at(-1).channels };
    const bands = Object.fromEntries(BRANCHES.map((branch, k) => [branch, here[table.channels[form][k]]]));
    row.push({
      channels: outputs(table.channels[form], here),
      macs: total(table[form], "macs", here),
      bands,
    });
  }
  return row;
}

const rowsOfStack = (table, s) =>
  Object.fromEntries(Object.keys(FORMS).map((form) => [form, stackOf(table, form, s)]));
// What fills the drawing: naive modules after the seventh run out of it.
const flood = (table, s) => stackOf(table, "naive", s, 7).at(-1).channels;

// What the drawing draws: in the naive form the reductions are gates that compute nothing.
function pictureOf(table, s, preset) {
  const rows = table[s.form], naive = s.form === "naive";
  const lanes = LANES.map(({ branch, kernels, widths }) => {
    const own = rowsOf(rows, branch), pool = branch === "pool";
    const reduces = !naive && widths[0] !== null;
    const first = {
      at: 0,
      width: reduces ? s[widths[0]] : s.c_in,
      macs: reduces ? product(own[0].macs, s) : 0,
      kernels: kernels[0] ? [[kernels[0], kernels[0]]] : [],
      pool,
      shade: reduces || pool ? (pool && naive ? FULL : MIDDLE) : PALE,
    };
    const last = {
      at: 1,
      width: pool && naive ? s.c_in : s[widths[1]],
      macs: pool && naive ? 0 : product(own.at(-1).macs, s),
      kernels: [[kernels[1], kernels[1]]],
      pool: false,
      shade: FULL,
    };
    return { name: branch, branch, shade: PALE, gates: [first, last] };
  });
  const largest = Math.max(...table.naive.map((row) => product(row.macs, preset)));
  return { input: s.c_in, channels: 4 * preset.c_in, macs: largest, lanes };
}

function macsGauge(table, s, preset, data) {
  const most = Math.max(total(table.naive, "macs", preset), data[`${s.form}Macs`]);
  return {
    figure: `${short(data[`${s.form}Macs`])}, budget ${short(data.budget)}`,
    note: "",
    tubes: [{
      parts: BRANCHES.map((branch) => [branchMacs(table[s.form], branch, s) / most, branch]),
      mark: data.budget / most,
    }],
  };
}

// Of both convolutions behind reductions the share of the input's variance that they can see, in hundredths
// of a percent, and that of Table 1; none where nothing was recorded for such an input.
function keptOf(table, s, preset) {
  const curve = table.curves[s.module];
  if (curve?.length !== s.c_in + 1) return [];
  const share = (width) => curve[Math.min(width, s.c_in)];
  return ["3x3", "5x5"].map((branch) => ({
    branch,
    now: s.form === "naive" ? share(s.c_in) : share(s[`reduce${branch}`]),
    before: share(preset[`reduce${branch}`]),
  }));
}

function lossGauge(table, s, kept) {
  if (!kept.length) {
    const figure = table.curves[s.module] ? `not recorded for ${fmt(s.c_in)} channels` : "no record here";
    return { figure, note: "", tubes: [] };
  }
  return {
    figure: "",
    note:
      `By the best linear reduction, on ${table.photographs} photographs in the trained network; the marks: Table 1.`,
    tubes: kept.map(({ branch, now, before }) => ({
      name: branch,
      parts: [[now / 1e4, branch]],
      mark: before / 1e4,
      value: percents(now),
    })),
  };
}

// MACs by branch, folded: the drawing has them too.
function branchTable() {
  const body = make("tbody"), cells = {};
  const row = (kind, text, key, of = "") => {
    cells[key] = { reduced: make("td"), naive: make("td") };
    body.append(
      make(
        "tr",
        { class: kind },
        make("th", { scope: "row", class: of }, text),
        cells[key].reduced,
        cells[key].naive,
      ),
    );
  };
  for (const branch of BRANCHES) row(null, branch, branch, `iw-of-${branch}`);
  for (const [key, text] of [["Macs", "MACs"], ["Weights", "Weights"], ["Channels", "Channels out"]]) {
    row("iw-sum", text, key);
  }
  const head = Object.values(FORMS).map((text) => make("th", { scope: "col" }, text));
  const grid = make(
    "table",
    { class: "iw-table iw-two" },
    make("caption", {}, "MACs by branch"),
    make("thead", {}, make("tr", {}, make("td"), ...head)),
    body,
  );
  const root = make(
    "details",
    { class: "iw-fold" },
    make("summary", {}, "MACs by branch, both forms"),
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
  );
  return { root, show: (table, s, data) => fillTable(cells, table, s, data) };
}

function fillTable(cells, table, s, data) {
  const forms = Object.keys(FORMS);
  const most = Math.max(
    ...forms.flatMap((form) => BRANCHES.map((branch) => branchMacs(table[form], branch, s))),
  );
  for (const form of forms) {
    const sum = data[`${form}Macs`];
    for (const branch of BRANCHES) {
      const own = rowsOf(table[form], branch), macs = total(own, "macs", s);
      // the last row of a branch is its main convolution; what is before it is the reduction
      const parts = own.map((
        row,
        i,
      ) => [product(row.macs, s) / most, `${branch} iw-${i < own.length - 1 ? "light" : "full"}`]);
      cells[branch][form].replaceChildren(
        make("span", { class: "iw-figure" }, fmt(macs)),
        make("span", { class: "iw-small" }, sum ? `${Math.round(100 * macs / sum)}%` : ""),
        bar(0, "", parts),
      );
    }
    for (const what of ["Macs", "Weights", "Channels"]) {
      cells[what][form].textContent = fmt(data[`${form}${what}`]);
    }
  }
}

// To choose a module of Table 1 is to choose all its numbers.
const changed = (name, value, table) =>
  name === "module" ? { module: value, ...table.presets[value] } : { [name]: value };

export default { render: (context) => run({ layout, changed, wide: true }, context) };
