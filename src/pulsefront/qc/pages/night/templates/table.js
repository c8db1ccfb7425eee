// Search, filter and order of the table of scanners. Rows beyond the first hundred wait unlaid-out.

const STEP = 100;
const form = document.querySelector("form.filters");
const tableBody = document.querySelector("table.fleet tbody");
const rows = Array.from(tableBody.rows);
let visible = STEP, chosen = rows, only = null;

function normal(text) {
  return text.toLowerCase().normalize("NFKD").replace(/\s+/g, " ");
}

const textOf = new Map();

function textOfRow(row) {
  if (!textOf.has(row)) textOf.set(row, normal(row.textContent));
  return textOf.get(row);
}

function fieldOf(name) {
  return form.elements.namedItem(name) ? form.elements.namedItem(name).value : "";
}

function shownUnits() {
  return chosen.map((row) => Number(row.dataset.unit));
}

function showRows() {
  const wanted = new Set(chosen.slice(0, visible));
  const beyond = new Set(chosen.slice(visible));
  for (const row of rows) {
    row.hidden = !wanted.has(row);
    row.classList.toggle("beyond", beyond.has(row));
  }
  const rest = document.querySelector(".rest");
  rest.hidden = chosen.length <= visible;
  const count = (n) => n.toLocaleString("en").replace(/,/g, "\u202f");
  form.querySelector(".shown").textContent =
    (chosen.length === rows.length ? `${count(rows.length)} scanners` : `${count(chosen.length)} of ${count(rows.length)} scanners`) +
    (chosen.length > visible ? `, the first ${count(visible)} shown` : "");
}

function filterRows() {
  const words = normal(fieldOf("search")).split(" ").filter(Boolean);
  const wanted = ["state", "site", "model"].map((name) => [name, fieldOf(name)]).filter(([, value]) => value);
  chosen = rows.filter((row) =>
    (!only || only.has(row.dataset.unit)) &&
    wanted.every(([name, value]) => row.dataset[name] === value) &&
    words.every((word) => textOfRow(row).includes(word)));
  visible = STEP;
  showRows();
}

const ORDERS = {
  risk: (a, b) => a.dataset.unit - b.dataset.unit,
  unit: (a, b) => a.cells[1].textContent.localeCompare(b.cells[1].textContent, "en", { numeric: true }),
  probability: (a, b) => Number(b.dataset.p || -1) - Number(a.dataset.p || -1),
  age: (a, b) => Number(b.dataset.age || 1e9) - Number(a.dataset.age || 1e9),
};

function sortRows(key, backwards) {
  rows.sort((a, b) => (backwards ? -1 : 1) * ORDERS[key](a, b) || ORDERS.risk(a, b));
  tableBody.append(...rows);
  for (const head of document.querySelectorAll("table.fleet thead th")) {
    const button = head.querySelector("button");
    if (button && button.dataset.sort === key) head.setAttribute("aria-sort", backwards ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  form.elements.namedItem("sort").value = key;
  filterRows();
}

function startTable() {
  form.addEventListener("input", (event) => {
    if (event.target.name === "sort") sortRows(event.target.value, false);
    else filterRows();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    only = null;
    window.setTimeout(() => sortRows("risk", false));
  });
  document.querySelector("table.fleet thead").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const up = button.closest("th").getAttribute("aria-sort") === "ascending";
    sortRows(button.dataset.sort, up);
  });
  document.querySelector(".rest button").addEventListener("click", () => {
    const first = chosen[visible];
    visible += 5 * STEP;
    showRows();
    if (first) first.querySelector("button.open").focus();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.only");
    if (!button) return;
    only = new Set(button.closest("li").dataset.units.split(" "));
    filterRows();
    document.getElementById("fleet").scrollIntoView();
    form.elements.namedItem("search").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea") || drawer.open) return;
    event.preventDefault();
    form.elements.namedItem("search").focus();
  });
  showRows();
}
