"""Holds what is false at run time, as typing's own is, which takes 3 ms to load: a tenth of what a small command may take."""

TYPE_CHECKING = False
