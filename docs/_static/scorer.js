/* How search weighs what it finds: what people look up first comes first.

   The names are those that Sphinx knows a scorer by; the numbers are its own but for `score`. */
"use strict";

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  /** A rule of the module comes before claims about it; Python's names and history come last.

      A rule without a label, `MultiheadAttention.kdim`, comes before those of one name with one. */
  score([page, title, anchor, , score]) {
    if (page === "api" || page === "changelog" || page === "contributing") return score - 12;
    if (page === "reference/multihead_attention") {
      return score + (anchor ? 4 : 1) + (title.split(".").length === 2 ? 1 : 0);
    }
    // Torch's own words, audited, come after what is true.
    if (page.startsWith("audit/")) return score - 6;
    // What is listed for every release is stated elsewhere.
    if (page === "releases" || page === "what_changed") return score - 10;
    // A page of questions or errors has the words of many titles: the one meant comes before it.
    if (page === "questions/index") return score - 10;
    if (page.startsWith("questions/")) return score + (anchor ? 3 : -5);
    if (page === "errors") return score + (anchor ? 2 : -5);
    if (page.startsWith("auto_gallery/")) return score - 1;
    return score;
  },
};
