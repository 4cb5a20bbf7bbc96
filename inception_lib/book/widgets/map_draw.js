// The drawing of the map: a canvas for each part, a button for each block, and what stands around them.
// Python says where the parts are, in pixels of a plan; here they are percentages, so that text keeps its size.
import { fmt, make } from "./common.js";

const NARROW = 576; // pixels, map.css's 36rem: below, the network runs from top to bottom
const KEYS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

// Makes the drawing: `choose(name)` a block, `look(name or null)` at one while the mouse is over it, `drag(event,
// begins)` on the image, `address(chapter)` of a page or null. Gives { root, parts, place(view), mark(name) }.
export function drawingOf(table, { choose, look, drag, address }) {
  const parts = new Map(), buttons = new Map(), stalks = new Map();
  const root = make("div", { class: "iw-map", role: "radiogroup", "aria-label": "Blocks of the network" });
  const ground = root.appendChild(make("div", { class: "iw-map-ground" }));
  const sides = table.sides.map(([side]) =>
    make("span", { class: "iw-map-side" }, side > 1 ? `${side}²` : "1")
  );
  root.append(...sides);
  for (const [i, block] of table.blocks.entries()) {
    if (block.after) {
      stalks.set(block.name, root.appendChild(make("div", { class: "iw-map-stalk" })));
    }
    for (const { path, branch } of block.parts) {
      const kind = branch ? `iw-${branch}` : block.after ? "iw-map-head" : block.macs ? "" : "iw-map-pool";
      const canvas = make("canvas", { class: `iw-map-part ${kind}`, width: 1, height: 1 });
      canvas.dataset.path = path;
      canvas.style.setProperty("--iw-turn", i); // they rise one after the other
      parts.set(path, root.appendChild(canvas));
    }
  }
  for (const block of table.blocks) {
    const button = make(
      "button",
      {
        type: "button",
        role: "radio",
        class: `iw-map-block${block.after ? " iw-map-aux" : block.label === "pool" ? " iw-map-minor" : ""}`,
        value: block.name,
      },
      make("span", { class: "iw-map-label" }, block.label),
    );
    button.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for itself
    button.setAttribute("aria-label", `${block.label}: ${block.kind}, ${shapeText(block.shape)}`);
    button.addEventListener("click", () => choose(block.name));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && look(block.name));
    button.addEventListener("pointerleave", () => look(null));
    buttons.set(block.name, root.appendChild(button));
  }
  dragged(buttons.get("input"), drag);
  const names = table.blocks.map(({ name }) => name);
  root.addEventListener("keydown", (event) => {
    const at = names.indexOf(event.target.value), step = KEYS[event.key];
    const to = step ? at + step : { Home: 0, End: names.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const name = names[Math.min(names.length - 1, Math.max(0, to))];
    choose(name);
    buttons.get(name).focus();
  });

  const pins = table.chapters.flatMap((chapter, i) =>
    chapter.pins.map((block) => {
      const href = address(chapter);
      const pin = make(
        href ? "a" : "span",
        { class: "iw-map-pin", href, tabindex: href ? -1 : null },
        String(i + 1),
      );
      pin.title = `Chapter ${i + 1}: ${chapter.title}`;
      pin.setAttribute("aria-hidden", "true"); // the card's link says the same to a screen reader
      root.append(pin);
      return [block, pin];
    })
  );

  let plan = null, shown = null, tall = null;
  const own = { root, parts, buttons };
  own.place = (view) => {
    const narrow = root.clientWidth > 0 && root.clientWidth < NARROW;
    if (view === shown && narrow === tall) return;
    const jumps = narrow !== tall; // a turned drawing does not fly
    root.classList.toggle("iw-map-still", jumps);
    [shown, tall] = [view, narrow];
    plan = table.plans[narrow ? "tall" : "wide"];
    root.classList.toggle("iw-map-tall", narrow);
    root.style.aspectRatio = plan.size.join(" / ");
    const { rects, slots } = byName(plan.views[view]);
    for (const [path, canvas] of parts) put(canvas, rects[path]);
    const bounds = new Map(
      table.blocks.map((block) => [block.name, boundsOf(block.parts.map((p) => rects[p.path]))]),
    );
    for (const block of table.blocks) {
      const bound = bounds.get(block.name), below = bounds.get(block.after);
      put(buttons.get(block.name), area(block, bound, slots[block.after || block.name]));
      if (below) put(stalks.get(block.name), between(below, bound));
    }
    for (const [block, pin] of pins) put(pin, tip(bounds.get(block)));
    for (const [i, [, members]] of table.sides.entries()) {
      put(
        sides[i],
        bracket(members.map((name) => slots[name])),
      );
    }
    const [wide, high] = plan.size;
    put(ground, plan.upward ? [0, plan.ground, wide, 0] : [plan.ground, 0, 0, high]);
    if (jumps) requestAnimationFrame(() => root.classList.remove("iw-map-still"));
  };

  // Of each part by its path, and of each block in the trunk by its name.
  const trunk = table.blocks.filter(({ after }) => !after).map(({ name }) => name);
  const byName = ({ rects, slots }) => ({
    rects: Object.fromEntries([...parts.keys()].map((path, i) => [path, rects[i]])),
    slots: Object.fromEntries(trunk.map((name, i) => [name, slots[i]])),
  });
  const put = ({ style }, [x, y, width, height]) => {
    const [wide, high] = plan.size;
    style.left = `${100 * x / wide}%`;
    style.top = `${100 * y / high}%`;
    style.width = `${100 * width / wide}%`;
    style.height = `${100 * height / high}%`;
  };
  // What a finger has to hit: more than the block, and its label.
  const area = (block, [x, y, width, height], [start, size]) => {
    const { upward, ground, size: [, bottom] } = plan;
    if (block.after) {
      return upward ? [start - 2, y - 4, size + 4, height + 6] : [x - 2, start - 2, width + 6, size + 4];
    }
    if (upward) {
      return [start - 3, Math.min(y - 4, ground - 24), size + 6, bottom - 26 - Math.min(y - 4, ground - 24)];
    }
    return [0, start - 1, Math.max(x + width + 4, ground + 24), size + 2];
  };
  const between = ([x, y, width], [, top, , height], line = 0) =>
    plan.upward
      ? [x + width / 2, top + height, line, y - top - height]
      : [x + width, y + boundsOf([[x, y, width, line]])[3] / 2, 0, line];
  const tip = ([x, y, width, height]) =>
    plan.upward ? [x + width / 2, y - 13, 0, 0] : [x + width + 13, y + height / 2, 0, 0];
  const bracket = (slots) => {
    const from = slots[0][0], [start, size] = slots.at(-1), [, high] = plan.size;
    return plan.upward ? [from, high - 19, start + size - from, 0] : [2, from, 13, start + size - from];
  };

  own.mark = (name, held) => {
    for (const [other, button] of buttons) {
      button.setAttribute("aria-checked", String(other === held));
      button.tabIndex = other === held ? 0 : -1;
      button.classList.toggle("iw-map-here", other === name);
    }
  };
  return own;
}

export const shapeText = (shape) =>
  shape.length === 3
    ? `${fmt(shape[0])} channel${shape[0] === 1 ? "" : "s"} of ${shape[1]}x${shape[1]}`
    : `${fmt(shape[0])} numbers`;

function boundsOf(rects) {
  const left = Math.min(...rects.map(([x]) => x)), top = Math.min(...rects.map(([, y]) => y));
  const right = Math.max(...rects.map(([x, , width]) => x + width));
  return [left, top, right - left, Math.max(...rects.map(([, y, , height]) => y + height)) - top];
}

// Drags on the image itself; a tap still chooses it.
function dragged(button, drag) {
  let held = false;
  button.style.touchAction = "none";
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = true;
    button.setPointerCapture(event.pointerId);
    drag(event, true);
  });
  button.addEventListener("pointermove", (event) => held && drag(event, false));
  for (const end of ["pointerup", "pointercancel"]) button.addEventListener(end, () => (held = false));
}
