"""Commands of the command line that belong to the exchange."""
