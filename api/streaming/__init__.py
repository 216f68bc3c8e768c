"""Operations whose answers go on: over WebSocket and server-sent events, with catch-up."""
