// The drawer of a scanner: its components by risk and its charts, drawn when it is opened.

const drawer = document.querySelector("dialog.drawer");
const drawerBody = drawer.querySelector(".drawer-body");
let opener = null, current = -1;

function stateSign(word) {
  const slug = word.replace(/ /g, "-");
  return make("span", { class: `state ${slug}` },
    draw("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, draw("use", { href: `#mark-${slug}` })), word);
}

function partName(component) {
  return component || "whole scanner";
}

function chanceWords(chance) {
  return chance ? `${percent(chance[0])} % (${percent(chance[1])} to ${percent(chance[2])})` : "–";
}

// What the first section says of this scanner, told here again.
function todo(which) {
  const items = Array.from(document.querySelectorAll(".advice > li"))
    .filter((item) => item.dataset.units.split(" ").includes(String(which)));
  return items.map((item) => make("div", { class: `todo ${item.className}` },
    ...Array.from(item.querySelectorAll("h3, .why, .do, code"), (part) => make("p", {}, part.matches("h3") ? make("b", {}, part.textContent) : part.cloneNode(true)))));
}

const SHOWN_PARTS = 3;

// Components that need a look, and the first few of the others; the rest on demand.
function partsOf(parts) {
  const first = parts.filter((part, k) => k < SHOWN_PARTS || part[1] !== "no alert" || part[4]);
  const rest = parts.filter((part) => !first.includes(part));
  if (!rest.length) return [partsTable(first)];
  return [partsTable(first), make("details", { class: "further" },
    make("summary", {}, `${rest.length} further components, none above ${chanceWords(rest[0][2])}`), partsTable(rest))];
}

function partsTable(parts) {
  const head = ["component", "state", "probability", "because", "alert"];
  const cell = (attributes, k, content) => make("td", { role: "cell", "data-label": k === 1 ? null : head[k], ...attributes }, content);
  const rows = parts.map(([component, decision, chance, reasons, alert]) => make("tr", { role: "row" },
    make("th", { scope: "row", role: "rowheader" }, partName(component)),
    cell({ class: "is" }, 1, stateSign(decision)),
    cell({ class: "number" }, 2, chanceWords(chance)),
    cell({ class: "why" }, 3, reasons || "nothing near an alert"),
    cell({}, 4, alertWords(alert)),
  ));
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Components" }, make("table", { class: "stacked", role: "table" },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head.map((text, k) => make("th", { scope: "col", role: "columnheader", class: k === 2 ? "number" : null }, text)))),
    make("tbody", { role: "rowgroup" }, ...rows)));
}

function alertWords(alert) {
  if (!alert) return "–";
  const [number, state, opened, by, why] = alert;
  return `number ${number}, ${state}, since ${DAY.format(timeOf(opened) - 1)}${by ? `, by ${by}` : ""}${why ? `: ${why}` : ""}`;
}

function chartKey() {
  const item = (text, ...shapes) => make("li", {}, draw("svg", { viewBox: "0 0 30 16", "aria-hidden": "true" }, ...shapes), text);
  return make("ul", { class: "key" },
    item("reading", draw("circle", { class: "value", cx: 15, cy: 8, r: 2.5 })),
    item("outside tolerance", draw("circle", { class: "off", cx: 15, cy: 8, r: 4 })),
    item("outside action limits", draw("path", { class: "out", d: "M11 4h8v8h-8z" })),
    item("smoothed level (EWMA)", draw("path", { class: "ewma", d: "M0 8H30" })),
    item("baseline, ± 3 sigma", draw("rect", { class: "sigma", width: 30, height: 16 }), draw("path", { class: "baseline", d: "M0 8H30" })),
    item("tolerance", draw("path", { class: "tolerance", d: "M0 8H30" })),
    item("action limit", draw("path", { class: "action", d: "M0 8H30" })),
    item("service: R repair, P preventive, C calibration, U upgrade", draw("path", { class: "service", d: "M15 0V16" })),
    item("event", draw("path", { class: "event", d: "M9 14h12l-6 -12z" })),
  );
}

function serviceList(marks) {
  const services = marks.filter((mark) => mark[2] !== "event");
  if (!services.length) return null;
  const texts = services.map((mark) => `${FULL_DAY.format(timeOf(mark[0]))} ${mark[3]}${mark[1] ? ` of ${mark[1]}` : ""}`);
  return make("p", {}, make("b", {}, "Services in this time: "), texts.join("; "), ".");
}

function chartGroups(unit) {
  const charts = unit.charts.map((packed) => chartOf(unit, packed));
  const names = new Map(unit.parts.map((part) => [part[0], part]));
  const order = [...new Set([...charts.map((chart) => chart.component)])];
  return order.flatMap((component) => {
    const part = names.get(component);
    const figures = charts.filter((chart) => chart.component === component).map((chart) => controlChart(chart, unit.marks));
    if (part && part[6]) figures.push(aheadChart(part));
    if (part && part[5]) figures.unshift(scoreChart(part, unit.marks));
    return [make("h3", {}, partName(component)), make("div", { class: "charts" }, ...figures)];
  });
}

function fillDrawer(unit, which) {
  const [site, model, software] = unit.about;
  const about = [site, model, unit.serial && `serial ${unit.serial}`, software && `software ${software}`,
    unit.lastQc === null ? "no QC yet" : `last QC ${FULL_DAY.format(timeOf(unit.lastQc))}`];
  drawer.querySelector("h2").textContent = unit.id;
  drawer.querySelector(".drawer-about").textContent = about.filter(Boolean).join(" · ");
  const rest = unit.series - unit.charts.length;
  drawerBody.replaceChildren(...[
    unit.failed ? make("p", { class: "callout bad" }, `Not scored: ${unit.failed}`) : null,
    ...todo(which),
    make("h3", {}, "Components by risk"),
    ...partsOf(unit.parts),
    serviceList(unit.marks),
    unit.charts.length ? make("h3", {}, "Charts") : make("p", {}, "No readings in this time."),
    unit.charts.length ? chartKey() : null,
    ...chartGroups(unit),
    rest > 0 && unit.charts.length ? make("p", { class: "caption" }, `${rest} further series of this scanner lie nearer to their baselines; a page of few scanners shows them all: ${night().report} --unit '${unit.id.replaceAll("'", "'\\''")}' --out scanner.html`) : null,
  ].filter(Boolean));
}

function openUnit(which, from) {
  const unit = unitOf(which);
  if (!unit) return;
  current = which;
  if (from) opener = from;
  fillDrawer(unit, which);
  if (!drawer.open) drawer.showModal();
  drawer.scrollTop = 0;
  drawer.querySelector("h2").focus();
  history.replaceState(null, "", `#unit=${encodeURIComponent(unit.id)}`);
}

function stepUnit(by) {
  const shown = shownUnits();
  const place = shown.indexOf(current);
  const next = shown[place + by];
  if (next !== undefined) openUnit(next, null);
}

function startDrawer() {
  drawer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === drawer || (button && "close" in button.dataset)) drawer.close();
    else if (button && button.dataset.step) stepUnit(Number(button.dataset.step));
    else if (button && "print" in button.dataset) window.print();
  });
  drawer.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowLeft") stepUnit(-1);
    else if (event.key === "ArrowRight") stepUnit(1);
  });
  drawer.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname + location.search);
    const row = opener && opener.isConnected && opener.offsetParent ? opener : null;
    if (row) row.focus();
  });
  window.addEventListener("beforeprint", () => document.body.classList.toggle("one-unit", drawer.open));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.open");
    const row = event.target.closest("table.fleet tbody tr");
    if (button) openUnit(Number(button.dataset.unit), button);
    else if (row && !String(window.getSelection())) openUnit(Number(row.dataset.unit), row.querySelector("button.open"));
  });
}

function openFromAddress() {
  const found = /^#unit=(.*)$/.exec(location.hash);
  if (!found) return;
  let wanted = "";
  try {
    wanted = decodeURIComponent(found[1]);
  } catch (error) {
    return;
  }
  openUnit(night().units.findIndex((unit) => unit.id === wanted), null);
}
