// Draws the figures that the page carries as JSON, in the page's own colors and width, and again when those change.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"] };
  const BETWEEN = 56; // pixels between two panels that stand side by side: the second one's ticks

  const axis = (name, i) => name + (i ? i + 1 : "");

  const columnsAt = ({ columns, width }, room) =>
    Math.max(1, Math.min(columns, Math.floor((room + BETWEEN) / (width + BETWEEN))));

  // The figure comes with its panels one below the other; as many as fit stand side by side.
  const inGrid = (layout, room) => {
    const { panels, panel, gap } = layout.meta.grid;
    const columns = columnsAt(layout.meta.grid, room);
    if (columns === 1) return layout;
    const rows = Math.ceil(panels / columns);
    const tall = rows * panel + (rows - 1) * gap;
    const wide = (room - (columns - 1) * BETWEEN) / columns;
    const placed = { ...layout, height: tall + layout.margin.t + layout.margin.b, annotations: [] };
    for (let i = 0; i < panels; i++) {
      const left = (i % columns) * (wide + BETWEEN) / room;
      const top = 1 - Math.floor(i / columns) * (panel + gap) / tall;
      const [x, y] = [axis("xaxis", i), axis("yaxis", i)];
      placed[x] = { ...layout[x], domain: [left, Math.min(1, left + wide / room)] };
      placed[y] = { ...layout[y], domain: [Math.max(0, top - panel / tall), top] };
      placed.annotations.push({ ...layout.annotations[i], x: left, y: top });
    }
    return placed;
  };

  // Lines of the legend beyond the first: they must not eat the panels.
  const legendRoom = (figure, room) => {
    let [rows, used] = [1, 0];
    for (const { name } of figure.data.filter((trace) => trace.showlegend)) {
      const entry = 50 + 7.5 * name.length;
      if (used && used + entry > room) [rows, used] = [rows + 1, 0];
      used += entry;
    }
    return 20 * (rows - 1);
  };

  const inPageColors = (figure, width) => {
    const room = width - figure.layout.margin.l - figure.layout.margin.r;
    const layout = inGrid(figure.layout, room);
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const legend = legendRoom(figure, room);
    const themed = { ...layout,
      width, height: layout.height + legend,
      margin: { ...layout.margin, b: layout.margin.b + legend },
      font: { family: style.fontFamily, size: innerWidth < 600 ? 11 : 13, color: color("--ink") },
      hoverlabel: { bgcolor: color("--paper"), bordercolor: color("--rule"), font: { color: color("--ink") } } };
    for (const name of Object.keys(layout).filter((name) => /^[xy]axis/.test(name)))
      themed[name] = { ...layout[name], gridcolor: color("--grid"), zerolinecolor: color("--soft"),
        linecolor: color("--rule"), showline: name.startsWith("x") };
    return themed;
  };

  const place = (i) => document.getElementById(`plot-${i}`);
  const drawOne = (i) => Plotly.react(place(i), figures[i].data, inPageColors(figures[i], place(i).clientWidth), config);
  let turn = 0;
  const drawInTurn = (mine, i = 0) => { // one at a time, so that the page can be read meanwhile
    if (mine !== turn || i === figures.length) return;
    drawOne(i);
    setTimeout(drawInTurn, 0, mine, i + 1);
  };
  const drawAgain = () => drawInTurn(++turn);
  drawAgain();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
  matchMedia("print").addEventListener("change", () => figures.forEach((_, i) => drawOne(i)));

  let [seen, waiting] = [innerWidth, 0];
  addEventListener("resize", () => {
    if (innerWidth === seen) return; // a bar of the browser came or went
    seen = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAgain, 100);
  });
})();
