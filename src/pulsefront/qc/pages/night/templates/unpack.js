// What the page was given, read when it is first needed. The packing is told in packing.py.

const QUARTER_MS = 21600000;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGIT_OF = new Map(Array.from(DIGITS, (sign, k) => [sign, k]));

let parsed = null;

function night() {
  if (!parsed) parsed = JSON.parse(document.getElementById("night").textContent);
  return parsed;
}

// Whole numbers of a packed text: plain arithmetic, for they may exceed 32 bits.
function unpack(text) {
  const found = [];
  let total = 0, value = 0, place = 1;
  for (const sign of text) {
    const digit = DIGIT_OF.get(sign);
    value += (digit & 31) * place;
    place *= 32;
    if (digit < 32) {
      total += value % 2 ? -(value - 1) / 2 : value / 2;
      found.push(total);
      value = 0;
      place = 1;
    }
  }
  return found;
}

function timeOf(quarter) {
  return night().start * 1000 + quarter * QUARTER_MS;
}

function word(place) {
  return night().words[place];
}

// A unit with its texts and numbers in place; its charts stay packed until they are drawn.
function unitOf(which) {
  const unit = night().units[which];
  if (!unit) return null;
  return {
    ...unit,
    about: unit.about.map(word),
    parts: unit.parts.map(([component, decision, chance, reasons, ...rest]) => [word(component), word(decision), chance, word(reasons), ...rest]),
    marks: unit.marks.map(([quarter, ...texts]) => [quarter, ...texts.map(word)]),
  };
}

function chartOf(unit, packed) {
  const [component, test, times, decimals, values, limits, mean, sigma, ewma, baselineFrom] = packed;
  const scale = Math.pow(10, -decimals);
  return {
    component: word(component), decimals, limits, mean, sigma, ewma, baselineFrom,
    test: night().tests[test][0].replace(/_/g, " "),
    unit: night().tests[test][1],
    times: unpack(unit.times[times]).map(timeOf),
    values: unpack(values).map((value) => value * scale),
  };
}
