// A guess before the answer: a marker, or a curve's points, that the reader drags; then the truth over it.  What
// the page says next is blurred until then.
import { make, newId } from "./common.js";
import { slider } from "./hands.js";

const STEPS = 200; // positions of a marker, if it is not to count

// A scale and its numbers: `at` and `share` turn a share of its length into a value and back.
export function scaleOf({ low, high, log, unit, whole = false }) {
  const at = (share) => log ? low * (high / low) ** share : low + (high - low) * share;
  const share = (value) => log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const digits = log || whole ? 0 : Math.max(0, Math.ceil(-Math.log10((high - low) / 100)));
  const text = (value) => {
    const shown = log
      ? Number(value.toPrecision(value >= 100 ? 3 : 2)).toLocaleString("en-US", { maximumFractionDigits: 6 })
      : value.toLocaleString("en-US", { maximumFractionDigits: digits });
    return shown.replace("-", "−") + unit;
  };
  return { at, share, text, ticks: ticksOf(low, high, log, whole) };
}

function ticksOf(low, high, log, whole) {
  if (whole && high - low <= 8) return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  if (whole) return [0, 1, 2, 3, 4].map((i) => low + Math.round((high - low) * i / 4));
  if (!log) return [0, 1, 2, 3, 4].map((i) => low + (high - low) * i / 4);
  const found = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * (1 + 1e-9); power++) {
    found.push(10 ** power);
  }
  return found.length > 1 ? found : [low, Math.sqrt(low * high), high];
}

// How far a guess is from the truth, in words.
export function distance(guess, truth, { log, text }) {
  if (text(guess) === text(truth)) return "exactly right";
  const word = guess < truth ? "low" : "high";
  if (!log) return `${text(Math.abs(guess - truth))} too ${word}`;
  const ratio = Math.max(guess / truth, truth / guess);
  return ratio < 1.15 ? "very close" : `${ratio.toFixed(ratio < 10 ? 1 : 0)} times too ${word}`;
}

// What the page says next, if it is what a cell computes: the figure, the numbers or the paragraph of the answer.
const answerOf = (el) =>
  el.closest(".cell")?.nextElementSibling?.querySelector(":scope.cell > .cell_output > :first-child");

function render({ model, el }) {
  const [question, truth, labels, says] = ["question", "truth", "labels", "says"].map((n) => model.get(n));
  const given = Object.fromEntries(["low", "high", "log", "unit"].map((name) => [name, model.get(name)]));
  // of a few things there is a whole number, and the marker goes from each to the next
  const whole = !given.log && given.unit === "" && given.high - given.low <= STEPS &&
    [given.low, given.high, ...truth].every(Number.isInteger);
  const steps = whole ? given.high - given.low : STEPS, middle = Math.round(steps / 2);
  const scale = { ...given, ...scaleOf({ ...given, whole }) };
  const curve = labels.length > 0;
  const guess = truth.map(() => middle);
  let touched = false, committed = false;

  const id = newId();
  const root = make("section", { class: "inception-widget iw-guess", "aria-labelledby": id });
  root.dataset.widget = "guess";
  const field = make("div", { class: curve ? "iw-guess-curve" : "iw-guess-line" });
  field.classList.toggle("iw-guess-many", truth.length > 6);
  const plot = make("div", { class: "iw-guess-plot" });
  const lines = make("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  plot.append(lines);
  const place = (element, share, i) => {
    element.style.left = `${curve ? 100 * (i + 0.5) / truth.length : 100 * share}%`;
    if (curve) element.style.top = `${100 * (1 - share)}%`;
    element.classList.toggle("iw-guess-even", i % 2 === 1);
    return element;
  };
  for (const [i, value] of scale.ticks.entries()) {
    const between = scale.ticks.length > 5 && i % 2 ? " iw-guess-between" : ""; // these go where it is narrow
    const tick = make("span", { class: `iw-guess-tick${between}`, "aria-hidden": "true" }, scale.text(value));
    tick.style[curve ? "top" : "left"] = `${100 * (curve ? 1 - scale.share(value) : scale.share(value))}%`;
    plot.append(tick);
  }
  for (const [i, label] of labels.entries()) {
    plot.append(place(make("span", { class: "iw-guess-label", "aria-hidden": "true" }, label), 0, i));
  }

  const updates = guess.map((_, i) => {
    const marker = make("div", { class: "iw-guess-marker" }, make("b", {}));
    plot.append(marker);
    const told = slider(marker, {
      label: curve ? `Your guess, ${labels[i]}` : "Your guess",
      min: 0,
      max: steps,
      page: Math.max(1, Math.round(steps / 10)),
      now: () => guess[i],
      set: (value) => move(i, value),
      at: (event) => shareAt(event) * steps,
      text: (position) => scale.text(scale.at(position / steps)),
    });
    return () => {
      place(marker, guess[i] / steps, i).firstChild.textContent = scale.text(scale.at(guess[i] / steps));
      marker.toggleAttribute("aria-disabled", committed);
      if (committed) marker.setAttribute("aria-disabled", "true");
      told();
    };
  });
  const shareAt = (event) => {
    const box = plot.getBoundingClientRect();
    const share = curve ? 1 - (event.clientY - box.top) / box.height : (event.clientX - box.left) / box.width;
    return Math.min(1, Math.max(0, share));
  };
  // a curve is drawn in one stroke, too, and a tap anywhere moves the marker
  const stroke = (event) => {
    const box = plot.getBoundingClientRect();
    const i = curve ? Math.floor(truth.length * (event.clientX - box.left) / box.width) : 0;
    if (i in guess) move(i, Math.round(shareAt(event) * steps));
  };
  let drawing = false;
  plot.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".iw-guess-marker")) return;
    drawing = true;
    plot.setPointerCapture(event.pointerId);
    stroke(event);
  });
  plot.addEventListener("pointermove", (event) => drawing && stroke(event));
  for (const end of ["pointerup", "pointercancel"]) plot.addEventListener(end, () => (drawing = false));

  const said = make("p", { class: "iw-said", role: "status", "aria-live": "polite" });
  const commit = make("button", { type: "button" });
  const skip = make("button", { type: "button" }, "Just show it");
  const answer = answerOf(el);
  const cover = (on) => {
    answer?.classList.toggle("iw-covered", on);
    skip.hidden = !answer?.classList.contains("iw-covered");
  };
  const reveal = () => cover(false);
  skip.addEventListener("click", reveal);
  for (const sign of ["click", "focusin"]) answer?.addEventListener(sign, reveal);
  field.append(plot);
  root.append(
    make("p", { class: "iw-title", id }, question),
    field,
    make("div", { class: "iw-actions" }, commit, skip),
    said,
  );

  const move = (i, position) => {
    if (committed) return;
    guess[i] = position;
    touched = true;
    paint();
  };
  commit.addEventListener("click", () => {
    if (committed) {
      committed = touched = false;
      guess.fill(middle);
    } else committed = true;
    reveal();
    paint();
  });

  const points = (shares) =>
    shares.map((share, i) => `${100 * (i + 0.5) / truth.length},${100 * (1 - share)}`).join(" ");
  const paint = () => {
    for (const update of updates) update();
    for (const old of plot.querySelectorAll(".iw-guess-truth")) old.remove();
    lines.replaceChildren();
    if (curve) {
      lines.append(make("polyline", { class: "iw-guess-mine", points: points(guess.map((p) => p / steps)) }));
    }
    root.dataset.committed = committed ? "1" : "";
    root.dataset.guess = JSON.stringify(guess.map((position) => scale.at(position / steps)));
    commit.textContent = committed ? "Guess again" : "That is my guess";
    commit.disabled = !touched && !committed;
    if (!committed) {
      said.textContent = touched
        ? ""
        : `Drag the ${curve ? "points" : "marker"} to your guess, or use the arrow keys.`;
      return;
    }
    if (curve) {
      lines.append(make("polyline", { class: "iw-guess-true", points: points(truth.map(scale.share)) }));
    }
    for (const [i, value] of truth.entries()) {
      const mark = make("div", { class: "iw-guess-truth", "aria-hidden": "true" });
      mark.append(make("b", {}, scale.text(value)));
      plot.append(place(mark, scale.share(value), i));
    }
    const mine = guess.map((position) => scale.at(position / steps));
    const parts = truth.map((value, i) =>
      `${curve ? `${labels[i]}: it` : "It"} is ${scale.text(value)}, and you said ${scale.text(mine[i])}: ` +
      `${distance(mine[i], value, scale)}.`
    );
    // of a curve the eye sees all, and reads the worst
    const off = truth.map((value, i) => Math.abs(scale.share(value) - guess[i] / steps));
    const worst = off.indexOf(Math.max(...off));
    said.replaceChildren(
      ...(curve
        ? [
          make("span", { class: "iw-unseen" }, parts.join(" ")),
          make("span", { "aria-hidden": "true" }, `The largest miss: ${parts[worst]}`),
        ]
        : parts),
      ` ${says}`,
    );
  };
  paint();
  cover(true);
  el.append(root);
  return () => {
    reveal();
    root.remove();
  };
}

export default { render };
