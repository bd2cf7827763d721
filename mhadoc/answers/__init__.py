"""What a user asks: predictions and explanations, all derived from the specs."""
