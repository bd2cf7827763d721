/* The calculator's form: it shows what calculator.js works out, and keeps it in the address. */
"use strict";

(() => {
  const NUMBERS = new Intl.NumberFormat("en-US");
  const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

  function element(tag, text, attributes = {}) {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    // A sentence has code between backticks.
    String(text).split("`").forEach((part, place) => {
      if (place % 2) found.append(element("code", part));
      else found.append(part);
    });
    return found;
  }

  const tuple = (sizes) => (sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`);

  function memory(bytes) {
    let size = bytes, unit = 0;
    for (; size >= 1024 && unit < UNITS.length - 1; unit += 1) size /= 1024;
    return unit ? `${size.toPrecision(3)} ${UNITS[unit]}` : `${bytes} bytes`;
  }

  function capital(text) {
    return /^[a-z]/.test(text) && !/^\w*_/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  }

  class Form {
    constructor(form) {
      this.form = form;
      this.name = form.dataset.spec;
      this.spec = mhadocCalculator.spec(this.name);
      this.links = JSON.parse(form.dataset.links);
      form.addEventListener("input", (event) => this.changed(event));
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("reset", (event) => this.emptied(event));
      this.find("copy").addEventListener("click", () => this.copy());
      window.addEventListener("hashchange", () => this.arrived());
      this.arrived();
    }

    find(part) { return this.form.querySelector(`[data-part="${part}"]`); }
    control(name) { return this.form.elements.namedItem(name); }

    arrived() {
      const found = mhadocCalculator.addressed(this.name, window.location.hash);
      const start = Object.fromEntries(this.spec.fields.map((f) => [f.name, f.start]));
      this.fill(Object.keys(found).length ? { ...start, ...found } : start);
      this.show();
    }

    emptied(event) {
      event.preventDefault();
      this.find("paste").value = "";
      this.tell("");
      this.fill(Object.fromEntries(this.spec.fields.map((f) => [f.name, f.start])));
      this.show();
      this.keep();
    }

    changed(event) {
      if (event.target === this.find("paste")) this.pasted(event.target.value);
      this.show();
      this.keep();
    }

    pasted(text) {
      const { state, problems } = mhadocCalculator.parse(this.name, text);
      this.fill(state);
      this.tell(text.trim() ? problems.join("; ") : "");
    }

    tell(text) { this.find("paste-error").textContent = text; }

    fill(state) {
      for (const [name, value] of Object.entries(state)) {
        const control = this.control(name);
        if (control.type === "checkbox") control.checked = value === "True";
        else control.value = value;
      }
    }

    state() {
      return Object.fromEntries(this.spec.fields.map(({ name }) => {
        const control = this.control(name);
        return [name, control.type === "checkbox" ? (control.checked ? "True" : "False") : control.value];
      }));
    }

    keep() {
      window.history.replaceState(null, "", mhadocCalculator.address(this.name, this.state()));
    }

    show() {
      const found = mhadocCalculator.calculate(this.name, this.state());
      this.problems([...found.build, ...found.call]);
      this.force(found.forced);
      this.find("verdict").replaceChildren(...this.verdict(found));
      for (const part of ["results", "copied-line"]) this.find(part).hidden = found.build.length > 0;
      if (found.build.length) return;
      this.find("line").textContent = found.line;
      this.way(found.steps);
      this.rows("parameters", found.parameters, true);
      this.rows("inputs", found.inputs);
      this.rows("outputs", found.outputs);
      this.find("outputs").closest("table").hidden = found.call.length > 0;
      this.facts(found);
    }

    problems(found) {
      for (const { name } of this.spec.fields) {
        const control = this.control(name);
        const here = found.filter((problem) => problem.at === name);
        this.find(`error-${name}`).replaceChildren(...here.map(({ text }) => element("span", capital(text) + ". ")));
        if (here.length) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
      }
    }

    /** What another choice decides cannot be set. */
    force(forced) {
      for (const { name, kind } of this.spec.fields) {
        if (kind !== "int") continue;
        const control = this.control(name);
        control.readOnly = name in forced;
        if (name in forced && control.value !== String(forced[name])) control.value = forced[name];
      }
    }

    verdict({ build, call, count, outputs }) {
      const [first] = [...build, ...call];
      if (!first) {
        const shapes = outputs.map((rule) => `${rule.name} ${rule.sizes ? `\`${tuple(rule.sizes)}\`` : "None"}`);
        return [element("p", `${NUMBERS.format(count)} parameters. A call returns ${shapes.join(" and ")}.`)];
      }
      const what = build.length ? "These arguments" : "This call";
      const words = first.raises ? `${what}: torch raises \`${first.raises}\`` : `${what}: ${first.at}: ${first.text}`;
      return [element("p", `${words}.`.replace(/\.(`?)\.$/, ".$1"), { class: "mhadoc-broken" })];
    }

    rows(part, rules, counted = false) {
      this.find(part).replaceChildren(...rules.map((rule) => {
        const row = element("tr", ""), name = element("th", "", { scope: "row" });
        const link = this.links[rule.id];
        name.append(link ? element("a", `\`${rule.name}\``, { href: link }) : element("code", rule.name));
        row.append(name, element("td", rule.shape ? `\`${rule.shape}\`` : ""));
        row.append(element("td", rule.sizes ? `\`${tuple(rule.sizes)}\`` : "`None`"));
        if (counted) row.append(element("td", NUMBERS.format(rule.sizes.reduce((a, b) => a * b, 1))));
        return row;
      }));
    }

    /** Write the sizes into the picture of the way through a call, where the page has one. */
    way(steps) {
      const shown = document.querySelectorAll(`[data-way="${this.name}"] [data-made]`);
      steps.forEach((sizes, place) => { if (shown[place]) this.write(shown[place], tuple(sizes)); });
    }

    /** Write a shape into its box: on two lines, or closer, where it is wider than the box. */
    write(text, shape) {
      const room = Number(text.dataset.room), x = text.getAttribute("x");
      for (const name of ["textLength", "lengthAdjust"]) text.removeAttribute(name);
      text.textContent = shape;
      if (shape.length <= room) return;
      const sizes = shape.split(", "), half = Math.ceil(sizes.length / 2);
      const lines = [`${sizes.slice(0, half).join(", ")}, `, sizes.slice(half).join(", ")];
      text.replaceChildren(...lines.map((line, place) => {
        const span = document.createElementNS("http://www.w3.org/2000/svg", "tspan");
        const long = line.trim().length > room;
        const at = { x, dy: place ? 13 : -6, ...(long ? { textLength: room * 6.95, lengthAdjust: "spacingAndGlyphs" } : {}) };
        for (const [name, value] of Object.entries(at)) span.setAttribute(name, value);
        span.textContent = line;
        return span;
      }));
    }

    facts({ count, flops, slow, derived, call }) {
      const facts = [
        ["parameters", NUMBERS.format(count)],
        ["memory in float32", memory(4 * count)],
        ["memory in bfloat16", memory(2 * count)],
        ...Object.entries(derived).map(([name, value]) => [`\`${name}\``, value]),
      ];
      if (flops !== undefined) facts.push(["FLOPs of one forward", NUMBERS.format(flops)]);
      if (!call.length && !slow.length) facts.push(["fast path", "taken, where nothing unusual surrounds the call"]);
      if (!call.length && slow.length) facts.push(["fast path", `not taken. It would need that ${slow.map((each) => each.demand).join("; ")}`]);
      this.find("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
    }

    async copy() {
      await navigator.clipboard.writeText(this.find("line").textContent);
      this.find("copied").textContent = "copied";
      window.setTimeout(() => { this.find("copied").textContent = ""; }, 2000);
    }
  }

  for (const form of document.querySelectorAll("form[data-spec]")) new Form(form);
})();
