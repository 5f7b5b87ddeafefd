"""Statistics of scores: exact Frechet distances and KID of sets, and intervals that mean what they say."""
