// The page of one run: which step is open, and its keys. Everything here is also a link.
//   [ ] newer, older run · f first failing step · ↑ ↓ from row to row · ← → closes, opens a lane · Esc closes the step
(() => {
  "use strict";
  const panel = () => document.getElementById("span");
  const rowOf = (key) => key && document.querySelector(`.wf a.wf-row[href*="span=${CSS.escape(key)}#"]`);
  let byKey = false, opener = null;

  function mark() {
    const current = rowOf(panel()?.dataset.span);
    for (const row of document.querySelectorAll(".wf-row[aria-current]")) if (row !== current) row.removeAttribute("aria-current");
    current?.setAttribute("aria-current", "true");
  }

  function close() {
    const box = panel();
    const row = rowOf(box.dataset.span);
    box.hidden = true;
    box.replaceChildren();
    delete box.dataset.span;
    mark();
    const url = new URL(location);
    url.searchParams.set("span", "none");
    url.hash = "";
    history.pushState(null, "", url);
    (opener?.isConnected ? opener : row)?.focus({preventScroll: true});
  }

  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("pointerdown", () => { byKey = false; }, true);

  document.addEventListener("htmx:beforeRequest", ({detail}) => {
    if (detail.target?.id === "span") opener = detail.elt.closest("#span") ? opener : detail.elt;
  });

  document.addEventListener("htmx:afterSettle", ({detail}) => {
    if (detail.elt.id !== "span" && detail.elt.id !== "timeline" && !detail.elt.classList?.contains("wf-row")) return;
    mark();
    if (detail.elt.id !== "span") return;
    const box = panel(), {top, bottom} = box.getBoundingClientRect();
    if (top > innerHeight - 120 || bottom < 120) box.scrollIntoView({block: "start"});
    if (byKey) box.focus({preventScroll: true});
  });

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#span [data-close]")) return;
    event.preventDefault();
    close();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches("input, select, textarea, [contenteditable]")) return;
    const off = document.documentElement.dataset.keyboard === "off";
    const link = !off && {"[": '[data-key="["]', "]": '[data-key="]"]', f: '[data-key="f"]'}[event.key];
    const row = event.target.closest(".wf-row");
    if (link) document.querySelector(`#run ${link}`)?.click();
    else if (event.key === "Escape" && panel()?.dataset.span) close();
    else if (row && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const rows = [...document.querySelectorAll(".wf .wf-row")].filter((other) => other.checkVisibility());
      rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    } else if (row && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      const lane = row.closest("details");
      lane.open = event.key === "ArrowRight";
      if (!lane.open) lane.querySelector("summary").focus();
    } else return;
    event.preventDefault();
  });

  // The section in view is the current one of the tabs.
  const tabs = [...document.querySelectorAll(".tabs[data-sticky] a[href^='#']")];
  const said = new Map();
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) said.set(entry.target.id, entry.isIntersecting);
    const here = tabs.find((tab) => said.get(tab.hash.slice(1)));
    if (here) for (const tab of tabs) tab === here ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current");
  }, {rootMargin: "-64px 0px -55% 0px"});
  const watch = () => { seen.disconnect(); for (const tab of tabs) { const part = document.querySelector(tab.hash); if (part) seen.observe(part); } };
  document.addEventListener("htmx:afterSettle", watch);
  watch();
})();
