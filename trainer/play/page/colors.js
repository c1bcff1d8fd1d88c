// Colours of numbers: from orange (-1) over the middle (0) to blue (+1), as the style sheet has them for light and dark.

export const STEPS = 255;
const CLASSES = 10;
const SOFT = 0.45; // of a colour's strength, so that points stand out on it

function rgb(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1);
  const full = value.length === 3 ? [...value].map((digit) => digit + digit).join("") : value;
  return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16));
}

const mixed = (from, to, share) => from.map((value, i) => Math.round(value + (to[i] - value) * share));
const packed = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r; // as ImageData holds it, byte by byte

/** The colours of the present theme. scale, soft: 255 packed colours from -1 to 1; css: names to colours as text. */
export function readColors() {
  const [orange, middle, blue, paper] = ["--orange", "--middle", "--blue", "--paper"].map(rgb);
  const [scale, soft] = [1, SOFT].map((most) =>
    Uint32Array.from({ length: STEPS }, (_, i) => {
      const value = (2 * i) / (STEPS - 1) - 1;
      return packed(mixed(middle, value < 0 ? orange : blue, most * Math.abs(value)));
    }),
  );
  const classes = Array.from({ length: CLASSES }, (_, i) => rgb(`--class-${i}`));
  const css = {};
  for (const name of ["ink", "quiet", "line", "panel", "paper", "blue", "orange"]) {
    css[name] = `rgb(${rgb(`--${name}`).join(" ")})`;
  }
  return {
    scale,
    soft,
    css,
    ofClass: (k) => `rgb(${classes[k % CLASSES].join(" ")})`,
    /** Of a class with a probability from 0 to 1: the surer, the stronger. */
    packedClass: (k, probability, softly) => packed(mixed(paper, classes[k % CLASSES], (softly ? SOFT : 1) * probability)),
    /** Of a value from -1 to 1. */
    ofValue(value) {
      const [r, g, b] = mixed(middle, value < 0 ? orange : blue, Math.min(Math.abs(value), 1));
      return `rgb(${r} ${g} ${b})`;
    },
  };
}

/** Call `change` whenever the system goes from light to dark or back. */
export function onThemeChange(change) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", change);
}
