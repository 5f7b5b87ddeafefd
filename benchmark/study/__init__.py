"""A rater study: made blind and balanced, answered in a browser, scored into a bundle that computes itself again."""
