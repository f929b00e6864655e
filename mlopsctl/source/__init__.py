"""From text to values, with a span for every key and every value."""
