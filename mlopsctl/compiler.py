"""Load, check, lower, check: the whole flow on one screen."""
