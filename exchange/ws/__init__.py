"""The native protocol bb/1: a Sans-I/O connection, channels, and the socket adapter."""
