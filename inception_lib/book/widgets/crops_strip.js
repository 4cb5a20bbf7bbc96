// All crops as small frames of the photograph: a block for each scale and square, mirrored ones below.
import { make } from "./common.js";
import { slider } from "./hands.js";

const FRAME = { width: 24, height: 16, gap: 3, apart: 9, left: 34, top: 18 };

// options: what scales, squares and crops there are, in order; choose(number of a crop, from 1).
export function stripOf(views, picture, options, choose, now, text) {
  const scale = FRAME.width / picture.width;
  const wide = options.crop.length * (FRAME.width + FRAME.gap) - FRAME.gap + FRAME.apart;
  const high = 2 * FRAME.height + 2 + FRAME.apart;
  const place = (view) => [
    FRAME.left + options.square.indexOf(view.square) * wide +
    options.crop.indexOf(view.crop) * (FRAME.width + FRAME.gap),
    FRAME.top + options.scale.indexOf(view.scale) * high + (view.mirror ? FRAME.height + 2 : 0),
  ];
  const word = (x, y, words, anchor) => make("text", { x, y, "text-anchor": anchor }, words);
  const width = FRAME.left + 3 * wide - FRAME.apart, height = FRAME.top + 4 * high - FRAME.apart;
  const minis = views.map((view) => {
    const [x, y] = place(view), [left, top, right, bottom] = view.box;
    const box = {
      x: x + left * scale,
      y: y + top * scale,
      width: (right - left) * scale,
      height: (bottom - top) * scale,
    };
    const sign = word(box.x + box.width / 2, box.y + box.height / 2 + 4, "≠", "middle");
    const part = make("rect", { class: "iw-part", ...box });
    const frame = make("rect", { class: "iw-whole", x, y, width: FRAME.width, height: FRAME.height });
    return { x, y, root: make("g", {}, frame, part, sign) };
  });
  const mark = make("rect", { class: "iw-chosen", width: FRAME.width + 4, height: FRAME.height + 4 });
  const root = make(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "iw-strip" },
    ...options.square.map((name, i) =>
      word(FRAME.left + i * wide + (wide - FRAME.apart) / 2, 11, `${name} square`, "middle")
    ),
    ...options.scale.flatMap((name, i) => [
      word(FRAME.left - 6, FRAME.top + i * high + 12, String(name), "end"),
      word(FRAME.left - 6, FRAME.top + i * high + 30, "↔", "end"),
    ]),
    ...minis.map((mini) => mini.root),
    mark,
  );
  const told = slider(root, {
    label: "Crop shown, in the order of the average",
    min: 1,
    max: views.length,
    page: 12,
    now,
    set: choose,
    at(event) {
      const box = root.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * width - FRAME.width / 2;
      const y = (event.clientY - box.top) / box.height * height - FRAME.height / 2;
      const far = minis.map((mini) => Math.hypot(mini.x - x, mini.y - y));
      return far.indexOf(Math.min(...far)) + 1;
    },
    text,
  });
  return {
    root,
    // votes: of each crop its first class's color, whether it is laid, agrees, and holds the pixel
    draw(votes, chosen) {
      votes.forEach(({ shade, laid, agrees, holds: held }, i) => {
        minis[i].root.setAttribute(
          "class",
          `iw-mini iw-${shade}${laid ? " iw-laid" : ""}${laid && !agrees ? " iw-dissent" : ""}${
            held ? "" : " iw-aside-of"
          }`,
        );
      });
      mark.setAttribute("x", minis[chosen].x - 2);
      mark.setAttribute("y", minis[chosen].y - 2);
      told();
    },
  };
}
