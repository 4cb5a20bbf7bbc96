// What is moved in a drawing itself, by mouse, finger or keys, and what plays by itself.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Makes a slider of an element: { label, min, max, step, page, now(), set(value), at(event), text(value) }.
// `at` gives the value where the pointer is, of whatever fineness; `page` is the step of Page Up and Down.
// Shift makes single steps of 1. Gives what must be called when the value has changed.
export function slider(el, { label, min, max, step = 1, page = 10 * step, now, set, at, text = String }) {
  for (const [name, value] of Object.entries({ tabindex: 0, role: "slider", "aria-label": label })) {
    el.setAttribute(name, value);
  }
  el.style.touchAction = "none"; // the finger moves it, and not the page
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for itself
  const limits = () => [min, max].map((limit) => typeof limit === "function" ? limit() : limit);
  const to = (value, fine) => {
    const [low, high] = limits(), by = fine ? Math.min(1, step) : step;
    const next = clamp(Number((Math.round(value / by) * by).toFixed(6)), low, high);
    if (next !== now()) set(next);
  };
  let held = false;
  el.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault(); // no text is selected on the way
    el.focus();
    el.setPointerCapture(event.pointerId);
    held = true;
    to(at(event), event.shiftKey);
  });
  el.addEventListener("pointermove", (event) => held && to(at(event), event.shiftKey));
  for (const end of ["pointerup", "pointercancel"]) el.addEventListener(end, () => (held = false));
  el.addEventListener("keydown", (event) => {
    const [low, high] = limits(), by = event.shiftKey ? Math.min(1, step) : step;
    const next = {
      ArrowLeft: () => now() - by,
      ArrowDown: () => now() - by,
      ArrowRight: () => now() + by,
      ArrowUp: () => now() + by,
      PageDown: () => now() - page,
      PageUp: () => now() + page,
      Home: () => low,
      End: () => high,
    }[event.key];
    if (!next) return;
    event.preventDefault();
    const value = clamp(Number(next().toFixed(6)), low, high);
    if (value !== now()) set(value);
  });
  return () => {
    const [low, high] = limits(), value = now();
    const said = { valuemin: low, valuemax: high, valuenow: value, valuetext: text(value) };
    for (const [name, given] of Object.entries(said)) el.setAttribute(`aria-${name}`, given);
  };
}

// Whether the reader has asked for less motion: what plays then goes to its end at once.
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// A button that plays: `step` goes on by one and says whether there is more; `end` goes to the end at once.
export function player(button, { step, end, ms = 120, names = ["▶ Play", "⏸ Pause"] }) {
  let timer = 0;
  const name = () => (button.textContent = names[timer ? 1 : 0]);
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    name();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (calm()) return end();
    timer = setInterval(() => (!button.isConnected || !step()) && stop(), ms);
    name();
  });
  name();
  return { stop, playing: () => Boolean(timer) };
}
