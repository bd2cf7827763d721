"""What a call gives, and what is wrong with it: told from shapes, dtypes and flags."""
