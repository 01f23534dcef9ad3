"""The perpetuals state machine: C++ core, bindings, readable model."""
