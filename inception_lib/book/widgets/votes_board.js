// The board: an image cut into tiles, one a position, each as bright as its vote; and what is dragged on it.
import { drawn, look } from "../live/shapes.js";
import { make } from "./common.js";

const apart = (a, b) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0);

// The image of one or two objects. The second has colors of its own, which differ from the ground.
export function sceneOf(side) {
  const looks = new Map();
  const lookOf = (number) => {
    if (!looks.has(number)) {
      const first = look(number, side);
      let other = number + 1;
      while (!visible(look(other, 1), first)) other++;
      const { ink, second: inkToo } = look(other, 1);
      const second = { ...first, ink, second: inkToo };
      const nothing = { name: "disc", x: -9, y: -9, radius: 0.1 };
      looks.set(number, { first, second, ground: drawn(nothing, first, side) });
    }
    return looks.get(number);
  };
  const visible = ({ ink, second }, { ground, ink: theirs }) =>
    apart(ink, ground) > 0.9 && apart(second, ground) > 0.3 && apart(ink, theirs) > 0.6;
  return ({ shape, x, y, second, x2, y2, radius, colors }) => {
    const { first, second: other, ground } = lookOf(colors);
    const at = (name, left, top) => ({ name, x: left / 100, y: top / 100, radius: radius / 100, turn: 0.15 });
    const image = drawn(at(shape, x, y), first, side);
    if (second === "none") return image;
    const above = drawn(at(second, x2, y2), other, side).data;
    for (let i = 0; i < above.length; i += 4) {
      if ([0, 1, 2].every((c) => above[i + c] === ground.data[i + c])) continue;
      for (let c = 0; c < 3; c++) image.data[i + c] = above[i + c];
    }
    return image;
  };
}

// A board that says which position is chosen, and where an object was dragged to.
export function boardOf({ choose, drag, now }) {
  const tiles = make("div", { class: "iw-tiles", "aria-hidden": "true" });
  const board = make("div", { class: "iw-board", tabindex: 0, role: "application" }, tiles);
  board.dataset.lmSuppressShortcuts = "true";
  const handles = [["x", "y"], ["x2", "y2"]].map((names) => handleOf(names, board, drag, now));
  const own = { board, n: 0, order: [], source: null };

  const slotAt = (event) => {
    const box = board.getBoundingClientRect();
    const [column, row] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      .map((share) => Math.floor(share * own.n));
    return Math.min(column, row) < 0 || Math.max(column, row) >= own.n ? null : row * own.n + column;
  };
  const pointed = (event) => {
    const slot = slotAt(event);
    if (slot !== null && own.order[slot] !== own.chosen) choose(own.order[slot]);
  };
  board.addEventListener("pointerdown", pointed);
  board.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons) pointed(event);
  });
  board.addEventListener("keydown", (event) => {
    if (event.target !== board) return;
    const { n, order } = own, slot = order.indexOf(own.chosen), last = n * n - 1;
    const [row, column] = [Math.floor(slot / n), slot % n];
    const next = {
      ArrowLeft: column ? slot - 1 : slot,
      ArrowRight: column < n - 1 ? slot + 1 : slot,
      ArrowUp: row ? slot - n : slot,
      ArrowDown: row < n - 1 ? slot + n : slot,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(order[next]);
  });

  // Cuts an image, a canvas or picture of `pixels` a side, into n x n tiles; once for the same `key`.
  own.cut = (source, pixels, n, key) => {
    if (own.n !== n) {
      own.n = n;
      board.style.setProperty("--iw-n", n);
      board.classList.toggle("iw-many", n > 7);
      tiles.replaceChildren(...Array.from({ length: n * n }, () => {
        const canvas = make("canvas", { width: 32, height: 32 });
        return make("div", { class: "iw-tile" }, canvas, make("div", { class: "iw-shade" }), make("span"));
      }));
      own.key = null;
    }
    if (own.key === key) return;
    own.key = key;
    const piece = pixels / n, to = Math.max(32, Math.round(piece));
    [...tiles.children].forEach((tile, i) => {
      const canvas = tile.firstChild, left = i % n * piece, top = Math.floor(i / n) * piece;
      if (canvas.width !== to) canvas.width = canvas.height = to;
      canvas.getContext("2d").drawImage(source, left, top, piece, piece, 0, 0, to, to);
    });
  };

  // Moves each tile to its place.
  own.arrange = (order) => {
    own.order = order;
    order.forEach((i, slot) => {
      const across = 100 * (slot % own.n), down = 100 * Math.floor(slot / own.n);
      tiles.children[i].style.transform = `translate(${across}%, ${down}%)`;
    });
  };

  // Lights each tile by its vote, `most` being the brightest, and frames the chosen one.
  own.light = (votes, most, chosen, said) => {
    own.chosen = chosen;
    [...tiles.children].forEach((tile, i) => {
      const light = Math.min(1, Math.max(0, votes[i] / most));
      tile.style.setProperty("--iw-dark", (0.88 * (1 - light)).toFixed(3));
      tile.lastChild.textContent = own.n > 7 ? "" : said(votes[i]);
      tile.classList.toggle("iw-chosen", i === chosen);
    });
  };

  own.handles = (s, movable) => {
    for (const [i, handle] of handles.entries()) {
      handle.hidden = !movable || (i === 1 && s.second === "none");
      if (!handle.hidden) handle.place(s, i ? s.second : s.shape);
    }
  };
  board.append(...handles);
  return own;
}

// What an object is dragged by: a ring around it.
function handleOf([across, down], board, drag, now) {
  const handle = make("div", { class: "iw-handle", tabindex: 0, role: "application" });
  handle.dataset.lmSuppressShortcuts = "true";
  const limited = (value) => Math.min(100, Math.max(0, Math.round(value)));
  let held = null;
  const at = (event) => {
    const box = board.getBoundingClientRect();
    return [100 * (event.clientX - box.left) / box.width, 100 * (event.clientY - box.top) / box.height];
  };
  handle.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const [x, y] = at(event), s = now();
    held = [x - s[across], y - s[down]];
  });
  handle.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = at(event);
    drag({ [across]: limited(x - held[0]), [down]: limited(y - held[1]) });
  });
  for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => (held = null));
  handle.addEventListener("keydown", (event) => {
    const [name, by] = {
      ArrowLeft: [across, -2],
      ArrowRight: [across, 2],
      ArrowUp: [down, -2],
      ArrowDown: [down, 2],
    }[event.key] ?? [];
    if (!name) return;
    event.preventDefault();
    drag({ [name]: limited(now()[name] + by) });
  });
  handle.place = (s, name) => {
    const size = 2.2 * s.radius;
    Object.assign(handle.style, {
      left: `${s[across] - size / 2}%`,
      top: `${s[down] - size / 2}%`,
      width: `${size}%`,
      height: `${size}%`,
    });
    handle.setAttribute(
      "aria-label",
      `The ${name}, ${s[across]}% from the left and ${s[down]}% from the top. Arrow keys move it.`,
    );
  };
  return handle;
}
