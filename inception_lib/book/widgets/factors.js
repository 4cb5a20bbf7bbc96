// What each factor of the test brings, with its intervals, beside what it costs.  All numbers come from Python.
import { bar, fmt, make, run } from "./common.js";

const ALL = 144;
const NAMES = { top1: "Top-1 accuracy", top5: "Top-5 accuracy", nats: "Mean log probability" };
const signed = (n, measure) => {
  const size = Math.abs(n) / (measure === "nats" ? 1e4 : 100);
  return `${n > 0 ? "+" : n < 0 ? "−" : ""}${size.toFixed(measure === "nats" ? 3 : 1)}`;
};
const passes = (n) => `${fmt(n)} pass${n === 1 ? "" : "es"}`;
const STEPS = [100, 200, 500, 1000, 2000, 5000];

function layout(results, { table, set }) {
  const verdict = make("p", { class: "iw-verdict" });
  const forest = make("div", { class: "iw-forest" });
  const key = make(
    "p",
    { class: "iw-small" },
    "Thick: the interval of 95% of this comparison. Thin: that of 95% for all " +
      `${table.comparisons} comparisons of the record at once; where it holds 0, the change may be chance.`,
  );
  const about = make("p", { class: "iw-small" });
  results.append(forest, verdict, key, about);
  let drawn = "", lines = [];

  return (s) => {
    const rows = table.starts[s.start], index = Math.min(s.row, rows.length) - 1;
    if (drawn !== `${s.start} ${s.measure}`) lines = drawForest(forest, rows, s, (row) => set({ row }));
    drawn = `${s.start} ${s.measure}`;
    lines.forEach((line, i) => line.setAttribute("aria-pressed", String(i === index)));
    const row = rows[index], change = row[s.measure];
    verdict.textContent = judged(row, s);
    const better = rows.filter((one) => one[s.measure].low_together > 0).length;
    const worse = rows.filter((one) => one[s.measure].high_together < 0).length;
    about.textContent =
      `${fmt(table.images)} of ${fmt(table.of)} photographs${
        table.images < table.of ? " so far" : ""
      }, one network, which may have been trained on some of them: no error rate of ImageNet.` +
      (s.measure === "nats"
        ? " The log probability of the right class also falls where crops disagree, and their mean is less sure."
        : "");
    return {
      words:
        `${verdict.textContent} Of ${rows.length} comparisons, ${better} are better and ${worse} worse than chance.`,
      data: {
        rowsDrawn: rows.length,
        before: Number(s.start),
        after: row.views,
        value: change.value,
        low: change.low,
        high: change.high,
        lowTogether: change.low_together,
        highTogether: change.high_together,
        better,
        worse,
      },
    };
  };
}

function judged({ what, views, ...measures }, { start, measure }) {
  const { value, low, high, low_together, high_together } = measures[measure];
  const test = start === "1" ? `One crop and ${what}` : `144 crops less ${what}`;
  const of = (n) => signed(n, measure), unit = measure === "nats" ? "" : " points";
  const chance = low_together > 0
    ? "better than chance would make it"
    : high_together < 0
    ? "worse than chance would make it"
    : "which may be chance";
  return `${test}: ${passes(views)} in place of ${start}. ${NAMES[measure]} ${of(value)}${unit} ` +
    `(${of(low)} to ${of(high)}; for all at once ${of(low_together)} to ${of(high_together)}), ${chance}.`;
}

// Rows of name, cost and interval, all on one scale; gives the rows' buttons.
function drawForest(forest, rows, { start, measure }, choose) {
  const ends = rows.flatMap((row) => [row[measure].low_together, row[measure].high_together, 0]);
  const low = Math.min(...ends), high = Math.max(...ends), room = 0.06 * (high - low);
  const at = (n) => `${(100 * (n - low + room) / (high - low + 2 * room)).toFixed(2)}%`;
  const piece = (name, from, to = null) => {
    const el = make("span", { class: name });
    el.style.left = at(from);
    if (to !== null) el.style.right = `calc(100% - ${at(to)})`;
    return el;
  };
  const lines = rows.map((row, i) => {
    const { value, low: a, high: b, low_together, high_together } = row[measure];
    const clear = low_together > 0 || high_together < 0;
    const line = make(
      "button",
      { type: "button", class: `iw-effect${clear ? " iw-clear" : ""}` },
      make("span", { class: "iw-name" }, `${start === "1" ? "+" : "−"} ${row.what}`),
      make("span", { class: "iw-cost" }, passes(row.views), bar(row.views / ALL, "muted")),
      make(
        "span",
        { class: "iw-range" },
        piece("iw-zero", 0),
        piece("iw-together", low_together, high_together),
        piece("iw-interval", a, b),
        piece("iw-value", value),
      ),
    );
    line.addEventListener("click", () => choose(i + 1));
    return line;
  });
  const step = STEPS.find((n) => (high - low) / n <= 5) ?? 10_000;
  const scale = make("span", { class: "iw-range iw-numbers", "aria-hidden": "true" });
  for (let n = Math.ceil(low / step) * step; n <= high; n += step) {
    const tick = piece("iw-tick", n);
    tick.textContent = n ? signed(n, measure) : "0";
    scale.append(tick);
  }
  const unit = measure === "nats" ? "nats" : "points";
  const foot = make("span", { class: "iw-small iw-unit" }, `worse ← ${unit} → better`);
  forest.replaceChildren(...lines, make("div", { class: "iw-effect iw-axis-row" }, foot, scale));
  return lines;
}

export default { render: (context) => run({ layout }, context) };
