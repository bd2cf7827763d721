/* Search by headings as well: a question, or an error text, is found by most of its words.

   Sphinx wants every word that is typed on a page and weighs pages alone. Here the headings of all
   pages are compared with what was typed, a rare word counting more than a common one, and what
   occurs nowhere, such as a size in a message that is pasted, does not count at all. */
"use strict";

(() => {
  // A name alone is looked up: what is called by it comes before headings with other words.
  const ONE = { least: 0.2, starts: 8.5, worth: 4 }, MORE = { least: 0.4, starts: 12, worth: 11 };
  // What was typed has to be in a heading more than a heading in what was typed.
  const ASKED = 0.6;
  // A page about something comes before a section; sections of the reference are called alike.
  const PAGE = 4, ALIKE = -2;
  const stemmer = new Stemmer();
  let headings = null;

  /** Return the words of a text, and the parts of those that are put together. */
  function words(text) {
    const whole = splitQuery(text), parts = whole.flatMap((word) => word.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g) || []);
    return new Set([...whole, ...parts].map((word) => stemmer.stemWord(word.toLowerCase())));
  }

  /** Return every heading with its words, and how rare each word is among them. */
  function read(index) {
    const found = Object.entries(index.alltitles).flatMap(([title, places]) =>
      places.map(([file, id]) => ({ title, file, id, words: words(title) })));
    const counts = new Map();
    for (const each of found) {
      for (const word of each.words) counts.set(word, (counts.get(word) || 0) + 1);
    }
    const rare = (word) => (counts.has(word) ? Math.log(1 + found.length / counts.get(word)) : 0);
    return { found, weight: (set) => [...set].reduce((sum, word) => sum + rare(word) ** 2, 0) };
  }

  /** Return the headings that are like a query, as results in the form of Sphinx. */
  function alike(query) {
    const { found, weight } = headings;
    const asked = words(query), all = weight(asked), single = !/\s/.test(query.trim());
    const { least, starts, worth } = single ? ONE : MORE;
    const { docnames, titles, filenames } = Search._index;
    const results = [];
    for (const { title, file, id, words: told } of found) {
      const both = [...told].filter((word) => asked.has(word));
      const likeness = (weight(both) / all) ** ASKED * (weight(both) / weight(told)) ** (1 - ASKED);
      if (!(likeness >= least) || (!single && both.length < 2)) continue;
      const whole = titles[file] === title ? title : `${titles[file]} > ${title}`;
      const section = docnames[file].startsWith("reference/") ? ALIKE : 0;
      const score = starts + worth * likeness + (id ? section : PAGE);
      results.push([docnames[file], whole, id ? `#${id}` : "", null, score, filenames[file], "title"]);
    }
    return results;
  }

  /** Tell whether a word is on any page, or in a word that is. */
  function occurs(word) {
    const { terms, titleterms } = Search._index;
    if (Object.hasOwn(terms, word) || Object.hasOwn(titleterms, word)) return true;
    return word.length > 2 && Object.keys(terms).some((term) => term.includes(word));
  }

  const search = Search._performSearch;
  Search._performSearch = (query, searched, ...rest) => {
    headings = headings || read(Search._index);
    const known = new Set([...searched].filter(occurs));
    const results = known.size ? search(query, known, ...rest) : [];
    const place = (result) => result[0] + result[2];
    const like = alike(query).map((result) => [...result.slice(0, 4), Scorer.score(result), ...result.slice(5)]);
    const better = new Map(like.map((result) => [place(result), result]));
    const others = results.filter((result) => !better.has(place(result)));
    return [...others, ...better.values()].sort((a, b) => a[4] - b[4]);
  };
})();
