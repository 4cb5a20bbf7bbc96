// Colors and small pictures for the drawing of a convolution.

const bytesOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// The page's colors, which change with its theme.
export function colorsOf(root) {
  const style = getComputedStyle(root), named = (name) => style.getPropertyValue(`--iw-${name}`).trim();
  const text = style.color, faint = text.replace(/^rgb\(([^)]*)\)$/, "rgba($1, 0.3)");
  return {
    key: text,
    text,
    ink: text,
    edge: faint,
    page: pageOf(root),
    accent: named("accent"),
    plus: named("violet"),
    minus: named("olive"),
  };
}

// Draws again when the drawing's size or the page's colors change; gives what ends that.
export function watch(root, draw) {
  const size = new ResizeObserver(draw), fade = 600; // milliseconds that the theme takes to change its colors
  const theme = new MutationObserver(() => {
    draw();
    setTimeout(draw, fade);
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  size.observe(root);
  document.fonts?.ready.then(() => root.isConnected && draw()); // words are drawn in the page's typeface
  theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", draw);
  return () => {
    size.disconnect();
    theme.disconnect();
    dark.removeEventListener("change", draw);
  };
}

// The color behind it all, which may be that of any element around.
function pageOf(root) {
  for (let el = root; el; el = el.parentElement) {
    const color = getComputedStyle(el).backgroundColor;
    if (!/^(transparent|rgba\(.*, 0\))$/.test(color)) return color;
  }
  return "Canvas";
}

export function imageCanvas(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export function pictured(width, height, colorAt) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(colorAt(i), 4 * i);
  return imageCanvas(image);
}

// How values are shown: `photo` maps in gray or their tints, from black to their largest; others like panes of
// glass, clear at 0, violet above and olive below, with a root so that little is seen too.
export function shadeOf(values, { plus, minus, photo }) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  if (photo) {
    const low = values.reduce((a, b) => Math.min(a, b), 0), high = values.reduce((a, b) => Math.max(a, b), 0);
    return (v, tint = [1, 1, 1]) => [...tint.map((t) => 255 * t * (v - low) / (high - low + 1e-9)), 255];
  }
  const [above, below] = [bytesOf(plus), bytesOf(minus)];
  return (v) => [...(v < 0 ? below : above), 255 * Math.sqrt(Math.abs(v) / most)];
}

export function mapImages({ channels, width, height, area }, values, shade, tints) {
  return Array.from(
    { length: channels },
    (_, c) => pictured(width, height, (i) => shade(values[c * area + i], tints?.[c])),
  );
}

// The weights, each kernel in k x k pixels.
export function imageOf({ matrix, pattern }, colors) {
  const side = pattern.length, across = matrix[0].length * side;
  const weights = Array.from({ length: matrix.length * side * across }, (_, i) => {
    const row = Math.floor(i / across), column = i % across;
    return matrix[Math.floor(row / side)][Math.floor(column / side)] * pattern[row % side][column % side];
  });
  const shade = shadeOf(weights, colors);
  return pictured(across, matrix.length * side, (i) => shade(weights[i]));
}

// What the window shows of each map, side by side.
export function patchImage({ maps, conv, row, column, tints }, shade) {
  const side = conv.pattern.length, far = (side - 1) / 2, { width, height, area, values, channels } = maps;
  const image = pictured(side * channels, side, (i) => {
    const c = Math.floor(i % (side * channels) / side);
    const r = row - far + Math.floor(i / (side * channels)), q = column - far + i % side;
    const inside = r >= 0 && r < height && q >= 0 && q < width;
    return shade(inside ? values[c * area + r * width + q] : 0, tints?.[c]);
  });
  return { image, side };
}

// A map as a parallelogram: its corner, its way along a row, and its way down a column.
export function leaning(ctx, image, corner, along, down, alpha = 1) {
  ctx.save();
  ctx.globalAlpha = alpha;
  ctx.transform(
    along[0] / image.width,
    along[1] / image.width,
    down[0] / image.height,
    down[1] / image.height,
    ...corner,
  );
  ctx.drawImage(image, 0, 0);
  ctx.restore();
}

export function outline(ctx, corner, along, down, color, wide = 1, fill = null) {
  ctx.beginPath();
  ctx.moveTo(...corner);
  ctx.lineTo(corner[0] + along[0], corner[1] + along[1]);
  ctx.lineTo(corner[0] + along[0] + down[0], corner[1] + along[1] + down[1]);
  ctx.lineTo(corner[0] + down[0], corner[1] + down[1]);
  ctx.closePath();
  if (fill) {
    ctx.fillStyle = fill;
    ctx.fill();
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = wide;
  ctx.stroke();
}

// The typeface of a drawing, which is that of the page around it.
export function faceOf(ctx) {
  return getComputedStyle(ctx.canvas).fontFamily || "sans-serif";
}

// Words in the drawing, their middle at a height, if need be with a seam against the ground under them.
export function label(ctx, text, x, y, { color, center = false, bold = false, seam = null }) {
  ctx.font = `${bold ? "600 " : ""}12.5px ${faceOf(ctx)}`;
  ctx.textAlign = center ? "center" : "left";
  ctx.textBaseline = "middle";
  if (seam) {
    ctx.strokeStyle = seam;
    ctx.lineWidth = 3;
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
  }
  ctx.fillStyle = color;
  ctx.fillText(text, x, y);
}
