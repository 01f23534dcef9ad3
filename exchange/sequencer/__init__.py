"""The single writer: admission, time, engine, events."""
