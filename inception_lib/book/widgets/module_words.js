// What the module's widget says: of the drawing, of the budget, and of the price.
import { fmt, short } from "./common.js";

export const percents = (hundredths) => `${(hundredths / 100).toFixed(1)}%`;

export function drawnWords(s, { reducedChannels, naiveChannels }) {
  const lanes = s.form === "reduced"
    ? [
      `3x3: ${fmt(s.reduce3x3)}, then ${fmt(s.n3x3)}.`,
      `5x5: ${fmt(s.reduce5x5)}, then ${fmt(s.n5x5)}.`,
      `Pool, then ${fmt(s.pool_proj)}.`,
    ]
    : [`3x3 to ${fmt(s.n3x3)}.`, `5x5 to ${fmt(s.n5x5)}.`, `Pool: ${fmt(s.c_in)}.`];
  const [name, out] = s.form === "reduced" ? ["With reductions", reducedChannels] : ["Naive", naiveChannels];
  return `${name}: ${fmt(s.c_in)} channels in. 1x1 to ${fmt(s.n1x1)}. ${lanes.join(" ")} ${
    fmt(out)
  } channels out.`;
}

export function stackWords(s, data) {
  const times = (data.naiveStackMacs / data.reducedStackMacs).toFixed(1);
  return `${s.stack} modules in a row. With reductions: ${fmt(data.reducedStackChannels)} channels, ` +
    `${short(data.reducedStackMacs)} MACs. Naive: ${fmt(data.naiveStackChannels)} channels, ` +
    `${short(data.naiveStackMacs)} MACs, ${times} times as many.`;
}

export function naiveWords(s, data) {
  return `Naive: ${fmt(data.naiveMacs)} MACs, ${
    (data.naiveMacs / data.budget).toFixed(1)
  } times the budget of ` +
    `${s.module}, for ${fmt(data.naiveChannels)} channels out. The pool alone passes on all ${
      fmt(s.c_in)
    } of its input.`;
}

// A budget to beat: as many channels out, for fewer MACs, and without seeing less of the input.
export function judge(s, data, preset, kept) {
  const goal = ["n1x1", "n3x3", "n5x5", "pool_proj"].reduce((n, name) => n + preset[name], 0);
  const task = `The budget of ${s.module}: ${fmt(data.budget)} MACs for ${fmt(goal)} channels out.`;
  if (Object.keys(preset).every((name) => s[name] === preset[name])) {
    return `${task} Can you keep the channels for less?`;
  }
  const off = data.reducedMacs - data.budget, more = data.reducedChannels - goal;
  const share = (100 * Math.abs(off) / data.budget).toFixed(1);
  const spent = off === 0
    ? "You spend exactly that"
    : `You are ${fmt(Math.abs(off))} MACs (${share}%) ${off < 0 ? "under" : "over"} it`;
  const channels = more === 0
    ? "with as many channels"
    : `with ${fmt(Math.abs(more))} channels ${more > 0 ? "more" : "fewer"}`;
  const said = `${task} ${spent}, ${channels}.`;
  if (off >= 0 || more < 0) return said;
  if (s.grid !== preset.grid || s.c_in !== preset.c_in) return `${said} But the budget is for another input.`;
  const lost = kept.filter(({ now, before }) => now < before)
    .map(({ branch, now, before }) =>
      `the ${branch} can see ${percents(now)} of the variance at most, not ${percents(before)}`
    );
  return lost.length ? `${said} The price: ${lost.join("; ")}.` : `${said} Beaten.`;
}
