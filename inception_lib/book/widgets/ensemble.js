// Recorded errors of some networks with some crops, and what they cost.  All numbers come from Python.
import { bar, fmt, make, run } from "./common.js";

const PLOT = { width: 320, height: 190, left: 36, right: 14, top: 12, bottom: 46 };
const CROPS = [[1, "violet"], [10, "olive"], [144, "berry"]];
const percent = (hundredths) => `${(hundredths / 100).toFixed(2)}%`;
const signed = (hundredths) =>
  `${hundredths > 0 ? "+" : hundredths < 0 ? "−" : ""}${(Math.abs(hundredths) / 100).toFixed(2)}`;
const plural = (n, name) => `${fmt(n)} ${name}${n === 1 ? "" : name.endsWith("s") ? "es" : "s"}`;

// The changes that the tests of one table have been counted from stand in its first cell.
const FIRST = "mean 1 1";

// Why a test is not among those of a table.
function missing(table, s) {
  const keys = Object.keys(table.cells).map((key) => key.split(" "));
  const models = [...new Set(keys.map(([, k]) => Number(k)))];
  if (!keys.some(([pool]) => pool === s.pool)) return "Here only the mean was published, not the maximum.";
  const tested = models.length === 1
    ? `${models[0]} network`
    : `${models.slice(0, -1).join(", ")} and ${models[models.length - 1]} networks`;
  return `Here ${tested} ${models.length === 1 ? "was" : "were"} tested, not ${s.models}.`;
}

function layout(results, { table }) {
  const line = (name) => {
    const number = make("strong"), more = make("span", { class: "iw-small" }), track = make("div");
    const root = make(
      "div",
      { class: "iw-line" },
      make("span", { class: "iw-name" }, name),
      number,
      more,
      track,
    );
    results.append(root);
    return { root, number, more, track };
  };
  const lines = { 1: line("Top-1 error"), 5: line("Top-5 error") };
  const passes = line("Forward passes for each image");
  const verdict = make("p", { class: "iw-verdict" });
  const plot = make("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img", class: "iw-plot" });
  const about = make("p", { class: "iw-small" });
  results.append(verdict, plot, about);
  const names = new Set(
    Object.values(table).flatMap((one) => Object.values(one.cells).flatMap((cell) => Object.keys(cell))),
  );
  const nothing = Object.fromEntries([...names].map((name) => [camel(name), ""])); // clears what is not known
  const draw = drawing(plot);

  return (s) => {
    const one = table[s.data], cell = one.cells[`${s.pool} ${s.models} ${s.crops}`], first = one.cells[FIRST];
    const cost = s.models * s.crops, start = s.models === 1 && s.crops === 1;
    // one scale for both bars
    const highest = Math.max(...Object.values(one.cells).map((c) => c.error1 ?? c.error5));
    for (const top of [1, 5]) {
      const { root, number, more, track } = lines[top], known = cell && cell[`error${top}`] !== undefined;
      root.hidden = first[`error${top}`] === undefined;
      number.textContent = known ? percent(cell[`error${top}`]) : "not measured";
      more.textContent = known ? details(cell, top, start) : "";
      track.replaceChildren(bar(known && highest ? cell[`error${top}`] / highest : 0, "accent"));
    }
    passes.number.textContent = fmt(cost);
    passes.more.textContent = `${plural(s.models, "network")} × ${plural(s.crops, "crop")}`;
    verdict.textContent = cell ? judgment(cell, one.top, start) : missing(one, s);
    about.textContent = one.about;
    draw(one, s, cell);
    const data = { ...nothing, passes: cost, measured: cell ? 1 : 0 };
    for (const [name, value] of Object.entries(cell || {})) data[camel(name)] = value;
    const said = [1, 5].filter((top) => cell && cell[`error${top}`] !== undefined)
      .map((top) => `Top-${top} error ${percent(cell[`error${top}`])}.`).join(" ");
    return {
      words: `${plural(cost, "forward pass")}. ${said} ${verdict.textContent}`,
      data,
      impossible: !cell,
    };
  };
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

function details(cell, top, start) {
  const parts = [];
  const interval = (name) =>
    cell[`${name}_low`] === undefined
      ? ""
      : ` (${signed(cell[`${name}_low`])} to ${signed(cell[`${name}_high`])})`;
  if (cell[`error${top}_low`] !== undefined) {
    parts.push(
      `interval ${(cell[`error${top}_low`] / 100).toFixed(2)} to ${percent(cell[`error${top}_high`])}`,
    );
  }
  if (!start) parts.push(`change ${signed(cell[`change${top}`])}${interval(`change${top}`)} points`);
  if (cell.choices > 1) {
    parts.push(
      `over all ${cell.choices} choices of the networks ${(cell[`error${top}_least`] / 100).toFixed(2)} to ` +
        `${percent(cell[`error${top}_most`])}, mean ${percent(cell[`error${top}_mean`])}`,
    );
  }
  return parts.join("; ");
}

function judgment(cell, top, start) {
  if (start) return "This is the baseline: changes are counted from here.";
  const change = cell[`change${top}`], low = cell[`change${top}_low`], high = cell[`change${top}_high`];
  const by = `${change < 0 ? "falls" : "rises"} by ${(Math.abs(change) / 100).toFixed(2)} points`;
  const said = `The top-${top} error ${change === 0 ? "stays as it was" : by}`;
  if (low === undefined) return `${said}.`;
  return low <= 0 && high >= 0
    ? `${said}; so small a change may be chance.`
    : `${said}, more than chance would explain.`;
}

// The curves change with the data and the pool only; what marks the reader's test moves over them.
function drawing(plot) {
  const mark = make("circle", { class: "iw-here", r: 5.5 }), span = make("line", { class: "iw-span" });
  const foot = PLOT.height - PLOT.bottom, last = 7 * 144;
  const x = (passes) => PLOT.left + (PLOT.width - PLOT.left - PLOT.right) * Math.log(passes) / Math.log(last);
  let drawn = "", y;

  return (one, s, here) => {
    const name = `error${one.top}`;
    if (drawn !== `${s.data} ${s.pool}`) {
      y = curves(plot, one, s.pool, x, foot);
      plot.append(span, mark);
      drawn = `${s.data} ${s.pool}`;
    }
    const place = (el, attributes) => {
      el.style.display = attributes ? "" : "none";
      for (const [key, value] of Object.entries(attributes || {})) el.setAttribute(key, value);
    };
    const at = here && x(here.passes);
    place(mark, here && { cx: at, cy: y(here[name]) });
    place(
      span,
      here && here[`${name}_low`] !== undefined &&
        { x1: at, x2: at, y1: y(here[`${name}_low`]), y2: y(here[`${name}_high`]) },
    );
  };
}

function curves(plot, one, pool, x, foot) {
  const name = `error${one.top}`;
  const cells = Object.entries(one.cells).map(([key, cell]) => [...key.split(" "), cell]);
  const shown = cells.filter(([of]) => of === pool);
  const top = Math.max(
    ...(shown.length ? shown : cells).map(([, , , cell]) => cell[`${name}_high`] ?? cell[name]),
  );
  const step = [50, 100, 200, 500, 1000, 2000].find((n) => top / n <= 5) ?? 2500;
  const y = (error) => foot - (foot - PLOT.top) * error / top;
  const text = (left, up, words, anchor) => make("text", { x: left, y: up, "text-anchor": anchor }, words);
  const parts = [
    make("line", { class: "iw-axis", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: foot, y2: foot }),
  ];
  for (let at = 0; at <= top; at += step) parts.push(text(PLOT.left - 6, y(at) + 4, `${at / 100}%`, "end"));
  const words = [];
  for (const [crops, shade] of CROPS) {
    const row = shown.filter(([, , n]) => Number(n) === crops).map(([, , , cell]) => cell).sort((a, b) =>
      a.passes - b.passes
    );
    parts.push(
      text(x(crops), foot + 14, String(crops), "middle"),
      text(x(7 * crops), foot + 14, fmt(7 * crops), "middle"),
      text(x(crops * Math.sqrt(7)), foot + 27, plural(crops, "crop"), "middle"),
    );
    if (row.length > 1) {
      parts.push(
        make("path", {
          class: `iw-curve iw-${shade}`,
          d: row.map((cell, i) => `${i ? "L" : "M"}${x(cell.passes).toFixed(1)} ${y(cell[name]).toFixed(1)}`)
            .join(""),
        }),
      );
    }
    parts.push(
      ...row.map((cell) =>
        make("circle", { class: `iw-dot iw-${shade}`, cx: x(cell.passes), cy: y(cell[name]), r: 3 })
      ),
    );
    if (row.length) {
      const errors = row.map((c) => `${percent(c[name])} with ${plural(c.passes / crops, "network")}`);
      words.push(`${plural(crops, "crop")}: ${errors.join(", ")}.`);
    }
  }
  parts.push(
    text((PLOT.left + PLOT.width - PLOT.right) / 2, foot + 41, "forward passes for each image", "middle"),
  );
  plot.replaceChildren(...parts);
  plot.setAttribute(
    "aria-label",
    `Top-${one.top} error against forward passes, by crops. ${words.join(" ") || "Nothing was measured."}`,
  );
  return y;
}

export default { render: (context) => run({ layout }, context) };
