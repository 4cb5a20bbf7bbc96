// Shared by the widgets. Python puts it in front of each widget's own script, in place of the import there.
// No network. Colors: a branch's is its name; violet, olive and berry belong to anything else.
import { sliderScale, sliderTicks } from "./scale.js";

const whole = new Intl.NumberFormat("en-US");
export const fmt = (n) => whole.format(n);

export function short(n) {
  if (n >= 1e9) return `${(n / 1e9).toFixed(2)} billion`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} million`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(1)} thousand`;
  return fmt(n);
}

// The only arithmetic there is: look the factors up, multiply, add.
export const product = (factors, values) =>
  factors.length ? factors.reduce((p, f) => p * (typeof f === "number" ? f : values[f]), 1) : 0;
export const total = (rows, what, values) => rows.reduce((sum, row) => sum + product(row[what], values), 0);

const SVG =
  "svg g rect line path circle ellipse polygon polyline text tspan image defs clipPath linearGradient stop"
    .split(" ");

export function make(tag, attributes = {}, ...children) {
  const svg = SVG.includes(tag);
  const el = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") el.setAttribute("class", value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children);
  return el;
}

// A bar with its text beside it, so that the text never has to be read on a color.
export function bar(share, color, parts = null) {
  const track = make("div", { class: "iw-track", "aria-hidden": "true" });
  for (const [size, shade] of parts || [[share, color]]) {
    track.append(make("div"));
    refill(track, size, shade, track.children.length - 1);
  }
  return track;
}
export function refill(track, share, color, part = 0) {
  const piece = track.children[part];
  piece.setAttribute("class", `iw-bar iw-${color}`);
  piece.style.width = `${Math.min(100, 100 * share)}%`;
}

// Browsers refuse changes of the address that come too often: Chromium after 200 in 10 seconds, Safari after 100
// in 30. So a drag changes it once in a while, and with its last step.
const ADDRESS_MS = 400;

// An id that no other widget on the page has: each widget's module is its own, but the page is one.
const ids = globalThis[Symbol.for("inception widgets")] ??= { last: 0 };
export const newId = () => `iw-${++ids.last}`;

// What a number box may hold; a sentence where it holds something else.
function problem(field, text) {
  const value = Number(text);
  const unit = field.step === 1 ? "a whole number" : `a number in steps of ${field.step}`;
  const range = `from ${fmt(field.min)} to ${fmt(field.max)}`;
  const steps = (value - field.min) / field.step;
  if (
    text.trim() === "" || !Number.isFinite(value) || value < field.min || value > field.max ||
    Math.abs(steps - Math.round(steps)) > 1e-6
  ) {
    const odd = field.step === 2 && field.min % 2 === 1 ? "an odd number" : unit;
    return `${field.label} must be ${odd} ${range}.`;
  }
  return null;
}

// The value as Python has it: 0.3500000001 is 0.35.
const tidy = (field, value) =>
  Number((field.min + Math.round((value - field.min) / field.step) * field.step).toFixed(6));

// The marks under a slider, at the values that are worth a stop.
function tickMarks(field) {
  if (!field.ticks) return [];
  const marks = sliderTicks(field).map(({ value, share, labeled }) => {
    const mark = make("span", {}, labeled ? fmt(value) : "");
    mark.style.setProperty("--iw-at", share);
    return mark;
  });
  return [make("div", { class: "iw-ticks", "aria-hidden": "true" }, ...marks)];
}

class Field {
  constructor(field, changed) {
    this.field = field;
    this.error = null;
    const id = newId();
    const label = make("label", { for: id }, field.label);
    this.root = make("div", { class: `iw-field${field.branch ? ` iw-of-${field.branch}` : ""}` }, label);
    if (field.options) {
      this.input = make("select", { id });
      for (const [value, text] of field.options) this.input.append(make("option", { value }, text));
      this.input.addEventListener("change", () => changed(field.name, this.option(this.input.value)));
      this.root.append(this.input);
    } else if (field.pattern !== undefined) { // text that the reader makes in the widget itself
      this.input = make("input", { id, type: "hidden" });
      this.root.hidden = true;
    } else if (field.min === undefined) {
      this.input = make("input", { id, type: "checkbox" });
      this.input.addEventListener("change", () => changed(field.name, this.input.checked));
      this.root.append(this.input);
      this.root.classList.add("iw-check");
    } else {
      const limits = { min: field.min, max: field.max, step: field.step };
      const note = make("span", { id: `${id}-note`, class: "iw-note", hidden: true });
      this.note = note;
      this.input = make("input", {
        id,
        type: "number",
        inputmode: field.step < 1 ? "decimal" : "numeric",
        ...limits,
        "aria-describedby": note.id,
      });
      this.scale = sliderScale(field);
      // one tab stop a setting: the box, whose arrows do what the slider's do
      this.slider = make("input", {
        type: "range",
        ...this.scale.limits,
        tabindex: -1,
        "aria-label": `${field.label}, slider`,
      });
      // JupyterLab would take the arrow keys for itself
      for (const input of [this.input, this.slider]) input.dataset.lmSuppressShortcuts = "true";
      this.input.addEventListener("input", () => {
        this.flag(problem(field, this.input.value));
        changed(field.name, this.error ? null : tidy(field, Number(this.input.value)));
      });
      let fine = false; // Shift is held: steps of 1
      const to = (value) => {
        this.flag(null);
        changed(field.name, tidy(field, value));
      };
      for (const kind of ["pointerdown", "pointermove"]) {
        this.slider.addEventListener(kind, (event) => (fine = event.shiftKey));
      }
      this.slider.addEventListener("input", () => to(this.scale.value(Number(this.slider.value), fine)));
      this.slider.addEventListener("keydown", (event) => {
        fine = false;
        const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
        if (!by || field.scale !== "log") return; // else the browser's own steps are right
        event.preventDefault();
        to(Math.min(field.max, Math.max(field.min, Number(this.shown) + by * field.step)));
      });
      this.root.append(this.input, this.slider, ...tickMarks(field), note);
    }
  }

  flag(sentence) {
    this.error = sentence;
    this.input.toggleAttribute("aria-invalid", Boolean(sentence));
    if (sentence) this.input.setAttribute("aria-invalid", "true");
    this.note.hidden = !sentence;
    this.note.textContent = sentence || "";
  }

  // Touches only what is not so already: most settings stay when one is moved.
  show(value) {
    if (this.input.type === "checkbox") this.input.checked = value;
    else if (!this.slider) {
      if (this.input.value !== String(value)) this.input.value = value;
    } else {
      // while the reader types, the box is hers: 0.9 must not turn into 0.90 under the cursor
      if (this.input.value === "" || Number(this.input.value) !== value) this.input.value = value;
      const position = this.scale.position(value);
      if (Number(this.slider.value) !== position) this.slider.value = position;
      if (this.shown !== value) this.slider.setAttribute("aria-valuetext", fmt(value));
      this.shown = value;
      if (this.error) this.flag(null);
    }
  }

  // An option as Python has it: a select knows texts only, and 144 is a number.
  option(text) {
    return this.field.options.map(([value]) => value).find((value) => String(value) === text);
  }

  // A value out of the page's address, or undefined where it is none of ours.
  parse(text) {
    if (this.field.options) return this.option(text);
    if (this.field.pattern !== undefined) {
      const { pattern, longest } = this.field;
      return text.length <= longest && new RegExp(`^${pattern}$`).test(text) ? text : undefined;
    }
    if (!this.slider) return text === "1" ? true : text === "0" ? false : undefined;
    return problem(this.field, text) ? undefined : tidy(this.field, Number(text));
  }
}

// widget: { layout(root, ctx) -> paint(values) -> words }.  paint draws and returns the result in words.
// From 56rem on the controls stand left of the results; a `wide` widget keeps the whole width for its results.
// Where there is less room, an .iw-verdict that is a child of the results sticks to the foot of the window.
export function run(widget, { model, el }) {
  const about = model.get("about");
  const fields = model.get("fields");
  const page = model.get("_page"); // on a built page: the widget's key in the address, and its first settings
  const names = fields.map((f) => f.name);
  const defaults = Object.fromEntries(fields.map((f) => [f.name, f.default]));
  const values = () => Object.fromEntries(names.map((n) => [n, model.get(n)]));

  const kind = `inception-widget${widget.wide ? " iw-wide" : ""}`;
  const root = make("section", { class: kind, "aria-label": about.title });
  root.dataset.widget = about.key;
  const controls = make("div", { class: "iw-controls" });
  const results = make("div", { class: "iw-results" });
  const body = make("div", { class: "iw-body" }, controls, results);
  const status = make("p", { class: "iw-status", role: "status", "aria-live": "polite" });
  const actions = make("div", { class: "iw-actions" });
  root.append(
    make("p", { class: "iw-title", "aria-hidden": "true" }, about.title),
    body,
    status,
    actions,
  );

  let quiet = false; // several settings change at once: paint when all have
  const set = (changes) => {
    quiet = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    quiet = false;
    model.save_changes();
    paint();
  };

  const boxes = {};
  for (const field of fields) {
    boxes[field.name] = new Field(field, (name, value) => {
      if (value === null) mark();
      else set(widget.changed ? widget.changed(name, value, model.get("table")) : { [name]: value });
    });
    controls.append(boxes[field.name].root);
  }

  const repaint = () => paint(); // when what a widget waited for is there
  const gone = []; // what a layout wants done when the widget goes
  const draw = widget.layout(results, { model, controls, set, repaint, table: model.get("table"), gone });

  const mark = () => {
    const wrong = Object.values(boxes).map((b) => b.error).filter(Boolean);
    root.classList.toggle("iw-stale", wrong.length > 0);
    if (wrong.length) say(`${wrong.join(" ")} The result is for the last valid settings.`);
    return wrong.length > 0;
  };

  let timer = 0;
  // the sentence is for eyes at once, for a screen reader when the reader has stopped moving
  const say = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (status.textContent !== words) status.textContent = words;
    }, 150);
  };

  const paint = () => {
    if (quiet) return;
    const now = values();
    for (const name of names) {
      if (!boxes[name].error || document.activeElement !== boxes[name].input) boxes[name].show(now[name]);
    }
    const { words, data, impossible } = draw(now);
    root.classList.toggle("iw-impossible", Boolean(impossible));
    for (const [name, value] of Object.entries(data || {})) root.dataset[name] = value;
    root.dataset.settings = JSON.stringify(now);
    if (!mark()) say(words);
    if (!page || owed) return;
    owed = true;
    writing = setTimeout(write, ADDRESS_MS);
  };

  // The reader's settings live in the page's address; other widgets' settings and the anchor stay.
  let owed = false, writing = 0;
  const write = () => {
    if (!owed) return;
    owed = false;
    clearTimeout(writing);
    const now = values();
    const query = new URLSearchParams(location.search);
    for (const name of names) {
      const key = `${page.key}.${name}`;
      if (now[name] === page.settings[name]) query.delete(key);
      else query.set(key, typeof now[name] === "boolean" ? Number(now[name]) : now[name]);
    }
    const text = query.toString();
    if (text === new URLSearchParams(location.search).toString()) return;
    try {
      history.replaceState(
        history.state,
        "",
        `${location.pathname}${text ? `?${text}` : ""}${location.hash}`,
      );
    } catch { /* some browsers allow no change of a file's address */ }
  };

  const read = () => {
    const query = new URLSearchParams(location.search);
    const found = {}, wrong = [];
    for (const name of names) {
      const text = query.get(`${page.key}.${name}`);
      if (text === null) continue;
      const value = boxes[name].parse(text);
      if (value === undefined) wrong.push(boxes[name].field.label);
      else found[name] = value;
    }
    if (wrong.length) {
      root.insertBefore(
        make(
          "p",
          { class: "iw-warning", role: "alert" },
          "The page's address holds values that cannot be used here, so these stay as they were: " +
            `${wrong.join(", ")}.`,
        ),
        body,
      );
    }
    return found;
  };

  const reset = make("button", { type: "button" }, "Reset");
  reset.addEventListener("click", () => {
    for (const box of Object.values(boxes)) if (box.note) box.flag(null);
    root.querySelector(".iw-warning")?.remove();
    set(defaults);
  });
  actions.append(reset);
  if (page) {
    const name = "Copy link to these settings", copy = make("button", { type: "button" }, name);
    let shown = 0;
    copy.addEventListener("click", async () => {
      write();
      try {
        await navigator.clipboard.writeText(location.href);
        copy.style.minWidth = `${copy.offsetWidth}px`; // what is beside it stays where it is
        copy.textContent = "Copied ✓";
        clearTimeout(shown);
        shown = setTimeout(() => (copy.textContent = name), 2000);
        say("The link is copied.");
      } catch {
        say("The browser does not let this page copy; the address bar holds the link.");
      }
    });
    actions.append(copy);
    addEventListener("pagehide", write);
    gone.push(() => removeEventListener("pagehide", write), () => clearTimeout(writing));
    const found = read();
    quiet = true;
    for (const [name, value] of Object.entries(found)) model.set(name, value);
    quiet = false;
  }

  for (const name of names) model.on(`change:${name}`, paint);
  paint();
  el.append(root);
  return () => {
    for (const name of names) model.off(`change:${name}`, paint);
    root.remove();
    for (const end of gone) end();
  };
}
