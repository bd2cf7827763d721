"""A calculator: a form for a spec's arguments, and the spec's rules in JavaScript beside it."""
