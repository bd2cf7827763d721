/* The site's navigation and a page's contents, which are drawers on narrow screens, by keyboard. */
"use strict";

(() => {
  const DRAWERS = [
    ["__navigation", ".sidebar-drawer", "Navigation of the site"],
    ["__toc", ".toc-drawer", "Contents of this page"],
  ];

  for (const [id, selector, name] of DRAWERS) {
    const box = document.getElementById(id), drawer = document.querySelector(selector);
    const openers = [...document.querySelectorAll(`label[for="${id}"] .icon`)];
    let opener = openers[0];

    const tell = () => openers.forEach((each) => each.setAttribute("aria-expanded", box.checked));

    function turn(open) {
      box.checked = open;
      tell();
      if (open) drawer.querySelector("a, input").focus();
      else opener.focus();
    }

    for (const each of openers) {
      each.tabIndex = 0;
      each.setAttribute("role", "button");
      each.setAttribute("aria-label", name);
      each.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        opener = each;
        turn(!box.checked);
      });
    }
    box.addEventListener("change", tell);
    drawer.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && box.checked) turn(false);
    });
    tell();
  }
})();
