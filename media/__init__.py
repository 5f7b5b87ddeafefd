"""Media: probe a file, decode it once for many consumers, hear a span, cut a span exactly."""
