"""Chips that the guest calls."""
