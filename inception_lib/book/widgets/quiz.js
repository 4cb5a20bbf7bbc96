// A quiz: questions with answers to choose from, and a sentence on each answer.
import { make, newId } from "./common.js";

function ask(question, number, changed) {
  const id = newId();
  const box = make("fieldset", { class: "iw-question" }, make("legend", {}, `${number}. ${question.text}`));
  const said = make("p", { class: "iw-said", role: "status", "aria-live": "polite" });
  const check = make("button", { type: "button" }, "Check");
  const inputs = question.answers.map((answer, i) => {
    const input = make("input", { type: "radio", name: id, id: `${id}-${i}`, value: i });
    input.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for itself
    input.addEventListener("change", () => show(null));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") check.click();
    });
    box.append(make("div", { class: "iw-answer" }, input, make("label", { for: input.id }, answer.text)));
    return input;
  });

  const state = { root: box, right: null };
  const show = (right, words = "") => {
    state.right = right;
    if (right === null) delete box.dataset.right;
    else box.dataset.right = right;
    said.textContent = words;
    changed();
  };
  check.addEventListener("click", () => {
    const chosen = inputs.findIndex((input) => input.checked);
    if (chosen < 0) {
      show(null, "Choose an answer first.");
      return;
    }
    const { right, feedback } = question.answers[chosen];
    show(right, `${right ? "✓ Right." : "✗ No."} ${feedback}`);
  });
  state.reset = () => {
    for (const input of inputs) input.checked = false;
    show(null);
  };
  box.append(make("div", { class: "iw-actions" }, check), said);
  return state;
}

export default {
  render({ model, el }) {
    const title = `Quiz: ${model.get("title")}`;
    const root = make("section", { class: "inception-widget iw-quiz", "aria-label": title });
    root.dataset.widget = "quiz";
    root.append(make("p", { class: "iw-title", "aria-hidden": "true" }, title));
    const score = make("p", { class: "iw-score" });
    const questions = [];
    const tally = () => {
      const right = questions.filter((q) => q.right).length;
      score.textContent = `${right} of ${questions.length} right`;
      root.dataset.right = right;
    };
    for (const question of model.get("questions")) questions.push(ask(question, questions.length + 1, tally));
    const again = make("button", { type: "button" }, "Start again");
    again.addEventListener("click", () => {
      for (const q of questions) q.reset();
    });
    root.append(...questions.map((q) => q.root), make("div", { class: "iw-actions" }, score, again));
    tally();
    el.append(root);
    return () => root.remove();
  },
};
