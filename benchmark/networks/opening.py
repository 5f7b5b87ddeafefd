from perception.opening import accelerator, opened, parameters  # noqa: F401 - moved: import from perception.opening
