// Images of the kind on which the bundled network was trained, as inception_lib/data/shapes.py draws them:
// there the random numbers choose all, here the reader.

const cross = (u, v) => Math.max(u - 0.9, v - 0.28);
// Distance from the outline, negative inside, for an object of radius 1.
const OUTLINES = {
  disc: (u, v) => Math.hypot(u, v) - 0.9,
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) - 0.8,
  triangle: (u, v) => Math.max(Math.abs(u) * 0.866 + v * 0.5, -v) - 0.5,
  ring: (u, v) => Math.abs(Math.hypot(u, v) - 0.7) - 0.2,
  cross: (u, v) => Math.min(cross(Math.abs(u), Math.abs(v)), cross(Math.abs(v), Math.abs(u))),
  star: (u, v) => Math.hypot(u, v) - 0.62 - 0.3 * Math.cos(5 * Math.atan2(u, -v)),
  crescent: (u, v) => Math.max(Math.hypot(u, v) - 0.9, 0.75 - Math.hypot(u - 0.4, v)),
};
// Brightness at two angles.
const TEXTURES = {
  plain: () => 1,
  striped: (p) => Math.sin(p),
  checked: (p, q) => 2 * Math.sin(p) * Math.sin(q),
  dotted: (p, q) => 2 * (Math.cos(p) + Math.cos(q)) - 1.6,
};
const PEN = 0.035; // of the image's side: half the width of a line
const between = (low, value, high) => Math.min(high, Math.max(low, value));

// What is seen of a thing and its ground, by a number: colors (from 0 to 1), the turn of the ground's slope,
// the texture's waves, and noise for an image of `side` pixels. The same number looks the same everywhere.
export function look(number, side) {
  const random = randoms(number), color = (low, high) => [0, 1, 2].map(() => low + (high - low) * random());
  const apart = (a, b) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0);
  let ground, ink, second;
  do [ground, ink, second] = [color(0.1, 0.9), color(0, 1), color(0, 1)]; while (
    Math.min(apart(ink, ground), apart(ink, second)) <= 0.9 || apart(second, ground) <= 0.3
  );
  const other = ground.map((v) => between(0, v + 0.5 * random() - 0.25, 1));
  const angle = 2 * Math.PI * random(), waves = Math.PI * (3 + 1.5 * random());
  const phases = [2 * Math.PI * random(), 2 * Math.PI * random()];
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const noise = Float32Array.from({ length: 3 * side * side }, () => 0.04 * normal());
  return { ground, ink, second, other, angle, waves, phases, noise };
}

// Numbers from 0 to 1, the same for the same seed (mulberry32).
export function randoms(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

// An image, { data, width, height } as an ImageData has them. `thing` is { name, x, y, radius, turn }: a class,
// its center and radius of an image of side 1, its turn in radians; or { strokes } of the reader's own.
export function drawn(thing, seen, side) {
  const [outline, texture = "plain"] = thing.strokes ? [] : thing.name.split(" ").reverse();
  const { ground, ink, second, other, angle, waves, phases, noise } = seen;
  const shade = TEXTURES[texture], { x = 0.5, y = 0.5, radius = 0.5, turn = 0 } = thing;
  const cos = Math.cos(turn), sin = Math.sin(turn), across = Math.cos(angle), down = Math.sin(angle);
  const lines = thing.strokes && fromStrokes(thing.strokes, side);
  const data = new Uint8ClampedArray(4 * side * side);
  for (let i = 0, at = 0; i < side; i++) {
    const py = (i + 0.5) / side;
    for (let j = 0; j < side; j++, at++) {
      const px = (j + 0.5) / side, slope = across * (px - 0.5) + down * (py - 0.5) + 0.5;
      const u = ((px - x) * cos + (py - y) * sin) / radius, v = ((py - y) * cos - (px - x) * sin) / radius;
      const distance = thing.strokes ? lines[at] - PEN : OUTLINES[outline](u, v) * radius;
      const inside = between(0, 0.5 - distance * side, 1);
      const share = between(0, 0.5 + 1.5 * shade(waves * u + phases[0], waves * v + phases[1]), 1);
      for (let c = 0; c < 3; c++) {
        const behind = ground[c] + (other[c] - ground[c]) * slope;
        const color = behind * (1 - inside) + (ink[c] * share + second[c] * (1 - share)) * inside;
        data[4 * at + c] = Math.floor(255 * between(0, color + (noise ? noise[3 * at + c] : 0), 1));
      }
      data[4 * at + 3] = 255;
    }
  }
  return { data, width: side, height: side };
}

// Of each pixel its distance from the nearest line, as far as that matters.
function fromStrokes(strokes, side) {
  const least = new Float32Array(side * side).fill(1), reach = PEN + 1 / side;
  const pixels = (a, b) => [
    Math.max(0, Math.floor((Math.min(a, b) - reach) * side)),
    Math.min(side, Math.ceil((Math.max(a, b) + reach) * side)),
  ];
  for (const stroke of strokes) {
    stroke.forEach(([bx, by], n) => {
      const [ax, ay] = stroke[Math.max(0, n - 1)], dx = bx - ax, dy = by - ay, long = dx * dx + dy * dy || 1;
      const [left, right] = pixels(ax, bx), [top, bottom] = pixels(ay, by);
      for (let i = top; i < bottom; i++) {
        for (let j = left; j < right; j++) {
          const x = (j + 0.5) / side - ax, y = (i + 0.5) / side - ay;
          const t = between(0, (x * dx + y * dy) / long, 1);
          least[i * side + j] = Math.min(least[i * side + j], Math.hypot(x - t * dx, y - t * dy));
        }
      }
    });
  }
  return least;
}

// Strokes as text for the address: two letters for a point, on a grid of 60, and "-" between strokes.
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";

export function strokesOf(text) {
  const place = (letter) => (LETTERS.indexOf(letter) + 0.5) / LETTERS.length;
  return text.split("-").filter(Boolean).map((stroke) =>
    Array.from(stroke.match(/../g), ([x, y]) => [place(x), place(y)])
  );
}

// The text with one more point of the last stroke, or of a new one; the same text where nothing new is drawn,
// null where it would be longer than `most`.
export function withPoint(text, [x, y], begins, most) {
  const letter = (v) => LETTERS[between(0, Math.floor(v * LETTERS.length), LETTERS.length - 1)];
  const point = letter(x) + letter(y);
  if (!begins && text.endsWith(point)) return text;
  const longer = text + (begins && text ? "-" : "") + point;
  return longer.length > most ? null : longer;
}
