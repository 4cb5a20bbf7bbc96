// The reader's own photograph through the large network: its answer, the class map, every map. All stays here.
import { large, parts } from "../live/client.js";
import { softmax } from "../live/explain.js";
import { shapeAfter } from "../live/layers.js";
import { fromBase64 } from "../live/weights.js";
import { bar, make, run } from "./common.js";
import { darken } from "./lit.js";
import { Crew } from "./photo_crew.js";
import { drawn, pixelsOf, viewsOf } from "./photo_image.js";
import { sheetOf } from "./photo_maps.js";

const SHOWN = 448; // pixels of the photograph's longer side on the page
const percent = (p) => `${(100 * p).toFixed(1)}%`;

function layout(results, { model, controls, set, repaint, table, gone }) {
  let crew = null; // with its `about`, once a network is open
  let picture = { name: table.name, pixels: null, number: 0 };
  let answer = null; // { key, best: [{ k, p }], view, kept, ms }
  let busy = null; // { words, part, stop } of what is going on
  let failed = ""; // one sentence
  const fields = Object.fromEntries(model.get("fields").map(({ name }, i) => [name, controls.children[i]]));

  const photo = make("canvas", { width: SHOWN, height: SHOWN, role: "img", class: "iw-picture" });
  const video = make("video", { muted: true, playsinline: true, hidden: true });
  const caption = make("p", { class: "iw-small" });
  const frame = make("div", { class: "iw-drop" }, photo, video);
  const chosen = chooser("Choose a photograph", "image/*", (file) => take(pixelsOf(file), file.name));
  const camera = make("button", { type: "button" }, "Camera");
  const left = make("div", {}, frame, caption, make("div", { class: "iw-actions" }, ...chosen, camera));

  const weights = chooser("Choose weights", ".safetensors,.caffemodel", (file) => open(file, file.name));
  const offer = make("button", { type: "button", hidden: true });
  const door = make(
    "div",
    { class: "iw-door" },
    make("p", { class: "iw-verdict" }, "First, the network itself."),
    make(
      "p",
      {},
      "Give this page trained weights of GoogLeNet: a .safetensors or .caffemodel file from your disk, chosen " +
        "or dropped here. It is read in the page and uploaded nowhere.",
    ),
    make("div", { class: "iw-actions" }, offer, ...weights),
  );
  const progress = make("div", { class: "iw-busy", hidden: true });
  const trouble = make("p", { class: "iw-warning", role: "alert", hidden: true });
  const answers = make("div", { class: "iw-answers", role: "group", "aria-label": "The best classes" });
  const sheet = sheetOf((channel) => set({ channel }));
  const right = make("div", {}, door, trouble, answers, progress);
  const fold = make("details", { class: "iw-fold" }, make("summary", {}, "The same by number"));
  fold.append(make("div", { class: "iw-controls" }, fields.answer, fields.channel));
  const maps = make(
    "div",
    { class: "iw-inside", hidden: true },
    make("div", { class: "iw-controls" }, fields.layer, fields.crops),
    sheet.root,
    fold,
  );
  results.append(make("div", { class: "iw-own" }, left, right), maps);
  controls.hidden = true;

  // What the build offers, on the reader's wish.
  const engine = parts(model);
  engine.then((all) => {
    if (!all.offered) return;
    const { name, bytes } = all.offered;
    offer.textContent = `Load ${name} (${(bytes / 1e6).toFixed(1)} MB)`;
    offer.hidden = false;
    offer.addEventListener("click", () => open(large(), name));
  }, (error) => fail(error));

  const fail = (error) => {
    failed = error.message;
    repaint();
  };

  // Something that takes a while, with a way to stop it; what it gives is dropped then.
  const waiting = async (words, work, stop = () => {}) => {
    busy?.stop();
    failed = "";
    const own = busy = { words, part: null, stop };
    repaint();
    try {
      const found = await work;
      return busy === own ? found : null;
    } catch (error) {
      if (busy === own) failed = error.message;
      return null;
    } finally {
      if (busy === own) busy = null;
      repaint();
    }
  };

  const open = async (given, name) => {
    let made = null;
    const begun = (async () => {
      const all = await engine;
      made = new Crew(all, await given);
      await made.begin();
      return made;
    })();
    const found = await waiting(`Reading ${name}`, begun, () => begun.then((one) => one.close(), () => {}));
    if (!found) return void made?.close();
    crew?.close();
    crew = found;
    answer = null;
    passed = "";
    repaint();
  };

  const take = async (pixels, name) => {
    const found = await waiting(`Reading ${name}`, pixels);
    if (!found) return;
    picture = { name, pixels: found, number: picture.number + 1 };
    repaint();
  };
  const first = new Blob([fromBase64(table.photograph.split(",")[1])]);
  queueMicrotask(() => take(pixelsOf(first), table.name)); // once all of this is there to be painted

  let passed = ""; // the run that was stopped or failed: it is not begun again by itself
  const ask = async (s) => {
    const key = `${picture.number} ${s.crops}`;
    if (!crew || !picture.pixels || busy || answer?.key === key || passed === key) return;
    const { about } = crew, start = performance.now(), main = s.crops === 1 ? 0 : 4; // the center
    const begun = (async () => {
      const views = viewsOf(picture.pixels, s.crops, about.preprocess);
      const tick = (done) => {
        if (busy) busy.part = done / views.length;
        show();
      };
      return {
        views,
        found: await crew.run(views.map(({ image }) => image), { main, keep: mapsOf(about), tick }),
      };
    })();
    begun.catch(() => (passed = key));
    const ended = await waiting("Running the network", begun, () => {
      crew.stop();
      passed = key;
    });
    if (!ended?.found) return;
    const { views, found } = ended;
    const each = found.map(({ logits }) => softmax(logits));
    const mean = each[0].map((_, k) => each.reduce((sum, p) => sum + p[k], 0) / each.length);
    const best = mean.map((p, k) => ({ k, p })).sort((a, b) => b.p - a.p).slice(0, table.best);
    const { kept } = found[main], classifier = await crew.filters(lastOf(about));
    const ms = performance.now() - start;
    answer = { key, best, view: views[main], kept, classifier, ms, logits: found[main].logits };
    repaint();
  };

  const show = () => {
    progress.hidden = !busy;
    trouble.hidden = !failed;
    trouble.textContent = failed;
    door.hidden = Boolean(crew) || Boolean(busy);
    if (!busy) return;
    const meter = make("progress", { "aria-label": busy.words, value: busy.part, max: 1 });
    const cancel = make("button", { type: "button" }, "Cancel");
    cancel.addEventListener("click", () => {
      busy?.stop();
      busy = null;
      failed = "Stopped. What is shown is from before.";
      repaint();
    });
    progress.replaceChildren(make("span", {}, `${busy.words}: ${shareOf(busy.part)}`), meter, cancel);
  };
  const shareOf = (part) => part === null ? "a moment" : percent(part);

  dropped(results, (file) => {
    if (/\.(safetensors|caffemodel)$/.test(file.name)) open(file, file.name);
    else take(pixelsOf(file), file.name);
  });
  const cameraOf = recorder(video, (on) => {
    video.hidden = !on;
    photo.hidden = on;
    camera.textContent = on ? "Take the picture" : "Camera";
  });
  camera.addEventListener("click", async () => {
    try {
      const taken = await cameraOf.press();
      if (taken) take(Promise.resolve(taken), "your picture");
    } catch (error) {
      fail(error);
    }
  });
  gone.push(() => (cameraOf.stop(), busy?.stop(), crew?.close()));

  return (s) => {
    ask(s);
    show();
    maps.hidden = !answer?.kept;
    answers.hidden = !answer?.best;
    if (!answer?.best) {
      light(photo, picture, null);
      caption.textContent = picture.pixels ? `The photograph: ${picture.name}.` : "";
      photo.setAttribute("aria-label", caption.textContent);
      const words = failed || (busy ? `${busy.words}.` : crew ? "Stopped." : "No network is open yet.");
      return { words, data: { answered: "" } };
    }
    const { classes } = crew.about, { best } = answer;
    const nameOf = ({ k }) => classes?.[k] ?? `class ${k}`;
    const layer = answer.kept[s.layer], channel = layer && s.channel <= layer.shape[0] ? s.channel : 0;
    const target = best[Math.min(s.answer, best.length) - 1];
    const map = channel ? channelMap(layer, channel - 1) : classMap(crew.about, answer, target.k);
    light(photo, picture, map && { ...map, box: answer.view.box });
    caption.textContent = channel
      ? `Bright where channel ${channel} of ${layerName(s.layer)} fires.`
      : map
      ? `Bright where it sees: ${nameOf(target)}.`
      : "This network does not end in average pooling, so it has no class map.";
    photo.setAttribute("aria-label", `The photograph: ${picture.name}. ${caption.textContent}`);
    list(answers, best, nameOf, channel ? 0 : s.answer, (n) => set({ answer: n, channel: 0 }));
    if (layer) sheet.paint(layer, partsOf(crew.about, s.layer), channel, layerName(s.layer));
    sheet.root.hidden = !layer;
    const said = best.map((one) => `${nameOf(one)} ${percent(one.p)}`).join(", ");
    return {
      words: `${said}. ${caption.textContent}`,
      data: {
        answered: answer.key === `${picture.number} ${s.crops}` && !busy ? JSON.stringify(s) : "",
        best: JSON.stringify(best),
        ms: answer.ms,
        logits: JSON.stringify([...answer.logits]),
        map: map ? JSON.stringify([...map.values]) : "",
      },
    };
  };
}

const layerName = (path) => path.replace("inception_", "").replaceAll("_", " ");

// A button that opens the dialog for a file.
function chooser(words, accept, take) {
  const input = make("input", { type: "file", accept, hidden: true, "aria-label": words });
  const button = make("button", { type: "button" }, words);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = "";
  });
  return [button, input];
}

function dropped(root, take) {
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("iw-over");
  });
  root.addEventListener("dragleave", () => root.classList.remove("iw-over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("iw-over");
    for (const file of event.dataTransfer.files) take(file);
  });
}

// The camera: a first press shows it, a second takes the picture.
function recorder(video, shown) {
  let stream = null;
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    shown(false);
  };
  const press = async () => {
    if (stream) {
      const taken = drawn(video, video.videoWidth, video.videoHeight);
      stop();
      return taken;
    }
    if (!navigator.mediaDevices) {
      throw new Error("This browser gives no camera to a page opened in this way.");
    }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      throw new Error("The camera is not there, or the browser was not allowed to use it.");
    }
    video.srcObject = stream;
    await video.play();
    shown(true);
    return null;
  };
  return { press, stop };
}

// The layers of the trunk that give maps.
function mapsOf({ architecture: { layers, input } }) {
  let shape = input;
  return layers.filter((layer) => {
    shape = shapeAfter(layer, shape);
    return shape.length === 3 && shape[1] > 1 && layer.is !== "Dropout";
  }).map(({ name }) => name);
}

const lastOf = ({ architecture: { layers } }) => layers.findLast(({ is }) => is === "Linear").name;

// Of a module its branches, in order, and where in its channels each ends; of another layer one part.
function partsOf({ architecture: { layers, input } }, name) {
  let shape = input;
  for (const layer of layers) {
    if (layer.name === name) {
      if (layer.is !== "Branches") return [{ branch: null, end: Infinity }];
      let end = 0;
      return layer.branches.map((branch) => {
        end += branch.layers.reduce((s, inner) => shapeAfter(inner, s), shape)[0];
        return { branch: branch.name, end };
      });
    }
    shape = shapeAfter(layer, shape);
  }
  return [{ branch: null, end: Infinity }];
}

// The score of a class by position of the last maps, without the bias; null where the network does not end so.
function classMap({ architecture: { layers } }, { kept, classifier }, k) {
  const ending = layers.filter(({ is }) => is !== "Dropout").slice(-3);
  const [before, pool] = ending;
  if (pool.is !== "GlobalPool" || pool.output !== 1 || !kept[before.name]) return null;
  const { shape: [channels, rows, columns], values } = kept[before.name], area = rows * columns;
  const scores = new Float32Array(area);
  for (let c = 0; c < channels; c++) {
    const weight = classifier.values[k * channels + c];
    for (let i = 0; i < area; i++) scores[i] += weight * values[c * area + i];
  }
  return { values: scores, rows, columns };
}

function channelMap({ shape: [, rows, columns], values }, channel) {
  const own = values.slice(channel * rows * columns, (channel + 1) * rows * columns);
  return { values: own, rows, columns, power: 0.6 };
}

// The photograph, and where a map has its box in it, dark but where that is bright.
function light(canvas, { pixels }, map) {
  if (!pixels) return;
  const zoom = SHOWN / Math.max(pixels.width, pixels.height);
  canvas.width = Math.round(zoom * pixels.width);
  canvas.height = Math.round(zoom * pixels.height);
  const whole = make("canvas", { width: pixels.width, height: pixels.height });
  whole.getContext("2d").putImageData(pixels, 0, 0);
  const paper = canvas.getContext("2d");
  paper.imageSmoothingQuality = "high";
  paper.drawImage(whole, 0, 0, canvas.width, canvas.height);
  if (!map) return;
  const box = map.box.map((v) => v * zoom);
  darken(canvas, map, box);
  paper.strokeStyle = "#fff";
  paper.strokeRect(...box); // what the network saw
}

function list(root, best, nameOf, chosen, choose) {
  const focused = [...root.children].indexOf(document.activeElement);
  root.replaceChildren(...best.map((one, i) => {
    const button = make(
      "button",
      { type: "button", "aria-pressed": String(i + 1 === chosen) },
      make("span", {}, nameOf(one)),
      make("strong", {}, percent(one.p)),
      bar(one.p, "ink"),
    );
    button.addEventListener("click", () => choose(i + 1));
    return button;
  }));
  root.children[focused]?.focus();
}

export default { render: (context) => run({ wide: true, layout }, context) };
