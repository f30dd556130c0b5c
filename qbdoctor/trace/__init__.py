"""Shows what a client does, seen from a proxy in front of its server (``qbdoctor trace``).

``facts`` is what is kept of an exchange (no secret), ``notebook`` makes it, ``conversations`` tells clients apart,
``judge`` finds causes (pure, so that a saved trace is judged again), ``proxy`` alone does I/O and needs aiohttp.
"""
