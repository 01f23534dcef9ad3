"""Benchmarks of the matching core and the recordings that they replay."""
