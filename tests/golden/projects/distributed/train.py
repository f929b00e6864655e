"""Nothing that is run."""
