// Each position of the last map votes for the classes; the mean of the votes is the network's answer.
import { softmax } from "../live/explain.js";
import { bar, fmt, make, refill, run } from "./common.js";
import { running } from "./running.js";
import { boardOf, sceneOf } from "./votes_board.js";
import { connectedTo, meansOf, orderOf, unpacked, votesOf } from "./votes_numbers.js";

const LAST = "inception_5b", CLASSIFIER = "classifier";
const signed = (v, n) => v.toFixed(n).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
const percent = (p) => `${(100 * p).toFixed(1)}%`;
const best = (values) => values.indexOf(Math.max(...values));

function layout(results, { model, controls, set, repaint, table, gone }) {
  const { side, chelsea } = table, layer = unpacked(table.connected);
  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"));
  const numbers = make("div", { class: "iw-controls" });
  const folded = ["radius", "colors", "x", "y", "x2", "y2", "shown", "position", "order"];
  numbers.append(...folded.map((name) => fields[name]));
  fold.append(numbers);

  let s = null;
  const drawScene = sceneOf(side),
    live = running(model, gone, { keep: [LAST], weights: [CLASSIFIER] }, repaint);
  const canvas = make("canvas", { width: side, height: side });
  const photograph = make("img", { src: chelsea.src });
  let loaded = false;
  photograph.decode().then(() => {
    loaded = true;
    repaint();
  });
  const { board, ...tiles } = boardOf({
    choose: (position) => set({ position: position + 1 }),
    drag: (moved) => set(moved),
    now: () => s,
  });
  const button = (text, does) => {
    const made = make("button", { type: "button" }, text);
    made.addEventListener("click", does);
    return made;
  };
  const shuffle = button("Shuffle", () => set({ order: s.order % 999 + 1 }));
  const back = button("Put back", () => set({ order: 0 }));
  const repaintIt = button("Repaint", () => set({ colors: s.colors % 999 + 1 }));
  const scale = make("p", { class: "iw-small iw-ramp" });
  const ballot = make("div", { class: "iw-ballot" });
  const verdict = make("p", { class: "iw-verdict" }), aside = make("p", { class: "iw-small" });
  results.append(
    make(
      "div",
      { class: "iw-votes" },
      make("div", {}, board, scale, make("div", { class: "iw-actions" }, shuffle, back, repaintIt)),
      make("div", {}, verdict, ballot, aside),
    ),
    fold,
  );
  const lines = linesOf(ballot, (line) => set({ shown: line + 1 }));

  // What there is to vote on: classes, votes by class and position, logits as recorded or run.
  const election = () => {
    if (s.image !== "shapes") {
      const of = chelsea.sizes[s.image.split(" ")[1]];
      return {
        classes: chelsea.classes,
        votes: of.votes.map((rows) => rows.flat()),
        logits: of.logits,
        share: (means, k) => Math.exp(means[k] - of.log_sum),
      };
    }
    const { answer, filters } = live;
    return answer && {
      key: answer.key,
      logits: answer.logits,
      maps: answer.kept[LAST],
      votes: votesOf(answer.kept[LAST], filters[CLASSIFIER]),
      classes: table.classes,
      share: (means, k) => softmax(means)[k],
    };
  };

  const show = () => {
    if (s.image !== "shapes") {
      const n = Number(s.image.split(" ")[1]) / 32;
      if (loaded) tiles.cut(photograph, photograph.naturalWidth, n, s.image);
      return;
    }
    const { shape, second, x, y, x2, y2, radius, colors } = s;
    const key = JSON.stringify({ shape, second, x, y, x2, y2, radius, colors });
    if (live.drawn !== key) {
      live.drawn = key;
      live.image = drawScene(s);
      canvas.getContext("2d").putImageData(new ImageData(live.image.data, side, side), 0, 0);
    }
    tiles.cut(canvas, side, layer.shape[1], key);
    live.ask(live.image, key);
  };

  return (now) => {
    s = now;
    const shapes = s.image === "shapes";
    for (const name of ["shape", "second"]) fields[name].hidden = !shapes;
    repaintIt.hidden = !shapes;
    back.disabled = !s.order;
    show();
    if (shapes && live.failed) return refused(aside, live.failed);
    const found = election();
    tiles.handles(s, shapes && !s.order);
    if (!found) return { words: "The network is running.", data: { answered: "" } };

    const { classes, votes, share } = found, count = votes[0].length, n = Math.sqrt(count);
    const inPlace = orderOf(count, 0), order = orderOf(count, s.order);
    const means = meansOf(votes, order);
    const connected = shapes ? [inPlace, order].map((o) => connectedTo(layer, found.maps, o)) : null;
    const first = best(means), shown = s.shown ? Math.min(s.shown, classes.length) - 1 : first;
    const at = Math.min(s.position, count) - 1;
    const most = Math.max(...votes.map((each) => Math.max(...each)));
    const place = `row ${Math.floor(at / n) + 1}, column ${at % n + 1}`;
    if (shapes || loaded) {
      tiles.arrange(order);
      tiles.light(votes[shown], most, at, (v) => signed(v, Math.abs(v) >= 9.95 ? 0 : 1));
    }
    scale.replaceChildren(
      "dark: 0 or less ",
      make("span", { class: "iw-gradient", "aria-hidden": "true" }),
      ` clear: ${signed(most, 1)}, the highest vote`,
    );
    lines({
      shuffled: s.order > 0,
      classes,
      here: votes.map((each) => each[at]),
      means,
      connected,
      shown,
      place,
      count,
    });
    const said = verdictOf({ classes, means, connected, share, first, shuffled: s.order > 0 });
    verdict.textContent = said;
    const winner = best(votes.map((each) => each[at]));
    const here = `Position in ${place}: ${classes[winner]}, ${signed(votes[winner][at], 1)}.`;
    aside.textContent = shapes ? rightOf(layer) : "Recorded with BVLC's weights: 10 of the 1,000 classes.";
    board.setAttribute(
      "aria-label",
      `The image under the class map of ${classes[shown]}, ${n}x${n} positions${
        s.order ? ", shuffled" : ""
      }. ${classes[shown]} has ${signed(votes[shown][at], 1)} in ${place}. Arrow keys choose a position.`,
    );
    return {
      words: `${here} ${said}`,
      data: {
        answered: shapes && found.key !== live.drawn ? "" : JSON.stringify(s),
        means: JSON.stringify(means),
        logits: JSON.stringify([...found.logits]),
        votes: JSON.stringify([...votes[shown]]),
        order: JSON.stringify(order),
        connected: JSON.stringify(connected),
      },
    };
  };
}

// The table of the votes; what is drawn once stays.  Gives what fills it.
function linesOf(ballot, choose) {
  const head = ["Class", "", "", ""].map((text) => make("th", { scope: "col" }, text));
  const body = make("tbody");
  ballot.append(make("table", { class: "iw-table" }, make("thead", {}, make("tr", {}, ...head)), body));
  let known = null, rows = [];
  return ({ shuffled, classes, here, means, connected, shown, place, count }) => {
    if (known !== classes) {
      known = classes;
      rows = classes.map((name, k) => {
        const pick = make("button", { type: "button" }, name);
        pick.addEventListener("click", () => choose(k));
        const cells = [0, 1, 2].map(() => {
          const number = make("span"), track = bar(0, "muted"), mark = make("div", { class: "iw-before" });
          track.append(mark);
          return { number, track, mark, root: make("td", {}, number, track) };
        });
        const row = make("tr", {}, make("th", { scope: "row" }, pick), ...cells.map((cell) => cell.root));
        return { pick, cells, root: row };
      });
      body.replaceChildren(...rows.map(({ root }) => root));
    }
    head[1].textContent = place.replace("row", "Row").replace(/ (\d)/g, "\u00a0$1"); // no number alone on a line
    head[2].textContent = `Mean of ${count}`;
    head[3].textContent = "Fully connected";
    head[3].hidden = !connected;
    const columns = [[here, here], [means, means], ...(connected ? [[connected[1], connected[0]]] : [])];
    rows.forEach(({ pick, cells, root }, k) => {
      pick.setAttribute("aria-pressed", String(k === shown));
      root.classList.toggle("iw-chosen", k === shown);
      cells[2].root.hidden = !connected;
      columns.forEach(([values, before], i) => {
        const most = Math.max(...values, ...before), winner = best(values) === k;
        const { number, track, mark } = cells[i];
        refill(track, Math.max(0, values[k] / most), winner ? "accent" : "muted");
        mark.hidden = before === values || !shuffled;
        mark.style.left = `${Math.min(100, Math.max(0, 100 * before[k] / most))}%`;
        number.classList.toggle("iw-most", winner);
        number.textContent = signed(values[k], i === 0 ? 1 : 3);
      });
    });
  };
}

function verdictOf({ classes, means, connected, share, first, shuffled }) {
  const pooled = `The mean says ${classes[first]}, ${percent(share(means, first))}`;
  if (!connected) return `${pooled}${shuffled ? ", as before: it knows no order" : ""}.`;
  const [before, after] = connected.map((logits) => {
    const k = best(logits);
    return `${classes[k]}, ${percent(softmax(logits)[k])}`;
  });
  return shuffled
    ? `${pooled}, as before. The fully connected layer says ${after}; in place it was ${before}.`
    : `${pooled}. The fully connected layer says ${before}.`;
}

function rightOf({ right, images }) {
  const of = (name) => percent(right[name]);
  return `The fully connected layer was fitted on ${fmt(images.train)} images with one object. On ` +
    `${fmt(images.test)} others it is right on ${of("connected")}, the mean on ${of("pooled")}; with their ` +
    `positions shuffled, ${of("connected, shuffled")} and ${
      of("pooled, shuffled")
    }. Its logits change with each ` +
    "shuffle, its class seldom: with so many images it is the more accurate end, and on maps that were trained to be averaged, it has learned similar weights for " +
    "all positions.";
}

function refused(aside, sentence) {
  aside.replaceChildren(make("span", { class: "iw-warning", role: "alert" }, sentence));
  return { words: sentence, data: { answered: "" } };
}

export default { render: (context) => run({ wide: true, layout }, context) };
