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
    if (part.querySelector(".htmx-request:not([data-live])")) return true;  // what was clicked there is on its way to its place
    if (part.dataset.live === "fast") return false;  // these are not replaced but brought up to date around it
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
    // Empty filters stay out of the address. A search form gets its address from the answer, and an emptied menu says something.
    if (verb === "get" && formData && !formData.has("was")) for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });

  function isTick(event) {
    const {elt, triggeringEvent, requestConfig} = event.detail;
    const cause = triggeringEvent || requestConfig?.triggeringEvent;
    return Boolean(elt?.hasAttribute?.("data-live") && (!cause || cause.type === "tick" || cause.type === "minute"));
  }

  // Parts that ask every second are brought up to date in place (hx-swap="morph"): elements that are still there stay the same elements, so scroll,
  // selection, focus and what is open stay too. Elements meet by id, rows of a timeline by their address, others by their place.
  //   [data-kept]   what somebody asked for and the server does not know of, such as a message in full: it stays as it is
  //   [data-grows]  a list that shows its newest rows: older ones stay, up to MOST_KEPT

  const MOST_KEPT = 1000, grown = new WeakSet();
  const keyOf = (node) => node.nodeType !== Node.ELEMENT_NODE ? null : node.getAttribute("id") || (node.matches("a.wf-row, a[data-key]") ? node.getAttribute("href") : null);
  const isKept = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-kept");

  function morph(from, to) {
    if (from.isEqualNode(to) || isKept(from)) return;
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    // Who reads the end of a list that grows goes on reading its end.
    const follows = from.hasAttribute("data-grows") && from.scrollTop > 0 && from.scrollHeight - from.scrollTop - from.clientHeight < 8;
    morphAttributes(from, to);
    if (isFilled(from, to)) morph(from.querySelector("summary"), to.querySelector("summary"));
    else morphChildren(from, to);
    if (follows) from.scrollTop = from.scrollHeight;
  }

  // A lane that came closed and was filled when somebody opened it: the server would send it empty again.
  const isFilled = (from, to) => from.matches("details") && to.matches("[hx-trigger~=toggle]") && from.querySelector("[data-kept]");

  function morphAttributes(from, to) {
    const mine = from.matches("details") ? ["open"] : from.matches("a.wf-row") ? ["aria-current"] : [];
    for (const {name} of [...from.attributes]) if (!to.hasAttribute(name) && !mine.includes(name)) from.removeAttribute(name);
    for (const {name, value} of to.attributes) if (from.getAttribute(name) !== value && !mine.includes(name)) from.setAttribute(name, value);
  }

  function morphChildren(from, to) {
    const wanted = new Map([...to.childNodes].map((node) => [keyOf(node), node]).filter(([key]) => key));
    const there = new Map([...from.childNodes].map((node) => [keyOf(node), node]).filter(([key]) => key));
    const shared = [...there.keys()].some((key) => wanted.has(key));
    // The run has ended: its list begins at the beginning now, and whoever reads its end goes on reading.
    if (grown.has(from) && !to.hasAttribute("data-grows") && to.querySelector(".next")) return;
    if (to.hasAttribute("data-grows")) grown.add(from);
    const grows = to.hasAttribute("data-grows") && shared;
    const stays = (node) => isKept(node) || (grows && keyOf(node) && !wanted.has(keyOf(node)));
    let surplus = grows ? [...there.keys()].filter((key) => !wanted.has(key)).length - MOST_KEPT : 0;
    for (const [key, node] of there) if (!wanted.has(key) && (!stays(node) || surplus-- > 0)) node.remove();
    const holdsKept = [...from.children].some(isKept);
    let cursor = from.firstChild;
    for (const node of [...to.childNodes]) {
      const key = keyOf(node), match = key ? there.get(key) : null;
      if (match) {
        while (cursor && cursor !== match && (!keyOf(cursor) || stays(cursor))) {
          const next = cursor.nextSibling;
          if (!stays(cursor)) cursor.remove();
          cursor = next;
        }
        if (cursor !== match) from.insertBefore(match, cursor);
        else cursor = cursor.nextSibling;
        morph(match, node);
      } else if (!key && cursor && !keyOf(cursor) && cursor.nodeName === node.nodeName) {
        morph(cursor, node);
        cursor = cursor.nextSibling;
      } else if (!(holdsKept && node.matches?.(".wf-more"))) from.insertBefore(node, cursor);
    }
    while (cursor) {
      const next = cursor.nextSibling;
      if (!stays(cursor)) cursor.remove();
      cursor = next;
    }
  }

  // What is read stays where it is on the screen, whatever grows above it: what has the focus or is selected, else what stands in the middle. (Browsers have this
  // too, but not all, and not always; the style sheet switches it off for these pages.)
  function inPlace(change) {
    const node = document.getSelection()?.isCollapsed === false ? document.getSelection().anchorNode : null;
    const selected = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const found = [selected, document.activeElement, ...[.5, .25, .75].map((part) => document.elementFromPoint(innerWidth / 2, innerHeight * part))];
    const places = scrollY > 0 ? found.filter((element) => element && element !== document.body && !element.closest(".sticky, [data-sticky]") && isInView(element)).map((element) => [element, element.getBoundingClientRect().top]) : [];
    change();
    const still = places.find(([element]) => element.isConnected && element.checkVisibility());
    if (still) scrollBy(0, still[0].getBoundingClientRect().top - still[1]);
  }

  function isInView(element) {
    const {top, bottom, height} = element.getBoundingClientRect();
    return top >= 0 && bottom > 0 && top < innerHeight && height < innerHeight;
  }

  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => {
      const made = fragment.firstElementChild;
      if (style !== "morph" || !made) return false;
      inPlace(() => morph(target, made));
      return [target];
    },
  });

  // What comes along out of band, such as input and result of a run.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const {target, fragment} = event.detail, made = fragment.firstElementChild;
    if (!target.hasAttribute("data-steady") || !made) return;
    made.removeAttribute("hx-swap-oob");
    event.detail.shouldSwap = false;
    inPlace(() => morph(target, made));
    htmx.process(target);
  });

  document.addEventListener("htmx:load", ({detail: {elt}}) => {
    if (!elt.matches("[data-live]") && elt.parentElement?.closest("[data-live=fast]")) elt.setAttribute("data-kept", "");
  });

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
    if (!event.detail.shouldSwap || (isTick(event) && event.detail.elt.dataset.live === "fast")) return;
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
