// Where everything stands in the drawing of a convolution, in pixels of the page.

const limited = (value, low, high) => Math.min(high, Math.max(low, value));

export function placesAndSizes(width, { maps, conv }) {
  const { channels } = maps, outputs = conv.matrix.length, few = channels <= 8;
  const large = limited(0.27 * width, 92, 190), left = width - large;
  const shelfWidth = left - 22;
  const tall = few ? limited(1.15 * shelfWidth / channels, 60, 190) : limited(0.34 * shelfWidth, 84, 140);
  const along = few ? [0.62 * tall, -0.24 * tall] : [0.34 * tall, -0.2 * tall];
  const pitch = (shelfWidth - along[0]) / (few ? channels - 0.35 : channels),
    wide = few ? 0.8 * pitch : pitch;
  const lift = few ? 0 : 0.4 * tall;
  const top = 2 + lift - along[1], bottom = Math.max(top + tall, large + 26);
  const numbers = { top: bottom + 16, high: few ? 28 : 14 };
  const high = few ? 34 : limited(156 / outputs, 5, 12);
  const matrix = { top: numbers.top + numbers.high + 10, high };
  matrix.bottom = matrix.top + outputs * high;
  const bars = { top: matrix.bottom + 10, high: few ? 44 : 48 };
  const right = few ? (channels - 1) * pitch + wide : channels * pitch;
  const sums = { left: right + 22, wide: few ? 54 : 14 };
  sums.right = sums.left + sums.wide;
  const shelf = {
    top,
    bottom,
    lift,
    along,
    down: [0, tall],
    left: (place) => place * pitch,
    // the middle of a position, on the map at a place
    point: (place, { row, column }) => [
      place * pitch + (column + 0.5) / maps.width * along[0],
      top + (column + 0.5) / maps.width * along[1] + (row + 0.5) / maps.height * tall,
    ],
  };

  // What gives, of a later point of the pointer, the position on the map that it is on now; null on none.
  const hit = ([x, y]) => {
    const index = (column, row) =>
      limited(Math.floor(row), 0, maps.height - 1) * maps.width +
      limited(Math.floor(column), 0, maps.width - 1);
    const within = (column, row) => column >= 0 && column < maps.width && row >= 0 && row < maps.height;
    const flat = (px, py) => [(px - left) / large * maps.width, py / large * maps.height];
    if (within(...flat(x, y))) return ([px, py]) => index(...flat(px, py));
    for (let place = 0; place < channels; place++) {
      const on = (px, py) => {
        const u = (px - shelf.left(place)) / along[0];
        return [u * maps.width, (py - top - u * along[1]) / tall * maps.height];
      };
      if (within(...on(x, y))) return ([px, py]) => index(...on(px, py));
    }
    return null;
  };
  return {
    height: bars.top + bars.high + 4,
    pitch,
    wide,
    right,
    notes: right + 12,
    x: (place) => place * pitch,
    // where k x k numbers are drawn in a cell: they stay square where there is room
    tile(place, high, k) {
      const across = few && k > 1 ? high : wide;
      return [place * pitch + (wide - across) / 2, across];
    },
    shelf,
    numbers,
    matrix,
    bars,
    sums,
    large: { left, side: large },
    width,
    hit,
  };
}
