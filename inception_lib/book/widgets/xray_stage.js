// The image that the reader makes, and on it what a position sees.
import { fieldOf, wayTo } from "../live/explain.js";
import { drawn, look, strokesOf, withPoint } from "../live/shapes.js";
import { make } from "./common.js";
import { moduleOf } from "./xray_words.js";

const OUT = 1.2, EIGHTH = Math.PI / 4; // where the handle is: so many radii out, and before the turn up right
const REACH = 0.07; // of the image's side: how near the finger takes the handle

// The handle that scales and turns the object, in parts of the image; it stays inside.
function handleOf({ x, y, radius, turn }) {
  const angle = turn * Math.PI / 180 - EIGHTH, out = OUT * radius / 100;
  const inside = (v) => Math.min(0.97, Math.max(0.03, v));
  return [inside(x / 100 + out * Math.cos(angle)), inside(y / 100 + out * Math.sin(angle))];
}

// The radius and the turn that put the handle there.
function byHandle({ x, y }, atX, atY) {
  const dx = atX - x / 100, dy = atY - y / 100;
  const turn = Math.round((Math.atan2(dy, dx) + EIGHTH) * 180 / Math.PI);
  const radius = Math.round(100 * Math.hypot(dx, dy) / OUT);
  return { radius: Math.min(48, Math.max(8, radius)), turn: turn > 180 ? turn - 360 : turn };
}

// The image that the reader makes: moved, scaled and turned by a finger or by keys, or drawn.
export function stageOf(side, set, now, table) {
  const canvas = make("canvas", { width: side, height: side, tabindex: 0, role: "application" });
  const overlay = make("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" });
  const caption = make("figcaption", { class: "iw-small" });
  const repaint = make("button", { type: "button" }, "Repaint");
  const clear = make("button", { type: "button" }, "Draw your own");
  const photo = make("div", { class: "iw-photo" }, canvas, overlay);
  const root = make("figure", { class: "iw-stage" }, photo, caption);
  const hands = make("div", { class: "iw-hands" }, make("div", { class: "iw-actions" }, repaint, clear));
  canvas.dataset.lmSuppressShortcuts = "true";
  const seen = new Map();
  const own = { root, hands, image: null, key: "" };

  repaint.addEventListener("click", () => set({ colors: now().colors % 999 + 1 }));
  clear.addEventListener("click", () => {
    own.full = false;
    set({ shape: table.drawing, drawing: "" });
  });

  let held = null; // where in the thing the finger holds it, or "handle"
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const to = (v) => Math.round(100 * Math.min(1, Math.max(0, v)));
  const moved = (event, begins) => {
    const [x, y] = place(event), s = now();
    if (s.shape !== table.drawing) {
      const [hx, hy] = handleOf(s);
      if (begins) {
        held = Math.hypot(x - hx, y - hy) < REACH ? "handle" : [x - s.x / 100, y - s.y / 100];
      } else if (held === "handle") set(byHandle(s, x, y));
      else set({ x: to(x - held[0]), y: to(y - held[1]) });
      return;
    }
    held = [0, 0];
    const drawing = withPoint(s.drawing, [x, y], begins, table.longest);
    own.full = drawing === null;
    if (drawing !== s.drawing) set(own.full ? {} : { drawing });
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    moved(event, true);
  });
  canvas.addEventListener("pointermove", (event) => held && moved(event, false));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = null));
  const keys = {
    ArrowLeft: ["x", -2, 0, 100],
    ArrowRight: ["x", 2, 0, 100],
    ArrowUp: ["y", -2, 0, 100],
    ArrowDown: ["y", 2, 0, 100],
    "+": ["radius", 2, 8, 48],
    "-": ["radius", -2, 8, 48],
    "[": ["turn", -10, -180, 180],
    "]": ["turn", 10, -180, 180],
  };
  canvas.addEventListener("keydown", (event) => {
    const [name, step, low, high] = keys[event.key] ?? [];
    if (!name) return;
    event.preventDefault();
    set({ [name]: Math.min(high, Math.max(low, now()[name] + step)) });
  });

  own.draw = (s) => {
    const { shape, x, y, radius, turn, colors, drawing } = s;
    const own_drawing = shape === table.drawing;
    clear.textContent = own_drawing ? "Clear the drawing" : "Draw your own";
    const key = JSON.stringify(own_drawing ? [drawing, colors] : [shape, x, y, radius, turn, colors]);
    if (key === own.key) return;
    if (!seen.has(colors)) seen.set(colors, look(colors, side));
    const thing = own_drawing ? { strokes: strokesOf(drawing) } : {
      name: shape,
      x: x / 100,
      y: y / 100,
      radius: radius / 100,
      turn: turn * Math.PI / 180,
    };
    own.key = key;
    own.image = drawn(thing, seen.get(colors), side);
    canvas.getContext("2d").putImageData(new ImageData(own.image.data, side, side), 0, 0);
    canvas.setAttribute(
      "aria-label",
      own_drawing
        ? "The image: your drawing. Draw with the finger or the mouse."
        : `The image: a ${shape}, its center at ${x}% from the left and ${y}% from the top. ` +
          "Arrow keys move it, plus and minus scale it, brackets turn it.",
    );
  };
  own.frame = (boxes, words) => {
    const [x, y] = handleOf(now()), at = { cx: side * x, cy: side * y, r: 2.2 };
    const handle = now().shape === table.drawing ? [] : [make("circle", { class: "iw-handle", ...at })];
    overlay.replaceChildren(
      ...handle,
      ...boxes.flatMap(({ branch, chosen, left, top, right, bottom }) => {
        const place = { x: left, y: top, width: right + 1 - left, height: bottom + 1 - top };
        const own_class = `iw-frame ${branch ? `iw-${branch}` : "iw-ink"}${chosen ? " iw-chosen" : ""}`;
        return [make("rect", { class: "iw-halo", ...place }), make("rect", { class: own_class, ...place })];
      }),
    );
    caption.textContent = own.full
      ? `The drawing is full: its ${table.longest} letters are all that an address carries. ${words}`
      : words;
  };
  return own;
}

// What the chosen position sees, and beside it what each branch's does.
export function boxesOf({ about }, path, { row, column }) {
  const module = moduleOf(path), { layers } = about.architecture;
  const branches = module ? layers.find(({ name }) => name === module).branches : [];
  const mine = branches.find((b) => b.layers.some(({ name }) => path === `${module}/${name}`));
  const of = (at) => fieldOf(wayTo(about.architecture, at), row, column);
  const others = branches.filter((b) => b !== mine).map((b) => ({
    branch: b.name,
    ...of(`${module}/${b.layers.at(-1).name}`),
  }));
  return [...others, { branch: mine?.name, chosen: true, ...of(path) }];
}

export function caption({ left, top, right, bottom }, side) {
  const [high, wide] = [bottom - top + 1, right - left + 1];
  const inside = (low, last) => Math.min(side - 1, last) - Math.max(0, low) + 1;
  const rows = inside(top, bottom), columns = inside(left, right);
  const part = rows < high || columns < wide ? `, ${rows}x${columns} of them in the image` : "";
  return `Receptive field: ${high * wide === 1 ? "one pixel" : `${high}x${wide} pixels`}${part}.`;
}
