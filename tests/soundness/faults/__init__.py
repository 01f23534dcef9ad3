"""Lies of the executor: traces that fit a false history as well as can be, and what refuses them. cases.py has the table."""
