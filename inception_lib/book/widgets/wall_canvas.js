// The wall itself: where each image hangs, how it flies there, and which one the reader points at.
import { make } from "./common.js";
import { calm } from "./hands.js";

const FLIGHT = 900; // milliseconds
const WRONG = "#d55e00", RIGHT = "#8a8a8a"; // the accent, and a gray that is seen on white and on black
const HEADING = 26, MARKS = 7;
const ROOM = { guess: 400, none: 60, split: 170, easy: 150 }; // pixels of height that their images are fitted to

// Rows of equal cells for some images, from a height on; gives the height below them.
function hang(places, images, width, top, cell, marks) {
  const across = Math.max(1, Math.floor(width / cell)), high = cell + marks;
  images.forEach((image, i) => {
    places[image] = { x: (i % across) * cell, y: top + Math.floor(i / across) * high, size: cell - 2, marks };
  });
  return top + Math.ceil(images.length / across) * high;
}

const cellFor = (count, width, room, least, most) =>
  Math.min(most, Math.max(least, Math.floor(Math.sqrt(width * room / Math.max(1, count)))));

// Where everything hangs: of each group its heading, images, and the room for them.
function placesFor(groups, width) {
  const places = [], headings = [];
  let top = 0;
  groups.forEach(([text, images, room], i) => {
    if (text) {
      headings.push({ text, top });
      top += HEADING;
    }
    const cell = cellFor(images.length, width, room, 12, 28);
    const marks = text ? Math.round(MARKS * Math.min(1, cell / 24)) : 0;
    top = hang(places, images, width, top, cell, marks) + (i < groups.length - 1 ? 10 : 0);
  });
  return { places, headings, height: top };
}

// choose(image, click): the reader points at an image, from 0.  key(name): one pressed Enter or Space.
export function wallOf({ sprite, thumb, across, count }, { choose, look, enter, now }) {
  const canvas = make("canvas", { tabindex: 0, role: "application" });
  canvas.dataset.lmSuppressShortcuts = "true";
  const mark = make("div", { class: "iw-mark" });
  const guesses = Array.from({ length: 3 }, (_, i) => make("div", { class: "iw-guess" }, String(i + 1)));
  const heads = make("div", { class: "iw-heads" });
  const root = make("div", { class: "iw-wall" }, heads, canvas, mark, ...guesses);
  const pen = canvas.getContext("2d"), image = new Image();
  let hung = null, from = null, begun = 0, frame = 0, shown = null, width = 0;

  const source = (i) => [(i % across) * thumb, Math.floor(i / across) * thumb, thumb, thumb];
  const spot = (i, share) => {
    const to = hung.places[i], old = from?.[i];
    if (!old || share >= 1) return to;
    const ease = share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
    const between = (name) => old[name] + (to[name] - old[name]) * ease;
    return { x: between("x"), y: between("y"), size: between("size"), marks: to.marks };
  };

  function paint(time) {
    frame = 0;
    const share = from ? Math.min(1, (time - begun) / FLIGHT) : 1, ratio = canvas.width / width;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, hung.height + HEADING);
    for (let i = 0; i < count; i++) {
      const { x, y, size, marks } = spot(i, share);
      pen.drawImage(image, ...source(i), x, y, size, size);
      if (marks) {
        const step = size / shown.right.length;
        shown.right.forEach((answers, n) => {
          if (!shown.asked[n]) return;
          pen.fillStyle = answers[i] ? RIGHT : WRONG;
          pen.fillRect(x + n * step + 0.3, y + size + 1, step - 0.6, answers[i] ? 1.5 : marks - 3);
        });
      }
    }
    if (share < 1) frame = requestAnimationFrame(paint);
    else from = null;
  }
  const soon = () => (frame ||= requestAnimationFrame(paint));

  function place(el, i) {
    el.hidden = i < 0;
    if (i < 0) return;
    const { x, y, size } = hung.places[i];
    el.style.translate = `${x}px ${y}px`;
    el.style.width = el.style.height = `${size}px`;
    el.style.fontSize = `${Math.min(12, size - 1)}px`;
  }

  function arrange(moving) {
    const before = hung?.places;
    hung = placesFor(shown.groups, width);
    const old = begun && from ? before?.map((_, i) => before[i]) : before;
    from = moving && old && !calm() && !document.hidden ? old : null;
    begun = performance.now();
    const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${hung.height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(hung.height * ratio);
    heads.replaceChildren(...hung.headings.map(({ text, top }) => {
      const head = make("p", { class: "iw-small" }, text);
      head.style.top = `${top}px`;
      return head;
    }));
    soon();
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    return hung.places.findIndex((p) =>
      x >= p.x && x < p.x + p.size + 2 && y >= p.y && y < p.y + p.size + p.marks + 2
    );
  };
  canvas.addEventListener("click", (event) => at(event) >= 0 && choose(at(event)));
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && at(event) >= 0) look(at(event));
  });

  // Of an image the next along the wall, and the nearest one in the row above or below.
  const order = () => shown.groups.flatMap(([, images]) => images);
  const beside = (i, by) => {
    const all = order(), next = all.indexOf(i) + by;
    return all[Math.min(count - 1, Math.max(0, next))];
  };
  const upright = (i, by) => {
    const { x, y, size } = hung.places[i], middle = x + size / 2;
    const rows = hung.places.map((p, k) => [k, by * (p.y - y), Math.abs(p.x + p.size / 2 - middle)])
      .filter(([, far]) => far > 0);
    const [next] = rows.sort((a, b) => a[1] - b[1] || a[2] - b[2]);
    return next ? next[0] : i;
  };
  canvas.addEventListener("keydown", (event) => {
    const found = {
      ArrowLeft: () => beside(now(), -1),
      ArrowRight: () => beside(now(), 1),
      ArrowUp: () => upright(now(), -1),
      ArrowDown: () => upright(now(), 1),
      Home: () => order()[0],
      End: () => order()[count - 1],
    }[event.key];
    if (!found && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (found) look(found(), true);
    else enter(now());
  });

  image.src = sprite;
  const loaded = image.decode().then(() => shown && width && soon(), () => {});
  const watch = new ResizeObserver(([entry]) => {
    const wide = Math.floor(entry.contentRect.width);
    if (!wide || wide === width) return;
    width = wide;
    if (shown) settle(false);
  });
  watch.observe(root);

  // Marks fly with their images, and are where the reader pointed at once.
  function settle(moving) {
    root.classList.toggle("iw-flying", moving);
    arrange(moving);
    place(mark, shown.image);
    guesses.forEach((el, i) => place(el, shown.guesses[i] ?? -1));
  }

  return {
    root,
    loaded,
    close: () => watch.disconnect(),
    source,
    image,
    // groups of images with their headings; right[n][i]; whether network n is asked; image; guesses; words
    draw(next) {
      const moved = shown?.key !== next.key;
      shown = next;
      canvas.setAttribute("aria-label", next.words);
      width ||= Math.floor(root.getBoundingClientRect().width);
      if (!width) return;
      if (moved) return settle(Boolean(hung));
      root.classList.remove("iw-flying");
      place(mark, next.image);
      guesses.forEach((el, i) => place(el, next.guesses[i] ?? -1));
    },
  };
}

// The groups of a wall: as the images come, or sorted by how many of the networks asked are wrong.
export function groupsOf(view, wrong, asked) {
  const all = wrong.map((_, i) => i);
  if (view === "guess" || !asked) return [["", all, ROOM.guess]];
  const among = (test) => all.filter((i) => test(wrong[i])).sort((a, b) => wrong[b] - wrong[a] || a - b);
  const none = among((n) => n === asked),
    split = among((n) => n > 0 && n < asked),
    easy = among((n) => n === 0);
  const groups = [
    [`All wrong: ${none.length}`, none, ROOM.none],
    [`Split: ${split.length}`, split, ROOM.split],
    [`All right: ${easy.length}`, easy, ROOM.easy],
  ];
  return asked > 1 ? groups : [groups[0], groups[2]];
}
