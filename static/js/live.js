// Keeps pages true: parts marked [data-live] ask again on every `tick`, and <time> elements say how long ago it is by now.
//
// A tick comes every second while the page holds [data-live=fast], every five seconds else, once a minute when nobody looks or for [data-live=slow] (event
// `minute`), and more and more rarely while the server cannot be reached. A part sends the ETag it was made with and gets 304 until something changed.
(() => {
  "use strict";
  const SECOND = 1000, MINUTE = 60 * SECOND;
  const AWAY_AFTER = 2 * MINUTE;
  let lastUpdate = Date.now(), lastLook = Date.now(), failures = 0, held = false, timer = 0, minute = Date.now();

  const parts = () => document.querySelectorAll("[data-live]");

  // When to ask.

  function pause() {
    if (document.hidden || Date.now() - lastLook > AWAY_AFTER) return MINUTE;
    const base = document.querySelector('[data-live="fast"]') ? SECOND : 5 * SECOND;
    return failures ? Math.min(MINUTE, 2 * SECOND * 2 ** Math.min(failures - 1, 5)) : base;
  }

  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(tick, pause());
  }

  function tick() {
    if (document.hasFocus()) lastLook = Date.now();
    if (parts().length) htmx.trigger(document.body, "tick");
    if (Date.now() - minute >= MINUTE) {
      minute = Date.now();
      htmx.trigger(document.body, "minute");
    }
    schedule();
  }

  function lookedAt() {
    const waited = pause();
    lastLook = Date.now();
    if (!document.hidden && waited === MINUTE) tick();
  }
  document.addEventListener("visibilitychange", lookedAt);
  window.addEventListener("focus", lookedAt);
  document.addEventListener("pointermove", () => { if (Date.now() - lastLook > SECOND) lookedAt(); }, {passive: true});

  // What not to disturb: a field or key-driven focus inside the part, an open menu, ticked rows, selected text, and what is being clicked on.

  let pressed = null;
  document.addEventListener("pointerdown", (event) => { pressed = event.target; }, {capture: true, passive: true});
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = null; }, {capture: true, passive: true});

  function isHeld(part) {
    const active = document.activeElement;
    if (pressed && part.contains(pressed)) return true;
    if (active && active !== part && part.contains(active)) {
      if (active.matches("input, select, textarea, [contenteditable]") || active.matches(":focus-visible")) return true;
    }
    if (part.querySelector("[data-menu][open], input.tick:checked")) return true;
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isTick(event)) return;
    held = isHeld(event.detail.elt);
    if (held) event.preventDefault();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    const {elt, headers, formData, verb} = event.detail;
    if (isTick(event) && elt.dataset.etag) headers["If-None-Match"] = `"${elt.dataset.etag}"`;
    // Empty filters stay out of the address.
    if (verb === "get" && formData) for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });

  function isTick(event) {
    const {elt, triggeringEvent, requestConfig} = event.detail;
    const cause = triggeringEvent || requestConfig?.triggeringEvent;
    return Boolean(elt?.hasAttribute?.("data-live") && (!cause || cause.type === "tick" || cause.type === "minute"));
  }

  // What stays over a swap: opened details, scrolled boxes, the focus.

  let kept = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const {target, xhr} = event.detail;
    if (isTick(event)) {
      if (xhr.status >= 400 || isHeld(event.detail.elt)) {
        event.detail.shouldSwap = false;  // a page that polls shows no toasts; the mark says that it is paused
        return;
      }
      const etag = (xhr.getResponseHeader("ETag") || "").replace(/^W\/|"/g, "");
      if (etag) event.detail.elt.dataset.etag = etag;
    }
    if (!event.detail.shouldSwap) return;
    kept = {
      open: [...target.querySelectorAll("details[id]")].map((item) => [item.id, item.open]),
      scroll: [...target.querySelectorAll("[id]")].filter((box) => box.scrollTop || box.scrollLeft)
        .map((box) => [box.id, box.scrollTop, box.scrollLeft]),
      focus: target.contains(document.activeElement) ? linkOf(document.activeElement) : null,
    };
  });

  const linkOf = (element) => element.id ? `#${CSS.escape(element.id)}` : element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;

  document.addEventListener("htmx:afterSwap", (event) => {
    if (kept) {
      for (const [id, open] of kept.open) { const item = document.getElementById(id); if (item) item.open = open; }
      for (const [id, top, left] of kept.scroll) { const box = document.getElementById(id); if (box) [box.scrollTop, box.scrollLeft] = [top, left]; }
      if (kept.focus && document.activeElement === document.body) document.querySelector(kept.focus)?.focus({preventScroll: true});
      kept = null;
    }
    announce(event.detail.elt);
    sayTimes();
  });

  // One short sentence for screen readers when it changes: <span data-announce="12 tasks" hidden>.

  let announced = "";
  function announce(part) {
    const words = (part.matches?.("[data-announce]") ? part : part.querySelector?.("[data-announce]"))?.dataset.announce;
    if (words && words !== announced) document.getElementById("announce").textContent = announced = words;
  }

  // Fresh or paused.

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isTick(event)) return;
    const status = event.detail.xhr.status;
    if (status > 0 && status < 400) {
      const wasDown = failures > 0;
      failures = 0;
      lastUpdate = Date.now();
      if (wasDown) schedule();
    } else {
      failures += 1;
      schedule();
    }
    sayMark();
  });

  function sayMark() {
    for (const mark of document.querySelectorAll("[data-live-mark]")) {
      mark.hidden = !parts().length;
      mark.dataset.state = failures || held ? "stale" : "live";
      mark.querySelector("[data-live-word]").textContent =
        failures ? "Paused, last update" : held ? "Waiting while you are in it, last update" : "Live, updated";
      const time = mark.querySelector("time");
      time.setAttribute("datetime", new Date(lastUpdate).toISOString());
      time.textContent = howLongAgo(lastUpdate);
    }
  }

  // Times.

  function howLongAgo(at, short) {
    const seconds = Math.max(0, Math.floor((Date.now() - at) / SECOND)), tail = short ? "" : " ago";
    if (seconds < 60) return `${seconds}s${tail}`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min${tail}`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h${tail}`;
    if (seconds < 7 * 86400) return `${Math.floor(seconds / 86400)} d${tail}`;
    return null;
  }

  function elapsed(since) {
    const seconds = Math.max(0, (Date.now() - since) / SECOND), two = (number) => String(Math.floor(number)).padStart(2, "0");
    if (seconds < 60) return `${Math.floor(seconds)}s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
    return `${Math.floor(seconds / 3600)}h ${two((seconds % 3600) / 60)}m`;
  }

  function sayTimes() {
    for (const time of document.querySelectorAll("time[datetime]:not([data-absolute])")) {
      const at = Date.parse(time.getAttribute("datetime"));
      if (Number.isNaN(at) || time.closest("[data-live-mark]")) continue;
      const words = "elapsed" in time.dataset ? elapsed(at) : at > Date.now() + SECOND ? null : howLongAgo(at, "short" in time.dataset);
      if (words && time.textContent !== words) time.textContent = words;
    }
    sayMark();
  }

  setInterval(() => { if (!document.hidden) sayTimes(); }, SECOND);
  sayTimes();
  schedule();
})();
