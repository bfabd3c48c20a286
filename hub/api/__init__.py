"""The HTTP and WebSocket faces: thin, no logic of their own."""
