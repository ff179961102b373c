"""Games whose course is known, and what the field's quantities are exactly."""
