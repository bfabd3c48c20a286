"""Recorder hub (执法记录中枢): live enforcement recordings, kept as evidence."""

__version__ = "0.2.0"
