// Ctrl or ⌘ K: a dialog that jumps to anything by name or id. It shows what the page of results shows; without it the box in the rail leads there.
(() => {
  "use strict";

  const form = document.querySelector("form.jump");
  if (!form || !window.HTMLDialogElement) return;
  let dialog = null, input = null, box = null, asked = 0, timer = 0;

  function make() {
    dialog = document.createElement("dialog");
    dialog.className = "jumping";
    dialog.setAttribute("aria-label", "Jump to anything");
    input = document.createElement("input");
    Object.assign(input, { type: "search", className: "input", autocomplete: "off", placeholder: "Name, words or id" });
    input.setAttribute("aria-label", "Name, words or id");
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", "jumping");
    box = document.createElement("div");
    box.id = "jumping";
    dialog.append(input, box);
    document.body.append(dialog);
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
    dialog.addEventListener("keydown", onKey);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }

  const places = () => [...box.querySelectorAll("a")];
  const chosen = () => places().findIndex((place) => place.closest("li").getAttribute("aria-selected") === "true");

  function choose(number) {
    places().forEach((place, at) => place.closest("li").setAttribute("aria-selected", String(at === number)));
    const item = places()[number]?.closest("li");
    if (!item) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  async function ask() {
    const mine = ++asked, url = new URL(form.action, location.href);
    url.searchParams.set("q", input.value);
    const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (mine !== asked || !dialog.open) return;
    if (response?.headers.get("HX-Redirect")) return void (location.href = response.headers.get("HX-Redirect"));
    if (!response?.ok) return void (box.textContent = "The server cannot be reached.");
    box.innerHTML = await response.text();
    box.firstElementChild.removeAttribute("id");
    for (const heading of box.querySelectorAll("h2[id]")) heading.id = `jumping-${heading.id}`;
    for (const section of box.querySelectorAll("section")) section.setAttribute("aria-labelledby", section.querySelector("h2").id);
    for (const list of box.querySelectorAll("ul")) { list.setAttribute("role", "listbox"); list.setAttribute("aria-labelledby", list.previousElementSibling.id); }
    places().forEach((place, number) => {
      const item = place.closest("li");
      item.id = `place-${number}`;
      item.setAttribute("role", "option");
      place.tabIndex = -1;
    });
    choose(0);
    document.getElementById("announce").textContent = box.firstElementChild.dataset.announce;
  }

  function onKey(event) {
    const number = places().length;
    if (event.key === "Escape" && !event.isComposing) {  // not only empties the box
      event.preventDefault();
      event.stopPropagation();
      return dialog.close();
    }
    if (event.isComposing || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Enter") {
      const place = places()[chosen()];
      if (place) location.href = place.href;
    } else if (number) choose((chosen() + (event.key === "ArrowDown" ? 1 : number - 1)) % number);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (!dialog) make();
    if (dialog.open) return dialog.close();
    input.value = "";
    dialog.showModal();
    input.focus();
    ask();
  });
})();
