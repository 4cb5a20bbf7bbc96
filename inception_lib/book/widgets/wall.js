// A wall of all test images: the reader guesses which are hard, and sees what each network says of each.
import { bar, fmt, make, run } from "./common.js";
import { groupsOf, wallOf } from "./wall_canvas.js";
import { countsOf, meanOf, topOf, unpacked } from "./wall_counts.js";

const GUESSES = ["guess1", "guess2", "guess3"];
const LARGE = 160;

function layout(results, { table, model, controls, set, gone }) {
  const { classes, unit } = table, labels = [...table.labels].map(Number);
  const answers = unpacked(table.answers, classes.length);
  const firsts = answers.map((rows) => rows.map(topOf));
  const right = firsts.map((row) => row.map((k, i) => k === labels[i]));
  const percent = (p) => `${(100 * p / unit).toFixed(1)}%`;
  let s = null;

  // Networks are switched in one row; what is chosen on the wall has its number in a fold.
  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));
  const switches = make("div", { class: "iw-nets", role: "group", "aria-label": "Networks asked" });
  switches.append(...firsts.map((_, n) => fields[`net${n + 1}`]));
  controls.replaceChildren(switches);
  const fold = make(
    "details",
    { class: "iw-fold" },
    make("summary", {}, "The wall and the guesses by number"),
  );
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(fields.view, ...GUESSES.map((name) => fields[name]));
  fold.append(numbers);
  results.after(fold);

  const small = (...inside) => make("p", { class: "iw-small" }, ...inside);
  const verdict = make("p", { class: "iw-verdict" });
  const button = make("button", { type: "button", class: "iw-show" });
  button.addEventListener(
    "click",
    () => set(s.view === "guess" ? { view: "sorted" } : { view: "guess", guess1: 0, guess2: 0, guess3: 0 }),
  );
  const tile = (name, shade) => {
    const number = make("strong"), other = make("span", { class: "iw-small" }), track = make("div");
    const root = make("div", { class: "iw-count" }, make("span", {}, name), number, track, other);
    return { root, number, other, track, shade };
  };
  const tiles = [tile("All wrong", "accent"), tile("Split", "ink"), tile("All right", "muted")];
  const counted = make("div", { class: "iw-counts" }, ...tiles.map(({ root }) => root));
  const guessed = make("p", { class: "iw-small iw-guessed" });
  const guesses = () => GUESSES.map((name) => s[name] - 1).filter((i) => i >= 0);
  const guess = (image) => {
    const held = guesses().filter((i) => i !== image);
    if (!guesses().includes(image)) held.push(image);
    const kept = held.slice(-GUESSES.length);
    set({ image: image + 1, ...Object.fromEntries(GUESSES.map((name, i) => [name, (kept[i] ?? -1) + 1])) });
  };
  const look = (image) => image + 1 !== s.image && set({ image: image + 1 });
  const wall = wallOf({ ...table, count: labels.length }, {
    choose: (image) => s.view === "guess" ? guess(image) : look(image),
    look: (image, byKey) => (byKey || s.view === "guess") && look(image),
    enter: (image) => s.view === "guess" && guess(image),
    now: () => s.image - 1,
  });
  gone.push(wall.close);

  const large = make("canvas", { width: LARGE, height: LARGE, role: "img" });
  const pen = large.getContext("2d");
  const name = make("p", { class: "iw-verdict" }), opinions = make("div", { class: "iw-opinions" });
  const panel = make("div", { class: "iw-panel" }, large, fields.image, make("div", {}, name, opinions));
  const legend = small(
    "Under each image a mark for each network: short and gray, right; tall and orange, wrong. Above, thin " +
      "bars: as many as there would be if the networks' errors were independent.",
  );
  results.append(
    make("div", { class: "iw-top" }, verdict, button),
    counted,
    guessed,
    make("div", { class: "iw-hung" }, panel, make("div", { class: "iw-hall" }, legend, wall.root)),
  );
  const zoom = () => {
    pen.imageSmoothingQuality = "high";
    pen.drawImage(wall.image, ...wall.source(s.image - 1), 0, 0, LARGE, LARGE);
  };
  wall.loaded.then(() => s && zoom());

  const opinion = (who, k, p, label, off) => {
    const sign = k === label ? "✓" : "✗";
    const line = make(
      "div",
      { class: `iw-opinion${off ? " iw-switched-off" : ""}` },
      make("span", {}, who),
      make("span", {}, off ? "not asked" : `${sign} ${classes[k]}`),
      make("strong", {}, off ? "" : percent(p)),
      bar(off ? 0 : p / unit, k === label ? "ink" : "accent"),
    );
    return line;
  };

  let known = null; // counts change with the networks only
  return (now) => {
    s = now;
    const on = firsts.map((_, n) => s[`net${n + 1}`]), asked = [...on.keys()].filter((n) => on[n]);
    const key = asked.join();
    if (known?.key !== key) known = { key, ...countsOf(asked, answers, firsts, labels) };
    const k = asked.length, image = s.image - 1, label = labels[image], sorted = s.view === "sorted" && k > 0;
    const mean = k ? meanOf(asked.map((n) => answers[n][image])) : null;
    const picked = guesses(), fooled = [...new Set(picked)].reduce((sum, i) => sum + known.wrong[i], 0);
    const hardest = [...known.wrong].sort((a, b) => b - a).slice(0, GUESSES.length).reduce((a, b) => a + b);

    verdict.textContent = !k
      ? "Switch a network on, to ask it."
      : sorted
      ? judged(k, known, labels.length)
      : `Which of these ${fmt(labels.length)} images fool the most networks? Guess three, then look.`;
    button.textContent = s.view === "sorted" ? "Guess again" : "Sort by the answers";
    counted.hidden = legend.hidden = !sorted;
    const values = [known.none, known.split, known.right], chances = [...known.expected].reverse();
    tiles.forEach((one, i) => {
      one.root.hidden = k === 1 && i === 1;
      one.number.textContent = fmt(values[i]);
      one.other.textContent = k > 1 ? `${fmt(chances[i])} if independent` : "";
      one.track.replaceChildren(
        bar(values[i] / labels.length, one.shade),
        ...(k > 1 ? [bar(chances[i] / labels.length, "muted")] : []),
      );
    });
    guessed.textContent = told(picked, sorted, fooled, hardest, k);
    const what = `Image ${fmt(s.image)}: ${classes[label]}`;
    name.textContent = `${what}.`;
    const says = sorted
      ? `${k - known.wrong[image]} of ${k} networks are right; their mean says ${classes[mean.first]}, ` +
        `${percent(mean.row[mean.first])}.`
      : "";
    opinions.replaceChildren(
      ...(sorted
        ? [
          ...on.map((asks, n) =>
            opinion(`Network ${n + 1}`, firsts[n][image], answers[n][image][firsts[n][image]], label, !asks)
          ),
          opinion(`Mean of ${k}`, mean.first, mean.row[mean.first], label, false),
        ]
        : [small("What the networks say of it is shown when the wall is sorted.")]),
    );
    large.setAttribute("aria-label", what);
    if (wall.image.complete && wall.image.naturalWidth) zoom();
    wall.draw({
      key: sorted ? `sorted ${key}` : "guess",
      groups: groupsOf(sorted ? "sorted" : "guess", known.wrong, k),
      right,
      asked: on,
      image,
      guesses: picked,
      words: `${fmt(labels.length)} images${
        sorted ? `, sorted: ${known.none} all wrong, ${known.split} split, ${known.right} all right` : ""
      }. ${what}. Arrow keys move along the wall${sorted ? "." : ", Enter picks."}`,
    });

    const data = {
      asked: k,
      everyRight: known.right,
      split: known.split,
      everyWrong: known.none,
      independentRight: known.expected[0],
      independentSplit: known.expected[1],
      independentWrong: known.expected[2],
      ensembleRight: known.ensemble,
      bestAlone: k ? Math.max(...known.alone) : 0,
      worstAlone: k ? Math.min(...known.alone) : 0,
      label,
      wrong: known.wrong[image],
      guessed: fooled,
      hardest,
      meanClass: mean ? mean.first : -1,
      meanPart: mean ? mean.row[mean.first] : 0,
    };
    firsts.forEach((row, n) => {
      data[`answer${n + 1}`] = row[image];
      data[`p${n + 1}`] = answers[n][image][row[image]];
    });
    return {
      words: [verdict.textContent, guessed.textContent, name.textContent, says].filter(Boolean).join(" "),
      data,
      impossible: !k,
    };
  };

  function judged(k, { ensemble, alone }, images) {
    const share = (n) => `${(100 * (images - n) / images).toFixed(1)}%`;
    if (k === 1) return `One network is wrong on ${share(ensemble)} of the images.`;
    return `The mean of ${k} networks is wrong on ${share(ensemble)} of the images; each alone on ` +
      `${share(Math.max(...alone))} to ${share(Math.min(...alone))}.`;
  }

  function told(picked, sorted, fooled, hardest, k) {
    if (!picked.length) return "";
    const which = picked.map((i) => fmt(i + 1)).join(", ");
    if (!sorted) return `Your guesses: ${which}.`;
    const times = (n) => `${n} wrong answer${n === 1 ? "" : "s"}`;
    return `Your guesses, ${which}, got ${times(fooled)} of ${
      picked.length * k
    }; the three hardest got ${hardest} ` +
      `of ${GUESSES.length * k}.`;
  }
}

export default { render: (context) => run({ layout }, context) };
