// Draws the panels that the page carries as JSON, each as one small plot, when it comes into view or the page is printed.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const panelOf = (plot) => figures[plot.dataset.figure].panels[plot.dataset.panel];

  // Plotly reads a few tags in its texts: every name is shown as it is written.
  const text = (name) => name.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\n/g, "<br>");

  const WORDS = {
    "%": (value) => `${(100 * value).toFixed(1)}%`,
    points: (value) => `${value < 0 ? "" : "+"}${(100 * value).toFixed(1)} pts`,
    "": (value) => String(Number(value.toPrecision(4))),
  };

  const place = ({ title, ticks, names }, at) => {
    if (!names) return `${title ?? "at"} ${Number(at.toPrecision(4))}`;
    const far = ticks.map((tick) => Math.abs(tick - at));
    const name = names[far.indexOf(Math.min(...far))].replace(/\n/g, " ");
    return title ? `${title} ${name}` : name;
  };
  const placeOf = (panel, series, i) =>
    place(panel.along, series.at[i]) + (series.row ? `, ${place(panel.values, series.row[i])}` : "");

  const hover = (panel, series, i) => {
    const words = WORDS[panel.unit];
    const lines = [`<b>${text(`${series.name}, ${placeOf(panel, series, i)}`)}</b>`];
    const between = series.low && series.low[i] !== null ? `  [${words(series.low[i])}, ${words(series.high[i])}]` : "";
    lines.push(words(series.value[i]) + between);
    if (series.n && series.n[i] !== null) lines.push(`n = ${series.n[i].toLocaleString("en")}`);
    if (series.seeds && series.seeds[i].length) lines.push(`mean of ${series.seeds[i].length} seeds`);
    if (series.note && series.note[i]) lines.push(text(series.note[i]));
    return lines.join("<br>");
  };

  const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const faded = (color, opacity) => `rgba(${channels(color)},${opacity})`;
  const NONE = channels("#f6f3ec"); // a cell of a map whose value is 0
  const shade = (color, share) =>
    `rgb(${channels(color).map((full, i) => Math.round(NONE[i] + Math.min(1, share) * (full - NONE[i])))})`;
  const minus = (high, low) => high.map((value, i) => value - low[i]);
  const bars = ({ value, low, high }, color) => ({ type: "data", symmetric: false, array: minus(high, value),
    arrayminus: minus(value, low), color, thickness: 1.5, width: 4 });
  const behind = { type: "scatter", hoverinfo: "skip" };

  const band = ({ at, low, high, style }) => ({ ...behind, x: [...at, ...[...at].reverse()],
    y: [...high, ...[...low].reverse()], mode: "lines", line: { width: 0 },
    fill: "toself", fillcolor: faded(style.color, 0.14) });

  const seedDots = (panel, { name, seeds, style }) => {
    const dots = seeds.flat();
    return { type: "scatter", mode: "markers", hoverinfo: "text",
      x: dots.map(([, at]) => at), y: dots.map(([, , value]) => value),
      marker: { color: style.color, size: 5, opacity: 0.4 },
      text: dots.map(([seed, , value]) => `${text(name)}<br>seed ${seed}: ${WORDS[panel.unit](value)}`) };
  };

  const pale = ({ at, wide, style }) => {
    const kept = at.map((_, i) => i).filter((i) => wide[i]);
    return { ...behind, mode: "markers", marker: { size: 1, color: faded(style.color, 0.2) },
      x: kept.map((i) => at[i]), y: kept.map((i) => (wide[i][0] + wide[i][1]) / 2),
      error_y: { type: "data", array: kept.map((i) => (wide[i][1] - wide[i][0]) / 2),
        color: faded(style.color, 0.2), thickness: 12, width: 0 } };
  };

  // A map is made of bars, one a cell, each a unit high and wide.
  const cells = (panel, series) => ({ type: "bar", x: series.at, base: series.row.map((row) => row - 0.5),
    y: series.at.map(() => 1), width: 1, hoverinfo: "text", hovertext: series.at.map((_, i) => hover(panel, series, i)),
    text: series.value.map((value) => panel.unit === "%" ? (100 * value).toFixed(0) : String(Number(value.toPrecision(2)))),
    textposition: "inside", insidetextanchor: "middle", textangle: 0, textfont: { color: "#111111" }, constraintext: "none",
    marker: { color: series.value.map((value) => shade(series.style.color, value / series.shades)),
      line: { width: 1, color: "#ffffff" } } });

  const points = (panel, series) => {
    const { color, symbol, dash, width } = series.style;
    const marks = dash && !symbol ? "lines" : dash ? "lines+markers" : "markers";
    const edge = series.at.map((_, i) => series.directed && i === series.at.length - 1 ? 2.5 : dash ? 1.5 : 0);
    const trace = { type: "scatter", name: text(series.name), mode: marks, x: series.at, y: series.value,
      opacity: series.faint ? 0.3 : 1, hoverinfo: series.faint ? "skip" : "text",
      text: series.faint ? [] : series.at.map((_, i) => hover(panel, series, i)),
      marker: { color, size: dash ? 7 : 10, line: { width: edge, color },
        symbol: series.at.map((_, i) => series.hollow && series.hollow[i] ? `${symbol}-open` : symbol || "circle") } };
    if (dash) trace.line = { color, dash, width };
    if (series.interval === "bars" && series.low) trace.error_y = bars(series, color);
    return trace;
  };

  // The traces of a panel, each with the name of its series, by which the legend hides it.
  const tracesOf = (panel) => panel.series.flatMap((series) => {
    const traces = series.shades ? [cells(panel, series)] : [points(panel, series)];
    if (series.seeds) traces.unshift(seedDots(panel, series));
    if (series.wide) traces.unshift(pale(series));
    if (series.interval === "band" && series.low) traces.unshift(band(series));
    return traces.map((trace) => ({ ...trace, showlegend: false, meta: { series: series.name } }));
  }).map((trace) => panel.horizontal ? lying(trace) : trace);

  const lying = ({ x, y, error_y, ...trace }) => ({ ...trace, x: y, y: x, ...(error_y && { error_x: error_y }) });

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const rangeOf = (axis, down) => {
    const range = axis.range.map((edge) => axis.log ? Math.log10(edge) : edge);
    return down ? range.reverse() : range;
  };
  const scale = (axis, down) => ({
    type: axis.log ? "log" : "linear",
    ...(axis.title && { title: { text: text(axis.title), standoff: 6, font: { size: 12 } } }),
    ...(axis.range && { range: rangeOf(axis, down) }),
    ...(axis.ticks && { tickvals: axis.ticks }), ...(axis.names && { ticktext: axis.names.map(text) }),
    ...(axis.format && { tickformat: axis.format }), ...(axis.count && { nticks: axis.count }),
    ...(axis.step && { dtick: axis.step }),
    zeroline: !!axis.zero, zerolinewidth: 2, showgrid: axis.grid !== undefined, fixedrange: true, automargin: true,
    gridcolor: color("--grid"), zerolinecolor: color("--soft"), linecolor: color("--rule"), showline: true });

  const layoutOf = (panel, width) => {
    const [along, values] = [scale(panel.along, panel.horizontal), scale(panel.values)];
    return { width, height: panel.height, margin: { l: 8, r: 12, t: 10, b: 8 }, barmode: "overlay", hovermode: "closest",
      showlegend: false, dragmode: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: panel.horizontal ? values : along, yaxis: panel.horizontal ? along : values,
      font: { family: getComputedStyle(document.documentElement).fontFamily, size: innerWidth < 600 ? 11 : 12,
        color: color("--ink") },
      hoverlabel: { bgcolor: color("--paper"), bordercolor: color("--rule"), font: { color: color("--ink") } } };
  };

  const hidden = (plot) => {
    const entries = plot.closest("figure").querySelectorAll("[aria-pressed=false]");
    return new Set([...entries].map((entry) => entry.dataset.series));
  };
  const visibleTraces = (plot) => {
    const off = hidden(plot);
    return tracesOf(panelOf(plot)).filter((trace) => !off.has(trace.meta.series));
  };
  const draw = (plot) => {
    const layout = layoutOf(panelOf(plot), plot.clientWidth);
    Plotly.react(plot, visibleTraces(plot), layout, { displayModeBar: false });
    plot.dataset.drawn = "";
  };
  const drawn = () => plots.filter((plot) => "drawn" in plot.dataset);

  // What a figure shows, as a table: a line for each point, and below it one for each of its seeds.
  const COLUMNS = ["panel", "series", "place", "seed", "value", "low", "high", "n", "note"];
  const rowsOf = (panel) => panel.series.filter((series) => !series.faint).flatMap((series) => series.at.flatMap((_, i) => {
    const of = (column) => series[column]?.[i] ?? "";
    const start = [panel.title.replace(/\n/g, ", "), series.name, placeOf(panel, series, i)];
    const seeds = (of("seeds") || []).map(([seed, , value]) => [...start, seed, value, "", "", "", ""]);
    return [[...start, "", series.value[i], of("low"), of("high"), of("n"), of("note")], ...seeds];
  }));
  const field = (value) => {
    if (typeof value === "number") return String(value);
    const safe = /^[=+@\t\r-]/.test(value) ? `'${value}` : value; // a spreadsheet would take it for a formula
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const csv = (figure) => {
    const rows = [COLUMNS, ...figure.panels.flatMap(rowsOf)];
    return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
  };

  const save = (address, name) => Object.assign(document.createElement("a"), { href: address, download: name }).click();
  const fileName = (title) =>
    title.normalize("NFKD").replace(/[^A-Za-z0-9.=-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 100);

  // A picture stands alone: with its title, on white, in the colors of a light page, and with a legend.
  const picture = async (plot, format) => {
    const [panel, figure] = [panelOf(plot), figures[plot.dataset.figure]];
    const legend = visibleTraces(plot).filter((trace) => trace.name).length > 1;
    const [ink, grid] = ["#1c1e21", "#e9e9e4"];
    const layout = layoutOf(panel, Math.max(plot.clientWidth, 480));
    for (const axis of [layout.xaxis, layout.yaxis])
      Object.assign(axis, { gridcolor: grid, linecolor: ink, zerolinecolor: ink });
    const title = [figure.title, panel.title].filter(Boolean).join("\n");
    const above = 24 + 18 * title.split("\n").length;
    layout.title = { text: text(title), font: { size: 14 }, x: 0, xanchor: "left", y: 1, yanchor: "top",
      yref: "container", pad: { l: 12, t: 22 } };
    layout.margin.t += above;
    layout.font.color = ink;
    Object.assign(layout, { paper_bgcolor: "#ffffff", showlegend: legend, height: panel.height + above + (legend ? 60 : 0),
      legend: { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom" } });
    if (legend) layout.margin.b += 60;
    // Plotly marks a name as its first point is, and that one may be hollow: names have a mark of their own.
    const off = hidden(plot);
    const names = panel.series.filter((series) => !series.faint && !series.shades && !off.has(series.name));
    const keys = names.map(({ name, style: { color, symbol, dash, width } }) => ({ type: "scatter", name: text(name),
      x: [null], y: [null], mode: !dash ? "markers" : symbol ? "lines+markers" : "lines", showlegend: legend,
      line: { color, dash: dash || "solid", width }, marker: { color, symbol: symbol || "circle", size: 8 } }));
    const data = [...visibleTraces(plot), ...keys];
    const { width, height } = layout;
    return Plotly.toImage({ data, layout }, { format, width, height, scale: format === "png" ? 2 : 1 });
  };

  const button = (name, label, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: name, onclick: act });
    made.setAttribute("aria-label", label);
    return made;
  };
  const bar = (...buttons) => {
    const made = Object.assign(document.createElement("div"), { className: "exports" });
    made.append(...buttons);
    return made;
  };

  const addButtons = () => {
    for (const plot of plots) {
      const names = [figures[plot.dataset.figure].title, panelOf(plot).title.replace(/\n/g, ", ")];
      const title = names.filter(Boolean).join(": ");
      const as = (format) => button(format.toUpperCase(), `${title}, as ${format.toUpperCase()}`,
        async () => save(await picture(plot, format), `${fileName(title)}.${format}`));
      plot.after(bar(as("svg"), as("png")));
    }
    for (const figure of document.querySelectorAll("figure[data-figure]")) {
      const told = figures[figure.dataset.figure];
      const address = () => URL.createObjectURL(new Blob([csv(told)], { type: "text/csv" }));
      const label = `${told.title}, its numbers as CSV`;
      const numbers = button("Numbers (CSV)", label, () => save(address(), `${fileName(told.title)}.csv`));
      figure.querySelector("figcaption").after(bar(numbers));
    }
    for (const entry of document.querySelectorAll(".legend button"))
      entry.addEventListener("click", () => {
        entry.setAttribute("aria-pressed", entry.getAttribute("aria-pressed") === "false");
        drawn().filter((plot) => entry.closest("figure").contains(plot)).forEach(draw);
      });
  };

  const start = () => {
    addButtons();
    const seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting && !("drawn" in target.dataset)) draw(target);
    }, { rootMargin: "300px" });
    plots.forEach((plot) => seen.observe(plot));
    addEventListener("beforeprint", () => plots.filter((plot) => !("drawn" in plot.dataset)).forEach(draw));
    matchMedia("print").addEventListener("change", () => plots.forEach(draw)); // the paper has another width
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn().forEach(draw));
    let [width, waiting] = [innerWidth, 0];
    addEventListener("resize", () => {
      if (innerWidth === width) return; // a bar of the browser came or went
      width = innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(() => drawn().forEach(draw), 100);
    });
  };

  // The library comes compressed; unpacked, it is a script whose digest the page's policy knows.
  const unpack = async () => {
    const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
    const script = document.createElement("script");
    script.textContent = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(script);
  };
  unpack().then(start).catch((error) => {
    for (const plot of plots) plot.textContent = `Not drawn: this browser could not unpack the plots (${error}).`;
  });
})();
