// The crops of one photograph, laid one after the other, and what the network said of each.  Boxes and
// probabilities come from Python.
import { bar, make, refill, run } from "./common.js";
import { curveOf } from "./crops_curve.js";
import { coverage, holds, photoOf } from "./crops_photo.js";
import { stripOf } from "./crops_strip.js";
import { player } from "./hands.js";

const MILLION = 1e6, TOP = 5;
const SHADES = ["violet", "olive", "berry", "accent", "ink"];
const percent = (millionths) => `${(millionths / 1e4).toFixed(1)}%`;
const SETTINGS_OF_A_CROP = ["scale", "square", "crop", "mirror"];

// The best classes of a row of millionths: pairs of class and millionths, the first of equals first.
const best = (row) => row.map((p, i) => [i, p]).sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, TOP);

function layout(results, { table, model, controls, set }) {
  const { views, classes, picture } = table, most = views.length;
  const shades = new Map(table.mean_classes.map((k, i) => [k, SHADES[i]]));
  const shadeOf = (k) => shades.get(k) || "muted";
  const at = new Map(views.map((v, i) => [SETTINGS_OF_A_CROP.map((name) => v[name]).join(), i]));
  const votes = views.map((v) => best(v.p)[0][0]);
  // sums[n]: of the first n crops, by class; rows[n - 1]: their mean, rounded to nearest
  const sums = [classes.map(() => 0)];
  for (const v of views) sums.push(sums[sums.length - 1].map((sum, k) => sum + v.p[k]));
  const rows = sums.slice(1).map((sum, i) => sum.map((p) => Math.floor((2 * p + i + 1) / (2 * (i + 1)))));
  let s = null; // the settings as they were painted last
  let covering = null; // by the crops averaged last
  const coveredBy = (n) => {
    if (covering?.n !== n) {
      const counts = coverage(views.slice(0, n).map((v) => v.box), picture.width, picture.height);
      let least = n, greatest = 0;
      for (const count of counts) {
        if (count < least) least = count;
        if (count > greatest) greatest = count;
      }
      covering = { n, counts, least, greatest };
    }
    return covering;
  };

  const indexOf = (settings) => at.get(SETTINGS_OF_A_CROP.map((name) => settings[name]).join());
  const cropAt = (number) =>
    Object.fromEntries(SETTINGS_OF_A_CROP.map((name) => [name, views[number - 1][name]]));
  const go = (number) => set({ averaged: number, ...cropAt(number) });
  const peek = (number) => number - 1 !== indexOf(s) && set(cropAt(number));

  // What the reader does in the drawing has its exact settings in a fold.
  const known = model.get("fields");
  const fields = Object.fromEntries(known.map(({ name }, i) => [name, controls.children[i]]));
  const button = make("button", { type: "button", class: "iw-play" });
  controls.prepend(button);
  const fold = make(
    "details",
    { class: "iw-fold" },
    make("summary", {}, "A crop by name, a pixel by number"),
  );
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(...[...SETTINGS_OF_A_CROP, "column", "row"].map((name) => fields[name]));
  fold.append(numbers);
  results.after(fold);
  player(button, {
    ms: 70,
    names: ["▶ Lay the crops", "⏸ Pause"],
    step() {
      go(s.averaged < most ? s.averaged + 1 : 1);
      return s.averaged < most;
    },
    end: () => go(most),
  });

  const small = (...inside) => make("p", { class: "iw-small" }, ...inside);
  const photo = photoOf(picture, (column, row) => set({ column, row }));
  const fewest = make("span"), all = make("span");
  const scale = make("div", { class: "iw-scale iw-small" }, fewest, make("span", { class: "iw-ramp" }), all);
  const covered = small(), asked = small(), place = small(), tally = small();
  const options = Object.fromEntries(
    known.filter(({ name }) => SETTINGS_OF_A_CROP.includes(name)).map((field) => [
      field.name,
      field.options?.map(([value]) => value) ?? [...new Set(views.map((v) => v[field.name]))].sort(),
    ]),
  );
  const nameOf = (i) => {
    const { scale: side, square, crop, mirror } = views[i];
    return `${side} pixels, ${square} square, ${crop}${mirror ? ", mirrored" : ""}`;
  };
  const strip = stripOf(
    views,
    picture,
    options,
    (number) => set(cropAt(number)),
    () => indexOf(s) + 1,
    (n) => {
      const vote = votes[n - 1];
      return `Crop ${n}: ${nameOf(n - 1)}: ${classes[vote]}, ${percent(views[n - 1].p[vote])}`;
    },
  );
  const cutout = make("img", { src: picture.src, alt: "" });
  const cut = make("div", { class: "iw-cut", role: "img" }, cutout);
  const list = () => {
    const head = small();
    const lines = Array.from({ length: Math.min(TOP, classes.length) }, () => ({
      name: make("span", { class: "iw-name" }),
      share: make("strong"),
      track: bar(0, "muted"),
    }));
    const shown = lines.map(({ name, share, track }) =>
      make("div", { class: "iw-line" }, name, share, make("div", {}, track))
    );
    return { root: make("div", {}, head, make("div", {}, ...shown)), head, lines };
  };
  const here = list(), together = list();
  const verdict = make("p", { class: "iw-verdict" });
  const curveSays = small(
    `Lines: the average so far. Dots: ${classes[table.mean_classes[0]]} in each crop alone, dashed where ` +
      "another class is first.",
  );
  const shown = table.mean_classes.map((k) => ({ k, shade: shadeOf(k) }));
  const curve = curveOf({ rows, single: views.map((v) => v.p), shown }, {
    go,
    peek,
    now: () => s.averaged,
    text: (n) =>
      `${n}: ${table.mean_classes.map((k) => `${classes[k]} ${percent(rows[n - 1][k])}`).join(", ")}`,
  });
  results.append(make(
    "div",
    { class: "iw-crops" },
    make("div", { class: "iw-look" }, photo.root, scale, covered, asked),
    make("div", {}, verdict, curve.root, curveSays, tally),
    make("div", {}, strip.root, make("div", { class: "iw-one" }, cut, place)),
    make("div", { class: "iw-lists" }, here.root, together.root),
  ));

  const fill = (lines, found) =>
    found.forEach(([k, p], i) => {
      const { name, share, track } = lines[i];
      name.textContent = classes[k];
      share.textContent = percent(p);
      refill(track, p / MILLION, shadeOf(k));
    });

  // The votes of some crops, the most frequent first.
  const counted = (indices) => {
    const found = new Map();
    for (const i of indices) found.set(votes[i], (found.get(votes[i]) || 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  };
  const listed = (found) => found.map(([k, n]) => `${classes[k]} ${n}`).join(", ");

  return (now) => {
    s = now;
    const n = s.averaged, index = indexOf(s), view = views[index], laid = views.slice(0, n);
    const now5 = best(view.p), average = best(rows[n - 1]), winner = average[0][0];
    const agree = votes.slice(0, n).filter((vote) => vote === winner).length;
    const pixel = s.column > 0 && s.row > 0;
    const held = pixel ? laid.map((_, i) => i).filter((i) => holds(views[i].box, s.column, s.row)) : [];
    const { counts, least, greatest } = coveredBy(n);

    fewest.textContent = "dark: in none";
    all.textContent = n > 1 ? `bright: in all ${n}` : "bright: in the one";
    covered.textContent = n > 1
      ? `The pixels seen most are in ${greatest} of the ${n} crops, those seen least in ${least}.`
      : "One crop sees its box, and nothing else.";
    asked.textContent = pixel ? whoHolds(s, held, n) : "Tap a pixel to see which crops hold it.";
    photo.draw({
      counts,
      of: n,
      box: view.box,
      laid: index === n - 1 ? views.slice(Math.max(0, n - 8), n - 1).reverse().map((v) => v.box) : [],
      dissent: votes[index] === winner ? "" : classes[votes[index]],
      pixel: [s.column, s.row],
      words: `The photograph, brighter where more crops look. ${covered.textContent} ${asked.textContent} ` +
        "Arrow keys move the pixel, Escape lets it go.",
    });
    strip.draw(
      views.map((v, i) => ({
        shade: shadeOf(votes[i]),
        laid: i < n,
        agrees: votes[i] === winner,
        holds: !pixel || holds(v.box, s.column, s.row),
      })),
      index,
    );
    curve.draw(n, index, votes.map((vote) => vote !== winner));
    const [left, top, right] = view.box;
    const zoom = 100 / (right - left); // percent of the cutout's side for one pixel of the picture
    cutout.style.width = `${picture.width * zoom}%`;
    cutout.style.left = `${-left * zoom}%`;
    cutout.style.top = `${-top * zoom}%`;
    cut.classList.toggle("iw-mirrored", s.mirror);
    cut.setAttribute("aria-label", `The part of the photograph in the box${s.mirror ? ", mirrored" : ""}`);
    place.textContent = `Crop ${index + 1} of ${most}, as the network gets it: ${nameOf(index)}.`;
    tally.replaceChildren(
      "First votes: ",
      ...counted(laid.keys()).map(([k, count]) =>
        make(
          "span",
          { class: "iw-vote" },
          make("span", { class: `iw-swatch iw-${shadeOf(k)}` }),
          `${classes[k]} ${count}`,
        )
      ),
    );
    here.head.textContent = `Crop ${index + 1} alone`;
    together.head.textContent = n > 1 ? `Average of the first ${n} crops` : "The first crop";
    fill(here.lines, now5);
    fill(together.lines, average);
    verdict.textContent = n > 1
      ? `Average of ${n}: ${classes[winner]}, ${percent(average[0][1])}. ` +
        `${agree} of the ${n} crops put it first.`
      : `The first crop alone: ${classes[winner]}, ${percent(average[0][1])}.`;

    const data = {
      number: index + 1,
      agree,
      coveredMost: greatest,
      coveredLeast: least,
      held: held.length,
      heldAgree: held.filter((i) => votes[i] === winner).length,
    };
    ["left", "top", "right", "bottom"].forEach((name, i) => {
      data[name] = Math.round(view.box[i] * 100);
    });
    now5.forEach(([k, p], i) => {
      data[`class${i + 1}`] = k;
      data[`p${i + 1}`] = p;
    });
    average.forEach(([k, p], i) => {
      data[`meanclass${i + 1}`] = k;
      data[`meanp${i + 1}`] = p;
    });
    const asking = pixel ? ` ${asked.textContent}` : "";
    return {
      words: `Crop ${index + 1}: ${classes[now5[0][0]]}, ${
        percent(now5[0][1])
      }. ${verdict.textContent}${asking}`,
      data,
    };
  };

  function whoHolds({ row, column }, held, n) {
    const where = `Row ${row}, column ${column}`, of = n > 1 ? `of the ${n} crops` : "of 1 crop";
    return held.length
      ? `${where} is in ${held.length} ${of}. They say: ${listed(counted(held))}.`
      : `${where} is in none ${of}.`;
  }
}

export default { render: (context) => run({ wide: true, layout }, context) };
