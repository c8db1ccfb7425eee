// Past scores of a component: probability on a logarithmic scale, its interval, the threshold.

const LEAST_DECADE = -4;

function scoreChart(part, allMarks) {
  const [component, , chance, , alert, history] = part;
  const [days, value, low, high] = history.map(unpack);
  const marks = allMarks.filter((mark) => mark[2] !== "event" && (mark[1] === "" || mark[1] === component));
  const times = days.map((day) => timeOf(4 * day));
  const name = (k) => FULL_DAY.format(times[k] - 1); // a night is named by the day that it ends
  const area = frame(night().start * 1000, timeOf(night().asOf));
  const y = linear(LEAST_DECADE, 0, area.base, area.top);
  const height = (hundredths) => y(Math.max(hundredths / 100, LEAST_DECADE));
  const points = value.map((p, k) => [area.x(times[k]), height(p)]);
  const edge = (bound) => bound.map((p, k) => [area.x(times[k]), height(p <= -999 ? value[k] : p)]);
  const threshold = rounded(y(Math.log10(night().threshold)));
  area.picture.append(
    ...[-4, -3, -2, -1, 0].flatMap((decade) => [
      draw("path", { class: "grid-line", d: `M${area.left} ${rounded(y(decade))}H${area.end}` }),
      draw("text", { x: area.left - 7, y: rounded(y(decade)) + 4, "text-anchor": "end" }, `${Math.pow(10, decade + 2)} %`),
    ]),
    draw("path", { class: "threshold", d: `M${area.left} ${threshold}H${area.end}` }),
    draw("text", { class: "limit-name", x: area.end + 5, y: threshold + 3.5 }, `alert ${percent(night().threshold)} %`),
    ...markLines(marks, area),
    draw("path", { class: "interval", d: `${pathOf(edge(low).concat(edge(high).reverse()))}Z` }),
    draw("path", { class: "score", d: pathOf(points) }),
    ...points.map(([cx, cy]) => draw("circle", { class: "score-dot", cx: rounded(cx), cy: rounded(cy), r: 1.8 })),
  );
  if (alert) {
    const x = rounded(area.x(timeOf(alert[2])));
    if (x >= area.left) area.picture.append(draw("path", { class: "out", d: `M${x - 5} ${area.top}h10l-5 9z` }, draw("title", {}, `alert ${alert[0]} opened`)));
  }
  const share = (hundredths) => percent(Math.pow(10, hundredths / 100));
  // Past nights are packed to a hundredth of a decade; tonight is told as the table tells it.
  const isTonight = (k) => chance && 4 * days[k] === night().asOf;
  const tell = (k) => isTonight(k) ? `${name(k)}: ${chanceWords(chance)}` : `${name(k)}: ${share(value[k])} % (${share(low[k])} to ${share(high[k])})`;
  const last = value.length - 1;
  area.picture.setAttribute("aria-label", `Probability of failure of ${component || "the whole scanner"} over ${value.length} nights; last ${tell(last)}; the alert threshold is ${percent(night().threshold)} %.`);
  return make("figure", { class: "chart" },
    make("h4", {}, "probability of failure", make("span", {}, " / %, night by night")),
    area.picture,
    ...cursor(area.picture, area, points, tell),
    readingsTable(["night", "%", "interval"], () => value.map((p, k) => isTonight(k)
      ? [name(k), ...chance.slice(0, 1).map(percent), chance.slice(1).map(percent).join(" to ")]
      : [name(k), share(p), `${share(low[k])} to ${share(high[k])}`]).reverse()),
  );
}
