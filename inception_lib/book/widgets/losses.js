// Three classifiers answer an image, and their three losses send gradients down one trunk.
import { softmax } from "../live/explain.js";
import { bar, make, run } from "./common.js";
import { flowOf, normsOf, SHADES } from "./losses_flow.js";
import { headLogits, headsOf } from "./losses_heads.js";
import { running } from "./running.js";
import { stageOf } from "./xray_stage.js";

const NAMES = { aux1: "First head", aux2: "Second head", main: "Classifier" };
const LOSSES = { main: "the main loss", aux1: "the first head's loss", aux2: "the second head's loss" };
const BEST_OF = 3; // classes of each answer
const shareText = (p) => `${(100 * p).toFixed(1)}%`;
const precise = (norm) => (norm === 0 ? "0" : norm.toPrecision(2));

function layout(results, { model, controls, set, repaint, table, gone }) {
  const heads = headsOf(table.heads), [first, second] = table.heads.after;
  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"));
  const numbers = make("div", { class: "iw-controls" });
  numbers.append(...["layer", "shape", "radius", "turn", "colors", "x", "y"].map((name) => fields[name]));
  fold.append(numbers);

  let s = null;
  const live = running(model, gone, { keep: [first, second] }, repaint);
  const stage = stageOf(table.side, (thing) => set(thing), () => s, table);
  const answers = {};
  const cards = Object.keys(NAMES).map((part) => {
    answers[part] = make("div");
    const right = `${shareText(table.heads.right[part])} right in the test`;
    return make(
      "div",
      { class: `iw-card iw-${SHADES[part]}` },
      make("p", { class: "iw-name" }, NAMES[part], make("span", { class: "iw-small" }, right)),
      answers[part],
      fields[part],
    );
  });
  const flow = flowOf(table.layers, (layer) => set({ layer }));
  const verdict = make("p", { class: "iw-verdict" }), detail = make("p");
  const aside = make(
    "p",
    { class: "iw-small" },
    "The heads that trained with this network were thrown away, as in the paper; these two were fitted on the " +
      "finished trunk. The gradients are another network's of the same recipe, recorded while it learned with " +
      `heads of weight 0.3, over ${table.images} validation images.`,
  );
  results.append(
    make("div", { class: "iw-losses" }, stage.root, ...cards),
    flow.root,
    verdict,
    detail,
    aside,
    fold,
  );

  const answer = (found) => {
    const logits = {
      aux1: headLogits(heads.aux1, found.kept[first]),
      aux2: headLogits(heads.aux2, found.kept[second]),
      main: found.logits,
    };
    const said = {};
    for (const part of Object.keys(NAMES)) {
      const shares = softmax(logits[part]);
      const best = shares.map((p, k) => [k, p]).sort((a, b) => b[1] - a[1]).slice(0, BEST_OF);
      said[part] = shares;
      answers[part].replaceChildren(...best.map(([k, p]) =>
        make(
          "div",
          { class: "iw-line" },
          make("span", {}, table.classes[k]),
          make("span", {}, shareText(p)),
          make("div", {}, bar(p, SHADES[part])),
        )
      ));
    }
    return said;
  };

  return (now) => {
    s = now;
    stage.draw(s);
    stage.frame([], "");
    live.ask(stage.image, stage.key);
    const at = table.gradients[s.epoch], on = [s.main, s.aux1, s.aux2].map(Number);
    const norms = normsOf(at.products, on, s.weight, table.paper);
    const chosen = s.layer - 1;
    flow.draw(norms, chosen);
    verdict.textContent = lossSentence(table, norms, s);
    detail.textContent = detailOf(table, norms, s, chosen);
    const data = { answered: "" };
    for (const [name, values] of Object.entries(norms)) {
      values.forEach((norm, i) => {
        data[`${name}${i + 1}`] = Math.round(1e6 * norm);
      });
    }
    let said = "";
    if (live.failed) {
      answers.main.replaceChildren(make("p", { class: "iw-warning", role: "alert" }, live.failed));
      said = live.failed;
    } else if (live.answer) {
      const shares = answer(live.answer);
      const best = (part) => shares[part].indexOf(Math.max(...shares[part]));
      said = Object.entries(NAMES).map(([part, name]) =>
        `${name}: ${table.classes[best(part)]}, ${shareText(shares[part][best(part)])}.`
      ).join(" ");
      data.shares = JSON.stringify(shares);
      data.answered = live.answer.key === stage.key ? JSON.stringify(s) : "";
    }
    return { words: `${said} ${verdict.textContent} ${detail.textContent}`.trim(), data };
  };
}

const listed = (names) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

// What the losses that are on leave of the gradient with all three, the heads' weighted 0.3.
function lossSentence({ layers, paper }, { total, paper: whole }, s) {
  const off = ["main", "aux1", "aux2"].filter((part) => !s[part]).map((part) => LOSSES[part]);
  const none = layers.filter((_, i) => total[i] === 0);
  const when = s.epoch ? `After epoch ${s.epoch}` : "Before the training";
  if (none.length === layers.length) return `${when}: no loss is on, and no layer learns.`;
  if (none.length) {
    const learn = none.length > 1 ? "learn" : "learns";
    return `${when}, without ${listed(off)}: ${listed(none)} ${learn} nothing.`;
  }
  if (!off.length && s.weight === paper) return `${when}: all three losses, as in the paper.`;
  const share = (i) => `${layers[i]} gets ${Math.round(100 * total[i] / whole[i])}%`;
  const how = off.length ? `without ${listed(off)}` : "with all three losses";
  return `${when}, ${how}, heads of weight ${s.weight}: ${share(0)} and ${
    share(3)
  } of the gradient that the ` +
    "paper's sum gives.";
}

function detailOf({ layers }, norms, s, chosen) {
  const parts = ["main", "aux1", "aux2"].filter((part) => s[part] && norms[part][chosen] > 0);
  if (!parts.length) return `In ${layers[chosen]} no gradient arrives.`;
  const said = parts.map((part) => `${precise(norms[part][chosen])} from ${LOSSES[part]}`);
  return `In ${layers[chosen]} the gradient has the norm ${precise(norms.total[chosen])}: ${listed(said)}` +
    `${parts.length > 1 ? "; as vectors they add up to less than their norms" : ""}.`;
}

export default { render: (context) => run({ wide: true, layout }, context) };
