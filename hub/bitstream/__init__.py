"""What must be read inside coded media: parameter sets, slice headers, audio configurations. Pure.

Ingest reads them for decode times, the segmenter for what an init segment says. Every reader raises MediaError alone.
"""
