"""Index prices: sources and the feeder."""
