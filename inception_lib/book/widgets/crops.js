// The crops of one photograph and what the network said of each.  Boxes and probabilities come from Python.
import { bar, make, run } from "./common.js";

const MILLION = 1e6, TOP = 5;
const PLOT = { width: 320, height: 170, left: 32, right: 8, top: 10, bottom: 30 };
const SHADES = ["violet", "olive", "berry", "accent", "ink"];
const percent = (millionths) => `${(millionths / 1e4).toFixed(1)}%`;

// The best classes of a row of millionths: pairs of class and millionths, the first of equals first.
const best = (row) => row.map((p, i) => [i, p]).sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, TOP);

function layout(results, { table }) {
  const { width, height, src, alt } = table.picture;
  const shades = new Map(table.mean_classes.map((k, i) => [k, SHADES[i]]));
  const at = new Map(table.views.map((v, i) => [[v.scale, v.square, v.crop, v.mirror].join(), i]));
  // sums[n]: of the first n crops, by class
  const sums = [table.classes.map(() => 0)];
  for (const v of table.views) sums.push(sums[sums.length - 1].map((sum, k) => sum + v.p[k]));
  const mean = (n) => sums[n].map((sum) => Math.floor((2 * sum + n) / (2 * n))); // rounded to nearest

  const frame = make("rect", { class: "iw-frame" }), halo = make("rect", { class: "iw-halo" });
  const overlay = make("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, halo, frame);
  const whole = make("div", { class: "iw-photo" }, make("img", { src, alt }), overlay);
  whole.style.aspectRatio = `${width} / ${height}`;
  const cutout = make("img", { src, alt: "" }), cut = make("div", { class: "iw-cut", role: "img" }, cutout);
  const place = make("span"), number = make("span");
  const photos = make(
    "div",
    { class: "iw-photos" },
    make("figure", {}, whole, make("figcaption", { class: "iw-small" }, place)),
    make("figure", {}, cut, make("figcaption", { class: "iw-small" }, number)),
  );

  const list = (title) => {
    const head = make("p", { class: "iw-small" }, title), lines = make("div");
    return { root: make("div", {}, head, lines), head, lines };
  };
  const here = list("This crop"), together = list("");
  const verdict = make("p", { class: "iw-verdict" });
  const plot = make("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img", class: "iw-plot" });
  results.append(photos, make("div", { class: "iw-lists" }, here.root, together.root), verdict, plot);

  const fill = (into, found) =>
    into.replaceChildren(
      ...found.map(([k, p]) =>
        make(
          "div",
          { class: "iw-line" },
          make("span", { class: "iw-name" }, table.classes[k]),
          make("strong", {}, percent(p)),
          make("div", {}, bar(p / MILLION, shades.get(k) || "muted")),
        )
      ),
    );

  return (s) => {
    const index = at.get([s.scale, s.square, s.crop, s.mirror].join()), view = table.views[index];
    const [left, top, right, bottom] = view.box;
    for (const rect of [halo, frame]) {
      rect.setAttribute("x", left);
      rect.setAttribute("y", top);
      rect.setAttribute("width", right - left);
      rect.setAttribute("height", bottom - top);
    }
    const zoom = 100 / (right - left); // percent of the cutout's side for one pixel of the picture
    cutout.style.width = `${width * zoom}%`;
    cutout.style.left = `${-left * zoom}%`;
    cutout.style.top = `${-top * zoom}%`;
    cut.classList.toggle("iw-mirrored", s.mirror);
    cut.setAttribute("aria-label", `The part of the photograph in the box${s.mirror ? ", mirrored" : ""}`);
    const [across, down] = [[left, right], [top, bottom]].map((ends) =>
      ends.map((n) => n.toFixed(1)).join(" to ")
    );
    place.textContent = `The box: ${across} across, ${down} down, of ${width} x ${height} pixels.`;
    number.textContent = `Crop ${index + 1} of ${table.views.length}, as the network gets it.`;

    const now = best(view.p), average = best(mean(s.averaged));
    const winner = average[0][0];
    const agree = table.views.slice(0, s.averaged).filter((v) => best(v.p)[0][0] === winner).length;
    const several = s.averaged > 1;
    together.head.textContent = several ? `Average of the first ${s.averaged} crops` : "The first crop";
    fill(here.lines, now);
    fill(together.lines, average);
    verdict.textContent = several
      ? `Average of ${s.averaged}: ${table.classes[winner]}, ${percent(average[0][1])}. ` +
        `${agree} of the ${s.averaged} crops put it first.`
      : `The first crop alone: ${table.classes[winner]}, ${percent(average[0][1])}.`;
    curves(plot, table, mean, s.averaged, shades);
    const data = { number: index + 1, agree };
    ["left", "top", "right", "bottom"].forEach((name, i) => {
      data[name] = Math.round(view.box[i] * 100);
    });
    now.forEach(([k, p], i) => {
      data[`class${i + 1}`] = k;
      data[`p${i + 1}`] = p;
    });
    average.forEach(([k, p], i) => {
      data[`meanclass${i + 1}`] = k;
      data[`meanp${i + 1}`] = p;
    });
    return {
      words: `Crop ${index + 1}: ${table.classes[now[0][0]]}, ${percent(now[0][1])}. ${verdict.textContent}`,
      data,
    };
  };
}

function curves(plot, table, mean, averaged, shades) {
  const most = table.views.length;
  const rows = Array.from({ length: most }, (_, i) => mean(i + 1));
  const step = 2e5, steps = Math.ceil(Math.max(...rows.flat()) / step), highest = steps * step; // every 20%
  const x = (n) => PLOT.left + (PLOT.width - PLOT.left - PLOT.right) * (n - 1) / (most - 1);
  const y = (p) => PLOT.height - PLOT.bottom - (PLOT.height - PLOT.top - PLOT.bottom) * p / highest;
  const text = (left, up, words, anchor) => make("text", { x: left, y: up, "text-anchor": anchor }, words);
  const foot = PLOT.height - PLOT.bottom;
  const ticks = Array.from({ length: steps + 1 }, (_, i) => step * i);
  plot.replaceChildren(
    make("line", { class: "iw-axis", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: foot, y2: foot }),
    ...ticks.map((p) => text(PLOT.left - 4, y(p) + 4, `${p / 1e4}%`, "end")),
    text(PLOT.left, foot + 14, "1", "start"),
    text(PLOT.width - PLOT.right, foot + 14, String(most), "end"),
    text((PLOT.left + PLOT.width - PLOT.right) / 2, foot + 26, "crops averaged", "middle"),
    make("line", { class: "iw-even", x1: x(averaged), x2: x(averaged), y1: PLOT.top, y2: foot }),
    ...table.mean_classes.flatMap((k) => [
      make("path", {
        class: `iw-curve iw-${shades.get(k)}`,
        d: rows.map((row, i) => `${i ? "L" : "M"}${x(i + 1).toFixed(1)} ${y(row[k]).toFixed(1)}`).join(""),
      }),
      make("circle", {
        class: `iw-dot iw-${shades.get(k)}`,
        cx: x(averaged),
        cy: y(rows[averaged - 1][k]),
        r: 4,
      }),
    ]),
  );
  plot.setAttribute(
    "aria-label",
    `The average over the first crops, from 1 to ${most}, of the five best classes. At ${averaged}: ` +
      table.mean_classes.map((k) => `${table.classes[k]} ${percent(rows[averaged - 1][k])}`).join(", ") + ".",
  );
}

export default { render: (context) => run({ layout }, context) };
