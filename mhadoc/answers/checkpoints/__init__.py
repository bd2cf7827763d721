"""What a checkpoint says: the arguments behind its keys and shapes, and why it does not load."""
