// The losses over the epochs, drawn by uPlot.

const box = document.getElementById("losses");
const logarithmic = document.getElementById("logarithmic");
const HEIGHT = 210;
const MOST = 2000; // beyond this, every second point is left out

let chart = null;
let data = [[], [], []];
let colors = null;
let hasHeldOut = true;

const short = (value) => (value == null ? "" : String(Number(value.toPrecision(3))));

function make() {
  chart?.destroy();
  const axis = { stroke: colors.css.quiet, grid: { stroke: colors.css.line, width: 1 }, ticks: { stroke: colors.css.line } };
  const series = (label, stroke, dash) => ({
    label, stroke, dash, width: 2, points: { show: false }, value: (_, value) => (value == null ? "–" : value.toPrecision(4)),
  });
  const shown = [{ label: "Epoch" }, series("Training", colors.css.blue)];
  if (hasHeldOut) shown.push(series("Held out", colors.css.orange, [6, 3]));
  const options = {
    width: Math.max(box.clientWidth, 200),
    height: HEIGHT,
    scales: { x: { time: false }, y: { distr: logarithmic.checked ? 3 : 1, range: logarithmic.checked ? undefined : range } },
    axes: [{ ...axis, size: 34 }, { ...axis, size: 62, values: (_, ticks) => ticks.map(short) }],
    series: shown,
    cursor: { drag: { x: false, y: false } },
  };
  chart = new uPlot(options, visible(), box);
}

/** From zero to a little above the largest loss. */
const range = (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1];
const visible = () => (hasHeldOut ? data : data.slice(0, 2));

/** Begin anew. */
export function clearLosses(given, heldOut) {
  data = [[], [], []];
  colors = given;
  hasHeldOut = heldOut;
  make();
}

export function recolorLosses(given) {
  colors = given;
  if (chart) make();
}

/** A point more, to be drawn by `drawLosses`. */
export function addLoss({ epoch, loss, heldOut }) {
  const [epochs, training, held] = data;
  const last = epochs.length - 1;
  if (last >= 0 && epochs[last] === epoch) {
    training[last] = loss;
    held[last] = heldOut;
    return;
  }
  epochs.push(epoch);
  training.push(loss);
  held.push(Number.isNaN(heldOut) ? null : heldOut);
  if (epochs.length > MOST) data = data.map((column) => column.filter((_, i) => i % 2 === 0 || i === column.length - 1));
}

export function drawLosses() {
  chart?.setData(visible());
}

/** Say in words where the curves have come to. */
export function describeLosses({ epoch, loss, heldOut }) {
  const held = hasHeldOut ? `, held-out loss ${heldOut.toPrecision(4)}` : "";
  box.setAttribute("aria-label", `Losses by epoch. At epoch ${epoch}: training loss ${loss.toPrecision(4)}${held}.`);
}

logarithmic.onchange = () => colors && make();
new ResizeObserver(() => {
  if (chart && box.clientWidth) chart.setSize({ width: box.clientWidth, height: HEIGHT });
}).observe(box);
