// Fields for the answer to an exercise, checked in the page.
import { make, newId } from "./common.js";

const UNITS = { k: 1e3, thousand: 1e3, m: 1e6, million: 1e6, b: 1e9, g: 1e9, billion: 1e9, "%": 0.01 };

// A number as people write them: 1,000 · 1 000 · 5.4 million · 5.4M · 3/4 · 12%; NaN if it is none.
export function numberOf(text) {
  const found = /^([-+]?[\d.,\s]*\d[\d.,]*(?:e[-+]?\d+)?)(?:\s*\/\s*([\d.]+))?\s*(%|[a-z]*)$/i
    .exec(text.trim().replace("−", "-"));
  if (!found) return NaN;
  const [, number, below = "1", unit] = found;
  const factor = unit ? UNITS[unit.toLowerCase()] : 1;
  return factor === undefined ? NaN : Number(number.replace(/[,\s]/g, "")) / Number(below) * factor;
}

export const near = (value, right, tolerance) =>
  Math.abs(value - right) <= tolerance * Math.max(Math.abs(value), Math.abs(right));

function render({ model, el }) {
  const [fields, hint, tolerance] = ["fields", "hint", "tolerance"].map((name) => model.get(name));
  const root = make("section", { class: "inception-widget iw-answers-own", "aria-label": "Your answer" });
  root.dataset.widget = "answer";
  const said = make("p", { class: "iw-said", role: "status", "aria-live": "polite" });
  const form = make("form", {});
  const inputs = fields.map(({ label, options }) => {
    const id = newId();
    const input = options
      ? make("select", { id }, make("option", { value: "" }, "choose…"))
      : make("input", { id, type: "text", autocomplete: "off", spellcheck: "false" });
    for (const option of options ?? []) input.append(make("option", { value: option }, option));
    input.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the keys for itself
    input.addEventListener("input", () => say("", null));
    form.append(make("div", {}, make("label", { for: id }, label), input));
    return input;
  });
  const say = (words, right) => {
    said.textContent = words;
    if (right === null) delete root.dataset.right;
    else root.dataset.right = right;
  };
  form.append(make("button", { type: "submit" }, "Check"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = [];
    for (const [i, { label, value, options }] of fields.entries()) {
      const text = inputs[i].value;
      if (!text.trim()) return say(`Still open: ${label}.`, null);
      const number = options ? 0 : numberOf(text);
      if (Number.isNaN(number)) return say(`${label}: write a number, such as 1,000 or 2.5 million.`, null);
      if (!(options ? text === value : near(number, value, tolerance))) wrong.push(label);
    }
    if (!wrong.length) return say("✓ Right.", true);
    const which = fields.length > 1 ? ` (${wrong.join(", ")})` : "";
    say(`✗ Not yet${which}. ${hint}`, false);
  });
  root.append(form, said);
  el.append(root);
  return () => root.remove();
}

export default { render };
