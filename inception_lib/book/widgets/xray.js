// The bundled network, running on an image that the reader makes: every map, and each number written out.
import { Live, parts } from "../live/client.js";
import { explain, softmax, wayTo } from "../live/explain.js";
import { make, run } from "./common.js";
import { chipsOf, mark, paintMaps, shapesOf, show } from "./xray_maps.js";
import { stripOf } from "./xray_strip.js";
import { boxesOf, caption, stageOf } from "./xray_stage.js";
import { beyond, fill, moduleOf, nameOfMaps, placeOf, shortName, verdictOf, written } from "./xray_words.js";

const BRANCHES = ["1x1", "3x3", "5x5", "pool"];

function layout(results, { model, controls, set, repaint, table, gone }) {
  const { side } = table;
  const view = {}; // what is shown of the network: its groups of maps by path, and their module or layer
  let s = null; // the settings as they were painted last
  let network = null; // { live, about, maps: { path: shape } } once it is there
  let answer = null; // the network's last: { key, logits, off, kept }
  let failed = null;
  const filters = new Map();

  // What the reader moves by hand has its exact numbers in a fold.
  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "All of it as numbers"));
  const numbers = make("div", { class: "iw-controls" });
  const folded = "radius turn x y colors path channel row column scale off_in".split(" ");
  numbers.append(...folded.map((name) => fields[name]));
  fold.append(numbers);
  const switches = Object.fromEntries(BRANCHES.map((branch) => [branch, fields[`off_${branch}`]]));

  const stage = stageOf(side, (thing) => set(thing), () => s, table);
  const answers = make("div", { class: "iw-answers" });
  const verdict = make("p", { class: "iw-verdict" });
  const chips = make("div", { class: "iw-chips", role: "group", "aria-label": "Layer" });
  const banner = make("p", { class: "iw-banner", hidden: true });
  const columns = make("div", { class: "iw-columns" });
  const strip = stripOf((at) => set(at));
  const scale = make("p", { class: "iw-small" });
  const sum = make("div", { class: "iw-sum" });
  const says = make("div", { class: "iw-says" }, verdict, answers);
  const left = make("div", { class: "iw-left" }, stage.root, says, stage.hands);
  stage.hands.prepend(fields.shape, fields.drawing);
  const right = make("div", { class: "iw-right" }, banner, columns, strip.root, scale, sum);
  results.append(chips, make("div", { class: "iw-xray" }, left, right), fold);
  controls.hidden = true; // all of them have their place elsewhere

  // The network, once; then an answer to the newest settings, one after the other.
  const live = parts(model).then(async (all) => {
    const opened = new Live(all);
    const about = await opened.open(all.networks["shapes-1"]);
    network = { live: opened, about, maps: shapesOf(about.architecture) };
    chips.append(...chipsOf(about.architecture, (path) => lookAt(path)));
    repaint();
    return opened;
  });
  live.catch((error) => {
    failed = error.message;
    repaint();
  });
  gone.push(() => live.then((opened) => opened.close(), () => {}));

  let asking = false;
  async function ask() {
    if (asking || !network) return;
    asking = true;
    try {
      for (let wanted = asked(s); answer?.key !== wanted.key; wanted = asked(s)) {
        const { image, off, module, key } = wanted;
        const without = off.length ? await network.live.run({ image, off, keep: "all", wait: true }) : null;
        const whole = await network.live.run({ image, keep: "all", wait: true });
        // what is switched off is shown as it was; from its module's end on, all is without it
        const kept = { ...whole.kept }, paths = Object.keys(network.maps);
        if (without) {
          for (const path of paths.slice(paths.indexOf(module))) kept[path] = without.kept[path];
        }
        answer = { key, logits: whole.logits, off: without?.logits, kept };
        repaint();
      }
    } catch (error) {
      failed = error.message;
      repaint();
    }
    asking = false;
  }

  const asked = (now) => {
    const module = now.off_in || moduleOf(now.path);
    const off = module ? BRANCHES.filter((b) => now[`off_${b}`]).map((branch) => ({ module, branch })) : [];
    return { image: stage.image, off, module, key: `${stage.key} ${JSON.stringify(off)}` };
  };

  // The filters of a layer come a moment after it is chosen.
  const filtersOf = (path) => {
    if (!filters.has(path)) {
      filters.set(path, null);
      network.live.filters(path).then((found) => {
        filters.set(path, found);
        repaint();
      });
    }
    return filters.get(path);
  };

  // Another layer, at the same place of the image.
  const lookAt = (path) => {
    const [, height = 1, width = 1] = network.maps[path], [, h = 1, w = 1] = network.maps[s.path];
    const moved = (at, before, after) =>
      Math.min(after, Math.floor((Math.min(at, before) - 0.5) / before * after) + 1);
    // what is switched off stays so, and is seen in the later maps
    const off_in = BRANCHES.some((b) => s[`off_${b}`]) ? s.off_in || moduleOf(s.path) || "" : "";
    set({ path, off_in, channel: 1, row: moved(s.row, h, height), column: moved(s.column, w, width) });
  };

  return (now) => {
    s = now;
    stage.draw(s);
    if (failed) return refused(results, failed);
    if (!network) return { words: "The network is on its way.", data: { answered: "" } };
    ask();
    const module = moduleOf(s.path);
    const off = asked(s);
    show(view, columns, network, s.path, set);
    for (const branch of BRANCHES) { // switches are where their branch is
      const place = off.module === module && view.heads[branch] || numbers;
      if (switches[branch].parentNode !== place) place.append(switches[branch]);
    }
    press(chips, module ?? s.path);
    announce(banner, off, module, () => lookAt(endOf(network.about, off.off[0])));
    const [channels, height = 1, width = 1] = network.maps[s.path];
    const at = {
      channel: Math.min(s.channel, channels) - 1,
      row: Math.min(s.row, height) - 1,
      column: Math.min(s.column, width) - 1,
    };
    const boxes = boxesOf(network, s.path, at);
    const field = boxes.find(({ chosen }) => chosen);
    stage.frame(boxes, caption(field, side));
    if (!answer) return { words: "The network is running.", data: { answered: "" } };

    const whole = softmax(answer.logits), without = answer.off && softmax(answer.off);
    const said = verdictOf(network.about.classes, whole, without);
    fill(answers, network.about.classes, whole, without);
    verdict.textContent = said;
    scale.textContent = paintMaps(
      view,
      answer,
      s,
      columns,
      off.off.map(({ module, branch }) => module + branch),
    );
    strip.paint(network, module, answer, columns, s.path, at.channel);
    const value = answer.kept[s.path].values[(at.channel * height + at.row) * width + at.column];
    mark(view, s.path, at);
    const way = wayTo(network.about.architecture, s.path), step = way.at(-1);
    const weighted = step && (step.layer.is === "Conv" || step.layer.is === "Linear");
    const known = weighted ? filtersOf(s.path) : null;
    const found = step && (known || !weighted)
      ? explain(step.layer, answer.kept[step.from], at, known)
      : null;
    const place = placeOf(network.about, s.path, at, network.maps[s.path], value);
    const open = Boolean(sum.querySelector("details")?.open);
    const lacking = beyond(s, network.maps[s.path]);
    sum.replaceChildren(...written(network.about, place, way, found), lacking);
    sum.querySelector("details")?.toggleAttribute("open", open);
    for (const { path, canvas } of view.groups) {
      canvas.setAttribute("aria-label", nameOfMaps(path, network.maps[path], path === s.path ? place : ""));
    }
    return {
      words: `${place} ${lacking} ${caption(field, side)} ${said}`.replace("  ", " "),
      data: {
        answered: answer.key === asked(s).key ? JSON.stringify(s) : "",
        value,
        explained: found ? found.value : "",
        probabilities: JSON.stringify(whole),
        without: without ? JSON.stringify(without) : "",
        field: JSON.stringify(field),
      },
    };
  };
}

// The chip of the layer that is shown, in view where the chips are a strip to scroll.
function press(chips, name) {
  for (const chip of chips.children) {
    const here = chip.value === name;
    if (here && chip.getAttribute("aria-pressed") !== "true") {
      chips.scrollLeft = chip.offsetLeft - (chips.clientWidth - chip.offsetWidth) / 2;
    }
    chip.setAttribute("aria-pressed", String(here));
  }
}

// The last layer of a branch.
function endOf({ architecture }, { module, branch }) {
  const { branches } = architecture.layers.find(({ name }) => name === module);
  return `${module}/${branches.find(({ name }) => name === branch).layers.at(-1).name}`;
}

// What is switched off elsewhere, and the way there.
function announce(banner, { off, module }, shown, back) {
  banner.hidden = off.length === 0 || module === shown;
  if (banner.hidden) return void (banner.dataset.said = "");
  const names = off.map(({ branch }) => branch).join(", ");
  if (banner.dataset.said === `${module} ${names}`) return;
  banner.dataset.said = `${module} ${names}`;
  const button = make("button", { type: "button" }, `Back to ${shortName(module)}`);
  button.addEventListener("click", back);
  banner.replaceChildren(`In ${shortName(module)} switched off: ${names}. `, button);
}

function refused(results, sentence) {
  results.replaceChildren(make("p", { class: "iw-warning", role: "alert" }, sentence));
  return { words: sentence, data: { answered: "" } };
}

export default { render: (context) => run({ wide: true, layout }, context) };
