"""How a statement is shown: cases, observations of the real torch, and the report."""
