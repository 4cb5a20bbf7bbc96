// What the X-ray computes, for test_xray.py: `deno run --allow-read xray_model.js JOB`.
import { Network } from "../inception_lib/book/live/engine.js";
import { explain, fieldOf, largest, softmax, wayTo } from "../inception_lib/book/live/explain.js";
import { complete } from "../inception_lib/book/live/files.js";
import { kernels } from "../inception_lib/book/live/kernels.js";
import { drawn, look, strokesOf, withPoint } from "../inception_lib/book/live/shapes.js";
import { unpack } from "../inception_lib/book/live/weights.js";

const job = JSON.parse(Deno.readTextFileSync(Deno.args[0]));

const tasks = {
  // of each asked { path, channel, row, column } what explain() finds, and fieldOf()
  async explained({ about, data, input, shape, known, asked }) {
    const bytes = Deno.readFileSync(data), values = new Float32Array(Deno.readFileSync(input).buffer);
    const architecture = complete(about.architecture, known.defaults);
    const network = new Network(architecture, unpack(about.weights, bytes), await kernels(null));
    const { kept, logits } = await network.run({ input: values, shape, keep: "all" });
    const found = asked.map(({ path, ...at }) => {
      const way = wayTo(architecture, path), { layer, from } = way.at(-1);
      const weighted = ["Conv", "Linear"].includes(layer.is);
      const result = explain(layer, kept[from], at, weighted ? network.filtersOf(path) : null);
      const { shown, others, rest } = largest(result.terms ?? [], 3);
      return { ...result, field: fieldOf(way, at.row, at.column), shown, others, rest };
    });
    return { found, softmax: softmax(logits) };
  },
  drawn: ({ things, side }) => things.map(({ thing, seen }) => Array.from(drawn(thing, seen, side).data)),
  looks: ({ numbers, side }) => numbers.map((n) => ({ ...look(n, side), noise: [...look(n, side).noise] })),
  strokes({ points, most }) {
    let text = "";
    const texts = points.map(([x, y, begins]) => {
      const longer = withPoint(text, [x, y], begins, most);
      return text = longer ?? text, longer;
    });
    return { texts, strokes: strokesOf(text) };
  },
};

console.log(JSON.stringify(await tasks[job.task](job)));
