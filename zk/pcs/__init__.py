"""Stacked multilinear commitment opened with WHIR."""
