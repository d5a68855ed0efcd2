// Completion for search boxes: <input data-complete="URL"> gets a list of keys and values for the word at the caret. Without it the box works
// as it is, and the help beside it says the same.
(() => {
  "use strict";

  let box = null, list = null, from = 0, asked = 0, timer = 0;

  function listFor(input) {
    const made = document.createElement("ul");
    made.className = "options";
    made.id = "options";
    made.setAttribute("role", "listbox");
    made.setAttribute("aria-label", "Suggestions");
    input.closest(".find").append(made);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", "options");
    return made;
  }

  function close() {
    clearTimeout(timer);
    asked += 1;
    list?.remove();
    box?.setAttribute("aria-expanded", "false");
    box?.removeAttribute("aria-activedescendant");
    list = null;
  }

  const options = () => (list ? [...list.children] : []);
  const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

  function choose(place) {
    options().forEach((option, number) => option.setAttribute("aria-selected", String(number === place)));
    const option = options()[place];
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
  }

  async function ask(input) {
    const mine = ++asked, caret = input.selectionStart ?? input.value.length;
    const url = new URL(input.dataset.complete, location.href);
    url.searchParams.set("text", input.value.slice(0, caret));
    const response = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!response?.ok || mine !== asked || document.activeElement !== input) return;
    const found = await response.json();
    if (mine !== asked) return;
    box = input;
    from = found.from;
    if (!found.items.length) return close();
    list ??= listFor(input);
    list.replaceChildren(...found.items.map((item, number) => {
      const option = document.createElement("li"), about = document.createElement("small");
      option.id = `option-${number}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.text = item.text;
      about.textContent = item.about;
      option.append(item.text, about);
      return option;
    }));
    input.setAttribute("aria-expanded", "true");
  }

  function take(option) {
    const caret = box.selectionStart ?? box.value.length, text = option.dataset.text;
    const more = text.endsWith(":");
    const before = box.value.slice(0, from) + text + (more ? "" : " "), input = box;
    input.value = before + box.value.slice(caret).trimStart();
    input.setSelectionRange(before.length, before.length);
    close();
    input.focus();
    if (more) ask(input);
    else input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-complete]") || !event.isTrusted) return;
    const input = event.target;
    clearTimeout(timer);
    timer = setTimeout(() => ask(input), 120);
  });

  document.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-complete]") || event.isComposing) return;
    const place = chosen(), number = options().length;
    if (!list) {
      if (event.key === "ArrowDown") { event.preventDefault(); ask(event.target); }
      return;
    }
    if (event.key === "ArrowDown") choose((place + 1) % number);
    else if (event.key === "ArrowUp") choose(place <= 0 ? number - 1 : place - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && place >= 0) take(options()[place]);
    else if (event.key === "Escape") close();
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }, true);

  // A menu wrote into the text: the answer says how it reads now.
  document.addEventListener("search-text", (event) => { document.getElementById("q").value = event.detail.value; });

  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("#options > li");
    if (option) { event.preventDefault(); take(option); }
  });
  document.addEventListener("focusout", (event) => { if (event.target === box) close(); });
})();
