// The bundled network behind a widget: it answers the newest image, one after the other.
import { Live, parts } from "../live/client.js";

// `keep` are paths whose outputs are wanted, `weights` layers whose weights are. Calls `changed` when there is
// an `answer`, { key, logits, kept }, or when it has `failed`, which is then a sentence. `gone` gets what ends it.
export function running(model, gone, { keep, weights = [] }, changed) {
  const own = { answer: null, failed: null, filters: {} };
  let asking = false, wanted = null, live = null;
  const start = async () => {
    const all = await parts(model), opened = new Live(all);
    await opened.open(all.networks["shapes-1"]);
    for (const path of weights) own.filters[path] = await opened.filters(path);
    return opened;
  };
  gone.push(() => live?.then((opened) => opened.close(), () => {}));
  own.ask = async (image, key) => {
    wanted = { image, key };
    if (asking || own.failed) return;
    asking = true;
    try {
      live ??= start();
      const opened = await live;
      while (own.answer?.key !== wanted.key) {
        const { image, key } = wanted;
        own.answer = { key, ...await opened.run({ image, keep, wait: true }) };
        changed();
      }
    } catch (error) {
      own.failed = error.message;
      changed();
    }
    asking = false;
  };
  return own;
}
