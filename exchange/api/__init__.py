"""HTTP routes beside the socket."""
