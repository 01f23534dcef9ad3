"""Sub-commands of `blindbook` that belong to the proof system."""
