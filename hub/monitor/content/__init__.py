"""What the picture shows and the sound holds: frozen, black, covered, blurred, silent (``docs/design/content.md``)."""
