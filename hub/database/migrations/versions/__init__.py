"""One file a step, each once and for ever: a step that has left the house is never changed."""
