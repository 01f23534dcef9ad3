"""The demo: a local chain, the exchange, traders over WebSockets, proofs, settlement, attacks, on one screen.

The only package that sees both the server's and the users' side; it uses nothing that they do not offer to everybody.
"""
