"""Makes datasets: stages that measure one source at a time, engines that run them, and the whole run."""
