"""Surveys what the HTTP clients of this machine do with the session cookie (``qbdoctor clients``).

``probes`` are the programs, each run in a process of its own; ``lab`` gives them a server; ``survey`` runs them and
says why a cookie is dropped and which line mends it.
"""
