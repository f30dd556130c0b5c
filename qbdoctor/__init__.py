"""Finds out why qBittorrent's Web UI API answers 401 or 403, proves it, and mends it reversibly.

This package imports nothing, so that ``--version`` stays quick. The one Python interface kept stable is
:mod:`qbdoctor.api`.
"""

__version__ = "0.2.0"
