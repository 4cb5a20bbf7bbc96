// The geometry of a module's drawing: lanes along which channels flow, as thick as they are many.
//
// A picture is { input, channels, macs, lanes: [{ name, branch, shade, gates }] }.  `channels` and `macs` are
// what the scales have to hold at least. A gate is { at, width, macs, shade, kernels, pool }: where it is in its
// lane (0 to 1), the channels after it and how deep their color is, and the kernels of what it computes.

const GAP = 12; // pixels between two lanes
const FIRST = 0.17, LAST = 0.74; // where in its lane the first gate is, and the last
const HALF = 20; // pixels of a gate's narrowing, on either side

// Where everything is: `along` in the direction of flow, `across` it, in pixels of a `length` by `breadth`.
export function plan(picture, { length, breadth, upright, fixed }) {
  const { input, lanes } = picture;
  const slots = lanes.map(({ gates }) => Math.max(input, ...gates.map(({ width }) => width)));
  const sum = slots.reduce((a, b) => a + b, 0);
  const scale = fixed?.scale ?? (breadth - GAP * lanes.length) / Math.max(picture.channels, sum);
  const free = Math.max(GAP, (breadth - scale * sum) / lanes.length);
  // lanes begin after the fan of the input, and end before that of the output
  const edge = upright
    ? { trunk: 16, begin: 78, end: length - 76, out: length - 18 }
    : { trunk: 46, begin: 0.19 * length, end: 0.8 * length, out: length - 58 };
  let across = free / 2;
  const placed = lanes.map((lane, i) => {
    const axis = fixed?.axes[i] ?? across + scale * slots[i] / 2;
    across += scale * slots[i] + free;
    const inside = edge.end - edge.begin;
    const gates = lane.gates.map((gate) => ({
      ...gate,
      along: edge.begin + inside * (FIRST + (LAST - FIRST) * gate.at),
      thick: scale * gate.width,
    }));
    return { ...lane, axis, gates, thick: scale * input };
  });
  const room = roomOf(placed, edge), widest = scale * Math.max(input, Math.min(...slots));
  return {
    ...edge,
    scale,
    length,
    breadth,
    upright,
    lanes: placed,
    middle: breadth / 2,
    room,
    cell: cellOf(picture, room, widest),
  };
}

// The least distance of two gates of one lane that both compute.
function roomOf(lanes, { begin, end }) {
  let least = (end - begin) / 2;
  for (const { gates } of lanes) {
    const real = gates.filter(({ macs, pool }) => macs > 0 || pool).map(({ along }) => along);
    for (let i = 1; i < real.length; i++) least = Math.min(least, Math.max(18, real[i] - real[i - 1]));
  }
  return least;
}

// The side in pixels of a square that stands for one MAC: a glyph's area is its MACs, and the largest has room.
function cellOf({ lanes, macs }, room, thick) {
  let cell = Math.min(room, thick) * 0.92 / Math.sqrt(macs);
  for (const { gates } of lanes) {
    for (const gate of gates) {
      for (const [rows, columns] of gate.kernels) {
        const side = Math.sqrt(gate.macs / gate.kernels.length / (rows * columns)) * Math.max(rows, columns);
        if (side > 0) cell = Math.min(cell, 0.88 * Math.min(room, Math.max(thick, 40)) / side);
      }
    }
  }
  return cell;
}

// A ribbon along a lane, from one place to another, as the outline of a path; it narrows in an S.
export function ribbon(at, [a, from, thickA], [b, to, thickB]) {
  const middle = (a + b) / 2, p = (along, across) => at(along, across).map((n) => n.toFixed(1)).join(" ");
  return `M${p(a, from - thickA / 2)}C${p(middle, from - thickA / 2)} ${p(middle, to - thickB / 2)} ` +
    `${p(b, to - thickB / 2)}L${p(b, to + thickB / 2)}C${p(middle, to + thickB / 2)} ` +
    `${p(middle, from + thickA / 2)} ${p(a, from + thickA / 2)}Z`;
}

// A lane from its begin to its end: its outline, and where its color has which depth, as [along, shade].
export function course(at, lane, { begin, end }) {
  const outline = [], shades = [];
  let from = begin, thick = lane.thick, shade = lane.shade;
  const go = (along, next) => {
    outline.push(ribbon(at, [from, lane.axis, thick], [along, lane.axis, next]));
    from = along;
    thick = next;
  };
  lane.gates.forEach((gate, i) => {
    const last = lane.gates[i - 1]?.along ?? begin, next = lane.gates[i + 1]?.along ?? end;
    const half = Math.max(0, Math.min(HALF, (gate.along - last) / 2, (next - gate.along) / 2));
    go(gate.along - half, thick);
    shades.push([from, shade]);
    shade = gate.shade;
    go(gate.along + half, gate.thick);
    shades.push([from, shade]);
  });
  go(end, thick);
  return { outline: outline.join(""), shades };
}

// The outputs of the lanes, one beside the other: of each [middle, thickness] in the concatenation.
export function stackedOutputs({ lanes, middle }) {
  const thick = lanes.map(({ gates }) => gates.at(-1).thick);
  let across = middle - thick.reduce((a, b) => a + b, 0) / 2;
  return thick.map((one) => {
    across += one;
    return [across - one / 2, one];
  });
}
