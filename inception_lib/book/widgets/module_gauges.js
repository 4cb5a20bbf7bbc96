// Gauges like thermometers: tubes that fill, and a mark that was there before.
import { make } from "./common.js";

// { root, show({ figure, note, tubes }) }; a tube is { name, parts: [[share, color]], mark, value }, shares from
// 0 to 1; its name and value are optional.
export function gauge(title) {
  const figure = make("strong"), tubes = make("div"), note = make("p", { class: "iw-small" });
  const head = make("p", { class: "iw-head" }, make("span", {}, title), figure);
  const root = make("div", { class: "iw-gauge" }, head, tubes, note);
  return {
    root,
    show(now) {
      figure.textContent = now.figure;
      note.textContent = now.note;
      note.hidden = !now.note;
      tubes.replaceChildren(...now.tubes.map(tube));
    },
  };
}

function tube({ name, parts, mark, value }) {
  const filled = make("div", { class: "iw-tube", "aria-hidden": "true" });
  for (const [share, color] of parts) {
    const part = make("div", { class: `iw-bar iw-${color}` });
    part.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
    filled.append(part);
  }
  if (mark !== undefined) {
    const line = make("div", { class: "iw-mark-line" });
    line.style.left = `${100 * Math.min(1, mark)}%`;
    filled.append(line);
  }
  const named = name ? [make("span", {}, name)] : [], valued = value ? [make("strong", {}, value)] : [];
  return make("div", { class: "iw-level" }, ...named, filled, ...valued);
}
