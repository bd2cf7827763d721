"""What is promised about speed, each next to its peer in one run: ``make bench``."""
