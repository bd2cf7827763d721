/* The calculator: what a spec says of the values in a form.

   The rules are in a file that is made from the spec while the site is built; it calls `add`.
   Values are those of Python: 0 and 1 for flags, null for None. */
"use strict";

const mhadocCalculator = (() => {
  const specs = {};

  // Values

  const ZERO = { type: "NoneType", value: null };

  /** Read a literal of Python; undefined where it is none. */
  function literal(text) {
    const plain = text.trim();
    if (plain === "" || plain === "None") return ZERO;
    if (plain === "True" || plain === "False") return { type: "bool", value: +(plain === "True") };
    if (/^[+-]?\d+(_\d+)*$/.test(plain)) return { type: "int", value: Number(plain.replace(/_/g, "")) };
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return { type: "float", value: Number(plain) };
    const product = plain.match(/^\d+(\s*\*\s*\d+)+$/);
    if (product) return { type: "int", value: plain.split("*").reduce((a, b) => a * Number(b), 1) };
    const quoted = plain.match(/^(["'])([^"'\\]*)\1$/);
    return quoted ? { type: "str", value: quoted[2] } : undefined;
  }

  /** Read what stands in a field; what is no literal is a text. */
  function read(field, text) {
    if (field.kind === "choice") return { type: "choice", value: text };
    return literal(text) || { type: "str", value: text };
  }

  /** Return a value as Python prints it. */
  function shown({ type, value }) {
    if (type === "NoneType") return "None";
    if (type === "bool") return value ? "True" : "False";
    if (type === "float" && Number.isInteger(value)) return `${value}.0`;
    return String(value);
  }

  /** Fill the places of a template: {name} is a value, {type_name} its type. */
  function filled(template, literals) {
    return template.replace(/\{(\w+)\}/g, (place, name) => {
      if (name in literals) return shown(literals[name]);
      const of = literals[name.replace(/^type_/, "")];
      if (of) return of.type;
      return name === "divisors" && literals.embed_dim ? divisors(literals.embed_dim.value) : place;
    });
  }

  function divisors(width) {
    if (!(width > 0 && width <= 1 << 20)) return "a divisor of embed_dim";
    const found = [];
    for (let n = 1; n <= width; n += 1) if (width % n === 0) found.push(n);
    return found.join(", ");
  }

  // Rules

  /** Return what is wrong with what was typed, whatever the rules say. */
  function misread(field, { type, value }, required) {
    if (type === "NoneType") return required ? "type a value: there is no default" : "";
    if (field.kind === "int" && type !== "int") return "type a whole number";
    if (field.kind === "number" && type !== "int" && type !== "float") return "type a number";
    if (field.part === "sizes" && value < 0) return "a size is at least 0";
    return "";
  }

  function met(demand, literals, values) {
    const { accepts, about, holds, unless } = demand;
    const accepted = !accepts || about.every((name) => accepts[literals[name].type] !== false);
    return (accepted && Boolean(holds(values))) || Boolean(unless(values));
  }

  /** Return what the fields hold: the literals as they were given, and the values of symbols. */
  function bound(spec, state) {
    const literals = {}, values = {};
    for (const field of spec.fields) literals[field.name] = read(field, state[field.name]);
    const full = { ...literals };
    for (const field of spec.fields) {
      if (field.empty && literals[field.name].type === "NoneType") full[field.name] = full[field.empty];
      values[field.name] = full[field.name].value;
    }
    for (const [name, value] of Object.entries(spec.derived)) values[name] = value(values);
    return { literals, full, values };
  }

  function chosen(spec, state, values) {
    const forced = {};
    for (const axis of spec.axes) {
      for (const [name, value] of Object.entries(axis.choices[state[axis.name]])) {
        values[name] = typeof value === "function" ? value(values) : value;
        if (name in state && name !== axis.name) forced[name] = values[name];
      }
    }
    return forced;
  }

  function broken(demands, { literals, full, values }) {
    return demands.filter((demand) => !met(demand, full, values)).map((demand) => ({
      id: demand.id,
      at: demand.at,
      text: `${filled(demand.demand, literals)}: ${filled(demand.hint, literals)}`,
      raises: `${demand.error}: ${filled(demand.message, literals)}`,
    }));
  }

  function unreadable(spec, { literals }, part) {
    const found = [];
    for (const field of spec.fields) {
      const text = misread(field, literals[field.name], spec.required.includes(field.name));
      if (text && (field.part === "constructor") === (part === "constructor")) {
        found.push({ id: "", at: field.name, text, raises: "" });
      }
    }
    return found;
  }

  /** Return the numbers that the constructor keeps as they are, and a call refuses or may ignore. */
  function outside(spec, { literals }) {
    const beyond = ({ name, limits }) =>
      limits && (literals[name].value < limits[0] || literals[name].value > limits[1]);
    return spec.fields.filter(beyond).map(({ name, limits }) => ({
      id: "", at: name, raises: "", text: limits[2],
    }));
  }

  function apart(spec, values) {
    return spec.together.filter((part) => !part.holds(values)).map(({ id, at, demand }) => ({
      id, at, text: `${demand}: choose another, or change the sizes`, raises: "",
    }));
  }

  function there(rules, values) {
    return rules.filter((rule) => rule.when(values)).map(({ name, id, shape, axes }) => ({
      name, id, shape, sizes: axes && axes.map((axis) => axis(values)),
    }));
  }

  const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

  /** Return all that a spec says of these values: texts and labels by the fields' names. */
  function calculate(name, given) {
    const spec = specs[name];
    const state = Object.fromEntries(spec.fields.map((f) => [f.name, f.start]));
    Object.assign(state, given);
    const known = bound(spec, state);
    const rules = broken(spec.requirements, known);
    const at = new Set(rules.map((problem) => problem.at));
    const build = [...rules, ...unreadable(spec, known, "constructor").filter((p) => !at.has(p.at))];
    if (build.length) return { build, call: [], forced: {}, parameters: [], inputs: [], outputs: [] };
    const forced = chosen(spec, state, known.values);
    const { values } = known;
    const parameters = there(spec.parameters, values);
    const call = [...unreadable(spec, known, "call"), ...outside(spec, known), ...apart(spec, values), ...broken(spec.demands, known)];
    return {
      build, call, forced, parameters, line: line(spec, known.literals),
      count: parameters.reduce((sum, rule) => sum + product(rule.sizes), 0),
      inputs: there(spec.inputs, values),
      outputs: call.length ? [] : there(spec.outputs, values),
      steps: call.length ? [] : spec.steps.map((axes) => axes.map((axis) => axis(values))),
      flops: call.length || !spec.flops ? undefined : spec.flops(values),
      slow: spec.fast.filter((condition) => !condition.holds(values)),
      derived: Object.fromEntries(Object.keys(spec.derived).map((symbol) => [symbol, values[symbol]])),
    };
  }

  /** Return the constructor's line: what has its default is left out. */
  function line(spec, literals) {
    const parts = [];
    for (const field of spec.fields.filter(({ part }) => part === "constructor")) {
      const text = field.kind === "choice" ? source(literals[field.name].value) : shown(literals[field.name]);
      if (spec.required.includes(field.name)) parts.push(text);
      else if (text !== shown(read(field, field.plain))) parts.push(`${field.name}=${text}`);
    }
    return `${spec.path.replace(/^torch\./, "")}(${parts.join(", ")})`;
  }

  const source = (choice) => (/^(None$|torch\.)/.test(choice) ? choice : `"${choice}"`);

  // A constructor's line, as somebody pastes it

  /** Split text at commas that are in no brackets and no quotes, up to the closing bracket. */
  function split(text) {
    const parts = [""];
    let depth = 0, quote = "";
    for (const letter of text) {
      if (quote) quote = letter === quote ? "" : quote;
      else if (letter === '"' || letter === "'") quote = letter;
      else if ("([{".includes(letter)) depth += 1;
      else if (")]}".includes(letter) && depth === 0) return parts.filter((part) => part.trim());
      else if (")]}".includes(letter)) depth -= 1;
      if (letter === "," && depth === 0 && !quote) parts.push("");
      else parts[parts.length - 1] += letter;
    }
    return parts.filter((part) => part.trim());
  }

  /** Return what a line sets, and what in it cannot be read. */
  function parse(name, text) {
    const { fields } = specs[name];
    const arguments_ = fields.filter(({ part }) => part === "constructor");
    const opened = text.replace(/#[^\n]*/g, "").split(`${name}(`)[1];
    if (opened === undefined) return { state: {}, problems: [`no ${name}( in this line`] };
    const state = Object.fromEntries(arguments_.map((field) => [field.name, field.plain]));
    const problems = [];
    split(opened).forEach((part, place) => {
      const named = part.match(/^\s*(\w+)\s*=(?!=)([^]*)$/);
      const field = named ? arguments_.find((each) => each.name === named[1]) : arguments_[place];
      const value = (named ? named[2] : part).trim();
      const problem = field ? set(state, field, value) : `there is no argument ${part.trim()}`;
      if (problem) problems.push(problem);
    });
    return { state, problems };
  }

  /** Set a field to what a line gives it; return what is wrong with that. */
  function set(state, field, value) {
    const found = literal(value);
    if (field.kind === "choice") {
      const choice = found && found.type === "str" ? found.value : value;
      if (!field.choices.includes(choice)) return `${field.name}=${value} cannot be chosen here`;
      state[field.name] = choice;
    } else if (field.kind === "flag") {
      if (!found) return `${field.name}=${value} is a name: choose it below`;
      state[field.name] = found.value ? "True" : "False";
    } else {
      if (!found) return `${field.name}=${value} is a name: type its number below`;
      state[field.name] = found.type === "NoneType" ? "" : shown(found);
    }
    return "";
  }

  // The address

  function address(name, state) {
    const query = new URLSearchParams();
    for (const field of specs[name].fields) {
      if (field.start !== field.plain || state[field.name] !== field.plain) query.set(field.name, state[field.name]);
    }
    return `#${query}`;
  }

  /** Return what an address sets; what no field can hold is left out. */
  function addressed(name, hash) {
    const state = {};
    const query = new URLSearchParams(hash.replace(/^#/, ""));
    for (const { name: field, kind, choices } of specs[name].fields) {
      const value = query.get(field);
      const allowed = kind === "flag" ? ["True", "False"] : choices;
      if (value !== null && (!allowed.length || allowed.includes(value))) state[field] = value;
    }
    return state;
  }

  return {
    add(spec) { specs[spec.name] = spec; },
    spec: (name) => specs[name],
    calculate, parse, address, addressed,
  };
})();
