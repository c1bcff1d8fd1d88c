// The settings: what the page asks the server for.

const form = document.getElementById("settings");
const layers = document.getElementById("layers");
const addLayer = document.getElementById("add-layer");

let options = null;
let choose = () => {};

function filled(select, names, labels = names) {
  select.replaceChildren(...names.map((name, i) => new Option(labels[i], name)));
}

function layerItem(number, { units, activation }) {
  const item = document.createElement("li");
  item.innerHTML =
    `<label>Units <input type="number" min="1" max="${options.limits.units}" step="1" required></label>` +
    '<label>Activation <select></select></label><button type="button" class="remove">×</button>';
  const [input, select, remove] = ["input", "select", "button"].map((tag) => item.querySelector(tag));
  input.value = units;
  input.setAttribute("aria-label", `Units of layer ${number}`);
  filled(select, options.activations);
  select.value = activation;
  select.setAttribute("aria-label", `Activation of layer ${number}`);
  remove.setAttribute("aria-label", `Remove layer ${number}`);
  remove.onclick = () => {
    const hidden = chosen().hidden;
    hidden.splice(number - 1, 1);
    showLayers(hidden);
    addLayer.focus();
    send();
  };
  return item;
}

function showLayers(hidden) {
  layers.replaceChildren(...hidden.map((layer, i) => layerItem(i + 1, layer)));
  addLayer.disabled = hidden.length >= options.limits.layers;
}

/** What the form says, as the server takes it. */
function chosen() {
  const value = (name) => form.elements[name].value;
  const hidden = [...layers.children].map((item) => ({
    units: Number(item.querySelector("input").value),
    activation: item.querySelector("select").value,
  }));
  return {
    data: value("data"),
    hidden,
    optimizer: value("optimizer"),
    learning_rate: Number(value("learning_rate")),
    batch_size: Number(value("batch_size")),
    seed: Number(value("seed")),
    epochs_a_picture: Number(value("epochs_a_picture")),
  };
}

function send() {
  if (form.reportValidity()) choose(chosen());
}

/** Fill the lists; `chosenAnew` is called with the choices after each change. */
export function showOptions(given, chosenAnew) {
  options = given;
  choose = chosenAnew;
  const data = form.elements.data;
  data.replaceChildren();
  for (const { name, label, group } of options.data) {
    let box = [...data.children].find((child) => child.label === group);
    if (!box) {
      box = document.createElement("optgroup");
      box.label = group;
      data.append(box);
    }
    box.append(new Option(label, name));
  }
  filled(form.elements.optimizer, Object.keys(options.optimizers));
  form.elements.batch_size.max = options.limits.batch;
  showChoices(options.choices, false);
  form.onsubmit = (event) => event.preventDefault();
  form.onchange = ({ target }) => {
    if (target.name === "optimizer") form.elements.learning_rate.value = options.optimizers[target.value];
    const fixed = document.getElementById("layers-box").disabled;
    if (target.name === "data" && fixed) showChoices({ ...options.choices, data: target.value, epochs_a_picture: chosen().epochs_a_picture }, false);
    send();
  };
  addLayer.onclick = () => {
    const { hidden } = chosen();
    showLayers([...hidden, hidden.at(-1) ?? { units: 8, activation: options.activations[0] }]);
    layers.lastElementChild.querySelector("input").focus();
    send();
  };
}

/** Show what a document fixes, unless other data have been chosen since. */
export function showFixed(choices) {
  if (form.elements.data.value === choices.data) showChoices(choices, true);
}

/** fixed: whether the network is a document's own. */
function showChoices(choices, fixed) {
  for (const name of Object.keys(choices)) if (name !== "hidden") form.elements[name].value = choices[name];
  showLayers(choices.hidden);
  document.getElementById("layers-box").disabled = fixed;
  document.getElementById("fixed").hidden = !fixed;
  for (const name of ["optimizer", "seed", "batch_size", "learning_rate"]) form.elements[name].disabled = fixed;
}
