// The whole network, row by row of Table 1, beside what the paper prints.
import { bar, fmt, make, newId, product, run, total } from "./common.js";

const at224 = (s) => s.size === 224 && s.width === 1 && s.variant === "paper";

function layout(results, { table }) {
  const body = make("tbody");
  const rows = new Map();
  const heading = ["row", "output", "MACs", "printed", "", "weights", "printed"];
  const id = newId();
  // not the table's caption, which would scroll away with it
  const caption = make(
    "p",
    { id, class: "iw-small" },
    "Counted, beside what the paper prints for 224 pixels and width 1",
  );
  const grid = make(
    "table",
    { class: "iw-table iw-network", "aria-labelledby": id },
    make(
      "thead",
      {},
      make("tr", {}, ...heading.map((text) => (text ? make("th", { scope: "col" }, text) : make("td")))),
    ),
    body,
  );
  const verdict = make("p", { class: "iw-verdict" });
  const region = { class: "iw-scroll", tabindex: "0", role: "region", "aria-label": "Table 1, counted" };
  const scrolled = make("div", region, grid);
  results.append(verdict, caption, scrolled);

  const row = (name, type) => {
    const cells = ["output", "macs", "ops", "share", "weights", "params"].map((what) =>
      make("td", { class: `iw-${what}` })
    );
    const tr = make(
      "tr",
      {},
      make("th", { scope: "row", title: type }, name.replace("inception_", "")),
      ...cells,
    );
    const [output, macs, ops, track, weights, params] = cells;
    rows.set(name, { tr, output, macs, ops, track, weights, params });
    body.append(tr);
  };
  for (const printed of table.printed) {
    row(printed.name, printed.type);
    if (printed.name === "pool1") row("norm1", "local response normalization");
    if (printed.name === "conv2") row("norm2", "local response normalization");
  }
  for (const head of ["aux1", "aux2"]) row(head, "auxiliary classifier, training only");
  const printedOf = Object.fromEntries(table.printed.map((p) => [p.name, p]));

  // There is no network: its rows stay, so that the page does not jump, and say where it ends.
  const empty = (names, fails) => {
    grid.classList.add("iw-other");
    for (const [name, cell] of rows) {
      cell.tr.hidden = !names.has(name);
      cell.output.textContent = name === fails ? "ends here" : "–";
      cell.macs.textContent = cell.weights.textContent = "–";
      cell.ops.textContent = printedOf[name]?.ops || "";
      cell.params.textContent = printedOf[name]?.params || "";
      cell.track.replaceChildren();
    }
  };

  return (s) => {
    const network = table.networks[`${s.variant} ${s.stem}`];
    const size = table.sizes.indexOf(s.size),
      width = table.widths.findIndex((w) => Math.abs(w - s.width) < 1e-9);
    const why = network.why[size][s.heads ? 0 : 1];
    const used = network.rows.filter((r) => s.heads || r.head === null);
    const fails = why ? used.find((r) => why.startsWith(`${r.path}: `))?.row : null;
    for (const [name, { tr }] of rows) tr.classList.toggle("iw-fails", name === fails);
    if (why) {
      empty(new Set(used.map((r) => r.row)), fails);
      verdict.textContent = `There is no such network. ${why}`;
      return {
        words: verdict.textContent,
        data: { macs: "", weights: "", parameters: "", rows: "{}" },
        impossible: true,
      };
    }
    const values = {};
    network.size_columns.forEach((column, i) => {
      values[`s${i}`] = column[size];
    });
    network.width_columns.forEach((column, i) => {
      values[`w${i}`] = column[width];
    });
    const lookup = (f) => (typeof f === "number" ? f : values[f]);

    const sums = new Map();
    for (const r of used) {
      const sum = sums.get(r.row) || { macs: 0, weights: 0 };
      sum.macs += product(r.macs, values);
      sum.weights += product(r.weights, values);
      sum.output = r.grid === null
        ? fmt(lookup(r.channels))
        : `${lookup(r.grid)}x${lookup(r.grid)}x${lookup(r.channels)}`;
      sums.set(r.row, sum);
    }
    const most = Math.max(...[...sums.values()].map((sum) => sum.macs));
    const same = at224(s);
    grid.classList.toggle("iw-other", !same);
    for (const [name, cell] of rows) {
      const sum = sums.get(name), printed = printedOf[name] || {};
      cell.tr.hidden = !sum;
      if (!sum) continue;
      cell.output.textContent = sum.output;
      cell.macs.textContent = sum.macs ? fmt(sum.macs) : "–";
      cell.weights.textContent = sum.weights ? fmt(sum.weights) : "–";
      cell.ops.textContent = printed.ops || "";
      cell.params.textContent = printed.params || "";
      cell.track.replaceChildren(...(sum.macs ? [bar(sum.macs / most, "violet")] : []));
    }
    const macs = total(used, "macs", values), weights = total(used, "weights", values);
    const parameters = weights + total(used, "biases", values) + total(used, "norm", values);
    verdict.textContent =
      `${fmt(macs)} MACs, ${fmt(weights)} weights, ${fmt(parameters)} parameters with biases` +
      `${s.variant === "torchvision" ? " and batch normalization" : ""}.` +
      (same ? "" : " The printed figures are for another network than this one.");
    return {
      words: verdict.textContent,
      data: {
        macs,
        weights,
        parameters,
        rows: JSON.stringify(
          Object.fromEntries(
            [...sums].map(([name, sum]) => [name, { macs: sum.macs, weights: sum.weights }]),
          ),
        ),
      },
    };
  };
}

export default { render: (context) => run({ layout }, context) };
