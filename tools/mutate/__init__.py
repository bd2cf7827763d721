"""Break the project's own code on purpose, a little at a time, and count which breaks are noticed.

Run ``make mutate``, or ``make mutate SEED=2 SAMPLE=100`` for another and a larger sample of each
room. cosmic-ray makes the mutants; each is tried in a copy of the project, by the tests of its room
alone. The status is 1 where fewer than 85 % of a room's mutants are noticed.
"""
