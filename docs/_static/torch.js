/* What does not hold on the torch that a reader has chosen is marked, on every page.

   Each badge has a letter for each release that has a ledger. The choice is remembered. */
"use strict";

(() => {
  const KEY = "mhadoc-torch";
  const SAID = {
    n: "not on torch",
    o: "otherwise on torch",
    r: "refuted on torch",
    u: "not tried on torch",
    "-": "not known of torch",
  };
  // What is not so there is struck through; what reads otherwise, or is not known, is only told.
  const STRUCK = "nr";
  const select = document.getElementById(KEY);
  if (!select) return;

  const told = document.createElement("p");
  told.className = "mhadoc-told";
  told.setAttribute("role", "status");
  const title = document.querySelector("article h1");
  if (title) title.after(told);
  else document.querySelector("article").prepend(told);

  /** Return what a badge speaks of: a claim, a demand, or a row and not the details below it. */
  function owner(badge) {
    if (badge.matches(".mhadoc-aside")) return badge;
    const found = badge.closest(".mhadoc-claim, .mhadoc-demands > li, tr");
    return found && found.matches(".mhadoc-details") ? found.previousElementSibling : found;
  }

  function noted(text) {
    const note = document.createElement("span");
    note.className = "mhadoc-note-there";
    note.textContent = text;
    return note;
  }

  /** Mark what a badge speaks of, and what it is folded up in. */
  function mark(badge, sign, name) {
    const whole = owner(badge), words = badge.textContent || badge.dataset.words;
    const place = whole.matches("tr") ? whole.cells[0] : whole;
    place.prepend(noted(`${SAID[sign]} ${name}: ${words}`));
    if (STRUCK.includes(sign)) whole.classList.add("mhadoc-struck");
    const folded = whole.closest("details:not(table details)");
    const title = folded && folded.querySelector("summary");
    if (title && !title.querySelector(".mhadoc-note-there")) {
      title.append(noted(`${SAID[sign]} ${name}`));
    }
  }

  function clear() {
    for (const note of document.querySelectorAll(".mhadoc-note-there")) note.remove();
    for (const each of document.querySelectorAll(".mhadoc-struck")) each.classList.remove("mhadoc-struck");
  }

  function count(number, one, more) {
    return number ? [`${number} ${number === 1 ? one : more}`] : [];
  }

  /** Say in a line what is marked. */
  function tell(name, signs) {
    const found = (letters) => signs.filter((sign) => letters.includes(sign)).length;
    if (!name || signs.length === 0) return "";
    const parts = [
      ...count(found("nr"), "does not hold", "do not hold"),
      ...count(found("o"), "holds in other words", "hold in other words"),
      ...count(found("u-"), "was not tried", "were not tried"),
    ];
    const all = signs.length === 1 ? "the one statement" : `the ${signs.length} statements`;
    const shown = `Examples and tables are of torch ${select.dataset.here}.`;
    return `On torch ${name}, of ${all} (rules, demands, claims) on this page: ${parts.join(", ") || "all hold"}. ${shown}`;
  }

  function show() {
    const { value: name, selectedOptions: [{ dataset: { place } }] } = select;
    clear();
    const signs = [];
    for (const badge of name ? document.querySelectorAll("[data-verdicts]") : []) {
      const sign = badge.dataset.verdicts[place];
      if (!badge.matches(".mhadoc-aside")) signs.push(sign);
      if (sign !== "h") mark(badge, sign, name);
    }
    told.textContent = tell(name, signs);
  }

  /** Use what is remembered, where the browser lets a page remember. */
  function remembered() {
    try {
      return localStorage.getItem(KEY) || "";
    } catch {
      return "";
    }
  }

  function remember() {
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // Then the choice is for this page alone.
    }
  }

  const known = [...select.options].map((option) => option.value);
  select.value = known.includes(remembered()) ? remembered() : "";
  select.addEventListener("change", () => {
    remember();
    show();
  });
  show();
})();
