// The page: what comes from the server is drawn, what the user does is sent.

import { onThemeChange, readColors } from "./colors.js";
import { connect } from "./connection.js";
import { showFixed, showOptions } from "./form.js";
import { readFrame } from "./frames.js";
import { addLoss, clearLosses, describeLosses, drawLosses, recolorLosses } from "./losses.js";
import { drawLinks, drawUnits, onNetworkChange, showNetwork, showUnit } from "./network.js";
import { drawPlane, drawPoints, onPointClick, shadeOf, showPlane } from "./plane.js";
import { chooseRow, clearExplanation, onExplain, showExplanation } from "./steps.js";

const element = (id) => document.getElementById(id);
const [start, step, reset, status, error] = ["start", "step", "reset", "status", "error"].map(element);
const SLOW = 150; // milliseconds between two updates of numbers and curves
const COMPILING = "The first time on a machine, kernels are compiled, which may take half a minute.";

let colors = readColors();
let described = null;
let frame = null; // the latest
let waiting = false; // whether it is to be drawn
let undrawn = 0; // frames that the server waits to hear of
let runs = false;
let updated = 0; // when numbers and curves were last drawn
let counted = { at: performance.now(), drawn: 0 };
// What a test, or a curious reader, looks at: pictures drawn since the page was opened, and the epoch of the last one.
window.tileprop = { drawn: 0, epoch: 0 };

function figure(value) {
  if (Number.isNaN(value)) return "–";
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}
const whole = (value) => (Number.isNaN(value) ? "–" : Math.round(value).toLocaleString("en"));

function drawSoon() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

function draw() {
  waiting = false;
  if (!frame) return;
  if (undrawn) window.tileprop.drawn += 1;
  window.tileprop.epoch = frame.epoch;
  for (; undrawn; undrawn--) send({ do: "drawn" });
  drawPlane(frame, colors);
  drawUnits(frame, colors, shadeOf(frame, colors));
  // Lines take as long as everything else, and move less.
  if (!runs || window.tileprop.drawn % 2) drawLinks(frame, colors);
  const now = performance.now();
  if (!runs || now - updated > SLOW) {
    updated = now;
    drawNumbers();
  }
}

function drawNumbers() {
  element("epoch").textContent = whole(frame.epoch);
  element("loss").textContent = figure(frame.loss);
  element("held-out").textContent = figure(frame.heldOut);
  element("accuracy").textContent = Number.isNaN(frame.accuracy) ? "–" : `${(100 * frame.accuracy).toFixed(1)} %`;
  element("speed").textContent = whole(frame.speed);
  drawLosses();
  showUnit(frame);
  if (!runs) describeLosses(frame);
}

setInterval(() => {
  const now = performance.now();
  if (runs && frame.epoch === 0) status.textContent = `Training. ${COMPILING}`;
  else if (runs && status.textContent !== "Training.") status.textContent = "Training.";
  const rate = (1000 * (window.tileprop.drawn - counted.drawn)) / (now - counted.at);
  element("pictures").textContent = runs ? rate.toFixed(0) : "–";
  counted = { at: now, drawn: window.tileprop.drawn };
}, 1000);

function describe(message) {
  described = message;
  frame = null;
  // What is shown is of the network before, until the first frame of this one.
  runs = false;
  status.textContent = "Preparing.";
  // Otherwise the form is right, and may have changed again by now.
  if (message.fixed) showFixed(message.choices);
  showNetwork(message);
  showPlane(message, colors);
  clearLosses(colors, message.trained.includes(false));
  clearExplanation(message.points.length);
  element("data-notes").textContent = message.notes.join(" ");
  for (const button of [start, step, reset]) button.disabled = false;
  if (message.fixed) send({ do: "explain", row: 0 });
}

function setRunning(now, epoch) {
  const before = runs;
  runs = now;
  start.textContent = runs ? "Pause" : "Start";
  const losses = frame && !runs ? ` Training loss ${figure(frame.loss)}.` : "";
  const words = runs ? "Training." : before ? `Paused at epoch ${whole(epoch)}.` : `Ready, at epoch ${whole(epoch)}.`;
  if (frame && runs) drawSoon();
  else if (frame) draw(); // the picture, the numbers and these words are of the same moment
  status.textContent = words + losses;
}

const messages = {
  options: (message) => {
    showOptions(message, choose);
    choose(message.choices);
  },
  described: describe,
  running: ({ epoch }) => setRunning(true, epoch),
  paused: ({ epoch }) => setRunning(false, epoch),
  explained: showExplanation,
  error: ({ message }) => {
    error.textContent = message;
    error.hidden = false;
  },
};

const send = connect({
  message: (message) => messages[message.kind](message),
  frame: (data) => {
    frame = readFrame(data, described);
    addLoss(frame);
    undrawn += 1;
    drawSoon();
  },
  closed: () => {
    runs = false;
    status.textContent = "The server has ended. Start it again with tileprop play, and reload this page.";
    for (const button of document.querySelectorAll("button")) button.disabled = true;
  },
});

function act(message) {
  error.hidden = true;
  send(message);
}

function choose(choices) {
  if (!described) status.textContent = `Preparing. ${COMPILING}`;
  act({ do: "choose", choices });
}

start.onclick = () => act({ do: runs ? "pause" : "start" });
step.onclick = () => act({ do: "step" });
reset.onclick = () => act({ do: "reset" });
onExplain((row) => act({ do: "explain", row }));
onPointClick((row) => {
  chooseRow(row);
  act({ do: "explain", row });
});
onNetworkChange(() => {
  showUnit(frame);
  drawSoon();
});
onThemeChange(() => {
  colors = readColors();
  recolorLosses(colors);
  drawPoints(colors);
  drawSoon();
});
addEventListener("resize", () => {
  drawPoints(colors);
  drawSoon();
});
