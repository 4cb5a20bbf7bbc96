// A 1x1 convolution at work: one position's numbers, times a matrix; and what larger windows cost.
import { bar, fmt, make, run } from "./common.js";
import { convolutionStage } from "./convolution_stage.js";
import { convolved, costs, grayCase, mapsCase, placesOf, sumAt } from "./convolution_sums.js";
import { player } from "./hands.js";

const KERNEL_NAMES = { "1x1": "1x1", "3x3": "3x3", "5x5": "5x5", reduced: "5x5 behind a reduction" };
const RGB = ["red", "green", "blue"], TINTS = [[1, 0.2, 0.2], [0.2, 0.9, 0.2], [0.3, 0.45, 1]];
const PATTERN_NAMES = { 9: "edge", 25: "blur" };
const SHOWN = 5; // products that are written out

function layout(results, { model, controls, set, repaint, table, gone }) {
  const cases = { gray: grayCase(table) }, done = new Map();
  let s = null, at = null, failed = null;

  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(...["kernel", "row", "column", "output", "order"].map((name) => fields[name]));
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"), numbers);
  const chips = make("div", { class: "iw-chips", role: "group", "aria-label": "Window" });
  for (const [kernel, name] of Object.entries(KERNEL_NAMES)) {
    const chip = make("button", { type: "button", value: kernel }, name);
    chip.addEventListener("click", () => set({ kernel }));
    chips.append(chip);
  }
  const [play, step, shuffle] = ["", "Step", "Shuffle channels"].map((name) =>
    make("button", { type: "button" }, name)
  );
  const lanes = make("div", { class: "iw-lanes" });
  controls.append(chips, make("div", { class: "iw-actions" }, play, step, shuffle), lanes, fold);

  const position = (index) => {
    const { width } = cases[s.case].maps;
    set({ row: Math.floor(index / width) + 1, column: index % width + 1 });
  };
  const stage = convolutionStage({ position, output: (output) => set({ output }) });
  const sum = make("p", { class: "iw-written" }), verdict = make("p", { class: "iw-verdict" });
  results.append(stage.root, sum, verdict);
  gone.push(stage.stop);

  const last = () => at.maps.area - 1;
  step.addEventListener("click", () => position(at.position < last() ? at.position + 1 : 0));
  shuffle.addEventListener("click", () => set({ order: s.order % 99 + 1 }));
  player(play, {
    ms: 70,
    step() { // a hundred steps for a whole map
      const next = at.position === last() ? 0 : at.position + Math.max(1, Math.round(at.maps.area / 100));
      position(Math.min(last(), next));
      return at.position < last();
    },
    end: () => position(last()),
  });

  // The second case comes from the network, once it is asked for.
  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    mapsCase(model, table).then((found) => (cases.maps = found)).catch((error) => (failed = error.message))
      .finally(repaint);
  };

  const behind = (name, kernel) => {
    const key = `${name} ${kernel}`;
    if (!done.has(key)) {
      done.set(key, convolved(cases[name], kernel, table.patterns, table.cases[name].reduce));
    }
    return done.get(key);
  };

  return (now) => {
    s = now;
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.value === s.kernel));
    const given = cases[s.case];
    if (!given) {
      ask();
      const words = failed ?? "The network is on its way.";
      verdict.textContent = words;
      return { words, data: { answered: "" } };
    }
    const key = `${s.case} ${s.kernel}`, { reduce } = table.cases[s.case];
    const { maps } = given, conv = behind(s.case, s.kernel);
    const row = Math.min(s.row, maps.height) - 1, column = Math.min(s.column, maps.width) - 1;
    const output = Math.min(s.output, conv.matrix.length) - 1, index = row * maps.width + column;
    const found = sumAt(given, conv, output, index);
    const alone = behind(s.case, "5x5").outputs[output][index];
    const spent = costs(table, s.case, index + 1);
    at = {
      maps,
      conv,
      row,
      column,
      output,
      position: index,
      sum: found,
      tints: s.case === "gray" ? TINTS : null,
      places: placesOf(maps.channels, s.order),
    };
    const said = written(given, conv, found, s, at, reduce, alone),
      raced = verdictOf(spent, s.kernel, index + 1, maps.area);
    at.alt = `${maps.channels} maps of ${maps.height}x${maps.width}, a window of ` +
      `${conv.pattern.length}x${conv.pattern.length} at row ${row + 1}, column ${column + 1}, a matrix of ` +
      `${conv.matrix.length}x${maps.channels} weights, and ${conv.matrix.length} output maps. ${said}`;
    stage.paint(at);
    fillLanes(lanes, spent, s.kernel);
    sum.textContent = said;
    verdict.textContent = raced;
    return {
      words: `${said} ${raced}`,
      data: {
        answered: key,
        value: found.value,
        done: index + 1,
        positions: maps.area,
        ...Object.fromEntries(
          spent.flatMap(({ kernel, all, spent: n }) =>
            ["all", "spent"].map((what, i) => [what + kernel[0].toUpperCase() + kernel.slice(1), i ? n : all])
          ),
        ),
      },
    };
  };
}

const decimals = (v, n) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(n);

// The sum at the position, with its numbers.
function written(
  { maps, relu },
  { pattern, seen, matrix: weights },
  { products, bias, sum, value },
  s,
  at,
  reduce,
  alone,
) {
  const gray = s.case === "gray", each = pattern.length ** 2, digits = gray ? 1 : 2;
  const where = `Row ${at.row + 1}, column ${at.column + 1}`;
  const used = weights[at.output];
  const term = (c) => {
    const input = seen[c * maps.area + at.position];
    return `${decimals(used[c], gray ? 3 : 2)} × ${decimals(input, gray && each === 1 ? 0 : digits)}` +
      (gray ? ` (${RGB[c]})` : "");
  };
  const order = products.map((_, c) => c);
  if (!gray) order.sort((a, b) => Math.abs(products[b]) - Math.abs(products[a]));
  const shown = order.slice(0, SHOWN), rest = order.slice(SHOWN).reduce((a, c) => a + products[c], 0);
  const parts = [shown.map(term).join(" + ").replaceAll("+ −", "− ")];
  if (!gray) {
    parts.push(
      `${decimals(rest, digits)} (the other ${products.length - SHOWN})`,
      `${decimals(bias, digits)} (bias)`,
    );
  }
  const end = relu && sum < 0 ? `${decimals(sum, digits)}, and after the ReLU 0` : decimals(value, digits);
  const patch = each > 1
    ? ` Each input is first ${each} numbers, weighted by the ${PATTERN_NAMES[each]} pattern and added.`
    : "";
  const behind = s.kernel === "reduced"
    ? ` The 5x5 alone, without the ${reduce === 1 ? "one channel" : `${reduce} channels`} between: ` +
      `${decimals(alone, digits)}.`
    : "";
  return `${where}: ${parts.join(" + ").replaceAll("+ −", "− ")} = ${end}.${behind}${patch}`;
}

function verdictOf(spent, kernel, done, area) {
  const own = spent.find((lane) => lane.kernel === kernel),
    wide = spent.find((lane) => lane.kernel === "5x5");
  const other = kernel === "5x5" ? spent.find((lane) => lane.kernel === "reduced") : wide;
  const more = other.spent > own.spent;
  const times = more ? other.spent / own.spent : own.spent / other.spent;
  const said = `${times.toFixed(1).replace(/\.0$/, "")} times ${more ? "as many" : "fewer"}`;
  return `${fmt(done)} of ${fmt(area)} positions: ${fmt(own.spent)} MACs. ` +
    `The ${KERNEL_NAMES[other.kernel]}: ${fmt(other.spent)}, ${said}.`;
}

// MACs so far, by kernel: the longest bar is the most that any of them will take.
function fillLanes(lanes, spent, kernel) {
  const most = Math.max(...spent.map(({ all }) => all));
  lanes.replaceChildren(
    make("p", { class: "iw-small" }, "MACs so far, by window"),
    ...spent.map((lane) =>
      make(
        "div",
        { class: `iw-line${lane.kernel === kernel ? " iw-chosen" : ""}` },
        make("span", { class: "iw-name" }, lane.kernel === "reduced" ? "1x1, then 5x5" : lane.kernel),
        make("strong", {}, fmt(lane.spent), make("span", { class: "iw-small" }, ` of ${fmt(lane.all)}`)),
        bar(lane.spent / most, lane.kernel === kernel ? "violet" : "muted"),
      )
    ),
  );
}

export default { render: (context) => run({ layout }, context) };
