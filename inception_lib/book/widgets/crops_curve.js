// The running average of the probabilities, which grows crop by crop; along it the reader goes back and forth.
import { make } from "./common.js";
import { slider } from "./hands.js";

const CURVE = { width: 360, height: 236, left: 36, right: 10, top: 12, bottom: 34 };
const TICK = 2e5; // of 20%

// rows[n - 1]: the average of the first n crops, of each class; single[n - 1]: crop n, of its own.
// shown: classes with their colors and names.  go(n): so many crops averaged; peek(n): that crop shown.
export function curveOf({ rows, single, shown }, { go, peek, now, text }) {
  const most = rows.length, foot = CURVE.height - CURVE.bottom;
  const highest = TICK * Math.ceil(Math.max(...single.flat(), ...rows.flat()) / TICK);
  const x = (n) => CURVE.left + (CURVE.width - CURVE.left - CURVE.right) * (n - 1) / (most - 1);
  const y = (p) => foot - (foot - CURVE.top) * p / highest;
  const word = (left, up, words, anchor) => make("text", { x: left, y: up, "text-anchor": anchor }, words);
  const line = (k, from, to) =>
    rows.slice(from - 1, to).map((row, i) =>
      `${i ? "L" : "M"}${x(from + i).toFixed(1)} ${y(row[k]).toFixed(1)}`
    ).join("");
  const dots = single.map((p, i) =>
    make("circle", { class: "iw-single", cx: x(i + 1), cy: y(p[shown[0].k]), r: 2.4 })
  );
  const lines = shown.map(({ k, shade }) => ({
    k,
    ghost: make("path", { class: `iw-curve iw-ghost iw-${shade}` }),
    path: make("path", { class: `iw-curve iw-${shade}` }),
    dot: make("circle", { class: `iw-dot iw-${shade}`, r: 4.5 }),
  }));
  const even = make("line", { class: "iw-even", y1: CURVE.top, y2: foot });
  const here = make("circle", { class: "iw-here-crop", r: 5.5 });
  const ticks = Array.from({ length: highest / TICK + 1 }, (_, i) => TICK * i);
  const root = make(
    "svg",
    { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, class: "iw-plot iw-growing" },
    make("line", { class: "iw-axis", x1: CURVE.left, x2: CURVE.width - CURVE.right, y1: foot, y2: foot }),
    ...ticks.map((p) => word(CURVE.left - 5, y(p) + 4, `${p / 1e4}%`, "end")),
    ...[1, 10, most].map((n) => word(x(n), foot + 14, String(n), n === most ? "end" : "middle")),
    word((CURVE.left + CURVE.width - CURVE.right) / 2, foot + 28, "crops averaged", "middle"),
    even,
    ...dots,
    ...lines.flatMap(({ ghost, path }) => [ghost, path]),
    here,
    ...lines.map(({ dot }) => dot),
  );
  const at = (event) => {
    const box = root.getBoundingClientRect();
    const left = (event.clientX - box.left) / box.width * CURVE.width;
    return Math.min(
      most,
      Math.max(1, Math.round(1 + (left - x(1)) / (x(most) - x(1)) * (most - 1))),
    );
  };
  const told = slider(root, {
    label: "Crops averaged, along the curve",
    min: 1,
    max: most,
    now,
    set: go,
    at,
    text,
  });
  root.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons && at(event) <= now()) peek(at(event));
  });

  let reached = 0; // as far as the reader has been, the way is known
  return {
    root,
    draw(averaged, crop, dissents) {
      reached = Math.max(reached, averaged);
      for (const { k, ghost, path, dot } of lines) {
        path.setAttribute("d", line(k, 1, averaged));
        ghost.setAttribute("d", line(k, averaged, reached));
        dot.setAttribute("cx", x(averaged));
        dot.setAttribute("cy", y(rows[averaged - 1][k]));
      }
      dots.forEach((dot, i) => {
        dot.setAttribute("class", `iw-single${dissents[i] ? " iw-dissent" : ""}`);
        dot.style.visibility = i < averaged ? "" : "hidden"; // what is not displayed would be laid out anew
      });
      for (const end of ["x1", "x2"]) even.setAttribute(end, x(averaged));
      here.style.display = crop < averaged ? "" : "none";
      here.setAttribute("cx", x(crop + 1));
      here.setAttribute("cy", y(single[crop][shown[0].k]));
      told();
    },
  };
}
