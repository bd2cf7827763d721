/* The words of the address at which nothing stands are what is looked for. */
"use strict";

(() => {
  const words = decodeURIComponent(window.location.pathname + window.location.hash)
    .replace(/\.(html|md)\b/g, "")
    .split(/[^\p{Letter}\p{Number}_]+/u);
  document.querySelector("[data-words]").value = words.filter(Boolean).join(" ");
})();
