/* The filter of the table of releases: what is not asked for is hidden, and the rest counted. */
"use strict";

(() => {
  const form = document.querySelector(".mhadoc-filter");
  const { text, spec, differs } = form.elements;
  const said = form.querySelector("[role=status]");

  /** Show the items of a row that have what was typed in their names, and return how many. */
  function narrow(row, typed, wanted) {
    const items = [...row.querySelectorAll("li")];
    for (const item of items) {
      item.hidden = !wanted || !item.textContent.toLowerCase().includes(typed);
    }
    const left = items.filter((item) => !item.hidden).length;
    row.hidden = left === 0;
    for (const folded of row.querySelectorAll("details")) folded.open = typed !== "" && left > 0;
    return left;
  }

  function filter() {
    const typed = text.value.trim().toLowerCase();
    let count = 0;
    for (const table of document.querySelectorAll("table.mhadoc-alike")) {
      const ours = !spec.value || table.dataset.spec === spec.value;
      const rows = [...table.tBodies].map((row) =>
        narrow(row, typed, ours && !(differs.checked && "throughout" in row.dataset)));
      const left = rows.reduce((sum, each) => sum + each, 0);
      table.closest("section").hidden = left === 0;
      count += left;
    }
    said.textContent = count === 1 ? "1 statement" : `${count} statements`;
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
