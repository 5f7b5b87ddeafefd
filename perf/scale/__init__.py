"""What `python -m perf.curation` measures, a file per table: stages, engines, the usual way, a million rows."""
