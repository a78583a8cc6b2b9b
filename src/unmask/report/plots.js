// Draws the figures that the page carries as JSON, in the page's own colors, and again when those change.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: true,
    modeBarButtonsToRemove: ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"] };

  const inPageColors = (figure) => {
    const layout = figure.layout;
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const narrow = innerWidth < 600;
    const names = figure.data.filter((trace) => trace.showlegend).length;
    const themed = { ...layout,
      height: layout.height + (narrow && names > 3 ? 14 * names : 0), // a legend that wraps must not eat the panels
      font: { family: style.fontFamily, size: narrow ? 11 : 13, color: color("--ink") },
      hoverlabel: { bgcolor: color("--paper"), bordercolor: color("--rule"), font: { color: color("--ink") } } };
    for (const name of Object.keys(layout).filter((name) => /^[xy]axis/.test(name)))
      themed[name] = { ...layout[name], gridcolor: color("--grid"), linecolor: color("--rule"), showline: name.startsWith("x") };
    return themed;
  };

  const draw = () => figures.forEach((figure, i) =>
    Plotly.react(`plot-${i}`, figure.data, inPageColors(figure), config));
  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
})();
