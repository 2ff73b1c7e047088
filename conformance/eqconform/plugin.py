"""The pytest plugin: inert unless `--impl` is given."""
