"""Chips as Python expressions: columns, constraints, bus interactions."""
