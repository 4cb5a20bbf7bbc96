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

const css = ([r, g, b, alpha]) => `rgba(${r}, ${g}, ${b}, ${alpha / 255})`;

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

// What each channel adds to the sum, over the baseline or under it.
export function bars({ ctx, at, view, colors, places, chosen }) {
  const { products, value } = view.sum, { top, high } = at.bars;
  const most = Math.max(...products.map(Math.abs), 1e-9);
  const negative = products.some((p) => p < 0), zero = top + high * (negative ? 0.5 : 1);
  const unit = high * (negative ? 0.5 : 1) / most;
  places.forEach((place, c) => {
    ctx.fillStyle = products[c] < 0 ? colors.minus : colors.plus;
    ctx.globalAlpha = c === chosen ? 1 : 0.7;
    const gap = at.wide > 20 ? 0.2 * at.wide : 1;
    ctx.fillRect(at.x(place) + gap / 2, zero, at.wide - gap, -products[c] * unit);
  });
  ctx.globalAlpha = 1;
  ctx.fillStyle = colors.edge;
  ctx.fillRect(0, zero, at.right, 1);
  ctx.font = "12.5px system-ui, sans-serif";
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = colors.text;
  ctx.fillText("products; their", at.notes, top + high / 2 - 8);
  ctx.fillText(`sum: ${value.toFixed(view.maps.channels <= 8 ? 1 : 2)}`, at.notes, top + high / 2 + 8);
}

// The sums beside the rows of the matrix, and the output maps, flat, one under the other.
export function floors({ ctx, at, view, images, colors }, leaning, outline) {
  const { top, high } = at.matrix, { outputs } = view.conv, { left, wide } = at.sums;
  const from = at.sums.right + 34, lean = 22, deep = 46;
  outputs.forEach((map, j) => {
    const color = images.shadeOut(map[view.position]);
    ctx.fillStyle = css(color);
    ctx.fillRect(left, top + j * high, wide, high);
    ctx.strokeStyle = colors.edge;
    ctx.lineWidth = 1;
    ctx.strokeRect(left, top + j * high, wide, high);
    if (wide > 40) {
      ctx.fillStyle = color[0] > 120 ? "#000" : "#fff";
      ctx.font = "600 13px system-ui, sans-serif";
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(map[view.position].toFixed(1), left + wide / 2, top + (j + 0.5) * high);
    }
  });
  for (let j = outputs.length - 1; j >= 0 && outputs.length > 1; j--) {
    const corner = [from + lean, top + (j + 0.5) * high - deep / 2], along = [at.width - from - lean - 2, 0];
    leaning(ctx, images.outputs[j], corner, along, [-lean, deep]);
    const own = j === view.output;
    outline(ctx, corner, along, [-lean, deep], own ? colors.accent : colors.edge, own ? 1.5 : 0.75);
  }
  ctx.strokeStyle = colors.ink;
  ctx.lineWidth = 2;
  ctx.strokeRect(left, top + view.output * high, wide, high);
  ctx.fillStyle = colors.text;
  ctx.font = "600 15px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText("=", left - 11, top + (view.output + 0.5) * high);
}
