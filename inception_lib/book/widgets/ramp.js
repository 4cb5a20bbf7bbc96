// Colors of a feature map's values.

// 256 colors from black over a branch's to white, in gray where there is none; as an ImageData has them.
const ramps = new Map();
export function rampOf(root, branch) {
  const color = branch ? getComputedStyle(root).getPropertyValue(`--iw-${branch}`).trim() : "#7f7f7f";
  if (!ramps.has(color)) {
    const middle = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
    ramps.set(
      color,
      Uint32Array.from({ length: 256 }, (_, i) => {
        const [r, g, b] = middle.map((v) =>
          Math.round(i < 128 ? v * i / 127.5 : v + (255 - v) * (i / 127.5 - 1))
        );
        return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
      }),
    );
  }
  return ramps.get(color);
}
