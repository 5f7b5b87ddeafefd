"""The leaderboard: a static site of bundles, with ranks, reported numbers, opinion scores, plots and videos."""
