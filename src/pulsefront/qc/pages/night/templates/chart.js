// The control chart of one series: readings, limits, baseline, smoothed level, services.

const EWMA_WEIGHT = 0.2, MOST_SIGMAS = 50, WARM_UP = 15;
const SERVICE_SIGNS = { corrective: "R", preventive: "P", calibration: "C", upgrade: "U" };

// The smoothed level of the baseline tonight, as the score smooths it; null before it is warm.
function smoothed(chart) {
  if (chart.mean === null || chart.sigma === null) return [];
  const first = Math.max(chart.baselineFrom, 0);
  const warm = chart.baselineFrom >= 0 ? first : first + WARM_UP;
  let level = 0;
  return chart.values.map((value, k) => {
    if (k < first) return null;
    const z = Math.max(-MOST_SIGMAS, Math.min(MOST_SIGMAS, (value - chart.mean) / chart.sigma));
    level += EWMA_WEIGHT * (z - level);
    return k < warm ? null : chart.mean + level * chart.sigma;
  });
}

function limitsAt(chart, reading) {
  let found = chart.limits[0];
  for (const span of chart.limits) if (span[0] <= reading) found = span;
  return found;
}

// 0 within tolerance, 1 outside it, 2 outside the action limits.
function verdict(chart, reading) {
  const [, , actionLow, low, high, actionHigh] = limitsAt(chart, reading);
  const value = chart.values[reading];
  const beyond = (bottom, top) => (bottom !== null && value < bottom) || (top !== null && value > top);
  return beyond(actionLow, actionHigh) ? 2 : beyond(low, high) ? 1 : 0;
}

const VERDICTS = ["within tolerance", "outside tolerance", "outside the action limits"];

function valueRange(chart, curve) {
  const shown = chart.values.concat(curve.filter((y) => y !== null));
  let low = Math.min(...shown), high = Math.max(...shown);
  if (chart.sigma !== null) {
    low = Math.min(low, chart.mean - 3 * chart.sigma);
    high = Math.max(high, chart.mean + 3 * chart.sigma);
  }
  const own = high - low || Math.abs(high) || 1;
  const left = [];
  const now = chart.limits[chart.limits.length - 1];
  // Limits belong on the chart, unless they would press the readings flat.
  for (const limit of new Set(chart.limits.flatMap((span) => span.slice(2)))) {
    if (limit === null) continue;
    if (limit > low - 3 * own && limit < high + 3 * own) {
      low = Math.min(low, limit);
      high = Math.max(high, limit);
    } else if (now.includes(limit, 2)) {
      left.push(limit);
    }
  }
  const margin = 0.06 * (high - low || own);
  return { low: low - margin, high: high + margin, left };
}

function limitLines(chart, area, y) {
  const names = ["action", "tolerance", "tolerance", "action"];
  const drawn = [], labels = new Map();
  chart.limits.forEach((span, k) => {
    const next = chart.limits[k + 1];
    const from = k ? area.x(chart.times[span[0]]) : area.left;
    const to = next ? area.x(chart.times[next[0]]) : area.end;
    const [, , , low, high] = span;
    if (low !== null && high !== null) {
      const top = Math.max(y(high), area.top), bottom = Math.min(y(low), area.base);
      if (bottom > top) {
        drawn.push(draw("rect", { class: "band", x: rounded(from), width: rounded(to - from), y: rounded(top), height: rounded(bottom - top) }));
      }
    }
    span.slice(2).forEach((limit, which) => {
      if (limit === null) return;
      const height = rounded(y(limit));
      if (height < area.top - 0.5 || height > area.base + 0.5) return;
      drawn.push(draw("path", { class: names[which], d: `M${rounded(from)} ${height}H${rounded(to)}` }));
      if (!next) labels.set(height, `${names[which]} ${number(limit, Math.min(chart.decimals, 3)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}`);
    });
  });
  let before = -100;
  for (const [height, text] of [...labels].sort((a, b) => a[0] - b[0])) {
    if (height - before < 10) continue;
    before = height;
    drawn.push(draw("text", { class: "limit-name", x: area.end + 5, y: height + 3.5 }, text));
  }
  return drawn;
}

function baselineShape(chart, area, y) {
  if (chart.mean === null) return [];
  const from = chart.baselineFrom > 0 ? area.x(chart.times[chart.baselineFrom]) : area.left;
  const shapes = [draw("path", { class: "baseline", d: `M${rounded(from)} ${rounded(y(chart.mean))}H${area.end}` })];
  if (chart.sigma !== null) {
    const top = y(chart.mean + 3 * chart.sigma), bottom = y(chart.mean - 3 * chart.sigma);
    shapes.unshift(draw("rect", { class: "sigma", x: rounded(from), width: rounded(area.end - from), y: rounded(top), height: rounded(bottom - top) }));
  }
  return shapes;
}

function markLines(marks, area) {
  return marks.flatMap(([quarter, , kind, text]) => {
    const x = rounded(area.x(timeOf(quarter)));
    if (x < area.left || x > area.end) return [];
    const title = draw("title", {}, `${FULL_DAY.format(timeOf(quarter))}: ${text.replace(/_/g, " ")}`);
    if (kind === "event") return [draw("path", { class: "event", d: `M${x - 3} ${area.base}h6l-3 -6z` }, title)];
    return [
      draw("path", { class: "service", d: `M${x} ${area.top}V${area.base}` }),
      draw("text", { class: "service-sign", x, y: area.top - 4, "text-anchor": "middle" }, SERVICE_SIGNS[kind] || "S", title),
    ];
  });
}

function valueSigns(chart, points) {
  return points.flatMap(([x, y], k) => {
    const off = verdict(chart, k);
    if (off === 2) return [draw("path", { class: "out", d: `M${rounded(x - 3.4)} ${rounded(y - 3.4)}h6.8v6.8h-6.8z` })];
    return [draw("circle", { class: off ? "off" : "value", cx: rounded(x), cy: rounded(y), r: off ? 3 : 1.5 })];
  });
}

function spoken(chart, curve, marks) {
  const last = chart.values.length - 1;
  const parts = [
    `${chart.test} of ${chart.component || "the whole scanner"}: ${chart.values.length} readings from ` +
    `${FULL_DAY.format(chart.times[0])} to ${FULL_DAY.format(chart.times[last])}`,
    `last ${number(chart.values[last], chart.decimals)} ${chart.unit}, ${VERDICTS[verdict(chart, last)]}`,
  ];
  if (chart.ewma !== null && chart.sigma !== null) {
    parts.push(`smoothed level ${number(Math.abs(chart.ewma), 1)} sigma ${chart.ewma < 0 ? "below" : "above"} its baseline of ${number(chart.mean, chart.decimals)}`);
  }
  const services = marks.filter((mark) => mark[2] !== "event");
  if (services.length) parts.push(services.map((mark) => `${mark[3]} on ${FULL_DAY.format(timeOf(mark[0]))}`).join(", "));
  return parts.join("; ") + ".";
}

// A slider under the chart walks through its readings, by pointer and by keys.
function cursor(picture, area, points, tell) {
  const line = draw("path", { class: "cursor-line" }), dot = draw("circle", { class: "cursor-dot", r: 4 });
  const slider = make("input", { type: "range", min: 0, max: points.length - 1, value: points.length - 1, step: 1, "aria-label": "Reading" });
  const say = make("figcaption", { "aria-hidden": "true" });
  function show(k, marked) {
    const [x, y] = points[k].map(rounded);
    line.setAttribute("d", marked ? `M${x} ${area.top}V${area.base}` : "");
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    dot.setAttribute("visibility", marked ? "visible" : "hidden");
    slider.value = k;
    slider.setAttribute("aria-valuetext", tell(k));
    say.textContent = tell(k);
  }
  slider.addEventListener("input", () => show(Number(slider.value), true));
  slider.addEventListener("focus", () => show(Number(slider.value), true));
  slider.addEventListener("blur", () => show(points.length - 1, false));
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * FRAME.width;
    let nearest = 0;
    points.forEach((point, k) => {
      if (Math.abs(point[0] - x) < Math.abs(points[nearest][0] - x)) nearest = k;
    });
    show(nearest, true);
  });
  picture.addEventListener("pointerleave", () => show(points.length - 1, false));
  picture.append(line, dot);
  show(points.length - 1, false);
  return [slider, say];
}

function readingsTable(head, rows) {
  const details = make("details", {}, make("summary", {}, "Readings as a table"));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const body = make("tbody", {}, ...rows().map((cells) => make("tr", {}, ...cells.map((text) => make("td", {}, text)))));
    details.append(make("div", { tabindex: 0 }, make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), body)));
  });
  return details;
}

function controlChart(chart, allMarks) {
  const marks = allMarks.filter((mark) => mark[1] === "" || mark[1] === chart.component);
  const curve = smoothed(chart);
  const area = frame(night().start * 1000, timeOf(night().asOf));
  const range = valueRange(chart, curve);
  const y = linear(range.low, range.high, area.base, area.top);
  const ticks = roundNumbers(range.low, range.high);
  const points = chart.values.map((value, k) => [area.x(chart.times[k]), y(value)]);
  const level = curve.flatMap((value, k) => (value === null ? [] : [[points[k][0], y(value)]]));
  area.picture.setAttribute("aria-label", spoken(chart, curve, marks));
  area.picture.append(
    ...limitLines(chart, area, y),
    ...ticks.found.map((tick) => draw("text", { x: area.left - 7, y: rounded(y(tick)) + 4, "text-anchor": "end" }, number(tick, ticks.decimals))),
    ...baselineShape(chart, area, y),
    ...markLines(marks, area),
    draw("path", { class: "values", d: pathOf(points) }),
    ...valueSigns(chart, points),
    draw("path", { class: "ewma", d: pathOf(level) }),
  );
  const tell = (k) => `${FULL_DAY.format(chart.times[k])}: ${number(chart.values[k], chart.decimals)} ${chart.unit}, ${VERDICTS[verdict(chart, k)]}`;
  const facts = range.left.length ? ` · limits beyond the chart: ${range.left.map((limit) => number(limit, 3).replace(/\.?0+$/, "")).join(", ")}` : "";
  return make("figure", { class: "chart" },
    make("h4", {}, chart.test, make("span", {}, ` / ${chart.unit || "1"}${facts}`)),
    area.picture,
    ...cursor(area.picture, area, points, tell),
    readingsTable(["day", chart.unit || "value", ""], () => chart.values.map((value, k) => [FULL_DAY.format(chart.times[k]), number(value, chart.decimals), VERDICTS[verdict(chart, k)]]).reverse()),
  );
}
