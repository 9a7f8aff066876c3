(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const touch = matchMedia("(pointer: coarse)").matches;
  const themed = (value, style) => {
    if (Array.isArray(value)) {
      return typeof value[0] === "object" && value[0] !== null ? value.map((item) => themed(item, style)) : value;
    }
    if (value === null || typeof value !== "object") return value;
    if (typeof value.css === "string") return style.getPropertyValue(value.css).trim();
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item, style)]));
  };
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: style.getPropertyValue("--muted").trim() };
    const paper = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
    const hoverlabel = { bgcolor: style.getPropertyValue("--panel").trim(), bordercolor: style.getPropertyValue("--axis").trim(), font: { ...font, color: style.getPropertyValue("--ink").trim() } };
    for (const [id, figure] of Object.entries(figures)) {
      const place = document.getElementById(id);
      if (place.closest("details:not([open])")) continue; // it has no size yet: drawn when it is opened
      const layout = { ...themed(figure.layout, style), ...paper, font, hoverlabel, dragmode: touch ? false : "zoom" };
      Plotly.react(place, themed(figure.data, style), layout, { responsive: true, displayModeBar: false });
    }
  };
  draw();
  const open = () => {
    const place = document.getElementById(location.hash.slice(1));
    if (place && place.tagName === "DETAILS") { place.open = true; place.scrollIntoView(); }
  };
  open();
  addEventListener("hashchange", open);
  document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", draw));
  document.querySelectorAll('a[href^="#"]').forEach((link) => link.addEventListener("click", () => setTimeout(open)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => { document.documentElement.dataset.print = ""; draw(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.print; draw(); });
  const copy = document.getElementById("copy");
  const command = document.getElementById("command");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(command);
      copy.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 2500);
  });
})();
