"""Readable Python model of the state machine; the oracle of the C++ core."""
