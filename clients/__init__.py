"""Software of users: SDK, bots, replay. Imports nothing of the server."""
