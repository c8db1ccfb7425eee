// The chance that a component fails by days ahead, with its interval.

function aheadChart(part) {
  const [component, , , , , , ahead] = part;
  const days = night().ahead, { width, height, left, right, top, bottom } = FRAME;
  const x = linear(0, days[days.length - 1], left, width - right);
  const most = Math.max(...ahead.map((chance) => chance[2]));
  const ticks = roundNumbers(0, 100 * most);
  const y = linear(0, Math.max(100 * most, ticks.found[ticks.found.length - 1]), height - bottom, top);
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  const area = { picture, x, top, base: height - bottom, left, end: width - right };
  const at = (k, which) => [x(days[k]), y(100 * ahead[k][which])];
  const points = days.map((day, k) => at(k, 0)), origin = [x(0), y(0)];
  const edge = (which) => days.map((day, k) => at(k, which));
  picture.append(
    ...ticks.found.flatMap((tick) => [
      draw("path", { class: "grid-line", d: `M${left} ${rounded(y(tick))}H${area.end}` }),
      draw("text", { x: left - 7, y: rounded(y(tick)) + 4, "text-anchor": "end" }, `${number(tick, ticks.decimals)} %`),
    ]),
    ...days.map((day) => draw("text", { x: rounded(x(day)), y: height - 6, "text-anchor": "middle" }, `${day} d`)),
    draw("path", { class: "interval", d: `${pathOf([origin, ...edge(1), ...edge(2).reverse()])}Z` }),
    draw("path", { class: "score", d: pathOf([origin, ...points]) }),
    ...points.map(([cx, cy]) => draw("circle", { class: "score-dot", cx: rounded(cx), cy: rounded(cy), r: 2.4 })),
  );
  const tell = (k) => `within ${days[k]} days: ${chanceWords(ahead[k])}`;
  picture.setAttribute("aria-label", `Probability that ${component || "the whole scanner"} fails, by days ahead: ${days.map((day, k) => tell(k)).join("; ")}.`);
  return make("figure", { class: "chart" },
    make("h4", {}, "probability of failure", make("span", {}, " / %, by days ahead")),
    picture,
    ...cursor(picture, area, points, tell),
    readingsTable(["within days", "%", "interval"], () => days.map((day, k) =>
      [String(day), percent(ahead[k][0]), ahead[k].slice(1).map(percent).join(" to ")])),
  );
}
