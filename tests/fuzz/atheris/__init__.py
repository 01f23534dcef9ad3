"""Coverage-guided fuzzing of the same targets with atheris (libFuzzer)."""
