// The network: a square for each unit, a line for each weight.

import { paint, penOf } from "./canvas.js";

const diagram = document.getElementById("diagram");
const links = document.getElementById("links");
const box = document.getElementById("unit");
const pen = penOf(links);

const SIZE = { largest: 46, smallest: 18, gap: 6, top: 26, side: 10, input: 92, narrow: 72, least: 40 };
const MOST_INPUTS = 10; // more are drawn as one

let described = null;
let nodes = []; // of each layer after the inputs: { button, pen, image, x, y, size }
let inputs = []; // { x, y, from, to }: the inputs that a drawn one stands for
let selected = null; // { layer, unit }

const inside = document.createElement("div");
inside.className = "inside";
inside.append(links);
diagram.append(inside);

/** Lay out a new network. */
export function showNetwork(given) {
  described = given;
  selected = null;
  box.hidden = true;
  layOut();
}

function layOut() {
  const { sizes, shape } = described;
  const most = Math.max(...sizes.slice(1));
  const size = Math.max(SIZE.smallest, Math.min(SIZE.largest, Math.floor(420 / most) - SIZE.gap));
  const height = SIZE.top + most * (size + SIZE.gap) + SIZE.side;
  const columns = sizes.length - 1;
  const input = diagram.clientWidth < 500 ? SIZE.narrow : SIZE.input;
  const width = Math.max(diagram.clientWidth, 2 * SIZE.side + input + columns * (size + SIZE.least));
  const step = (width - 2 * SIZE.side - input - size) / columns;
  const y = (units, i) => SIZE.top + (height - SIZE.top - SIZE.side) * ((i + 0.5) / units);
  inside.style.width = `${width}px`;
  inside.style.height = `${height}px`;
  const ratio = devicePixelRatio || 1;
  links.width = width * ratio;
  links.height = height * ratio;
  links.style.width = `${width}px`;
  links.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const parts = [links];

  const label = (text, x, top, className, extra = {}) => {
    const element = document.createElement("span");
    element.className = className;
    element.textContent = element.title = text;
    Object.assign(element.style, { left: `${x}px`, top: `${top}px`, ...extra });
    parts.push(element);
  };
  const few = sizes[0] <= MOST_INPUTS;
  const shown = few ? described.inputs : [`${sizes[0]} inputs`];
  inputs = shown.map((name, i) => {
    const at = y(shown.length, i);
    const room = Math.min(42, (height - SIZE.top) / shown.length);
    label(name, SIZE.side, at, "input", { width: `${input - 10}px`, maxHeight: `${room}px` });
    return { x: SIZE.side + input - 6, y: at, from: few ? i : 0, to: few ? i + 1 : sizes[0] };
  });

  nodes = sizes.slice(1).map((units, l) => {
    const x = SIZE.side + input + step * (l + 1);
    const name = l + 2 === sizes.length ? "output" : described.choices.hidden[l].activation;
    label(name, x - 30, 5, "layer-name", { width: `${size + 60}px` });
    return Array.from({ length: units }, (_, i) => {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      [canvas.height, canvas.width] = shape;
      button.type = "button";
      button.className = "node";
      button.setAttribute("aria-label", `${unitName(l, i)}: show its weights`);
      button.setAttribute("aria-pressed", "false");
      const top = y(units, i) - size / 2;
      Object.assign(button.style, { left: `${x}px`, top: `${top}px`, width: `${size}px`, height: `${size}px` });
      button.append(canvas);
      button.onclick = () => select(l, i);
      parts.push(button);
      const context = penOf(canvas);
      return { button, context, image: context.createImageData(shape[1], shape[0]), x, y: top + size / 2, size };
    });
  });
  inside.replaceChildren(...parts);
  if (selected) nodes[selected.layer][selected.unit].button.setAttribute("aria-pressed", "true");
}

function unitName(layer, unit) {
  const { sizes, classes } = described;
  if (layer + 2 < sizes.length) return `Layer ${layer + 1}, unit ${unit + 1}`;
  return classes.length > 2 ? `Output ${classes[unit]}` : "Output";
}

function select(layer, unit) {
  const same = selected && selected.layer === layer && selected.unit === unit;
  if (selected) nodes[selected.layer][selected.unit].button.setAttribute("aria-pressed", "false");
  selected = same ? null : { layer, unit };
  box.hidden = same;
  if (!same) nodes[layer][unit].button.setAttribute("aria-pressed", "true");
  diagram.dispatchEvent(new Event("selected"));
}

/** Draw the units of a frame. shadeOutput(k, i): the colour of output k at a point of the grid. */
export function drawUnits(frame, colors, shadeOutput) {
  const { sizes, shape } = described;
  nodes.forEach((layer, l) =>
    layer.forEach((node, unit) => {
      const values = l + 2 < sizes.length ? frame.hidden[l][unit] : null;
      const shade = values ? (i) => colors.scale[values[i] + 127] : (i) => shadeOutput(unit, i);
      paint(node.context, node.image, shape, shade);
    }),
  );
}

/** Draw the weights of a frame. */
export function drawLinks(frame, colors) {
  pen.clearRect(0, 0, links.width, links.height);
  frame.layers.forEach(({ weights }, l) => {
    const to = nodes[l];
    const from = l ? nodes[l - 1].map((node, i) => ({ x: node.x + node.size, y: node.y, from: i, to: i + 1 })) : inputs;
    let largest = 1;
    for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
    for (const start of from) {
      to.forEach((node, j) => {
        const weight = strongest(weights, to.length, j, start);
        const share = Math.abs(weight) / largest;
        pen.strokeStyle = weight < 0 ? colors.css.orange : colors.css.blue;
        pen.globalAlpha = 0.15 + 0.85 * share;
        pen.lineWidth = 0.4 + 4 * share;
        const middle = (start.x + node.x) / 2;
        pen.beginPath();
        pen.moveTo(start.x, start.y);
        pen.bezierCurveTo(middle, start.y, middle, node.y, node.x, node.y);
        pen.stroke();
      });
    }
  });
  pen.globalAlpha = 1;
}

/** The weight from an input, or of several that are drawn as one the largest. */
function strongest(weights, units, j, { from, to }) {
  let found = 0;
  for (let i = from; i < to; i++) {
    const weight = weights[i * units + j];
    if (Math.abs(weight) > Math.abs(found)) found = weight;
  }
  return found;
}

/** The numbers of the chosen unit. */
export function showUnit(frame) {
  if (!selected || !frame) return;
  const { layer, unit } = selected;
  const { weights, biases } = frame.layers[layer];
  const units = described.sizes[layer + 1];
  const name = layer + 2 < described.sizes.length ? described.choices.hidden[layer].activation : "output";
  document.getElementById("unit-title").textContent = unitName(layer, unit);
  document.getElementById("unit-scale").textContent = `Activation: ${name}. Numbers at epoch ${frame.epoch.toLocaleString("en")}.`;
  const rows = [];
  for (let i = 0; i < described.sizes[layer]; i++) {
    rows.push([layer ? `Layer ${layer}, unit ${i + 1}` : described.inputs[i], weights[i * units + unit]]);
  }
  if (biases) rows.push(["Bias", biases[unit]]);
  document.getElementById("unit-weights").replaceChildren(
    ...rows.map(([from, value]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = from;
      const cell = document.createElement("td");
      cell.className = "figure";
      cell.textContent = value.toFixed(4);
      row.append(head, cell);
      return row;
    }),
  );
}

/** Call `redraw` where the diagram has a new width, or another unit is chosen. */
export function onNetworkChange(redraw) {
  let width = 0;
  new ResizeObserver(() => {
    if (!described || diagram.clientWidth === width) return;
    width = diagram.clientWidth;
    layOut();
    redraw();
  }).observe(diagram);
  diagram.addEventListener("selected", redraw);
}
