// One row through the network, a step at a time, as `tileprop explain` prints it.

const element = (id) => document.getElementById(id);
const [row, explain, back, next, part] = ["row", "explain", "back", "next", "part"].map(element);

let parts = [];

function show(number) {
  const { title, text } = parts[number];
  part.value = number;
  element("part-title").textContent = `${number + 1} of ${parts.length}: ${title}`;
  element("part-text").textContent = text;
  back.disabled = number === 0;
  next.disabled = number === parts.length - 1;
}

/** Show what the server worked out. */
export function showExplanation(given) {
  const epoch = given.epoch.toLocaleString("en");
  element("part-epoch").textContent = `Worked with the weights at epoch ${epoch}.`;
  parts = given.parts.filter(({ text }) => text);
  part.replaceChildren(...parts.map(({ title, level }, i) => new Option((level > 1 ? "\u2003" : "") + title, i)));
  part.disabled = false;
  element("part-box").hidden = false;
  show(0);
}

/** For new data: no explanation yet, of so many rows. */
export function clearExplanation(rows) {
  parts = [];
  row.max = rows;
  row.value = Math.min(Number(row.value) || 1, rows);
  explain.disabled = false;
  element("part-box").hidden = true;
  part.replaceChildren();
  for (const control of [back, next, part]) control.disabled = true;
}

export function chooseRow(number) {
  row.value = number + 1;
}

/** ask: called with the number of a row, from 0. */
export function onExplain(ask) {
  explain.onclick = () => row.reportValidity() && ask(Number(row.value) - 1);
  back.onclick = () => show(Number(part.value) - 1);
  next.onclick = () => show(Number(part.value) + 1);
  part.onchange = () => show(Number(part.value));
}
