"""Tests of the exchange service."""
