"""The service around the matching core: sockets, sequencer, journal, batches, settlement."""
