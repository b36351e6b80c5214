/* What the report page does in the browser: draws the plots in the theme's colours, and sorts and filters the trials.
   Every text of a user is set as text, never as HTML. Nothing is fetched. */
(function () {
  "use strict";
  const root = document.documentElement;
  const SCALES = {
    light: ["#d3e8d8", "#9fd3c0", "#62b9bd", "#3a95b8", "#2a6ba6", "#234186", "#1b1f5e"],
    dark: ["#26364a", "#2a5578", "#2b7894", "#379b9b", "#66bd90", "#aedb83", "#f4f3a0"],
  };
  const COLOURS = ["ink", "muted", "line", "grid", "lane", "card", "accent", "best", "bad", "early", "running", "lost", "again", "arrow", "edge", "veil"];
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);

  // --- colours -------------------------------------------------------------------------------------------------
  function rgb(hex) {
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
  function onScale(place) {
    const stops = SCALES[root.dataset.theme];
    const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
    return a.map((channel, i) => Math.round(channel + (b[i] - channel) * (at - low)));
  }
  function readableOn(channels) {
    const light = channels.map((c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.22 ? "#10202c" : "#ffffff";
  }
  function colour(name) {
    if (typeof name !== "string" || name[0] !== "$") return name;
    if (name === "$scale") {
      const stops = SCALES[root.dataset.theme];
      return stops.map((stop, i) => [i / (stops.length - 1), stop]);
    }
    if (name.startsWith("$scale:")) return "rgb(" + onScale(parseFloat(name.slice(7))).join(",") + ")";
    if (name.startsWith("$onscale:")) return readableOn(onScale(parseFloat(name.slice(9))));
    const key = name.slice(1);
    return COLOURS.includes(key) ? getComputedStyle(root).getPropertyValue("--" + key).trim() : name;
  }
  /* Colours stand under keys that say so; texts of users are never taken for a colour. */
  function themed(value, key) {
    if (Array.isArray(value)) return value.map((item) => themed(item, key));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, themed(item, name)]));
    }
    return /color(scale)?$/.test(key) ? colour(value) : value;
  }

  // --- plots ---------------------------------------------------------------------------------------------------
  const CONFIG = { displayModeBar: false };
  function layoutOf(form) {
    const layout = themed(form.layout, "");
    const axis = { showline: false, gridcolor: colour("$grid"), zerolinecolor: colour("$line"), linecolor: colour("$line"), tickcolor: colour("$line"), title: {} };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(name)) {
        layout[name] = { ...axis, ...layout[name] };
        layout[name].title = { font: { size: 12, color: colour("$muted") }, standoff: 8, ...layout[name].title };
      }
    }
    return {
      ...layout,
      height: form.height,
      autosize: true,
      font: { family: getComputedStyle(root).getPropertyValue("--sans").trim(), size: 12, color: colour("$ink") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: colour("$card"), bordercolor: colour("$line"), font: { color: colour("$ink"), size: 12 }, align: "left" },
      legend: { bgcolor: "rgba(0,0,0,0)", font: { color: colour("$muted"), size: 12 }, ...(layout.legend || {}) },
    };
  }
  const plots = read("figures").map((figure) => ({ ...figure, div: byId("plot-" + figure.key), form: 0 }));
  function draw(plot) {
    const form = plot.forms[plot.form];
    plot.div.style.minWidth = form.minWidth ? form.minWidth + "px" : "";
    return Plotly.react(plot.div, themed(form.data, ""), layoutOf(form), CONFIG).then(() => {
      plot.div.dataset.drawn = plot.div.querySelectorAll(".main-svg .trace, .main-svg .point").length;
    });
  }
  function drawAll() {
    root.dataset.drawn = "false";
    return Promise.allSettled(plots.map(draw)).then((results) => {
      const broken = results.filter((result) => result.status === "rejected");
      broken.forEach((result) => console.error("a plot could not be drawn", result.reason));
      root.dataset.plots = String(results.length - broken.length);
      root.dataset.broken = String(broken.length);
      root.dataset.drawn = "true";
    });
  }
  /* A plot follows its place, whatever changed it: the window, a scroll bar, the print layout. */
  const widths = new WeakMap();
  const watch = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const before = widths.get(target);
      widths.set(target, contentRect.width);
      if (before !== undefined && before !== contentRect.width && target.dataset.drawn && contentRect.width > 0) Plotly.Plots.resize(target);
    }
  });
  for (const plot of plots) {
    watch.observe(plot.div);
    document.querySelectorAll('[data-forms="' + plot.key + '"] button').forEach((button, index, all) => {
      button.addEventListener("click", () => {
        plot.form = index;
        all.forEach((other, i) => other.setAttribute("aria-pressed", String(i === index)));
        // The forms differ in their axes: what was zoomed in one means nothing in the other.
        Plotly.purge(plot.div);
        draw(plot);
      });
    });
  }

  // --- light and dark ------------------------------------------------------------------------------------------
  function setTheme(theme, keep) {
    root.dataset.theme = theme;
    if (keep) {
      try { localStorage.setItem("autosearch-theme", theme); } catch (error) { /* a file may have no storage */ }
    }
    drawAll();
  }
  byId("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark", true));
  window.addEventListener("hashchange", () => {
    if (location.hash === "#dark" || location.hash === "#light") setTheme(location.hash.slice(1), false);
  });

  // --- copying -------------------------------------------------------------------------------------------------
  document.querySelectorAll(".copy button").forEach((button) => {
    button.addEventListener("click", () => {
      const text = button.parentElement.querySelector("pre").textContent;
      const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
      const select = () => { getSelection().selectAllChildren(button.parentElement.querySelector("pre")); };
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select); else select();
    });
  });

  // --- trials --------------------------------------------------------------------------------------------------
  const table = byId("trials-table");
  if (table) {
    const { columns, rows } = read("rows");
    const [filter, state, count, all] = ["filter", "state", "count", "all"].map(byId);
    const FIRST = 50;
    let [sorted, up, whole] = [0, true, false];
    for (const row of rows) for (const cell of row.cells) if (!("key" in cell)) cell.key = cell.text;
    const texts = rows.map((row) => row.cells.map((cell) => cell.text).join(" ").toLowerCase());

    const compare = (a, b) => {
      if (a === null || b === null) return (a === null) - (b === null) || 0;
      const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
      return up ? order : -order;
    };
    function cellOf(cell, column) {
      const td = document.createElement("td");
      td.className = column.kind;
      const inner = column.kind === "st" ? td.appendChild(document.createElement("span")) : td;
      if (column.kind === "st") inner.className = "s " + cell.key;
      inner.textContent = cell.text;
      if (cell.exact) td.title = cell.exact;
      return td;
    }
    function show() {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const hits = rows.map((row, i) => i).filter((i) => (!state.value || rows[i].state === state.value) && words.every((word) => texts[i].includes(word)));
      hits.sort((a, b) => compare(rows[a].cells[sorted].key, rows[b].cells[sorted].key) || a - b);
      const shown = whole ? hits : hits.slice(0, FIRST);
      const body = document.createElement("tbody");
      for (const i of shown) {
        const tr = body.appendChild(document.createElement("tr"));
        if (rows[i].best) tr.className = "best";
        rows[i].cells.forEach((cell, k) => tr.append(cellOf(cell, columns[k])));
      }
      table.tBodies[0].replaceWith(body);
      table.querySelectorAll("th").forEach((th, k) => th.setAttribute("aria-sort", k === sorted ? (up ? "ascending" : "descending") : "none"));
      count.textContent = hits.length === rows.length ? shown.length + " of " + rows.length + " trials" : shown.length + " of " + hits.length + " matching trials";
      all.hidden = shown.length === hits.length;
      root.dataset.rows = String(shown.length);
    }
    const head = table.tHead.rows[0];
    columns.forEach((column, k) => {
      const th = head.appendChild(document.createElement("th"));
      th.className = column.kind === "n" ? "n" : "";
      th.scope = "col";
      const button = th.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = column.title;
      button.addEventListener("click", () => { [sorted, up] = [k, k === sorted ? !up : true]; show(); });
    });
    filter.addEventListener("input", show);
    state.addEventListener("change", show);
    all.addEventListener("click", () => { whole = true; show(); });
    show();
  }
  drawAll();
})();
