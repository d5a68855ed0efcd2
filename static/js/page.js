// Copy buttons, toasts and keys. Everything here has a way without it: text can be selected, links and forms work.
(() => {
  "use strict";

  // <div class="copy"><pre class="code">…</pre></div> gets its button here, where there is a clipboard to copy to.

  function addCopyButtons(root) {
    if (!navigator.clipboard) return;
    for (const box of root.querySelectorAll(".copy:not([data-ready])")) {
      box.dataset.ready = "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn";
      button.dataset.copy = "";
      button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-copy"/></svg><span>Copy</span>';
      box.append(button);
    }
  }

  async function copy(button) {
    const code = button.closest(".copy").querySelector(".code, input");
    await navigator.clipboard.writeText((code.value ?? code.textContent).trim());
    button.querySelector("span").textContent = "Copied";
    button.querySelector("use").setAttribute("href", "#i-check");
    document.getElementById("announce").textContent = "Copied";
    setTimeout(() => {
      button.querySelector("span").textContent = "Copy";
      button.querySelector("use").setAttribute("href", "#i-copy");
    }, 2000);
  }

  // Toasts: the server appends its own; this one is for when it does not answer.

  function toast(message) {
    const toasts = document.getElementById("toasts");
    const made = document.getElementById("toast").content.cloneNode(true);
    made.querySelector("p").textContent = message;
    toasts.append(made);
    while (toasts.children.length > 3) toasts.firstElementChild.remove();
  }

  document.addEventListener("htmx:sendError", (event) => {
    if (!event.detail.elt.hasAttribute("data-live")) toast("The server cannot be reached. Nothing was changed.");
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-dismiss]");
    if (button?.matches("[data-copy]")) copy(button);
    if (button?.matches("[data-dismiss]")) button.closest("[data-toast]").remove();
  });

  // Who leaves a search box, perhaps to click on what it found, has been answered while typing: another answer would take it from under the
  // pointer. Escape empties the box after it was left: that is news.

  const SEARCH = ".filters input[type=search]", answered = new WeakMap();
  document.addEventListener("input", (event) => { if (event.target.matches(SEARCH)) answered.set(event.target, event.target.value); }, true);
  document.addEventListener("change", (event) => {
    if (event.target.matches(SEARCH) && answered.get(event.target) === event.target.value) event.stopPropagation();
  }, true);

  // A form that narrows one part of a page, form[data-of-page], is for htmx about the part, for whoever looks about the page: its fields stand in the page's
  // address, and stay there when another part changes what is its own.

  document.addEventListener("htmx:beforeHistoryUpdate", ({detail: {history: update}}) => {
    const form = document.querySelector("form[data-of-page]");
    if (!form) return;
    const here = new URL(location), next = new URL(update.path, here), part = new URL(form.action);
    if (here.pathname !== part.pathname && [here.pathname, part.pathname].includes(next.pathname)) {
      const isOfPart = next.pathname === part.pathname, url = new URL(isOfPart ? here : next), said = isOfPart ? next : here;
      for (const {name} of form.elements) {
        if (said.searchParams.has(name)) url.searchParams.set(name, said.searchParams.get(name));
        else url.searchParams.delete(name);
      }
      if (isOfPart) url.hash = part.hash;
      update.path = url.pathname + url.search + url.hash;
    }
    if (new URL(update.path, here).href === here.href) update.type = "replace";  // Enter is a change and a submit: one step back
  });

  // Keys: `/` search, `g` and a letter to go, `j` `k` through rows, `e` resolves, `?` says them all. Off while typing, and where the person switched them off.

  const ROWS = ".list a.title, .table tbody :is(th, td):first-child > a, .hive > a.cell, [data-row-link]";
  let going = 0;

  function step(by) {
    const rows = [...document.querySelectorAll(`#main :is(${ROWS})`)].filter((row) => row.checkVisibility());
    if (!rows.length) return false;
    const here = rows.indexOf(document.activeElement.closest("li, tr, a.cell")?.matches("a") ? document.activeElement : rows.find((row) => row.closest("li, tr")?.contains(document.activeElement)));
    const next = rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by))];
    next.focus();
    return true;
  }

  function act(key) {
    const form = document.activeElement.closest("li, tr")?.querySelector(`form[data-key="${key}"]`);
    form?.requestSubmit();
    return Boolean(form);
  }

  const help = document.getElementById("help");

  function addKeys(list, keys) {
    for (const old of list.querySelectorAll("[data-added]")) old.remove();
    for (const [key, words] of keys) {
      const term = document.createElement("dt"), said = document.createElement("dd");
      for (const letter of key) {
        const made = document.createElement("kbd");
        made.textContent = letter;
        term.append(made, " ");
      }
      said.textContent = words;
      term.dataset.added = said.dataset.added = "";
      list.append(term, said);
    }
    list.parentElement.hidden = !list.children.length;
  }

  function labelOf(element) {
    const copy = element.cloneNode(true), isForm = copy.matches("form");
    if (isForm) for (const aside of copy.querySelectorAll(".sr")) aside.remove();  // the name of its row, one of many
    return copy.textContent.trim() + (isForm ? ", in the row with the focus" : "");
  }

  function showKeys() {
    if (!help) return false;
    const own = new Map();
    for (const element of document.querySelectorAll("#main [data-key]")) {
      if (element.checkVisibility() && !own.has(element.dataset.key)) own.set(element.dataset.key, labelOf(element));
    }
    addKeys(help.querySelector("[data-keys=page]"), own);
    addKeys(help.querySelector("[data-keys=go]"), [...document.querySelectorAll(".nav a[data-go]")].map((link) => [`g${link.dataset.go}`, link.querySelector("span").textContent]));
    // The browser gives the focus back; a part that was brought up to date meanwhile has its link anew.
    const opener = document.activeElement, href = opener.getAttribute("href");
    help.addEventListener("close", () => { if (href && !opener.isConnected) document.querySelector(`#main a[href="${CSS.escape(href)}"]`)?.focus(); }, {once: true});
    help.showModal();
    return true;
  }

  help?.addEventListener("click", (event) => { if (event.target === help || event.target.closest("button")) help.close(); });
  help?.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.stopPropagation();  // what is below keeps still
    if (event.key === "?") help.close();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.matches("input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable]");
    if (event.key === "Escape" && typing && event.target.type === "search") return event.target.blur();
    if (typing || document.documentElement.dataset.keyboard === "off") return;
    let done = false;
    if (Date.now() - going < 1500) {
      going = 0;
      const link = /^[a-z]$/.test(event.key) && document.querySelector(`.nav a[data-go="${event.key}"]`);
      if (link) { link.click(); done = true; }
    } else if (event.key === "g") { going = Date.now(); done = true; }
    else if (event.key === "/") {
      const box = document.querySelector(".filters input[type=search]") || document.getElementById("jump");
      if (box) { box.focus(); box.select(); done = true; }
    }
    else if (event.key === "?") done = showKeys();
    else if (event.key === "j") done = step(1);
    else if (event.key === "k") done = step(-1);
    else if (/^[a-z]$/.test(event.key)) done = act(event.key);
    if (done) event.preventDefault();
  });

  // On phones the sections of the settings are a row that scrolls: the current one is to be seen.
  const section = document.querySelector(".nav-local [aria-current]");
  if (section) section.parentElement.scrollLeft = section.offsetLeft - section.parentElement.offsetLeft - 24;

  document.addEventListener("htmx:load", (event) => addCopyButtons(event.detail.elt));
  addCopyButtons(document);
})();
