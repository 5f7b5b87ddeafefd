from perception.seeded import METHOD, seeded_sha256, seeded_state  # noqa: F401 - moved: import from perception.seeded
