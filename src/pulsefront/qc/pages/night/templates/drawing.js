// Elements, scales and words that all drawings share. Texts are set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";

function set(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function make(name, attributes, ...children) {
  return set(document.createElement(name), attributes, children);
}

function draw(name, attributes, ...children) {
  return set(document.createElementNS(SVG, name), attributes, children);
}

// Fixed decimals where they can be read, four digits and a power of ten elsewhere.
function number(value, decimals) {
  const size = Math.abs(value);
  const places = Math.max(0, Math.min(decimals, 6 - Math.ceil(Math.log10(size || 1))));
  const readable = size < 1e7 && (size > 1e-4 || size === 0);
  return (readable ? value.toFixed(places) : value.toPrecision(4)).replace(/-/g, MINUS);
}

function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "< 0.1";
  return value > 99 ? Math.min(value, 99.9).toFixed(1) : value.toFixed(value >= 10 ? 0 : 1);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const FULL_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

function linear(from, to, low, high) {
  const factor = (high - low) / (to - from || 1);
  return (value) => low + (value - from) * factor;
}

function rounded(value) {
  return Math.round(value * 10) / 10;
}

// Three to five round numbers within a range.
function roundNumbers(low, high) {
  const rough = (high - low) / 4;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) found.push(k * step);
  const exponent = Math.floor(Math.log10(step) + 1e-9);
  const decimals = Math.max(0, -exponent + (Math.abs(step / Math.pow(10, exponent) - 2.5) < 1e-6 ? 1 : 0));
  return { found, decimals };
}

function monthStarts(from, to) {
  const found = [];
  const day = new Date(from);
  for (let k = 1; ; k += 1) {
    const start = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + k, 1);
    if (start > to) return found;
    found.push(start);
  }
}

// The frame of a chart: room, time axis, and where its curves go.
const FRAME = { width: 460, height: 170, left: 52, right: 74, top: 16, bottom: 20 };

function frame(from, to) {
  const { width, height, left, right, top, bottom } = FRAME;
  const x = linear(from, to, left, width - right);
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  for (const start of monthStarts(from, to)) {
    picture.append(
      draw("path", { class: "grid-line", d: `M${rounded(x(start))} ${top}V${height - bottom}` }),
      draw("text", { x: rounded(x(start)), y: height - 6, "text-anchor": "middle" }, DAY.format(start)),
    );
  }
  return { picture, x, top, base: height - bottom, left, end: width - right };
}

function pathOf(points) {
  return points.map(([x, y], k) => `${k ? "L" : "M"}${rounded(x)} ${rounded(y)}`).join("");
}
