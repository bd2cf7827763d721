/* What scrolls sideways can be reached by keyboard; what fits is no stop on the way. */
"use strict";

(() => {
  const SCROLLS = "pre, .table-wrapper, .math-formula, .mhadoc-picture";

  function mark() {
    for (const each of document.querySelectorAll(SCROLLS)) {
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
      else each.removeAttribute("tabindex");
    }
  }

  window.addEventListener("load", mark);
  window.addEventListener("resize", mark);
})();
