// Several workers with the same network, so that many crops take less time. The first is there at once, the
// others when there is more than one crop.
import { Live } from "../live/client.js";

const MOST = 4; // workers: each has the weights for itself

export class Crew {
  // `all` is what the engine needs, `what` a File or a network of the page.
  constructor(all, what) {
    Object.assign(this, { all, what, workers: [], stopped: false });
  }

  async begin() {
    const first = new Live(this.all);
    this.workers.push(Promise.resolve(first));
    this.about = await first.open(this.what);
    return this.about;
  }

  // Runs images, that at `main` with its outputs kept. `tick` hears how many are done. Null if it was stopped.
  async run(images, { main, keep, tick }) {
    this.stopped = false;
    const wanted = Math.min(images.length, MOST, Math.max(1, navigator.hardwareConcurrency ?? 2));
    while (this.workers.length < wanted) {
      const live = new Live(this.all);
      this.workers.push(live.open(this.what).then(() => live));
    }
    const answers = Array(images.length), left = images.map((_, i) => i);
    let done = 0;
    await Promise.all(this.workers.map(async (worker) => {
      const live = await worker;
      while (left.length && !this.stopped) {
        const i = left.shift();
        answers[i] = await live.run({ image: images[i], keep: i === main ? keep : [], wait: true });
        tick(++done);
      }
    }));
    return this.stopped ? null : answers;
  }

  stop() {
    this.stopped = true;
  }

  filters(path) {
    return this.workers[0].then((live) => live.filters(path));
  }

  close() {
    this.stopped = true;
    for (const worker of this.workers) worker.then((live) => live.close(), () => {});
  }
}
