// What a slider's way stands for. Where a setting says scale "log", equal ways are equal factors: a pixel
// tells as much between 4 and 8 as between 512 and 1024.

// Of a logarithmic slider: its whole way, and how near it snaps to a tick; steps of `coarse` begin at `from`.
const SLIDER = { way: 1000, near: 7, coarse: 8, from: 64 };

// { limits, position(value), value(position, fine) }: the limits of the range input, where on it a value is,
// and the value at a position, `fine` without steps of 8 and without snapping to ticks.
export function sliderScale({ min, max, step, scale, ticks = [] }) {
  if (scale !== "log") return { limits: { min, max, step }, position: (v) => v, value: (at) => at };
  const { way, near, coarse, from } = SLIDER;
  const position = (v) => way * Math.log(v - min + 1) / Math.log(max - min + 1);
  const value = (at, fine) => {
    const tick = ticks.find((one) => Math.abs(position(one) - at) <= near);
    if (tick !== undefined && !fine) return tick;
    const exact = min - 1 + (max - min + 1) ** (at / way);
    const by = fine || exact < from || at >= way ? 1 : coarse;
    return Math.min(max, Math.max(min, Math.round(exact / by) * by));
  };
  return { limits: { min: 0, max: way, step: 1 }, position, value };
}

// Where ticks stand, as shares of the way, and which are labeled: those that have room for it.
export function sliderTicks(field) {
  const { limits, position } = sliderScale(field), room = 0.1;
  let free = -1;
  return (field.ticks ?? []).map((value) => {
    const share = (position(value) - limits.min) / (limits.max - limits.min), labeled = share >= free;
    if (labeled) free = share + room;
    return { value, share, labeled };
  });
}
