"""What apply would do and why, as values: pure, so that a plan can be kept, shown, compared and carried out later."""
