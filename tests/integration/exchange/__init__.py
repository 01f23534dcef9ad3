"""Tests of the exchange service with real sockets, processes and files."""
