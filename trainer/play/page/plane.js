// The picture of the output: colours over two inputs, or a curve over one, with the rows as points.

import { paint, penOf } from "./canvas.js";

const plane = document.getElementById("plane");
const points = document.getElementById("points");
const legend = document.getElementById("legend");
const RADIUS = 3.4;

let described = null;
let image = null; // the grid, one pixel a point

const isLine = () => described.low.length === 1;
const isNumber = () => described.classes.length === 0;
const clipped = (value) => Math.max(-1, Math.min(1, value));

/** A number as a value from -1 to 1, by the range of the targets. */
function scaled(value) {
  const [low, high] = described.range;
  return high > low ? clipped((2 * (value - low)) / (high - low) - 1) : 0;
}

/** Prepare for new data. */
export function showPlane(given, colors) {
  described = given;
  image = new ImageData(described.shape[1], described.shape[0]);
  const [x, y] = isLine() ? [described.axes[0], described.target] : described.axes;
  document.getElementById("axis-x").textContent = x;
  document.getElementById("axis-y").textContent = y;
  document.getElementById("plane-text").textContent = inWords();
  drawPoints(colors);
}

const sized = (canvas) => {
  const side = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  return side;
};

/** Where a row lies, as parts of the picture's width and height from its upper left corner. */
function place(row) {
  const part = (value, i) => (value - described.low[i]) / (described.high[i] - described.low[i]);
  const [x, y] = described.points[row];
  return [part(x, 0), 1 - (isLine() ? height(described.targets[row]) : part(y, 1))];
}

/** Of a number on the axis of a line's picture, with room above and below. */
function height(value) {
  const [low, high] = described.range;
  return 0.1 + (0.8 * (value - low)) / (high - low || 1);
}

/** The colour of one output at a point of the grid: a function of the output's number and the point's. soft: behind points. */
export function shadeOf(frame, colors, soft = false) {
  const scale = soft ? colors.soft : colors.scale;
  const level = isNumber() ? scaled : (p) => 2 * p - 1;
  const several = described.classes.length > 2;
  return (k, i) => {
    const value = frame.outputs[k][i];
    return several ? colors.packedClass(k, value, soft) : scale[Math.round(127 + 127 * clipped(level(value)))];
  };
}

/** Draw a frame. */
export function drawPlane(frame, colors) {
  if (isLine()) {
    drawLine(penOf(plane), sized(plane), frame, colors);
    return;
  }
  // The browser makes it large, smoothly.
  if (plane.width !== image.width) [plane.width, plane.height] = [image.width, image.height];
  const shade = shadeOf(frame, colors, true);
  const several = described.classes.length > 2;
  const shadeAt = several ? (i) => ofSurest(frame, colors, i) : (i) => shade(0, i);
  paint(penOf(plane), image, described.shape, shadeAt);
}

function ofSurest(frame, colors, i) {
  let best = 0;
  for (let k = 1; k < frame.outputs.length; k++) if (frame.outputs[k][i] > frame.outputs[best][i]) best = k;
  return colors.packedClass(best, frame.outputs[best][i], true);
}

function drawLine(pen, side, frame, colors) {
  const values = frame.outputs[0];
  pen.fillStyle = colors.css.panel;
  pen.fillRect(0, 0, side, side);
  pen.strokeStyle = colors.css.blue;
  pen.lineWidth = 3 * (devicePixelRatio || 1);
  pen.beginPath();
  values.forEach((value, i) => pen.lineTo((side * i) / (values.length - 1), side * (1 - height(value))));
  pen.stroke();
}

/** The rows: full where they are trained on, rings where they are held out. */
export function drawPoints(colors) {
  if (!described) return;
  const side = sized(points);
  const pen = penOf(points);
  const count = described.points.length;
  const radius = RADIUS * (devicePixelRatio || 1) * (count > 1500 ? 0.6 : count < 10 ? 2 : 1);
  pen.clearRect(0, 0, side, side);
  pen.globalAlpha = isLine() && count > 10 ? 0.5 : 1;
  const edge = isNumber() ? colors.css.ink : colors.css.paper;
  described.points.forEach((_, row) => {
    const [x, y] = place(row);
    const color = colorOf(row, colors);
    pen.beginPath();
    pen.arc(x * side, y * side, radius, 0, 7);
    pen.fillStyle = described.trained[row] ? color : colors.css.paper;
    pen.fill();
    if (described.trained[row]) {
      pen.strokeStyle = edge;
      pen.lineWidth = radius * 0.25;
      pen.stroke();
      return;
    }
    // A ring may have the colour of what is behind it, so it has an edge, too.
    for (const [stroke, width] of [[edge, 1.1], [color, 0.7]]) {
      pen.strokeStyle = stroke;
      pen.lineWidth = radius * width;
      pen.stroke();
    }
  });
  const kinds = isNumber() ? numberLegend(colors) : described.classes.map((name, k) => [name, colors.ofClass(k)]);
  legend.replaceChildren(
    ...kinds.map(([name, color]) => {
      const item = document.createElement("li");
      const dot = document.createElement("i");
      dot.style.background = color;
      item.append(dot, name);
      return item;
    }),
  );
}

function numberLegend(colors) {
  if (isLine()) return [];
  const [low, high] = described.range;
  return [low, (low + high) / 2, high].map((value) => [value.toFixed(1), colors.ofValue(scaled(value))]);
}

function colorOf(row, colors) {
  if (!isNumber()) return colors.ofClass(described.targets[row]);
  return isLine() ? colors.css.orange : colors.ofValue(scaled(described.targets[row]));
}

/** What the picture shows, in words. */
function inWords() {
  const kind = isLine()
    ? "The line is the network's output."
    : isNumber()
      ? "Colours are the network's output."
      : "Colours are the class that the network gives, stronger where it is surer.";
  const rows = described.trained.includes(false) ? " Full points are training rows, rings are held out." : "";
  const scale = isNumber() && !described.fixed ? " Numbers are standardised." : "";
  const cut = described.axes[0].startsWith("first") ? " The picture is a plane through the mean of all rows." : "";
  return kind + rows + scale + cut;
}

/** Call `chosen` with the number of the row that is clicked at. */
export function onPointClick(chosen) {
  points.onclick = ({ offsetX, offsetY }) => {
    if (!described) return;
    const at = [offsetX / points.clientWidth, offsetY / points.clientHeight];
    const distance = (row) => Math.hypot(...place(row).map((value, i) => value - at[i]));
    let nearest = 0;
    described.points.forEach((_, row) => {
      if (distance(row) < distance(nearest)) nearest = row;
    });
    chosen(nearest);
  };
}
