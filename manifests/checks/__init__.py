"""The checks of `moee manifest validate`, one file per question."""
