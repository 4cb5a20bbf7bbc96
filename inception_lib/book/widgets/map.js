// The map: the network to scale, what each block costs, and what it sees.
import { bar, fmt, make, run, short } from "./common.js";
import { drawingOf, shapeText } from "./map_draw.js";
import { clear, paint, pictureOf, seerOf, thumbnails } from "./map_live.js";

const BEST = 3; // classes shown
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const cap = (text) => text[0].toUpperCase() + text.slice(1);

function layout(results, { model, controls, set, repaint, table, gone }) {
  const page = model.get("_page");
  const options = Object.fromEntries(model.get("fields").map(({ name, options }) => [name, options]));
  const byName = new Map(table.blocks.map((block) => [block.name, block]));
  const address = ({ page: name }) => (page ? `${name}.html` : null); // a notebook has no address of its own
  let s = null, over = null, painted = null;

  const views = make("div", { class: "iw-map-views", role: "group", "aria-label": "Show" });
  for (const [value, text] of options.view) {
    const button = make("button", { type: "button", value }, text);
    button.addEventListener("click", () => set({ view: value }));
    views.append(button);
  }
  const card = make("div", { class: "iw-map-card" });
  const answers = make("div", { class: "iw-map-answers" });
  const facts = make("div", { class: "iw-map-facts" });
  card.append(facts, answers);
  const shapes = make("div", { class: "iw-map-shapes", role: "group", "aria-label": "Object in the image" });
  const names = options.shape.map(([value]) => value);
  shapes.append(...thumbnails(names, 34, (shape) => set({ shape, view: "sees" })));
  const note = make("p", { class: "iw-small iw-map-note" });

  const drawing = drawingOf(table, {
    choose: (block) => set({ block }),
    look: (name) => {
      over = name;
      repaint();
    },
    drag: (event, begins) => {
      const { left, top, width, height } = drawing.parts.get("input").getBoundingClientRect();
      const at = [(event.clientX - left) / width, (event.clientY - top) / height];
      if (begins) held = [at[0] - s.x / 100, at[1] - s.y / 100];
      else {
        const to = (v) => Math.round(100 * Math.min(1, Math.max(0, v)));
        const x = to(at[0] - held[0]), y = to(at[1] - held[1]);
        if (x !== s.x || y !== s.y) set({ x, y });
      }
    },
    address,
  });
  let held = [0, 0];
  const frame = make("div", { class: "iw-map-frame" }, card, drawing.root);
  const whole = make("nav", { class: "iw-map-whole", "aria-label": "Chapters on the whole network" });
  for (const [i, chapter] of table.chapters.entries()) {
    if (!chapter.all) continue;
    const pin = make("span", { class: "iw-map-pin" }, String(i + 1));
    whole.append(make(page ? "a" : "span", { href: address(chapter) }, pin, chapter.title));
  }
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"));
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(...controls.children);
  fold.append(numbers);
  results.append(make("div", { class: "iw-map-top" }, views, shapes), frame, note, whole, fold);

  const picture = pictureOf(drawing.parts.get("input"), table.image);
  const paths = table.blocks.slice(1).filter(({ after }) => !after).flatMap(({ parts }) =>
    parts.map(({ path }) => path)
  );
  const seer = seerOf(model, paths, repaint);
  gone.push(() => seer.close());
  const sized = new ResizeObserver(() => s && drawing.place(s.view));
  sized.observe(drawing.root);
  gone.push(() => sized.disconnect());

  return (now) => {
    s = now;
    picture.draw(s);
    drawing.place(s.view);
    const block = byName.get(over ?? s.block);
    drawing.mark(block.name, s.block);
    for (const button of views.children) button.setAttribute("aria-pressed", String(button.value === s.view));
    for (const button of shapes.children) {
      button.setAttribute("aria-pressed", String(button.value === s.shape));
    }
    const sees = s.view === "sees";
    frame.dataset.view = s.view;
    let said = "";
    if (sees) {
      seer.ask(picture);
      if (seer.answer && painted !== seer.answer.key) {
        painted = seer.answer.key;
        seer.chosen = paint(seer.answer, table.blocks, drawing.parts, results);
      }
      said = seer.failed ?? (seer.answer ? answered(answers, seer.answer) : "The network is on its way.");
      if (!seer.answer) {
        answers.replaceChildren(make("p", { class: "iw-small", role: seer.failed ? "alert" : null }, said));
      }
    } else {
      if (painted) clear(table.blocks, drawing.parts);
      painted = null;
      answers.replaceChildren();
    }
    const words = describe(facts, block, table, address, sees && seer.chosen, drawing.parts);
    note.replaceChildren(
      ...legend(),
      make("span", { class: "iw-map-caption" }, captionOf(s.view, table.total)),
    );
    const chosen = byName.get(s.block);
    return {
      words: `${words} ${said} ${captionOf(s.view, table.total)}`.replace("  ", " "),
      data: {
        channels: chosen.shape[0],
        side: chosen.shape[1] ?? 1,
        macs: chosen.macs,
        weights: chosen.weights,
        answered: sees && seer.answer?.key === picture.key ? JSON.stringify(s) : "",
        probabilities: sees && seer.answer ? JSON.stringify(seer.answer.probabilities) : "",
        maps: sees && seer.chosen ? JSON.stringify(seer.chosen) : "",
      },
    };
  };
}

// What a block is and costs, on the card; gives it in words.
function describe(into, block, { chapters, total }, address, chosen, canvases) {
  const { label, kind, shape, parts, after } = block;
  const lines = [["MACs", block.macs, total.macs], ["weights", block.weights, total.weights]];
  const shareText = (value, all) =>
    after ? `${percent(value / all)} on top of the network's` : `${percent(value / all)} of all`;
  const rows = lines.map(([what, value, all]) =>
    make(
      "div",
      { class: "iw-map-fact" },
      make("span", {}, make("strong", {}, value ? short(value) : "no"), ` ${what}`),
      make("span", { class: "iw-small" }, value ? shareText(value, all) : ""),
      bar(value / all, "ink"),
    )
  );
  const widths = parts[0].branch
    ? parts.map(({ branch, channels }) =>
      make(
        "span",
        { class: "iw-map-width" },
        make("span", { class: `iw-swatch iw-${branch}` }),
        `${branch} ${channels}`,
      )
    )
    : [];
  const chapter = chapters[block.chapter], to = address(chapter);
  const text = `Chapter ${block.chapter + 1}: ${chapter.title}`;
  const seen = chosen ? parts.filter(({ path }) => path in chosen) : [];
  const nameOf = ({ path, branch }) => `${branch ? `${branch}, ` : ""}channel ${chosen[path] + 1}`;
  const live = seen.length ? `Shown: ${seen.map(nameOf).join("; ")}.` : "";
  const costsOf = () => block.name === "input" ? [] : [make("div", { class: "iw-map-costs" }, ...rows)];
  const large = () => seen.map((part) => enlarged(canvases.get(part.path), nameOf(part), part.branch));
  into.replaceChildren(
    make("p", { class: "iw-map-name" }, make("strong", {}, cap(label)), ` ${kind}, ${shapeText(shape)}`),
    make("div", { class: "iw-map-widths" }, ...widths),
    ...(seen.length ? [make("div", { class: "iw-map-large" }, ...large())] : costsOf()),
    to
      ? make("a", { class: "iw-map-open", href: to }, `${text} →`)
      : make("span", { class: "iw-small" }, text),
  );
  const costs = lines.map(([what, value, all]) =>
    value ? `${fmt(value)} ${what}, ${shareText(value, all)}` : `no ${what}`
  );
  return `${cap(label)}, ${kind}: ${shapeText(shape)}; ${costs.join("; ")}. ${live} ${text}.`.replace(
    "  ",
    " ",
  );
}

// A map once more, so large that one sees its positions.
function enlarged(from, name, branch) {
  const canvas = make("canvas", { width: from.width, height: from.height, "aria-hidden": "true" });
  canvas.getContext("2d").drawImage(from, 0, 0);
  return make("figure", { class: branch ? `iw-${branch}` : "" }, canvas, make("figcaption", {}, name));
}

// The network's best classes; gives its first in words.
function answered(into, { classes, probabilities }) {
  const best = [...probabilities].map((p, k) => [p, k]).sort(([a], [b]) => b - a).slice(0, BEST);
  into.replaceChildren(
    make("p", { class: "iw-map-name" }, "Its answer"),
    ...best.map(([p, k]) =>
      make(
        "div",
        { class: "iw-map-fact" },
        make("span", {}, make("strong", {}, classes[k])),
        make("span", { class: "iw-small" }, percent(p)),
        bar(p, "ink"),
      )
    ),
  );
  return `Its answer: ${classes[best[0][1]]}, ${percent(best[0][0])}.`;
}

const legend = () => [
  ...["1x1", "3x3", "5x5", "pool"].map((name) =>
    make("span", { class: "iw-map-width" }, make("span", { class: `iw-swatch iw-${name}` }), name)
  ),
];

function captionOf(view, { macs, weights, heads, depth }) {
  return {
    shape:
      "One side of a block: the positions along a side of its feature map. The other: its channels, by branch. " +
      "The two heads are there in training only.",
    macs: `Area: multiply-accumulates (MACs) for one image, ${short(macs)} in all. Pooling needs none.`,
    weights: `Area: weights, ${short(weights)} in all. The two heads, thrown away after training, have ` +
      `${short(heads)} more.`,
    sees:
      `Of each branch the map that varies most over the image. What runs here has the same ${depth} layers, ` +
      "but fewer channels, no heads and images of 80x80. Drag the object.",
  }[view];
}

export default { render: (context) => run({ wide: true, layout }, context) };
