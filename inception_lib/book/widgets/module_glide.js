// Goes smoothly from one picture, an object of numbers, to the next: every number on its own way.
import { calm } from "./hands.js";

const GLIDE = 700; // milliseconds

const eased = (t) => t * t * (3 - 2 * t);

// What is no number (a name, a kernel) changes halfway; lists must be of equal length.
export function between(a, b, t) {
  if (typeof b === "number") return typeof a === "number" ? a + (b - a) * t : b;
  if (Array.isArray(b) && Array.isArray(a) && a.length === b.length) {
    return b.map((one, i) => between(a[i], one, t));
  }
  if (b && typeof b === "object" && !Array.isArray(b)) {
    return Object.fromEntries(Object.keys(b).map((key) => [key, between(a?.[key], b[key], t)]));
  }
  return t < 0.5 && a !== undefined ? a : b;
}

// Gives (picture, smooth): draws it at once, or after all that lies between what is drawn and it.
export function glide(draw) {
  let shown = null, frame = 0;
  const show = (picture) => draw(shown = picture);
  return (picture, smooth) => {
    cancelAnimationFrame(frame);
    if (!smooth || !shown || calm() || document.hidden) return show(picture);
    const from = shown;
    let start = null;
    const step = (now) => {
      start ??= now;
      const t = Math.min(1, (now - start) / GLIDE);
      show(t < 1 ? between(from, picture, eased(t)) : picture);
      if (t < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };
}
